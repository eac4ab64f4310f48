"""Bring history from Chatwoot in on the path of every fact: stored as events, observed by the lanes.

A page is read as often as it takes: what was brought is known by its delivery key, what is complete by the watermark
`polled_version`. So a step may be repeated after a kill, and pages that shift while people write are read in rounds
until a round finds nothing more.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection as db

from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import Contact, Conversation
from bridge.errors import PartnerGone
from bridge.events import ContactFact, ConversationFact, Facts, MessageFact
from bridge.mappers.chatwoot_rest import contact_fact_of, conversation_fact_of, message_fact_of
from bridge.mappers.facts_json import EVENT, body_of
from bridge.models import Connection, DeliveryKey, ObservedConversation, SyncedObject, WebhookEvent
from bridge.models.inbound import lane_of
from bridge.reconcile.chatwoot import differ
from bridge.sync.clock import database_now
from bridge.sync.partners import chatwoot_client
from bridge.webhooks.intake import Delivery, Finding, Receipt, store
from consent.identifiers import email_normalised, phone_e164

MESSAGES_PER_EVENT = 300

KEEP = """
INSERT INTO imported_contacts (job_id, connection_id, chatwoot_contact_id, hits, outcome)
SELECT %(job)s, %(connection)s, x.id, '[]', '' FROM unnest(%(contacts)s::bigint[]) AS x(id)
WHERE NOT EXISTS (SELECT 1 FROM synced_objects s WHERE s.connection_id = %(connection)s AND s.kind = 'person'
                  AND s.forgotten_at IS NULL AND s.lane_key = 'c:' || x.id)
ORDER BY x.id ON CONFLICT DO NOTHING
"""


@dataclass
class Read:
    """What one page held. `notes`: days of messages of contacts that are linked already, whose notes follow at once."""

    is_last: bool
    brought: int = 0
    known: int = 0
    gone: int = 0
    messages: int = 0
    notes: int = 0
    contacts: set[int] = field(default_factory=set)
    unidentified: set[int] = field(default_factory=set)


def client_of(connection: Connection) -> ChatwootClient:
    return chatwoot_client(connection).at(Priority.BACKGROUND)


def listed(
    connection: Connection, client: ChatwootClient, *, page: int, inbox_id: int | None, since: datetime
) -> tuple[list[Conversation], bool]:
    """The conversations of a page that are the connection's and in the window; True when no later page has any."""
    found = client.conversations_page(page, inbox_id=inbox_id)
    recent = [each for each in found if is_recent(each, since)]
    ours = [each for each in recent if connection.serves_inbox(each.inbox_id) and inbox_id in (None, each.inbox_id)]
    return ours, not recent


def is_recent(conversation: Conversation, since: datetime) -> bool:
    at = conversation.last_activity_at or conversation.updated_at
    return at is not None and at >= since


def is_identified(contact: Contact) -> bool:
    return bool(email_normalised(contact.email) or phone_e164(contact.phone) or contact.identifier)


def read_page(connection: Connection, job_id: int, *, page: int, inbox_id: int | None, since: datetime) -> Read:
    """Bring in what one page lists. Raises the partner errors of `bridge.errors`; what was brought stays brought."""
    client = client_of(connection)
    conversations, is_last = listed(connection, client, page=page, inbox_id=inbox_id, since=since)
    read = Read(is_last)
    facts = {c.id: fact for c in conversations if (fact := conversation_fact_of(c)) and c.contact}
    rows = _observed(connection, facts)
    before = _brought_before(connection, job_id, facts.values())
    keep_waiting(connection, job_id, {fact.contact_id for fact in facts.values()})
    linked = linked_among(connection, {fact.contact_id for fact in facts.values()})
    for conversation in conversations:
        fact = facts.get(conversation.id)
        if fact is None or conversation.contact is None:
            read.gone += 1
            continue
        read.contacts.add(fact.contact_id)
        if not is_identified(conversation.contact):
            read.unidentified.add(fact.contact_id)
        row = rows.get(fact.conversation_id)
        if fact.conversation_id in before or (row and row.polled_version >= fact.version <= row.version):
            read.known += 1
            continue
        _bring(connection, client, job_id, fact, contact_fact_of(conversation.contact), row, since, read, linked)
    return read


