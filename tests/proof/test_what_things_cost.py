"""Statements per intake, per claim and per effect, exactly: one more must be somebody's decision (issue's limits)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from bridge.models import Connection, Effect
from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery
from bridge.sync.lanes import Claims, mark_dirty
from bridge.sync.worker import Worker, take_in
from bridge.webhooks.registry import registry
from tests.bridge.connected_clinic import Bridge

# Measured. A statement more in any of these must be somebody's decision, who then writes the new number here.
# Every effect costs a plan of its own: the lane is read again after each, because the answer may have changed it.
OBSERVING = 11
IN_STEP = 20
# A claim from taking the lane to giving it back, with all it carries out: what happens, statements, effects.
CLAIMS: dict[str, tuple[Callable[[ChatwootSandbox], object], int, list[str]]] = {
    "a message": (lambda chat: chat.incoming(1287, "Dois"), 58, ["set_note"]),
    "a first answer": (lambda chat: chat.outgoing(1287, "Olá"), 84, ["set_note", "set_stage"]),
    "a new name": (lambda chat: chat.update_contact(4182, name="Ana Souza"), 92, ["set_lead", "set_person"]),
    "a new person": (
        lambda chat: chat.new_person_writes("Oi", name="Bia", phone_number="+5511900000022"),
        106,
        ["create_lead", "create_note", "create_person"],
    ),
}

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@contextmanager
def statements(alias: str = "default") -> Iterator[list[str]]:
    """Statements of the block, without what opens and ends transactions."""
    told: list[str] = []
    with CaptureQueriesContext(connections[alias]) as queries:
        yield told
    frame = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "SET ")
    told.extend(q["sql"] for q in queries if not q["sql"].startswith(frame))


def tell(bridge: Bridge, *actions: Callable[[], object]) -> None:
    with bridge.chatwoot.capture() as deliveries:
        for action in actions:
            action()
    assert set(bridge.deliver(deliveries)) == {202}


@pytest.fixture
def warm(bridge: Bridge) -> Bridge:
    """One person is carried over, so that keys, tokens and sessions are there."""
    tell(
        bridge, lambda: bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    )  # fmt: skip
    for _ in range(2):
        bridge.settle()
    assert bridge.crm["counts"]["notes"] == 1
    registry.forget()
    registry.get(bridge.connection.public_id)
    return bridge


def work_cost(bridge: Bridge) -> int:
    bridge.make_due()
    with statements() as told:
        bridge.work()
    return len(told)


def deliveries_of(bridge: Bridge, messages: int) -> list[Delivery]:
    with bridge.chatwoot.capture() as deliveries:
        for number in range(messages):
            bridge.chatwoot.incoming(1287, f"Mensagem {number} de {messages}")
    return list(deliveries)


# Intake ---------------------------------------------------------------------------------------------------------------


def test_an_intake_is_one_statement_and_so_is_a_repeated_one(warm: Bridge) -> None:
    """Key, event, body and mark together: nothing can be half-stored, and no second round trip stands before a 202."""
    delivery = deliveries_of(warm, 1)[:1]
    for _ in range(2):
        with statements("intake") as intake, statements() as other:
            assert warm.deliver(delivery) == [202]
        assert (len(intake), other) == (1, [])


def test_a_hint_of_krayin_is_one_statement(warm: Bridge) -> None:
    """It runs inside the click of somebody who works in Krayin."""
    header = next(h for h in warm.crm["webhooks"][0]["headers"] if h["key"] == "X-Bridge-Token")
    ref = warm.crm["leads"][0]["attributes"]["bridge_ref"]
    with statements("intake") as intake, statements() as other:
        answer = warm.http.generic(
            "POST", f"/webhooks/krayin/{warm.connection.public_id}/", f"event=lead.update.after&bridge_ref={ref}",
            content_type="application/x-www-form-urlencoded", headers={"X-Bridge-Token": header["value"]},
        )  # fmt: skip
    assert answer.json() == {"status": "accepted"}
    assert (len(intake), other) == (1, [])


# Claims ---------------------------------------------------------------------------------------------------------------


def test_a_look_at_nothing_is_one_statement(warm: Bridge) -> None:
    """Every idle worker does this each second."""
    with statements() as told:
        assert Worker().run_once() == 0
    assert len(told) == 1


@pytest.mark.parametrize("lanes", [1, 8])
def test_lanes_are_claimed_by_one_statement_however_many(warm: Bridge, lanes: int) -> None:
    for number in range(lanes):
        mark_dirty(warm.connection.pk, f"c:{number}")
    with statements() as told:
        assert len(Claims(only=warm.connection.pk).take()) == lanes
    assert len(told) == 1


@pytest.mark.parametrize("messages", [1, 40])
def test_what_a_claim_observes_costs_the_same_however_much_it_is(warm: Bridge, messages: int) -> None:
    """Clock, fence, events with bodies; read and write conversations, messages and days; read contacts; mark events.

    The new messages are read by the titular's key, which the process still holds.
    """
    assert set(warm.deliver(deliveries_of(warm, messages))) == {202}
    claims = Claims().take()
    connection = Connection.objects.select_related("clinic", "krayin").get()
    with statements() as told:
        take_in(connection, claims)
    assert len(told) == OBSERVING


# Effects --------------------------------------------------------------------------------------------------------------


def test_a_claim_that_finds_everything_in_step_stays_within_its_limit(warm: Bridge) -> None:
    mark_dirty(warm.connection.pk, "c:4182")
    assert work_cost(warm) <= IN_STEP


@pytest.mark.parametrize("what", CLAIMS)
def test_a_claim_with_effects_stays_within_its_limit(warm: Bridge, what: str) -> None:
    act, limit, kinds = CLAIMS[what]
    before = set(Effect.objects.values_list("pk", flat=True))
    tell(warm, lambda: act(warm.chatwoot))
    cost = work_cost(warm)
    done = Effect.objects.filter(state="confirmed").exclude(pk__in=before)
    assert sorted(done.values_list("kind", flat=True)) == kinds
    assert cost <= limit
