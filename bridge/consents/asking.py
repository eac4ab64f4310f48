"""Having Ponte say something to a person: the wish goes through the contact's lane, the gate and the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from audit.services import record
from bridge.models import Connection, ObservedContact, ObservedConversation, ObservedMessage, Saying, Wish
from bridge.models.inbound import lane_of
from bridge.sync.lanes import mark_dirty
from consent.consents.state import may_ask_many
from consent.encryption import Actor

WINDOWED = frozenset({"Channel::Whatsapp"})  # contract Chatwoot 5.6
WINDOW = timedelta(hours=24)
SYSTEM = "consents"


class NotAsked(Exception):
    """Nobody was asked; `code` says why (bridge.consents.asking.Candidate)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Candidate:
    """Somebody who might be asked, where, and why not: a code of consent.consents.state.WhyNot or one of ours."""

    contact: ObservedContact
    conversation: ObservedConversation | None
    why_not: str = ""
    until: datetime | None = None


def candidates(
    connection: Connection, contacts: Sequence[ObservedContact], consent_type: str, *, now: datetime
) -> list[Candidate]:
    """Whether and where each contact of a connection may be asked now: nine queries for all. Raises NotAskedHere.

    As far as Ponte knows: before sending, Chatwoot itself is asked whether the conversation takes a message.
    """
    may = may_ask_many([contact.subject for contact in contacts], consent_type, now=now)
    talks = open_talks(contacts, now)
    asked = Saying.objects.filter(
        contact__in=contacts, kind=Saying.Kind.QUESTION, consent_type=consent_type, wish__state=Wish.State.OPEN
    )
    waiting = set(asked.values_list("contact", flat=True))
    found = []
    for contact in contacts:
        talk, one = talks.get(contact.pk), may[contact.subject_id]
        why_not = str(one.reason or "")
        if not why_not and connection.state != Connection.State.ACTIVE:
            why_not = "not_active"
        if not why_not and talk is None:
            why_not = "window_closed"
        if not why_not and contact.pk in waiting:
            why_not = "asked"
        found.append(Candidate(contact, talk, why_not, one.until))
    return found


def open_talks(contacts: Sequence[ObservedContact], now: datetime) -> dict[UUID, ObservedConversation]:
    """The latest conversation of each contact that takes a message now: two queries."""
    is_open = _open_windows(contacts, now)
    return {pk: talk for pk, talk in _latest(contacts).items() if talk.channel not in WINDOWED or pk in is_open}


def _latest(contacts: Sequence[ObservedContact]) -> dict[UUID, ObservedConversation]:
    rows = ObservedConversation.objects.filter(contact__in=contacts, gone_at=None)
    latest = F("last_activity_at").desc(nulls_last=True)
    newest = rows.select_related("contact").order_by("contact", latest, "-chatwoot_conversation_id")
    return {row.contact_id: row for row in newest.distinct("contact")}


def _open_windows(contacts: Sequence[ObservedContact], now: datetime) -> set[UUID]:
    """Contacts that wrote in the last 24 hours."""
    incoming = ObservedMessage.objects.filter(
        conversation__contact__in=contacts, direction=ObservedMessage.Direction.INCOMING, sent_at__gt=now - WINDOW
    )
    return set(incoming.order_by().values_list("conversation__contact", flat=True).distinct())


def ask(contact: ObservedContact, consent_type: str, *, actor: Actor, via: str, now: datetime) -> Saying:
    """Have the person asked for a consent. Raises NotAsked, NotAskedHere."""
    found = candidates(contact.connection, [contact], consent_type, now=now)[0]
    if found.why_not or found.conversation is None:
        raise NotAsked(found.why_not or "window_closed")
    with transaction.atomic():
        saying = say(found.conversation, Saying.Kind.QUESTION, consent_type=consent_type, actor=actor, via=via)
        record(
            action="consent.ask",
            actor_type=actor.kind,
            actor_id=actor.ref,
            clinic_id=contact.connection.clinic_id,
            subject=contact.subject.pseudonym,
            object_type="bridge.Wish",
            object_id=str(saying.pk),
            reason_code=via,
            own_connection=False,
        )
    return saying


def reply(
    contact: ObservedContact, conversation: ObservedConversation, kind: str, *, to: int, now: datetime, sent_at: datetime,
    consent_type: str = "",
) -> None:  # fmt: skip
    """Answer one message of the person, once; nothing for messages that are read long after they were written."""
    if sent_at < now - WINDOW:
        return
    known = Saying.objects.filter(
        connection=contact.connection, reply_to=to, kind=kind, consent_type=consent_type
    )  # fmt: skip
    if not known.exists():
        say(conversation, kind, consent_type=consent_type, actor=Actor.system(SYSTEM), via=Wish.Via.CHAT, reply_to=to)


def say(conversation: ObservedConversation, kind: str, *, actor: Actor, via: str, **about: Any) -> Saying:
    """Store a message to the conversation's person, in the caller's transaction; `about` are columns of its row."""
    contact = conversation.contact
    wish = Wish.objects.create(
        connection_id=contact.connection_id, contact=contact, conversation=conversation, kind=Wish.Kind.SAY, via=via,
        asked_by=actor.user, asked_by_ref=actor.ref[:60],
    )  # fmt: skip
    saying = Saying.objects.create(wish=wish, connection_id=contact.connection_id, contact=contact, kind=kind, **about)
    mark_dirty(contact.connection_id, lane_of(contact.chatwoot_contact_id))
    return saying
