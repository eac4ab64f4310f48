"""Carrying out an approved list: batch by batch, people locked for moments, holds asked right before (lgpd 3.3).

A run is claimed with a lease and a token. Each batch is one transaction: it locks its people, lets no hold be placed
meanwhile, asks once more what is due and what is held, removes, and moves the run's cursor and hash. Whoever comes after
a crash goes on behind the last batch. Nothing is ever removed that is not on the approved list.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction
from django.db import connection as db
from psycopg import errors

from consent.models import Clinic, RetentionItem, RetentionRun
from consent.retention import ending
from consent.retention.listing import BLOCKED, HELD, add, chained, due_sql, month, values
from consent.retention.ways import Found, Row, StillNeeded, Sweep, Wholesale, listed

logger = logging.getLogger(__name__)

State, Stays = RetentionRun.State, RetentionItem.State
# Below the 50 ms within which nobody notices a lock; the size of a batch follows what the last ones took. Smaller ones
# than the smallest take as long: then it is the statements that are slow, not the rows.
WANTED_MS, SMALLEST_BATCH, LARGEST_BATCH = 25.0, 20, 1000
RUN_S = 50 * 60.0  # a task ends by itself before Celery ends it; the next one goes on
BUSY_TRIES, BUSY_REST_S = 20, 0.25

# Losing the last batches in a crash of PostgreSQL is harmless: they are on the list again, and done again.
SETTINGS = """
SELECT set_config('lock_timeout', '500ms', true), set_config('synchronous_commit', 'off', true),
       set_config('ponte.retention', 'on', true)
"""
CLAIM = """
UPDATE retention_runs SET state = 'running', token = token + 1, started_at = coalesce(started_at, %(now)s),
  lease_until = clock_timestamp() + interval '60 seconds'
