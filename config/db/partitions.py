"""Partitions: which tables have them, what is to be created and dropped, and how without stopping the intake.

`plan` reads the catalogue and decides, `apply` carries out. Creating is CREATE TABLE (LIKE …) + ATTACH, dropping is
DETACH CONCURRENTLY + DROP: the shorter forms wait for an exclusive lock behind any long reader, and every insert waits
behind them. A partition is dropped only if its comment says it is ours and its bounds, never its name, say it expired.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import errors

from config.db import catalogue
from config.db.catalogue import NotPartitioned, Partition
from config.db.periods import Step

__all__ = ["Action", "NotPartitioned", "Partitioned", "Step", "apply", "plan", "register", "registered"]

AHEAD = timedelta(days=14)
# Shorter than the intake's own lock_timeout: what waits behind one of our statements survives it.
LOCK_TIMEOUT = "200ms"
LOCK = "hashtextextended('ponte.partitions', 0)"


class InsideTransaction(Exception):
    """Partitions are detached outside transactions only: call with a plain autocommit connection."""


class Incomplete(Exception):
    """Some actions could not be carried out, mostly because of a long reader; the next run tries them again."""


@dataclass(frozen=True)
class Partitioned:
    """A table partitioned by `step` over the timestamptz column `key`.

    `keep` counts from the end of a partition; None keeps it for ever. `insert_only` takes UPDATE, DELETE and TRUNCATE
    of its partitions from everybody: privileges and triggers of statements do not pass from a table to its partitions.
    """

    table: str
    key: str
    step: Step
    keep: timedelta | None = None
    insert_only: bool = False

    def __post_init__(self) -> None:
        # Leaves room for the period's label within PostgreSQL's 63 bytes, and needs no quoting.
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,45}", self.table):
            raise ValueError(
                f"{self.table!r}: use a table name of at most 46 lower-case letters, digits and underscores."
            )

    def has_expired(self, upper: datetime | None, now: datetime) -> bool:
        return self.keep is not None and upper is not None and upper <= now - self.keep


def mark(table: str) -> str:
    """The comment that makes a partition ours."""
    return f"ponte: partition of {table}"


def dropping_mark(table: str) -> str:
    """The comment of a partition being dropped, so that a run that died between DETACH and DROP is finished."""
    return f"ponte: partition of {table}, being dropped"


def is_ours(comment: str, table: str) -> bool:
    return comment in (mark(table), dropping_mark(table))


class ActionKind(Enum):
    CREATE = "create"
    DROP = "drop"


@dataclass(frozen=True)
class Action:
    """One partition to create or drop. Bounds are half-open, UTC; None when a table to drop is already detached."""

    kind: ActionKind
    table: str
    name: str
    lower: datetime | None
    upper: datetime | None


_registered: dict[str, Partitioned] = {}
_keepers: dict[str, Callable[[], bool]] = {}


def register(partitioned: Partitioned) -> None:
    """Have a table's partitions created and dropped by the daily job; called in AppConfig.ready()."""
    known = _registered.setdefault(partitioned.table, partitioned)
    if known != partitioned:
        raise ValueError(f"{partitioned.table} is already registered differently: {known}.")


def registered() -> tuple[Partitioned, ...]:
    return tuple(_registered.values())


def keep_back(table: str, is_kept: Callable[[], bool]) -> None:
    """Ask `is_kept` before partitions of the table are to be dropped; while it says so, they stay."""
    _keepers[table] = is_kept


def is_kept_back(table: str) -> bool:
    return table in _keepers and _keepers[table]()


# Planning -------------------------------------------------------------------------------------------------------------


def plan(now: datetime, *, tables: Iterable[Partitioned] | None = None, using: str = DEFAULT_DB_ALIAS) -> list[Action]:
    """Return what is missing (previous, current, next period and 14 days ahead) and what has expired.

    Raises NotPartitioned when a table is not there or its key is another column.
    """
    connection = connections[using]
    chosen = registered() if tables is None else tuple(tables)
    return [action for partitioned in chosen for action in plan_table(connection, partitioned, now)]


