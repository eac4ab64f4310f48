"""Numbers measured every minute, for questions about growth and about hosts: kept three hours, read by alerts and B9."""

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import Error
from django.db import connection as db

from bridge.models import Reading
from bridge.spool.status import status
from bridge.sync.clock import database_now

logger = logging.getLogger(__name__)

KEPT = timedelta(hours=3)
EVERY_S = 60.0
FRESH = timedelta(minutes=5)  # a host that has said nothing for so long is not there

ALIVE, DISK, CPU, CLOCK = "alive", "disk", "cpu", "clock"
SPOOL_SHARE, SPOOL_RECORDS, SPOOL_OLDEST, SPOOL_BAD = "spool_share", "spool_records", "spool_oldest", "spool_bad"
WAITING, GROUP, REFUSED, CERTIFICATE = "waiting", "group", "refused", "certificate"

LATEST = """
SELECT DISTINCT ON (name, scope) name, scope, value, at FROM readings
WHERE name = ANY(%s) AND at > %s ORDER BY name, scope, at DESC
"""
CPU_TIMES = Path("/proc/stat")


@dataclass(frozen=True)
class Latest:
    """The newest number of one scope."""

    scope: str
    value: float
    at: datetime


def put(values: Iterable[tuple[str, str, float]], now: datetime) -> None:
    """Keep numbers: (name, scope, value)."""
    Reading.objects.bulk_create(
        Reading(name=name, scope=scope[:80], value=value, at=now) for name, scope, value in values
    )


def latest(*names: str, now: datetime, within: timedelta = FRESH) -> dict[str, list[Latest]]:
    """The newest numbers by name, of scopes that have been measured lately."""
    found: dict[str, list[Latest]] = {name: [] for name in names}
    with db.cursor() as cursor:
        cursor.execute(LATEST, [list(names), now - within])
        for name, scope, value, at in cursor.fetchall():
            found[name].append(Latest(scope, value, at))
    return found


def history(name: str, now: datetime, within: timedelta) -> dict[str, list[float]]:
    """Numbers of a time by scope, the oldest first."""
    found: dict[str, list[float]] = {}
    rows = Reading.objects.filter(name=name, at__gte=now - within, at__lte=now).order_by("at", "pk")
    for scope, value in rows.values_list("scope", "value"):
        found.setdefault(scope, []).append(value)
    return found


def forget_old(now: datetime) -> int:
    return Reading.objects.filter(at__lt=now - KEPT).delete()[0]


# This host -------------------------------------------------------------------------------------------------------------


class Host:
    """What one process can say about the host it runs on."""

    def __init__(self) -> None:
        self.name = socket.gethostname()[:60]
        self._cpu = cpu_times()

    def measure(self) -> list[tuple[str, str, float]]:
        """Shares in percent, times in seconds. Costs one short query."""
        before = time.time()
        theirs = database_now().timestamp()
        spool, disk = status(), shutil.disk_usage(existing(settings.VAR_DIR))
        values = {
            CLOCK: (before + time.time()) / 2 - theirs,
            DISK: 100 * disk.used / disk.total,
            SPOOL_SHARE: 100 * spool.bytes / spool.limit_bytes,
            SPOOL_RECORDS: spool.waiting,
            SPOOL_OLDEST: spool.oldest_age_s or 0,
            SPOOL_BAD: spool.bad,
        }
        busy = self._busy()
        if busy is not None:
            values[CPU] = busy
        return [(name, self.name, value) for name, value in values.items()]

    def measure_if_possible(self) -> list[tuple[str, str, float]]:
        """As `measure`; a disk that cannot be read leaves this host unmeasured, which is a line of its own."""
        try:
            return self.measure()
        except OSError as error:
            logger.warning("host not measured: %s", type(error).__name__)
            return []

    def _busy(self) -> float | None:
        """Percent of the time since the last look; None where the system does not tell."""
        last, self._cpu = self._cpu, cpu_times()
        if not (last and self._cpu) or self._cpu[1] == last[1]:
            return None
        return 100 * (self._cpu[0] - last[0]) / (self._cpu[1] - last[1])


@cache
def this_host() -> Host:
    """The host of this process, for tasks that measure it now and then."""
    return Host()


def cpu_times() -> tuple[int, int] | None:
    """Busy and total ticks of all processors since the start."""
    try:
        ticks = [int(word) for word in CPU_TIMES.read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())


def tell(kind: str, stop: threading.Event) -> None:
    """Until asked to stop: once a minute say that this process lives, and how its host is. Runs in a thread."""
    host = Host()
    own = f"{kind}@{host.name}:{os.getpid()}"
    while True:
        try:
            put([(ALIVE, own, 1), *host.measure_if_possible()], database_now())
        except Error as error:
            # PostgreSQL is away: what this thread would say, everybody sees then.
            logger.debug("nothing measured: %s", type(error).__name__)
        finally:
            db.close()  # a session for a few ms a minute is not worth keeping
        if stop.wait(EVERY_S):
            return


def start(kind: str, stop: threading.Event) -> None:
    """Begin to tell, beside the work of this process."""
    threading.Thread(target=tell, args=[kind, stop], name="readings", daemon=True).start()
