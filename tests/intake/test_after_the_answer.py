"""Handing work over after the answer: coalesced, bounded, and never in the way of a request."""

import os
import queue
import select
import signal
import threading
from collections.abc import Iterator

import pytest

from bridge.webhooks.wakeups import QUEUE_LIMIT, Afterwards

WAIT_S = 20


class Handler:
    """Takes batches; the test decides when one is finished."""

    def __init__(self) -> None:
        self.batches: queue.Queue[set[int]] = queue.Queue()
        self.may_finish = threading.Event()
        self.fails = False

    def __call__(self, numbers: set[int]) -> None:
        self.batches.put(numbers)
        if self.fails:
            raise RuntimeError("the broker is away")
        self.may_finish.wait(WAIT_S)


@pytest.fixture
def handler() -> Iterator[Handler]:
    made = Handler()
    yield made
    made.may_finish.set()


def test_the_same_connection_is_handed_over_once_per_interval(handler: Handler) -> None:
    handler.may_finish.set()
    afterwards = Afterwards("test", handler)
    for number in [1, 2] * 50:
        afterwards.put(number)
    assert handler.batches.get(timeout=WAIT_S) == {1, 2}
    assert handler.batches.empty()


def test_a_handler_that_never_ends_stops_no_request_and_the_overflow_is_dropped(handler: Handler) -> None:
    afterwards = Afterwards("test", handler)
    afterwards.put(0)
    assert handler.batches.get(timeout=WAIT_S) == {0}
    for number in range(QUEUE_LIMIT + 500):
        afterwards.put(number)  # would block for ever, were it to wait
    handler.may_finish.set()
    assert handler.batches.get(timeout=WAIT_S) == set(range(QUEUE_LIMIT))


def test_a_failing_handler_is_asked_again_next_time(handler: Handler, caplog: pytest.LogCaptureFixture) -> None:
    handler.fails = True
    afterwards = Afterwards("wake-ups", handler)
    for number in (1, 2):
        afterwards.put(number)
        assert handler.batches.get(timeout=WAIT_S) == {number}
    assert "wake-ups: RuntimeError" in caplog.text
    assert "the broker is away" not in caplog.text


def test_a_forked_process_gets_a_thread_of_its_own() -> None:
    read_end, write_end = os.pipe()
    afterwards = Afterwards("test", lambda numbers: _write(write_end, numbers))
    afterwards.put(1)
    assert _read(read_end) == b"1"
    child = os.fork()
    if child == 0:
        afterwards.put(2)
        signal.pause()
    try:
        assert _read(read_end) == b"2"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _write(write_end: int, numbers: set[int]) -> None:
    os.write(write_end, str(numbers.pop()).encode())


def _read(read_end: int) -> bytes:
    ready, _, _ = select.select([read_end], [], [], WAIT_S)
    return os.read(read_end, 10) if ready else b""
