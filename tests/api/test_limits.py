"""A key has 1,000 calls a minute, 10 where something is changed, shared by all processes; without Redis each counts."""

import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from redis import Redis

from api.conftest import Program
from bridge.api.limits import PER_KEY, SENSITIVE, Counters
from bridge.models import Connection, Wish

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LIST = "/api/v1/connections"
NOBODY = "redis://127.0.0.1:9/0"  # the port of "discard": nothing answers there


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        # Whole minutes far in the future: counters of other tests are never met.
        self.now = float(int(time.time()) // 60 * 60 + 10**7)

    def __call__(self) -> float:
        return self.now


def fill(program: Program, name: str, count: int) -> None:
    """Let the key have made so many calls in this minute and the next, in case one begins meanwhile."""
    redis = Redis.from_url(django_settings.REDIS_URL)
    window = int(time.time() // 60)
    for minute in (window, window + 1):
        redis.set(f"ponte:api:key:{program.key.prefix}{name}:{minute}", count, ex=120)


def test_every_answer_says_how_many_calls_are_left(ours: Program) -> None:
    first, second = ours.get(LIST), ours.get(f"{LIST}/999")
    assert (first["X-RateLimit-Limit"], second["X-RateLimit-Limit"]) == (str(PER_KEY), str(PER_KEY))
    left = [int(one["X-RateLimit-Remaining"]) for one in (first, second)]
    assert left[0] == PER_KEY - 1
    assert left[1] in {PER_KEY - 2, PER_KEY - 1}  # a new minute may have begun
    assert 0 < int(first["X-RateLimit-Reset"]) - time.time() <= 60


def test_the_call_above_the_limit_is_refused_with_the_time_to_wait(ours: Program) -> None:
    fill(ours, "", PER_KEY - 1)
    last = ours.get(LIST)
    assert (last.status_code, last["X-RateLimit-Remaining"]) == (200, "0")
    refused = ours.get(LIST)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["X-RateLimit-Remaining"] == "0"


def test_another_key_is_not_touched(sol: Connection, ours: Program, program: Any) -> None:
    fill(ours, "", PER_KEY)
    assert ours.get(LIST).status_code == 429
    assert program(sol.clinic, name="Outro").get(LIST).status_code == 200


def test_changes_have_a_limit_of_their_own(sol: Connection, ours: Program) -> None:
    fill(ours, ":sensitive", SENSITIVE)
    refused = ours.post(f"{LIST}/{sol.pk}/leads/71/stage", {"stage_id": 2})
    assert (refused.status_code, refused["X-RateLimit-Limit"]) == (429, str(SENSITIVE))
    assert Wish.objects.count() == 0
    read = ours.get(LIST)
    assert (read.status_code, read["X-RateLimit-Limit"]) == (200, str(PER_KEY))


def test_refused_calls_count_too(sol: Connection, program: Any) -> None:
    few = program(sol.clinic, "read:links")
    fill(few, "", PER_KEY - 1)
    assert [few.get(LIST).status_code for _call in range(2)] == [403, 429]


def test_processes_share_the_counter(ours: Program) -> None:
    clock = Clock()
    one, other = Counters(clock), Counters(clock)
    name = f"shared:{ours.key.prefix}"
    assert [counters.count(name, 5).used for counters in (one, other, one, other)] == [1, 2, 3, 4]
    clock.now += 60
    assert other.count(name, 5).used == 1
    redis = Redis.from_url(django_settings.REDIS_URL)
    kept = [redis.ttl(key) for key in redis.keys(f"ponte:api:{name}:*")]
    assert len(kept) == 2
    assert all(0 < seconds <= 120 for seconds in kept)


def test_without_redis_each_process_counts_for_itself(ours: Program, settings: Any) -> None:
    settings.REDIS_URL = NOBODY
    clock = Clock()
    counters = Counters(clock)
    used = [counters.count("x", 2) for _call in range(3)]
    assert [(one.used, one.is_over) for one in used] == [(1, False), (2, False), (3, True)]
    clock.now += 60
    assert counters.count("x", 2).used == 1


def test_redis_that_comes_back_is_used_again(ours: Program, settings: Any) -> None:
    clock, address = Clock(), settings.REDIS_URL
    counters = Counters(clock)
    name = f"back:{ours.key.prefix}"
    settings.REDIS_URL = NOBODY
    assert counters.count(name, 5).used == 1
    settings.REDIS_URL = address
    clock.now += 1
    assert counters.count(name, 5).used == 2  # not asked so soon
    clock.now += 5
    assert counters.count(name, 5).used == 1  # the shared counter, which knew nothing yet
    assert Redis.from_url(address).keys(f"ponte:api:{name}:*")


def test_the_api_answers_without_redis(ours: Program, settings: Any) -> None:
    settings.REDIS_URL = NOBODY
    response = ours.get(LIST)
    assert response.status_code == 200
    assert response["X-RateLimit-Remaining"] == str(PER_KEY - 1)
