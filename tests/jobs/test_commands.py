"""`replay` and `jobs` do from a terminal what the screens do."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from stopped import Stopped

from bridge.models import Effect, SyncJob

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def told(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_dry_run_counts_and_leaves_nothing(stopped: Stopped) -> None:
    [found] = told("replay", "--connection", str(stopped.connection.pk), "--dry-run")
    assert (found["steps"], found["events"], found["calls"]) == (3, 2, 10)
    assert not SyncJob.objects.exists()
    assert set(Effect.objects.values_list("state", flat=True)) == {"rejected"}


def test_replay_starts_a_job_that_jobs_lists_and_carries_out(stopped: Stopped) -> None:
    [made] = told("replay", "--connection", str(stopped.connection.pk), "--cause", "KRAYIN_REJECTED", "--rate", "4")
    [listed] = told("jobs", "--json")
    assert (listed["job"], listed["state"], listed["rate_per_minute"]) == (made["job"], "waiting", 4)
    SyncJob.objects.update(rate_per_minute=10**6)
    assert told("jobs", "--run", "20") == [{"steps": 3}]
    [listed] = told("jobs", "--json")
    assert (listed["state"], listed["done"]) == ("done", 3)


def test_a_job_is_paused_and_continued_and_what_cannot_be_is_said(stopped: Stopped) -> None:
    job = stopped.started()
    call_command("jobs", "--pause", str(job.pk), stdout=StringIO())
    call_command("jobs", "--continue", str(job.pk), stdout=StringIO())
    call_command("jobs", "--cancel", str(job.pk), stdout=StringIO())
    with pytest.raises(CommandError, match="is cancelled: it cannot be told to pause"):
        call_command("jobs", "--pause", str(job.pk), stdout=StringIO())
    with pytest.raises(CommandError, match="There is no job 999999"):
        call_command("jobs", "--pause", "999999", stdout=StringIO())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--cause", "NO_SUCH"], "--cause"),
        (["--what", "everything"], "--what"),
        (["--since", "2026-11-02", "--until", "2026-11-01"], "--until"),
    ],
)
def test_a_wrong_filter_is_refused(stopped: Stopped, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        call_command("replay", "--connection", str(stopped.connection.pk), *arguments, stdout=StringIO())
    assert not SyncJob.objects.exists()
