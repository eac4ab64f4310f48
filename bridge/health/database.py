"""What PostgreSQL says about itself: slow statements, unused indexes, sizes, dead rows, connections, locks (tab Banco).

Statements are shown as pg_stat_statements keeps them, with placeholders; of running ones only the first words, because
their text holds values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import Error, transaction
from django.db import connection as db
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

MOST = 20

HAS_STATEMENTS = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')"
SLOW = r"""
SELECT left(regexp_replace(query, '\s+', ' ', 'g'), 240), calls, mean_exec_time, total_exec_time / 1000
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND calls >= 5 AND query ~* '^\s*(select|insert|update|delete|with)'
ORDER BY mean_exec_time DESC LIMIT %s
"""
# An index of a partitioned table is used when it is used in one partition.
UNUSED = """
SELECT root.oid::regclass::text, t.oid::regclass::text, sum(pg_relation_size(s.indexrelid))
FROM pg_stat_user_indexes s
JOIN pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_class root ON root.oid = coalesce(pg_partition_root(s.indexrelid), s.indexrelid)
JOIN pg_index ri ON ri.indexrelid = root.oid
JOIN pg_class t ON t.oid = ri.indrelid
WHERE NOT i.indisunique
GROUP BY root.oid, t.oid HAVING sum(s.idx_scan) = 0 AND sum(pg_relation_size(s.indexrelid)) > 1024 * 1024
ORDER BY 3 DESC LIMIT %s
"""
SIZES = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, count(*) FILTER (WHERE c.relkind = 'r'),
       sum(greatest(c.reltuples, 0))::bigint, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
GROUP BY 1 ORDER BY 4 DESC LIMIT %s
"""
DEAD = """
SELECT coalesce(pg_partition_root(relid), relid)::regclass::text, sum(n_dead_tup)::bigint, sum(n_live_tup)::bigint,
       max(last_autovacuum)
FROM pg_stat_user_tables GROUP BY 1
HAVING sum(n_dead_tup) > 1000 AND sum(n_dead_tup) > 0.1 * sum(n_live_tup) ORDER BY 2 DESC LIMIT %s
"""
CONNECTIONS = """
SELECT coalesce(nullif(application_name, ''), '—'), coalesce(state, '—'), count(*),
       extract(epoch FROM max(clock_timestamp() - state_change))
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %s
"""
MOST_CONNECTIONS = "SELECT current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity)"
LOCKS = r"""
SELECT a.pid, array_to_string(pg_blocking_pids(a.pid), ', '), extract(epoch FROM clock_timestamp() - a.query_start),
       left((regexp_match(a.query, '^\s*(\w+(?:\s+\w+)?)'))[1], 40)
FROM pg_stat_activity a
WHERE a.datname = current_database() AND cardinality(pg_blocking_pids(a.pid)) > 0 ORDER BY 3 DESC LIMIT %s
"""


@dataclass(frozen=True)
class Section:
    """One table of the report. `advice` says what keeps it in order, `command` the statement or program for it."""

    code: str
    title: str | Promise
    columns: Sequence[str | Promise]
    rows: Sequence[Sequence[str]]
    empty: str | Promise
    advice: str | Promise
    command: str

    @property
    def labelled(self) -> list[list[tuple[str | Promise, str]]]:
        """Each value with the name of its column."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]


def report() -> list[Section]:
    """The six tables: seven short queries on the catalogue."""
    return [slow(), unused(), sizes(), dead(), connections(), locks()]


def slow() -> Section:
    rows, empty = [], _("No statement was counted yet.")
    if _rows(HAS_STATEMENTS)[0][0]:
        try:
            with transaction.atomic():
                rows = [
                    (text, number_format(calls), _ms(mean), f"{number_format(total, 1)} s")
                    for text, calls, mean, total in _rows(SLOW, MOST)
                ]
        except Error:
            empty = _("pg_stat_statements is installed but not loaded: add it to shared_preload_libraries.")
    else:
        empty = _("Not counted: the extension pg_stat_statements is not installed.")
    return Section(
        "slow", _("Slow statements"), (_("statement"), _("times"), _("mean"), _("together")), rows, empty,
        _("A statement above 100 ms deserves a look at its plan."),
        "CREATE EXTENSION pg_stat_statements; EXPLAIN (ANALYZE, BUFFERS) …",
    )  # fmt: skip


def unused() -> Section:
    rows = [(index, table, _size(size)) for index, table, size in _rows(UNUSED, MOST)]
    return Section(
        "unused", _("Indexes nobody used"), (_("index"), _("table"), _("size")), rows,
        _("No index above 1 MB is unused."),
        _("Counted since the statistics began; an index for a rare report is no waste. Ask before removing one."),
        "DROP INDEX CONCURRENTLY …",
    )  # fmt: skip


def sizes() -> Section:
    rows = [(table, number_format(n), number_format(r), _size(size)) for table, n, r, size in _rows(SIZES, MOST)]
    return Section(
        "sizes", _("Sizes"), (_("table"), _("partitions"), _("rows, about"), _("size with indexes")), rows,
        _("No table yet."), _("Partitions that have expired are removed daily."), "python manage.py partitions --plan",
    )  # fmt: skip


def dead() -> Section:
    rows = [
        (table, number_format(gone), number_format(live), f"{last:%d/%m %H:%M}" if last else "—")
        for table, gone, live, last in _rows(DEAD, MOST)
    ]
    return Section(
        "dead", _("Dead rows"), (_("table"), _("dead"), _("live"), _("last cleaned")), rows,
        _("No table has more than a tenth of dead rows."),
        _("PostgreSQL cleans by itself, unless a long transaction keeps it from that."), "VACUUM (ANALYZE) …",
    )  # fmt: skip


def connections() -> Section:
    [(most, now)] = _rows(MOST_CONNECTIONS)
    rows = [
        (name, state, number_format(n), f"{number_format(longest or 0, 0)} s")
        for name, state, n, longest in _rows(CONNECTIONS, MOST)
    ]
    used = _("%(n)s of %(most)s connections are in use.") % {"n": now, "most": most}
    return Section(
        "connections", _("Connections"), (_("program"), _("state"), _("number"), _("longest")), rows,
        used, used, "deploy/pgbouncer · max_connections",
    )  # fmt: skip


def locks() -> Section:
    rows = [
        (str(pid), by, f"{number_format(wait or 0, 0)} s", str(what or "—"))
        for pid, by, wait, what in _rows(LOCKS, MOST)
    ]
    return Section(
        "locks", _("Who waits for whom"), (_("waits"), _("for"), _("how long"), _("what")), rows,
        _("Nobody waits for a lock."), _("End the one that blocks only if you know what it is."),
        "SELECT pg_cancel_backend(…)",
    )  # fmt: skip


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with db.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def _ms(value: float) -> str:
    return f"{number_format(value, 1)} ms"


def _size(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{number_format(size, 0)} {unit}"
        size = int(size / 1024)
    return f"{number_format(size, 0)} GB"
