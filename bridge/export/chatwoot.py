"""Chatwoot's own records of a person: contact, conversations with every public message, files (contract 8.1, 8.2, 11)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.copies import FileAt, WholeMessage
from bridge.clients.files import file_at
from bridge.clients.shapes import Contact, Conversation, Message, MessageType, SenderType
from bridge.errors import PartnerGone, PartnerRejected
from bridge.export.asking import asked
from bridge.export.ponte import author_of, contacts_of, inbox_name
from bridge.models import Connection, Partner
from bridge.sync.partners import chatwoot_client
from consent.export.sources import Attachment, Item, LeftOut, Reading, Record, Source
from consent.identifiers import MASK
from consent.models import DataSubject

log = logging.getLogger(__name__)

LARGEST_FILE = 200 * 1024 * 1024
CONTACT, CONVERSATION = "contact:", "conversation:"


class ChatwootRecords:
    """One account. Units: each contact of the person, each of its conversations, by numbers of Chatwoot."""

    def __init__(self, connection: Connection, contact_ids: Sequence[int]) -> None:
        self._connection, self._contact_ids = connection, list(contact_ids)
        self.name = f"chatwoot.{connection.pk}"
        self.title = f"Chatwoot · {connection.name}"

    @cached_property
    def _client(self) -> ChatwootClient:
        return chatwoot_client(self._connection)

    def version(self) -> str:
        return ""

    def units(self, reading: Reading) -> Sequence[str]:
        with asked():
            numbers = sorted({one.id for contact_id in self._contact_ids for one in self._conversations(contact_id)})
        return [
            *(f"{CONTACT}{contact_id}" for contact_id in self._contact_ids),
            *(f"{CONVERSATION}{number}" for number in numbers),
        ]

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        with asked():
            try:
                if unit.startswith(CONTACT):
                    yield from self._contact(int(unit.removeprefix(CONTACT)))
                else:
                    yield from self._conversation(int(unit.removeprefix(CONVERSATION)))
            except PartnerGone:
                # Deleted since the units were named, or merged into somebody else's: there is nothing to hand over.
                log.info("export unit gone: connection=%s", self._connection.pk)

    def counts(self, reading: Reading) -> Mapping[str, int]:
        """Conversations as Chatwoot counts them; older ones than v4.14.2 cannot say."""
        with asked():
            try:
                pages = [self._client.conversations_of_contact(one, 1) for one in self._contact_ids]
            except PartnerRejected:
                return {}
        return {"conversation": sum(page.total for page in pages)}

    # Reading ----------------------------------------------------------------------------------------------------------

    def _conversations(self, contact_id: int) -> Iterator[Conversation]:
        """All of a contact's. Pages shift while people write: each is taken once, a later page overlaps."""
        seen: set[int] = set()
        number = 1
        while True:
            try:
                page = self._client.conversations_of_contact(contact_id, number)
            except PartnerRejected:
                yield from self._client.latest_of_contact(contact_id)
                return
            fresh = [one for one in page.conversations if one.id not in seen]
            yield from fresh
            seen.update(one.id for one in fresh)
            if not page.conversations or len(seen) >= page.total:
                return
            number += 1

    def _contact(self, contact_id: int) -> Iterator[Item]:
        contact = self._client.contact(contact_id, priority=Priority.BACKGROUND)
        yield Record(
            "person",
            {
                "system": self.title,
                "name": contact.name,
                "company": contact.company_name,
                "custom_attributes": {**_flat(contact.extra), **_flat(contact.custom_attributes)} or None,
                "last_activity": contact.last_activity_at,
            },
        )
        yield from self._ways(contact)

    def _ways(self, contact: Contact) -> Iterator[Item]:
        for kind, value in (("email", contact.email), ("phone", contact.phone), ("identifier", contact.identifier)):
            if value:
                yield Record("contacts", {"system": self.title, "kind": kind, "value": value})

    def _conversation(self, number: int) -> Iterator[Item]:
        row = self._client.conversation(number, priority=Priority.BACKGROUND)
        yield Record(
            "conversation",
            {
                "system": self.title,
                "conversation_id": row.id,
                "inbox": inbox_name(self._connection, row.inbox_id),
                "channel": row.channel,
                "status": row.status,
                "labels": sorted(row.labels),
                "started_at": row.created_at,
                "first_reply_at": row.first_reply_created_at,
                "last_activity_at": row.last_activity_at,
                "custom_attributes": _flat(row.custom_attributes) or None,
            },
        )
        left = {"internal_note": 0, "attendant": 0, "third_person_message": 0}
        for whole in self._client.whole_messages(number):
            yield from self._message(whole, left)
        for what, count in left.items():
            if count:
                yield LeftOut(what, "THIRD_PARTY" if what != "internal_note" else "SECRET", count)

    def _message(self, whole: WholeMessage, left: dict[str, int]) -> Iterator[Item]:
        message = whole.message
        if message.private:
            left["internal_note"] += 1
            return
        if message.type not in PUBLIC:
            return
        author = _author(message, self._contact_ids)
        left["attendant"] += author == "user"
        left["third_person_message"] += author == "other"
        is_others = author == "other"
        yield Record(
            "message",
            {
                "system": self.title,
                "message_id": message.id,
                "sent_at": message.created_at,
                "direction": message.type.value,
                "author": author,
                "text": MASK if is_others else message.content,
                "attachments": [] if is_others else [one.name for one in whole.files],
                "deleted": message.deleted,
            },
        )
        if not is_others:
            for one in whole.files:
                yield self._file(one)

    def _file(self, file: FileAt) -> Item:
        """The file itself, from Chatwoot's own address; a copy that cannot be had is told, not passed over."""
        if urlsplit(file.url).netloc != urlsplit(self._connection.chatwoot_url).netloc:
            return LeftOut("attachment", "IMPOSSIBLE")
        if (file.size or 0) > LARGEST_FILE:
            return LeftOut("attachment_too_large", "IMPOSSIBLE")
        chunks = file_at(file.url, partner=Partner.CHATWOOT, largest=LARGEST_FILE)
        try:
            first = next(chunks, b"")
        except PartnerGone:
            return LeftOut("attachment", "IMPOSSIBLE")
        return Attachment(file.name, file.media_type, chain([first], chunks))


PUBLIC = frozenset({MessageType.INCOMING, MessageType.OUTGOING, MessageType.TEMPLATE})


def sources(subject: DataSubject) -> list[Source]:
    by_connection: dict[int, list[int]] = {}
    connections: dict[int, Connection] = {}
    for row in contacts_of(subject):
        if row.gone_at is None:
            by_connection.setdefault(row.connection_id, []).append(row.chatwoot_contact_id)
            connections[row.connection_id] = row.connection
    return [ChatwootRecords(connections[pk], ids) for pk, ids in sorted(by_connection.items())]


def _author(message: Message, contact_ids: Sequence[int]) -> str:
    """`other` is another contact in the same conversation: a group."""
    sender = message.sender
    if sender is not None and sender.type == SenderType.CONTACT and sender.id not in contact_ids:
        return "other"
    kind = "user" if sender is not None and sender.type == SenderType.USER else ""
    return author_of("incoming" if message.type == MessageType.INCOMING else "outgoing", kind)


def _flat(values: Mapping[str, object]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", {}, [])}
