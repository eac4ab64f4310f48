"""The database's own account of a measurement: which statements took its time (pg_stat_statements, where it exists)."""

from __future__ import annotations

from typing import Any

from django.db import connection

LENGTH = 200  # of a statement's text: enough to know it by

TOP = """
SELECT s.query, s.calls, s.mean_exec_time, s.total_exec_time / sum(s.total_exec_time) OVER ()
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query NOT ILIKE '%%pg_stat_statements%%'
ORDER BY s.total_exec_time DESC LIMIT %s
"""


class Statements:
    """`begin` forgets what was before, `top` tells what came since. `is_there` is False without the extension."""

    def __init__(self, *, is_there: bool) -> None:
        self.is_there = is_there

    def begin(self) -> None:
        if self.is_there:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_stat_statements_reset()")

    def top(self, count: int = 5) -> list[dict[str, Any]] | None:
        """The statements with the largest share of execution time; None without the extension. No values in them."""
        if not self.is_there:
            return None
        with connection.cursor() as cursor:
            cursor.execute(TOP, [count])
            rows = cursor.fetchall()
        return [
            {
                "query": " ".join(query.split())[:LENGTH],
                "calls": calls,
                "mean_ms": round(mean, 4),
                "share": round(share, 4),
            }
            for query, calls, mean, share in rows
        ]
