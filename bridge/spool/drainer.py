"""The draining side: one process of the host brings spooled records into PostgreSQL, however often that fails.

A record is stored before it is counted as stored, and a file is destroyed only after all of it: a crash anywhere means
storing again, which changes nothing (delivery keys; marks coalesce). There is no promise of order.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.db import DataError, Error, IntegrityError, connections
from psycopg.errors import CheckViolation

from bridge.spool import erasure, folder, items, progress, setaside
from bridge.spool.items import Item, UnreadableItem
from bridge.spool.records import BadHeader, Ending, Frame, Position, Seal, Shredded, ending, frames, read_header
from bridge.spool.status import LOCK, spool_is_empty
from consent.encryption import Undecryptable, refuse_wrong_key

logger = logging.getLogger(__name__)

IDLE_S = 0.5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
SAVE_EVERY = 100
CLEAN_EVERY_S = 3600.0
STALE_DRAFT_S = 3600.0


class Away(Exception):
    """PostgreSQL takes nothing now, or the process is to stop: go on later, nothing is lost."""


class Stuck(Exception):
    """This file waits for people: its key, or the key of the bodies' day, does not open."""


@dataclass
class Pass:
    """What one look at the whole spool did."""

    stored: int = 0
    refused: int = 0
    stuck: int = 0
    is_away: bool = False


class Drainer:
    """Drains one spool. Only the holder of its lock may run it."""

    def __init__(self, spool: Path, *, using: str = "default", stop: threading.Event | None = None) -> None:
        self._spool, self._using = spool, using
        self._stop = stop or threading.Event()
        self._are_keys_right = False
        self._told: set[str] = set()

    def run_forever(self) -> None:
        """Drain until told to stop. Raises ImproperlyConfigured when the keys are not those of the database."""
        wait_s, clean_at = FIRST_WAIT_S, 0.0
        while not self._stop.is_set():
            done = self.run_once()
            if time.monotonic() >= clean_at:
                self.clean(time.time())
                clean_at = time.monotonic() + CLEAN_EVERY_S
            wait_s = min(wait_s * 2, LONGEST_WAIT_S) if done.is_away else FIRST_WAIT_S
            pause_s = wait_s * random.uniform(0.8, 1.2) if done.is_away else IDLE_S  # noqa: S311 - spreads load only
            self._stop.wait(pause_s)

    def run_once(self) -> Pass:
        """Bring in everything that is complete now."""
        done = Pass()
        for path in folder.waiting(self._spool):
            try:
                with erasure.held(self._spool):
                    erasure.finish(path)
                    self._drain(path, done)
            except Away:
                done.is_away = True
                break
            except Stuck as stuck:
                done.stuck += 1
                self._tell(path, stuck)
            except OSError as error:
                done.stuck += 1
                self._tell(path, error)
        if done.stored or done.refused:
            logger.info("spool: stored %s, refused %s", done.stored, done.refused)
        return done

    def clean(self, now_s: float) -> None:
        """Destroy what was set aside too long ago, and drafts of processes that died while they began a file."""
        setaside.drop_expired(self._spool, now_s=now_s)
        for draft in self._spool.glob(f"*{folder.DRAFT}"):
            with suppress(FileNotFoundError):
                if now_s - draft.stat().st_mtime > STALE_DRAFT_S:
                    draft.unlink()

    def _drain(self, path: Path, done: Pass) -> None:
        with suppress(FileNotFoundError), path.open("r+b") as file:
            # Asked first: what is there once the writer is gone is all there will ever be.
            is_final = folder.takes(file.fileno())
            try:
                header, start = read_header(file)
                seal = Seal.of(header)
            except Shredded:
                folder.shred(path)
                return
            except BadHeader:
                setaside.keep_unreadable(path)
                return
            except Undecryptable as error:
                raise Stuck("its key does not open with PONTE_MASTER_KEYS") from error
            end = self._store_all(path, file, seal, progress.read(path) or start, done)
            if is_final:
                self._finish(path, file, end)

    def _store_all(self, path: Path, file: BinaryIO, seal: Seal, start: Position, done: Pass) -> Position:
        """Store from `start` on; return where the complete records end."""
        at = saved = start
        try:
            for frame in frames(file, start):
                self._take(path, seal, frame, done)
                at = frame.end
                if at.number - saved.number >= SAVE_EVERY:
                    saved = self._save(path, at)
        finally:
            if at != saved:
                self._save(path, at)
        return at

    def _save(self, path: Path, at: Position) -> Position:
        """Remember how far we are. On a full disk go on without: draining is what makes room."""
        try:
            progress.write(path, at)
        except OSError as error:
            logger.warning("spool: progress of %s not written: %s", path.name, error.strerror)
        return at

    def _finish(self, path: Path, file: BinaryIO, end: Position) -> None:
        what = ending(file, end)
        if what is not Ending.CLEAN:
            setaside.keep_damaged(path, end, what)
        folder.shred(path)
        self._told.discard(path.name)

    def _take(self, path: Path, seal: Seal, frame: Frame, done: Pass) -> None:
        """Store one record or set it aside. Raises Away, Stuck, OSError."""
        if self._stop.is_set():
            raise Away
        try:
            data = seal.open(frame)
        except Undecryptable:
            # Whole, and yet not what was sealed here: moved or made by somebody else.
            setaside.keep_copy(path)
            done.refused += 1
            return
        item: Item | None = None
        try:
            item = items.from_bytes(data)
            self._store(item)
            done.stored += 1
        except Undecryptable as error:
            raise Stuck("PostgreSQL's key of that day does not open with PONTE_MASTER_KEYS") from error
        except (DataError, IntegrityError, UnreadableItem, ValueError, TypeError) as error:
            setaside.set_aside(path, frame.at.number, data, item=item, error=error)
            done.refused += 1

    def _store(self, item: Item) -> None:
        """Bring one item in. Raises Away; DataError or IntegrityError when the item itself is at fault."""
        try:
            if not self._are_keys_right:
                refuse_wrong_key()
                self._are_keys_right = True
            items.store(item, using=self._using)
        except Error as error:
            connections[self._using].close()
            if is_at_fault(error):
                raise
            logger.warning("spool: PostgreSQL takes nothing: %s", setaside.reason_of(error))
            raise Away from error

    def _tell(self, path: Path, problem: Exception) -> None:
        """Log a file's problem once."""
        if path.name not in self._told:
            self._told.add(path.name)
            logger.error("ALERT spool: %s waits: %s", path.name, problem)


def is_at_fault(error: Error) -> bool:
    """Tell whether the record is the reason, so that it would be refused for ever.

    A missing partition, too, is a broken check, but without the name of a constraint; it would refuse everything.
    """
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, CheckViolation):
        return error.__cause__.diag.constraint_name is not None
    return isinstance(error, DataError | IntegrityError)


def drain_now(*, timeout_s: float = 30.0, using: str = "default") -> bool:
    """Bring in all that waits on this host, and see its files destroyed; True when nothing is left.

    For erasure, which must find a person's records in PostgreSQL; call it where the spool's disk is, and not inside a
    transaction: what is rolled back would be lost. False: PostgreSQL, a key or a lock did not allow it in time.
    """
    if connections[using].in_atomic_block:
        raise RuntimeError("drain_now() inside a transaction could lose what it stores")
    spool, end = folder.directory(), time.monotonic() + timeout_s
    while not spool_is_empty():
        with folder.only_one(spool / LOCK) as is_mine:
            if is_mine:
                Drainer(spool, using=using).run_once()
        if spool_is_empty():
            break
        if time.monotonic() >= end:
            return False
        time.sleep(IDLE_S)
    return True
