"""How fast an outage's worth of events is caught up with, and whether one busy clinic makes the others wait.

Two worker processes against simulated Krayins without latency and limit, so that Ponte itself is measured. Then a
smaller backlog is worked off three times, the second time beside ten thousand events of one more connection: the
others' times are compared with the mean of the rounds before and after, because machines drift.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle

from django.db import connection, connections
from django.test import RequestFactory

from bridge.bench import clinics, filling
from bridge.bench.bodies import Door, People
from bridge.bench.crew import side_by_side
from bridge.bench.errors import CannotMeasure
from bridge.bench.ground import Ground
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
LIMIT_S = 600.0
LOOK_EVERY_S = 0.5

LEFT = "SELECT count(*) FROM lanes WHERE leased OR dirty > clean OR run_at <= clock_timestamp()"
# Programs start in seconds, an outage's backlog waits for workers that run: counted from the first claim.
TOOK = """
SELECT began.at, extract(epoch FROM clock_timestamp() - began.at)::float
FROM (SELECT min(observed_at) AS at FROM webhook_events WHERE observed_at >= %s) began
"""
# Of each lane: when its last step was confirmed.
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
    delivered_s: list[float]

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def p95_s(self) -> float:
        return percentile(sorted(self.delivered_s), 95)


class Backlog:
    """Clinics and partners; events are stored by the webhook's own view while no worker runs."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.people = People()
        self.cpu_ms: dict[str, float] = {}  # both of the last round
        self.memory_mb: dict[str, float] = {}
        count, krayins = ground.sized(CONNECTIONS, 10), ground.sized(KRAYINS, 2)
        partners = ground.partners(krayins=krayins)
        twins = count // krayins - 1
        self.connections: list[Connection] = []
        for number, krayin in enumerate(partners["krayins"]):
            self.connections += clinics.connected(partners["chatwoot"], krayin, number=number, twins=twins)
        self.busy, self.others = self.connections[0], self.connections[1:]

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

    def round(self, others_events: int, *, busy_events: int = 0) -> Round:
        """Store a backlog, start the workers, wait until nothing is left, stop them. Raises CannotMeasure."""
        events = self.store(self.others, others_events)
        if busy_events:
            events += self.store([self.busy], busy_events)
        filling.settled()
        self.ground.say(f"{events} events wait; {WORKERS} workers start")
        self.ground.statements.begin()
        connections.close_all()
        asked_at = datetime.now(UTC)
        crew = self.ground.workers(WORKERS, threads=THREADS)
        before = self.ground.cpu_s()
        if not self.ground.processes.until(_is_quiet, LIMIT_S):
            raise CannotMeasure(f"the backlog was not worked off within {LIMIT_S:g} s")
        done = self._told(asked_at, events)
        self.cpu_ms = self.ground.cpu_ms_each("event", events, before)
        self.memory_mb = self.ground.memory_mb()
        self.ground.stop(crew)
        return done

    def _told(self, asked_at: datetime, events: int) -> Round:
        known = {connection.pk for connection in self.others}
        with connection.cursor() as cursor:
            cursor.execute(TOOK, [asked_at])
            began_at, seconds = cursor.fetchone()
            cursor.execute(DELIVERED, {"began": began_at})
            return Round(events, seconds, [took for number, took in cursor.fetchall() if number in known])


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
    ground.say("connecting clinics and storing events")
    backlog = Backlog(ground)
    report.baseline = {"least_work_events_per_s": _bare_rate(backlog)}
    full = backlog.round(ground.sized(EVENTS, 200))
    report.statements = ground.statements.top()
    report.figures |= backlog.cpu_ms
    few = ground.sized(OTHERS_EVENTS, 100)
    before = backlog.round(few)
    beside = backlog.round(few, busy_events=ground.sized(BUSY_EVENTS, 100))
    after = backlog.round(few)
    alone_s = (before.p95_s + after.p95_s) / 2
    report.compare(full.rate, report.baseline["least_work_events_per_s"], "events, Ponte / the least work")
    report.figures |= {
        "connections": len(backlog.connections),
        "events": full.events,
        "events_per_s": round(full.rate, 1),
        "seconds": round(full.seconds, 1),
        "contacts": len(full.delivered_s),
        "others_p95_alone_s": round(alone_s, 2),
        "others_p95_beside_a_busy_one_s": round(beside.p95_s, 2),
        "others_p95_rise": round(beside.p95_s / alone_s - 1, 3),
    }
    report.latencies_ms = {
        "contact_in_krayin": percentiles_ms(full.delivered_s),
        "others_before": percentiles_ms(before.delivered_s),
        "others_beside_a_busy_one": percentiles_ms(beside.delivered_s),
        "others_after": percentiles_ms(after.delivered_s),
    }
    unfinished = _unfinished()
    report.notes += [f"{count} steps {state}" for state, count in unfinished.items()]
    report.targets += [
        at_least(f"backlog over {len(backlog.connections)} connections, events a second", full.rate, 300),
        at_most("rise of the others' p95 beside a busy connection", report.figures["others_p95_rise"], 0.2),
        at_most("steps not confirmed", sum(unfinished.values()), 0),
    ]
    report.tell_memory(backlog.memory_mb)


def _bare_rate(backlog: Backlog) -> float:
    backlog.store(backlog.others, backlog.ground.sized(BARE_EVENTS, 100))
    filling.settled()
    began = time.monotonic()
    events = sum(side_by_side(bare, processes=WORKERS, seconds=LIMIT_S))
    return round(events / (time.monotonic() - began), 1)


def _unfinished() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED)
        return dict(cursor.fetchall())
