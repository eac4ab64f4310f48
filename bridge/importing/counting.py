"""The dry run of an import: what is listed in Chatwoot, and what that will cost in Krayin. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import Conversation
from bridge.errors import PartnerGone
from bridge.importing.comparing import PERSONS_PER_PAGE
from bridge.importing.comparing import client_of as krayin_of
from bridge.importing.reading import client_of, is_identified, linked_among, listed
from bridge.jobs.kinds import Estimate
from bridge.mappers.chatwoot_rest import message_fact_of
from bridge.models import Connection
from bridge.sync.clock import database_now

MOST_PAGES = 60  # of one inbox; what lies further back is reckoned from how dense these are
SAMPLE = 12  # conversations whose messages are counted
CALLS_NEW = 3  # search and create, or read and adopt: both occur
CALLS_NOTE = 1


@dataclass
class Tally:
    """What was listed. `factor`: how much larger the whole is than what was read."""

    conversations: dict[int, Conversation] = field(default_factory=dict)
    factor: float = 1.0

    @property
    def contacts(self) -> set[int]:
        return {c.contact_id for c in self.conversations.values() if c.contact_id}

    @property
    def unidentified(self) -> set[int]:
        rows = self.conversations.values()
        return {c.contact_id for c in rows if c.contact_id and c.contact and not is_identified(c.contact)}


def count_history(connection: Connection, inboxes: Sequence[int | None], since: datetime) -> Estimate:
    """List the window and sample its messages. Raises the partner errors of `bridge.errors`."""
    client = client_of(connection)
    total: dict[str, float] = dict.fromkeys(("conversations", "people", "new", "unidentified", "notes", "messages"), 0)
    for inbox_id in inboxes:
        for name, number in _of_inbox(connection, client, inbox_id, since).items():
            total[name] += number
    if connection.preset == Connection.Preset.CONTACTS:
        total["notes"] = 0
    elsewhere = [inbox for inbox in client.inboxes() if not connection.serves_inbox(inbox.id)]
    pages = krayin_of(connection).persons_total() // PERSONS_PER_PAGE + 1
    fresh, notes = round(total["new"]), round(total["notes"])
    return Estimate(
        items=round(total["conversations"]) + fresh,
        people=round(total["people"]),
        calls=pages + 1 + CALLS_NEW * fresh + CALLS_NOTE * notes,
        counts={
            "conversations": round(total["conversations"]),
            "leads": fresh,
            "notes": notes,
            "messages": round(total["messages"]),
            "without_identifier": round(total["unidentified"]),
            "other_inboxes": len(elsewhere),
        },
    )


def _of_inbox(
    connection: Connection, client: ChatwootClient, inbox_id: int | None, since: datetime
) -> dict[str, float]:
    tally = _list(connection, client, inbox_id, since)
    contacts, unidentified = tally.contacts, tally.unidentified
    fresh = contacts - unidentified - linked_among(connection, contacts)
    days, messages = _sampled(connection, client, list(tally.conversations.values()), since)
    found = {
        "conversations": len(tally.conversations), "people": len(contacts), "new": len(fresh),
        "unidentified": len(unidentified), "notes": len(tally.conversations) * days,
        "messages": len(tally.conversations) * messages,
    }  # fmt: skip
    return {name: number * tally.factor for name, number in found.items()}


def _list(connection: Connection, client: ChatwootClient, inbox_id: int | None, since: datetime) -> Tally:
    tally, now = Tally(), database_now()
    for page in range(1, MOST_PAGES + 1):
        found, is_last = listed(connection, client, page=page, inbox_id=inbox_id, since=since)
        tally.conversations |= {each.id: each for each in found}
        if is_last:
            return tally
    oldest = min((c.last_activity_at for c in tally.conversations.values() if c.last_activity_at), default=since)
    tally.factor = max(1.0, (now - since) / max(now - oldest, (now - since) / 1000))
    return tally


def _sampled(
    connection: Connection, client: ChatwootClient, conversations: Sequence[Conversation], since: datetime
) -> tuple[float, float]:
    """Days with messages and messages per conversation, of a few spread over the window."""
    if not conversations:
        return 0, 0
    zone = ZoneInfo(connection.clinic.time_zone)
    chosen = conversations[:: max(1, len(conversations) // SAMPLE)][:SAMPLE]
    days = messages = 0
    for each in chosen:
        try:
            found = [fact for message in client.messages_since(each.id, 0) if (fact := message_fact_of(message))]
        except PartnerGone:
            continue
        recent = [fact for fact in found if fact.sent_at >= since]
        messages += len(recent)
        days += len({fact.sent_at.astimezone(zone).date() for fact in recent})
    return days / len(chosen), messages / len(chosen)
