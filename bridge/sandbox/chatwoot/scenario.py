"""Example conversations in three phases, each saying exactly what a receiver must have seen after it.

`open`: new people write. `reply`: the reception answers, things are edited, deleted, corrected; one person is written
to in a second conversation. `resolve`: everything is resolved. A phase sends its webhooks and returns its
`Expectation`; between phases the caller may wait for the CRM. Who plays in a batch is kept in the store, so that the
phases of one batch may run in different processes, and a second batch brings new people.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from . import scenario_texts as texts
from .conversations import ConversationActions
from .dispatch import NEW_ID, SAME_ID, Emission, Tally
from .example_account import ACCOUNT_ID, EMAIL_INBOX_ID, FINANCE_INBOX_ID, WHATSAPP_INBOX_ID
from .payloads import event_subject
from .rows import MICROSECONDS, Batch, Conversation, Json
from .store import Store

PHASES = ("open", "reply", "resolve")
ZONE = ZoneInfo("America/Sao_Paulo")

# The mix of people, in turn. From four conversations on the last one opened is foreign; from six on the first person
# gets a second conversation.
_ROLES = ("phone", "phone_email", "no_ninth", "email", "phone", "phone", "phone_email", "phone")
_FOREIGN_FROM, _RETURNING_FROM = 4, 6

# The contract's own example person has the telephone number of person 17.
_FIRST_PERSON = 17


class ScenarioError(ValueError):
    """The phase does not fit: unknown, already over, or its batch does not exist."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a bridge that owns `inbox_ids` must hold. Deleted messages count; notes, activities and foreign ones do not.

    `local_days` are [conversation id, YYYY-MM-DD] in São Paulo with at least one message: the notes to be written.
    `first_responses` and `resolved` count leads.
    """

    persons: int
    leads: int
    conversations: int
    messages: int
    incoming: int
    outgoing: int
    templates: int
    deleted: int
    notes: int
    first_responses: int
    resolved: int
    local_days: list[list[Any]]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one phase sends, if no fault comes between, and what must be there after it.

    `webhooks` counts POSTs: `duplicates` of them repeat a delivery id, `repeats` tell an event again under a new id,
    `foreign` are about conversations of inboxes the bridge does not own, `foreign_contacts` about people who only have
    such conversations. `figures` covers this batch from its first phase on.
    """

    batch: int
    phase: str
    webhooks: int
    duplicates: int
    repeats: int
    foreign: int
    foreign_contacts: int
    by_event: dict[str, int]
    contact_ids: list[int]
    conversation_ids: list[int]
    foreign_conversation_ids: list[int]
    figures: Figures

    def as_json(self) -> Json:
        return asdict(self)


