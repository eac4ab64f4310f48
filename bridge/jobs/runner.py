"""Carry out jobs: claim one, do one step, write how far it came, give it back until its next step is due.

Any number of runners may work side by side. A claim skips what others hold and raises the job's token; a runner that
lost its lease writes nothing, and the next one repeats the step from the job's cursor. Celery's beat starts a runner
every 30 s and every confirmation starts one at once: with the broker away jobs only wait, and that is enough, because
they rank below live traffic anyway. The clock is the database's.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as db

from bridge.causes import Cause
from bridge.errors import Paced, PartnerError
from bridge.jobs.kinds import JobFailed, Kind, Step, kind_of
from bridge.models import Breaker, Connection, SyncJob
from bridge.models.connections import LONG_AGO
from bridge.sync.clock import database_now

logger = logging.getLogger(__name__)

State, Hold = SyncJob.State, SyncJob.Hold

RUN_S = 25  # how long a runner started by beat looks for due steps
STEP_S = 5  # a step brings at most as many calls as the rate allows in this time
MOST_PER_STEP = 200
NEED_NOT_WAIT_S = 10.0  # a lane due for longer means that live traffic is behind
REST = {Hold.LIVE: timedelta(seconds=5), Hold.CONNECTION: timedelta(seconds=30), Hold.PARTNER: timedelta(seconds=15)}
ERRORS_ALLOWED = 5
ERROR_REST = timedelta(seconds=60)
PLANS_KEPT = timedelta(hours=24)

DATABASE_AWAY = (OperationalError, InterfaceError)

CLAIM = """
UPDATE sync_jobs SET state = 'running', token = token + 1,
  lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
  started_at = coalesce(started_at, clock_timestamp())
