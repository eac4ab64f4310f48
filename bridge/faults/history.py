"""Seeded histories: what happens in the simulated chat, and its deliveries repeated, late and out of order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.sandbox.chatwoot import ACCOUNT_ID, FINANCE_INBOX_ID, WHATSAPP_INBOX_ID, ChatwootSandbox, Delivery
from bridge.sandbox.chatwoot import scenario_texts as texts

SPAN = timedelta(days=3)
EVENTS_PER_PERSON = 40
EVENTS_PER_ACTION = 3
CONVERSATIONS_EACH = 3
# Deliveries waiting side by side, any of which may be next; some wait much longer.
SHUFFLED = 60
LATE, LATE_BY = 0.05, (50, 300)
REPEATED_ID, REPEATED_EVENT = 0.08, 0.05
LATE_BODIES = 0.3
# Numbers of changed telephones and addresses: nobody's first one.
CHANGED = 500_000


def is_ours(delivery: Delivery) -> bool:
    """Whether the bridge must keep this delivery: it is not about an inbox of others. Contact events name no inbox."""
    body = json.loads(delivery.body)
    conversation = body if body["event"].startswith("conversation_") else body.get("conversation", {})
    return bool(conversation.get("inbox_id", WHATSAPP_INBOX_ID) == WHATSAPP_INBOX_ID)


class SlowClock:
    """Time of the simulated chat. The history moves it, so that a few minutes of sending hold several local days."""

    def __init__(self, begin: float) -> None:
        self.begin = self.now = begin

    def __call__(self) -> float:
        return self.now


class History:
    """Plays on a simulated chat, a little ahead of what was sent. The same seed plays the same history."""

    def __init__(self, chat: ChatwootSandbox, clock: SlowClock, *, events: int, seed: int) -> None:
        self.events = events
        # Earliest time any body showed a conversation resolved: the final state may have it open again.
        self.resolved: dict[int, datetime] = {}
        self._chat = chat
        self._clock = clock
        self._dice = random.Random(f"history:{seed}")  # noqa: S311 - repeatable, not secret
        self._people = max(5, events // EVENTS_PER_PERSON)
        self._step_s = SPAN.total_seconds() / max(1, events // EVENTS_PER_ACTION)
        self._contacts: list[int] = []
        self._conversations: list[int] = []
        self._strangers = 0
        self._counted = 0

    def deliveries(self) -> Iterator[Delivery]:
        """Every delivery in the order to send them: shuffled, some twice, some very late."""
        dice = self._dice
        waiting: list[Delivery] = []
        late: list[tuple[int, Delivery]] = []
        made = sent = 0
        while made < self.events or waiting or late:
            while made < self.events and len(waiting) < SHUFFLED:
                for delivery in self._with_repeats(self._next_deliveries()):
                    made += 1
                    if dice.random() < LATE:
                        late.append((sent + dice.randint(*LATE_BY), delivery))
                    else:
                        waiting.append(delivery)
            nothing_else = made >= self.events and not waiting
            waiting += [delivery for due, delivery in late if due <= sent or nothing_else]
            late = [(due, delivery) for due, delivery in late if due > sent and not nothing_else]
            if waiting:
                yield waiting.pop(dice.randrange(len(waiting)))
                sent += 1

    def _with_repeats(self, deliveries: Sequence[Delivery]) -> Iterator[Delivery]:
        """Chatwoot repeats jobs (same id) and events (new id): contract Chatwoot 3, rule 2."""
        for delivery in deliveries:
            yield delivery
            chance = self._dice.random()
            if chance < REPEATED_ID:
                yield delivery.sent_again(delivery.timestamp)
            elif chance < REPEATED_ID + REPEATED_EVENT:
                yield delivery.dispatched_again(delivery.timestamp)

    def _next_deliveries(self) -> list[Delivery]:
        """What one action sends; now and then what several send, with bodies that all show the last state (rule 4)."""
        is_late = self._dice.random() < LATE_BODIES
        with self._chat.capture(late=is_late) as captured:
            for _ in range(self._dice.randint(2, 6) if is_late else 1):
                self._act(may_change_status=not is_late)
        for delivery in captured:
            self._note_resolution(json.loads(delivery.body))
        return list(captured)

    def _note_resolution(self, body: dict[str, Any]) -> None:
        conversation = body if body["event"].startswith("conversation_") else body.get("conversation")
        if conversation and conversation["status"] == "resolved":
            shown_at = datetime.fromtimestamp(conversation["updated_at"], UTC)
            number = conversation["id"]
            self.resolved[number] = min(shown_at, self.resolved.get(number, shown_at))

    # What happens ---------------------------------------------------------------------------------------------------

    def _act(self, *, may_change_status: bool) -> None:
        """One thing somebody does. Late bodies would hide a status that is undone at once, so it changes without them."""
        self._clock.now += self._dice.expovariate(1 / self._step_s)
        # New people come during the first half.
        share = (self._clock.now - self._clock.begin) / (SPAN.total_seconds() / 2)
        if len(self._contacts) < min(self._people, 1 + self._people * share):
            self._new_person()
            return
        actions = ACTIONS if may_change_status else [pair for pair in ACTIONS if pair[0] not in STATUS_CHANGES]
        action = self._dice.choices([act for act, _ in actions], [weight for _, weight in actions])[0]
        action(self)

    def _new_person(self) -> None:
        index = len(self._contacts) + self._strangers
        role = self._dice.choice(("phone", "phone", "phone_email", "no_ninth", "email"))
        person = texts.person(index, role, self._dice)
        contact = self._chat.create_contact(name=person.name, phone_number=person.phone_number, email=person.email)
        if role == "email":
            # WhatsApp users may hide their number: a business-scoped id is the address (contract section 6).
            self._chat.add_contact_inbox(contact, WHATSAPP_INBOX_ID, f"BR.{10**17 + index}")
        self._contacts.append(contact.id)
        self._converse(contact.id)

    def _converse(self, contact_id: int) -> None:
        conversation = self._chat.start_conversation(contact_id, self._text(texts.OPENINGS))
        self._conversations.append(conversation.display_id)

    def _stranger_writes(self) -> None:
        """Somebody in an inbox that is not the bridge's: nothing of it may reach the CRM."""
        person = texts.person(len(self._contacts) + self._strangers, "foreign", self._dice)
        self._strangers += 1
        contact = self._chat.create_contact(name=person.name, phone_number=person.phone_number)
        self._chat.start_conversation(contact.id, texts.FINANCE_OPENING, inbox_id=FINANCE_INBOX_ID)

    def _incoming(self) -> None:
        chat, dice = self._chat, self._dice
        if dice.random() < 0.1:
            picture = chat.attachment("carteirinha.jpg", "image/jpeg", size=91_240)
            chat.incoming(self._conversation(), None, attachments=[picture])
        else:
            chat.incoming(self._conversation(), self._text(texts.ANSWERS))

    def _outgoing(self) -> None:
        self._chat.outgoing(self._conversation(), self._text(texts.REPLIES))

    def _phone_app(self) -> None:
        self._chat.phone_app_message(self._conversation(), self._text(texts.CONFIRMATIONS))

    def _edit(self) -> None:
        message_id = self._some_message()
        if message_id:
            self._chat.edit_message(message_id, self._text((texts.EDITED,)))

    def _delete(self) -> None:
        message_id = self._some_message()
        if message_id:
            self._chat.delete_message(message_id)

    def _read_receipt(self) -> None:
        message_id = self._some_message()
        if message_id:
            self._chat.set_message_status(message_id, self._dice.choice(("delivered", "read")))

    def _private_note(self) -> None:
        self._chat.private_note(self._conversation(), self._text((texts.NOTE,)))

    def _label(self) -> None:
        labels = self._dice.sample(["agendamento", "convenio", "retorno"], self._dice.randint(0, 2))
        self._chat.set_labels(self._conversation(), labels)

    def _assign(self) -> None:
        self._chat.assign_team(self._conversation(), self._dice.choice((None, 2, 3)))

    def _another_conversation(self) -> None:
        contact_id = self._dice.choice(self._contacts)
        if len(self._chat.store.conversations_of(contact_id)) < CONVERSATIONS_EACH:
            self._converse(contact_id)

    def _rename(self) -> None:
        self._counted += 1
        name = f"{self._dice.choice(texts.FIRST_NAMES)} {self._dice.choice(texts.LAST_NAMES)}"
        self._chat.update_contact(self._dice.choice(self._contacts), name=name)

    def _new_address(self) -> None:
        self._counted += 1
        email = f"contato.{self._counted}@exemplo.com.br"
        self._chat.update_contact(self._dice.choice(self._contacts), email=email)

    def _new_telephone(self) -> None:
        self._counted += 1
        phone = texts.phone_of(CHANGED + self._counted, ninth=True)
        self._chat.update_contact(self._dice.choice(self._contacts), phone_number=phone)

    def _more_known(self) -> None:
        self._chat.update_contact(self._dice.choice(self._contacts), custom_attributes={"convenio": "Unimed"})

    def _resolve(self) -> None:
        self._chat.set_status(self._conversation(), "resolved")

    def _reopen(self) -> None:
        self._chat.set_status(self._conversation(), self._dice.choice(("open", "open", "pending")))

    # Choices --------------------------------------------------------------------------------------------------------

    def _conversation(self) -> int:
        return self._dice.choice(self._conversations)

    def _some_message(self) -> int | None:
        """A message that can be edited or deleted; None where all are gone already."""
        conversation = self._chat.store.conversation(self._conversation(), ACCOUNT_ID)
        alive = [
            message.id
            for message in self._chat.store.messages_of(conversation)
            if message.message_type in ("incoming", "outgoing") and not message.content_attributes.get("deleted")
        ]
        return self._dice.choice(alive) if alive else None

    def _text(self, choices: Sequence[str]) -> str:
        """A text nobody else wrote, so that each is recognised in the CRM."""
        self._counted += 1
        return f"{self._dice.choice(choices)} ({self._counted})"


STATUS_CHANGES = (History._resolve, History._reopen)
ACTIONS = (
    (History._incoming, 30),
    (History._outgoing, 22),
    (History._phone_app, 2),
    (History._edit, 7),
    (History._delete, 4),
    (History._read_receipt, 4),
    (History._private_note, 3),
    (History._label, 3),
    (History._assign, 2),
    (History._another_conversation, 4),
    (History._rename, 4),
    (History._new_address, 2),
    (History._new_telephone, 2),
    (History._more_known, 2),
    (History._resolve, 7),
    (History._reopen, 3),
    (History._stranger_writes, 1),
)
