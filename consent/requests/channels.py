"""By which ways a message reaches a person, and the proof each gives. Ponte ships mail; the bridge registers its chat."""

import hashlib
from dataclasses import dataclass, field
from email.utils import make_msgid
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from consent.models import Clinic, ContactPoint, DataSubject
from consent.requests.contacts import Contact


class CouldNotSend(Exception):
    """The way is there but did not take the message now; try again later."""


class NoWay(Exception):
    """None of the registered ways reaches this contact."""


@dataclass(frozen=True)
class Message:
    """What is to reach somebody. `subject` is who the clinic knows under the contact; None when nobody."""

    clinic: Clinic
    contact: Contact
    subject: DataSubject | None
    title: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Sent:
    """Proof: the id the way gave to the message, and the hash of exactly what was handed over."""

    ref: str
    sha256: str


class Channel(Protocol):
    """A way to people. `send` returns within seconds and is called outside of every transaction."""

    route: str  # of RequestItem.Route

    def reaches(self, contact: Contact, subject: DataSubject | None) -> bool:
        """Whether a message may be sent now: for a chat, whether its reply window is open. Asks no partner."""
        ...

    def send(self, message: Message) -> Sent:
        """Hand the message over. Raises CouldNotSend."""
        ...


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """An app brings a way; called in its `ready()`. One of the same route takes the place of an earlier one."""
    _channels[channel.route] = channel


def channel(route: str) -> Channel | None:
    return _channels.get(route)


def send_by_any(message: Message) -> Sent | None:
    """Hand over by the first way that reaches the contact; None when there is none. Raises CouldNotSend."""
    for route in ("chat", "email"):
        way = _channels.get(route)
        if way and way.reaches(message.contact, message.subject):
            return way.send(message)
    return None


class Mail:
    """Django's mail. What is sent is told in the words of the letter, nothing in its subject line."""

    route = "email"

    def reaches(self, contact: Contact, subject: DataSubject | None) -> bool:
        return contact.kind == ContactPoint.Kind.EMAIL and settings.MAIL_IS_SET_UP

    def send(self, message: Message) -> Sent:
        ref = make_msgid(domain=settings.DEFAULT_FROM_EMAIL.rpartition("@")[2])
        mail = EmailMessage(message.title, message.text, to=[message.contact.value], headers={"Message-ID": ref})
        try:
            mail.send()
        except OSError as error:
            # The chain is cut: what the mail server said repeats the address.
            raise CouldNotSend(type(error).__name__) from None
        return Sent(ref=ref, sha256=hashlib.sha256(message.text.encode()).hexdigest())
