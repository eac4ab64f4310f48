"""The writing side: each web process appends to a file of its own, and returns once the bytes are on the disk.

Threads that come together share one fsync. After any error a file is given up, never mended: its records stay for the
drainer, the torn end is recognised, and the next record begins a new file.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from bridge.spool import folder, progress
from bridge.spool.items import HintCall, to_bytes
from bridge.spool.records import FRAME, MAX_CONTENT, Seal
from bridge.webhooks.intake import Delivery

MAX_AGE_S = 3600.0
MAX_BYTES = 64 * 1024 * 1024
LOOK_EVERY_S = 0.5
MEASURE_EVERY_S = 1.0
MAX_DATA = MAX_CONTENT - 1024  # sealing adds less than this


class SpoolFull(OSError):
    """The spool has reached its limit: nothing was written. The caller answers 503."""


class OpenFile:
    """One file of this process while it grows. `write` and `close` need the writer's lock, `sync` does not."""

    def __init__(self, spool: Path) -> None:
        now = datetime.now(UTC)
        self._day, self._since = now.date(), time.monotonic()
        self._seal = Seal.fresh()
        beginning = self._seal.beginning(milliseconds())
        self.path = spool / f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}{folder.SPOOL}"
        self._number = folder.begin(self.path, beginning)
        self._size, self._records, self._synced = len(beginning), 0, 0
        self._sync_lock = threading.Lock()
        self._failed = self._lost = self._closed = False

    def write(self, data: bytes) -> int:
        """Hand a record to the operating system; return what `sync` wants. Raises OSError."""
        record = self._seal.record(data, number=self._records, now_ms=milliseconds())
        try:
            folder.write_all(self._number, record)
        except OSError:
            self._failed = True
            raise
        self._size += len(record)
        self._records += 1
        return self._records

    def sync(self, ticket: int) -> None:
        """Return when the record of this ticket is on the disk; one call serves all who wait. Raises OSError."""
        with self._sync_lock:
            if self._synced < ticket:
                self._sync_all()

    def _sync_all(self) -> None:
        if self._lost or self._closed:
            # A second fsync may report success for pages the kernel has dropped: who waits is told the truth.
            raise OSError("the records of this file could not be brought to the disk")
        target = self._records
        try:
            os.fsync(self._number)
        except OSError:
            self._failed = self._lost = True
            raise
        self._synced = target

    def close(self) -> None:
        """Make durable what was written and let go; from now on the file is the drainer's. Never raises OSError."""
        with self._sync_lock:
            with suppress(OSError):
                self._sync_all()
            self._closed = True
            os.close(self._number)

    def is_due(self) -> bool:
        """Tell whether no record should be added any more. A file never holds records of two days."""
        is_old = time.monotonic() - self._since > MAX_AGE_S or self._day != datetime.now(UTC).date()
        return self._failed or is_old or self._size > MAX_BYTES

    def is_stored(self) -> bool:
        """Tell whether the drainer has brought every record into PostgreSQL."""
        done = progress.read(self.path)
        return done is not None and done.offset == self._size

    def drop(self) -> None:
        """In a forked child: the file is the parent's, and its lock must not outlive the parent."""
        if not self._closed:
            os.close(self._number)


class Writer:
    """The spool of one process. Makes its file with the first record, and ends it once all its records are stored."""

    def __init__(self, spool: Path, limit_bytes: int) -> None:
        self.spool, self._limit = spool, limit_bytes
        self._lock = threading.Lock()
        self._file: OpenFile | None = None
        self._used, self._measured = 0, -MEASURE_EVERY_S

    def append(self, item: Delivery | HintCall) -> None:
        """Keep an item; it is on the disk when this returns. Raises OSError (SpoolFull among them) otherwise."""
        data = to_bytes(item)
        if len(data) > MAX_DATA:
            raise OSError(errno.EFBIG, "a record is too long for the spool")
        with self._lock:
            self._check_room(len(data))
            file = self._current()
            ticket = file.write(data)
        file.sync(ticket)

    def close(self) -> None:
        """End the file, if there is one."""
        with self._lock:
            self._end()

    def drop(self) -> None:
        if self._file is not None:
            self._file.drop()

    def _current(self) -> OpenFile:
        if self._file is not None and self._file.is_due():
            self._end()
        if self._file is None:
            folder.make(self.spool)
            self._file = OpenFile(self.spool)
            threading.Thread(target=self._end_when_stored, args=[self._file], name="spool", daemon=True).start()
        return self._file

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _end_when_stored(self, file: OpenFile) -> None:
        """Thread of one file: people's data must not stay in it until the next outage."""
        while True:
            time.sleep(LOOK_EVERY_S)
            with self._lock:
                if self._file is not file:
                    return
                if file.is_due() or file.is_stored():
                    self._end()

    def _check_room(self, length: int) -> None:
        """Measure at most once a second; in between count what we add ourselves."""
        now = time.monotonic()
        if now - self._measured >= MEASURE_EVERY_S:
            self._used, self._measured = folder.used_bytes(self.spool), now
        self._used += length + FRAME.size
        if self._used > self._limit:
            raise SpoolFull(f"the spool holds {self._limit} bytes, its limit")


class _Own:
    """The writer of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.writer: Writer | None = None

    def get(self) -> Writer:
        spool = folder.directory()
        with self.lock:
            if self.writer is None or self.writer.spool != spool:
                self.writer = Writer(spool, settings.SPOOL_LIMIT_BYTES)
            return self.writer

    def forget(self) -> None:
        # The lock may be held by a thread that this child does not have.
        self.lock = threading.Lock()
        if self.writer is not None:
            self.writer.drop()
        self.writer = None


_own = _Own()
os.register_at_fork(after_in_child=_own.forget)


def append(item: Delivery | HintCall) -> None:
    """Keep an item until PostgreSQL takes it; it is on this host's disk when this returns.

    Raises OSError when it is not: a full disk, the limit SPOOL_LIMIT_BYTES (SpoolFull), a broken disk. Also
    KeyMissing, without a master key.
    """
    _own.get().append(item)


def close() -> None:
    """End this process's file: the drainer may finish it. The next record begins a new one."""
    _own.get().close()


def milliseconds() -> int:
    return time.time_ns() // 1_000_000
