"""One event, or one contact, that makes us fail: set aside with its cause, repaired, continued; nobody else waits."""

import json
from dataclasses import replace

import pytest

from bridge.causes import Cause
from bridge.models import Connection, Effect, FailedWebhook, Lane, ObservedContact, WebhookEvent
from bridge.queries.stuck import stuck
from bridge.replay import Selection, replay
from bridge.sandbox.chatwoot import Delivery
from bridge.sync.lanes import Claims
from bridge.sync.worker import take_in
from consent.encryption import Actor
from consent.models import Clinic
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

YEAR_ONE = -62135596800  # a time that the clinic's zone, behind UTC, cannot show


def write(bridge: Bridge, name: str, phone: str) -> tuple[int, int, list[Delivery]]:
    """A new person writes; return contact, conversation and deliveries."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name=name, phone_number=phone)
    return conversation.contact_id, conversation.display_id, list(deliveries)


def poisoned(bridge: Bridge, conversation: int) -> Delivery:
    """A message signed by Chatwoot whose time no calendar of the clinic has."""
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(conversation, "De outra era")
    told = next(d for d in deliveries if d.event == "message_created")
    body = json.loads(told.body) | {"created_at": YEAR_ONE}
    return replace(told, body=json.dumps(body).encode())


def parked() -> list[tuple[str, str]]:
    return list(WebhookEvent.objects.filter(status="parked").values_list("lane_key", "cause"))


def continue_all(bridge: Bridge, cause: Cause) -> int:
    events = WebhookEvent.objects.filter(status="parked", cause=cause).values_list("pk", flat=True)
    return replay(Selection((bridge.connection.pk,), events=tuple(events)), actor=Actor.system("test")).events


@pytest.fixture
def five(bridge: Bridge) -> Bridge:
    """Five people write at once; the second one's conversation holds a poison event between good ones."""
    for number in range(5):
        contact, conversation, deliveries = write(bridge, f"Pessoa {number}", f"+551190000003{number}")
        if number == 1:
            deliveries.append(poisoned(bridge, conversation))
            with bridge.chatwoot.capture() as more:
                bridge.chatwoot.outgoing(conversation, "Olá, Pessoa 1")
            deliveries.extend(more)
        assert set(bridge.deliver(deliveries)) == {202}
    bridge.work()
    return bridge


def test_the_others_and_the_rest_of_its_own_lane_go_on(five: Bridge) -> None:
    counts = five.crm["counts"]
    assert (counts["persons"], counts["leads"]) == (5, 5)
    assert not WebhookEvent.objects.filter(status="received").exists()
    five.make_due()
    five.work()
    assert sum("Olá, Pessoa 1" in note["comment"] for note in five.crm["notes"]) == 1
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}


def test_it_is_parked_with_its_cause_where_people_look(five: Bridge) -> None:
    assert parked() == [("c:4183", "MAPPING")]
    groups = stuck([Connection.objects.get()]).failures
    assert [(group.cause, group.events, group.people) for group in groups] == [("MAPPING", 1, 1)]
    assert FailedWebhook.objects.get().lane_key == "c:4183"


def test_the_log_tells_where_it_failed_and_nothing_of_what_was_written(
    bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    _, conversation, deliveries = write(bridge, "Ana Lima", "+5511900000030")
    bridge.deliver([*deliveries, poisoned(bridge, conversation)])
    bridge.work()
    told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert len(told) == 1
    assert "OverflowError at observe:" in told[0]
    assert not any(word in caplog.text for word in ("De outra era", "Ana Lima", "5511900000030"))


def test_replayed_before_the_repair_it_is_parked_again_and_alone(five: Bridge) -> None:
    assert continue_all(five, Cause.MAPPING) == 1
    five.settle()
    assert parked() == [("c:4183", "MAPPING")]


def test_replayed_after_the_repair_it_goes_through(five: Bridge) -> None:
    Clinic.objects.update(time_zone="UTC")
    assert continue_all(five, Cause.MAPPING) == 1
    for _ in range(3):
        five.settle()
    assert parked() == []
    assert sum("De outra era" in note["comment"] for note in five.crm["notes"]) == 1
    assert five.crm["counts"]["leads"] == 5


@pytest.fixture
def broken(bridge: Bridge) -> tuple[Bridge, bytes]:
    """Two people wrote and were observed; the sealed name of one cannot be opened, so that its lane always fails."""
    for number in range(2):
        bridge.deliver(write(bridge, f"Pessoa {number}", f"+551190000003{number}")[2])
    claims = Claims(limit=8).take()
    take_in(bridge.connection, claims)
    first, second = ObservedContact.objects.order_by("chatwoot_contact_id")
    name, first.name = first.name, second.name
    first.save(update_fields=["name"])
    Lane.objects.update(leased=False)
    bridge.make_due()
    bridge.work()
    return bridge, name


def test_a_lane_that_fails_is_shown_once_and_the_other_goes_on(broken: tuple[Bridge, bytes]) -> None:
    bridge, _ = broken
    for _ in range(3):  # a minute later, and again
        bridge.make_due()
        bridge.work()
    assert [p["name"] for p in bridge.crm["persons"]] == ["Pessoa 1"]
    assert parked() == [("c:4182", "INTERNAL")]
    lane = Lane.objects.get(lane_key="c:4182")
    assert lane.dirty > lane.clean_to
    assert lane.run_at is not None


def test_after_the_repair_it_heals_by_itself(broken: tuple[Bridge, bytes]) -> None:
    bridge, name = broken
    ObservedContact.objects.filter(chatwoot_contact_id=4182).update(name=name)
    bridge.make_due()
    bridge.work()
    assert sorted(p["name"] for p in bridge.crm["persons"]) == ["Pessoa 0", "Pessoa 1"]
    assert parked() == []
    assert Lane.objects.get(lane_key="c:4182").clean_to > 0


def test_after_the_repair_it_can_be_continued_by_hand(broken: tuple[Bridge, bytes]) -> None:
    bridge, name = broken
    ObservedContact.objects.filter(chatwoot_contact_id=4182).update(name=name)
    assert continue_all(bridge, Cause.INTERNAL) == 1
    bridge.work()
    assert bridge.crm["counts"]["leads"] == 2
    assert parked() == []