WHERE id = (
  SELECT id FROM sync_jobs
  WHERE state IN ('waiting', 'running') AND not_before <= clock_timestamp() AND lease_until <= clock_timestamp()
  ORDER BY not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, token
"""
NEXT_DUE = """
SELECT extract(epoch FROM min(greatest(not_before, lease_until)) - clock_timestamp())
FROM sync_jobs WHERE state IN ('waiting', 'running')
"""
BEHIND = """
SELECT EXISTS (SELECT 1 FROM lanes WHERE connection_id = %s AND NOT leased
               AND run_at < clock_timestamp() - make_interval(secs => %s))
"""


class LeaseLost(Exception):
    """Another runner has this job now: write nothing more for it."""


@dataclass(frozen=True)
class Turn:
    """A claimed job: one step of it may be done under this token."""

    job_id: int
    token: int

    @contextmanager
    def held(self) -> Iterator[SyncJob]:
        """The job, locked, in a transaction that is committed at the end. Raises LeaseLost."""
        with transaction.atomic():
            rows = SyncJob.objects.select_for_update(of=("self",)).select_related("connection__clinic")
            job = rows.filter(pk=self.job_id, token=self.token).first()
            if job is None:
                raise LeaseLost(self.job_id)
            yield job

    def give_back(self, job: SyncJob, *, wait_until: datetime, hold: str = Hold.NONE) -> None:
        """Write what the job holds now and free it; its next step is due at `wait_until`."""
        job.hold, job.not_before, job.lease_until = hold, wait_until, LONG_AGO
        job.save(
            update_fields=[
                "state", "hold", "cursor", "done", "skipped", "failed", "calls", "causes", "result", "not_before",
                "lease_until", "errors_in_a_row", "finished_at",
            ]
        )  # fmt: skip


# Running --------------------------------------------------------------------------------------------------------------


def run_for(seconds: float = RUN_S, stop: threading.Event | None = None) -> int:
    """Do due steps, resting between them, for so long or until nothing is due any more; return the number of steps."""
    stop, end, steps = stop or threading.Event(), time.monotonic() + seconds, 0
    while not stop.is_set() and time.monotonic() < end:
        if run_once():
            steps += 1
            continue
        wait_s = seconds_to_next()
        if wait_s is None or time.monotonic() + wait_s > end:
            break
        stop.wait(min(max(wait_s, 0.05), 1.0))
    return steps


def run_once() -> bool:
    """Claim the job that waits longest and do one step of it; False when none is due."""
    turn = claim()
    if turn is None:
        return False
    try:
        _one_step(turn)
    except LeaseLost:
        logger.warning("job lease lost: job=%s", turn.job_id)
    except DATABASE_AWAY:
        raise
    except Exception as error:
        logger.exception("job step failed: job=%s %s", turn.job_id, type(error).__name__)
        _own_error(turn)
    return True


def claim() -> Turn | None:
    with db.cursor() as cursor:
        cursor.execute(CLAIM, {"lease": settings.LEASE_S})
        row = cursor.fetchone()
    return Turn(*row) if row else None


def seconds_to_next() -> float | None:
    """Seconds until the next step of any job is due; None when none waits."""
    with db.cursor() as cursor:
        cursor.execute(NEXT_DUE)
        found = cursor.fetchone()[0]
    return None if found is None else max(0.0, float(found))


def _one_step(turn: Turn) -> None:
    job = SyncJob.objects.select_related("connection__clinic", "connection__krayin").get(pk=turn.job_id)
    kind = kind_of(job.kind)
    now = database_now()
    hold, until = why_rest(job.connection, kind, now)
    if hold:
        with turn.held() as held:
            turn.give_back(held, wait_until=until, hold=hold)
        return
    if kind.is_atomic:
        with turn.held() as held:
            # Under the job's own lock: a pause that came first is seen, one that comes now waits for the step.
            if held.state == State.RUNNING:
                _note(held, kind.step(held, held.cursor, limit_of(held)), now)
            turn.give_back(held, wait_until=held.not_before)
        return
    try:
        step = kind.step(job, job.cursor, limit_of(job))
    except JobFailed as failure:
        _fail(turn, failure.cause)
        return
    except PartnerError as error:
        until = error.until if isinstance(error, Paced) else now + REST[Hold.PARTNER]
        with turn.held() as held:
            turn.give_back(held, wait_until=until, hold=Hold.NONE if isinstance(error, Paced) else Hold.PARTNER)
        return
    with turn.held() as held:
        _note(held, step, now)
        turn.give_back(held, wait_until=held.not_before)


def _note(job: SyncJob, step: Step, now: datetime) -> None:
    """Add what a step did to the job. A job that was paused or cancelled meanwhile stays so."""
    job.cursor = dict(step.cursor)
    job.done += step.done
    job.skipped += step.skipped
    job.failed += sum(step.failed.values())
    job.calls += round(step.calls)
    job.causes = _sum(job.causes, {cause.value: n for cause, n in step.failed.items()})
    job.result = _sum(job.result, step.counts)
    job.errors_in_a_row = 0
    job.not_before = max(step.wait_until or now, now + pause_after(job, step.calls))
    if step.finished and job.state != State.CANCELLED:
        job.state, job.finished_at = State.DONE, now


def _sum(held: dict[str, int], more: object) -> dict[str, int]:
    added = dict(more) if isinstance(more, dict) else {}
    return {name: held.get(name, 0) + added.get(name, 0) for name in {**held, **added}}


def _own_error(turn: Turn) -> None:
    """A defect of ours: try the step again in a minute, and give up after several times."""
    with turn.held() as job:
        job.errors_in_a_row += 1
        if job.errors_in_a_row >= ERRORS_ALLOWED:
            _mark_failed(job, Cause.INTERNAL)
        turn.give_back(job, wait_until=database_now() + ERROR_REST, hold="" if job.is_over else Hold.ERROR)


def _fail(turn: Turn, cause: Cause) -> None:
    with turn.held() as job:
        _mark_failed(job, cause)
        turn.give_back(job, wait_until=job.not_before)


def _mark_failed(job: SyncJob, cause: Cause) -> None:
    job.state, job.finished_at = State.FAILED, database_now()
    job.causes = _sum(job.causes, {cause.value: 0})


# Pace -----------------------------------------------------------------------------------------------------------------


def why_rest(connection: Connection, kind: Kind, now: datetime) -> tuple[str, datetime]:
    """Why the job has to rest now, and until when; an empty reason when it need not."""
    if connection.state not in {Connection.State.SHADOW, Connection.State.ACTIVE}:
        return Hold.CONNECTION, now + REST[Hold.CONNECTION]
    if not kind.below_live:
        return Hold.NONE, now
    away = Breaker.objects.filter(connection=connection, paused_until__gt=now).exclude(partner=Breaker.Of.PONTE)
    if away.exists():
        return Hold.PARTNER, now + REST[Hold.PARTNER]
    if is_behind(connection):
        return Hold.LIVE, now + REST[Hold.LIVE]
    return Hold.NONE, now


def is_behind(connection: Connection) -> bool:
    """Whether people of the connection wait for their turn: then more work would only make them wait longer."""
    with db.cursor() as cursor:
        cursor.execute(BEHIND, [connection.pk, NEED_NOT_WAIT_S])
        return bool(cursor.fetchone()[0])


def limit_of(job: SyncJob) -> int:
    """Items for one step: what the rate allows in STEP_S seconds, at least one."""
    if job.calls_per_item <= 0:
        return MOST_PER_STEP
    return min(MOST_PER_STEP, max(1, int(job.rate_per_minute * STEP_S / 60 / job.calls_per_item)))


def pause_after(job: SyncJob, calls: float) -> timedelta:
    return timedelta(minutes=calls / max(job.rate_per_minute, 1))


def forget_old_plans() -> int:
    """Dry runs nobody confirmed within a day are of no use; return how many went."""
    old = SyncJob.objects.filter(state=State.PLANNED, created_at__lt=database_now(-PLANS_KEPT))
    return old.delete()[0]
