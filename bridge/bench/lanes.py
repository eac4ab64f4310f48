"""How fast lanes are claimed, looked at and given back, beside the bare statements, with and without an old snapshot.

A snapshot held by a long read keeps dead row versions alive, and lanes are updated more than any other table.
The baseline is a plain loop on the driver: pgbench cannot hand a claim's eight lanes to the statements that finish them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from bridge.bench import clinics, filling
from bridge.bench.crew import side_by_side
from bridge.bench.ground import Ground
from bridge.bench.report import Report, at_least, at_most
from bridge.bench.timing import percentiles_ms, timed
from bridge.sync import lanes as lane_sql
from bridge.sync.lanes import LANES_PER_CLAIM, LANES_PER_CONNECTION, Claims
from bridge.sync.worker import WAITING

PROCESSES = 2
EVENTS_PER_LOOK = 20
CONNECTIONS, LANES_EACH, DEEP = 300, 17, 50_000
SNAPSHOT_S = 60.0


@dataclass
class Done:
    """Of one process: lanes given back, and seconds of each claim and each finish."""

    lanes: int = 0
    claims: list[float] = field(default_factory=list)
    finishes: list[float] = field(default_factory=list)
    refused: int = 0

    def rate(self, seconds: float) -> float:
        """Lanes a second."""
        return round(self.lanes / seconds, 1)


def ours(seconds: float) -> Done:
    """Ponte's own code for claiming and finishing; of each lane 20 waiting events are read, none is opened."""
    done, claims, ends = Done(), Claims(), monotonic() + seconds
    while monotonic() < ends:
        taken = timed(claims.take, done.claims)
        with connection.cursor() as cursor:
            cursor.execute(WAITING, _look([(c.connection_id, c.lane_key) for c in taken]))
            cursor.fetchall()
        for claim in taken:
            # Due again at once, so that every lane always has work.
            done.refused += not timed(partial(claim.finish, next_at=None, more=True), done.finishes)
        done.lanes += len(taken)
    return done


def plain(seconds: float) -> Done:
    """The same statements, prepared, on a bare driver: no Django, no objects, no sorting."""
    done, ends, cursor_id = Done(), monotonic() + seconds, 0
    with psycopg.connect(settings.DATABASE_URL, autocommit=True, prepare_threshold=0) as db:
        while monotonic() < ends:
            claim = {
                "cursor": cursor_id, "only": None, "each": LANES_PER_CONNECTION, "limit": LANES_PER_CLAIM,
                "lease": settings.LEASE_S,
            }  # fmt: skip
            taken = timed(partial(_rows, db, lane_sql.CLAIM, claim), done.claims)
            cursor_id = max((row[0] for row in taken), default=0)
            _rows(db, WAITING, _look([row[:2] for row in taken]))
            for number, lane, token, dirty, *_ in taken:
                values = {
                    "connection": number, "lane": lane, "token": token, "seen": dirty, "clean": dirty, "more": True,
                    "next": None,
                }  # fmt: skip
                timed(partial(_rows, db, lane_sql.FINISH, values), done.finishes)
            done.lanes += len(taken)
    return done


def _rows(db: psycopg.Connection, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return db.execute(sql, values).fetchall()  # type: ignore[arg-type]  # statements of our own


def _look(lanes: Sequence[tuple[int, str]]) -> dict[str, Any]:
    return {"connections": [c for c, _ in lanes], "lanes": [key for _, key in lanes], "limit": EVENTS_PER_LOOK}


def together(work: Callable[[float], Done], seconds: float) -> Done:
    """The sum of two processes."""
    parts = side_by_side(partial(work, seconds), processes=PROCESSES, seconds=seconds)
    return Done(
        sum(part.lanes for part in parts),
        [took for part in parts for took in part.claims],
        [took for part in parts for took in part.finishes],
        sum(part.refused for part in parts),
    )


@contextmanager
def held_snapshot() -> Iterator[None]:
    """Another connection reads for long: no row version that it could see may be removed."""
    with psycopg.connect(settings.DATABASE_URL) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM lanes").fetchone()
        yield
        reader.rollback()


def measure(ground: Ground, report: Report) -> None:
    ground.say("filling in lanes with waiting events")
    made = clinics.receiving(ground.sized(CONNECTIONS, 30))
    numbers = [c.pk for c in made]
    filling.lanes(numbers, lanes_each=LANES_EACH, events_each=EVENTS_PER_LOOK)
    deep = ground.sized(DEEP, 500)
    filling.deep_lane(numbers[0], events=deep)
    filling.settled()
    report.notes.append(f"{len(numbers) * LANES_EACH} lanes on {len(numbers)} connections, one {deep} deep, always due")
    seconds = ground.lasting(20, 1)
    ground.say(f"{PROCESSES} processes claim for {seconds:g} s, first plain, then ours")
    report.baseline = {"plain_statements_lanes_per_s": together(plain, seconds).rate(seconds)}
    ground.statements.begin()
    free = together(ours, seconds)
    report.statements = ground.statements.top()
    held_s = ground.lasting(SNAPSHOT_S, 2)
    ground.say(f"the same for {held_s:g} s beside a held snapshot")
    with held_snapshot():
        held = together(ours, held_s)
    report.figures |= {
        "lanes_per_s": free.rate(seconds),
        "lanes_per_s_under_a_snapshot": held.rate(held_s),
        "snapshot_held_s": held_s,
        "finishes_refused": free.refused + held.refused,
    }
    report.compare(free.rate(seconds), report.baseline["plain_statements_lanes_per_s"], "Ponte / plain statements")
    report.latencies_ms = {
        "claim": percentiles_ms(free.claims),
        "finish": percentiles_ms(free.finishes),
        "claim_under_a_snapshot": percentiles_ms(held.claims),
        "finish_under_a_snapshot": percentiles_ms(held.finishes),
    }
    report.targets += [
        at_least("lanes a second, one of them deep", free.rate(seconds), 1000),
        at_least(f"the same with a snapshot held for {held_s:g} s", held.rate(held_s), 1000),
        at_most("finishes refused by the fence", free.refused + held.refused, 0),
    ]
