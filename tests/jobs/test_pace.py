"""Jobs stay below live traffic: 30 % of the budget, resting while people or the partner wait."""

from datetime import timedelta

import pytest
from django.utils import timezone
from factories import away
from stopped import SYSTEM, Stopped, due, stopped_clinic

from bridge.jobs import control, runner
from bridge.models import Breaker, Connection, Lane, SyncJob

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def after_one_step(job: SyncJob) -> SyncJob:
    assert runner.run_once()
    job.refresh_from_db()
    return job


def test_the_rate_is_at_most_thirty_percent_of_the_budget() -> None:
    stopped = stopped_clinic(budget=50)
    job = stopped.plan()
    assert job.rate_per_minute == 15
    control.confirm(job, actor=SYSTEM, rate_per_minute=9000)
    assert job.rate_per_minute == 15


def test_people_may_ask_for_less() -> None:
    job = stopped_clinic().plan()
    control.confirm(job, actor=SYSTEM, rate_per_minute=4)
    assert job.rate_per_minute == 4


def test_a_step_is_as_large_as_the_rate_allows_and_is_paid_for_by_waiting() -> None:
    stopped = stopped_clinic(steps=0, events=10)
    before = timezone.now()
    job = after_one_step(stopped.started())
    # 15 calls a minute, 2 calls an event: nothing fits into 5 s, so one, and then 8 s of rest.
    assert job.done == 1
    assert timedelta(seconds=7) < job.not_before - before < timedelta(seconds=60)
    assert not runner.run_once()


def test_it_rests_while_people_wait_for_their_turn(stopped: Stopped) -> None:
    job = stopped.started()
    late = timezone.now() - timedelta(minutes=1)
    Lane.objects.create(connection=stopped.connection, lane_key="c:1", dirty=1, run_at=late)
    assert (after_one_step(job).done, job.hold) == (0, "live")
    Lane.objects.all().delete()
    due(job)
    assert (after_one_step(job).done > 0, job.hold) == (True, "")


def test_it_rests_while_the_partner_is_away(stopped: Stopped) -> None:
    job = stopped.started()
    away(stopped.connection)
    assert (after_one_step(job).done, job.hold) == (0, "partner")
    Breaker.objects.all().delete()
    due(job)
    assert after_one_step(job).done > 0


def test_it_rests_while_the_connection_is_paused(stopped: Stopped) -> None:
    job = stopped.started()
    Connection.objects.update(state="paused")
    assert (after_one_step(job).done, job.hold, job.state) == (0, "connection", "running")


def test_two_jobs_take_turns() -> None:
    first, second = stopped_clinic(), stopped_clinic()
    jobs = [first.slowly(), second.slowly()]
    for _ in range(4):
        assert runner.run_once()
    assert [SyncJob.objects.get(pk=job.pk).done for job in jobs] == [2, 2]
