"""Results of work that runs by itself: when it ran last, whether it went well, when it last went well."""

import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.conf import settings
from django.db import Error, transaction
from django.db import connection as db

from bridge.models import RunResult

# Names that are no scheduled task; health and alerts ask for them.
BACKUP = "backup"
RESTORE_TEST = "restore_test"

KEEP = """
INSERT INTO run_results (name, at, is_ok, ok_at, problem, took_ms, counts)
SELECT %(name)s, x.at, %(ok)s, CASE WHEN %(ok)s THEN x.at END, %(problem)s, %(took)s, %(counts)s::jsonb
FROM (SELECT coalesce(%(at)s::timestamptz, clock_timestamp()) AS at) x
ON CONFLICT (name) DO UPDATE SET at = excluded.at, is_ok = excluded.is_ok, problem = excluded.problem,
  took_ms = excluded.took_ms, counts = excluded.counts, ok_at = coalesce(excluded.ok_at, run_results.ok_at)
"""


def record(
    name: str,
    ok: bool,
    now: datetime | None = None,
    *,
    took: timedelta | None = None,
    problem: str = "",
    counts: Mapping[str, int] | None = None,
) -> None:
    """Keep the result of one run over the one before.

    name: at most 60 characters, e.g. BACKUP or the name of a task; now: None is the database's; problem: a code, never
    a text of an exception, which may quote personal data.
    """
    values: dict[str, Any] = {
        "name": name,
        "at": now,
        "ok": ok,
        "problem": problem[:60],
        "took": round(took.total_seconds() * 1000) if took else None,
        "counts": json.dumps(dict(counts or {})),
    }
    with db.cursor() as cursor:
        cursor.execute(KEEP, values)


def last(*names: str) -> dict[str, RunResult]:
    """The last results by name; what never ran is missing."""
    return RunResult.objects.in_bulk(names)


# Scheduled tasks -------------------------------------------------------------------------------------------------------

_began: dict[str, float] = {}


def listen() -> None:
    """Keep the result of every task of the schedule; called in `AppConfig.ready()`."""
    task_prerun.connect(_begin, dispatch_uid="bridge.health.runs.begin")
    task_postrun.connect(_end, dispatch_uid="bridge.health.runs.end")


def _begin(task_id: str, **kwargs: Any) -> None:
    _began[task_id] = time.monotonic()


def _end(task_id: str, task: Any, state: str | None = None, retval: object = None, **kwargs: Any) -> None:
    began = _began.pop(task_id, None)
    if task.name not in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}:
        return
    is_ok = state == "SUCCESS"
    told = retval if isinstance(retval, Mapping) else {}
    try:
        with transaction.atomic():
            record(
                task.name,
                is_ok,
                took=timedelta(seconds=time.monotonic() - began) if began is not None else None,
                problem="" if is_ok else type(retval).__name__,
                counts={str(name): value for name, value in told.items() if isinstance(value, int)},
            )
    except Error:
        # PostgreSQL is away; that the task is late shows once it is back.
        return
