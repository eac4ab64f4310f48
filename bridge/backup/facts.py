"""What a database holds, as numbers that a restored copy must have, too: rows and sums of every table, migrations, trail."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import psycopg
from psycopg import sql

KEYS_SCHEMA = "keys"
# Partitions count with their table.
TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (n.nspname = 'keys') = %s
ORDER BY 1, 2
"""
# In whatever order the rows lie. The words of a row must not depend on the session.
SETTINGS = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; " \
    "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"  # fmt: skip
MEASURE = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t"
TRAIL = "SELECT coalesce(max(number), 0), coalesce(max(last_position), 0) FROM audit_segments"
MIGRATIONS = "SELECT app || '.' || name FROM django_migrations ORDER BY 1"


@dataclass(frozen=True)
class Table:
    """Rows of one table, and a sum over all their values."""

    rows: int
    sum: str


@dataclass(frozen=True)
class Facts:
    """What the dump was taken of."""

    role: str
    server: str
    database_bytes: int
    migrations: list[str]
    segment: int
    position: int
    tables: dict[str, Table]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Self:
        tables = {name: Table(**table) for name, table in held["tables"].items()}
        return cls(**{**held, "tables": tables})


def facts_of(held: psycopg.Connection) -> Facts:
    """Everything but the data keys, inside the caller's transaction."""
    segment, position = one(held, TRAIL)
    role, server, size = one(
        held, "SELECT current_user, current_setting('server_version'), pg_database_size(current_database())"
    )
    migrations = [name for (name,) in held.execute(MIGRATIONS).fetchall()]
    return Facts(role, server, size, migrations, segment, position, measured(held, keys=False))


def measured(held: psycopg.Connection, *, keys: bool) -> dict[str, Table]:
    """Rows and sums of every table, of the data keys' own or of all others."""
    held.execute(SETTINGS)
    return {
        f"{schema}.{name}": Table(*one(held, sql.SQL(MEASURE).format(sql.Identifier(schema, name))))
        for schema, name in held.execute(TABLES, [keys]).fetchall()
    }


def differences(expected: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """Tables that are not the same, in words of counts."""
    told = []
    for name in sorted(expected.keys() | found.keys()):
        before, after = expected.get(name), found.get(name)
        if before is None or after is None:
            told.append(f"{name}: {'missing' if after is None else 'new'}")
        elif before != after:
            told.append(f"{name}: {before.rows} rows, {after.rows} restored" if before.rows != after.rows else f"{name}: other values")  # fmt: skip  # noqa: E501
    return told


def one(held: psycopg.Connection, query: str | sql.Composed, *values: object) -> tuple[Any, ...]:
    """The one row of a query that always has one."""
    found = held.execute(query, values or None).fetchone()
    if found is None:
        raise LookupError("a query that always has a row has none")
    return found
