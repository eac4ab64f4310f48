"""Work that may follow an answer, so that no request ever waits for it: waking workers, noting matched secrets.

Publishing inside the request halves the throughput, and a frozen broker would stall answers (reference/datapath.md).
Ids wait in a bounded queue; one thread a process hands what has come to its handler, at most once per 100 ms. What does
not fit is dropped: workers look at PostgreSQL by themselves every second.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import connections
from django.db.models import Q
from django.db.models.functions import Now

from bridge.models import WebhookSecret
from bridge.tasks import wake

logger = logging.getLogger(__name__)

INTERVAL_S = 0.1
QUEUE_LIMIT = 1000
NOTE_EVERY_S = 60.0
STALE_WAKE_S = 30


class Afterwards:
    """A queue of ids and its thread, which starts in the process that first needs it (gunicorn forks)."""

    def __init__(self, name: str, handle: Callable[[set[int]], None]) -> None:
        self._name, self._handle = name, handle
        self._queue: queue.Queue[int] = queue.Queue(maxsize=QUEUE_LIMIT)
        self._lock = threading.Lock()
        self._owner = 0

    def put(self, number: int) -> None:
        """Hand an id over. Never blocks and never raises."""
        if self._owner != os.getpid():
            self._start()
        try:
            self._queue.put_nowait(number)
        except queue.Full:
            return

    def _start(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                return
            self._queue = queue.Queue(maxsize=QUEUE_LIMIT)
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
            self._owner = os.getpid()

    def _run(self) -> None:
        while True:
            waiting = {self._queue.get()}
            while not self._queue.empty():
                waiting.add(self._queue.get())
            try:
                self._handle(waiting)
            except Exception as error:  # noqa: BLE001 - broker and database may fail in any way; nothing depends on this
                logger.warning("%s: %s", self._name, type(error).__name__)
            time.sleep(INTERVAL_S)


def publish_wakeups(connection_ids: set[int]) -> None:
    """One message however many connections: claims are fair, and a message costs more than taking a webhook in.

    Without retries: workers find the work anyway, and late wake-ups help nobody.
    """
    wake.apply_async(expires=STALE_WAKE_S, retry=False)


def note_matches(secret_ids: set[int]) -> None:
    """Write when secrets last verified a call: which one is still in use while another replaces it (screen A4)."""
    stale = Q(last_matched_at__isnull=True) | Q(last_matched_at__lt=Now() - timedelta(seconds=NOTE_EVERY_S))
    try:
        WebhookSecret.objects.using("intake").filter(stale, pk__in=secret_ids).update(last_matched_at=Now())
    finally:
        # The thread rests for most of a minute; it need not hold a connection meanwhile.
        connections["intake"].close()


class Matches:
    """Notes matched secrets at most once a minute each, whatever the traffic."""

    def __init__(self, put: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._put, self._clock = put, clock
        self._noted: dict[int, float] = {}

    def note(self, secret_id: int) -> None:
        """Remember that the secret verified a call. Costs a dictionary look-up; never blocks and never raises."""
        now = self._clock()
        if now - self._noted.get(secret_id, -NOTE_EVERY_S) >= NOTE_EVERY_S:
            self._noted[secret_id] = now
            self._put(secret_id)


wakeups = Afterwards("wake-ups", publish_wakeups)
matches = Matches(Afterwards("matched secrets", note_matches).put)
