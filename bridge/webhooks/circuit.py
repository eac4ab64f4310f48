"""Whether it is worth asking PostgreSQL: after a failure not for a second, so that no request waits for its time-out."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import Error, InterfaceError, OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

PAUSE_S = 1.0


class NotAsked(OperationalError):
    """PostgreSQL failed a moment ago and was not asked again."""


class Circuit:
    """Shared by the threads of one process. While it is open one caller a second tries, all others learn at once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.is_open = self._is_tried = False
        self._next_try = 0.0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask PostgreSQL in the block, and remember how it went. Raises NotAsked while that is not worth it."""
        self._enter()
        is_away = False
        try:
            yield
        except Error as error:
            is_away = not is_about_rows(error)
            raise
        finally:
            if self.is_open or is_away:
                self._leave(is_away)

    def _enter(self) -> None:
        if not self.is_open:
            return
        with self._lock:
            # A caller that waits for a host that is gone takes seconds; no second one joins it.
            if self._is_tried or self._clock() < self._next_try:
                raise NotAsked("PostgreSQL failed a moment ago")
            self._is_tried = True

    def _leave(self, is_away: bool) -> None:
        with self._lock:
            self.is_open, self._is_tried = is_away, False
            self._next_try = self._clock() + PAUSE_S

    def forget(self) -> None:
        """Ask again at once."""
        self._leave(is_away=False)


def is_about_rows(error: Error) -> bool:
    """Tell whether PostgreSQL answers, only not for these rows: locked ones, or values it refuses."""
    is_locked = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
    return is_locked or not isinstance(error, OperationalError | InterfaceError)


circuit = Circuit()
