"""What monitoring asks: `/health` (five checks, for everybody), `/status` and `/metrics` (for who may).

All three are read from the database, Redis and readings, kept for some seconds per process: however often somebody
asks, PostgreSQL is asked once, and a partner never.
"""

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.cache import cache as redis
from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.views.decorators.cache import never_cache

from bridge.health import lines, measures, metrics
from bridge.models import Breaker, Partner
from bridge.sync.clock import database_now

T = TypeVar("T")
View = Callable[[HttpRequest], HttpResponse]

KEEP_S = 5.0
BACKLOG = 1000  # AL06
LOOPBACK = frozenset({"127.0.0.1", "::1"})
LAST_CALL = """
SELECT extract(epoch FROM confirmed_at - sent_at) * 1000 FROM effects
WHERE state = 'confirmed' AND sent_at IS NOT NULL AND confirmed_at > now() - interval '1 hour'
ORDER BY confirmed_at DESC LIMIT 1
"""


class Kept(Generic[T]):
    """The last answer of this process, for some seconds; two who ask at once get the same one."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask, self._lock, self._at = ask, threading.Lock(), 0.0
        self._found: T | None = None

    def get(self) -> T:
        with self._lock:
            if self._found is None or time.monotonic() - self._at > KEEP_S:
                self._found, self._at = self._ask(), time.monotonic()
            return self._found

    def forget(self) -> None:
        with self._lock:
            self._found = None


# /health --------------------------------------------------------------------------------------------------------------


def checks() -> Mapping[str, Mapping[str, Any]]:
    """The five checks of the seed: database, redis, krayin_api, chatwoot_api, queue."""
    database = _database()
    if database["status"] != "ok":
        connections["default"].close()
        away = {"status": "error", "message": "Unknown: the database does not answer"}
        return {"database": database, "redis": _redis(), "krayin_api": away, "chatwoot_api": away, "queue": away}
    return {
        "database": database, "redis": _redis(), "krayin_api": _partner(Partner.KRAYIN),
        "chatwoot_api": _partner(Partner.CHATWOOT), "queue": _queue(),
    }  # fmt: skip


def _database() -> Mapping[str, Any]:
    try:
        return {"status": "ok", "message": "Database connected", "timestamp": database_now().isoformat()}
    except Error as error:
        # Its text names host and user.
        return {"status": "error", "message": f"Database does not answer ({type(error).__name__})"}


def _redis() -> Mapping[str, Any]:
    try:
        redis.get("health")
    except Exception as error:  # noqa: BLE001 - of the cache's driver or of the network
        return {"status": "error", "message": f"Redis does not answer ({type(error).__name__})"}
    return {"status": "ok", "message": "Redis connected"}


def _partner(partner: Partner) -> Mapping[str, Any]:
    """As our own calls found it: a problem is known from the first call that failed until one goes through."""
    problems = Breaker.objects.filter(partner=partner).order_by("since").values_list("problem", flat=True)
    found = sorted(set(problems))
    took = None
    if partner == Partner.KRAYIN and not found:
        with connections["default"].cursor() as cursor:
            cursor.execute(LAST_CALL)
            row = cursor.fetchone()
        took = round(float(row[0]), 2) if row else None
    return {"status": "error" if found else "ok", "response_time_ms": took, "code": ", ".join(found) or None}


def _queue() -> Mapping[str, Any]:
    size = measures.waiting(database_now())[measures.EVENTS]
    is_long = size > BACKLOG
    message = "Queue backlog detected" if is_long else "Queue healthy"
    return {"status": "warning" if is_long else "ok", "queue_size": size, "message": message}


kept_checks: Kept[Mapping[str, Mapping[str, Any]]] = Kept(checks)


@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """200 `healthy` when every check is ok, else 503 `degraded`. Load balancers ask `/readyz`: it says who can work."""
    found = kept_checks.get()
    is_healthy = all(check["status"] == "ok" for check in found.values())
    body = {
        "status": "healthy" if is_healthy else "degraded",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "checks": found,
    }
    return JsonResponse(body, status=200 if is_healthy else 503)


# /status and /metrics ---------------------------------------------------------------------------------------------------


def for_monitoring(view: View) -> View:
    """Open to who carries PONTE_METRICS_TOKEN as bearer; without such a token only to this machine itself."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not _may(request):
            return JsonResponse({"error": "use the bearer token of PONTE_METRICS_TOKEN"}, status=403)
        return view(request)

    return never_cache(guarded)


def _may(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    # A proxy of ours on this machine says whom it speaks for; such a call comes from elsewhere.
    return request.META.get("REMOTE_ADDR") in LOOPBACK and "HTTP_X_FORWARDED_FOR" not in request.META


def _lines() -> list[Mapping[str, Any]]:
    with translation.override(settings.LANGUAGE_CODE):
        return [
            {
                "code": line.code,
                "state": line.word.value,
                "title": line.title,
                "value": line.value,
                "since": line.since.isoformat(timespec="seconds") if line.since else None,
            }
            for line in lines.lines(database_now())
        ]


kept_lines: Kept[list[Mapping[str, Any]]] = Kept(_lines)
kept_metrics: Kept[bytes] = Kept(metrics.text)


@for_monitoring
def status(request: HttpRequest) -> HttpResponse:
    """The lines of the page Health as JSON."""
    try:
        found = kept_lines.get()
    except Error as error:
        connections["default"].close()
        return JsonResponse({"status": "failed", "error": f"database: {type(error).__name__}"}, status=503)
    is_well = all(line["state"] in {"done", "ignored"} for line in found)
    return JsonResponse({"status": "well" if is_well else "look", "lines": found})


@for_monitoring
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus; `ponte_up` is 0, and nothing else is told, while PostgreSQL is away."""
    try:
        text = kept_metrics.get()
    except Error:
        connections["default"].close()
        text = metrics.nothing()
    return HttpResponse(text, content_type=metrics.CONTENT_TYPE)