class Scenario:
    """Plays batches on a simulated Chatwoot."""

    def __init__(self, chat: ConversationActions) -> None:
        self.chat = chat
        self.store: Store = chat.store
        self._lock = threading.Lock()

    def run(
        self,
        phase: str,
        *,
        conversations: int = 10,
        seed: int = 1,
        offset: int | None = None,
        inboxes: Iterable[int] = (WHATSAPP_INBOX_ID,),
        batch: int | None = None,
    ) -> Expectation:
        """Plays one phase. `open` makes a batch of `conversations`; the others play on `batch`, or the newest.

        `offset` numbers the first new person, None continues after the last one ever made. `inboxes` are those the
        bridge owns; people without a telephone write by e-mail if the e-mail inbox is among them. Raises
        `ScenarioError`.
        """
        if phase not in PHASES:
            raise ScenarioError(f"phase must be one of {', '.join(PHASES)}")
        acts: dict[str, Callable[[Batch, random.Random], None]] = {
            "open": self._open,
            "reply": self._reply,
            "resolve": self._resolve,
        }
        with self._lock:
            new = phase == "open"
            playing = self._new_batch(conversations, seed, offset, list(inboxes)) if new else self._batch(batch)
            self._begin(playing, phase)
            dice = random.Random(f"{playing.seed}:{playing.offset}:{phase}")
            with self.chat.dispatcher.tally() as tally:
                acts[phase](playing, dice)
            return self._expectation(playing, phase, tally)

    def _begin(self, batch: Batch, phase: str) -> None:
        """Phases follow each other, each once."""
        due = next((name for name in PHASES if name not in batch.phases), None)
        if phase != due:
            raise ScenarioError(f"batch {batch.id}: {f'{due} is next' if due else 'all phases are over'}")
        with self.store.lock:
            batch.phases.append(phase)

    # -- phases

    def _open(self, batch: Batch, dice: random.Random) -> None:
        """Each person writes twice; every third burst has a duplicate, every fifth a repeat."""
        for place, role in enumerate(_roles(batch.size)):
            person = texts.person(batch.offset + place, role, dice)
            inbox_id = _inbox(role, batch)
            with self.chat.dispatcher.burst() as burst:
                contact = self.chat.create_contact(
                    name=person.name, phone_number=person.phone_number, email=person.email
                )
                if role == "email" and inbox_id != EMAIL_INBOX_ID:
                    # WhatsApp users may hide their number: a business-scoped id is the address (contract section 6).
                    self.chat.add_contact_inbox(contact, inbox_id, f"BR.{10**17 + batch.offset + place}")
                text = texts.FINANCE_OPENING if role == "foreign" else dice.choice(texts.OPENINGS)
                conversation = self.chat.start_conversation(contact.id, text, inbox_id=inbox_id)
                if role != "foreign":
                    _mark(burst, place, dice)
            if role != "foreign":
                self._follow_up(conversation, place, dice)
            self._remember(batch, role, contact.id, conversation)

    def _follow_up(self, conversation: Conversation, place: int, dice: random.Random) -> None:
        """A second message; now and then a picture without text."""
        if place % 5 == 1:
            picture = self.chat.attachment("carteirinha.jpg", "image/jpeg", size=91_240)
            self.chat.incoming(conversation.display_id, None, attachments=[picture])
        else:
            self.chat.incoming(conversation.display_id, dice.choice(texts.FOLLOW_UPS))

    def _reply(self, batch: Batch, dice: random.Random) -> None:
        """The reception answers and is answered; then the special cases of the first conversations."""
        own = [role for role in batch.roles if role["role"] != "foreign"]
        answers, replies = [], []
        for place, role in enumerate(own):
            number = role["conversation"]
            with self.chat.dispatcher.burst() as burst:
                files = [self.chat.attachment("orientacoes.pdf", "application/pdf")] if place % 4 == 0 else []
                self.chat.outgoing(number, dice.choice(texts.REPLIES), attachments=files)
                if place % 4 == 1:
                    _repeat(burst, "message_created", SAME_ID)
            answers.append(self.chat.incoming(number, dice.choice(texts.ANSWERS)).id)
            replies.append(self.chat.outgoing(number, dice.choice(texts.CONFIRMATIONS)).id)
            self.chat.set_message_status(replies[-1], "read")
        self.chat.edit_message(answers[0], texts.EDITED)
        self.chat.delete_message(replies[1 % len(own)])
        self._first_person_again(own[0], batch)

    def _first_person_again(self, first: Json, batch: Batch) -> None:
        """A note, a label, a better-known person, and a second conversation that the reception begins."""
        self.chat.private_note(first["conversation"], texts.NOTE)
        self.chat.set_labels(first["conversation"], ["agendamento"])
        contact = self.store.contacts[first["contact"]]
        self.chat.update_contact(
            contact.id,
            name=f"{contact.name} Prado",
            email=texts.email_of(contact.name, batch.offset),
            custom_attributes={"convenio": "Unimed"},
        )
        if batch.size >= _RETURNING_FROM:
            again = self.chat.open_conversation(contact.id, inbox_id=WHATSAPP_INBOX_ID)
            self.chat.outgoing(again.display_id, texts.RETURN_CALL)
            self.chat.incoming(again.display_id, texts.RETURN_ANSWER)
            self._remember(batch, "returning", contact.id, again)

    def _resolve(self, batch: Batch, dice: random.Random) -> None:
        """All are resolved; some hear it twice."""
        for place, role in enumerate(batch.roles):
            with self.chat.dispatcher.burst() as burst:
                self.chat.set_status(role["conversation"], "resolved")
                if role["role"] != "foreign" and place % 3 == 1:
                    _repeat(burst, "conversation_status_changed", SAME_ID)

    # -- batches

    def _new_batch(self, size: int, seed: int, offset: int | None, inbox_ids: list[int]) -> Batch:
        if size < 1:
            raise ScenarioError("at least one conversation is needed")
        if WHATSAPP_INBOX_ID not in inbox_ids:
            raise ScenarioError(f"the scenario plays in inbox {WHATSAPP_INBOX_ID}, which must be among the inboxes")
        with self.store.lock:
            ranges = [(batch.offset, batch.offset + batch.size) for batch in self.store.batches.values()]
            first = max((end for _, end in ranges), default=_FIRST_PERSON) if offset is None else offset
            if any(first < end and begin < first + size for begin, end in ranges):
                raise ScenarioError(f"offset {first}: some of these people exist already")
            return self.store.add(Batch(self.store.next_id("batches"), seed, first, size, inbox_ids))

    def _remember(self, batch: Batch, role: str, contact_id: int, conversation: Conversation) -> None:
        with self.store.lock:
            batch.roles.append({"role": role, "contact": contact_id, "conversation": conversation.display_id})

    def _batch(self, number: int | None) -> Batch:
        with self.store.lock:
            batch = self.store.batches.get(number or max(self.store.batches, default=0))
        if batch is None:
            raise ScenarioError("no such batch; play the phase open first")
        return batch

    # -- expectations

    def _expectation(self, batch: Batch, phase: str, tally: Tally) -> Expectation:
        with self.store.lock:
            own = [role for role in batch.roles if role["role"] != "foreign"]
            strangers = {role["contact"] for role in batch.roles if role["role"] == "foreign"}
            conversations = [self.store.conversation(role["conversation"], ACCOUNT_ID) for role in own]
            foreign, foreign_contacts = _foreign(tally, self.store, batch.inbox_ids, strangers)
            return Expectation(
                batch=batch.id,
                phase=phase,
                webhooks=tally.deliveries,
                duplicates=tally.same_id,
                repeats=tally.new_id,
                foreign=foreign,
                foreign_contacts=foreign_contacts,
                by_event=dict(tally.by_event),
                contact_ids=sorted({role["contact"] for role in own}),
                conversation_ids=[role["conversation"] for role in own],
                foreign_conversation_ids=[role["conversation"] for role in batch.roles if role["role"] == "foreign"],
                figures=figures(self.store, conversations),
            )


