"""From verified bytes to durable work in one statement (DESIGN section 3; properties from reference/datapath.md).

Locks are taken in the order key, event, body, lane, so two deliveries cannot wait for each other in a circle.
"""

import enum
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connections

from bridge.events import IGNORED_EVENTS, EventKind
from bridge.models import WebhookEvent
from bridge.webhooks.redaction import redacted
from consent.encryption import Context, seal_day

KNOWN_EVENTS = frozenset(kind.value for kind in EventKind) - {EventKind.UNKNOWN.value}
NO_LANE = "-"
MAX_ID = 2**63 - 1

STORE = """
WITH k AS (
  INSERT INTO delivery_keys (connection_id, key) SELECT %(connection)s, %(key)s
  ON CONFLICT DO NOTHING RETURNING 1
), seen AS (
  INSERT INTO intake_counters (connection_id, hour, reason, count)
  SELECT %(connection)s, date_trunc('hour', now()), 'duplicate', 1 WHERE NOT EXISTS (SELECT 1 FROM k)
  ON CONFLICT (connection_id, hour, reason) DO UPDATE SET count = intake_counters.count + 1
), e AS (
  INSERT INTO webhook_events (received_at, connection_id, event_type, lane_key, occurred_at, arrived_at, arrived_by,
                              verification, status, delivery_key, conversation_id, contact_id, cause)
  SELECT now(), %(connection)s, %(event_type)s,
         coalesce((SELECT canonical FROM lane_alias WHERE connection_id = %(connection)s AND lane_key = %(lane)s),
                  %(lane)s),
         %(occurred_at)s, %(arrived_at)s, %(arrived_by)s, %(verification)s, %(status)s, %(key)s,
         %(conversation_id)s, %(contact_id)s, %(cause)s
  FROM k RETURNING id, received_at, lane_key, status
), b AS (
  INSERT INTO webhook_bodies (event_id, received_at, row_ref, key_day, headers, sealed, sha256, length)
  SELECT id, received_at, %(row_ref)s, %(key_day)s, %(headers)s::jsonb, %(sealed)s, %(sha256)s, %(length)s FROM e
), l AS (
  INSERT INTO lanes (connection_id, lane_key, dirty, run_at)
  SELECT %(connection)s, lane_key, 1, now() FROM e WHERE status = 'received'
  ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
    run_at = CASE WHEN lanes.leased AND lanes.run_at > now() THEN lanes.run_at
                  ELSE least(lanes.run_at, excluded.run_at) END
)
SELECT id FROM e
"""

COUNT = """
INSERT INTO intake_counters (connection_id, hour, reason, count) VALUES (%s, date_trunc('hour', now()), %s, 1)
ON CONFLICT (connection_id, hour, reason) DO UPDATE SET count = intake_counters.count + 1
"""


class Outcome(enum.StrEnum):
    """What the partner is told; all of them are 202."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Peek:
    """The few facts needed before the body is understood: where it goes and whether it is ours."""

    event_type: str
    lane_key: str = NO_LANE
    account_id: int | None = None
    inbox_id: int | None = None
    conversation_id: int | None = None
    contact_id: int | None = None


@dataclass(frozen=True)
class Delivery:
    """A verified delivery on its way into the database."""

    connection_id: int
    key: str
    event_type: str
    arrived_at: datetime
    verification: WebhookEvent.Verification
    raw: bytes
    body: bytes | None  # redacted; None stores the event alone
    lane_key: str = NO_LANE
    occurred_at: datetime | None = None
    conversation_id: int | None = None
    contact_id: int | None = None
    status: WebhookEvent.Status = WebhookEvent.Status.RECEIVED
    cause: str = ""
    arrived_by: WebhookEvent.ArrivedBy = WebhookEvent.ArrivedBy.WEBHOOK
    headers: Mapping[str, str] = field(default_factory=dict)


def peek(body: Mapping[str, Any]) -> Peek:
    """Find type, lane, account and inbox. Never raises: what is not there is None (contract Chatwoot 13.3, 13.4)."""
    event = plain(body.get("event"), 60)
    is_message = event.startswith("message_")
    is_contact = event.startswith("contact_")
    conversation = _object(body.get("conversation")) if is_message else ({} if is_contact else body)
    contact = body if is_contact else _object(_object(conversation.get("meta")).get("sender"))
    contact_id = _number(contact.get("id"))
    return Peek(
        event_type=event,
        lane_key=lane_of(contact_id) if contact_id else NO_LANE,
        account_id=_number(_object(body.get("account") or conversation.get("account")).get("id")),
        inbox_id=_number(conversation.get("inbox_id")),
        conversation_id=None if is_contact else _number(conversation.get("id")),
        contact_id=contact_id,
    )


def lane_of(contact_id: int) -> str:
    return f"c:{contact_id}"


def is_known(event_type: str) -> bool:
    return event_type in KNOWN_EVENTS


def is_ignored(event_type: str) -> bool:
    return event_type in IGNORED_EVENTS


def sealed_body(body: Mapping[str, Any]) -> bytes:
    """Redact and serialise. Raises TooDeep."""
    return json.dumps(redacted(body), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def body_context(row_ref: uuid.UUID) -> Context:
    return Context("bridge.WebhookBody", "sealed", str(row_ref))


def store(delivery: Delivery, *, using: str = "intake") -> Outcome:
    """Make the delivery durable. Raises DatabaseError when it could not; nothing is half-stored.

    A repeated delivery key stores nothing and is counted.
    """
    row_ref = uuid.uuid4()
    day = delivery.arrived_at.date()
    sealed = None
    if delivery.body is not None:
        sealed = seal_day(delivery.body, day=day, context=body_context(row_ref)).blob
    values = {
        "connection": delivery.connection_id,
        "key": delivery.key,
        "event_type": delivery.event_type,
        "lane": delivery.lane_key,
        "occurred_at": delivery.occurred_at,
        "arrived_at": delivery.arrived_at,
        "arrived_by": delivery.arrived_by.value,
        "verification": delivery.verification.value,
        "status": delivery.status.value,
        "conversation_id": delivery.conversation_id,
        "contact_id": delivery.contact_id,
        "cause": delivery.cause,
        "row_ref": row_ref,
        "key_day": day,
        "headers": json.dumps(dict(delivery.headers)),
        "sealed": sealed,
        "sha256": hashlib.sha256(delivery.raw).digest(),
        "length": len(delivery.raw),
    }
    with connections[using].cursor() as cursor:
        cursor.execute(STORE, values)
        return Outcome.ACCEPTED if cursor.fetchone() else Outcome.DUPLICATE


def count(connection_id: int | None, reason: str, *, using: str = "intake") -> None:
    """Count a delivery that leaves no event: ignored, foreign, or refused by signature, token, time or size."""
    with connections[using].cursor() as cursor:
        cursor.execute(COUNT, [connection_id, reason])


def plain(value: object, limit: int) -> str:
    """Text PostgreSQL accepts: no NUL, no lone surrogates, bounded."""
    return str(value if value is not None else "").replace("\x00", "").encode("utf-8", "replace").decode()[:limit]


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int | None:
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID
    return value if is_id else None  # type: ignore[return-value]
