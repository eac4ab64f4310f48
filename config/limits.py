"""Traffic per address: counters in the memory of one process, nothing stored (DESIGN section 3)."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 60.0
LIMIT = 100
ADDRESSES = 10_000


class InvalidTraffic:
    """Counts calls per address in windows of a minute: refused ones of programs, all of the public pages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, limit: int = LIMIT) -> None:
        self._clock, self._limit = clock, limit
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def refused(self, address: str) -> float | None:
        """Record one call; return the seconds to wait once the address has made more than the limit in a minute."""
        now = self._clock()
        with self._lock:
            started, count = self._seen.pop(address, (now, 0))
            if now - started >= WINDOW_S:
                started, count = now, 0
            self._seen[address] = (started, count + 1)
            if len(self._seen) > ADDRESSES:
                self._seen.popitem(last=False)
        return WINDOW_S - (now - started) if count + 1 > self._limit else None

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._seen.clear()
