"""Small builders of rows, for tests that look at screens and commands. Invented people only."""

import hashlib
import itertools
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from bridge.causes import Cause
from bridge.models import (
    Breaker,
    Connection,
    ContactMapping,
    ConversationMapping,
    Effect,
    Krayin,
    ObservedContact,
    ObservedConversation,
    StageChangeLog,
    SyncedObject,
    WebhookBody,
    WebhookEvent,
)
from bridge.models.inbound import body_context
from consent.encryption import ensure_subject_keys, seal_day
from consent.identifiers import contact_mask, email_mask, phone_mask
from consent.models import Clinic, ContactPoint, DataSubject, Membership, User
from consent.roles import Role

NAME, PHONE, EMAIL = "Marina Serra Azul", "+5511987654321", "marina.serra@exemplo.com.br"
CONVERSATION = 1287
PIPELINES = [{"id": 1, "name": "Funil padrão", "stages": [{"id": 1, "code": "new", "name": "Novo"}]}]

numbers = itertools.count(5001)


def clinic(trade_name: str = "Clínica Sol", **fields: Any) -> Clinic:
    return Clinic.objects.create(trade_name=trade_name, legal_name=f"{trade_name} Ltda", **fields)


def user(role: Role | None, *clinics: Clinic | None, **fields: Any) -> User:
    """An account with one role in each clinic; without role a superuser."""
    email = f"pessoa{next(numbers)}@clinica.exemplo"
    made = User.objects.create_user(email, None, is_superuser=role is None, **fields)
    Membership.objects.bulk_create([Membership(user=made, role=role, clinic=one) for one in clinics])
    return made


def signed_in(role: Role | None, *clinics: Clinic | None) -> Client:
    """A browser of somebody with the role in the clinics; without role a superuser."""
    client = Client()
    client.force_login(user(role, *clinics))
    return client


def connection(of: Clinic | None = None, name: str = "Recepção", **fields: Any) -> Connection:
    """An active connection whose partners exist nowhere."""
    krayin = fields.pop("krayin", None)
    return Connection.objects.create(
        clinic=of or clinic(),
        name=name,
        krayin=krayin or Krayin.objects.create(base_url=f"https://crm-{uuid.uuid4().hex[:8]}.exemplo.com.br"),
        **{
            "state": Connection.State.ACTIVE, "chatwoot_url": "https://chat.exemplo.com.br", "chatwoot_account_id": 3,
            "inbox_ids": [7], "inbox_names": {"7": "WhatsApp Recepção"}, "pipelines": PIPELINES,
            "default_pipeline_id": 1,
        }
        | fields,
    )  # fmt: skip


def contact(
    of: Connection, *, name: str = NAME, phone: str | None = PHONE, email: str | None = None, **fields: Any
) -> ObservedContact:
    """A person with contact points, found by blind index, shown by mask."""
    subject = DataSubject.objects.create(clinic=of.clinic, **fields.pop("subject", {}))
    ensure_subject_keys([subject.pk])
    for kind, value, mask in (("phone", phone, phone_mask), ("email", email, email_mask)):
        if value:
            point = ContactPoint(subject=subject, clinic=of.clinic, kind=kind)
            point.seal_value(value, mask=mask(value))
            point.save()
    return ObservedContact.objects.create(
        connection=of,
        subject=subject,
        mask=contact_mask(name, phone),
        has_phone=bool(phone),
        has_email=bool(email),
        **{"chatwoot_contact_id": next(numbers)} | fields,
    )


def lane(of: ObservedContact) -> str:
    return f"c:{of.chatwoot_contact_id}"


def conversation(of: ObservedContact, number: int = CONVERSATION, **fields: Any) -> ObservedConversation:
    values = {"status": "open", "inbox_id": 7, "version": 1, "version_digest": b"", "started_at": timezone.now()}
    return ObservedConversation.objects.create(
        connection=of.connection, contact=of, chatwoot_conversation_id=number, **values | fields
    )


def event(of: Connection, **fields: Any) -> WebhookEvent:
    """An event that was read; without contact it names nobody."""
    values = {
        "event_type": "message_created", "lane_key": "-", "verification": "signed", "status": "observed",
        "arrived_at": timezone.now(), "delivery_key": uuid.uuid4().hex,
    }  # fmt: skip
    made = WebhookEvent.objects.create(connection=of, **values | fields)
    made.refresh_from_db()
    return made


