"""The two webhook addresses: verify, store, answer. No session, no broker, no transaction (DESIGN section 3)."""

import logging
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest

from bridge.models import Connection, WebhookEvent
from bridge.spool.items import HintCall
from bridge.webhooks import intake, krayin
from bridge.webhooks.answers import Refused, answered, received_bytes
from bridge.webhooks.chatwoot import judge
from bridge.webhooks.durable import connection_of, keep
from bridge.webhooks.intake import Delivery, Outcome, Receipt
from bridge.webhooks.registry import Registered
from bridge.webhooks.signing import matching_secret, matching_token, signed_at
from bridge.webhooks.wakeups import matches, wakeups
from config.logs import bound, trace_of

logger = logging.getLogger(__name__)

Verification = WebhookEvent.Verification
HEADER_LENGTH = 200


@answered
def chatwoot(request: HttpRequest, public_id: str) -> Outcome:
    """`POST /webhooks/chatwoot/<public_id>/`: a validly signed call is never refused (it is never sent again)."""
    connection = _connection(public_id)
    timestamp = request.headers.get("X-Chatwoot-Timestamp", "")
    given = request.headers.get("X-Chatwoot-Signature", "")
    if not timestamp or not given:
        raise Refused(401, "signature missing", connection.id)
    raw = received_bytes(request, settings.CHATWOOT_BODY_LIMIT, connection.id)
    secret = matching_secret(connection.chatwoot_secrets, timestamp, given, raw)
    if secret is None:
        raise Refused(403, "signature wrong", connection.id)
    matches.note(secret.row_id)
    delivery_id = request.headers.get("X-Chatwoot-Delivery", "")
    return _taken(connection, raw, timestamp=timestamp, delivery_id=delivery_id)


def _taken(connection: Registered, raw: bytes, *, timestamp: str, delivery_id: str) -> Outcome:
    """Store a verified call and wake a worker, or only count it when it is not for us."""
    finding = judge(raw, connection)
    if finding.dropped:
        intake.count(connection.id, finding.dropped)
        return Outcome.IGNORED
    now = datetime.now(UTC)
    occurred_at = signed_at(timestamp)
    delivery = Delivery(
        connection_id=connection.id,
        key=intake.delivery_key(delivery_id, timestamp, raw),
        receipt=Receipt.of(raw),
        finding=finding,
        arrived_at=now,
        occurred_at=occurred_at,
        verification=_verification(occurred_at, now),
        headers={
            "X-Chatwoot-Delivery": intake.plain(delivery_id, HEADER_LENGTH),
            "X-Chatwoot-Timestamp": intake.plain(timestamp, HEADER_LENGTH),
        },
    )
    with bound(trace=trace_of(delivery.key), connection=connection.id, lane=finding.lane_key):
        outcome = keep(delivery)
        logger.debug("delivery: %s", outcome.value)
    if outcome is Outcome.ACCEPTED:
        wakeups.put(connection.id)
    return outcome


def _verification(signed: datetime | None, now: datetime) -> Verification:
    on_time = signed is not None and abs((now - signed).total_seconds()) <= settings.SIGNATURE_WINDOW_S
    return Verification.SIGNED if on_time else Verification.LATE


@answered
def krayin_hint(request: HttpRequest, public_id: str) -> Outcome:
    """`POST /webhooks/krayin/<public_id>/`: unsigned, inside a CRM user's own click; only marks work."""
    connection = _connection(public_id)
    given = krayin.token_of(request.headers.get("X-Bridge-Token", ""), request.headers.get("Authorization", ""))
    if not given:
        raise Refused(401, "token missing", connection.id)
    secret = matching_token(connection.krayin_secrets, given)
    if secret is None:
        raise Refused(403, "token wrong", connection.id)
    matches.note(secret.row_id)
    hint = krayin.parse(received_bytes(request, settings.KRAYIN_BODY_LIMIT, connection.id))
    outcome = keep(HintCall(connection.id, connection.krayin_id, hint, datetime.now(UTC)))
    if outcome is Outcome.ACCEPTED:
        wakeups.put(connection.id)
    return outcome


def _connection(public_id: str) -> Registered:
    """The connection of this address. Raises Refused when it takes nothing, NotKept when nobody can tell."""
    found = connection_of(public_id)
    if found is None or found.state == Connection.State.DRAFT:
        raise Refused(404, "unknown connection")
    if found.state == Connection.State.OFF:
        raise Refused(410, "connection off", found.id, is_invalid=False)
    return found
