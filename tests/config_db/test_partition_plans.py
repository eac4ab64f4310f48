"""What is planned, from what the catalogue says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from config.db import catalogue
from config.db.partitions import ActionKind, NotPartitioned, Partitioned, Step, apply, plan, register, registered

# Autocommit; limited to one app without tables, so that no flush of the whole schema follows every test.
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["config"])
WEEKLY = Partitioned("scratch_events", "received_at", Step.WEEK)


def names(actions: list, kind: ActionKind) -> list[str]:
    return [action.name for action in actions if action.kind is kind]


def test_previous_current_and_coming_weeks_are_planned(scratch: str, now: datetime) -> None:
    assert names(plan(now, tables=[WEEKLY]), ActionKind.CREATE) == [
        "scratch_events_p20261109",
        "scratch_events_p20261116",
        "scratch_events_p20261123",
        "scratch_events_p20261130",
    ]


@pytest.mark.parametrize(
    ("step", "first", "last", "count"),
    [
        (Step.DAY, "p20261117", "p20261202", 16),
        (Step.MONTH, "p202610", "p202612", 3),
        (Step.QUARTER, "p2026q3", "p2027q1", 3),
    ],
)
def test_every_step_reaches_at_least_the_next_period_and_fourteen_days(
    scratch: str, now: datetime, step: Step, first: str, last: str, count: int
) -> None:
    created = names(plan(now, tables=[Partitioned(scratch, "received_at", step)]), ActionKind.CREATE)
    assert (created[0], created[-1], len(created)) == (f"{scratch}_{first}", f"{scratch}_{last}", count)


def test_a_plan_that_was_carried_out_leaves_nothing_to_plan(scratch: str, now: datetime) -> None:
    apply(plan(now, tables=[WEEKLY]))
    assert plan(now, tables=[WEEKLY]) == []


def test_only_the_gaps_beside_foreign_partitions_are_planned(
    scratch: str, now: datetime, query: Callable, attached: Callable
) -> None:
    query("CREATE TABLE scratch_old PARTITION OF scratch_events FOR VALUES FROM (MINVALUE) TO ('2026-11-11 00:00+00')")
    query(
        "CREATE TABLE scratch_mid PARTITION OF scratch_events "
        "FOR VALUES FROM ('2026-11-18 00:00+00') TO ('2026-11-20 00:00+00')"
    )
    apply(plan(now, tables=[WEEKLY]))
    ranges = [(p.name, p.lower and p.lower.day, p.upper and p.upper.day) for p in attached().values()]
    assert ranges == [
        ("scratch_old", None, 11),
        ("scratch_events_p20261109", 11, 16),
        ("scratch_events_p20261116", 16, 18),
        ("scratch_mid", 18, 20),
        ("scratch_events_p20261116_2", 20, 23),
        ("scratch_events_p20261123", 23, 30),
        ("scratch_events_p20261130", 30, 7),
    ]


def test_a_name_taken_by_an_unrelated_table_is_avoided(scratch: str, now: datetime, query: Callable) -> None:
    query("CREATE TABLE scratch_events_p20261116 (id int)")
    created = names(plan(now, tables=[WEEKLY]), ActionKind.CREATE)
    assert "scratch_events_p20261116_2" in created
    assert "scratch_events_p20261116" not in created


def test_a_period_that_has_already_expired_is_not_created(scratch: str, now: datetime) -> None:
    short = Partitioned(scratch, "received_at", Step.DAY, keep=timedelta(hours=6))
    assert names(plan(now, tables=[short]), ActionKind.CREATE)[0] == "scratch_events_p20261118"


def test_the_last_moment_of_the_retention_still_counts(scratch: str, now: datetime) -> None:
    apply(plan(now, tables=[WEEKLY]))
    kept = Partitioned(scratch, "received_at", Step.WEEK, keep=timedelta(days=30))
    end = datetime(2026, 11, 16, tzinfo=UTC)
    assert names(plan(end + timedelta(days=30, microseconds=-1), tables=[kept]), ActionKind.DROP) == []
    assert names(plan(end + timedelta(days=30), tables=[kept]), ActionKind.DROP) == ["scratch_events_p20261109"]


@pytest.mark.parametrize(
    "partitioned",
    [
        Partitioned("scratch_events", "created_at", Step.WEEK),
        Partitioned("scratch_plain", "received_at", Step.WEEK),
        Partitioned("scratch_missing", "received_at", Step.WEEK),
        Partitioned("scratch_dates", "day", Step.WEEK),
    ],
)
def test_a_table_that_is_not_as_declared_is_named(
    scratch: str, now: datetime, query: Callable, partitioned: Partitioned
) -> None:
    query("CREATE TABLE scratch_plain (received_at timestamptz)")
    query("CREATE TABLE scratch_dates (day date) PARTITION BY RANGE (day)")
    with pytest.raises(NotPartitioned, match=partitioned.table):
        plan(now, tables=[partitioned])


def test_a_table_name_that_leaves_no_room_for_the_label_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 46"):
        Partitioned("t" * 47, "received_at", Step.DAY)


def test_a_table_is_registered_once_with_one_meaning() -> None:
    (known, *_) = registered()
    register(known)
    assert registered().count(known) == 1
    with pytest.raises(ValueError, match="already registered"):
        register(Partitioned(known.table, "another_key", known.step))


def test_coverage_ends_at_the_first_gap(scratch: str, now: datetime, query: Callable) -> None:
    apply(plan(now, tables=[WEEKLY]))
    query("DROP TABLE scratch_events_p20261130")
    query(
        "CREATE TABLE scratch_far PARTITION OF scratch_events "
        "FOR VALUES FROM ('2026-12-07 00:00+00') TO ('2026-12-14 00:00+00')"
    )
    existing = catalogue.partitions(connection, scratch)
    assert catalogue.covered_until(now, existing) == datetime(2026, 11, 30, tzinfo=UTC)
