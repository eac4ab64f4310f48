"""The writing side: what `append` promises when it returns, and what it says when it cannot."""

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bridge.spool import progress, writer
from bridge.spool.records import Position
from bridge.spool.status import spool_is_empty, status
from bridge.spool.writer import SpoolFull, append
from tests.spool.samples import contents, delivery, hint_call, keys_in


def only_file(spool: Path) -> Path:
    (path,) = spool.glob("*.spool")
    return path


def until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_what_was_appended_is_in_the_file_with_everything_needed_to_store_it(spool: Path) -> None:
    items = [delivery("d-1"), hint_call(), delivery("d-2", contact_id=None, body=b"\xff\x00")]
    for item in items:
        append(item)
    first, hint, second = contents(only_file(spool))
    assert (first.arrived_by, second.arrived_by) == ("spool", "spool")
    assert hint == items[1]
    for kept, given in ((first, items[0]), (second, items[2])):
        assert {**vars(kept), "arrived_by": given.arrived_by} == vars(given)


def test_only_the_owner_reads_the_spool(spool: Path) -> None:
    append(delivery())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in spool.iterdir()] == [0o600]


def test_the_file_is_locked_while_its_process_writes_it(spool: Path) -> None:
    append(delivery())
    with only_file(spool).open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    writer.close()
    with only_file(spool).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert keys_in(spool) == ["d-1"]


def test_many_threads_append_to_one_file_and_nothing_is_lost(spool: Path) -> None:
    keys = [f"d-{number}" for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: append(delivery(key)), keys))
    assert sorted(keys_in(spool)) == sorted(keys)
    assert len(list(spool.glob("*.spool"))) == 1


class Disk:
    """The operating system's fsync, slowed or broken at will."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.error, self.gate = 0, 0, threading.Event()
        self.gate.set()
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, number: int) -> None:
        self.calls += 1
        assert self.gate.wait(20)
        if self.error:
            raise OSError(self.error, "no")
        self._fsync(number)


def test_no_append_returns_before_its_fsync_and_those_that_wait_share_one(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(delivery("first"))
    disk = Disk(monkeypatch)
    disk.gate.clear()
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(append, delivery("leads"))
        assert until(lambda: disk.calls == 1)
        others = [threads.submit(append, delivery(f"d-{number}")) for number in range(8)]
        assert until(lambda: len(keys_in(spool)) == 10)
        assert not any(done.done() for done in [first, *others])
        disk.gate.set()
        assert [done.result(20) for done in [first, *others]] == [None] * 9
    assert disk.calls == 2


def test_an_fsync_that_fails_is_told_to_all_who_wait_and_a_new_file_is_begun(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(delivery("kept"))
    disk = Disk(monkeypatch)
    disk.error = errno.EIO
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(append, delivery(f"lost-{number}")) for number in range(4)]
        assert {type(done.exception(20)) for done in waiting} == {OSError}
    disk.error = 0
    append(delivery("after"))
    assert len(list(spool.glob("*.spool"))) == 2
    assert {"kept", "after"} <= set(keys_in(spool))


def test_over_the_limit_nothing_is_written(spool: Path, settings: Any) -> None:
    settings.SPOOL_LIMIT_BYTES = 4000
    append(delivery("small"))
    with pytest.raises(SpoolFull):
        append(delivery("large", body=b"x" * 5000))
    assert keys_in(spool) == ["small"]


def test_a_spool_that_cannot_be_made_is_an_error(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    settings.SPOOL_DIR = tmp_path / "file" / "spool"
    with pytest.raises(OSError, match="file"):
        append(delivery())


def test_a_file_whose_records_are_all_stored_is_ended_soon(spool: Path) -> None:
    append(delivery())
    path = only_file(spool)
    progress.write(path, Position(path.stat().st_size, 1))

    def is_free() -> bool:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    assert until(is_free)
    append(delivery("next"))
    assert len(list(spool.glob("*.spool"))) == 2


def test_a_forked_child_writes_a_file_of_its_own(spool: Path) -> None:
    append(delivery("parent"))
    child = os.fork()
    if not child:
        append(delivery("child"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    append(delivery("parent again"))
    found = [[item.key for item in contents(path)] for path in spool.glob("*.spool")]
    assert sorted(found) == [["child"], ["parent", "parent again"]]


def test_the_status_counts_without_opening(spool: Path) -> None:
    assert spool_is_empty()
    assert status().oldest_age_s is None
    for number in range(3):
        append(delivery(f"d-{number}"))
    found = status()
    assert (found.waiting, found.bad, found.locked_files, found.is_drained) == (3, 0, 0, False)
    assert found.bytes == sum(path.stat().st_size for path in spool.iterdir())
    assert found.oldest_age_s is not None
    assert 0 <= found.oldest_age_s < 60
    assert not spool_is_empty()
