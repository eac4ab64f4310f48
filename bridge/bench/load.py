"""An HTTP load generator: one thread, kept-alive connections, requests made before the clock runs.

Closed loop: each connection sends its next request when the last one is answered; tells the highest rate. Open loop:
requests are due at a constant rate whatever the server does, and latency counts from when a request was due, so that a
stall costs every request that should have been sent during it.
"""

from __future__ import annotations

import selectors
import socket
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

READ_BYTES = 65536
SETTLE_S = 10.0  # how long answers are waited for after the last request
IDLE_S = 0.5


@dataclass
class Sent:
    """What came of a load. `latencies`: seconds from when a request was due; `due_at`: when each answered one was."""

    latencies: list[float] = field(default_factory=list)
    due_at: dict[int, float] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    unanswered: int = 0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def refused(self, accepted: int = 202) -> int:
        """Answers with another status, and requests without any."""
        return self.statuses.total() - self.statuses[accepted] + self.unanswered


@dataclass(eq=False)
class _Wire:
    """One connection and the request it carries."""

    address: tuple[str, int]
    stream: socket.socket | None = None
    request: bytes = b""
    number: int = 0
    due: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    is_fresh: bool = False

    def open(self, selector: selectors.BaseSelector) -> socket.socket:
        if self.stream is None:
            self.stream = socket.create_connection(self.address, timeout=SETTLE_S)
            self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(self.stream, selectors.EVENT_READ, self)
            self.is_fresh = True
        return self.stream

    def close(self, selector: selectors.BaseSelector) -> None:
        if self.stream is not None:
            selector.unregister(self.stream)
            self.stream.close()
            self.stream = None

    def send(self, selector: selectors.BaseSelector, request: bytes, due: float) -> None:
        """Raises OSError when the server cannot be reached."""
        self.request, self.due = request, due
        self.received.clear()
        try:
            self.open(selector).sendall(request)
        except OSError:
            # A kept-alive connection may have been closed by the server a moment ago.
            if self.is_fresh:
                raise
            self.close(selector)
            self.open(selector).sendall(request)


class Load:
    """Sends prepared requests to one address over so many connections."""

    def __init__(self, address: tuple[str, int], *, connections: int) -> None:
        self._wires = [_Wire(address) for _ in range(connections)]
        self._idle = list(self._wires)
        self._selector = selectors.DefaultSelector()
        self._sent = Sent()

    def closed(self, requests: Sequence[bytes], *, seconds: float) -> Sent:
        """As many as the server takes, at most all `requests`."""
        waiting = deque(enumerate(requests))
        began = monotonic()
        ends = began + seconds
        while waiting and monotonic() < ends:
            while self._idle and waiting:
                self._send(*waiting.popleft(), monotonic())
            self._receive(ends - monotonic())
        self._sent.seconds = monotonic() - began
        measured, self._sent = self._sent, Sent()
        self._finish(monotonic() + SETTLE_S)
        measured.unanswered += self._sent.unanswered
        return measured

    def open(self, requests: Sequence[bytes], *, rate: float) -> Sent:
        """All `requests`, `rate` a second."""
        began = monotonic()
        due = deque((began + number / rate, number, request) for number, request in enumerate(requests))
        while due:
            now = monotonic()
            while due and self._idle and due[0][0] <= now:
                moment, number, request = due.popleft()
                self._send(number, request, moment)
            if due:
                self._receive(due[0][0] - monotonic() if self._idle else IDLE_S)
        self._finish(monotonic() + SETTLE_S)
        self._sent.seconds = monotonic() - began
        return self._sent

    def _send(self, number: int, request: bytes, due: float) -> None:
        wire = self._idle.pop()
        wire.number = number
        try:
            wire.send(self._selector, request, due)
        except OSError:
            self._lost(wire)

    def _receive(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(max(0.0, timeout_s)):
            self._read(key.data)

    def _read(self, wire: _Wire) -> None:
        is_busy = bool(wire.request)
        try:
            chunk = wire.stream.recv(READ_BYTES) if wire.stream else b""
        except OSError:
            chunk = b""
        if not chunk:
            self._cut(wire, is_busy=is_busy)
            return
        wire.is_fresh = False
        wire.received += chunk
        if is_busy and _is_complete(wire.received):
            now = monotonic()
            self._sent.latencies.append(now - wire.due)
            self._sent.due_at[wire.number] = wire.due
            self._sent.statuses[int(bytes(wire.received[9:12]))] += 1
            if b"\r\nconnection: close\r\n" in wire.received.lower():
                wire.close(self._selector)
            wire.request = b""
            self._idle.append(wire)

    def _cut(self, wire: _Wire, *, is_busy: bool) -> None:
        """The server closed the connection: harmless between requests; once more if it never saw the request."""
        is_stale = not wire.is_fresh and not wire.received
        wire.close(self._selector)
        if not is_busy:
            return
        if not is_stale:
            self._lost(wire)
            return
        try:
            wire.send(self._selector, wire.request, wire.due)
        except OSError:
            self._lost(wire)

    def _lost(self, wire: _Wire) -> None:
        wire.close(self._selector)
        wire.request = b""
        self._sent.unanswered += 1
        self._idle.append(wire)

    def _finish(self, until: float) -> None:
        """Wait for what is under way, then close every connection."""
        while len(self._idle) < len(self._wires) and monotonic() < until:
            self._receive(IDLE_S)
        self._sent.unanswered += len(self._wires) - len(self._idle)
        for wire in self._wires:
            wire.close(self._selector)
        self._selector.close()


def _is_complete(received: bytearray) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    head = head.lower()
    if b"transfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    _, found, rest = head.partition(b"content-length:")
    return not found or len(body) >= int(rest.split(b"\r\n", 1)[0])
