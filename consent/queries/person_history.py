"""Who saw a person's data, who got them, and everything that happened, newest first (C3). Opens nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Max, Min
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _

from audit.models import ActorType, AuditLog, Outcome
from consent.models import (
    ConsentEvent,
    DataRequest,
    DataSubject,
    Decision,
    ExportPackage,
    Guardianship,
    LegalHold,
    Restriction,
)
from consent.policy import Action, Purpose
from consent.queries.trail import staff_roles
from consent.queries.trail_words import SEEING, action_word, fields_told, purpose_word

MOST = 100


@dataclass(frozen=True)
class Access:
    """How often a role saw the same fields on one day: as the person is told it, without the name of anybody."""

    day: date
    role: str
    did: str
    purpose: str
    fields: str
    count: int


def accesses(subject: DataSubject, zone: ZoneInfo) -> list[Access]:
    """At most 100, newest first. Programs of ours are no people. Two queries."""
    if subject.pseudonym is None:
        return []
    rows = AuditLog.objects.filter(subject=subject.pseudonym, action__in=SEEING, outcome=Outcome.OK)
    keys = ("day", "actor_type", "actor_id", "action", "purpose", "fields", "object_type")
    found = rows.exclude(actor_type=ActorType.SYSTEM).annotate(day=TruncDate("timestamp", tzinfo=zone)).order_by()
    seen = list(found.values(*keys).annotate(n=Count("id"), last=Max("timestamp")).order_by("-day", "-last")[:MOST])
    roles = staff_roles(subject.clinic_id) if seen else {}
    return [
        Access(
            row["day"],
            roles.get(row["actor_id"] or 0, _("staff")) if row["actor_type"] == ActorType.STAFF
            else str(ActorType(row["actor_type"]).label),
            action_word(row["action"]), purpose_word(row["purpose"]),
            ", ".join(fields_told(row["fields"], row["object_type"])), row["n"],
        )
        for row in seen
    ]  # fmt: skip


@dataclass(frozen=True)
class Use:
    """What the gate let through: to whom it went is the connection's CRM, by chat, or a language model."""

    what: str
    purpose: str
    base: str
    first: datetime
    last: datetime
    count: int


def uses(subject: DataSubject) -> list[Use]:
    """Everything that was allowed to leave Ponte, summed up. One query."""
    keys = ("action", "purpose", "base")
    rows = Decision.objects.filter(
        subject=subject, allowed=True, action__in=[Action.PUSH, Action.SEND, Action.MODEL]
    ).values(*keys)
    summed = rows.annotate(n=Count("pk"), first=Min("decided_at"), last=Max("decided_at")).order_by(*keys)
    return [
        Use(
            str(Action(row["action"]).label), str(Purpose(row["purpose"]).label), row["base"], row["first"], row["last"],
            row["n"],
        )
        for row in summed
    ]  # fmt: skip


# The line of time -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happened:
    at: datetime
    what: str
    about: str = ""


Teller = Callable[[DataSubject], Iterator[Happened]]
_tellers: list[Teller] = []


def register_history(teller: Teller) -> None:
    """An app brings what it knows of a person's past, at most 100 entries; it may cost two queries. Call in `ready()`."""
    if teller not in _tellers:
        _tellers.append(teller)


def history(subject: DataSubject) -> list[Happened]:
    """Newest first, at most 100."""
    told = [one for teller in (*OWN, *_tellers) for one in teller(subject)]
    return sorted(told, key=lambda one: one.at, reverse=True)[:MOST]


def _person(subject: DataSubject) -> Iterator[Happened]:
    yield Happened(subject.created_at, _("first known to Ponte"))
    if subject.erased_at:
        yield Happened(subject.erased_at, _("erased"))


def _consents(subject: DataSubject) -> Iterator[Happened]:
    for row in ConsentEvent.objects.filter(subject=subject).order_by("-recorded_at")[:MOST]:
        yield Happened(row.recorded_at, _("consent"), f"{row.get_consent_type_display()}: {row.get_state_display()}")


def _restrictions(subject: DataSubject) -> Iterator[Happened]:
    for row in Restriction.objects.filter(subject=subject).order_by("-began_at")[:MOST]:
        about = str(Purpose(row.purpose).label) if row.purpose else str(row.get_reason_display())
        yield Happened(row.began_at, str(row.get_kind_display()), about)
        if row.ended_at:
            yield Happened(row.ended_at, _("%(what)s ended") % {"what": row.get_kind_display()}, about)


def _holds(subject: DataSubject) -> Iterator[Happened]:
    for row in LegalHold.objects.filter(subject=subject).order_by("-placed_at")[:MOST]:
        about = f"{row.get_scope_display()} · {row.get_reason_display()}"
        yield Happened(row.placed_at, _("legal hold placed"), about)
        if row.released_at:
            yield Happened(row.released_at, _("legal hold released"), about)


def _guardians(subject: DataSubject) -> Iterator[Happened]:
    for row in Guardianship.objects.filter(minor=subject).order_by("-verified_at")[:MOST]:
        yield Happened(row.verified_at, _("guardian verified"), str(row.get_relation_display()))
        if row.ended_at:
            yield Happened(row.ended_at, _("guardianship ended"), str(row.get_relation_display()))


def _requests(subject: DataSubject) -> Iterator[Happened]:
    rows = DataRequest.objects.filter(subject=subject).order_by("-received_at").prefetch_related("items")
    for row in rows[:MOST]:
        yield Happened(row.received_at, _("request received"), _rights(row))
        for item in row.items.all():
            if item.sent_at:
                yield Happened(item.sent_at, _("request answered"), f"{row.protocol} · {item.get_right_display()}")


def _rights(row: DataRequest) -> str:
    return f"{row.protocol} · {', '.join(str(item.get_right_display()) for item in row.items.all())}"


def _exports(subject: DataSubject) -> Iterator[Happened]:
    rows: Any = ExportPackage.objects.filter(subject=subject).order_by(F("created_at").desc())
    for row in rows[:MOST]:
        yield Happened(row.created_at, _("copy of the data asked for"), row.protocol)
        if row.delivered_at:
            yield Happened(row.delivered_at, _("copy of the data handed over"), row.protocol)


OWN: tuple[Teller, ...] = (_person, _consents, _restrictions, _holds, _guardians, _requests, _exports)
