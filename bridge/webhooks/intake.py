"""From verified bytes to durable work in one statement (DESIGN section 3; properties from reference/datapath.md).

Locks are taken in the order key, event, body, lane, so two deliveries cannot wait for each other in a circle.
"""

import enum
import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar

from django.db import Error, connections

from bridge.models import WebhookEvent
from bridge.models.inbound import NO_LANE, body_context
from bridge.webhooks.circuit import circuit
from bridge.webhooks.deadline import deadlines
from consent.encryption import seal_day

logger = logging.getLogger(__name__)

T = TypeVar("T")
Status = WebhookEvent.Status

INTAKE = "intake"  # the connections of web processes
KEY_LENGTH = 80

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
class Finding:
    """What a body turned out to be: work, something parked with a cause, or something of which nothing follows."""

    event_type: str = ""
    lane_key: str = NO_LANE
    conversation_id: int | None = None
    contact_id: int | None = None
    status: Status = Status.RECEIVED
    cause: str = ""
    body: bytes | None = None  # as it may be stored; None keeps the event alone
    dropped: str = ""  # not for us: the reason under which it is counted, and nothing is stored


@dataclass(frozen=True)
class Receipt:
    """What proves which bytes were received: their SHA-256 and number."""

    sha256: bytes
    length: int

    @classmethod
    def of(cls, raw: bytes) -> Self:
        return cls(hashlib.sha256(raw).digest(), len(raw))


@dataclass(frozen=True)
class Delivery:
    """A verified delivery on its way into the database; `arrived_at` and `occurred_at` are aware times."""

    connection_id: int
    key: str
    receipt: Receipt
    finding: Finding
    arrived_at: datetime
    verification: WebhookEvent.Verification
    occurred_at: datetime | None = None
    arrived_by: WebhookEvent.ArrivedBy = WebhookEvent.ArrivedBy.WEBHOOK
    headers: Mapping[str, str] = field(default_factory=dict)


def delivery_key(delivery_id: str, timestamp: str, raw: bytes) -> str:
    """The key under which a repeated delivery is recognised; never longer than its column, never cut.

    Chatwoot's ids are UUIDs (contract 2). One that does not fit, or none, is replaced by a digest.
    """
    if delivery_id and delivery_id.isascii() and delivery_id.isprintable() and len(delivery_id) <= KEY_LENGTH:
        return delivery_id
    if delivery_id:
        return "d:" + hashlib.sha256(delivery_id.encode("utf-8", "replace")).hexdigest()
    return "b:" + hashlib.sha256(timestamp.encode("utf-8", "replace") + b"." + raw).hexdigest()


def store(delivery: Delivery, *, using: str = "intake") -> Outcome:
    """Make the delivery durable. Raises django.db.Error when it could not; nothing is half-stored.

    A repeated delivery key stores nothing and is counted.
    """

    def run() -> Outcome:
        values = _values(delivery, using)
        with connections[using].cursor() as cursor:
            cursor.execute(STORE, values)
            return Outcome.ACCEPTED if cursor.fetchone() else Outcome.DUPLICATE

    outcome = on_live_connection(run, using=using)
    if outcome is Outcome.ACCEPTED and delivery.finding.status is Status.PARKED:
        logger.warning("webhook parked: %s connection=%s", delivery.finding.cause, delivery.connection_id)
    return outcome


def _values(delivery: Delivery, using: str) -> dict[str, Any]:
    found = delivery.finding
    row_ref, day = uuid.uuid4(), delivery.arrived_at.date()
    sealed = None
    if found.body is not None:
        sealed = seal_day(found.body, day=day, context=body_context(row_ref), using=using).blob
    return {
        "connection": delivery.connection_id,
        "key": delivery.key,
        "event_type": found.event_type,
        "lane": found.lane_key,
        "occurred_at": delivery.occurred_at,
        "arrived_at": delivery.arrived_at,
        "arrived_by": delivery.arrived_by.value,
        "verification": delivery.verification.value,
        "status": found.status.value,
        "conversation_id": found.conversation_id,
        "contact_id": found.contact_id,
        "cause": found.cause,
        "row_ref": row_ref,
        "key_day": day,
        "headers": json.dumps(dict(delivery.headers)),
        "sealed": sealed,
        "sha256": delivery.receipt.sha256,
        "length": delivery.receipt.length,
    }


def count(connection_id: int, reason: str, *, using: str = "intake") -> None:
    """Count a delivery that leaves no event: ignored, foreign, unknown or refused. Never raises.

    A lost count is no reason to answer otherwise than the delivery deserves.
    """

    def run() -> None:
        with connections[using].cursor() as cursor:
            cursor.execute(COUNT, [connection_id, reason])

    try:
        on_live_connection(run, using=using)
    except Error as error:
        logger.warning("not counted: %s connection=%s: %s", reason, connection_id, type(error).__name__)
        connections[using].close()


def on_live_connection(work: Callable[[], T], *, using: str) -> T:
    """Run `work`; once more on a new connection if the server had closed this one while it was idle.

    Otherwise every thread would lose one event after a restart of PostgreSQL. `work` is safe to repeat: a delivery key
    stores once, marks coalesce. The intake's own connections rest for a second after a failure (NotAsked), and no call
    on them takes longer than a sender can wait.
    """
    if using != INTAKE:
        return _twice(work, using=using)
    with circuit.asking(), deadlines.on(connections[using]):
        return _twice(work, using=using)


def _twice(work: Callable[[], T], *, using: str) -> T:
    try:
        return work()
    except Error:
        held = connections[using].connection
        if held is None or not held.closed:
            raise
        connections[using].close()
        return work()


def plain(value: object, limit: int) -> str:
    """Text PostgreSQL accepts: no NUL, no lone surrogates, bounded; empty for anything that is not text."""
    text = value if isinstance(value, str) else ""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:limit]
