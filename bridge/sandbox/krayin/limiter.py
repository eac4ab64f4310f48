"""Calls per fixed window (contract sections 3 and 20.10).

The window opens with the first counted call and ends all at once; refused calls are not counted and do not prolong it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

LIFTED = 1_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """`remaining` after this call; `retry_after` seconds and `reset` (Unix time) matter when it was refused."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.remaining)}


class Limiter:
    """Counts calls per key. A lifted limit (None) still counts and still sends headers, it only never refuses."""

    def __init__(self, *, limit: int | None, seconds: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.seconds = seconds
        self.max_seen = 0
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def hit(self, key: str) -> Verdict:
        limit = LIFTED if self.limit is None else self.limit
        with self._lock:
            now = self._clock()
            opened, count = self._windows.get(key, (now, 0))
            if now - opened >= self.seconds:
                opened, count = now, 0
            allowed = count < limit
            if allowed:
                count += 1
                self._windows[key] = (opened, count)
                self.max_seen = max(self.max_seen, count)
        left = max(1, math.ceil(opened + self.seconds - now))
        return Verdict(allowed, limit, limit - count, left, math.ceil(now) + left)

    def reset(self) -> None:
        with self._lock:
            self._windows.clear()
            self.max_seen = 0
