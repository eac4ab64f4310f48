"""Tell the workers, without the request ever waiting for the broker.

Publishing inside the request halves the throughput, and a frozen broker would stall answers (reference/datapath.md).
One thread a process takes connection ids from a bounded queue and publishes at most one message per connection and
100 ms; what does not fit is dropped, because workers look at PostgreSQL by themselves every second.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

INTERVAL_S = 0.1
QUEUE_LIMIT = 1000


class Wakeups:
    """The queue and its thread; the thread starts in the process that first needs it (gunicorn forks)."""

    def __init__(self, publish: Callable[[int], None]) -> None:
        self._publish = publish
        self._queue: queue.Queue[int] = queue.Queue(maxsize=QUEUE_LIMIT)
        self._lock = threading.Lock()
        self._owner = 0

    def wake(self, connection_id: int) -> None:
        """Ask for work on a connection. Never blocks and never raises."""
        if self._owner != os.getpid():
            self._start()
        try:
            self._queue.put_nowait(connection_id)
        except queue.Full:
            return

    def _start(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                return
            self._queue = queue.Queue(maxsize=QUEUE_LIMIT)
            threading.Thread(target=self._run, name="wakeups", daemon=True).start()
            self._owner = os.getpid()

    def _run(self) -> None:
        while True:
            waiting = {self._queue.get()}
            time.sleep(INTERVAL_S)
            while not self._queue.empty():
                waiting.add(self._queue.get())
            for connection_id in waiting:
                self._publish_one(connection_id)

    def _publish_one(self, connection_id: int) -> None:
        try:
            self._publish(connection_id)
        except Exception as error:  # noqa: BLE001 - the broker may fail in any way; polling finds the work
            logger.warning("wake-up not published: %s", type(error).__name__)
