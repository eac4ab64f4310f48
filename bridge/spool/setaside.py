"""What must not wait any longer: records PostgreSQL refuses, bytes that cannot be read. Kept apart, for people.

They are kept as long as webhook bodies, 30 days, then destroyed; `retry` gives them another chance.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from django.db import Error

from bridge.spool import folder
from bridge.spool.items import Item, UnreadableItem, from_bytes
from bridge.spool.records import BadHeader, Ending, Position, Seal, frames, read_header
from consent.encryption import Undecryptable

logger = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600


def set_aside(source: Path, number: int, data: bytes, *, item: Item | None, error: Exception) -> None:
    """Keep one refused record in a file of its own, sealed anew, and raise an alert. Raises OSError.

    Done again after a crash, it replaces its own file.
    """
    reason = reason_of(error)
    seal, now_ms = Seal.fresh(reason=reason), time.time_ns() // 1_000_000
    bad = folder.bad_directory(source.parent)
    folder.make(bad)
    name = f"{source.stem}-{number}{folder.BAD}"
    folder.put(bad / name, seal.beginning(now_ms) + seal.record(data, number=0, now_ms=now_ms))
    connection_id = item.connection_id if item else None
    logger.error("ALERT spool: record refused, see bad/%s: %s connection=%s", name, reason, connection_id)


def reason_of(error: Exception) -> str:
    """The class of an error and its SQLSTATE; never its text, which may quote the row."""
    state = getattr(error.__cause__, "sqlstate", None) if isinstance(error, Error) else None
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def keep_damaged(source: Path, at: Position, what: Ending) -> None:
    """Cut off what follows the last complete record of a file without writer. Damaged bytes are kept for people."""
    rest = source.stat().st_size - at.offset
    if what is Ending.DAMAGED:
        keep_copy(source)
        logger.error("ALERT spool: %s bytes at the end of %s are damaged", rest, source.name)
    else:
        # As after a kill; such a record was never acknowledged.
        logger.warning("spool: %s ends inside a record; cut off %s bytes", source.name, rest)
    with source.open("r+b") as file:
        file.truncate(at.offset)


def keep_copy(source: Path) -> None:
    """Keep a whole file for people, because a part of it cannot be read."""
    bad = folder.bad_directory(source.parent)
    folder.make(bad)
    folder.put(bad / f"{source.stem}{folder.DAMAGED}", source.read_bytes())
    logger.error("ALERT spool: %s holds what cannot be read; kept in bad/", source.name)


def keep_unreadable(source: Path) -> None:
    """Put away a file that does not begin as a spool file."""
    bad = folder.bad_directory(source.parent)
    folder.make(bad)
    source.rename(bad / f"{source.stem}{folder.DAMAGED}")
    source.with_suffix(folder.DONE).unlink(missing_ok=True)
    logger.error("ALERT spool: the beginning of %s is damaged; kept in bad/", source.name)


def retry(spool: Path) -> int:
    """Give refused records back to the drainer, after the cause is gone; return how many."""
    refused = [path for path in folder.set_aside(spool) if path.suffix == folder.BAD]
    for path in refused:
        path.rename(spool / f"{path.stem}{folder.SPOOL}")
    return len(refused)


def drop_expired(spool: Path, *, now_s: float) -> int:
    """Destroy what was set aside more than 30 days ago; return how many files."""
    expired = [path for path in folder.set_aside(spool) if now_s - path.stat().st_mtime > KEEP_S]
    for path in expired:
        folder.shred(path)
        logger.error("ALERT spool: bad/%s was never stored and is destroyed after 30 days", path.name)
    return len(expired)


def forget(spool: Path, is_theirs: Callable[[Item], bool]) -> int:
    """Destroy the files with what is one person's, for erasure; return how many."""
    wanted = [path for path in folder.set_aside(spool) if _holds(path, is_theirs)]
    for path in wanted:
        folder.shred(path)
    return len(wanted)


def _holds(path: Path, is_theirs: Callable[[Item], bool]) -> bool:
    """Whether a record of the file is theirs; what does not open cannot be read by anybody else either."""
    try:
        with path.open("rb") as file:
            header, start = read_header(file)
            seal = Seal.of(header)
            items = [from_bytes(seal.open(frame)) for frame in frames(file, start)]
    except (BadHeader, Undecryptable, UnreadableItem):
        return False
    return any(map(is_theirs, items))
