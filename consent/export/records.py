"""What Ponte itself knows about the person: record, consents, texts shown, uses, accesses, requests, decisions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.db.models import Count, Max, Min, Model, QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.models import ActorType, AuditLog
from consent.consents.receipts import ReceiptBroken, receipt
from consent.datamap import Export, FieldEntry, Processing, Recipient, entries, retention
from consent.datamap import Source as Origin
from consent.datamap.codes import base_name
from consent.encryption import Actor, RevealDenied, Undecryptable, open_for
from consent.export import own, rows
from consent.export.sources import Item, LeftOut, Reading, Record, Source
from consent.models import (
    ConsentEvent,
    ConsentRecord,
    ContactPoint,
    DataSubject,
    Decision,
    ExceptionalAccess,
    ExportPackage,
    Guardianship,
    LegalHold,
    Minority,
    Restriction,
    ServedText,
)
from consent.models.requests import DataRequest, IdentityCode, RepresentativeDocument, RequestItem, RequestStep
from consent.policy import Action, Purpose, PurposeOfUse
from consent.queries.trail import staff_roles
from consent.queries.trail_words import (
    SEEING,
    action_word,
    fields_told,
    object_word,
    outcome_word,
    purpose_word,
    reason_word,
)

PONTE = "Ponte"
CHUNK = 500


class OwnRecords:
    """The one source of this app. Its units are its streams."""

    name = "ponte"
    title = PONTE

    def version(self) -> str:
        return ""

    def units(self, reading: Reading) -> Sequence[str]:
        return list(READERS)

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        yield from READERS[unit](reading)

    def counts(self, reading: Reading) -> Mapping[str, int]:
        subject = reading.subject
        return {
            "contacts": ContactPoint.objects.filter(subject=subject).count(),
        }


def sources(subject: DataSubject) -> list[Source]:
    return [OwnRecords()]


def register() -> None:
    """Models whose handed-over columns need no words of their own."""
    for label, stream, model, lookup in (
        ("consent.ServedText", "consents", ServedText, "subject"),
        ("consent.ExceptionalAccess", "activities", ExceptionalAccess, "subject"),
        ("consent.Guardianship", "person", Guardianship, "minor"),
        ("consent.LegalHold", "person", LegalHold, "subject"),
        ("consent.Minority", "person", Minority, "subject"),
        ("consent.Restriction", "person", Restriction, "subject"),
        ("consent.ExportPackage", "requests", ExportPackage, "subject"),
        ("consent.IdentityCode", "requests", IdentityCode, "request__subject"),
        ("consent.RepresentativeDocument", "requests", RepresentativeDocument, "request__subject"),
    ):
        fixed = {"system": PONTE} if stream in {"person", "activities"} else {}
        rows.hand_over(label, stream, partial(_about, model, lookup), **fixed)
    for label in ("consent.ConsentEvent", "consent.DataRequest", "consent.RequestItem", "consent.RequestStep"):
        rows.handed_whole(label)


def _about(model: type[Model], lookup: str, subject: DataSubject) -> QuerySet[Any]:
    found: QuerySet[Any] = model._default_manager.filter(**{lookup: subject})
    # The package that is being made is no record about the person yet.
    return found.exclude(built_at=None) if model is ExportPackage else found


def _columns(reading: Reading) -> Iterator[Item]:
    for label in rows.registered("consent"):
        yield from rows.read(reading, label)


def _person(reading: Reading) -> Iterator[Item]:
    subject = reading.subject
    yield Record(
        "person",
        {
            "system": PONTE,
            "minor": subject.is_minor,
            "blocked_since": subject.blocked_at,
            "erased_at": subject.erased_at,
            "legal_hold": subject.has_hold,
            "opposed_purposes": [str(Purpose(one).label) for one in sorted(subject.opposed_purposes)],
            "first_seen": subject.created_at,
        },
    )


def _contacts(reading: Reading) -> Iterator[Item]:
    for row in own.rows(reading.subject):
        value = own.value(reading, row)
        if value is None:
            yield LeftOut("erased_value", "IMPOSSIBLE")
        about = {"kind": row.kind, "value": value, "shared": row.is_shared, "since": row.created_at}
        yield Record("contacts", {"system": PONTE, **about})


# Consents -------------------------------------------------------------------------------------------------------------


def _consents(reading: Reading) -> Iterator[Item]:
    events = ConsentEvent.objects.filter(subject=reading.subject).select_related("record", "text_version")
    known = {event.record_id for event in events if event.record_id}
    for event in events.order_by("recorded_at", "pk"):
        yield Record("consents", {**_act(event.record), **_event(event), "details": rows.details(reading, event)})
    acts = ConsentRecord.objects.filter(subject=reading.subject).exclude(pk__in=known)
    for act in acts.order_by("created_at", "pk"):
        yield Record("consents", _act(act))


def _act(act: ConsentRecord | None) -> dict[str, Any]:
    if act is None:
        return {}
    return {
        "purpose": act.consent_type,
        "state": act.status,
        "granted_at": act.granted_at,
        "withdrawn_at": act.withdrawn_at,
        "text_version": act.consent_version,
        "text_shown": act.consent_text,
        "recorded_at": act.created_at,
    }


def _event(event: ConsentEvent) -> dict[str, Any]:
    return {
        "purpose": event.consent_type,
        "state": event.state,
        "legal_base": event.base,
        "channel": event.channel,
        "valid_until": event.valid_until,
        "evidence": event.evidence_kind,
        "recorded_at": event.recorded_at,
    }


def _notices(reading: Reading) -> Iterator[Item]:
    """Each text once, as it was shown."""
    acts = ConsentRecord.objects.filter(subject=reading.subject).exclude(consent_text="")
    shown = acts.values_list("consent_type", "consent_version", "consent_text").distinct()
    for purpose, version, text in sorted(shown):
        title = f"{ConsentRecord.Type(purpose).label} · {version}"
        yield Record("notice", {"name": slugify(f"{purpose}-{version}"), "title": title, "text": text})


def _receipts(reading: Reading) -> Iterator[Item]:
    signed = ConsentEvent.objects.filter(subject=reading.subject, signature__isnull=False)
    for event in signed.select_related("record").order_by("recorded_at", "pk"):
        try:
            made = receipt(event)
        except ReceiptBroken:
            yield LeftOut("receipt", "IMPOSSIBLE")
            continue
        yield Record("receipt", {"name": str(event.pk), "receipt": made})


# Uses -----------------------------------------------------------------------------------------------------------------


def _processing(reading: Reading) -> Iterator[Item]:
    """The data map by category; what is about staff or about nobody does not appear."""
    by_category: dict[str, list[FieldEntry]] = defaultdict(list)
    for model in entries().values():
        for entry in model.fields.values():
            if entry.is_personal and entry.category != "R18" and entry.export != Export.EXCLUDE:
                by_category[entry.category].append(entry)
    for category, found in sorted(by_category.items()):
        yield Record("processing", _use(category, found))


def _use(category: str, found: Sequence[FieldEntry]) -> dict[str, Any]:
    rule = retention(category)
    return {
        "category": category,
        "purposes": _labels(Processing, {one for entry in found for one in entry.purposes}),
        "legal_bases": [base_name(code) for code in sorted({entry.base for entry in found if entry.base})],
        "origin": _labels(Origin, {entry.source for entry in found}),
        "criteria": str(rule.title),
        "retention": _kept(rule),
        "sensitive": any(entry.sensitive for entry in found),
        "recipients": _labels(Recipient, {one for entry in found for one in entry.recipients}),
    }


def _labels(words: Any, codes: set[Any]) -> list[str]:
    return [str(words(code).label) for code in sorted(codes)]


def _kept(rule: Any) -> str:
    least = _("at least %(time)s") % {"time": rule.minimum} if rule.minimum else ""
    most = _("at most %(time)s") % {"time": rule.maximum} if rule.maximum else _("reviewed by people")
    return " · ".join(one for one in (least, most, _("from: %(event)s") % {"event": rule.anchor.label}) if one)


# Who saw, who asked, what programs decided ----------------------------------------------------------------------------


def _accesses(reading: Reading) -> Iterator[Item]:
    """People only: role, unit, purpose and time, never a name (lgpd section 9). Programs of ours are not people."""
    subject = reading.subject
    if subject.pseudonym is None:
        return
    seen = AuditLog.objects.filter(subject=subject.pseudonym, action__in=SEEING, timestamp__lt=reading.now).exclude(
        actor_type=ActorType.SYSTEM
    )
    roles, unit = staff_roles(subject.clinic_id), subject.clinic.trade_name
    for row in seen.order_by("timestamp", "pk").iterator(chunk_size=CHUNK):
        is_staff = row.actor_type == ActorType.STAFF
        role = roles.get(row.actor_id or 0, _("staff")) if is_staff else str(ActorType(row.actor_type).label)
        yield Record(
            "accesses",
            {
                "at": row.timestamp,
                "role": role,
                "unit": unit,
                "act": action_word(row.action),
                "purpose": purpose_word(row.purpose),
                "fields": fields_told(row.fields, row.object_type),
                "object": object_word(row.object_type),
                "outcome": outcome_word(row.outcome),
                "reason": reason_word(row.reason_code),
            },
        )


def _requests(reading: Reading) -> Iterator[Item]:
    rows = DataRequest.objects.filter(subject=reading.subject).prefetch_related("items").order_by("received_at", "pk")
    for request in rows:
        items = sorted(request.items.all(), key=lambda item: item.right)
        open_items = [item for item in items if item.is_open]
        yield Record(
            "requests",
            {
                "protocol": request.protocol,
                "rights": [f"{item.right} {item.get_right_display()}" for item in items],
                "channel": str(request.get_channel_display()),
                "state": ", ".join(dict.fromkeys(str(item.get_state_display()) for item in items)),
                "received_at": request.received_at,
                "due_at": min((item.due_at for item in open_items or items), default=None),
                "closed_at": None
                if open_items
                else max((item.sent_at for item in items if item.sent_at), default=None),
                **_opened(request, items),
            },
        )
        yield from (
            Record("requests", {"protocol": request.protocol, "details": told}) for told in _steps(reading, items)
        )


def _steps(reading: Reading, items: Sequence[RequestItem]) -> Iterator[dict[str, Any]]:
    for item in items:
        for step in RequestStep.objects.filter(item=item).order_by("at", "pk"):
            yield rows.details(reading, step)


def _opened(request: DataRequest, items: Sequence[RequestItem]) -> dict[str, str]:
    """What was written and answered; the file of a request has a key of its own."""
    try:
        opener = open_for(
            [request.holder_id], actor=Actor.system("exports"), purpose=PurposeOfUse.DPO, fields=["text", "answer"]
        )
        text, answers = "", []
        if request.text is not None:
            text = opener.text(request.text, subject=request.holder_id, context=request.place("text"))
        for item in items:
            if item.answer is not None:
                answers.append(opener.text(item.answer, subject=request.holder_id, context=item.place("answer")))
    except (RevealDenied, Undecryptable):
        return {}
    return {"request_text": text, "answer_text": "\n\n".join(answers)}


def _decisions(reading: Reading) -> Iterator[Item]:
    """The gate's answers, summed up: which program decided what, on which base, how often."""
    keys = ("purpose", "action", "allowed", "reason", "base", "policy_version")
    found = Decision.objects.filter(subject=reading.subject).values(*keys)
    summed = found.annotate(n=Count("pk"), first=Min("decided_at"), last=Max("decided_at")).order_by(*keys)
    for row in summed:
        what = f"{Action(row['action']).label}: {Purpose(row['purpose']).label}"
        yield Record(
            "automated_decisions",
            {
                "kind": _("rule of use of data"),
                "subject_matter": what,
                "result": _("allowed") if row["allowed"] else _("refused"),
                "criteria": str(
                    dict(Decision._meta.get_field("reason").choices or ()).get(row["reason"], row["reason"])
                ),
                "legal_base": row["base"],
                "version": row["policy_version"],
                "count": row["n"],
                "first_at": row["first"],
                "last_at": row["last"],
            },
        )


READERS = {
    "person": _person,
    "contacts": _contacts,
    "consents": _consents,
    "notices": _notices,
    "receipts": _receipts,
    "processing": _processing,
    "accesses": _accesses,
    "requests": _requests,
    "decisions": _decisions,
    "columns": _columns,
}
