"""What health tells of the spool: counts only, at most a few seconds old, because probes come often and files are long."""

import threading
import time
from collections.abc import Mapping

from bridge.spool.status import SpoolStatus, can_take, status

KEEP_S = 5.0


class Kept:
    """The last look at the spool."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: SpoolStatus | None = None
        self._at = 0.0

    def get(self) -> SpoolStatus:
        with self._lock:
            if self._status is None or time.monotonic() - self._at > KEEP_S:
                self._status, self._at = status(), time.monotonic()
            return self._status

    def forget(self) -> None:
        self._status = None


kept = Kept()


def look() -> tuple[bool, Mapping[str, object]]:
    """Whether a delivery could be kept here without PostgreSQL, and how full this host's spool is."""
    found = kept.get()
    told = {
        "bytes": found.bytes,
        "limit_bytes": found.limit_bytes,
        "records": found.waiting,
        "oldest_s": None if found.oldest_age_s is None else round(found.oldest_age_s),
        "bad_records": found.bad,
        "locked_files": found.locked_files,
        "is_drained": found.is_drained,
    }
    return can_take(), told
