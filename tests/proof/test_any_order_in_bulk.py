"""A thousand contacts, a hundred events each, shuffled and repeated: the same end as in order, nothing lost.

The suite tells a smaller number; PONTE_PROOF_CONTACTS=1000 tells the whole. Bodies are those of the simulated Chatwoot,
stored by the intake's statement and observed set-based, as workers do it; the CRM's part is compared for a sample.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import F

from bridge.models import (
    Connection,
    ConversationDay,
    Effect,
    Lane,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    WebhookEvent,
)
from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.lanes import Claims
from bridge.sync.worker import take_in
from bridge.webhooks.chatwoot import judge
from bridge.webhooks.intake import Delivery as Stored
from bridge.webhooks.intake import Receipt, delivery_key, store
from bridge.webhooks.registry import read
from tests.bridge.connected_clinic import Bridge, make_bridge
from tests.proof.story import Clock

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

CONTACTS = int(os.environ.get("PONTE_PROOF_CONTACTS", "12"))
EVENTS_EACH = 100
REPEATED = 0.1  # share of events that come once more, half of them under another id
SAMPLE = 3


def a_hundred_events(chat: ChatwootSandbox, clock: Clock, dice: random.Random, who: int) -> list[Delivery]:
    """Many small things in the life of one contact, over some days, as one of the two webhooks tells them."""
    with chat.capture() as told:
        conversation = chat.new_person_writes("Oi", name=f"Pessoa {who}", phone_number=f"+55119{who:08}").display_id
        said: list[int] = []
        while len(told) < 2 * EVENTS_EACH:
            clock.now += dice.choice([1, 30, 600, 20_000])
            deed = dice.random()
            if deed < 0.6 or not said:
                speak = dice.choice([chat.incoming, chat.outgoing])
                said.append(speak(conversation, f"Mensagem {len(said)} de {who}").id)
            elif deed < 0.7:
                chat.edit_message(dice.choice(said), f"Corrigida {len(told)}")
            elif deed < 0.75:
                chat.delete_message(said.pop(dice.randrange(len(said))))
            elif deed < 0.9:
                chat.set_status(conversation, dice.choice(["open", "resolved", "pending", "snoozed"]))
            else:
                conversation = chat.start_conversation(chat_contact(chat, conversation), "Outra coisa").display_id
    return [delivery for delivery in told if delivery.webhook_id == told[0].webhook_id]


def chat_contact(chat: ChatwootSandbox, conversation: int) -> int:
    number: int = chat.store.conversation(conversation, 3).contact_id
    return number


def intake(bridge: Bridge, deliveries: Sequence[Delivery]) -> int:
    """Store deliveries through the intake's statement, without a web server; return how many became events."""
    scope = read(bridge.connection.public_id)
    assert scope is not None
    for told in deliveries:
        moment = datetime.fromtimestamp(told.timestamp, UTC)
        store(
            Stored(
                connection_id=scope.id,
                key=delivery_key(told.delivery_id or "", str(told.timestamp), told.body),
                receipt=Receipt.of(told.body),
                finding=judge(told.body, scope),
                arrived_at=moment,
                occurred_at=moment,
                verification=WebhookEvent.Verification.SIGNED,
            ),
            using="default",
        )
    return WebhookEvent.objects.filter(connection=bridge.connection).count()


def observe_all(bridge: Bridge) -> None:
    """Claim and observe until nothing is unread. Planning is left for the sample."""
    claims = Claims(only=bridge.connection.pk, limit=8)
    while taken := claims.take():
        full = take_in(bridge.connection, taken)
        for claim in taken:
            claim.finish(next_at=None, more=claim.lane_key in full)


def observed(connection: Connection) -> dict[str, list[Any]]:
    """Everything that was observed, without our own keys; doubts are settled with Chatwoot later, for the sample."""
    contacts = ObservedContact.objects.filter(connection=connection)
    conversations = ObservedConversation.objects.filter(connection=connection)
    messages = ObservedMessage.objects.filter(connection=connection, needs_read=False)
    days = ConversationDay.objects.filter(conversation__connection=connection)
    return {
        "contacts": list(
            contacts.order_by("chatwoot_contact_id").values_list("chatwoot_contact_id", "mask", "last_activity_at")
        ),
        "conversations": list(
            conversations.order_by("chatwoot_conversation_id").values_list(
                "chatwoot_conversation_id", "contact__chatwoot_contact_id", "status", "version", "labels",
                "first_reply_at", "resolved_at", "last_activity_at",
            )
        ),
        "messages": list(
            messages.order_by("chatwoot_message_id").values_list(
                "chatwoot_message_id", "conversation__chatwoot_conversation_id", "direction", "sent_at", "local_day",
                "is_deleted", "digest",
            )
        ),
        "days": sorted(days.values_list("conversation__chatwoot_conversation_id", "day")),
    }  # fmt: skip


