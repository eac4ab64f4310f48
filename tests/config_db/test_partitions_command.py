"""`manage.py partitions` and the daily job, over the tables that are really registered."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.db import catalogue
from config.db.partitions import Partitioned, Step, mark, plan, registered
from config.tasks import partitions as daily_job

# Autocommit; limited to one app without tables, so that no flush of the whole schema follows every test.
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["config"])


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("partitions", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def missing(query: Callable) -> Iterator[tuple[str, str]]:
    """A registered table whose current partition is away: its table and the partition's name."""
    query("SELECT 1")
    now = catalogue.database_now(connection)
    partitioned = next(known for known in registered() if known.step is Step.WEEK)
    name = f"{partitioned.table}_p{partitioned.step.label(now)}"
    query(f"DROP TABLE {name}")
    yield partitioned.table, name
    daily_job()


def test_a_plan_shows_and_changes_nothing(missing: tuple[str, str], query: Callable) -> None:
    table, name = missing
    with pytest.raises(CommandError, match=table) as refused:
        command("--plan")
    assert refused.value.returncode == 3
    assert query("SELECT to_regclass(%s)", name) == [(None,)]


def test_apply_creates_what_the_plan_named(missing: tuple[str, str], query: Callable) -> None:
    _, name = missing
    report = json.loads(command("--apply", "--json"))
    assert [action["name"] for action in report["actions"]] == [name]
    assert report["applied"] is True
    assert query("SELECT to_regclass(%s)", name) == [(name,)]
    assert json.loads(command("--plan", "--json"))["actions"] == []


def test_the_daily_job_does_the_same(missing: tuple[str, str], query: Callable) -> None:
    _, name = missing
    assert daily_job() == {"actions": 1}
    assert query("SELECT to_regclass(%s)", name) == [(name,)]


def test_every_registered_table_is_covered_for_fourteen_days(query: Callable) -> None:
    daily_job()
    now = catalogue.database_now(connection)
    report = json.loads(command("--plan", "--json"))
    assert {table["table"] for table in report["tables"]} >= {
        "webhook_events",
        "webhook_bodies",
        "activity_mappings",
        "stage_change_logs",
        "audit_logs",
    }
    assert min(datetime.fromisoformat(table["covered_until"]) for table in report["tables"]) >= now + timedelta(days=14)


def test_the_listing_says_what_is_not_ours(query: Callable) -> None:
    query(
        "CREATE TABLE scratch_foreign PARTITION OF webhook_events "
        "FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-08 00:00+00')"
    )
    try:
        listing = command("--plan")
    finally:
        query("DROP TABLE scratch_foreign")
    [line] = [line for line in listing.splitlines() if "scratch_foreign" in line]
    assert line == "  scratch_foreign  2001-01-01T00:00:00+00:00 to 2001-01-08T00:00:00+00:00  not ours"


@pytest.mark.parametrize("arguments", [[], ["--plan", "--apply"]])
def test_what_to_do_must_be_said_and_only_once(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=r"--plan|--apply"):
        command(*arguments)


def test_a_failure_is_reported_with_exit_code_one(query: Callable) -> None:
    partitioned = next(known for known in registered() if known.keep is not None)
    old = "FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-02 00:00+00')"
    query(f"CREATE TABLE scratch_old PARTITION OF {partitioned.table} {old}")
    query(f"COMMENT ON TABLE scratch_old IS '{mark(partitioned.table)}'")
    query(f"CREATE TABLE scratch_rest PARTITION OF {partitioned.table} DEFAULT")  # forbids concurrent detach
    try:
        with pytest.raises(CommandError, match="scratch_old") as refused:
            command("--apply")
        assert refused.value.returncode == 1
    finally:
        query("DROP TABLE scratch_rest")
    command("--apply")
    assert query("SELECT to_regclass('scratch_old')") == [(None,)]


def test_the_plan_speaks_of_registered_tables_only(query: Callable) -> None:
    unknown = Partitioned("scratch_unknown", "received_at", Step.DAY)
    assert unknown not in registered()
    assert {action.table for action in plan(catalogue.database_now(connection))} <= {
        known.table for known in registered()
    }
