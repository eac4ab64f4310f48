"""A small pool of threads that runs jobs now or after a delay: Chatwoot's Sidekiq."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

Job = Callable[[], None]


class WorkerPool:
    """Starts its threads with the first job and ends them in `stop`; may be used again afterwards."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.errors: list[Exception] = []
        self._condition = threading.Condition()
        self._queue: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._threads: list[threading.Thread] = []
        # Threads of an earlier generation end; a job submitted while they do starts the next one.
        self._generation = 0

    @property
    def pending(self) -> int:
        """Jobs queued, delayed or under way."""
        with self._condition:
            return len(self._queue) + self._running

    def submit(self, job: Job, *, delay_s: float = 0.0) -> None:
        with self._condition:
            if not self._threads:
                self._start()
            heapq.heappush(self._queue, (time.monotonic() + delay_s, next(self._numbers), job))
            self._condition.notify()

    def wait_idle(self, timeout_s: float) -> None:
        """Returns when nothing is queued or running. Raises TimeoutError, or the error of a job that broke."""
        with self._condition:
            idle = self._condition.wait_for(lambda: not self._queue and not self._running, timeout_s)
            left = len(self._queue) + self._running
        if self.errors:
            raise self.errors.pop(0)
        if not idle:
            raise TimeoutError(f"{left} jobs are still queued or running after {timeout_s:g} s")

    def stop(self) -> None:
        """Drops what is queued and waits for what runs."""
        with self._condition:
            threads, self._threads = self._threads, []
            self._queue.clear()
            self._generation += 1
            self._condition.notify_all()
        for thread in threads:
            thread.join()

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._work, args=(self._generation,), name=f"chatwoot-worker-{number}", daemon=True)
            for number in range(self.size)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, generation: int) -> None:
        while (job := self._next(generation)) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001  a broken job is reported by wait_idle, the thread lives on
                self.errors.append(error)
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def _next(self, generation: int) -> Job | None:
        """The next job that is due, None when the pool stops."""
        with self._condition:
            while generation == self._generation:
                wait_s = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait_s is not None and wait_s <= 0:
                    self._running += 1
                    return heapq.heappop(self._queue)[2]
                self._condition.wait(wait_s)
            return None
