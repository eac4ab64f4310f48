"""On what was measured: cores, memory, the price of a commit, versions, and what processes take."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from django.db import connection

from bridge.bench.timing import median

PACKAGES = ("Django", "psycopg", "gunicorn", "celery", "requests", "cryptography")
SYNCS = 100
PAGE_BYTES = 8192


def machine(directory: Path) -> dict[str, Any]:
    """Cores, memory, load before the run, and the milliseconds of one page written and synced where the data lie."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "fsync_ms": sync_ms(directory),
    }


def sync_ms(directory: Path) -> float:
    took = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(SYNCS):
            began = perf_counter()
            os.write(file.fileno(), b"\0" * PAGE_BYTES)
            os.fsync(file.fileno())
            took.append(perf_counter() - began)
    return round(median(took) * 1000, 3)


def versions(broker: str) -> dict[str, str]:
    """Of everything that takes part; `broker` as the launcher tells it."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server: str = cursor.fetchone()[0]
    packages = {name.lower(): version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "postgresql": server, "broker": broker, **packages}


def memory_mb(parents: Mapping[str, int]) -> dict[str, float]:
    """By name: the most memory a process or one of its children ever held; without those this system does not tell."""
    return {name: round(max(sizes), 1) for name, pid in parents.items() if (sizes := list(_sizes(pid)))}


def cpu_s(parents: Mapping[str, int]) -> dict[str, float]:
    """By name: processor seconds a process and its children have used; without those this system does not tell.

    What else runs on the machine hardly changes these, unlike rates and latencies.
    """
    used = {name: [_cpu_s(number) for number in (pid, *_children(pid))] for name, pid in parents.items()}
    return {name: sum(seconds) for name, seconds in used.items() if any(seconds)}


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    # User and system time of its own and of children that have ended, in ticks (proc(5), fields 14 to 17).
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _sizes(pid: int) -> Iterator[float]:
    for number in (pid, *_children(pid)):
        try:
            status = Path(f"/proc/{number}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                yield int(line.split()[1]) / 1024


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    except OSError:
        return []
