"""What the spool keeps, as bytes: verified deliveries, and hints of Krayin."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bridge.models import WebhookEvent
from bridge.webhooks import intake, krayin
from bridge.webhooks.intake import Delivery, Finding, Outcome, Receipt, Status
from bridge.webhooks.krayin import Hint

LENGTH = struct.Struct(">I")


class UnreadableItem(ValueError):
    """The bytes are none of ours, or of a version this program does not know."""


@dataclass(frozen=True)
class HintCall:
    """A verified call of Krayin on its way to the lane it marks."""

    connection_id: int
    krayin_id: int
    hint: Hint
    arrived_at: datetime


@dataclass(frozen=True)
class Erased:
    """What stood here told of a person whose data were erased."""

    connection_id: None = None


Item = Delivery | HintCall | Erased


def store(item: Item, *, using: str) -> Outcome:
    """Bring an item into PostgreSQL; twice changes nothing. Raises django.db.Error, Undecryptable."""
    if isinstance(item, Erased):
        return Outcome.IGNORED
    if isinstance(item, Delivery):
        return intake.store(item, using=using)
    return krayin.store(item.connection_id, item.krayin_id, item.hint, arrived_at=item.arrived_at, using=using)


def erased(length: int) -> bytes:
    """An erased record of so many bytes; every real one is longer than the shortest of these."""
    text = json.dumps({"kind": "erased", "has_body": True}).encode()
    return (LENGTH.pack(len(text)) + text).ljust(length, b"\0")


def to_bytes(item: Delivery | HintCall) -> bytes:
    """JSON with its length before it, then the body as it is. A repeated body costs nothing to encode."""
    fields = _of_delivery(item) if isinstance(item, Delivery) else _of_hint(item)
    body = item.finding.body if isinstance(item, Delivery) else None
    text = json.dumps({**fields, "has_body": body is not None}).encode()
    return LENGTH.pack(len(text)) + text + (body or b"")


def from_bytes(data: bytes) -> Item:
    """Read what `to_bytes` wrote; a delivery now arrives by spool. Raises UnreadableItem."""
    try:
        (length,) = LENGTH.unpack_from(data)
        fields = json.loads(data[LENGTH.size : LENGTH.size + length])
        body = data[LENGTH.size + length :] if fields["has_body"] else None
        return READERS[fields["kind"]](fields, body)
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise UnreadableItem("a spooled record is not what this version writes") from error


def _of_delivery(delivery: Delivery) -> dict[str, Any]:
    found = delivery.finding
    return {
        "kind": "delivery",
        "connection_id": delivery.connection_id,
        "key": delivery.key,
        "sha256": delivery.receipt.sha256.hex(),
        "length": delivery.receipt.length,
        "arrived_at": delivery.arrived_at.isoformat(),
        "occurred_at": delivery.occurred_at.isoformat() if delivery.occurred_at else None,
        "verification": delivery.verification.value,
        "headers": dict(delivery.headers),
        "finding": {
            "event_type": found.event_type,
            "lane_key": found.lane_key,
            "conversation_id": found.conversation_id,
            "contact_id": found.contact_id,
            "status": found.status.value,
            "cause": found.cause,
        },
    }


def _delivery(fields: dict[str, Any], body: bytes | None) -> Delivery:
    found = fields["finding"]
    occurred_at = fields["occurred_at"]
    return Delivery(
        connection_id=fields["connection_id"],
        key=fields["key"],
        receipt=Receipt(bytes.fromhex(fields["sha256"]), fields["length"]),
        finding=Finding(**{**found, "status": Status(found["status"])}, body=body),
        arrived_at=datetime.fromisoformat(fields["arrived_at"]),
        occurred_at=datetime.fromisoformat(occurred_at) if occurred_at else None,
        verification=WebhookEvent.Verification(fields["verification"]),
        arrived_by=WebhookEvent.ArrivedBy.SPOOL,
        headers=fields["headers"],
    )


def _of_hint(call: HintCall) -> dict[str, Any]:
    return {
        "kind": "hint",
        "connection_id": call.connection_id,
        "krayin_id": call.krayin_id,
        "hint": asdict(call.hint),
        "arrived_at": call.arrived_at.isoformat(),
    }


def _hint_call(fields: dict[str, Any], body: bytes | None) -> HintCall:
    return HintCall(
        connection_id=fields["connection_id"],
        krayin_id=fields["krayin_id"],
        hint=Hint(**fields["hint"]),
        arrived_at=datetime.fromisoformat(fields["arrived_at"]),
    )


READERS: dict[str, Callable[[dict[str, Any], bytes | None], Item]] = {
    "delivery": _delivery,
    "hint": _hint_call,
    "erased": lambda fields, body: Erased(),
}
