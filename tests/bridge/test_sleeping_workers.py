"""A worker that sleeps through its lease finds its lane worked by another, and changes nothing (DESIGN section 4)."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from connected_clinic import Bridge
from django.db import connections
from django.utils import timezone

from bridge.causes import Cause
from bridge.models import Connection, Effect, Lane, ObservedContact, WebhookEvent
from bridge.sync import effects
from bridge.sync.lanes import Claim, Claims, LeaseLost
from bridge.sync.plan import plan
from bridge.sync.state import load
from bridge.sync.worker import database_now, take_in, work_lane

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

Change = Callable[[Claim, Effect], object]


def somebody_writes(bridge: Bridge) -> int:
    """A new person writes and is answered; return the conversation's number. Nobody works yet."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(conversation.display_id, "Olá Ana")
    assert set(bridge.deliver(deliveries)) == {202}
    return conversation.display_id


def overslept(bridge: Bridge) -> Claim:
    """A claim whose lease ran out, and whose lane another worker has claimed since."""
    slow = Claims().take()[0]
    Lane.objects.update(run_at=timezone.now() - timedelta(seconds=1))
    assert Claims().take()[0].token == slow.token + 1
    return slow


@pytest.mark.parametrize(
    "change",
    [
        lambda claim, effect: effects.doubt(claim, effect, finished=True),
        lambda claim, effect: effects.put_back(claim, effect, until=timezone.now()),
        lambda claim, effect: effects.try_again(claim, effect, Cause.KRAYIN_UNCERTAIN),
        lambda claim, effect: effects.reject(claim, effect, Cause.KRAYIN_REJECTED),
    ],
    ids=["doubt", "put back", "try again", "reject"],
)
def test_what_another_has_confirmed_stays_confirmed(bridge: Bridge, change: Change) -> None:
    number = somebody_writes(bridge)
    bridge.settle()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Mais uma coisa")
    bridge.deliver(deliveries)
    done = Effect.objects.get(kind="create_lead")
    with pytest.raises(LeaseLost):
        change(overslept(bridge), done)
    assert Effect.objects.get(pk=done.pk).state == "confirmed"


def test_a_plan_made_before_the_sleep_undoes_no_step(bridge: Bridge) -> None:
    somebody_writes(bridge)
    slow = Claims().take()[0]
    take_in(bridge.connection, [slow])
    before = load(bridge.connection, slow.lane_key).state
    bridge.make_due()
    bridge.work()
    states = dict(Effect.objects.values_list("kind", "state"))
    with pytest.raises(LeaseLost):
        effects.intend(bridge.connection, slow, plan(before, database_now()), before.effects)
    assert states["create_person"] == "confirmed"
    assert dict(Effect.objects.values_list("kind", "state")) == states


def test_events_are_left_to_the_one_who_has_the_lane(bridge: Bridge) -> None:
    somebody_writes(bridge)
    slow = overslept(bridge)
    take_in(bridge.connection, [slow])
    assert not ObservedContact.objects.exists()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) <= {"received", "ignored"}


def test_an_answer_of_chatwoot_that_has_grown_old_is_not_written(bridge: Bridge) -> None:
    """The sleeper asked before the name was corrected; the other worker asked after it."""
    somebody_writes(bridge)
    bridge.settle()
    slow = claimed_again(bridge, name="Ana Lima Souza")
    bridge.chatwoot.set_faults(rest="slow", rest_delay_s=1.5, rest_times=1)
    sleeper = threading.Thread(target=in_thread, args=[lambda: work_lane(bridge.connection, slow)])
    sleeper.start()
    time.sleep(0.5)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(4182, name="Ana Lima Prado")
    bridge.deliver(deliveries)
    for _ in range(2):
        bridge.make_due()
        bridge.work()
    sleeper.join()
    assert ObservedContact.objects.get().needs_read is False
    assert bridge.crm["persons"][0]["name"] == "Ana Lima Prado"
    assert Lane.objects.get().token > slow.token


def claimed_again(bridge: Bridge, *, name: str) -> Claim:
    """The contact's name differs from what is held, and a worker is about to ask for it."""
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(4182, name=name)
    bridge.deliver(deliveries)
    claim = Claims().take()[0]
    take_in(bridge.connection, [claim])
    return claim


def test_a_call_that_outlasted_the_lease_leaves_the_judgement_to_the_other(bridge: Bridge) -> None:
    """The note is made, the answer is cut off late; meanwhile another worker has found it."""
    somebody_writes(bridge)
    bridge.work()
    bridge.make_due()
    bridge.fault("slow", seconds=1.5, when="after", method="POST", path="/activities", count=1)
    bridge.fault("commit_then_cut", method="POST", path="/activities", count=1)
    slow = Claims().take()[0]
    connection = Connection.objects.select_related("clinic", "krayin").get()
    sleeper = threading.Thread(target=in_thread, args=[lambda: work_lane(connection, slow)])
    sleeper.start()
    time.sleep(0.5)
    for _ in range(2):
        bridge.make_due()
        bridge.work()
    assert Effect.objects.get(kind="create_note").state == "confirmed"
    sleeper.join()
    assert Effect.objects.get(kind="create_note").state == "confirmed"
    assert bridge.crm["counts"]["notes"] == 1


def in_thread(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()


def test_the_intake_never_waits_for_a_worker_that_sleeps_inside_a_transaction(bridge: Bridge) -> None:
    from django.db import transaction

    number = somebody_writes(bridge)
    bridge.settle()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Mais uma coisa")
    bridge.deliver(deliveries[:1])
    claim = Claims().take()[0]
    with bridge.chatwoot.capture() as more:
        bridge.chatwoot.incoming(number, "E outra")
    answers: list[int] = []
    with transaction.atomic():
        effects.fence(claim)
        other = threading.Thread(target=in_thread, args=[lambda: answers.extend(bridge.deliver(more))])
        other.start()
        other.join()
        claims: list[Claim] = []
        thief = threading.Thread(target=in_thread, args=[lambda: claims.extend(steal(claim))])
        thief.start()
        thief.join()
    assert set(answers) == {202}
    assert claims == []


def steal(claim: Claim) -> list[Claim]:
    """Try to claim a lane whose lease has run out."""
    Lane.objects.filter(lane_key=claim.lane_key).update(run_at=timezone.now() - timedelta(seconds=1))
    return Claims().take()
