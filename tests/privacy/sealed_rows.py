"""A row of every model that has encrypted fields, each field filled with a text that must not be seen anywhere."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from factories import clinic, connection, contact, conversation, link, parked_event, user

from bridge.models import (
    ActivityMapping,
    AlertPlace,
    CallBudget,
    Connection,
    KrayinUser,
    LeadHealthProfile,
    ObservedContact,
    ObservedMessage,
    ObservedValue,
    SensitiveNote,
    Setup,
    WebhookBody,
    WebhookSecret,
    Wish,
)
from consent.encryption import Actor, Sealed, open_day, open_for, open_system, seal, seal_day, seal_system
from consent.encryption.places import Owner, Place, places
from consent.models import (
    ContactPoint,
    DataRequest,
    ExceptionalAccess,
    ExportPackage,
    ExportSigningKey,
    Incident,
    IncidentEntry,
    LegalHold,
    RepresentativeDocument,
    RequestItem,
    RequestNote,
    TotpDevice,
)
from consent.roles import Role
from insights.models import LanguageSettings

LANES = Actor.system("lanes")


@dataclass(frozen=True)
class Person:
    """One person of a clinic and the rows about them."""

    connection: Connection
    contact: ObservedContact

    @property
    def subject(self) -> UUID:
        return self.contact.subject_id


def person(of: Connection, number: int) -> Person:
    row = contact(of, phone=f"+55119887766{number:02}", email=f"pessoa.{number}@exemplo.com.br", name="Rita Lemos")
    conversation(row, 9000 + number)
    link(row, person=500 + number, lead=700 + number, conversations=[9000 + number])
    ActivityMapping.objects.create(
        connection=of, chatwoot_message_id=number, krayin_activity_id=800 + number, conversation_id=9000 + number,
        message_type="incoming",
    )  # fmt: skip
    return Person(of, row)


def _message(of: Person) -> ObservedMessage:
    return ObservedMessage(
        connection=of.connection, conversation=of.contact.conversations.first(), subject=of.contact.subject,
        chatwoot_message_id=uuid.uuid4().int % 10**9, direction="incoming", sent_at=timezone.now(),
        local_day=timezone.localdate(), digest=b"",
    )  # fmt: skip


def _krayin_user(of: Person) -> KrayinUser:
    name = uuid.uuid4().hex
    budget = CallBudget.objects.create(name=name, capacity=1, refill_per_minute=1, tokens=1)
    return KrayinUser(krayin=of.connection.krayin, email=f"{name[:8]}@crm.exemplo", budget=budget)


def _exceptional(of: Person) -> ExceptionalAccess:
    now = timezone.now()
    return ExceptionalAccess(
        user=user(Role.DPO, of.connection.clinic), clinic=of.connection.clinic, subject=of.contact.subject,
        reason=ExceptionalAccess.Reason.RISK, asked_at=now - timedelta(hours=1), until=now - timedelta(minutes=30),
    )  # fmt: skip


def _data_request(of: Person) -> DataRequest:
    """The file of one request; here the person holds its key."""
    now = timezone.now()
    request, _is_new = DataRequest.objects.get_or_create(
        holder=of.contact.subject,
        defaults={
            "protocol": f"2026-{uuid.uuid4().hex[:4]}-{uuid.uuid4().hex[:4]}", "clinic": of.connection.clinic,
            "channel": "letter", "received_at": now, "regime": "full", "rules_version": "1",
        },
    )  # fmt: skip
    return request


def _request_item(of: Person) -> RequestItem:
    now = timezone.now()
    return RequestItem(request=_data_request(of), right="T02", received_at=now, due_at=now + timedelta(days=15))


def _hold(of: Person, **more: Any) -> LegalHold:
    now, by = timezone.now(), user(Role.DPO, of.connection.clinic)
    return LegalHold(
        clinic=of.connection.clinic, reason="own_defence", document="Processo 7", placed_by=by, placed_at=now,
        review_on=timezone.localdate(), reviewed_at=now, reviewed_by=by, **more,
    )  # fmt: skip


def _package(of: Person) -> ExportPackage:
    return ExportPackage(
        clinic=of.connection.clinic, subject=of.contact.subject, protocol=f"2026-{uuid.uuid4().hex[:8]}", rights=["T02"]
    )


def _incident_entry(of: Person) -> IncidentEntry:
    now, by = timezone.now(), user(Role.DPO, of.connection.clinic)
    incident = Incident.objects.create(
        clinic=of.connection.clinic, number=1, known_at=now, source="people", regime="full", rules_version="1",
        calendar_version="1", entered_at=now, entered_by=by,
    )  # fmt: skip
    return IncidentEntry(
        incident=incident, number=1, kind="opened", facts={}, details={}, at=now, by=by, entry_hash="a" * 64
    )


def _signing_key(of: Person) -> ExportSigningKey:
    """Only one signs at a time; these have signed before."""
    now = timezone.now()
    return ExportSigningKey(key_id=uuid.uuid4().hex[:24], public_key=bytes(32), created_at=now, retired_at=now)


# One builder for each model with encrypted fields; a model that is missing here fails the tests.
BUILD: dict[type[models.Model], Callable[[Person], Any]] = {
    AlertPlace: lambda of: AlertPlace(clinic=of.connection.clinic, kind="webhook", url="https://avisos.exemplo.com.br/"),
    Connection: lambda of: of.connection,
    DataRequest: _data_request,
    RequestItem: _request_item,
    RequestNote: lambda of: RequestNote(
        request=_data_request(of), about="exception", by=user(Role.DPO, of.connection.clinic), at=timezone.now()
    ),
    RepresentativeDocument: lambda of: RepresentativeDocument(
        request=_data_request(of), relation="guardian", sha256="a" * 64, received_at=timezone.now(),
        received_by=user(Role.DPO, of.connection.clinic),
    ),
    ContactPoint: lambda of: ContactPoint.objects.filter(subject=of.subject).first(),
    ExceptionalAccess: _exceptional,
    ExportPackage: _package,
    ExportSigningKey: _signing_key,
    LegalHold: lambda of: _hold(of, scope="conversation", subject=of.contact.subject, object_id="9001"),
    IncidentEntry: _incident_entry,
    KrayinUser: _krayin_user,
    LanguageSettings: lambda of: LanguageSettings(clinic=of.connection.clinic, kind="local"),
    LeadHealthProfile: lambda of: LeadHealthProfile(subject=of.contact.subject),
    ObservedContact: lambda of: of.contact,
    ObservedMessage: _message,
    ObservedValue: lambda of: ObservedValue(
        connection=of.connection, contact=of.contact, subject=of.contact.subject, key="contact.convenio",
        digest=uuid.uuid4().hex, mask="C", changed_at=timezone.now(),
    ),
    SensitiveNote: lambda of: SensitiveNote(connection=of.connection, subject=of.contact.subject),
    Setup: lambda of: Setup(clinic=of.connection.clinic, name="Recepção", connection=of.connection),
    TotpDevice: lambda of: TotpDevice(user=user(Role.SUPERVISOR, of.connection.clinic), name="app"),
    WebhookBody: lambda of: WebhookBody.objects.get(event_id=parked_event(of.connection).pk),
    WebhookSecret: lambda of: WebhookSecret(connection=of.connection, partner="chatwoot"),
    Wish: lambda of: Wish(
        connection=of.connection, contact=of.contact, conversation=of.contact.conversations.first(), kind="note",
        state="open", via="screen", asked_by_ref="1",
    ),
}  # fmt: skip


# Fields that never stand in one row with the others of their model.
APART: dict[str, Callable[[Person], Any]] = {
    "consent.LegalHold.clinic_explanation": lambda of: _hold(of, scope="all", subject=None),
}


def canary(place: Place, of: Person) -> str:
    """The text of one field of one person: recognisable, and of one line."""
    return f"CANARIO-{place.label.replace('.', '-')}-{str(of.subject)[:8]}"


def fill(of: Person) -> dict[str, Any]:
    """Make and fill a row of every model with encrypted fields; by `app.Model.field`."""
    made: dict[object, Any] = {}
    rows: dict[str, Any] = {}
    for place in places():
        key, build = (place.label, APART[place.label]) if place.label in APART else (place.model, BUILD[place.model])
        if key not in made:
            made[key] = row = build(of)
            if row._state.adding and not isinstance(row.pk, UUID | str):
                _save_empty(row)
        row = rows[place.label] = made[key]
        setattr(row, place.field, sealed(place, row, of.subject, canary(place, of)))
    for row in made.values():
        row.save()
    return rows


def _save_empty(row: Any) -> None:
    """Rows whose place needs their number are saved first, with nothing sealed in them that counts."""
    for field in row._meta.local_concrete_fields:
        if field.name in {place.field for place in places() if place.model is type(row)} and not field.null:
            setattr(row, field.name, Sealed(b""))
    row.save()


def sealed(place: Place, row: Any, subject: UUID, text: str) -> Sealed:
    context = place.context_of(row)
    if place.owner == Owner.SUBJECT:
        return seal(text, subject=subject, context=context)
    if place.owner == Owner.SYSTEM:
        return seal_system(text.encode(), context=context)
    return seal_day(text.encode(), day=row.key_day, context=context)


def opened(place: Place, row: Any, value: Sealed, *, subject: UUID) -> str:
    """Open a value as if it belonged to this row and person; raises as the gate does."""
    context = place.context_of(row)
    if place.owner == Owner.SUBJECT:
        opener = open_for([subject], actor=LANES, purpose="system", fields=[place.label])
        return opener.text(value, subject=subject, context=context)
    opens = open_system if place.owner == Owner.SYSTEM else open_day
    return opens(value, context=context, actor=LANES, purpose="system").decode()


def two_people() -> tuple[Person, Person]:
    """Of two clinics, so that no two rows of theirs are one."""
    return (
        person(connection(clinic("Clínica Sol"), name="Recepção Sol"), 1),
        person(connection(clinic("Clínica Lua"), name="Recepção Lua"), 2),
    )
