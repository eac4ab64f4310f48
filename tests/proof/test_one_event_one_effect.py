"""However often a delivery comes, and by whatever road, it has one effect (DESIGN sections 2 and 3)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.db import connection as db

from bridge.models import Effect, Lane, WebhookBody, WebhookEvent
from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery
from bridge.sandbox.krayin import SandboxKrayin
from tests.bridge.connected_clinic import Bridge, make_bridge
from tests.intake.server import Server, running_server
from tests.proof.story import Clock, told

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

COPIES = 50
READS = ("GET ", "list_", "show_", "profile")  # of Krayin by method, of Chatwoot by name
ONE_EFFECT = {("create_person", "confirmed"): 1, ("create_lead", "confirmed"): 1}


@pytest.fixture
def four_processes(bridge: Bridge) -> Iterator[Server]:
    with running_server(processes=4) as server:
        yield server


def ana_writes(bridge: Bridge) -> Delivery:
    """Of all that a first message tells, the message alone: it is enough for person and opportunity."""
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    return next(d for d in deliveries if d.event == "message_created")


def post_at_once(server: Server, bridge: Bridge, deliveries: Sequence[Delivery]) -> Counter[int]:
    """Every delivery from a thread of its own, all starting together."""
    barrier, statuses = threading.Barrier(len(deliveries)), Counter[int]()
    path = f"/webhooks/chatwoot/{bridge.connection.public_id}/"

    def post(delivery: Delivery) -> None:
        barrier.wait()
        statuses[server.post(path, delivery.body, delivery.headers)[0]] += 1

    threads = [threading.Thread(target=post, args=[delivery]) for delivery in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def effects() -> Counter[tuple[str, str]]:
    return Counter(Effect.objects.values_list("kind", "state"))


def test_one_delivery_fifty_times_at_once_over_four_processes(bridge: Bridge, four_processes: Server) -> None:
    delivery = ana_writes(bridge)
    assert post_at_once(four_processes, bridge, [delivery] * COPIES) == {202: COPIES}
    assert (WebhookEvent.objects.count(), WebhookBody.objects.count()) == (1, 1)
    assert Lane.objects.get().dirty == 1
    bridge.work()
    assert effects() == ONE_EFFECT
    assert (bridge.crm["counts"]["persons"], bridge.crm["counts"]["leads"]) == (1, 1)


def test_one_event_under_fifty_delivery_ids_at_once(bridge: Bridge, four_processes: Server) -> None:
    """Chatwoot dispatches an event twice under two ids (contract Chatwoot 3): fifty events, and still one effect."""
    delivery = ana_writes(bridge)
    calls = bridge.calls()
    copies = [delivery.dispatched_again(delivery.timestamp) for _ in range(COPIES)]
    assert post_at_once(four_processes, bridge, copies) == {202: COPIES}
    assert WebhookEvent.objects.filter(status="received").count() == COPIES
    bridge.work()
    assert effects() == ONE_EFFECT
    assert bridge.calls() == calls + 2  # the search for the person, and person and opportunity in one call
    assert not WebhookEvent.objects.filter(status__in=["received", "parked"]).exists()


# Replays --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def settled(krayin: SandboxKrayin, transactional_db: None) -> Iterator[tuple[Bridge, list[Delivery]]]:
    """Histories of two people that are all in the CRM."""
    clock = Clock()
    with ChatwootSandbox(shuffle=False, clock=clock) as chat:
        bridge = make_bridge(chat, krayin)
        deliveries = told(chat, clock, people=2)
        assert set(bridge.deliver(deliveries)) == {202}
        for _ in range(3):
            bridge.settle()
        assert bridge.crm["counts"]["notes"] == 6
        yield bridge, deliveries


def everything(bridge: Bridge) -> dict[str, Any]:
    """The whole state of both partners; of the calls only those that write."""
    crm, chat = bridge.crm, bridge.chatwoot.state()
    return {
        "krayin": {**crm, "calls": writes(crm["calls"]["by_kind"])},
        "chatwoot": {**chat, "rest": writes(chat["rest"]["by_call"])},
    }


def writes(calls: Mapping[str, int]) -> dict[str, int]:
    return {call: number for call, number in calls.items() if not call.startswith(READS)}


def replay_from_outside(bridge: Bridge, deliveries: Sequence[Delivery]) -> None:
    assert set(bridge.deliver(deliveries)) == {202}


def replay_what_is_stored(bridge: Bridge, deliveries: Sequence[Delivery]) -> None:
    """Every stored body becomes unread again, as a replay does it."""
    with db.cursor() as cursor:
        cursor.execute("UPDATE webhook_events SET status = 'received', observed_at = NULL")
        assert cursor.rowcount == WebhookEvent.objects.count() > len(deliveries) // 2
        cursor.execute("UPDATE lanes SET dirty = dirty + 1, run_at = now()")


@pytest.mark.parametrize("replay", [replay_from_outside, replay_what_is_stored])
def test_forgetting_every_key_and_replaying_every_body_changes_nothing_anywhere(
    settled: tuple[Bridge, list[Delivery]], replay: Callable[[Bridge, Sequence[Delivery]], None]
) -> None:
    bridge, deliveries = settled
    before, ledger = everything(bridge), effects()
    with db.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_keys")
    replay(bridge, deliveries)
    for _ in range(3):
        bridge.settle()
    assert not WebhookEvent.objects.filter(status="received").exists()
    assert everything(bridge) == before
    assert effects() == ledger
