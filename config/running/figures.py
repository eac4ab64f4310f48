"""What our own database says about a connection: how much came, what is still to be done, how long things took."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from django.db import connection as db

# Deliveries of Chatwoot that were stored; Krayin's hints are told apart by their token. Bounded by the partition key.
STORED = """
SELECT count(*) FILTER (WHERE verification IN ('signed', 'late')), count(*) FILTER (WHERE status = 'parked')
FROM webhook_events WHERE connection_id = %(connection)s AND received_at >= %(since)s AND arrived_by = 'webhook'
"""
COUNTED = """
SELECT coalesce(sum(count) FILTER (WHERE reason = 'duplicate'), 0),
       coalesce(sum(count) FILTER (WHERE reason IN ('foreign', 'ignored')), 0)
FROM intake_counters WHERE connection_id = %(connection)s
"""
REFUSED = "SELECT count(*) FROM effects WHERE connection_id = %(connection)s AND state IN ('rejected', 'denied')"
# Leased lanes are under way; others wait for their time: quiet of a note, pace, a partner that is away.
WAITING = """
SELECT count(*) FILTER (WHERE dirty > clean OR leased), count(*) FILTER (WHERE run_at IS NOT NULL),
       (SELECT count(*) FROM effects WHERE connection_id = %(connection)s AND state IN ('intended', 'sent', 'unknown')),
       (SELECT coalesce(min(problem), '') FROM breakers WHERE connection_id = %(connection)s)
FROM lanes WHERE connection_id = %(connection)s
"""
TIMES = """
SELECT kind, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY s), max(s)
FROM (SELECT kind, extract(epoch FROM confirmed_at - created_at)::float8 AS s FROM effects
      WHERE connection_id = %(connection)s AND created_at >= %(since)s AND state = 'confirmed') e GROUP BY kind
"""


@dataclass(frozen=True)
class Counts:
    """Totals of a connection: deliveries stored since a time, others that left only a count, and what failed."""

    stored: int
    parked: int
    duplicates: int
    foreign: int
    refused: int

    def __sub__(self, earlier: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)))

    @property
    def received(self) -> int:
        """Every delivery of Chatwoot that was answered 202."""
        return self.stored + self.duplicates + self.foreign

    @property
    def failed(self) -> int:
        return self.parked + self.refused


@dataclass(frozen=True)
class Waiting:
    """What is still to be done; `problem` is the connection's own, empty when all is well."""

    lanes: int
    due_later: int
    steps: int
    problem: str

    @property
    def is_nothing(self) -> bool:
        return not (self.lanes or self.due_later)


@dataclass(frozen=True)
class Took:
    """Seconds from the wish for a step to its confirmation by Krayin."""

    count: int
    median_s: float
    longest_s: float


def now() -> datetime:
    """The database's clock, by which everything else is ordered."""
    moment: datetime = _row("SELECT clock_timestamp()", {})[0]
    return moment


def counts(connection_id: int, since: datetime) -> Counts:
    values: dict[str, int | datetime] = {"connection": connection_id, "since": since}
    stored, parked = _row(STORED, values)
    duplicates, foreign = _row(COUNTED, values)
    (refused,) = _row(REFUSED, values)
    return Counts(stored, parked, int(duplicates), int(foreign), refused)


def waiting(connection_id: int) -> Waiting:
    lanes, due_later, steps, problem = _row(WAITING, {"connection": connection_id})
    return Waiting(lanes, due_later, steps, problem or "")


def times(connection_id: int, since: datetime) -> dict[str, Took]:
    """By kind of step, of the steps wished since then."""
    with db.cursor() as cursor:
        cursor.execute(TIMES, {"connection": connection_id, "since": since})
        return {kind: Took(count, median, longest) for kind, count, median, longest in cursor.fetchall()}


def _row(sql: str, values: dict[str, int | datetime]) -> tuple:
    with db.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple = cursor.fetchone()
        return row
