"""After a restore nothing is served until the erasures were repeated (lgpd 5.5; acceptance check 8).

Whether the database is behind the ledger outside it is looked at when a process begins and every few seconds: a look at
files, and one query only where there ever was an erasure.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse

from consent.erasure import ledger

log = logging.getLogger(__name__)

LOOK_S = 15.0
LOOK_CLOSED_S = 1.0
STATUS = "erasures_not_replayed"
# Alive is alive; a restore that is stopped for this would never get to its replay.
OPEN_PATHS = ("/healthz",)


class Gate:
    """One per process, shared by its threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._is_closed, self._next_look = False, 0.0

    def is_closed(self) -> bool:
        """The last verdict, looked at anew when it is old. Whoever finds somebody looking takes the last one."""
        if self._clock() < self._next_look or not self._lock.acquire(blocking=False):
            return self._is_closed
        try:
            was, self._is_closed = self._is_closed, self._look()
            if self._is_closed and not was:
                log.error("ALERT restored database: run `manage.py replay_erasures`; nothing is served before")
            self._next_look = self._clock() + (LOOK_CLOSED_S if self._is_closed else LOOK_S)
        finally:
            self._lock.release()
        return self._is_closed

    def _look(self) -> bool:
        try:
            return ledger.is_behind()
        except (DatabaseError, OSError):
            # PostgreSQL or the disk is away: what was true a moment ago.
            return self._is_closed


gate = Gate()


class RefuseUntilReplayed:
    """503 for every address but the probe of life while the database is behind the ledger."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path not in OPEN_PATHS and gate.is_closed():
            return JsonResponse({"status": STATUS}, status=503, headers={"Retry-After": "60"})
        return self._get_response(request)
