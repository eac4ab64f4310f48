"""A job is planned by a dry run, begins when a person confirms it, and can be paused, continued, cancelled."""

import pytest
from stopped import SYSTEM, Stopped, due, stopped_clinic

from audit.models import AuditLog
from bridge.jobs import control, runner
from bridge.models import Effect, Lane, SyncJob, WebhookEvent

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def acts(job: SyncJob) -> list[str]:
    rows = AuditLog.objects.filter(object_type="bridge.SyncJob", object_id=str(job.pk)).order_by("pk")
    return list(rows.values_list("action", flat=True))


def to_the_end(job: SyncJob) -> SyncJob:
    for _ in range(50):
        due(job)
        if not runner.run_once():
            break
    job.refresh_from_db()
    return job


def test_a_dry_run_counts_and_writes_nothing_else(stopped: Stopped) -> None:
    job = stopped.plan()
    assert (job.state, job.total) == ("planned", 5)
    assert job.estimate == {"items": 5, "people": 3, "calls": 10, "events": 2, "steps": 3, "kept_back": 0}
    assert Effect.objects.filter(state="rejected").count() == 3
    assert WebhookEvent.objects.filter(status="parked").count() == 2
    assert not Lane.objects.exists()
    assert not runner.run_once()


def test_nothing_runs_before_it_is_confirmed(stopped: Stopped) -> None:
    job = to_the_end(stopped.plan())
    assert (job.state, job.done) == ("planned", 0)


def test_a_confirmed_job_does_everything_once(stopped: Stopped) -> None:
    job = to_the_end(stopped.started())
    assert (job.state, job.done, job.skipped, job.failed) == ("done", 5, 0, 0)
    assert job.result == {"events": 2, "steps": 3}
    assert set(Effect.objects.values_list("state", flat=True)) == {"intended"}
    assert set(WebhookEvent.objects.values_list("status", "arrived_by")) == {("received", "replay")}
    assert stopped.marks == stopped.all_once
    assert job.finished_at is not None
    assert acts(job) == ["job_planned", "job_started"]


def test_a_second_confirmation_is_refused(stopped: Stopped) -> None:
    job = stopped.started()
    with pytest.raises(control.NotPossible):
        control.confirm(job, actor=SYSTEM)


def test_a_paused_job_rests_and_goes_on_where_it_was(stopped: Stopped) -> None:
    job = stopped.slowly()
    runner.run_once()
    control.pause(job, actor=SYSTEM)
    assert not to_the_end(job).is_over
    assert (job.state, job.done) == ("paused", 1)
    control.resume(job, actor=SYSTEM)
    assert (to_the_end(job).state, job.done) == ("done", 5)
    assert stopped.marks == stopped.all_once
    assert acts(job) == ["job_planned", "job_started", "job_paused", "job_continued"]


def test_a_cancelled_job_does_nothing_more_and_keeps_what_is_done(stopped: Stopped) -> None:
    job = stopped.slowly()
    runner.run_once()
    control.cancel(job, actor=SYSTEM)
    assert (to_the_end(job).state, job.done) == ("cancelled", 1)
    assert sum(stopped.marks.values()) == 1
    with pytest.raises(control.NotPossible):
        control.resume(job, actor=SYSTEM)
    assert acts(job)[-1] == "job_cancelled"


def test_what_stops_after_the_dry_run_is_left_for_the_next(stopped: Stopped) -> None:
    job = stopped.started()
    later = stopped_clinic(steps=1, events=0).steps[0]
    Effect.objects.filter(pk=later.pk).update(connection=stopped.connection)
    assert (to_the_end(job).state, job.done) == ("done", 5)
    later.refresh_from_db()
    assert later.state == "rejected"


def test_what_is_refused_again_meanwhile_is_not_tried_for_ever(stopped: Stopped) -> None:
    job = stopped.slowly()
    for _ in range(12):
        due(job)
        runner.run_once()
        Effect.objects.filter(state="intended").update(state="rejected", cause="KRAYIN_REJECTED")
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 5)


@pytest.mark.parametrize(
    ("filter", "steps", "events"),
    [
        ({"cause": "KRAYIN_REJECTED"}, 3, 0),
        ({"cause": "UNREADABLE"}, 0, 2),
        ({"type": "create_lead"}, 3, 0),
        ({"type": "message_created"}, 0, 2),
        ({"what": "read"}, 0, 0),
        ({"since": "2999-01-01T00:00:00-03:00"}, 0, 0),
        ({"until": "2001-01-01T00:00:00-03:00"}, 0, 0),
    ],
)
def test_a_filter_limits_estimate_and_work(stopped: Stopped, filter: dict[str, str], steps: int, events: int) -> None:
    job = stopped.started(**filter)
    assert (job.estimate["steps"], job.estimate["events"]) == (steps, events)
    assert to_the_end(job).done == steps + events
    assert Effect.objects.filter(state="intended").count() == steps
    assert WebhookEvent.objects.filter(status="received").count() == events


def test_another_connection_is_not_touched(stopped: Stopped) -> None:
    other = stopped_clinic()
    assert to_the_end(stopped.started()).done == 5
    assert other.marks == {}
    assert set(Effect.objects.filter(connection=other.connection).values_list("state", flat=True)) == {"rejected"}


def test_a_dry_run_nobody_confirmed_goes_after_a_day(stopped: Stopped) -> None:
    old, kept = stopped.plan(), stopped.plan()
    SyncJob.objects.filter(pk=old.pk).update(created_at="2020-01-01T00:00Z")
    assert runner.forget_old_plans() == 1
    assert list(SyncJob.objects.values_list("pk", flat=True)) == [kept.pk]


def test_no_row_of_a_job_names_a_person(stopped: Stopped) -> None:
    job = stopped.plan(cause="KRAYIN_REJECTED", since="2020-01-01T00:00:00-03:00")
    assert set(job.filter) == {"cause", "since"}
    row = AuditLog.objects.get(action="job_planned")
    assert (row.clinic_id, row.fields) == (stopped.connection.clinic_id, ["replay"])
