"""Ponte's own rows about a person: contact data, conversations as observed, health data, notes, who got what."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Model, Q, QuerySet
from django.utils.translation import gettext as _

from bridge.health.places import note_context, profile_context
from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    KrayinLead,
    LeadHealthProfile,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    ObservedValue,
    Saying,
    SensitiveNote,
    StageChangeLog,
    SyncedObject,
    Wish,
)
from bridge.models.health import PROFILE_FIELDS
from bridge.sync.observe import contact_context, message_context
from consent.encryption import Context, Sealed, Undecryptable
from consent.export import rows
from consent.export.sources import Item, LeftOut, Reading, Record, Source
from consent.models import DataSubject, Decision
from consent.policy import Action, Purpose

PONTE = "Ponte"
CHUNK = 500


class PonteRows:
    """Units: one for what is short, one for each conversation."""

    name = "ponte.bridge"

    @property
    def title(self) -> str:
        return _("Ponte (copy of the conversations)")

    def version(self) -> str:
        return ""

    def units(self, reading: Reading) -> Sequence[str]:
        return ["person", *(str(pk) for pk in conversations_of(reading.subject).values_list("pk", flat=True))]

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        if unit != "person":
            yield from _conversation(reading, UUID(unit))
            return
        yield from _contacts(reading)
        yield from _health(reading)
        yield from _notes(reading)
        yield from _shared(reading)
        for label in rows.registered("bridge"):
            yield from rows.read(reading, label)

    def counts(self, reading: Reading) -> Mapping[str, int]:
        subject = reading.subject
        return {
            "conversation": conversations_of(subject).count(),
            "message": ObservedMessage.objects.filter(
                subject=subject, conversation__in=conversations_of(subject)
            ).count(),
        }


def sources(subject: DataSubject) -> list[Source]:
    return [PonteRows()]


def contacts_of(subject: DataSubject) -> list[ObservedContact]:
    found = ObservedContact.objects.filter(subject=subject).select_related("connection__krayin", "connection__clinic")
    return list(found.order_by("connection_id", "chatwoot_contact_id"))


def conversations_of(subject: DataSubject) -> QuerySet[ObservedConversation]:
    found = ObservedConversation.objects.filter(contact__subject=subject)
    return found.order_by("connection_id", "chatwoot_conversation_id")


def opened(reading: Reading, sealed: Sealed | None, context: Context) -> str | None:
    """None for what is empty or whose key is gone."""
    if sealed is None:
        return None
    try:
        return reading.opener.text(sealed, subject=reading.subject.pk, context=context)
    except Undecryptable:
        return None


def inbox_name(connection: Connection, inbox_id: int | None) -> str:
    return str(connection.inbox_names.get(str(inbox_id), inbox_id or ""))


# Column by column -----------------------------------------------------------------------------------------------------


def register() -> None:
    """Models whose handed-over columns need no words of their own."""
    for label, stream, find in (
        ("bridge.ConversationMapping", "activities", _conversation_links),
        ("bridge.KrayinLead", "activities", _cached_leads),
        ("bridge.Saying", "activities", lambda subject: Saying.objects.filter(contact__subject=subject)),
        ("bridge.StageChangeLog", "activities", _stage_changes),
        ("bridge.SyncedObject", "activities", _synced),
        ("bridge.Wish", "activities", lambda subject: Wish.objects.filter(contact__subject=subject)),
    ):
        rows.hand_over(label, stream, find, system=PONTE)
    rows.handed_whole("bridge.LeadHealthProfile")


def _links(subject: DataSubject) -> list[tuple[int, int]]:
    """Connection and opportunity of everything that was linked to the person."""
    mine = Q()
    for row in contacts_of(subject):
        mine |= Q(connection=row.connection_id, chatwoot_contact_id=row.chatwoot_contact_id)
    found = ContactMapping.objects.filter(mine, krayin_lead_id__isnull=False) if mine else ContactMapping.objects.none()
    return [(one.connection_id, one.krayin_lead_id) for one in found if one.krayin_lead_id is not None]


def _of_links(model: type[Model], subject: DataSubject, lead: str, connection: str) -> QuerySet[Any]:
    mine = Q()
    for connection_id, lead_id in _links(subject):
        mine |= Q(**{connection: connection_id, lead: lead_id})
    rows_of_all: QuerySet[Any] = model._default_manager.all()
    return rows_of_all.filter(mine) if mine else rows_of_all.none()


def _synced(subject: DataSubject) -> QuerySet[Any]:
    mine = Q()
    for row in contacts_of(subject):
        mine |= Q(connection=row.connection_id, lane_key=f"c:{row.chatwoot_contact_id}")
    return SyncedObject.objects.filter(mine) if mine else SyncedObject.objects.none()


def _stage_changes(subject: DataSubject) -> QuerySet[Any]:
    return _of_links(StageChangeLog, subject, "krayin_lead_id", "connection")


def _cached_leads(subject: DataSubject) -> QuerySet[Any]:
    return _of_links(KrayinLead, subject, "lead_id", "krayin__connections").distinct()


def _conversation_links(subject: DataSubject) -> QuerySet[Any]:
    mine = Q()
    for row in conversations_of(subject):
        mine |= Q(connection=row.connection_id, chatwoot_conversation_id=row.chatwoot_conversation_id)
    return ConversationMapping.objects.filter(mine) if mine else ConversationMapping.objects.none()


# Short ----------------------------------------------------------------------------------------------------------------


def _contacts(reading: Reading) -> Iterator[Item]:
    for row in contacts_of(reading.subject):
        told = {name: opened(reading, getattr(row, name), contact_context(row.pk, name)) for name in CONTACT}
        attributes = dict(_attributes(reading, row))
        yield Record(
            "person",
            {
                "system": PONTE,
                "name": told["name"],
                "company": told["company"],
                "custom_attributes": attributes or None,
                "last_activity": row.last_activity_at,
            },
        )
        for kind in ("email", "phone"):
            if told[kind]:
                yield Record(
                    "contacts", {"system": f"{PONTE} · {row.connection.name}", "kind": kind, "value": told[kind]}
                )


CONTACT = ("name", "email", "phone", "company")


def _attributes(reading: Reading, row: ObservedContact) -> Iterator[tuple[str, str | None]]:
    for value in ObservedValue.objects.filter(contact=row, subject=reading.subject).order_by("key", "pk"):
        yield value.key, opened(reading, value.value, value.context)


def _health(reading: Reading) -> Iterator[Item]:
    for profile in LeadHealthProfile.objects.filter(subject=reading.subject):
        values = {
            name: opened(reading, getattr(profile, name), profile_context(profile, name)) for name in PROFILE_FIELDS
        }
        told = {_("created"): profile.created_at, _("changed"): profile.updated_at}
        yield Record("person", {"system": PONTE, **values, "details": told})


def _notes(reading: Reading) -> Iterator[Item]:
    for note in SensitiveNote.objects.filter(subject=reading.subject).order_by("created_at", "pk"):
        text = opened(reading, note.sensitive_notes, note_context(note))
        yield Record(
            "activities",
            {
                "system": PONTE,
                "id": note.krayin_activity_id,
                "type": _("clinical note"),
                "text": text,
                "created_at": note.created_at,
            },
        )


def _shared(reading: Reading) -> Iterator[Item]:
    return (Record("sharing", told) for told in recipients_of(reading.subject))


def recipients_of(subject: DataSubject) -> Iterator[dict[str, Any]]:
    """Who got what: the chat it came from, and the CRM it was written to, by purpose and base."""
    connections = {row.connection_id: row.connection for row in contacts_of(subject)}
    for connection in connections.values():
        told = {"recipient": f"Chatwoot · {connection.chatwoot_url}", "role": _("processor: chat")}
        yield {**told, "categories": ["R01", "R02"], "purpose": _("conversations with the clinic")}
    pushed = Decision.objects.filter(subject=subject, action=Action.PUSH, allowed=True)
    keys = ("connection_id", "purpose", "base", "category")
    for row in pushed.values(*keys).annotate(first=Min("decided_at"), last=Max("decided_at")).order_by(*keys):
        to = connections.get(row["connection_id"])
        yield {
            "recipient": f"Krayin · {to.krayin.base_url}" if to else "Krayin",
            "role": _("processor: CRM"),
            "categories": [row["category"]],
            "purpose": str(Purpose(row["purpose"]).label),
            "legal_base": row["base"],
            "first_at": row["first"],
            "last_at": row["last"],
        }


# Conversations --------------------------------------------------------------------------------------------------------


def _conversation(reading: Reading, pk: UUID) -> Iterator[Item]:
    row = conversations_of(reading.subject).select_related("connection").filter(pk=pk).first()
    if row is None:
        return
    yield Record(
        "conversation",
        {
            "system": PONTE,
            "conversation_id": row.chatwoot_conversation_id,
            "inbox": inbox_name(row.connection, row.inbox_id),
            "channel": row.channel,
            "status": row.status,
            "labels": sorted({*row.labels, *row.labels_seen}),
            "started_at": row.started_at,
            "first_reply_at": row.first_reply_at,
            "resolved_at": row.resolved_at,
            "last_activity_at": row.last_activity_at,
        },
    )
    messages = ObservedMessage.objects.filter(conversation=row, subject=reading.subject)
    attendants = 0
    for message in messages.order_by("sent_at", "chatwoot_message_id").iterator(chunk_size=CHUNK):
        content = opened(reading, message.content, message_context(message.pk))
        told = json.loads(content) if content else {}
        author = author_of(message.direction, message.author_kind)
        attendants += author == "user"
        yield Record(
            "message",
            {
                "system": PONTE,
                "message_id": message.chatwoot_message_id,
                "sent_at": message.sent_at,
                "direction": message.direction,
                "author": author,
                "text": told.get("text"),
                "attachments": list(told.get("attachments", [])),
                "deleted": message.is_deleted,
                "marketing": message.is_marketing,
            },
        )
    if attendants:
        yield LeftOut("attendant", "THIRD_PARTY", attendants)


def author_of(direction: str, kind: str) -> str:
    """The person, an attendant, or a program: attendants appear by role (lgpd section 9)."""
    if direction == "incoming":
        return "contact"
    return "user" if kind == "user" else "bot"
