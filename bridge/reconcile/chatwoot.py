"""Ask Chatwoot what changed. A webhook is sent once and lost on any error, so this is a duty, not an option.

What differs from what is known enters by the same road as a webhook (`arrived_by` = poll); the lane does the rest.
The per-conversation watermark `polled_version` is moved only here: a webhook never hides a gap before it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from django.db.models import F
from django.utils import timezone

from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import Conversation
from bridge.errors import PartnerGone
from bridge.events import Facts, MessageFact
from bridge.mappers.chatwoot_rest import contact_fact_of, conversation_fact_of, message_fact_of
from bridge.mappers.facts_json import EVENT, body_of
from bridge.models import (
    Connection,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    ReconcileDay,
    WebhookEvent,
)
from bridge.models.inbound import lane_of
from bridge.sync import merges
from bridge.sync.lanes import mark_dirty
from bridge.sync.observe import contact_digests, message_digest
from bridge.sync.partners import chatwoot_client
from bridge.webhooks.intake import Delivery, Finding, Receipt, store

OVERLAP = timedelta(minutes=2)
AT_LEAST = timedelta(minutes=10)
AT_MOST = timedelta(days=7)
# A change younger than this may still be on its way as a webhook: not yet a gap.
IN_FLIGHT = timedelta(seconds=60)
REREAD = 100


class Seen(Enum):
    """What a contact looked like, compared with what is known of it."""

    SAME = "same"
    DIFFERENT = "different"
    GONE = "gone"


@dataclass(frozen=True)
class Polled:
    """What one poll saw: conversations listed, events it had to bring itself, changes whose webhook was missed."""

    listed: int = 0
    brought: int = 0
    missed: int = 0


def poll(connection: Connection, *, since: datetime | None = None) -> Polled:
    """Read every conversation changed since the last poll (or `since`). Raises the partner errors of `bridge.errors`."""
    now = timezone.now()
    begin = since or (connection.polled_at or now - AT_MOST) - OVERLAP
    window = min(max(now - begin, AT_LEAST), AT_MOST)
    client = chatwoot_client(connection).at(Priority.BACKGROUND)
    listed = [
        conversation
        for conversation in client.conversations_updated_within(int(window.total_seconds()))
        if connection.serves_inbox(conversation.inbox_id)
    ]
    known = {
        row.chatwoot_conversation_id: row
        for row in ObservedConversation.objects.filter(
            connection=connection, chatwoot_conversation_id__in=[c.id for c in listed]
        )
    }
    results = [_look_at(connection, client, each, known.get(each.id), now) for each in listed]
    brought, missed = sum(b for b, _ in results), sum(m for _, m in results)
    count(connection, now, listed=len(listed), missed=missed)
    Connection.objects.filter(pk=connection.pk).update(polled_at=now)
    return Polled(len(listed), brought, missed)


def _look_at(
    connection: Connection,
    client: ChatwootClient,
    conversation: Conversation,
    row: ObservedConversation | None,
    now: datetime,
) -> tuple[bool, bool]:
    """Bring in one listed conversation if it holds news; return (brought, missed by the webhooks)."""
    fact = conversation_fact_of(conversation)
    if fact is None or (row is not None and row.polled_version >= fact.version):
        return False, False
    try:
        messages = _messages(client, conversation, row)
    except PartnerGone:
        return False, False
    has_news = row is None or row.version < fact.version or differ(connection, messages)
    if has_news:
        contacts = (contact_fact_of(conversation.contact),) if conversation.contact else ()
        _bring(connection, Facts(contacts=contacts, conversations=(fact,), messages=tuple(messages)), now)
    ObservedConversation.objects.filter(
        connection=connection, chatwoot_conversation_id=conversation.id, polled_version__lt=fact.version
    ).update(polled_version=fact.version)
    is_old = conversation.updated_at is not None and conversation.updated_at < now - IN_FLIGHT
    return has_news, has_news and is_old


def _messages(
    client: ChatwootClient, conversation: Conversation, row: ObservedConversation | None
) -> list[MessageFact]:
    """Everything after the hundredth newest message we hold: new ones, and late edits and deletions of the last hundred."""
    after = 0
    if row is not None:
        newest = ObservedMessage.objects.filter(conversation=row).order_by("-chatwoot_message_id")
        held = list(newest.values_list("chatwoot_message_id", flat=True)[:REREAD])
        after = held[-1] - 1 if len(held) == REREAD else 0
    found = (message_fact_of(message) for message in client.messages_since(conversation.id, after))
    return [fact for fact in found if fact]


def differ(connection: Connection, messages: Sequence[MessageFact]) -> bool:
    """Whether any of these messages, all of one connection, is new or reads otherwise than the one held."""
    rows = ObservedMessage.objects.filter(
        connection=connection, chatwoot_message_id__in=[m.message_id for m in messages]
    )
    held = {row.chatwoot_message_id: row for row in rows}
    return any(_is_news(held.get(fact.message_id), fact) for fact in messages)


def _is_news(row: ObservedMessage | None, fact: MessageFact) -> bool:
    if row is None:
        return True
    return not row.is_deleted and bytes(row.digest) != message_digest(fact)


def _bring(connection: Connection, facts: Facts, now: datetime) -> None:
    """Store what was read as an event of our own; the same news twice is one event."""
    body = json.dumps(body_of(facts), ensure_ascii=False).encode()
    conversation = facts.conversations[0]
    store(
        Delivery(
            connection_id=connection.pk,
            key=f"poll:{conversation.conversation_id}:{hashlib.sha256(body).hexdigest()[:32]}",
            receipt=Receipt.of(body),
            finding=Finding(
                event_type=EVENT,
                lane_key=lane_of(conversation.contact_id),
                conversation_id=conversation.conversation_id,
                contact_id=conversation.contact_id,
                body=body,
            ),
            arrived_at=now,
            verification=WebhookEvent.Verification.INTERNAL,
            arrived_by=WebhookEvent.ArrivedBy.POLL,
        ),
        using="default",
    )


def check_contacts(connection: Connection, *, limit: int = 2000) -> int:
    """Read the contacts that were not read for longest, once a night; return how many no longer exist.

    Chatwoot sends no event for a deletion or a merge (contract Chatwoot 4, 11).
    """
    client = chatwoot_client(connection).at(Priority.BACKGROUND)
    rows = ObservedContact.objects.filter(connection=connection, gone_at=None).order_by(
        F("read_at").asc(nulls_first=True)
    )
    gone = 0
    for row in rows[:limit]:
        gone += check_contact(connection, client, row) is Seen.GONE
    count(connection, timezone.now(), gone=gone)
    return gone


def check_contact(connection: Connection, client: ChatwootClient, row: ObservedContact) -> Seen:
    """Read one contact (one call); its lane takes over what differs. Raises the partner errors of `bridge.errors`."""
    try:
        fact = contact_fact_of(client.contact(row.chatwoot_contact_id))
    except PartnerGone:
        ObservedContact.objects.filter(pk=row.pk).update(gone_at=timezone.now())
        merges.gone(connection, row)
        return Seen.GONE
    ObservedContact.objects.filter(pk=row.pk).update(read_at=timezone.now())
    if not row.needs_read and row.digests == contact_digests(fact):
        return Seen.SAME
    ObservedContact.objects.filter(pk=row.pk).update(needs_read=True)
    mark_dirty(connection.pk, lane_of(row.chatwoot_contact_id))
    return Seen.DIFFERENT


def count(connection: Connection, now: datetime, **numbers: int) -> None:
    """Add to the day's numbers, in the clinic's own day."""
    day = now.astimezone(ZoneInfo(connection.clinic.time_zone)).date()
    row, _ = ReconcileDay.objects.get_or_create(connection=connection, day=day)
    ReconcileDay.objects.filter(pk=row.pk).update(**{name: F(name) + number for name, number in numbers.items()})