WHERE id = (
  SELECT id FROM retention_runs
  WHERE state IN ('approved', 'running') AND (begin_at <= %(now)s OR %(at_once)s)
    AND coalesce(lease_until, '-infinity') <= clock_timestamp()
  ORDER BY begin_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
LOCK_PEOPLE = "SELECT id FROM data_subjects WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
# After the people: whoever places a hold on a person locks that person first, too.
LOCK_HOLDS = "LOCK TABLE legal_holds IN SHARE MODE"
VERDICT = """
SELECT i.id, d.anchor, d.due_at, {held}, {blocked}
FROM unnest(%(ids)s::bigint[], %(keys)s::text[], %(subjects)s::uuid[], %(numbers)s::text[])
  AS i(id, key, subject, number)
LEFT JOIN ({due}) d ON d.key = i.key AND d.subject IS NOT DISTINCT FROM i.subject
"""
ADVANCE = """
UPDATE retention_runs SET cursor = %(cursor)s, done_chain = %(chain)s, done = %(done)s::jsonb, kept = %(kept)s::jsonb,
  batches = batches + 1, longest_ms = greatest(longest_ms, %(longest)s),
  lease_until = clock_timestamp() + interval '60 seconds'
WHERE id = %(run)s AND token = %(token)s
"""


class LeaseLost(Exception):
    """Another worker has this run now: nothing of this batch was done."""


@dataclass
class Pace:
    """How many rows a batch takes, so that it holds its locks for about WANTED_MS."""

    size: int = SMALLEST_BATCH
    longest_ms: float = 0.0

    def took(self, ms: float) -> None:
        self.longest_ms = max(self.longest_ms, ms)
        if ms > WANTED_MS:
            self.size = max(SMALLEST_BATCH, int(self.size * max(0.25, WANTED_MS / ms)))
        elif ms < WANTED_MS / 2:
            self.size = min(LARGEST_BATCH, self.size + max(1, self.size // 4))


def run_due(
    *, now: datetime, at_once: bool = False, limit_s: float = RUN_S, tell: Callable[[RetentionRun], None] | None = None
) -> list[RetentionRun]:
    """Carry out approved runs whose time has come (or all approved ones), for so long; return those that were finished.

    tell: called after each batch. `now` decides what is due; what fell due after the approval waits for the next list.
    """
    end, finished = time.monotonic() + limit_s, []
    while time.monotonic() < end and (run := claim(now, at_once=at_once)):
        try:
            if carry_out(run, now=now, end=end, tell=tell):
                finished.append(run)
        except LeaseLost:
            logger.warning("retention run %s goes on elsewhere", run.pk)
    return finished


def claim(now: datetime, *, at_once: bool = False) -> RetentionRun | None:
    """The next run to work on, with a fresh token."""
    with db.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "at_once": at_once})
        row = cursor.fetchone()
    return RetentionRun.objects.select_related("clinic").get(pk=row[0]) if row else None


def carry_out(
    run: RetentionRun, *, now: datetime, end: float, tell: Callable[[RetentionRun], None] | None = None
) -> bool:
    """Work on a claimed run until it is finished (True) or the time is over. Raises LeaseLost."""
    pace = Pace()
    while time.monotonic() < end:
        rows = next_rows(run, pace.size)
        if not rows:
            ending.finish(run, now=now)
            return True
        way = listed().get(rows[0].sweep)
        if way is None:
            leave(run, rows)
        elif isinstance(way, Wholesale):
            whole(run, way, rows[0], now)
        else:
            pace.took(patiently(run, way, rows, now))
        run.longest_ms = max(run.longest_ms, pace.longest_ms)
        if tell:
            tell(run)
    give_back(run)
    return False


def next_rows(run: RetentionRun, count: int) -> list[RetentionItem]:
    """The next rows of one sweep, in the order of the list."""
    states = [Stays.PLANNED, Stays.REMOVING]
    found = RetentionItem.objects.filter(run=run, id__gt=run.cursor, state__in=states).order_by("id")
    rows = list(found[:count])
    return [row for row in rows if row.sweep == rows[0].sweep]


# A batch of rows ------------------------------------------------------------------------------------------------------


def patiently(run: RetentionRun, sweep: Sweep, rows: Sequence[RetentionItem], now: datetime) -> float:
    """One batch; again after a moment while somebody else has one of its people. Returns how long it held locks, ms."""
    for attempt in range(1, BUSY_TRIES + 1):
        try:
            return batch(run, sweep, rows, now)
        except OperationalError as error:
            busy = isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected)
            if not busy or attempt == BUSY_TRIES:
                raise
        time.sleep(BUSY_REST_S)
    raise AssertionError("not reached")


def batch(run: RetentionRun, sweep: Sweep, rows: Sequence[RetentionItem], now: datetime) -> float:
    progress = Progress.of(run)
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute(SETTINGS)
        began = time.monotonic()
        cursor.execute(LOCK_PEOPLE, [[row.subject for row in rows if row.subject]])
        cursor.execute(LOCK_HOLDS)
        going = verdict(run, sweep, rows, now, progress)
        if going:
            sweep.remove(going, now)
            done = {row.key for row in going}
            progress.went([item for item in rows if item.key in done])
        progress.write(run, rows[-1].pk)
    progress.take_over(run)
    return (time.monotonic() - began) * 1000


def verdict(
    run: RetentionRun, sweep: Sweep, rows: Sequence[RetentionItem], now: datetime, progress: "Progress"
) -> list[Row]:
    """The rows that may go, at this very moment; for the others the reason is written."""
    clinic = clinic_of(run)
    asked: dict[str, Any] = {
        **values(sweep, clinic, run.period(sweep.code), now), "ids": [row.pk for row in rows],
        "keys": [row.key for row in rows], "subjects": [row.subject for row in rows],
        "numbers": [row.number for row in rows],
    }  # fmt: skip
    sql = VERDICT.format(held=HELD.format(row="i"), blocked=BLOCKED.format(row="i"), due=due_sql(sweep, of_batch=True))
    with db.cursor() as cursor:
        cursor.execute(sql, asked)
        told = {pk: rest for pk, *rest in cursor.fetchall()}
    going: list[Row] = []
    reasons: dict[int, str] = {}
    for row in rows:
        anchor, due_at, is_held, is_blocked = told[row.pk]
        if is_held or is_blocked or anchor is None:
            reasons[row.pk] = Stays.HELD if is_held else Stays.BLOCKED if is_blocked else Stays.CHANGED
        else:
            going.append(Row(row.key, row.subject, anchor, due_at))
    progress.stay(sweep.name, reasons)
    return going