def plan_table(connection: BaseDatabaseWrapper, partitioned: Partitioned, now: datetime) -> list[Action]:
    """Return the actions for one table; creations first."""
    key = catalogue.partition_key(connection, partitioned.table)
    if key != partitioned.key:
        raise NotPartitioned(f"{partitioned.table} is partitioned by {key}, not by {partitioned.key}.")
    existing = catalogue.partitions(connection, partitioned.table)
    return plan_creations(connection, partitioned, existing, now) + plan_drops(connection, partitioned, existing, now)


def plan_creations(
    connection: BaseDatabaseWrapper, partitioned: Partitioned, existing: Sequence[Partition], now: datetime
) -> list[Action]:
    actions: list[Action] = []
    for start, end in wanted_periods(partitioned.step, now):
        gaps = [] if partitioned.has_expired(end, now) else catalogue.uncovered(start, end, existing)
        for lower, upper in gaps:
            planned = {action.name for action in actions}
            name = free_name(connection, f"{partitioned.table}_p{partitioned.step.label(start)}", planned)
            actions.append(Action(ActionKind.CREATE, partitioned.table, name, lower, upper))
    return actions


def plan_drops(
    connection: BaseDatabaseWrapper, partitioned: Partitioned, existing: Sequence[Partition], now: datetime
) -> list[Action]:
    attached = [
        Action(ActionKind.DROP, partitioned.table, partition.name, partition.lower, partition.upper)
        for partition in existing
        if is_to_drop(partitioned, partition, now)
    ]
    if attached and is_kept_back(partitioned.table):
        attached = []
    left_behind = [
        Action(ActionKind.DROP, partitioned.table, name, None, None)
        for name in catalogue.detached(connection, dropping_mark(partitioned.table))
    ]
    return attached + left_behind


def is_to_drop(partitioned: Partitioned, partition: Partition, now: datetime) -> bool:
    """Ours and expired, or ours with a detach of ours that was cut short."""
    being_dropped = partition.comment == dropping_mark(partitioned.table)
    ours = is_ours(partition.comment, partitioned.table)
    return (being_dropped and partition.detaching) or (ours and partitioned.has_expired(partition.upper, now))


