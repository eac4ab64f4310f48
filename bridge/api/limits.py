"""How often a key may call: counters of one minute, shared by all processes in Redis.

With Redis away each process counts for itself: callers may then call more often, nobody is refused or fails for it
(DESIGN section 7: Redis gone = slower, never wrong).
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.sentinel import client

logger = logging.getLogger(__name__)

WINDOW_S = 60
PER_KEY = 1000
SENSITIVE = 10
ANSWER_S = 0.25  # an API call never waits longer for Redis
AWAY_S = 5.0  # and after a failure it is not asked for so long


@dataclass(frozen=True)
class Counted:
    """One counter after this call. `resets_at` is in seconds of the Unix epoch."""

    limit: int
    used: int
    resets_at: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    def retry_after_s(self, now: float) -> int:
        return max(1, self.resets_at - int(now))


class Counters:
    """Calls per name and minute."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._own: dict[str, int] = {}
        self._own_window = 0
        self._away_until = 0.0

    def count(self, name: str, limit: int) -> Counted:
        """Count one call of `name` in the present minute."""
        now = self._clock()
        window = int(now // WINDOW_S)
        used = self._count_shared(name, window, now)
        if used is None:
            used = self._count_own(name, window)
        return Counted(limit, used, (window + 1) * WINDOW_S)

    def forget(self) -> None:
        """Start the counters of this process anew."""
        with self._lock:
            self._own.clear()
            self._away_until = 0.0

    def _count_shared(self, name: str, window: int, now: float) -> int | None:
        if now < self._away_until:
            return None
        key = f"ponte:api:{name}:{window}"
        try:
            with shared(settings.REDIS_URL).pipeline(transaction=True) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, 2 * WINDOW_S)
                return int(pipeline.execute()[0])
        except (RedisError, OSError) as error:
            self._away_until = now + AWAY_S
            logger.warning("api: counting in this process, Redis is away (%s)", type(error).__name__)
            return None

    def _count_own(self, name: str, window: int) -> int:
        with self._lock:
            if window != self._own_window:
                self._own.clear()
                self._own_window = window
            self._own[name] = self._own.get(name, 0) + 1
            return self._own[name]


@lru_cache(maxsize=4)
def shared(url: str) -> Redis:
    """The Redis at this address, asked briefly and once."""
    return client(url, socket_connect_timeout=ANSWER_S, socket_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0))


counters = Counters()