def clinic_of(run: RetentionRun) -> Clinic:
    if run.clinic is None:
        raise TypeError("sweeps belong to a clinic")
    return run.clinic


@dataclass
class Progress:
    """What a batch changes about its run, written with it."""

    chain: str
    done: dict[str, dict[str, int]]
    kept: dict[str, dict[str, int]]
    cursor: int = 0

    @classmethod
    def of(cls, run: RetentionRun) -> "Progress":
        done, kept = ({name: dict(by) for name, by in counts.items()} for counts in (run.done, run.kept))
        return cls(run.done_chain, done, kept)

    def went(self, items: Sequence[RetentionItem]) -> None:
        """These were carried out; their rows of the list leave with what they stood for."""
        for item in items:
            self.chain = chained(self.chain, item.sweep, item.key)
            add(self.done, item.sweep, month(item.due_at))
        with db.cursor() as cursor:
            cursor.execute("DELETE FROM retention_items WHERE id = ANY(%s)", [[item.pk for item in items]])

    def stay(self, sweep: str, reasons: Mapping[int, str]) -> None:
        for state in sorted(set(reasons.values())):
            ids = [pk for pk, reason in reasons.items() if reason == state]
            RetentionItem.objects.filter(pk__in=ids).update(state=state, was_listed=True)
            add(self.kept, sweep, state, len(ids))

    def write(self, run: RetentionRun, cursor: int) -> None:
        """Raises LeaseLost, which undoes the batch."""
        self.cursor = cursor
        asked: dict[str, Any] = {
            "run": run.pk, "token": run.token, "cursor": cursor, "chain": self.chain,
            "done": json.dumps(self.done), "kept": json.dumps(self.kept), "longest": run.longest_ms,
        }  # fmt: skip
        with db.cursor() as asking:
            asking.execute(ADVANCE, asked)
            if not asking.rowcount:
                raise LeaseLost

    def take_over(self, run: RetentionRun) -> None:
        run.done_chain, run.done, run.kept, run.cursor = self.chain, self.done, self.kept, self.cursor
        run.batches += 1


# Wholes ---------------------------------------------------------------------------------------------------------------


def whole(run: RetentionRun, way: Wholesale, item: RetentionItem, now: datetime) -> None:
    """One partition, quarter or account: looked at again, marked, removed. A crash in between is finished later."""
    found = next((one for one in way.look(run.period(way.code), now) if one.key == item.key), None)
    progress = Progress.of(run)
    why = removed(way, item, found, now)
    with transaction.atomic():
        if why:
            progress.stay(way.name, {item.pk: why})
        else:
            progress.went([item])
        progress.write(run, item.pk)
    progress.take_over(run)


def removed(way: Wholesale, item: RetentionItem, found: Found | None, now: datetime) -> str:
    """Remove it; why it stays, else empty."""
    if found is None:
        return "" if item.state == Stays.REMOVING else Stays.CHANGED
    if found.why:
        return found.why
    RetentionItem.objects.filter(pk=item.pk).update(state=Stays.REMOVING)
    try:
        way.remove(item.key, now)
    except StillNeeded:
        return Stays.NEEDED
    return ""


def leave(run: RetentionRun, rows: Sequence[RetentionItem]) -> None:
    """Rows of a sweep that a newer version of the program no longer has."""
    progress = Progress.of(run)
    with transaction.atomic():
        progress.stay(rows[0].sweep, dict.fromkeys((row.pk for row in rows), Stays.CHANGED))
        progress.write(run, rows[-1].pk)
    progress.take_over(run)


def give_back(run: RetentionRun) -> None:
    """Somebody else, or the next task, may go on at once."""
    RetentionRun.objects.filter(pk=run.pk, token=run.token).update(lease_until=None, longest_ms=run.longest_ms)
