"""Webhook bodies to measure with: what the simulated Chatwoot sends for invented people, and signed HTTP requests of it."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from bridge.sandbox.chatwoot import ChatwootSandbox, sign
from bridge.sandbox.chatwoot import scenario_texts as texts

SUBSCRIBED = (
    "contact_created", "contact_updated", "conversation_created", "conversation_status_changed",
    "conversation_updated", "message_created", "message_updated",
)  # fmt: skip
ROLES = ("phone", "phone_email", "phone", "no_ninth")
# What a person who comes from an advertisement brings along: the contract's example bodies of 4 KB have it too.
REFERRAL = {
    "source_url": "https://fb.me/exemplo",
    "source_type": "ad",
    "source_id": "120210000000000017",
    "headline": "Avaliação dermatológica",
    "body": "Agende sua avaliação na Vida Plena",
    "media_type": "image",
    "ctwa_clid": "ARexemploCtwaClid0017",
}


@dataclass(frozen=True)
class Told:
    """One event of one contact: the bytes Chatwoot would send."""

    contact_id: int
    event: str
    body: bytes


class People:
    """A simulated chat whose people never repeat. Nothing leaves it: bodies are handed over."""

    def __init__(self, *, seed: int = 1) -> None:
        self._chat = ChatwootSandbox(shuffle=False)
        self._chat.register_webhook("http://127.0.0.1:9/", SUBSCRIBED, secret="never used")  # noqa: S106
        self._dice = random.Random(seed)  # noqa: S311 - invented people
        self._count = 0

    def first_message(self) -> Told:
        """The `message_created` of somebody new: contact, conversation and message in one body of about 4 KB."""
        told, _ = self._somebody_writes()
        return next(one for one in told if one.event == "message_created")

    def history(self) -> list[Told]:
        """About twenty events of somebody new: seven messages with an answer between them, then resolved."""
        told, number = self._somebody_writes()
        contact_id = told[0].contact_id
        with self._chat.capture() as sent:
            for _ in range(2):
                self._chat.outgoing(number, self._dice.choice(texts.REPLIES))
                self._chat.incoming(number, self._dice.choice(texts.ANSWERS))
            self._chat.outgoing(number, self._dice.choice(texts.CONFIRMATIONS))
            self._chat.set_status(number, "resolved")
        return told + [Told(contact_id, delivery.event, delivery.body) for delivery in sent]

    def _somebody_writes(self) -> tuple[list[Told], int]:
        person = texts.person(self._count, ROLES[self._count % len(ROLES)], self._dice)
        self._count += 1
        with self._chat.capture() as sent:
            contact = self._chat.create_contact(name=person.name, phone_number=person.phone_number, email=person.email)
            opening = " ".join(self._dice.sample(texts.OPENINGS, 4))
            conversation = self._chat.start_conversation(contact.id, opening, content_attributes={"referral": REFERRAL})
        return [Told(contact.id, delivery.event, delivery.body) for delivery in sent], conversation.display_id


@dataclass(frozen=True)
class Door:
    """One connection's webhook address: its path and the secret Chatwoot signs with."""

    path: str
    secret: str


def requests_of(pairs: Iterable[tuple[Door, bytes]]) -> Iterator[bytes]:
    """Whole HTTP requests, each with a delivery id of its own and signed for now."""
    timestamp = str(int(time.time()))
    for door, body in pairs:
        lines = (
            f"POST {door.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Chatwoot-Delivery: {uuid.uuid4()}",
            f"X-Chatwoot-Timestamp: {timestamp}",
            f"X-Chatwoot-Signature: {sign(door.secret, timestamp, body)}",
        )
        yield "\r\n".join((*lines, "", "")).encode() + body


def in_turn(doors: Sequence[Door], bodies: Sequence[bytes], count: int) -> list[bytes]:
    """`count` requests over all doors and bodies in turn."""
    return list(requests_of(islice(zip(cycle(doors), cycle(bodies), strict=False), count)))
