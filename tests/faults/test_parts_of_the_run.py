"""History, sending and storm: repeatable by their seed, and as hard as they say."""

import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from bridge.faults.history import History, SlowClock
from bridge.faults.sending import Sender
from bridge.faults.storm import STRIKES, plan
from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery
from bridge.sandbox.http import CutConnection, Request, Response, SandboxServer, json_response

BEGIN = 1794880800.0  # 2026-11-16 23:00 in São Paulo


def told(seed: int, events: int = 400) -> tuple[list[Delivery], History]:
    """A history's deliveries to one webhook, and the history."""
    clock = SlowClock(BEGIN)
    with ChatwootSandbox(shuffle=False, clock=clock) as chat:
        chat.register_webhook("http://127.0.0.1:9/anything", secret="s")
        history = History(chat, clock, events=events, seed=seed)
        return list(history.deliveries()), history


def bodies(deliveries: list[Delivery]) -> list[tuple[str, object]]:
    return [(d.event, json.loads(d.body).get("id")) for d in deliveries]


def test_the_same_seed_tells_the_same_history() -> None:
    assert bodies(told(5)[0]) == bodies(told(5)[0])
    assert bodies(told(5)[0]) != bodies(told(6)[0])


def test_a_history_holds_repeats_of_both_kinds_and_every_event() -> None:
    deliveries, history = told(5)
    ids = Counter(d.delivery_id for d in deliveries)
    contents = Counter(d.body for d in deliveries)
    assert len(deliveries) >= 400
    assert max(ids.values()) == 2
    assert sum(contents.values()) - len(contents) > sum(ids.values()) - len(ids)
    assert {d.event for d in deliveries} == {
        "contact_created", "contact_updated", "conversation_created", "conversation_updated",
        "conversation_status_changed", "message_created", "message_updated",
    }  # fmt: skip
    assert history.resolved


def test_a_history_is_told_out_of_order() -> None:
    numbers = [number for event, number in bodies(told(5)[0]) if event == "message_created"]
    assert numbers != sorted(numbers)


class Moody(SandboxServer):
    """Answers each delivery badly a few times, then well."""

    def __init__(self, moods: list[int | None]) -> None:
        super().__init__()
        self.moods = moods
        self.heard: Counter[bytes] = Counter()

    def handle(self, request: Request) -> Response:
        place = self.heard[request.body]
        self.heard[request.body] += 1
        mood = self.moods[place] if place < len(self.moods) else 202
        if mood is None:
            raise CutConnection
        return json_response(mood, {})


@pytest.fixture
def moody() -> Iterator[Moody]:
    with Moody([None, 503]) as server:
        yield server


def test_what_was_not_acknowledged_is_counted_and_sent_again(moody: Moody) -> None:
    deliveries = [
        Delivery("message_created", 1, f"{moody.url}/x", f"{n}".encode(), f"id-{n}", 0, "s") for n in range(5)
    ]
    sender = Sender(iter(deliveries), rate=1000)
    sender.start()
    sender.join(timeout=30)
    assert sender.is_over
    assert set(moody.heard.values()) == {3}
    assert (sender.tally.deliveries, sender.tally.acknowledged, sender.tally.posts) == (5, 5, 15)
    assert sender.tally.unacknowledged == {"RemoteDisconnected": 5, "503": 5}


def test_a_history_that_breaks_ends_the_sending_with_its_error() -> None:
    def broken() -> Iterator[Delivery]:
        raise ValueError("defect")
        yield

    sender = Sender(broken(), rate=1000)
    sender.start()
    sender.join(timeout=30)
    assert isinstance(sender.error, ValueError)
    assert sender.is_over


def test_a_storm_strikes_every_kind_in_turn_at_moments_of_its_seed() -> None:
    kinds = list(STRIKES)
    blows = plan(kinds, kills=40, seconds=100, dice=random.Random(1))
    assert blows == plan(kinds, kills=40, seconds=100, dice=random.Random(1))
    assert blows != plan(kinds, kills=40, seconds=100, dice=random.Random(2))
    assert [blow.at_s for blow in blows] == sorted(blow.at_s for blow in blows)
    assert 0 <= blows[0].at_s < blows[-1].at_s <= 100
    counts = Counter(blow.kind for blow in blows)
    assert set(counts) == set(kinds)
    assert min(counts.values()) >= 3
    assert counts["lanes"] >= 2 * counts["web"] - 2