def figures(store: Store, conversations: list[Conversation]) -> Figures:
    """What these conversations must have become. Callers hold the store's lock."""
    messages = [message for row in conversations for message in store.messages_of(row) if message.is_public]
    kinds = [message.message_type for message in messages]
    numbers = {row.id: row.display_id for row in conversations}
    days = sorted({(numbers[one.conversation_id], local_day(one.created_at)) for one in messages})
    persons = {row.contact_id for row in conversations}
    return Figures(
        persons=len(persons),
        leads=len(persons),
        conversations=len(conversations),
        messages=len(messages),
        incoming=kinds.count("incoming"),
        outgoing=kinds.count("outgoing"),
        templates=kinds.count("template"),
        deleted=sum(bool(message.content_attributes.get("deleted")) for message in messages),
        notes=len(days),
        first_responses=len({row.contact_id for row in conversations if row.first_reply_created_at}),
        resolved=len({row.contact_id for row in conversations if row.status == "resolved"}),
        local_days=[list(day) for day in days],
    )


def local_day(moment: int) -> str:
    return datetime.fromtimestamp(moment // MICROSECONDS, ZONE).date().isoformat()


def _roles(size: int) -> list[str]:
    """The people of the phase `open`: the returning one's second conversation comes later."""
    opened = size - 1 if size >= _RETURNING_FROM else size
    roles = [_ROLES[place % len(_ROLES)] for place in range(opened)]
    if size >= _FOREIGN_FROM:
        roles[-1] = "foreign"
    return roles


def _inbox(role: str, batch: Batch) -> int:
    if role == "foreign":
        return FINANCE_INBOX_ID
    return EMAIL_INBOX_ID if role == "email" and EMAIL_INBOX_ID in batch.inbox_ids else WHATSAPP_INBOX_ID


def _mark(burst: list[Emission], place: int, dice: random.Random) -> None:
    """Which event of an opening burst is told twice, and how."""
    if place % 3 == 0:
        dice.choice(burst).repeat = SAME_ID
    elif place % 5 == 2:
        dice.choice(burst).repeat = NEW_ID


def _repeat(burst: list[Emission], name: str, how: str) -> None:
    next(one for one in burst if one.event.name == name).repeat = how


def _foreign(tally: Tally, store: Store, inbox_ids: list[int], strangers: set[int]) -> tuple[int, int]:
    """POSTs about foreign conversations, and about people who have no other."""
    conversations, people = 0, 0
    for emission, webhooks in tally.emissions:
        copies = webhooks * (2 if emission.repeat else 1)
        conversation = event_subject(emission.event, store)
        if conversation is not None:
            conversations += copies * (conversation.inbox_id not in inbox_ids)
        elif emission.event.object_id in strangers:
            people += copies
    return conversations, people
