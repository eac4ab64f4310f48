"""By which ways a message reaches a person, and the proof each gives. Ponte ships mail; the bridge registers its chat.

`hand_over` is the only way out: it asks the gate first, and writes down what was decided.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import make_msgid
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from consent.decisions import decide
from consent.encryption import Actor
from consent.models import Clinic, ContactPoint, DataSubject, IdentityCode, RequestItem
from consent.policy import Action, Category, Purpose
from consent.requests.contacts import Contact


class CouldNotSend(Exception):
    """The way is there but did not take the message now; try again later."""


class NoWay(Exception):
    """None of the registered ways reaches this contact."""


@dataclass(frozen=True)
class Message:
    """What is to reach somebody. `subject` is the person, or the holder of the file of somebody unknown.

    `write` makes or opens the words when they leave, so that whoever keeps the message keeps no words; `about` is what a
    way that sends later names instead.
    """

    clinic: Clinic
    contact: Contact
    subject: DataSubject
    title: str
    write: Callable[[], str] = field(repr=False)
    by: Actor
    about: RequestItem | IdentityCode | None = None
    purpose: Purpose = Purpose.REQUESTS


@dataclass(frozen=True)
class Sent:
    """Proof: the id the way gave to the message, and the hash of exactly what was handed over."""

    ref: str
    sha256: str

    @classmethod
    def of(cls, ref: str, text: str) -> "Sent":
        return cls(ref, hashlib.sha256(text.encode()).hexdigest())


class Channel(Protocol):
    """A way to people. `send` returns within seconds and is called outside of every transaction."""

    route: str  # of RequestItem.Route

    def reaches(self, contact: Contact, subject: DataSubject, *, now: datetime) -> bool:
        """Whether a message may be sent now: for a chat, whether its reply window is open. Asks no partner."""
        ...

    def send(self, message: Message, *, now: datetime) -> Sent | None:
        """Hand the message over; None when it was taken over to be sent once, in a moment: the proof comes through
        `sending.arrived`, or `sending.came_back` says that it will not. Raises CouldNotSend."""
        ...

    def take_back(self, item: RequestItem, *, now: datetime) -> bool:
        """Stop what was taken over; False when it may have left already."""
        ...


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """An app brings a way; called in its `ready()`. One of the same route takes the place of an earlier one."""
    _channels[channel.route] = channel


def channel(route: str) -> Channel | None:
    return _channels.get(route)


def hand_over(way: Channel, message: Message, *, now: datetime) -> Sent | None:
    """Ask the gate and send; as `Channel.send`. Raises NoWay when the gate says no, CouldNotSend."""
    decision = decide(
        message.subject, purpose=message.purpose, category=Category.ADMINISTRATIVE, action=Action.SEND, now=now
    )
    if not decision.allowed:
        raise NoWay
    return way.send(message, now=now)


class Mail:
    """Django's mail. What is sent is told in the words of the letter, nothing in its subject line."""

    route = "email"

    def reaches(self, contact: Contact, subject: DataSubject, *, now: datetime) -> bool:
        return contact.kind == ContactPoint.Kind.EMAIL and settings.MAIL_IS_SET_UP

    def send(self, message: Message, *, now: datetime) -> Sent:
        text, ref = message.write(), make_msgid(domain=settings.DEFAULT_FROM_EMAIL.rpartition("@")[2])
        mail = EmailMessage(message.title, text, to=[message.contact.value], headers={"Message-ID": ref})
        try:
            mail.send()
        except OSError as error:
            # The chain is cut: what the mail server said repeats the address.
            raise CouldNotSend(type(error).__name__) from None
        return Sent.of(ref, text)

    def take_back(self, item: RequestItem, *, now: datetime) -> bool:
        """Nothing ever waits here."""
        return False
