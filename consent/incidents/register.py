"""Entering an incident and everything that is said about it: one entry each, in a chain that nobody can change unseen."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import models, transaction
from django.db.models import Max
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import AuditLog
from consent import refusals
from consent.encryption import Actor, seal_system
from consent.holds.notes import note, permit
from consent.incidents.facts import Facts, Report, Telling, names_somebody
from consent.incidents.periods import CURRENT_CALENDAR, CURRENT_PERIODS
from consent.incidents.timers import is_settled
from consent.models import Clinic, Incident, IncidentEntry, User
from consent.requests.filing import regime_of

Kind, Outcome, Source = IncidentEntry.Kind, Incident.Outcome, Incident.Source
OBJECT = "consent.Incident"
PREFIX = b"ponte.incident.v1\n"


TEXTS: dict[str, str | Promise] = {
    "known_in_future": _("It cannot be known before it is known: this lies in the future."),
    "description": _("Say what happened."),
    "names_somebody": _("No telephone, e-mail address or CPF belongs in the register: describe without them."),
    "reason": _("Give the reason."),
    "closed": _("The incident is closed: its history stays as it is."),
    "not_decided": _("First decide whether it is reported."),
    "proof": _("Give the receipt of the sending and the document that was sent."),
    "before_knowledge": _("Nothing was told before it was known, nor in the future."),
    "timers_open": _("Something still has to be told, or decided."),
    "outcome": _("This end does not fit what was decided and told."),
    "day": _("The day lies in the future."),
}


class Refused(refusals.Refused):
    """Of the register of incidents."""

    texts = TEXTS


# Entering -------------------------------------------------------------------------------------------------------------


def open_incident(
    clinic: Clinic, facts: Facts, *, known_at: datetime, source: str, by: User, now: datetime,
    verification_id: int | None = None,
) -> Incident:  # fmt: skip
    """Enter an incident; its clocks run from `known_at`. Raises Refused of this package or of `permit`."""
    permit("incident.open", by, clinic.pk)
    if known_at > now:
        raise Refused("known_in_future")
    refuse_unusable(facts, now)
    with transaction.atomic():
        Clinic.objects.select_for_update(of=("self",)).get(pk=clinic.pk)
        last = Incident.objects.filter(clinic=clinic).aggregate(last=Max("number"))["last"] or 0
        incident = Incident.objects.create(
            clinic=clinic, number=last + 1, known_at=known_at, source=Source(source), verification_id=verification_id,
            regime=regime_of(clinic), rules_version=CURRENT_PERIODS, calendar_version=CURRENT_CALENDAR, entered_at=now,
            entered_by=by,
        )  # fmt: skip
        _append(incident, Kind.OPENED, "incident.open", facts=facts, by=by, now=now)
    return incident


def change(incident: Incident, facts: Facts, *, by: User, now: datetime) -> IncidentEntry:
    """Complete or correct what is known; what stood there before stays in the history. Raises Refused."""
    refuse_unusable(facts, now)
    return _act(incident, Kind.CHANGED, "incident.change", facts=facts, by=by, now=now)


def refuse_unusable(facts: Facts, now: datetime) -> None:
    if not facts.description.strip():
        raise Refused("description")
    if facts.occurred_on and date.fromisoformat(facts.occurred_on) > now.date():
        raise Refused("day")
    if names_somebody(facts):
        raise Refused("names_somebody")


# Deciding, telling, closing -------------------------------------------------------------------------------------------


def decide(incident: Incident, *, report: bool, reason: str, by: User, now: datetime) -> IncidentEntry:
    """Whether the authority and the people are told; a no needs its reason. Raises Refused."""
    if not report and not reason.strip():
        raise Refused("reason")
    _refuse_contact(reason)
    details = {"report": report, "reason": reason.strip()}
    return _act(incident, Kind.DECIDED, "incident.decide", details=details, by=by, now=now)


@dataclass(frozen=True)
class ToAuthority:
    """A communication to the ANPD: complete, preliminary, complement or statement (end of a public notice)."""

    report_type: str
    sent_at: datetime
    proof: str
    document_sha256: str
    process_number: str = ""


def told_authority(incident: Incident, sent: ToAuthority, *, by: User, now: datetime) -> IncidentEntry:
    """Raises Refused."""
    _refuse_unproved(incident, sent.sent_at, sent.proof, sent.document_sha256, now)
    details = {
        "report_type": Report(sent.report_type).value, "sent_at": _iso(sent.sent_at), "proof": sent.proof.strip(),
        "document_sha256": sent.document_sha256, "process_number": sent.process_number.strip(),
    }  # fmt: skip
    return _act(incident, Kind.TOLD_AUTHORITY, "incident.tell_authority", details=details, by=by, now=now)


@dataclass(frozen=True)
class ToPersons:
    """A communication to the people: `individual` to `people` of them one by one, or `public` on page, app, social media."""

    form: str
    channel: str
    sent_at: datetime
    proof: str
    document_sha256: str
    people: int | None = None


def told_persons(incident: Incident, sent: ToPersons, *, by: User, now: datetime) -> IncidentEntry:
    """Raises Refused."""
    _refuse_unproved(incident, sent.sent_at, sent.proof, sent.document_sha256, now)
    details = {
        "form": Telling(sent.form).value, "channel": sent.channel, "sent_at": _iso(sent.sent_at),
        "proof": sent.proof.strip(), "document_sha256": sent.document_sha256, "people": sent.people,
    }  # fmt: skip
    return _act(incident, Kind.TOLD_PERSONS, "incident.tell_persons", details=details, by=by, now=now)


def _refuse_unproved(incident: Incident, sent_at: datetime, proof: str, document_sha256: str, now: datetime) -> None:
    if not proof.strip() or len(document_sha256) != 64:
        raise Refused("proof")
    _refuse_contact(proof)
    if not incident.known_at <= sent_at <= now:
        raise Refused("before_knowledge")


def close(incident: Incident, *, outcome: str, reason: str, by: User, now: datetime) -> IncidentEntry:
    """Nothing runs any more: the history stays as it is. Raises Refused."""
    chosen = Outcome(outcome)
    if not reason.strip():
        raise Refused("reason")
    _refuse_contact(reason)
    with transaction.atomic():
        entries = list(_locked(incident).entries.all())
        if chosen != Outcome.NO_INCIDENT:
            _refuse_unsettled(incident, entries, chosen)
        details = {"outcome": chosen.value, "reason": reason.strip()}
        entry = _act(incident, Kind.CLOSED, "incident.close", details=details, by=by, now=now)
        Incident.objects.filter(pk=incident.pk).update(closed_at=now, outcome=chosen)
    incident.refresh_from_db()
    return entry


def _refuse_unsettled(incident: Incident, entries: Sequence[IncidentEntry], outcome: str) -> None:
    kinds = {entry.kind for entry in entries}
    if Kind.DECIDED not in kinds and Kind.TOLD_AUTHORITY not in kinds:
        raise Refused("not_decided")
    if not is_settled(incident, entries):
        raise Refused("timers_open")
    if (outcome == Outcome.REPORTED) != (Kind.TOLD_AUTHORITY in kinds):
        raise Refused("outcome")


def _refuse_contact(text: str) -> None:
    if names_somebody(Facts(description=text)):
        raise Refused("names_somebody")


# Entries --------------------------------------------------------------------------------------------------------------


def estimated(
    incident: Incident, facts: Facts, scope: dict[str, Any], affected: bytes, *, by: User, now: datetime
) -> IncidentEntry:
    """Keep an estimate: the numbers as facts, the list of pseudonyms sealed. Raises Refused."""
    return _act(
        incident, Kind.ESTIMATED, "incident.estimate", facts=facts, details=scope, affected=affected, by=by, now=now
    )


def facts_of(incident: Incident) -> Facts:
    """As known now."""
    newest = max(incident.entries.all(), key=lambda entry: entry.number)
    return Facts.read(newest.facts)


def _locked(incident: Incident) -> Incident:
    """Two acts on one incident follow each other."""
    fresh = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
    if fresh.closed_at is not None:
        raise Refused("closed")
    return fresh


def _act(incident: Incident, kind: str, action: str, *, by: User, now: datetime, **what: Any) -> IncidentEntry:
    permit(action, by, incident.clinic_id)
    with transaction.atomic():
        return _append(_locked(incident), kind, action, by=by, now=now, **what)


def _append(
    incident: Incident, kind: str, action: str, *, by: User, now: datetime, facts: Facts | None = None,
    details: dict[str, Any] | None = None, affected: bytes = b"",
) -> IncidentEntry:  # fmt: skip
    newest = incident.entries.order_by("-number").first()
    entry = IncidentEntry(
        incident=incident, number=newest.number + 1 if newest else 1, kind=Kind(kind),
        facts=facts.stored() if facts else newest.facts if newest else {}, details=dict(details or {}), at=now, by=by,
        previous_hash=newest.entry_hash if newest else "",
    )  # fmt: skip
    if affected:
        entry.details["affected_sha256"] = hashlib.sha256(affected).hexdigest()
        entry.affected = seal_system(affected, context=entry.affected_context)
    entry.entry_hash = hash_of(entry)
    entry.save(force_insert=True)
    note(action, Actor.staff(by), clinic_id=incident.clinic_id, row=incident, fields=(mark_of(entry),))
    return entry


# Tamper-evidence ------------------------------------------------------------------------------------------------------


def hash_of(entry: IncidentEntry) -> str:
    """Over everything the entry says; the sealed list is in it by the hash in `details`."""
    said = {
        "id": str(entry.pk), "incident": str(entry.incident_id), "number": entry.number, "kind": str(entry.kind),
        "facts": entry.facts, "details": entry.details, "at": _iso(entry.at), "by": entry.by_id,
        "previous": entry.previous_hash,
    }  # fmt: skip
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(PREFIX + text.encode()).hexdigest()


def mark_of(entry: IncidentEntry) -> str:
    """As the audit trail, which is sealed, keeps it: a chain that was computed anew does not fit it."""
    return f"entry.{entry.number}.{entry.entry_hash}"


def is_intact(incident: Incident, entries: Sequence[IncidentEntry]) -> bool:
    """Whether every entry is what was written, in this order, and none is missing. One query."""
    previous = ""
    for number, entry in enumerate(entries, 1):
        if (entry.number, entry.previous_hash, entry.entry_hash) != (number, previous, hash_of(entry)):
            return False
        previous = entry.entry_hash
    return written(incident) == {mark_of(entry) for entry in entries}


def written(incident: Incident) -> set[str]:
    """The marks in the trail; rows of the trail younger than the incident only, so that few partitions are read."""
    rows: models.QuerySet[AuditLog] = AuditLog.objects.filter(
        object_type=OBJECT, object_id=str(incident.pk), action__startswith="incident.", outcome="ok",
        timestamp__gte=incident.entered_at,
    )  # fmt: skip
    return {name for names in rows.values_list("fields", flat=True) for name in names if name.startswith("entry.")}


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")
