"""The load generator tells the truth: stalls count for every request that was due during them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.bench.load import Load

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
STALL_S = 0.4


@contextmanager
def server(*answers: bytes, stalls_at: int = -1) -> Iterator[tuple[str, int]]:
    """Answers requests of one connection after another, the last answer again and again; closes after an empty one."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        number = 0
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            with stream:
                while stream.recv(65536):
                    if number == stalls_at:
                        time.sleep(STALL_S)
                    answer = answers[min(number, len(answers) - 1)]
                    number += 1
                    if not answer:
                        break
                    stream.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_stall_counts_for_every_request_that_was_due_during_it() -> None:
    with server(ANSWER, stalls_at=0) as address:
        sent = Load(address, connections=1).open([REQUEST] * 8, rate=100)
    assert sent.statuses == {202: 8}
    # Due at 0, 10, … 70 ms, all answered after the stall: measured from the sending only the first would look slow.
    assert min(sent.latencies) >= STALL_S - 0.1


def test_requests_are_due_at_a_constant_rate_whatever_the_server_does() -> None:
    with server(ANSWER, stalls_at=2) as address:
        sent = Load(address, connections=1).open([REQUEST] * 6, rate=50)
    assert [round(sent.due_at[n] - sent.due_at[0], 6) for n in range(6)] == [0, 0.02, 0.04, 0.06, 0.08, 0.1]


def test_a_closed_loop_sends_no_more_than_it_was_given() -> None:
    with server(ANSWER) as address:
        sent = Load(address, connections=1).closed([REQUEST] * 5, seconds=10)
    assert (len(sent.latencies), sent.refused()) == (5, 0)


def test_a_refusal_is_counted_and_not_hidden() -> None:
    with server(ANSWER, ANSWER.replace(b"202 Accepted", b"503 Unavailable"), ANSWER) as address:
        sent = Load(address, connections=1).open([REQUEST] * 3, rate=100)
    assert sent.statuses == {202: 2, 503: 1}
    assert sent.refused() == 1


def test_a_connection_closed_by_the_server_is_opened_again_and_the_request_sent_once_more() -> None:
    with server(ANSWER, b"", ANSWER) as address:
        sent = Load(address, connections=1).open([REQUEST] * 2, rate=100)
    assert (sent.statuses, sent.unanswered) == ({202: 2}, 0)


def test_nobody_listening_is_counted_as_unanswered() -> None:
    with server(ANSWER) as address:
        pass
    sent = Load(address, connections=1).open([REQUEST] * 2, rate=100)
    assert (sent.unanswered, sent.refused()) == (2, 2)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"])
def test_an_answer_in_chunks_is_read_to_its_end(answer: bytes) -> None:
    with server(answer) as address:
        sent = Load(address, connections=1).open([REQUEST] * 2, rate=100)
    assert sent.statuses == {202: 2}
