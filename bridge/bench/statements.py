"""The database's own account of a measurement: which statements took its time.

From pg_stat_statements where the server brings it; else a hundred times a second it is asked what runs just then.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import Any

from django.db import connection

LENGTH = 200  # of a statement's text: enough to know it by
SAMPLE_EVERY_S = 0.01

TOP = """
SELECT s.query, s.calls, s.mean_exec_time, s.total_exec_time / sum(s.total_exec_time) OVER ()
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query NOT ILIKE '%%pg_stat_statements%%'
ORDER BY s.total_exec_time DESC LIMIT %s
"""
RUNNING = """
SELECT query FROM pg_stat_activity
WHERE state = 'active' AND datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
# Django sends values inside the text; the server may have cut it in the middle of one.
VALUE = re.compile(r"'(?:[^']|'')*(?:'|$)|(?<![$\w])\d+(?:\.\d+)?\b")


class Statements:
    """`begin` forgets what was before, `top` tells what came since. `is_there` is False without the extension."""

    def __init__(self, *, is_there: bool) -> None:
        self.is_there = is_there
        self._sampler = Sampler()

    @property
    def source(self) -> str:
        return "pg_stat_statements" if self.is_there else "samples of pg_stat_activity"

    def begin(self) -> None:
        if not self.is_there:
            self._sampler = Sampler()
            self._sampler.start()
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_statements_reset()")

    def top(self, count: int = 5) -> list[dict[str, Any]]:
        """The statements with the largest share of the database's time, without values; samples know no calls."""
        if not self.is_there:
            return self._sampler.stop(count)
        with connection.cursor() as cursor:
            cursor.execute(TOP, [count])
            rows = cursor.fetchall()
        return [
            {"query": _text(query), "share": round(share, 4), "calls": calls, "mean_ms": round(mean, 4)}
            for query, calls, mean, share in rows
        ]


class Sampler(threading.Thread):
    """Asks again and again what runs, on a connection of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._seen: Counter[str] = Counter()

    def run(self) -> None:
        try:
            while not self._over.wait(SAMPLE_EVERY_S):
                with connection.cursor() as cursor:
                    cursor.execute(RUNNING)
                    self._seen.update(_text(query) for (query,) in cursor.fetchall())
        finally:
            connection.close()

    def stop(self, count: int) -> list[dict[str, Any]]:
        self._over.set()
        self.join()
        total = self._seen.total()
        return [{"query": query, "share": round(n / total, 4)} for query, n in self._seen.most_common(count)]


def _text(query: str) -> str:
    return VALUE.sub("?", " ".join(query.split()))[:LENGTH]
