"""Everything known about one contact or conversation, in the order of time, for screen B1 and for `explain`.

Read from what was stored anyway; nothing is opened: people appear by mask, objects by number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from bridge.models import Connection, ObservedContact, ObservedConversation, WebhookEvent
from bridge.queries.story_lines import Entry, lines_of
from bridge.queries.story_rows import Known, known_contact, known_unread
from bridge.queries.story_status import Status, status_of


@dataclass(frozen=True)
class Story:
    """What became of a contact or of one of its conversations; `entries` are the oldest first."""

    known: Known
    status: Status
    entries: Sequence[Entry]


def tell(contact: ObservedContact, *, now: datetime, number: int | None = None) -> Story:
    """The story of a contact (of `contacts_to_tell`), or of one of its conversations."""
    return _told(known_contact(contact, number), now)


def tell_unread(connection: Connection, number: int, *, now: datetime) -> Story | None:
    """The story of a conversation that arrived and was not read yet; None if nothing arrived."""
    known = known_unread(connection, number)
    return _told(known, now) if known else None


def _told(known: Known, now: datetime) -> Story:
    return Story(known, status_of(known, now), lines_of(known))


# Finding what to tell ------------------------------------------------------------------------------------------------


def contacts_to_tell(connections: QuerySet[Connection]) -> QuerySet[ObservedContact]:
    """Contacts with what a story reads from their own row and connection."""
    rows = ObservedContact.objects.filter(connection__in=connections)
    return rows.select_related("subject", "connection__clinic", "connection__krayin")


def contacts_of_conversation(number: int, connections: QuerySet[Connection]) -> QuerySet[ObservedContact]:
    """Contacts that have a conversation with this number: one for each connection at most."""
    held = ObservedConversation.objects.filter(connection__in=connections, chatwoot_conversation_id=number)
    return contacts_to_tell(connections).filter(pk__in=held.values("contact_id")).order_by("connection")


def connections_naming(number: int, connections: QuerySet[Connection]) -> QuerySet[Connection]:
    """Connections where an event names the conversation, read or not."""
    events = WebhookEvent.objects.filter(connection__in=connections, conversation_id=number)
    rows = connections.filter(pk__in=events.order_by().values("connection_id").distinct())
    return rows.select_related("clinic", "krayin").order_by("pk")


def stories_of_conversation(number: int, connections: QuerySet[Connection], *, now: datetime) -> list[Story]:
    """The stories of every conversation with this number, read or not."""
    told = [tell(contact, now=now, number=number) for contact in contacts_of_conversation(number, connections)]
    seen = {story.known.connection.pk for story in told}
    unread = connections_naming(number, connections.exclude(pk__in=seen))
    return told + [story for row in unread if (story := tell_unread(row, number, now=now))]
