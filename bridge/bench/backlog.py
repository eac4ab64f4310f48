"""How fast an outage's worth of events is caught up with, and whether one busy clinic makes the others wait.

Two worker processes against simulated Krayins without latency and limit, so that Ponte itself is measured. Then a
smaller backlog is worked off three times, the second time beside ten thousand events of one more connection: the
others' times are compared with the mean of the rounds before and after, because machines drift.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

from django.db import connection, connections
from django.test import RequestFactory

from bridge.bench import clinics, filling
from bridge.bench.bodies import Door, People
from bridge.bench.crew import side_by_side
from bridge.bench.ground import CannotMeasure, Ground
from bridge.bench.machine import memory_mb
from bridge.bench.report import Report, at_least, at_most
from bridge.bench.timing import percentile, percentiles_ms
from bridge.models import Connection, WebhookEvent
from bridge.sandbox.chatwoot import sign
from bridge.sync.lanes import Claims
from bridge.sync.worker import mark, read_waiting
from bridge.webhooks import views

CONNECTIONS, EVENTS = 300, 20_000
OTHERS_EVENTS, BUSY_EVENTS = 6_000, 10_000
BARE_EVENTS = 4_000
KRAYINS = 10
WORKERS, THREADS = 2, 2
LIMIT_S = 900.0
LOOK_EVERY_S = 0.5

LEFT = "SELECT count(*) FROM lanes WHERE leased OR dirty > clean OR run_at <= clock_timestamp()"
# Of each lane: when its last step was confirmed, counted from the start.
DELIVERED = """
SELECT e.connection_id, extract(epoch FROM max(e.confirmed_at) - %(began)s)::float
FROM effects e WHERE e.confirmed_at >= %(began)s GROUP BY e.connection_id, e.lane_key
"""
UNFINISHED = "SELECT state, count(*) FROM effects WHERE state <> 'confirmed' GROUP BY state"


@dataclass
class Round:
    """One backlog worked off. `delivered_s`: per contact of the others, seconds until everything was in Krayin."""

    events: int
    seconds: float
    delivered_s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.events / self.seconds


class Backlog:
    """Clinics and partners; events are stored by the webhook's own view while no worker runs."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.people = People()
        count, krayins = ground.sized(CONNECTIONS, 10), ground.sized(KRAYINS, 2)
        partners = ground.partners(krayins=krayins)
        twins = count // krayins - 1
        self.connections: list[Connection] = []
        for number, krayin in enumerate(partners["krayins"]):
            self.connections += clinics.connected(partners["chatwoot"], krayin, number=number, twins=twins)

    def store(self, targets: Sequence[Connection], events: int) -> int:
        """At least so many events, whole histories in turn over the connections; return how many became work."""
        stored, doors = 0, cycle(clinics.doors(targets))
        while stored < events:
            door, history = next(doors), self.people.history()
            for told in history:
                _post(door, told.body)
            # Mere signs of life become no work.
            stored += sum(told.event != "contact_updated" for told in history)
        return stored

    def work_off(self, events: int, others: Sequence[Connection]) -> Round:
        """Start the workers, wait until nothing is left, stop them."""
        connections.close_all()
        began_at, began = datetime.now(UTC), time.monotonic()
        crew = self.ground.workers(WORKERS, threads=THREADS)
        self.ground.processes.until(_is_quiet, LIMIT_S)
        done = Round(events, time.monotonic() - began)
        self.memory = memory_mb(self.ground.started)
        self.ground.stop(crew)
        known = {c.pk for c in others}
        with connection.cursor() as cursor:
            cursor.execute(DELIVERED, {"began": began_at})
            done.delivered_s = [seconds for number, seconds in cursor.fetchall() if number in known]
        return done


