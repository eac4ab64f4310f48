"""A partner that is away stops what needs it and nothing else; when it is back everything arrives, without attempts."""

import pytest
from django.db import connection

from bridge.causes import Cause
from bridge.models import Breaker, Connection, Effect, Lane, ObservedMessage, WebhookEvent
from bridge.queries.stuck import stuck
from bridge.replay import try_now
from bridge.sync import breaker
from bridge.sync.lanes import Claims
from consent.encryption import Actor
from tests.bridge.connected_clinic import Bridge
from tests.resilience.scene import pass_time, rows, somebody_writes

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def quiet(bridge: Bridge) -> None:
    """Work until nothing is left, whatever waits."""
    for _ in range(6):
        bridge.work()
        pass_time(hours=1)


def counts(bridge: Bridge) -> tuple[int, int, int]:
    found = bridge.crm["counts"]
    return found["persons"], found["leads"], found["notes"]


def test_after_a_weekend_without_krayin_everything_is_delivered_and_no_attempt_spent(bridge: Bridge) -> None:
    somebody_writes(bridge, 0)
    quiet(bridge)
    bridge.krayin.stop()
    for hour in range(62):
        if hour % 6 == 0:
            somebody_writes(bridge, 1 + hour // 6)
        bridge.work()
        pass_time(hours=1)
    away = Breaker.objects.get()
    assert (away.partner, away.problem) == ("krayin", Cause.KRAYIN_UNAVAILABLE)
    assert rows("SELECT clock_timestamp() - since BETWEEN '61 h' AND '63 h' FROM breakers") == [(True,)]
    assert set(WebhookEvent.objects.values_list("status", flat=True)) <= {"observed", "ignored"}
    bridge.krayin.start()
    quiet(bridge)
    assert counts(bridge) == (12, 12, 12)
    assert set(Effect.objects.values_list("state", "attempts")) == {("confirmed", 0)}
    assert not WebhookEvent.objects.filter(status="parked").exists()
    assert not Breaker.objects.exists()


def test_probes_of_a_partner_that_is_away_come_ever_more_rarely(bridge: Bridge) -> None:
    bridge.krayin.stop()
    somebody_writes(bridge)
    pauses = []
    for _ in range(9):
        bridge.work()
        pauses += rows("SELECT round(extract(epoch FROM paused_until - clock_timestamp())) FROM breakers")
        pass_time(minutes=6)
    assert [int(pause) for (pause,) in pauses] == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_who_was_on_his_way_when_the_breaker_opened_does_not_prolong_it(bridge: Bridge) -> None:
    first = breaker.open_for(bridge.connection, Cause.KRAYIN_UNAVAILABLE)
    assert breaker.open_for(bridge.connection, Cause.KRAYIN_UNAVAILABLE) == first
    assert Breaker.objects.get().failures_in_a_row == 1


def test_while_krayin_is_away_events_are_observed_and_only_the_probe_calls(bridge: Bridge) -> None:
    for number in range(5):
        somebody_writes(bridge, number)
    bridge.fault("down")
    before = bridge.calls()
    bridge.work()
    assert bridge.calls() - before <= 1
    assert not WebhookEvent.objects.filter(status="received").exists()
    assert ObservedMessage.objects.count() >= 10
    assert Effect.objects.filter(state="intended").count() >= 5


def test_while_chatwoot_is_away_what_is_not_in_doubt_is_written(bridge: Bridge) -> None:
    conversation = somebody_writes(bridge)
    other = somebody_writes(bridge, 22)
    quiet(bridge)
    with bridge.chatwoot.capture() as deliveries:
        message = bridge.chatwoot.incoming(conversation.display_id, "Quero agndar")
        bridge.chatwoot.edit_message(message.id, "Quero agendar")
        bridge.chatwoot.update_contact(conversation.contact_id, name="Ana Lima Prado")
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
        bridge.chatwoot.incoming(other.display_id, "Tudo certo")
    bridge.deliver(reversed(deliveries))
    bridge.chatwoot.stop()
    quiet(bridge)
    assert [row.partner for row in breaker.problems([bridge.connection])] == ["chatwoot"]
    crm = bridge.crm
    assert crm["leads"][0]["stage_code"] == "negotiation"
    assert any("Tudo certo" in note["comment"] for note in crm["notes"])
    assert not any("agndar" in note["comment"] for note in crm["notes"])
    bridge.chatwoot.start()
    quiet(bridge)
    assert any("Quero agendar" in note["comment"] for note in bridge.crm["notes"])
    assert bridge.crm["persons"][0]["name"] == "Ana Lima Prado"
    assert not Breaker.objects.exists()


def test_a_partner_that_comes_back_pulls_every_lane_that_waits(bridge: Bridge) -> None:
    waiting_lanes(bridge.connection, 300)
    breaker.open_for(bridge.connection, Cause.KRAYIN_UNAVAILABLE)
    breaker.close(bridge.connection)
    times = rows(
        "SELECT max(run_at) < clock_timestamp() + interval '10 s', count(DISTINCT run_at) > 200,"
        " min(run_at) > clock_timestamp() - interval '1 min' FROM lanes"
    )
    assert times == [(True, True, True)]


def waiting_lanes(of: Connection, count: int) -> None:
    """Lanes that are held for a while, each with one change that waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO lanes (connection_id, lane_key, dirty, clean, run_at)"
            " SELECT %s, 'c:' || n, 1, 1, now() + interval '20 min' FROM generate_series(100001, 100000 + %s) n",
            [of.pk, count],
        )
    Effect.objects.bulk_create(
        Effect(
            connection=of, krayin_id=of.krayin_id, lane_key=f"c:{n}", kind="create_person", object_ref=f"ponte-x-c{n}",
            seq=0, state="intended", not_before=of.created_at,
        )
        for n in range(100_001, 100_001 + count)
    )  # fmt: skip


def test_five_thousand_waiting_changes_are_one_line_for_people(bridge: Bridge) -> None:
    waiting_lanes(bridge.connection, 5000)
    breaker.open_for(bridge.connection, Cause.KRAYIN_UNAVAILABLE)
    found = stuck([Connection.objects.get()])
    (line,) = found.away
    assert (line.cause, line.waiting, line.heals_itself) == (Cause.KRAYIN_UNAVAILABLE, 5000, True)
    assert (list(found.failures), found.needs_somebody) == ([], 0)


def test_held_lanes_are_not_claimed_again_before_the_next_probe(bridge: Bridge) -> None:
    bridge.krayin.stop()
    for number in range(3):
        somebody_writes(bridge, number)
    bridge.work()
    assert Claims().take() == []
    assert rows("SELECT min(l.run_at) >= max(b.paused_until) FROM lanes l, breakers b WHERE l.run_at IS NOT NULL") == [
        (True,)
    ]


def test_both_partners_may_be_away_and_come_back_one_after_the_other(bridge: Bridge) -> None:
    breaker.open_for(bridge.connection, Cause.CHATWOOT_CREDENTIALS, Breaker.Of.CHATWOOT)
    breaker.open_for(bridge.connection, Cause.KRAYIN_UNAVAILABLE)
    assert Connection.objects.get().problem == Cause.KRAYIN_UNAVAILABLE
    breaker.close(bridge.connection)
    assert [row.problem for row in breaker.problems([bridge.connection])] == [Cause.CHATWOOT_CREDENTIALS]
    breaker.close(bridge.connection, Breaker.Of.CHATWOOT)
    assert Connection.objects.get().problem == ""


def test_a_defect_of_ours_is_told_as_long_as_it_is_fresh_and_stops_no_partner(bridge: Bridge) -> None:
    breaker.own_error(bridge.connection)
    assert Connection.objects.get().problem == Cause.INTERNAL
    somebody_writes(bridge)
    (claim, *_) = Claims().take()
    assert (claim.is_krayin_away, claim.krayin_held_until) == (False, None)
    pass_time(minutes=6)
    assert Connection.objects.get().problem == ""


def test_whoever_does_not_want_to_wait_probes_at_once(bridge: Bridge) -> None:
    bridge.krayin.stop()
    somebody_writes(bridge)
    bridge.work()
    bridge.krayin.start()
    try_now([bridge.connection], actor=Actor.system("test"))
    pass_time(seconds=1)
    bridge.work()
    assert not Breaker.objects.exists()
    assert bridge.crm["counts"]["leads"] == 1
    assert not Lane.objects.filter(leased=True).exists()