def keep_waiting(connection: Connection, job_id: int, contact_ids: Collection[int]) -> None:
    """Let contacts without a person wait until they are compared (ImportedContact)."""
    with db.cursor() as cursor:
        cursor.execute(KEEP, {"job": job_id, "connection": connection.pk, "contacts": sorted(contact_ids)})


def _bring(
    connection: Connection, client: ChatwootClient, job_id: int, fact: ConversationFact, contact: ContactFact,
    row: ObservedConversation | None, since: datetime, read: Read, linked: Collection[int],
) -> None:  # fmt: skip
    try:
        found = [message_fact_of(message) for message in client.messages_since(fact.conversation_id, 0)]
    except PartnerGone:
        read.gone += 1
        return
    messages = [message for message in found if message and message.sent_at >= since]
    if row and row.version >= fact.version and not differ(connection, messages):
        ObservedConversation.objects.filter(pk=row.pk, polled_version__lt=fact.version).update(
            polled_version=fact.version
        )
        read.known += 1
        return
    for number, part in reversed(list(enumerate(_parts(messages)))):
        # The first part last: its key says that all of them are there.
        bring(
            connection,
            Facts(contacts=(contact,), conversations=(fact,), messages=tuple(part)),
            key=_key(job_id, fact, number),
            arrived_by=WebhookEvent.ArrivedBy.IMPORT,
        )
    read.brought += 1
    read.messages += len(messages)
    if fact.contact_id in linked:
        zone = ZoneInfo(connection.clinic.time_zone)
        read.notes += len({message.sent_at.astimezone(zone).date() for message in messages})


def _parts(messages: Sequence[MessageFact]) -> list[Sequence[MessageFact]]:
    starts = range(0, max(len(messages), 1), MESSAGES_PER_EVENT)
    return [messages[start : start + MESSAGES_PER_EVENT] for start in starts]


def _key(job_id: int, fact: ConversationFact, number: int) -> str:
    return f"import:{job_id}:{fact.conversation_id}:{fact.version}:{number}"


def bring(connection: Connection, facts: Facts, *, key: str, arrived_by: WebhookEvent.ArrivedBy) -> None:
    """Store what was read about one conversation, or one contact, as an event of our own; the same key once."""
    body = json.dumps(body_of(facts), ensure_ascii=False).encode()
    conversation = facts.conversations[0] if facts.conversations else None
    contact_id = conversation.contact_id if conversation else facts.contacts[0].contact_id
    store(
        Delivery(
            connection_id=connection.pk,
            key=key or f"read:{hashlib.sha256(body).hexdigest()}",
            receipt=Receipt.of(body),
            finding=Finding(
                event_type=EVENT,
                lane_key=lane_of(contact_id),
                conversation_id=conversation.conversation_id if conversation else None,
                contact_id=contact_id,
                body=body,
            ),
            arrived_at=database_now(),
            verification=WebhookEvent.Verification.INTERNAL,
            arrived_by=arrived_by,
        ),
        using="default",
    )


def _observed(connection: Connection, conversation_ids: Collection[int]) -> dict[int, ObservedConversation]:
    rows = ObservedConversation.objects.filter(
        connection=connection, chatwoot_conversation_id__in=list(conversation_ids)
    )
    return {row.chatwoot_conversation_id: row for row in rows}


def _brought_before(connection: Connection, job_id: int, facts: Collection[ConversationFact]) -> set[int]:
    """Conversations that this job brought in as they are now."""
    keys = {_key(job_id, fact, 0): fact.conversation_id for fact in facts}
    rows = DeliveryKey.objects.filter(connection=connection, key__in=keys)
    return {keys[key] for key in rows.values_list("key", flat=True)}


def linked_among(connection: Connection, contact_ids: Collection[int]) -> set[int]:
    """Those of these contacts that have a person in Krayin."""
    lanes = {lane_of(contact_id): contact_id for contact_id in contact_ids}
    rows = SyncedObject.objects.filter(
        connection=connection, kind=SyncedObject.Kind.PERSON, lane_key__in=lanes, forgotten_at=None
    )
    return {lanes[lane_key] for lane_key in rows.values_list("lane_key", flat=True)}
