"""Refused traffic per address: counters in memory, nothing stored (DESIGN section 3)."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

WINDOW_S = 60.0
LIMIT = 100
ADDRESSES = 10_000


def address_of(meta: Mapping[str, Any]) -> str:
    """The address a refused call is counted under; needs no setting.

    A public peer is itself. A private or local peer is taken for our own reverse proxy, so its word counts: the last
    entry of X-Forwarded-For, which the nearest proxy wrote. Forging it gains nothing but another counter, because
    valid calls are never limited.
    """
    peer = str(meta.get("REMOTE_ADDR", ""))
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    if is_public(peer) or not is_address(forwarded):
        return peer
    return forwarded


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    return is_address(text) and ipaddress.ip_address(text).is_global


class InvalidTraffic:
    """Counts refused calls per address in windows of a minute; valid calls never pass here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def refused(self, address: str) -> float | None:
        """Record one refused call; return the seconds to wait once the address has made more than 100 in a minute."""
        now = self._clock()
        with self._lock:
            started, count = self._seen.pop(address, (now, 0))
            if now - started >= WINDOW_S:
                started, count = now, 0
            self._seen[address] = (started, count + 1)
            if len(self._seen) > ADDRESSES:
                self._seen.popitem(last=False)
        return WINDOW_S - (now - started) if count + 1 > LIMIT else None

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._seen.clear()
