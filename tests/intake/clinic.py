"""A clinic's connection without partners, and somebody who posts to its two addresses as they would."""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.test import Client

from bridge.models import Connection, IntakeCounter, Krayin, Lane, Partner, SyncedObject, WebhookBody, WebhookSecret
from bridge.models.connections import secret_context
from bridge.models.inbound import body_context
from bridge.webhooks.registry import registry
from bridge.webhooks.signing import signature
from consent.encryption import Actor, open_day, seal_system
from consent.models import Clinic

CONTRACT = Path(__file__).parents[1] / "contracts" / "chatwoot"
SIGNED = json.loads((CONTRACT / "signatures.json").read_text(encoding="utf-8"))
SECRET = SIGNED["secret"]
TOKEN = "krayin-token-0123456789abcdefghijklmnopqrstuv"
ACCOUNT_ID, INBOX_ID = 3, 7  # those of the contract's bodies
CONTACT_ID, CONVERSATION_ID = 4182, 1287


def raw(recorded: str) -> bytes:
    """The exact bytes of a recorded body."""
    return (CONTRACT / "raw" / f"{recorded}.json").read_bytes()


def body(recorded: str = "message_created", /, **changes: Any) -> dict[str, Any]:
    """A recorded body, with top-level keys replaced."""
    return json.loads(raw(recorded)) | changes


def encoded(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def signed_headers(
    content: bytes, *, secret: str = SECRET, timestamp: str | None = None, delivery: str | None = None
) -> dict[str, str]:
    """The three headers of a delivery; without `timestamp` it is signed now, without `delivery` its id is new."""
    timestamp = str(int(time.time())) if timestamp is None else timestamp
    return {
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": signature(secret.encode(), timestamp.encode("latin-1"), content).decode(),
        "X-Chatwoot-Delivery": str(uuid.uuid4()) if delivery is None else delivery,
    }


@dataclass
class Address:
    """The two webhook addresses of a connection."""

    connection: Connection
    http: Client = field(default_factory=Client)

    @property
    def chatwoot_path(self) -> str:
        return f"/webhooks/chatwoot/{self.connection.public_id}/"

    @property
    def krayin_path(self) -> str:
        return f"/webhooks/krayin/{self.connection.public_id}/"

    def deliver(self, content: object, **signing: Any) -> HttpResponse:
        """Post bytes, or a body to be encoded, signed as Chatwoot would."""
        data = content if isinstance(content, bytes) else encoded(content)
        return self.post(data, signed_headers(data, **signing))

    def post(self, data: bytes, headers: dict[str, str], **meta: Any) -> HttpResponse:
        kind = "application/json"
        return self.http.generic("POST", self.chatwoot_path, data, content_type=kind, headers=headers, **meta)

    def hint(self, data: bytes, *, kind: str = "application/x-www-form-urlencoded", **headers: str) -> HttpResponse:
        headers = headers or {"X-Bridge-Token": TOKEN}
        return self.http.generic("POST", self.krayin_path, data, content_type=kind, headers=headers)

    def counted(self) -> dict[str, int]:
        """Deliveries that left no event, by reason."""
        return dict(IntakeCounter.objects.filter(connection=self.connection).values_list("reason", "count"))

    def dirty(self) -> dict[str, int]:
        """Marks per lane."""
        return dict(Lane.objects.filter(connection=self.connection).values_list("lane_key", "dirty"))

    def opened_bodies(self) -> list[bytes]:
        """Stored bodies in clear, in the order they came; only those that were kept."""
        return [opened(row) for row in WebhookBody.objects.order_by("event_id") if row.sealed]

    def add_secret(self, partner: Partner, secret: str, **more: Any) -> WebhookSecret:
        return add_secret(self.connection, partner, secret, **more)

    def set(self, **columns: Any) -> None:
        """Change the connection as the admin would, and let the web process see it at once."""
        Connection.objects.filter(pk=self.connection.pk).update(**columns)
        registry.forget()


def opened(row: WebhookBody) -> bytes:
    return open_day(row.sealed, context=body_context(row.row_ref), actor=Actor.system("test"), purpose="system")


def add_secret(connection: Connection, partner: Partner, secret: str, **more: Any) -> WebhookSecret:
    sealed = seal_system(secret.encode(), context=secret_context(connection.pk, partner))
    registry.forget()
    return WebhookSecret.objects.create(connection=connection, partner=partner, secret=sealed, **more)


def make_address(
    name: str = "Recepção", *, inboxes: Iterable[int] = (INBOX_ID,), state: str = Connection.State.ACTIVE
) -> Address:
    """An active connection with one secret for each partner."""
    clinic = Clinic.objects.create(legal_name=f"Clínica {name} Ltda", trade_name=name)
    krayin = Krayin.objects.create(base_url=f"https://crm-{uuid.uuid4().hex[:8]}.exemplo.com.br")
    connection = Connection.objects.create(
        clinic=clinic,
        name=name,
        state=state,
        chatwoot_url="https://chat.exemplo.com.br",
        chatwoot_account_id=ACCOUNT_ID,
        inbox_ids=list(inboxes),
        krayin=krayin,
    )
    add_secret(connection, Partner.CHATWOOT, SECRET)
    add_secret(connection, Partner.KRAYIN, TOKEN)
    return Address(connection)


def synced_lead(address: Address, *, ref: str = "cw-1-conv-4711", lane: str = "c:4182") -> SyncedObject:
    """An opportunity of ours in Krayin."""
    return SyncedObject.objects.create(
        connection=address.connection,
        krayin=address.connection.krayin,
        lane_key=lane,
        kind=SyncedObject.Kind.LEAD,
        ref=ref,
        foreign_id=1,
    )
