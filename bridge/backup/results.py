"""What became of backups and restore tests, for health (B9), alerts (AL13) and the audit trail."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.db import DatabaseError

from audit.models import ActorType, Outcome
from audit.services import record
from bridge.backup.errors import BackupError
from bridge.health import runs

BACKUP, RESTORE_TEST = runs.BACKUP, runs.RESTORE_TEST
ACTIONS = {BACKUP: "backup.make", RESTORE_TEST: "backup.test"}


@contextmanager
def noted(name: str, *, now: datetime) -> Iterator[dict[str, int]]:
    """Keep how the block ended; it fills the counts. Whatever it raises goes on, with its code kept."""
    counts: dict[str, int] = {}
    problem, started = "failed", time.monotonic()
    try:
        yield counts
        problem = ""
    except BackupError as error:
        problem = error.code
        raise
    finally:
        took = timedelta(seconds=time.monotonic() - started)
        # A database that is away must not hide why: the alert tells that the last good backup is old.
        with suppress(DatabaseError):
            runs.record(name, not problem, now + took, took=took, problem=problem, counts=counts)
            told(ACTIONS[name], problem)


def told(action: str, problem: str = "", backup: str = "") -> None:
    """The row of the act on the audit trail."""
    record(
        action=action,
        actor_type=ActorType.SYSTEM,
        actor_id="backup",
        object_type="Backup" if backup else "",
        object_id=backup,
        outcome=Outcome.FAILED if problem else Outcome.OK,
        reason_code=problem,
    )
