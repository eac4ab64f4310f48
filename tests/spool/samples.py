"""Deliveries and hints as the web process hands them to the spool, and what a spool file of them holds."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bridge.models import WebhookEvent
from bridge.spool.items import HintCall, Item, from_bytes
from bridge.spool.records import Seal, frames, read_header
from bridge.webhooks.intake import Delivery, Finding, Receipt
from bridge.webhooks.krayin import Hint

ARRIVED = datetime(2026, 3, 2, 14, 7, 9, 250000, tzinfo=UTC)
BODY = '{"event":"message_created","content":"Olá, dói só à noite"}'.encode()


def delivery(
    key: str = "d-1", *, connection_id: int = 1, contact_id: int | None = 4182, body: bytes = BODY
) -> Delivery:
    """A verified message of a contact."""
    return Delivery(
        connection_id=connection_id,
        key=key,
        receipt=Receipt.of(body),
        finding=Finding(
            event_type="message_created",
            lane_key=f"c:{contact_id}",
            conversation_id=1287,
            contact_id=contact_id,
            body=body,
        ),
        arrived_at=ARRIVED,
        occurred_at=ARRIVED.replace(microsecond=0),
        verification=WebhookEvent.Verification.SIGNED,
        headers={"X-Chatwoot-Delivery": key, "X-Chatwoot-Timestamp": "1772460429"},
    )


def hint_call(*, connection_id: int = 1, krayin_id: int = 1, ref: str = "cw-1-conv-4711") -> HintCall:
    return HintCall(connection_id, krayin_id, Hint(event="lead.update.after", ref=ref), ARRIVED)


def contents(path: Path) -> Iterator[Item]:
    """Everything complete in a spool file."""
    with path.open("rb") as file:
        header, start = read_header(file)
        seal = Seal.of(header)
        for frame in frames(file, start):
            yield from_bytes(seal.open(frame))


def keys_in(spool: Path) -> list[str]:
    """Delivery keys in all files of a spool, file by file."""
    return [item.key for path in sorted(spool.glob("*.spool")) for item in contents(path) if isinstance(item, Delivery)]
