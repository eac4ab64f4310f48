"""Ends calls to a PostgreSQL that holds the connection and says nothing: stopped, frozen, or waiting for its own disk.

`statement_timeout` is kept by the server and so does not help there; Chatwoot waits 5 s and never sends again.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error

logger = logging.getLogger(__name__)

LIMIT_S = 2.0
LOOK_EVERY_S = 0.25


class Deadlines:
    """The calls that run in this process, and a thread that cuts those that take too long."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._running: dict[object, tuple[float, BaseDatabaseWrapper]] = {}
        self._owner = 0

    @contextmanager
    def on(self, wrapper: BaseDatabaseWrapper) -> Iterator[None]:
        """Cut the connection when the block takes too long: its call then raises django.db.OperationalError."""
        call = object()
        with self._lock:
            self._running[call] = (time.monotonic() + self._limit_s, wrapper)
            self._watch()
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(call, None)

    def _watch(self) -> None:
        """Start the thread in the process that first needs it (gunicorn forks)."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            threading.Thread(target=self._cut_forever, name="deadlines", daemon=True).start()

    def _cut_forever(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            # Under the lock a call cannot end, so that no later one loses its connection.
            with self._lock:
                for call, (ends_at, wrapper) in list(self._running.items()):
                    if ends_at <= now:
                        del self._running[call]
                        cut(wrapper)


def cut(wrapper: BaseDatabaseWrapper) -> None:
    """Shut the socket of a connection another thread waits on; that thread then sees it closed and cleans up."""
    held = wrapper.connection
    if held is None:
        return  # still connecting, which has its own limit
    with suppress(OSError, Error):
        with socket.socket(fileno=os.dup(held.pgconn.socket)) as shared:
            shared.shutdown(socket.SHUT_RDWR)
        logger.warning("PostgreSQL did not answer in time; the connection is cut")


deadlines = Deadlines()