def carry_out_sample(bridge: Bridge, contacts: Sequence[int]) -> dict[str, Any]:
    """Let the lanes of a few contacts be planned and carried out; return what the CRM holds of them."""
    Connection.objects.filter(pk=bridge.connection.pk).update(note_quiet_s=0)
    Lane.objects.filter(connection=bridge.connection, lane_key__in=[f"c:{number}" for number in contacts]).update(
        run_at=datetime(2001, 1, 1, tzinfo=UTC), dirty=F("dirty") + 1
    )
    for _ in range(4):
        bridge.settle()
    crm, code = bridge.crm, bridge.connection.ref_code
    assert not Effect.objects.filter(connection=bridge.connection).exclude(state__in=["confirmed", "cancelled"])
    return {
        "persons": sorted((p["name"], str(p["contact_numbers"])) for p in crm["persons"]),
        "leads": sorted((lead["title"].replace(code, ""), lead["stage_code"]) for lead in crm["leads"]),
        "notes": sorted((note["title"].replace(code, ""), note["comment"]) for note in crm["notes"]),
    }


@pytest.fixture
def two_connections(transactional_db: None) -> Iterator[tuple[Bridge, Bridge, ChatwootSandbox, Clock]]:
    """The same Chatwoot connected to two empty Krayins: one hears in order, the other does not."""
    clock = Clock()
    with (
        ChatwootSandbox(shuffle=False, clock=clock) as chat,
        SandboxKrayin(rate_limit=None) as one,
        SandboxKrayin(rate_limit=None) as other,
    ):
        in_order = make_bridge(chat, one, name="Em ordem")
        # An inbox can be in one receiving connection only; here two must hear of it.
        Connection.objects.update(state=Connection.State.DRAFT)
        shuffled = make_bridge(chat, other, name="Embaralhada")
        Connection.objects.update(state=Connection.State.ACTIVE)
        yield in_order, shuffled, chat, clock


def shuffled_with_copies(deliveries: Sequence[Delivery], dice: random.Random) -> list[Delivery]:
    mixed = list(deliveries)
    for copy in dice.sample(mixed, int(len(mixed) * REPEATED)):
        mixed.append(dice.choice([copy, copy.dispatched_again(copy.timestamp)]))
    dice.shuffle(mixed)
    return mixed


def test_shuffled_and_repeated_the_end_is_that_of_the_ordered_history(
    two_connections: tuple[Bridge, Bridge, ChatwootSandbox, Clock],
) -> None:
    in_order, shuffled, chat, clock = two_connections
    dice, took = random.Random(3), time.monotonic()
    history: list[Delivery] = []
    for who in range(CONTACTS):
        history.extend(a_hundred_events(chat, clock, dice, who))
    assert len(history) >= CONTACTS * EVENTS_EACH
    print(f"\n{CONTACTS} contacts, {len(history)} events: told {time.monotonic() - took:.0f} s")

    assert intake(in_order, history) == len(history)
    observe_all(in_order)
    mixed = shuffled_with_copies(history, dice)
    assert len(history) < intake(shuffled, mixed) < len(mixed)
    observe_all(shuffled)
    print(f"stored and observed twice {time.monotonic() - took:.0f} s")

    assert not WebhookEvent.objects.filter(status__in=["received", "parked"]).exists()
    expected, found = observed(in_order.connection), observed(shuffled.connection)
    assert found["contacts"] == expected["contacts"]
    assert found["conversations"] == expected["conversations"]
    assert found["days"] == expected["days"]
    public = [m for m in chat.store.messages.values() if m.is_public]
    for bridge in (in_order, shuffled):
        assert ObservedMessage.objects.filter(connection=bridge.connection).count() == len(public)
    sure = {row[0] for row in expected["messages"]} & {row[0] for row in found["messages"]}
    assert len(sure) > 0.8 * len(public)
    assert [r for r in found["messages"] if r[0] in sure] == [r for r in expected["messages"] if r[0] in sure]

    sample = [row[0] for row in dice.sample(expected["contacts"], min(SAMPLE, CONTACTS))]
    in_the_crm = carry_out_sample(in_order, sample)
    assert len(in_the_crm["persons"]) == len(sample)
    assert carry_out_sample(shuffled, sample) == in_the_crm
    print(f"sample carried out {time.monotonic() - took:.0f} s")
