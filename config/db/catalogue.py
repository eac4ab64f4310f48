"""What PostgreSQL's catalogue says about a partitioned table. Names decide nothing here, bounds and marks do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.backends.base.base import BaseDatabaseWrapper

# MINVALUE, MAXVALUE and infinite bounds become NULL: "no bound". `regclass::text` is quoted and qualified as needed.
# Times leave the database as UTC without zone: Django reads a timestamptz in the zone it once set for the session.
PARTITIONS = r"""
SELECT c.oid::regclass::text, coalesce(obj_description(c.oid, 'pg_class'), ''), i.inhdetachpending, b.bound = 'DEFAULT',
       CASE WHEN isfinite(b.lower) THEN b.lower AT TIME ZONE 'UTC' END,
       CASE WHEN isfinite(b.upper) THEN b.upper AT TIME ZONE 'UTC' END
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) e
CROSS JOIN LATERAL (SELECT e.bound, (regexp_match(e.bound, 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS lower,
                           (regexp_match(e.bound, 'TO \(''([^'']+)''\)'))[1]::timestamptz AS upper) b
WHERE i.inhparent = to_regclass(%s) ORDER BY b.lower NULLS FIRST, 1
"""
KEY = """
SELECT a.attname
FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE p.partrelid = to_regclass(%s) AND p.partstrat = 'r' AND p.partnatts = 1 AND a.atttypid = 'timestamptz'::regtype
"""
# A table of ours between DETACH and DROP: no longer a partition, still marked.
DETACHED = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind = 'r' AND NOT c.relispartition AND obj_description(c.oid, 'pg_class') = %s ORDER BY 1
"""


class NotPartitioned(Exception):
    """The table does not exist or is not partitioned by range of one timestamptz column: run or fix its migration."""


@dataclass(frozen=True)
class Partition:
    """One attached partition; `name` is ready for SQL. A bound of None is open; a default partition has neither."""

    name: str
    comment: str
    detaching: bool
    is_default: bool
    lower: datetime | None
    upper: datetime | None

    def overlaps(self, lower: datetime, upper: datetime) -> bool:
        below = self.lower is None or self.lower < upper
        return not self.is_default and below and (self.upper is None or self.upper > lower)


def partitions(connection: BaseDatabaseWrapper, table: str) -> list[Partition]:
    """Return every attached partition of `table`, earliest first, those with a detach under way included."""
    return [
        Partition(name, comment, detaching, is_default, in_utc(lower), in_utc(upper))
        for name, comment, detaching, is_default, lower, upper in select(connection, PARTITIONS, table)
    ]


def partition_key(connection: BaseDatabaseWrapper, table: str) -> str:
    """Return the column `table` is partitioned by; raises NotPartitioned."""
    rows = select(connection, KEY, table)
    if not rows:
        raise NotPartitioned(f"{table} is missing or not partitioned by range of one timestamptz column.")
    return str(rows[0][0])


def detached(connection: BaseDatabaseWrapper, comment: str) -> list[str]:
    """Return the ordinary tables that carry exactly this comment."""
    return [row[0] for row in select(connection, DETACHED, comment)]


def is_taken(connection: BaseDatabaseWrapper, name: str) -> bool:
    """Tell whether any relation on the search path has this name."""
    return bool(select(connection, "SELECT to_regclass(%s) IS NOT NULL", name)[0][0])


def database_now(connection: BaseDatabaseWrapper) -> datetime:
    """Return the database's clock; hosts disagree about the time."""
    moment: datetime = select(connection, "SELECT clock_timestamp() AT TIME ZONE 'UTC'")[0][0]
    return moment.replace(tzinfo=UTC)


def uncovered(lower: datetime, upper: datetime, existing: Iterable[Partition]) -> list[tuple[datetime, datetime]]:
    """Return the parts of [lower, upper) that no partition covers, earliest first."""
    gaps = [(lower, upper)]
    for partition in existing:
        gaps = [part for gap in gaps for part in without(gap, partition)]
    return gaps


def without(gap: tuple[datetime, datetime], partition: Partition) -> list[tuple[datetime, datetime]]:
    lower, upper = gap
    if not partition.overlaps(lower, upper):
        return [gap]
    before = [(lower, partition.lower)] if partition.lower and partition.lower > lower else []
    after = [(partition.upper, upper)] if partition.upper and partition.upper < upper else []
    return before + after


def covered_until(now: datetime, existing: Iterable[Partition]) -> datetime:
    """Return the first instant from `now` on that no partition covers; `existing` comes from `partitions`, sorted."""
    until = now
    for partition in existing:
        if not partition.detaching and partition.overlaps(until, until + timedelta(microseconds=1)):
            until = partition.upper or datetime.max.replace(tzinfo=UTC)
    return until


def in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def select(connection: BaseDatabaseWrapper, sql: str, *params: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
