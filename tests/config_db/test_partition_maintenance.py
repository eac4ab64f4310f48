"""Partitions are created and dropped while others read and write, and a run that died is finished by the next."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.db.partitions import Incomplete, InsideTransaction, Partitioned, Step, apply, dropping_mark, mark, plan

# Autocommit; limited to one app without tables, so that no flush of the whole schema follows every test.
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["config"])
WEEKLY = Partitioned("scratch_events", "received_at", Step.WEEK)
KEPT = Partitioned("scratch_events", "received_at", Step.WEEK, keep=timedelta(days=30))
INSERT = "INSERT INTO scratch_events (received_at) VALUES (%s) RETURNING id, tableoid::regclass::text"
OLD_WEEK = "FOR VALUES FROM ('2026-08-03 00:00+00') TO ('2026-08-10 00:00+00')"


GUARD = """
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON scratch_events FOR EACH ROW EXECUTE FUNCTION scratch_refuse();
"""
ATTACHED_INDEXES = """
SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid WHERE x.indrelid = %s::regclass
"""
HOLDERS = "FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = %s)"


@pytest.fixture
def old_partition(scratch: str, query: Callable) -> str:
    """An expired partition of ours with a name that says nothing."""
    query(f"CREATE TABLE scratch_strange PARTITION OF scratch_events {OLD_WEEK}")
    query(f"COMMENT ON TABLE scratch_strange IS '{mark(scratch)}'")
    return "scratch_strange"


@contextmanager
def long_reader(session: BaseDatabaseWrapper) -> Iterator[None]:
    """A session that has read every partition and keeps its snapshot, as a dump or a forgotten report does."""
    with session.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM scratch_events")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


class InThread(threading.Thread):
    """Runs a function on its own connection and keeps what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.work, self.error = work, None
        self.start()

    def run(self) -> None:
        try:
            self.work()
        except (DatabaseError, Incomplete) as error:
            self.error = error
        finally:
            connection.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


@pytest.mark.parametrize("step", list(Step))
def test_rows_around_every_boundary_find_their_partition(
    scratch: str, now: datetime, query: Callable, attached: Callable, step: Step
) -> None:
    apply(plan(now, tables=[Partitioned(scratch, "received_at", step)]))
    for name, partition in attached().items():
        for moment in (partition.lower, partition.upper - timedelta(microseconds=1)):
            assert query(INSERT, moment)[0][1] == name
    ids = [row[0] for row in query("SELECT id FROM scratch_events ORDER BY id")]
    assert ids == list(range(1, 2 * len(attached()) + 1))


def test_a_new_partition_has_what_its_parent_has(scratch: str, now: datetime, query: Callable) -> None:
    query("CREATE FUNCTION scratch_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'append only'; END$$")
    try:
        query(GUARD)
        apply(plan(now, tables=[WEEKLY]))
        [(_, name)] = query(INSERT, now)
        for statement in (f"UPDATE {name} SET note = 'x'", f"DELETE FROM {name}"):
            with pytest.raises(DatabaseError, match="append only"):
                query(statement)
        with pytest.raises(IntegrityError):
            query("INSERT INTO scratch_events (received_at, note) VALUES (%s, '')", now)
        assert query(ATTACHED_INDEXES, name) == [(2,)]
        assert query("SELECT col_description(%s::regclass, 3)", name) == [("a note",)]
    finally:
        query("DROP FUNCTION scratch_refuse CASCADE")


def test_an_expired_partition_is_dropped_by_its_bounds_whatever_its_name(
    old_partition: str, now: datetime, query: Callable
) -> None:
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass(%s)", old_partition) == [(None,)]
    assert query(INSERT, now)[0][1] == "scratch_events_p20261116"


def test_nothing_expires_without_a_retention(old_partition: str, now: datetime, attached: Callable) -> None:
    apply(plan(now, tables=[WEEKLY]))
    assert old_partition in attached()


def test_an_unrelated_table_named_like_an_old_partition_stays(scratch: str, now: datetime, query: Callable) -> None:
    query("CREATE TABLE scratch_events_p20260803 (id int)")
    query("CREATE TABLE scratch_events_p20260810 (id int)")
    query(f"COMMENT ON TABLE scratch_events_p20260810 IS '{mark(scratch)}'")
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass('scratch_events_p20260803'), to_regclass('scratch_events_p20260810')") == [
        ("scratch_events_p20260803", "scratch_events_p20260810")
    ]


def test_a_foreign_partition_is_left_alone_however_old(
    scratch: str, now: datetime, query: Callable, attached: Callable
) -> None:
    query(f"CREATE TABLE scratch_events_p20260803 PARTITION OF scratch_events {OLD_WEEK}")
    apply(plan(now, tables=[KEPT]))
    assert "scratch_events_p20260803" in attached()


def test_a_long_reader_does_not_hold_up_new_partitions(
    scratch: str, now: datetime, query: Callable, second_session: BaseDatabaseWrapper
) -> None:
    with long_reader(second_session):
        apply(plan(now, tables=[WEEKLY]), attempts=1)
        assert query(INSERT, now)[0][1] == "scratch_events_p20261116"


