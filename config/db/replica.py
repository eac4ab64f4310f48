"""Whether the replica may be read now: it answers, and it has replayed enough. Measured, not believed.

PostgreSQL's log positions are compared, so no host's clock matters: what the primary had on its disk a moment ago, and
what the replica has applied. How late it is follows from the commit time of the last transaction it applied.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

logger = logging.getLogger(__name__)

REPLICA = "replica"
LOOK_EVERY_S = 1.0
AWAY_S = 5.0  # after a failure it is not asked for so long: a page must not wait for a host that is gone

PRIMARY_SQL = "SELECT pg_current_wal_flush_lsn()::text, extract(epoch FROM clock_timestamp())::float8"
REPLICA_SQL = """
SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END,
       coalesce(extract(epoch FROM pg_last_xact_replay_timestamp()), 0)::float8
"""


@dataclass(frozen=True)
class Look:
    """What one comparison found. `replayed`: a position in the log; `delay_s`: at most so old is what is read there."""

    is_usable: bool
    replayed: int = 0
    delay_s: float = 0.0


NOTHING = Look(is_usable=False)


class Replica:
    """The last comparison, kept for a second in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._look, self._until = NOTHING, 0.0

    def may_serve(self, wrote_at: str = "") -> bool:
        """Whether lists may come from the replica; `wrote_at`: the position the reader's own last write reached."""
        look = self.look()
        return look.is_usable and look.delay_s <= settings.REPLICA_DELAY_S and look.replayed >= number(wrote_at)

    def look(self) -> Look:
        with self._lock:
            if self._clock() >= self._until:
                self._look = compare()
                self._until = self._clock() + (LOOK_EVERY_S if self._look.is_usable else AWAY_S)
            return self._look

    def forget(self) -> None:
        """Look again at once."""
        with self._lock:
            self._until = 0.0


def compare() -> Look:
    """Ask both servers. Never raises: whatever fails means that the primary is read."""
    try:
        written, now = _row(DEFAULT_DB_ALIAS, PRIMARY_SQL)
        in_recovery, replayed, last_commit = _row(REPLICA, REPLICA_SQL)
    except Error as error:
        connections[REPLICA].close()
        logger.warning("replica: not read, %s", type(error).__name__)
        return NOTHING
    if not in_recovery:
        logger.error("replica: DATABASE_REPLICA_URL leads to a server that is no replica; the primary is read")
        return NOTHING
    is_level = number(replayed) >= number(written)
    return Look(True, number(replayed), 0.0 if is_level else max(0.0, now - last_commit))


def position() -> str:
    """How far the primary's log has come, everything committed included."""
    return str(_row(DEFAULT_DB_ALIAS, PRIMARY_SQL)[0])


def number(position: str | None) -> int:
    """A log position such as 16/B374D848 as a number; 0 for anything else, which a browser may send."""
    high, _, low = (position or "").partition("/")
    try:
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError:
        return 0


def _row(alias: str, statement: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


replica = Replica()
