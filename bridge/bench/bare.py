"""The least a Django view can do with a delivery: the same HMAC, the same SQL statement, no middleware, nothing else.

What Ponte's intake adds, redaction and encryption above all, is the difference between the two.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

LANES = 50  # of each connection: as many people as write to each in the measurement of intake
ACCEPTED = b'{"status": "accepted"}'

application = get_wsgi_application()

# Models exist only after get_wsgi_application.
from bridge.webhooks.intake import STORE  # noqa: E402
from bridge.webhooks.registry import read  # noqa: E402


@functools.cache
def known(public_id: str) -> tuple[int, bytes]:
    """Number and secret of a connection. Raises LookupError."""
    found = read(public_id)
    if found is None:
        raise LookupError(public_id)
    return found.id, found.chatwoot_secrets[0].value


def chatwoot(request: HttpRequest, public_id: str) -> HttpResponse:
    """Verify, store, answer."""
    raw = request.body
    timestamp = request.headers["X-Chatwoot-Timestamp"]
    connection_id, secret = known(public_id)
    expected = hmac.new(secret, timestamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={expected}", request.headers["X-Chatwoot-Signature"]):
        return _answer(b"{}", 403)
    with connections["intake"].cursor() as cursor:
        cursor.execute(STORE, _values(connection_id, request.headers["X-Chatwoot-Delivery"], timestamp, raw))
    return _answer(ACCEPTED, 202)


def _values(connection_id: int, delivery: str, timestamp: str, raw: bytes) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "connection": connection_id,
        "key": delivery,
        "event_type": "message_created",
        "lane": f"c:{int(delivery[:8], 16) % LANES}",
        "occurred_at": now,
        "arrived_at": now,
        "arrived_by": "webhook",
        "verification": "signed",
        "status": "received",
        "conversation_id": None,
        "contact_id": None,
        "cause": "",
        "row_ref": uuid.uuid4(),
        "key_day": now.date(),
        "headers": json.dumps({"X-Chatwoot-Delivery": delivery, "X-Chatwoot-Timestamp": timestamp}),
        "sealed": raw,
        "sha256": hashlib.sha256(raw).digest(),
        "length": len(raw),
    }


def _answer(body: bytes, status: int) -> HttpResponse:
    return HttpResponse(
        body, status=status, content_type="application/json", headers={"Content-Length": str(len(body))}
    )


def healthz(request: HttpRequest) -> HttpResponse:
    """For the measurement to know that the process serves."""
    return JsonResponse({"status": "ok"})


urlpatterns = [path("webhooks/chatwoot/<str:public_id>/", chatwoot), path("healthz", healthz)]
