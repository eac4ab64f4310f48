"""A clinic connected to the two sandboxes over real HTTP; deliveries enter through the real webhook address."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from django.test import Client

from bridge.connecting.spec import read_spec
from bridge.connecting.steps import connect
from bridge.models import Breaker, CallBudget, Connection, Effect, Lane
from bridge.models.connections import LONG_AGO
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox, Delivery
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin
from bridge.spool.drainer import drain_now
from bridge.spool.status import spool_is_empty
from bridge.sync.worker import Worker
from bridge.webhooks.registry import registry
from consent.models import User

PLENTY = {"capacity": 10_000, "refill_per_minute": 600_000, "tokens": 10_000}
STAGES = {"conversation_created": "follow-up", "first_response": "prospect", "conversation_resolved": "negotiation"}


@dataclass
class Bridge:
    """The connected clinic and handles on both partners."""

    connection: Connection
    chatwoot: ChatwootSandbox
    krayin: SandboxKrayin
    http: Client = field(default_factory=Client)

    def deliver(self, deliveries: Iterable[Delivery]) -> list[int]:
        """Post deliveries as Chatwoot would; return the statuses."""
        path = f"/webhooks/chatwoot/{self.connection.public_id}/"
        return [
            self.http.generic("POST", path, d.body, content_type="application/json", headers=_headers(d)).status_code
            for d in deliveries
        ]

    def work(self) -> None:
        """Let the drainer bring in what a slow moment put into the spool, and a worker run until nothing is due."""
        if not spool_is_empty():
            assert drain_now()
        Worker().run_until_idle()

    def make_due(self) -> None:
        """Let every wait pass: quiet times, retries, settle times, breakers."""
        Connection.objects.update(note_quiet_s=0)
        Breaker.objects.update(paused_until=LONG_AGO)
        Effect.objects.filter(state__in=["intended", "unknown"]).update(not_before=LONG_AGO)
        Effect.objects.filter(state="sent").update(sent_at=LONG_AGO)
        Lane.objects.filter(run_at__isnull=False).update(run_at="2001-01-01T00:00Z")

    def settle(self) -> None:
        """Work, let every wait pass, work again."""
        self.work()
        self.make_due()
        self.work()

    @property
    def crm(self) -> dict[str, Any]:
        answer = requests.get(f"{self.krayin.url}/__state__", timeout=10)
        state: dict[str, Any] = answer.json()
        return state

    def fault(self, kind: str, **options: Any) -> None:
        """Set a fault switch of the simulated Krayin."""
        self.krayin.faults.add(kind, **options)

    def calls(self) -> int:
        total: int = self.crm["calls"]["total"]
        return total


def _headers(delivery: Delivery) -> dict[str, str]:
    return {name: value for name, value in delivery.headers.items() if name.startswith("X-Chatwoot")}


@pytest.fixture
def krayin() -> Iterator[SandboxKrayin]:
    with SandboxKrayin(rate_limit=None) as server:
        yield server


@pytest.fixture
def chatwoot() -> Iterator[ChatwootSandbox]:
    with ChatwootSandbox(shuffle=False) as server:
        yield server


def connection_file(chatwoot: ChatwootSandbox, krayin: SandboxKrayin, /, **more: Any) -> dict[str, Any]:
    """What an operator would write; `more` replaces top-level keys."""
    return {
        "name": "Recepção",
        "clinic": {"name": "Clínica Vida Plena"},
        "chatwoot": {
            "url": chatwoot.url, "account_id": ACCOUNT_ID, "token": ADMIN_TOKEN, "inboxes": [WHATSAPP_INBOX_ID],
        },
        "krayin": {"url": krayin.url, "email": BRIDGE.email, "password": BRIDGE.password},
        "stages": STAGES,
        "send": {"preset": "text", "message_text": "grouped"},
        "state": "active",
        "policy_confirmed_by": "dpo@clinica.exemplo",
        **more,
    }  # fmt: skip


def make_bridge(chatwoot: ChatwootSandbox, krayin: SandboxKrayin, /, **more: Any) -> Bridge:
    User.objects.get_or_create(email="dpo@clinica.exemplo", defaults={"name": "Dora Prado"})
    registry.forget()
    made = connect(read_spec(connection_file(chatwoot, krayin, **more)), lambda step: None)
    CallBudget.objects.filter(krayinuser__isnull=False).update(**PLENTY)
    return Bridge(Connection.objects.get(pk=made.connection_id), chatwoot, krayin)


@pytest.fixture
def bridge(chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None) -> Bridge:
    """Active, all three stage rules, text of the messages grouped by day."""
    return make_bridge(chatwoot, krayin)