def wanted_periods(step: Step, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the previous, the current, the next period and all that begin within 14 days."""
    last = max(step.following(now), step.start(now + AHEAD))
    start = step.previous(now)
    while start <= last:
        yield start, step.following(start)
        start = step.following(start)


def free_name(connection: BaseDatabaseWrapper, wanted: str, planned: set[str]) -> str:
    """Return `wanted`, with a number when an unrelated table has it or the period is created in several parts."""
    name, number = wanted, 1
    while name in planned or catalogue.is_taken(connection, name):
        number += 1
        name = f"{wanted}_{number}"
    return name


# Carrying out ---------------------------------------------------------------------------------------------------------


def apply(
    actions: Iterable[Action], *, using: str = DEFAULT_DB_ALIAS, attempts: int = 60, pause_s: float = 0.5
) -> None:
    """Carry the actions out, each again when a lock was not free, every one safe to repeat.

    Needs a direct connection in autocommit (no PgBouncer in transaction mode). Raises InsideTransaction, and Incomplete
    after all actions were tried.
    """
    connection = connections[using]
    if connection.in_atomic_block or not connection.get_autocommit():
        raise InsideTransaction("Partitions are maintained outside transactions: call apply() with autocommit on.")
    failures = []
    with maintenance_lock(connection, attempts=attempts, pause_s=pause_s):
        for action in actions:
            step = create if action.kind is ActionKind.CREATE else drop
            try:
                patiently(step, connection, action, attempts=attempts, pause_s=pause_s)
            except DatabaseError as error:
                failures.append(f"{action.kind.value} {action.name}: {str(error).splitlines()[0]}")
    if failures:
        raise Incomplete("; ".join(failures))


@contextmanager
def maintenance_lock(connection: BaseDatabaseWrapper, *, attempts: int, pause_s: float) -> Iterator[None]:
    """Let one process at a time work. Asks again and again: a session that waits would hold up DETACH CONCURRENTLY."""
    for _ in range(attempts):
        if catalogue.select(connection, f"SELECT pg_try_advisory_lock({LOCK})")[0][0]:
            break
        time.sleep(pause_s)
    else:
        raise Incomplete("another process maintains the partitions")
    try:
        execute(connection, f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        yield
    finally:
        execute(connection, "RESET lock_timeout")
        execute(connection, f"SELECT pg_advisory_unlock({LOCK})")


def patiently(
    step: Callable[[BaseDatabaseWrapper, Action], None],
    connection: BaseDatabaseWrapper,
    action: Action,
    *,
    attempts: int,
    pause_s: float,
) -> None:
    """Run a step that may give up waiting for a lock; between attempts those who queued behind it get through."""
    for attempt in range(1, attempts + 1):
        try:
            return step(connection, action)
        except DatabaseError as error:
            busy = isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected)
            if not busy or attempt == attempts:
                raise
        time.sleep(pause_s)


def create(connection: BaseDatabaseWrapper, action: Action) -> None:
    """Create, mark and attach one partition in one transaction, unless its range is covered by now.

    Identity columns are left out: up to PostgreSQL 16 the parent's fills them, from 17 on ATTACH refuses a second one.
    """
    if action.lower is None or action.upper is None:
        raise ValueError(f"{action.name} has no bounds.")
    with transaction.atomic(using=connection.alias):
        existing = catalogue.partitions(connection, action.table)
        if any(partition.overlaps(action.lower, action.upper) for partition in existing):
            return
        execute(connection, f"CREATE TABLE {action.name} (LIKE {action.table} INCLUDING ALL EXCLUDING IDENTITY)")
        execute(connection, f"COMMENT ON TABLE {action.name} IS '{mark(action.table)}'")
        bounds = f"FROM ('{in_words(action.lower)}') TO ('{in_words(action.upper)}')"
        execute(connection, f"ALTER TABLE {action.table} ATTACH PARTITION {action.name} FOR VALUES {bounds}")
        if action.table in _registered and _registered[action.table].insert_only:
            protect(connection, action.name)


def protect(connection: BaseDatabaseWrapper, name: str) -> None:
    """Make a partition insert-only. While the first migrations run, the function is not there yet: they protect all."""
    execute(connection, f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM PUBLIC, CURRENT_USER")
    if catalogue.select(connection, "SELECT to_regprocedure('refuse_truncate()') IS NOT NULL")[0][0]:
        trigger = f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {name} EXECUTE FUNCTION refuse_truncate()"
        execute(connection, trigger)


def drop(connection: BaseDatabaseWrapper, action: Action) -> None:
    """Detach and drop one partition, from whatever state an earlier attempt left it in.

    Each attempt looks again: a DETACH that timed out leaves a pending one, which only FINALIZE completes.
    """
    dropping = dropping_mark(action.table)
    found = {partition.name: partition for partition in catalogue.partitions(connection, action.table)}
    partition = found.get(action.name)
    if partition is not None:
        is_the_planned_one = (partition.lower, partition.upper) == (action.lower, action.upper)
        if not is_the_planned_one or not is_ours(partition.comment, action.table):
            return
        execute(connection, f"COMMENT ON TABLE {action.name} IS '{dropping}'")
        manner = "FINALIZE" if partition.detaching else "CONCURRENTLY"
        execute(connection, f"ALTER TABLE {action.table} DETACH PARTITION {action.name} {manner}")
    if action.name in catalogue.detached(connection, dropping):
        execute(connection, f"DROP TABLE {action.name}")


def in_words(moment: datetime) -> str:
    """A bound with an explicit offset: without one it would mean the session's time zone."""
    return moment.astimezone(UTC).isoformat(sep=" ")


def execute(connection: BaseDatabaseWrapper, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
