"""Probes: alive (the process answers) and ready (it can make an event durable)."""

from collections.abc import Callable, Mapping

from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse

# What a process can keep while PostgreSQL is away: whether it could take an event, and how full it is.
Fallback = Callable[[], tuple[bool, Mapping[str, object]]]
_fallbacks: dict[str, Fallback] = {}


def register_fallback(name: str, look: Fallback) -> None:
    """An app hands over a place that keeps events without PostgreSQL; called in `AppConfig.ready()`."""
    _fallbacks[name] = look


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers; asks nobody."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when an event can be made durable, in PostgreSQL or on this host's disk, else 503; tells how full that is.

    `status`: ready | spooling (PostgreSQL is away, nothing is lost) | unavailable.
    """
    has_database = _answers()
    found = {name: look() for name, look in _fallbacks.items()}
    can_keep = any(can_take for can_take, _ in found.values())
    status = "ready" if has_database else "spooling" if can_keep else "unavailable"
    body = {"status": status, **{name: told for name, (_, told) in found.items()}}
    return JsonResponse(body, status=200 if has_database or can_keep else 503)


def _answers() -> bool:
    """Whether PostgreSQL answers on the intake's own connection."""
    try:
        with connections["intake"].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connections["intake"].close()
        return False
    return True