def parked_event(
    of: Connection, cause: str = Cause.UNREADABLE, *, has_body: bool = True, **fields: Any
) -> WebhookEvent:
    """An event that stopped; its body is kept unless told otherwise."""
    made = event(of, status="parked", cause=cause, **fields)
    ref, day = uuid.uuid4(), made.received_at.date()
    WebhookBody.objects.create(
        event_id=made.pk,
        received_at=made.received_at,
        row_ref=ref,
        key_day=day,
        headers={"Content-Type": "application/json"},
        sealed=seal_day(b"{}", day=day, context=body_context(ref)) if has_body else None,
        sha256=hashlib.sha256(b"{}").digest(),
        length=2,
    )
    return made


def step(of: ObservedContact, state: str = "confirmed", *, kind: str = "create_lead", **fields: Any) -> Effect:
    """A step of the ledger; a confirmed one has its times."""
    now = timezone.now()
    times: dict[str, datetime] = {"sent_at": now, "confirmed_at": now} if state == "confirmed" else {}
    values = {"object_ref": f"ponte-{uuid.uuid4().hex[:12]}", "conversation_id": CONVERSATION, **times}
    return Effect.objects.create(
        connection=of.connection, krayin=of.connection.krayin, lane_key=lane(of), kind=kind, state=state,
        **values | fields,
    )  # fmt: skip


def refused_step(of: ObservedContact, cause: str = Cause.KRAYIN_REJECTED, **fields: Any) -> Effect:
    return step(of, "rejected", cause=cause, **{"detail": "lead_type_id"} | fields)


def link(of: ObservedContact, *, person: int = 31, lead: int = 71, conversations: Sequence[int] = ()) -> ContactMapping:
    """A contact that is a person and an opportunity in Krayin."""
    known = {"connection": of.connection, "krayin": of.connection.krayin, "lane_key": lane(of)}
    ref = f"ponte-{of.connection.ref_code}-c{of.chatwoot_contact_id}"
    SyncedObject.objects.create(**known, kind="person", ref=ref, foreign_id=person)
    SyncedObject.objects.create(**known, kind="lead", ref=f"{ref}-l1", foreign_id=lead, stage_id=1)
    for number in conversations:
        ConversationMapping.objects.create(
            connection=of.connection, chatwoot_conversation_id=number, krayin_lead_id=lead
        )
    return ContactMapping.objects.create(
        connection=of.connection,
        chatwoot_contact_id=of.chatwoot_contact_id,
        krayin_person_id=person,
        krayin_lead_id=lead,
    )


def stage_change(of: Connection, *, lead: int = 71, **fields: Any) -> StageChangeLog:
    values = {"previous_stage": "Novo", "new_stage": "Contatado", "trigger_source": "webhook"}
    return StageChangeLog.objects.create(connection=of, krayin_lead_id=lead, **values | fields)


def away(of: Connection, cause: str = Cause.KRAYIN_UNAVAILABLE) -> Connection:
    """A connection whose partner does not answer for two hours, and is asked again in four minutes."""
    now = timezone.now()
    Breaker.objects.create(
        connection=of,
        partner=Cause(cause).partition("_")[0].lower(),
        problem=cause,
        since=now - timedelta(hours=2),
        paused_until=now + timedelta(minutes=4),
    )
    of.refresh_from_db()
    return of


def busy_clinic(name: str = "Clínica Sol", people: int = 3) -> Connection:
    """A connection in which every screen has something to show."""
    made = connection(clinic(name), name=f"Recepção {name}")
    for index in range(people):
        person = contact(made, phone=f"+55119876543{index:02}", email=f"pessoa{next(numbers)}@exemplo.com.br")
        number = CONVERSATION + index
        conversation(person, number)
        event(made, lane_key=lane(person), conversation_id=number, contact_id=person.chatwoot_contact_id)
        step(person, conversation_id=number)
        refused_step(person, conversation_id=number)
        link(person, person=31 + index, lead=71 + index, conversations=[number])
        stage_change(made, lead=71 + index, chatwoot_conversation_id=number)
    parked_event(made)
    nobody = contact(made, phone=None, name="Anônimo")
    conversation(nobody, CONVERSATION + people)
    return made
