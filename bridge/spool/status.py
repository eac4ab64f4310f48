"""How full the spool of this host is: for health, the screens and `manage.py spool --status`. Opens no record."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from bridge.spool import folder, progress
from bridge.spool.records import FRAME, MAX_CONTENT, BadHeader, head_at, read_header, size_of

LOCK, KNOWN = "drain.lock", "connections.enc"


@dataclass(frozen=True)
class SpoolStatus:
    """`waiting`: complete records not yet in PostgreSQL. `bad`: set aside, for people. `locked_files`: no key opens
    them. `is_drained`: a drainer runs on this host."""

    bytes: int
    limit_bytes: int
    waiting: int
    oldest_age_s: float | None
    bad: int
    locked_files: int
    is_drained: bool


def status() -> SpoolStatus:
    """Look at this host's spool. A spool that was never used is empty."""
    spool = folder.directory()
    files = [found for found in map(_look, folder.waiting(spool)) if found]
    times = [found.oldest_ms for found in files if found.oldest_ms is not None]
    return SpoolStatus(
        bytes=folder.used_bytes(spool),
        limit_bytes=settings.SPOOL_LIMIT_BYTES,
        waiting=sum(found.waiting for found in files),
        oldest_age_s=max(0.0, time.time() - min(times) / 1000) if times else None,
        bad=len(folder.set_aside(spool)),
        locked_files=sum(not found.has_key for found in files),
        is_drained=_is_drained(spool),
    )


def can_take() -> bool:
    """Tell whether a delivery could be verified and kept here without PostgreSQL: what readiness asks when it is away.

    A disk that is full is only seen when it is written to.
    """
    spool = folder.directory()
    return (spool / KNOWN).exists() and folder.used_bytes(spool) < settings.SPOOL_LIMIT_BYTES


def spool_is_empty() -> bool:
    """Tell whether no file of this host holds records on their way to PostgreSQL. What is set aside is not asked."""
    return not folder.waiting(folder.directory())


@dataclass(frozen=True)
class _File:
    waiting: int
    oldest_ms: int | None
    has_key: bool


def _look(path: Path) -> _File | None:
    """One file without its contents; None when it is gone or no spool file."""
    with suppress(FileNotFoundError, BadHeader), path.open("rb", buffering=0) as file:
        header, start = read_header(file)  # type: ignore[arg-type]
        at = progress.read(path) or start
        waiting, oldest_ms = _count(file, at.offset)  # type: ignore[arg-type]
        return _File(waiting, oldest_ms, header.master_key_id in settings.MASTER_KEYS)
    return None


def _count(file: BinaryIO, offset: int) -> tuple[int, int | None]:
    """How many records lie behind an offset, and when the first was written; steps over their contents."""
    count, oldest_ms, size = 0, None, size_of(file)
    while (head := head_at(file, offset)) and head[0] <= MAX_CONTENT and offset + FRAME.size + head[0] <= size:
        oldest_ms = head[2] if oldest_ms is None else oldest_ms
        count += 1
        offset += FRAME.size + head[0]
    return count, oldest_ms


def _is_drained(spool: Path) -> bool:
    if not (spool / LOCK).exists():
        return False
    with folder.only_one(spool / LOCK) as is_free:
        return not is_free
