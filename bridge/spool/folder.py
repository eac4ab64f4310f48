"""The spool on this host's disk: which files there are, who holds them, how they come and go for good.

* spool/<time>-<id>.spool      written by one web process, which holds its lock as long as it lives
* spool/<time>-<id>.done       how far that file is in PostgreSQL
* spool/bad/*.bad              one record each that PostgreSQL refused;  *.damaged: bytes that could not be read
* spool/<time>-<id>.erase      records of that file that are being erased
* spool/connections.enc        what verifies deliveries while PostgreSQL is away
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from bridge.spool.records import BadHeader, read_header

SPOOL, DONE, ERASE, BAD, DAMAGED, DRAFT = ".spool", ".done", ".erase", ".bad", ".damaged", ".draft"
PRIVATE_FILE, PRIVATE_DIRECTORY = 0o600, 0o700


def directory() -> Path:
    return Path(settings.SPOOL_DIR)


def bad_directory(spool: Path) -> Path:
    return spool / "bad"


def make(path: Path) -> None:
    """Make a directory of the spool, and its entry durable."""
    if not path.is_dir():
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        sync(path.parent)


def waiting(spool: Path) -> list[Path]:
    """Files with records, oldest first."""
    return sorted(spool.glob(f"*{SPOOL}"))


def set_aside(spool: Path) -> list[Path]:
    """What PostgreSQL refused and what could not be read, oldest first."""
    return sorted(path for path in bad_directory(spool).glob("*") if path.suffix in {BAD, DAMAGED})


def used_bytes(spool: Path) -> int:
    """Bytes of every file of the spool, those set aside included."""
    return sum(_size(path) for path in (*spool.glob("*"), *bad_directory(spool).glob("*")))


def _size(path: Path) -> int:
    # A file may be gone by now.
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_size if stat.S_ISREG(found.st_mode) else 0
    return 0


def begin(path: Path, content: bytes) -> int:
    """Make a file that begins with `content` and return it, locked. It appears whole and durable, or not at all.

    Raises OSError. The lock is there before the name: nobody can take the file for one whose writer died.
    """
    draft = path.with_suffix(DRAFT)
    number = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, PRIVATE_FILE)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_all(number, content)
        os.fsync(number)
        draft.rename(path)
        sync(path.parent)
    except BaseException:
        os.close(number)
        for left in (draft, path):
            left.unlink(missing_ok=True)
        raise
    return number


def put(path: Path, content: bytes) -> None:
    """Make a file, or replace it in one step. Raises OSError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}{DRAFT}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    try:
        write_all(number, content)
        os.fsync(number)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(number)
    sync(path.parent)


def write_all(number: int, content: bytes) -> None:
    """Write every byte or raise OSError: a full disk may take a part of them without complaint."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(number, rest) :]


def sync(path: Path) -> None:
    """Make the names in a directory durable."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def shred(path: Path) -> None:
    """Destroy a file: first the key in its header, so that copies of its other blocks stay unreadable.

    What is done when this is interrupted is found by the next run (records.Shredded).
    """
    with path.open("r+b") as file, suppress(BadHeader):
        _, after = read_header(file)
        file.seek(0)
        file.write(bytes(after.offset))
        file.flush()
        os.fsync(file.fileno())
    path.unlink(missing_ok=True)
    for left in (DONE, ERASE):
        path.with_suffix(left).unlink(missing_ok=True)
    sync(path.parent)


def takes(number: int) -> bool:
    """Take the lock of an open file unless somebody holds it; kept until the file is closed."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a directory for the block; waits for who holds it. The kernel lets go when a process dies."""
    number = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Hold a lock file for the block; False when another process holds it. The kernel lets go when a process dies."""
    number = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        yield takes(number)
    finally:
        os.close(number)
