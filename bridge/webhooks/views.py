"""The two webhook addresses: verify, store, answer. No session, no broker, no transaction (DESIGN section 3)."""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bridge.causes import Cause
from bridge.models import Connection, WebhookEvent
from bridge.tasks import wake
from bridge.webhooks import intake, krayin
from bridge.webhooks.intake import Delivery, Outcome
from bridge.webhooks.limits import InvalidTraffic
from bridge.webhooks.redaction import TooDeep
from bridge.webhooks.registry import Registered, registry
from bridge.webhooks.signing import matching_secret, matching_token, timestamp_age_s
from bridge.webhooks.wakeups import Wakeups

logger = logging.getLogger(__name__)
wakeups = Wakeups(lambda connection_id: wake.delay(connection_id))
invalid_traffic = InvalidTraffic()

Verification = WebhookEvent.Verification


class Refused(Exception):
    """The call is answered with `status`; `reason` is counted and told, nothing is stored."""

    def __init__(self, status: int, reason: str, connection_id: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.connection_id = status, reason, connection_id


def answered(view: Callable[[HttpRequest, str], Outcome]) -> Callable[[HttpRequest, str], HttpResponse]:
    """Turn outcomes and refusals into the JSON answers of DESIGN section 3; a lost database is 503, never a false 202."""

    @csrf_exempt
    @require_POST
    def handle(request: HttpRequest, public_id: str) -> HttpResponse:
        try:
            return JsonResponse({"status": view(request, public_id)}, status=202)
        except Refused as refusal:
            return _refusal(request, refusal)
        except DatabaseError as error:
            logger.error("webhook not stored: %s", type(error).__name__)
            connections["intake"].close()
            return JsonResponse({"error": "not stored, send again"}, status=503, headers={"Retry-After": "5"})

    return handle


def _refusal(request: HttpRequest, refusal: Refused) -> HttpResponse:
    wait_s = invalid_traffic.refused(request.META.get("REMOTE_ADDR", ""))
    if wait_s is not None:
        return JsonResponse({"error": "too many refused calls"}, status=429, headers={"Retry-After": f"{wait_s:.0f}"})
    if refusal.connection_id is not None:
        intake.count(refusal.connection_id, refusal.reason)
    logger.warning("webhook refused: %s connection=%s", refusal.reason, refusal.connection_id)
    return JsonResponse({"error": refusal.reason}, status=refusal.status)


def _connection(public_id: str) -> Registered:
    found = registry.get(public_id)
    if found is None or found.state == Connection.State.DRAFT:
        raise Refused(404, "unknown connection")
    if found.state == Connection.State.OFF:
        raise Refused(410, "connection off", found.id)
    return found


def _raw(request: HttpRequest, limit: int, connection: Registered) -> bytes:
    """The bytes as received. Refuses before reading when the announced length is over the limit."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > limit:
        raise Refused(413, "body too large", connection.id)
    try:
        body = request.body
    except (RequestDataTooBig, RawPostDataException) as error:
        raise Refused(413, "body too large", connection.id) from error
    if len(body) > limit:
        raise Refused(413, "body too large", connection.id)
    return body


@answered
def chatwoot(request: HttpRequest, public_id: str) -> Outcome:
    """`POST /webhooks/chatwoot/<public_id>/`: a validly signed call is never refused (it is never sent again)."""
    connection = _connection(public_id)
    raw = _raw(request, settings.CHATWOOT_BODY_LIMIT, connection)
    timestamp = request.headers.get("X-Chatwoot-Timestamp", "")
    given = request.headers.get("X-Chatwoot-Signature", "")
    if not timestamp or not given:
        raise Refused(401, "signature missing", connection.id)
    if matching_secret(connection.chatwoot_secrets, timestamp, given, raw) is None:
        raise Refused(403, "signature wrong", connection.id)
    now = datetime.now(UTC)
    age_s = timestamp_age_s(timestamp, now.timestamp())
    on_time = age_s is not None and age_s <= settings.SIGNATURE_WINDOW_S
    delivery_id = intake.plain(request.headers.get("X-Chatwoot-Delivery"), 70)
    outcome = _accept(
        connection,
        raw,
        key=delivery_id or f"b:{timestamp[:12]}:{hash_of(raw)}",
        arrived_at=now,
        occurred_at=None if age_s is None else datetime.fromtimestamp(int(timestamp), UTC),
        verification=Verification.SIGNED if on_time else Verification.LATE,
    )
    if outcome is Outcome.ACCEPTED:
        wakeups.wake(connection.id)
    return outcome


def hash_of(raw: bytes) -> str:
    """Short stable key of a body that came without a delivery id."""
    return hashlib.sha256(raw).hexdigest()[:40]


def _accept(connection: Registered, raw: bytes, **common: Any) -> Outcome:
    """Store what was verified: as work, as parked with a cause, or not at all when it is not for us."""
    common |= {"connection_id": connection.id, "raw": raw}
    parked = {"status": WebhookEvent.Status.PARKED, **common}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return intake.store(Delivery(event_type="", body=raw, cause=Cause.UNREADABLE, **parked))
    seen = intake.peek(body)
    if intake.is_ignored(seen.event_type):
        intake.count(connection.id, "ignored")
        return Outcome.IGNORED
    if seen.account_id is not None and seen.account_id != connection.account_id:
        # Another account's data are not ours to keep: the event is shown, its body is not stored.
        return intake.store(Delivery(event_type=seen.event_type, body=None, cause=Cause.WRONG_ACCOUNT, **parked))
    if not connection.serves_inbox(seen.inbox_id):
        intake.count(connection.id, "foreign")
        return Outcome.IGNORED
    common |= {"conversation_id": seen.conversation_id, "contact_id": seen.contact_id, "event_type": seen.event_type}
    parked |= common
    try:
        sealed = intake.sealed_body(body)
    except (TooDeep, RecursionError):
        return intake.store(Delivery(body=raw, cause=Cause.UNREADABLE, **parked))
    if not intake.is_known(seen.event_type):
        return intake.store(Delivery(body=sealed, cause=Cause.UNKNOWN_TYPE, **parked))
    if seen.lane_key == intake.NO_LANE:
        return intake.store(Delivery(body=sealed, cause=Cause.UNREADABLE, **parked))
    return intake.store(Delivery(body=sealed, lane_key=seen.lane_key, **common))


@answered
def krayin_hint(request: HttpRequest, public_id: str) -> Outcome:
    """`POST /webhooks/krayin/<public_id>/`: unsigned, inside a CRM user's own click; only marks work."""
    connection = _connection(public_id)
    raw = _raw(request, settings.KRAYIN_BODY_LIMIT, connection)
    given = krayin.token_of(request.headers.get("X-Bridge-Token", ""), request.headers.get("Authorization", ""))
    if not given:
        raise Refused(401, "token missing", connection.id)
    if matching_token(connection.krayin_secrets, given) is None:
        raise Refused(403, "token wrong", connection.id)
    hint = krayin.parse(raw, request.headers.get("Content-Type", ""))
    return krayin.store(connection.id, connection.krayin_id, hint, arrived_at=datetime.now(UTC))