def _post(door: Door, body: bytes) -> None:
    """Through the webhook's own view, without HTTP. Raises CannotMeasure unless it is answered 202."""
    timestamp, delivery = str(int(time.time())), str(uuid.uuid4())
    headers = {
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Delivery": delivery,
        "X-Chatwoot-Signature": sign(door.secret, timestamp, body),
    }
    request = RequestFactory().generic("POST", door.path, body, content_type="application/json", headers=headers)
    answer = views.chatwoot(request, door.path.split("/")[-2])
    if answer.status_code != 202:
        raise CannotMeasure(f"the backlog was answered {answer.status_code}")


def _is_quiet() -> bool:
    time.sleep(LOOK_EVERY_S)
    with connection.cursor() as cursor:
        cursor.execute(LEFT)
        left: int = cursor.fetchone()[0]
        return left == 0


def bare() -> int:
    """The least any worker must do: claim, read and open what waits, mark it, give the lane back; return the events."""
    claims, events = Claims(), 0
    while taken := claims.take():
        waiting = read_waiting(taken)
        mark(waiting.events, WebhookEvent.Status.OBSERVED)
        events += len(waiting.events)
        for claim in taken:
            claim.finish(next_at=None)
    return events


def measure(ground: Ground, report: Report) -> None:
    backlog = Backlog(ground)
    busy, others = backlog.connections[0], backlog.connections[1:]
    report.baseline = _bare_rate(backlog, others)
    full = _round(backlog, others, ground.sized(EVENTS, 200), report)
    report.statements = ground.statements.top()
    few = ground.sized(OTHERS_EVENTS, 100)
    before = _round(backlog, others, few, report)
    extra = backlog.store([busy], ground.sized(BUSY_EVENTS, 100))
    beside = _round(backlog, others, few, report, extra=extra)
    after = _round(backlog, others, few, report)
    alone_p95 = (_p95(before) + _p95(after)) / 2
    report.ratio = round(full.rate / report.baseline["events_per_s"], 3)
    report.figures |= {
        "events_per_s": round(full.rate, 1),
        "events": full.events,
        "seconds": round(full.seconds, 1),
        "contacts": len(full.delivered_s),
        "others_p95_alone_s": round(alone_p95, 2),
        "others_p95_beside_a_busy_one_s": round(_p95(beside), 2),
        "others_p95_rise": round(_p95(beside) / alone_p95 - 1, 3),
        **{f"memory_{name}_mb": size for name, size in backlog.memory.items() if name.startswith("lanes")},
    }
    report.latencies_ms = {
        "contact_in_krayin": percentiles_ms(full.delivered_s),
        "others_before": percentiles_ms(before.delivered_s),
        "others_beside_a_busy_one": percentiles_ms(beside.delivered_s),
        "others_after": percentiles_ms(after.delivered_s),
    }
    largest = max((v for name, v in report.figures.items() if name.startswith("memory_")), default=0.0)
    report.targets += [
        at_least("backlog, events a second", report.figures["events_per_s"], 300),
        at_most("rise of the others' p95 beside a busy connection", report.figures["others_p95_rise"], 0.2),
        at_most("memory of a worker process (MB)", largest, 250),
    ]


def _bare_rate(backlog: Backlog, others: Sequence[Connection]) -> dict[str, float]:
    backlog.store(others, backlog.ground.sized(BARE_EVENTS, 100))
    filling.settled()
    began = time.monotonic()
    events = sum(side_by_side(bare, processes=WORKERS, seconds=LIMIT_S))
    return {"events_per_s": round(events / (time.monotonic() - began), 1)}


def _round(backlog: Backlog, others: Sequence[Connection], events: int, report: Report, *, extra: int = 0) -> Round:
    stored = backlog.store(others, events)
    filling.settled()
    backlog.ground.statements.begin()
    done = backlog.work_off(stored + extra, others)
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED)
        report.notes += [f"{count} steps {state}" for state, count in cursor.fetchall()]
    return done


def _p95(done: Round) -> float:
    return percentile(sorted(done.delivered_s), 95)
