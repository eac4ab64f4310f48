"""Runners in real processes: killed in the middle, several at once; nothing is skipped and nothing is done twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from django.db import connection as db
from django.db import connections, transaction
from stopped import SYSTEM, Stopped, stopped_clinic

from bridge.jobs import control, runner
from bridge.models import Effect, Lane, SyncJob, WebhookEvent
from tests.intake.server import NOBODY, database_address

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PROJECT = Path(__file__).parents[2]
LONG_S = 120.0


@contextmanager
def running(seconds: float = LONG_S) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py jobs --run` on this test's database, with a short lease; what it said is told when the test fails."""
    environ = os.environ | {"DATABASE_URL": database_address(), "PONTE_LEASE_S": "2", "REDIS_URL": NOBODY}
    command = [sys.executable, "manage.py", "jobs", "--run", str(seconds)]
    with TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=said, stderr=said)
        try:
            yield process
        except AssertionError as error:
            said.seek(0)
            raise AssertionError(f"{error}; the runner said: {said.read().decode()[-3000:]}") from error
        finally:
            process.kill()
            process.wait(30)


def until(condition: Callable[[], bool], timeout_s: float = LONG_S) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def done(job: SyncJob) -> int:
    return SyncJob.objects.values_list("done", flat=True).get(pk=job.pk)


def is_over(job: SyncJob) -> bool:
    # What the job brings is not worked here, and must not make it wait.
    Lane.objects.filter(run_at__isnull=False).update(run_at=None)
    job.refresh_from_db()
    return job.is_over


def assert_everything_happened_once(stopped: Stopped, job: SyncJob) -> None:
    job.refresh_from_db()
    assert (job.state, job.done, job.skipped, job.failed) == ("done", job.total, 0, 0)
    assert stopped.marks == stopped.all_once
    assert Effect.objects.filter(state="intended").count() == len(stopped.steps)
    assert WebhookEvent.objects.filter(status="received").count() == len(stopped.events)


def test_a_runner_killed_again_and_again_leaves_nothing_undone_and_nothing_doubled() -> None:
    stopped = stopped_clinic(steps=25, events=15)
    job = stopped.slowly(pause_ms=30)
    for kill in range(3):
        with running() as process:
            until(lambda kill=kill: done(job) >= 4 * (kill + 1) or is_over(job))
            process.send_signal(signal.SIGKILL)
            process.wait(30)
    assert not job.is_over
    with running():
        until(lambda: is_over(job))
    assert_everything_happened_once(stopped, job)
    assert job.token > job.total  # the kills cost claims, never items


def test_a_runner_killed_inside_a_step_leaves_no_half_of_it() -> None:
    stopped = stopped_clinic(steps=4, events=0)
    for step in stopped.steps:
        Lane.objects.create(connection=stopped.connection, lane_key=step.lane_key, run_at=None)
    job = stopped.started()
    SyncJob.objects.filter(pk=job.pk).update(rate_per_minute=10**6)
    with transaction.atomic(), running() as process:
        # The third lane is held: the step stops in its middle, after it has written to the others.
        Lane.objects.select_for_update().get(lane_key=stopped.steps[2].lane_key)
        until(waits_for_a_lock)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 0)
    assert set(Effect.objects.values_list("state", flat=True)) == {"rejected"}
    with running():
        until(lambda: is_over(job))
    assert_everything_happened_once(stopped, job)


def waits_for_a_lock() -> bool:
    with db.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_two_runners_at_once_share_the_work_and_double_nothing() -> None:
    stopped = stopped_clinic(steps=20, events=20)
    job = stopped.slowly(pause_ms=5)
    with running(), running():
        until(lambda: is_over(job))
    assert_everything_happened_once(stopped, job)


def test_a_job_paused_in_the_middle_stops_and_goes_on_later() -> None:
    stopped = stopped_clinic(steps=20, events=0)
    job = stopped.slowly(pause_ms=20)
    with running() as process:
        until(lambda: done(job) >= 5)
        control.pause(job, actor=SYSTEM)
        reached = done(job)
        assert process.wait(60) == 0  # nothing is due any more
    assert done(job) == reached < 20
    control.resume(job, actor=SYSTEM)
    with running():
        until(lambda: is_over(job))
    assert_everything_happened_once(stopped, job)


def test_who_slept_through_the_lease_writes_nothing() -> None:
    stopped = stopped_clinic(steps=2, events=0)
    job = stopped.slowly()
    sleeper = runner.claim()
    assert sleeper is not None
    SyncJob.objects.update(lease_until="2001-01-01T00:00Z")
    assert runner.run_once()  # there is no event to read
    assert runner.run_once()
    with pytest.raises(runner.LeaseLost), sleeper.held():
        pytest.fail("another runner has the job")
    assert done(job) == 1


def test_runners_in_threads_never_hold_the_same_job() -> None:
    stopped = stopped_clinic(steps=30, events=0)
    job = stopped.slowly()

    def work() -> None:
        try:
            while runner.run_once():
                pass
        finally:
            connections.close_all()

    crew = [threading.Thread(target=work) for _ in range(4)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    while runner.run_once():
        pass
    assert_everything_happened_once(stopped, job)
