"""Posts deliveries at a steady rate, whatever the receiver does.

Chatwoot sends once. Here a delivery without a 2xx is counted and sent again until it has one, as a reconciliation would
bring it later: only so can the end be compared with the whole history. What was counted is what Chatwoot would have lost.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException

from bridge.sandbox.chatwoot import Delivery

# `WEBHOOK_TIMEOUT` of a Chatwoot installation (contract Chatwoot 2).
TIMEOUT_S = 5.0
AGAIN_AFTER_S = 0.5
GIVEN_UP_AFTER_S = 180.0
AT_ONCE = 16


@dataclass
class Tally:
    """What became of the posts. `unacknowledged` counts posts by what came instead of a 2xx; `kept` are the ids of the
    acknowledged deliveries that the receiver must keep."""

    posts: int = 0
    deliveries: int = 0
    acknowledged: int = 0
    given_up: int = 0
    unacknowledged: Counter[str] = field(default_factory=Counter)
    kept: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return self.acknowledged + self.given_up >= self.deliveries


class Sender(threading.Thread):
    """Sends the deliveries one after the other, `rate` a second; repeats come in between."""

    def __init__(
        self, deliveries: Iterator[Delivery], *, rate: float, must_keep: Callable[[Delivery], bool] = lambda each: True
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self.tally = Tally()
        self.error: Exception | None = None
        self._deliveries = deliveries
        self._rate = rate
        self._must_keep = must_keep
        self._again: list[tuple[float, int, float, Delivery]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._is_told = False

    @property
    def is_over(self) -> bool:
        """Everything was told and has its answer, or sending broke."""
        with self._lock:
            return self.error is not None or (self._is_told and self.tally.is_over)

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        try:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="post") as pool:
                self._send_all(pool)
        except Exception as error:  # noqa: BLE001 - shown by the run, which would otherwise wait for ever
            self.error = error

    def _send_all(self, pool: ThreadPoolExecutor) -> None:
        began = time.monotonic()
        for count, delivery in enumerate(self._deliveries):
            while not self._stopping.is_set() and time.monotonic() < began + count / self._rate:
                self._send_repeats(pool)
                self._stopping.wait(0.005)
            if self._stopping.is_set():
                return
            with self._lock:
                self.tally.deliveries += 1
            pool.submit(self._post, delivery, time.monotonic())
        self._is_told = True
        while not (self._stopping.is_set() or self.is_over):
            self._send_repeats(pool)
            self._stopping.wait(0.05)

    def _send_repeats(self, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        with self._lock:
            due = []
            while self._again and self._again[0][0] <= now:
                due.append(heapq.heappop(self._again))
        for _, _, since, delivery in due:
            pool.submit(self._post, delivery, since)

    def _post(self, delivery: Delivery, since: float) -> None:
        if self._stopping.is_set():
            return
        missing = _missing_answer(delivery)
        now = time.monotonic()
        with self._lock:
            self.tally.posts += 1
            if missing is None:
                self.tally.acknowledged += 1
                if delivery.delivery_id and self._must_keep(delivery):
                    self.tally.kept.add(delivery.delivery_id)
                return
            self.tally.unacknowledged[missing] += 1
            if now - since > GIVEN_UP_AFTER_S:
                self.tally.given_up += 1
                return
            heapq.heappush(self._again, (now + AGAIN_AFTER_S, next(self._numbers), since, delivery))


def _missing_answer(delivery: Delivery) -> str | None:
    """Post once, signed now; None for a 2xx, else the status or the kind of error."""
    try:
        status = delivery.sent_again(int(time.time())).post(timeout_s=TIMEOUT_S)
    except (OSError, HTTPException) as error:
        return type(error).__name__
    return None if 200 <= status < 300 else str(status)
