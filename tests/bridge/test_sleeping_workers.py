"""A worker that sleeps through its lease finds its lane worked by another, and changes nothing (DESIGN section 4)."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from connected_clinic import Bridge, make_bridge
from django.db import connection as db
from django.db import connections, transaction
from django.utils import timezone

from bridge.causes import Cause
from bridge.models import Connection, Effect, Lane, ObservedContact, WebhookEvent
from bridge.models.connections import LONG_AGO
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.http import Request, Response
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync import effects
from bridge.sync.lanes import Claim, Claims, LeaseLost, mark_dirty
from bridge.sync.plan import plan
from bridge.sync.state import load
from bridge.sync.worker import Worker, database_now, take_in, work_lane

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
        effects.intend(bridge.connection, slow, plan(before, database_now()), before.effects, database_now())
    assert states["create_person"] == "confirmed"
    assert dict(Effect.objects.values_list("kind", "state")) == states


def test_events_are_left_to_the_one_who_has_the_lane(bridge: Bridge) -> None:
    somebody_writes(bridge)
    slow = overslept(bridge)
    take_in(bridge.connection, [slow])
    assert not ObservedContact.objects.exists()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) <= {"received", "ignored"}


class AnswersLate(ChatwootSandbox):
    """Its answers about contacts are as old as they took."""

    delay_s = 0.0

    def handle(self, request: Request) -> Response:
        response = super().handle(request)
        if "/contacts/" in request.path:
            time.sleep(self.delay_s)
        return response


def test_an_answer_of_chatwoot_that_has_grown_old_is_not_written(krayin: SandboxKrayin, transactional_db: None) -> None:
    """The sleeper's answer is from before the name was corrected; the other worker asked after it."""
    with AnswersLate(shuffle=False) as chatwoot:
        bridge = make_bridge(chatwoot, krayin)
        somebody_writes(bridge)
        bridge.settle()
        is_renamed(bridge, "Ana Lima Souza")
        slow = Claims().take()[0]
        take_in(bridge.connection, [slow])
        chatwoot.delay_s = 1.5
        sleeper = threading.Thread(target=in_thread, args=[lambda: work_lane(bridge.connection, slow)])
        sleeper.start()
        time.sleep(0.5)
        chatwoot.delay_s = 0.0
        is_renamed(bridge, "Ana Lima Prado")
        for _ in range(2):
            bridge.make_due()
            bridge.work()
        sleeper.join()
        mark_dirty(bridge.connection.pk, slow.lane_key)
        bridge.settle()
        assert bridge.crm["persons"][0]["name"] == "Ana Lima Prado"


def is_renamed(bridge: Bridge, name: str) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(4182, name=name)
    assert set(bridge.deliver(deliveries)) == {202}


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


def test_what_krayin_makes_after_it_was_looked_for_is_ours_and_follows_chatwoot(bridge: Bridge) -> None:
    """The call is so slow that it is looked for in vain; the name changes before Krayin has made the person."""
    somebody_writes(bridge)
    bridge.fault("slow", seconds=4, when="before", method="POST", path="/leads", count=1)
    slow = Claims().take()[0]
    take_in(bridge.connection, [slow])
    sleeper = threading.Thread(target=in_thread, args=[lambda: work_lane(bridge.connection, slow)])
    sleeper.start()
    until(lambda: Effect.objects.filter(kind="create_person", state="sent").exists())
    bridge.make_due()
    bridge.work()
    assert Effect.objects.get(kind="create_person").looked_up_at is not None
    is_renamed(bridge, "Helena Prado")
    sleeper.join()
    for _ in range(4):
        bridge.make_due()
        bridge.work()
    (person,) = bridge.crm["persons"]
    assert person["name"] == "Helena Prado"
    (lead,) = bridge.crm["leads"]
    assert lead["title"].startswith("Helena Prado · ")


def test_a_write_does_not_leave_long_after_it_was_announced(bridge: Bridge, settings: Any) -> None:
    """A process that was frozen in between: somebody else has looked for the write by now."""
    settings.SETTLE_S = 0
    somebody_writes(bridge)
    bridge.work()
    assert bridge.crm["persons"] == []
    assert Effect.objects.get(kind="create_person").state == "sent"
    settings.SETTLE_S = 45
    bridge.make_due()
    Lane.objects.filter(leased=True).update(run_at=LONG_AGO)
    for _ in range(3):
        bridge.work()
        bridge.make_due()
    assert len(bridge.crm["persons"]) == 1


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def in_thread(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()


def test_the_intake_never_waits_for_a_worker_that_sleeps_inside_a_transaction(bridge: Bridge) -> None:
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


END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_database_that_goes_away_is_no_error_of_the_lane(bridge: Bridge) -> None:
    """PostgreSQL ends the worker's session during a call; the worker lives, and nobody is told of an own error."""
    somebody_writes(bridge)
    bridge.fault("slow", seconds=1.0, when="after", method="POST", path="/leads", count=1)
    stop = threading.Event()
    worker = threading.Thread(target=in_thread, args=[lambda: Worker().run_forever(stop)])
    worker.start()
    time.sleep(0.5)
    with db.cursor() as cursor:
        cursor.execute(END_OTHERS)
    time.sleep(1.5)
    is_alive = worker.is_alive()
    stop.set()
    worker.join()
    assert is_alive
    assert Connection.objects.get().problem == ""
    for _ in range(3):
        bridge.make_due()
        bridge.work()
    assert bridge.crm["counts"]["leads"] == 1
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}