def test_inserts_go_on_while_a_long_reader_holds_up_a_drop(
    old_partition: str, now: datetime, query: Callable, attached: Callable, second_session: BaseDatabaseWrapper
) -> None:
    apply(plan(now, tables=[WEEKLY]))
    query("SET statement_timeout = '500ms'")
    with long_reader(second_session):
        applier = InThread(lambda: apply(plan(now, tables=[KEPT]), pause_s=0.05))
        wait_until(lambda: old_partition in attached() and attached()[old_partition].detaching)
        for minute in range(50):
            query(INSERT, now + timedelta(minutes=minute))
        assert query("SELECT count(*) FROM scratch_events") == [(50,)]
        assert applier.is_alive()
    applier.join(timeout=20)
    assert (applier.is_alive(), applier.error) == (False, None)
    assert query("SELECT to_regclass(%s)", old_partition) == [(None,)]


def test_a_drop_that_a_reader_outlasted_is_finished_by_the_next_run(
    old_partition: str, now: datetime, query: Callable, attached: Callable, second_session: BaseDatabaseWrapper
) -> None:
    with long_reader(second_session), pytest.raises(Incomplete, match=old_partition):
        apply(plan(now, tables=[KEPT]), attempts=2, pause_s=0.01)
    assert attached()[old_partition].detaching
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass(%s)", old_partition) == [(None,)]
    assert query("SHOW lock_timeout") == [("0",)]


def test_a_run_that_died_between_detach_and_drop_is_finished_by_the_next(
    old_partition: str, scratch: str, now: datetime, query: Callable
) -> None:
    query(f"COMMENT ON TABLE {old_partition} IS '{dropping_mark(scratch)}'")
    query(f"ALTER TABLE {scratch} DETACH PARTITION {old_partition} CONCURRENTLY")
    assert [action.name for action in plan(now, tables=[KEPT]) if action.kind.value == "drop"] == [old_partition]
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass(%s)", old_partition) == [(None,)]


def test_a_partition_somebody_detached_by_hand_is_not_dropped(
    old_partition: str, scratch: str, now: datetime, query: Callable
) -> None:
    query(f"ALTER TABLE {scratch} DETACH PARTITION {old_partition}")
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass(%s) IS NOT NULL", old_partition) == [(True,)]


def test_a_killed_applier_is_continued_by_the_next(
    old_partition: str, now: datetime, query: Callable, attached: Callable, second_session: BaseDatabaseWrapper
) -> None:
    with long_reader(second_session):
        applier = InThread(lambda: apply(plan(now, tables=[KEPT]), pause_s=0.05))
        wait_until(lambda: old_partition in attached() and attached()[old_partition].detaching)
        query(f"SELECT pg_terminate_backend(pid, 5000) {HOLDERS}", connection.settings_dict["NAME"])
        applier.join(timeout=20)
    assert isinstance(applier.error, DatabaseError)
    apply(plan(now, tables=[KEPT]))
    assert query("SELECT to_regclass(%s)", old_partition) == [(None,)]


def test_two_appliers_at_once_do_the_work_once(
    old_partition: str, now: datetime, query: Callable, attached: Callable
) -> None:
    actions = plan(now, tables=[KEPT])
    appliers = [InThread(lambda: apply(actions, pause_s=0.02)) for _ in range(2)]
    for applier in appliers:
        applier.join(timeout=30)
    assert [applier.error for applier in appliers] == [None, None]
    assert sorted(attached()) == [f"scratch_events_p2026{day}" for day in (1109, 1116, 1123, 1130)]
    assert query(f"SELECT count(*) {HOLDERS}", connection.settings_dict["NAME"]) == [(0,)]


def test_an_applier_that_never_gets_its_turn_says_so(
    scratch: str, now: datetime, attached: Callable, second_session: BaseDatabaseWrapper
) -> None:
    with second_session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('ponte.partitions', 0))")
        with pytest.raises(Incomplete, match="another process"):
            apply(plan(now, tables=[WEEKLY]), attempts=2, pause_s=0.01)
    assert attached() == {}


def test_one_impossible_action_does_not_keep_the_others_from_being_done(
    scratch: str, now: datetime, query: Callable, attached: Callable
) -> None:
    actions = plan(now, tables=[WEEKLY])
    query("CREATE TABLE scratch_events_p20261109 (id int)")
    with pytest.raises(Incomplete, match="scratch_events_p20261109"):
        apply(actions)
    assert list(attached()) == ["scratch_events_p20261116", "scratch_events_p20261123", "scratch_events_p20261130"]


def test_a_transaction_is_refused_clearly(scratch: str, now: datetime, attached: Callable) -> None:
    actions = plan(now, tables=[WEEKLY])
    with transaction.atomic(), pytest.raises(InsideTransaction, match="autocommit"):
        apply(actions)
    assert attached() == {}


def test_a_bound_does_not_depend_on_the_zone_of_the_session(
    scratch: str, now: datetime, query: Callable, attached: Callable
) -> None:
    query("SET TimeZone = 'America/Sao_Paulo'")
    apply(plan(now, tables=[WEEKLY]))
    assert plan(now, tables=[WEEKLY]) == []
    query("SET TimeZone = 'UTC'")
    assert attached()["scratch_events_p20261116"].lower == datetime(2026, 11, 16, tzinfo=UTC)
