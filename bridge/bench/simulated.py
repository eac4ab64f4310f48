"""A weekday of many clinics, simulated: how long do writes wait for the CRM's budget of calls, and what do machines carry.

Nothing is measured here; measured numbers (README) and the rules of the budget go in. Each clinic's Krayin user has the
budget that `bridge.sync.partners` keeps: a bucket of calls, some of them left for more urgent work, and turns for who
comes too early. Clinics do not share budgets, so each is simulated alone. The same seed gives the same day.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from bridge.bench.timing import percentile
from bridge.clients.base import Priority
from bridge.sync.partners import LONGEST_TURN_S, RESERVED

CAPACITY, REFILL_PER_MINUTE = 10, 50
HOUR_S = 3600
DAY_S = 24 * HOUR_S

# Share of a day's conversations that begin in each hour: open from 7 to 19, most in the late morning and afternoon; at
# night people write, too.
HOURS = (4, 2, 1, 1, 2, 6, 18, 60, 95, 110, 108, 90, 62, 78, 96, 98, 84, 54, 24, 14, 10, 8, 6, 4)
# Conversations a weekday, and how many of a hundred clinics are of that size.
SIZES = ((15, 60), (60, 30), (200, 10))
SPREAD = 0.3  # of a clinic's size around that

# What a conversation costs (tests/proof/test_what_things_cost.py, README): a new person with ten messages and three
# stages 7 calls, somebody known 3. A stage is read and written at once.
NEW_SHARE = 0.4
ANSWERED_S, RESOLVED_S, QUIET_S = 8 * 60, 90 * 60, 600  # means; a note waits for the quiet
DELIVERIES = 20  # that Chatwoot sends for a conversation of ten messages


@dataclass(frozen=True)
class Wish:
    """Calls that a lane wants to make together at a moment of the day, in seconds after midnight."""

    at: float
    priority: Priority
    calls: int


@dataclass
class Told:
    """What a day was like. Waits are in seconds, by kind of work; `late`: clinics some of whose work waited a minute."""

    clinics: int = 0
    conversations: int = 0
    calls: int = 0
    late: int = 0
    busiest_calls_per_minute: float = 0.0
    waits: dict[str, list[float]] = field(default_factory=dict)
    starts: Counter[int] = field(default_factory=Counter)  # conversations by minute of the day


def simulate(clinics: int, *, seed: int, users: int = 1, growth: float = 1.0) -> Told:
    """One day. `users`: Krayin users of each clinic; `growth`: factor on every clinic's conversations."""
    told = Told(
        clinics=clinics, waits={priority.name: [] for priority in (Priority.STAGE, Priority.RECORD, Priority.NOTE)}
    )
    for number in range(clinics):
        # Not secret, repeatable; each clinic of its own, so that more clinics leave the first ones as they were.
        dice = random.Random(f"{seed}:{number}")  # noqa: S311
        begins = sorted(_beginnings(dice, _size(dice) * growth))
        _tell(told, begins, [wish for at in begins for wish in _conversation(at, dice)], users)
    return told


def _tell(told: Told, begins: Sequence[float], wishes: Sequence[Wish], users: int) -> None:
    told.conversations += len(begins)
    told.starts.update(int(at // 60) for at in begins)
    calls = sum(wish.calls for wish in wishes)
    told.calls += calls
    told.busiest_calls_per_minute = max(told.busiest_calls_per_minute, busiest_hour(wishes) / 60)
    is_late = False
    for wish, wait in waits(wishes, users=users):
        told.waits[wish.priority.name].append(wait)
        is_late = is_late or wait > 60
    told.late += is_late


def waits(wishes: Iterable[Wish], *, users: int = 1) -> Iterator[tuple[Wish, float]]:
    """How long each wish waits for the budget: TAKE and WHEN of `bridge.sync.partners`, in the order of their asking."""
    capacity, per_s = CAPACITY * users, REFILL_PER_MINUTE * users / 60
    tokens, at, queued = float(capacity), 0.0, 0.0
    asking = [(wish.at, number, wish) for number, wish in enumerate(wishes)]
    heapq.heapify(asking)
    while asking:
        now, number, wish = heapq.heappop(asking)
        tokens, at = min(capacity, tokens + (now - at) * per_s), now
        needed = wish.calls + RESERVED[wish.priority]
        if tokens >= needed:
            tokens -= wish.calls
            yield wish, now - wish.at
            continue
        queued = min(max(queued, now) + wish.calls / per_s, now + LONGEST_TURN_S)
        turn = max(queued, now + max(0.05, (needed - tokens) / per_s))
        heapq.heappush(asking, (turn, number, wish))


def busiest_hour(wishes: Iterable[Wish]) -> int:
    """Calls asked for in the busiest hour of the clock."""
    hours: Counter[int] = Counter()
    for wish in wishes:
        hours[int(wish.at // HOUR_S)] += wish.calls
    return max(hours.values(), default=0)


def backlog_s(starts: Counter[int], events_per_s: float) -> float:
    """The longest wait for a worker when so many deliveries a second are worked off, minute by minute."""
    left = longest = 0.0
    for minute in range(DAY_S // 60):
        left = max(0.0, left + starts[minute] * DELIVERIES - events_per_s * 60)
        longest = max(longest, left / events_per_s)
    return longest


def peak_per_s(starts: Counter[int]) -> float:
    """Deliveries a second in the busiest minute."""
    return max(starts.values(), default=0) * DELIVERIES / 60


def ranks(values: Sequence[float]) -> dict[str, float]:
    """Percentiles and maximum in seconds; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    told = {f"p{rank}": round(percentile(ordered, rank), 1) for rank in (50, 95, 99)}
    return {**told, "max": round(ordered[-1], 1)}


def _size(dice: random.Random) -> float:
    size = dice.choices([size for size, _ in SIZES], [share for _, share in SIZES])[0]
    return size * dice.lognormvariate(0, SPREAD)


def _beginnings(dice: random.Random, conversations: float) -> Iterator[float]:
    borders = list(accumulate(HOURS))
    for _ in range(round(conversations)):
        hour = dice.choices(range(24), cum_weights=borders)[0]
        yield (hour + dice.random()) * HOUR_S


def _conversation(begin: float, dice: random.Random) -> Iterator[Wish]:
    answered = begin + dice.expovariate(1 / ANSWERED_S)
    resolved = answered + dice.expovariate(1 / RESOLVED_S)
    if dice.random() < NEW_SHARE:
        yield Wish(begin, Priority.RECORD, 1)  # the search
        yield Wish(begin + 0.1, Priority.RECORD, 1)  # person and opportunity
        yield Wish(answered, Priority.STAGE, 2)
    yield Wish(resolved, Priority.STAGE, 2)
    yield Wish(max(begin + QUIET_S, resolved), Priority.NOTE, 1)
