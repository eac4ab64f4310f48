"""Probes: alive (the process answers) and ready (it can make an event durable)."""

from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers; asks nobody."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL answers on the intake's own connection, else 503."""
    try:
        with connections["intake"].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connections["intake"].close()
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ready"})
