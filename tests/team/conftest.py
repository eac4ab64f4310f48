"""The connected clinic of tests/bridge with a clock, two attendants with their users in Krayin, and who owns what."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from bridge.clients.shapes import LeadChange
from bridge.models import Connection, Effect, Owner, OwnerRule
from bridge.sandbox.chatwoot import AGENT_ID, WHATSAPP_INBOX_ID, ChatwootSandbox, Delivery
from bridge.sandbox.chatwoot.example_account import SECOND_AGENT_ID
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.partners import krayin_client
from bridge.team import directory, edit
from tests.bridge.connected_clinic import Bridge, make_bridge

RAFAEL, CAMILA = AGENT_ID, SECOND_AGENT_ID


class Clock:
    """Time of both simulated partners, moved by the test; never far from the real one."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def later(self, seconds: float = 5) -> None:
        self.ahead += seconds


@dataclass
class Clinic:
    """The clinic, its rule, and what happens in it one thing after the other."""

    bridge: Bridge
    clock: Clock
    rafael: int  # numbers in Krayin
    camila: int

    @property
    def connection(self) -> Connection:
        return Connection.objects.get(pk=self.bridge.connection.pk)

    def owner(self, number: int) -> Owner:
        return Owner.objects.get(connection=self.bridge.connection, number=number)

    def rule(self, rule: str, default: int | None = None) -> None:
        edit.set_rule(self.connection, rule, self.owner(default) if default else None)
        OwnerRule.objects.update(since=datetime.fromtimestamp(self.clock(), UTC))
        self.clock.later()

    def writes(self, name: str = "Ana Lima", phone: str = "+5511900000021") -> int:
        """A new person writes; the number of the conversation."""
        with self.bridge.chatwoot.capture() as deliveries:
            conversation = self.bridge.chatwoot.new_person_writes("Bom dia", name=name, phone_number=phone)
        self.bridge.deliver(deliveries)
        self.bridge.work()
        self.clock.later()
        return conversation.display_id

    def does(self, act: str, *values: object) -> None:
        """Something happens in Chatwoot, and Ponte hears of it."""
        self.hears(self.unheard(act, *values))

    def unheard(self, act: str, *values: object) -> list[Delivery]:
        """Something happens in Chatwoot; the deliveries are still on their way."""
        with self.bridge.chatwoot.capture() as deliveries:
            getattr(self.bridge.chatwoot, act)(*values)
        self.clock.later()
        return list(deliveries)

    def hears(self, deliveries: list[Delivery]) -> None:
        self.bridge.deliver(deliveries)
        self.bridge.work()

    def gives_by_hand(self, owner: int, lead_id: int = 1) -> None:
        """Somebody chooses another owner in Krayin."""
        krayin_client(self.connection)[0].lead_edit(lead_id, LeadChange(None, owner_id=owner))
        self.clock.later()

    def forgets_in_krayin(self, owner: int) -> None:
        """The administrator deletes a user there."""
        token = krayin_client(self.connection)[0]._tokens.current()
        answer = requests.delete(
            f"{self.bridge.krayin.url}/api/v1/settings/users/{owner}", timeout=10,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text

    @property
    def owners(self) -> list[int | None]:
        """Whose each opportunity is in Krayin, the oldest first."""
        return [lead["user_id"] for lead in sorted(self.bridge.crm["leads"], key=lambda lead: lead["id"])]

    def steps(self) -> list[str]:
        rows = Effect.objects.filter(connection=self.bridge.connection, kind="set_owner").order_by("seq")
        return list(rows.values_list("state", flat=True))


def new_user(bridge: Bridge, name: str, email: str) -> int:
    """A user of the simulated Krayin, as its administrator makes one."""
    token = krayin_client(bridge.connection)[0]._tokens.current()
    body = {
        "name": name, "email": email, "password": "senha-comprida-1", "role_id": 1, "status": 1,
        "view_permission": "individual",
    }  # fmt: skip
    answer = requests.post(
        f"{bridge.krayin.url}/api/v1/settings/users", json=body, timeout=10,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return int(made["id"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chatwoot(clock: Clock) -> Iterator[ChatwootSandbox]:
    with ChatwootSandbox(shuffle=False, clock=clock) as server:
        server.change_inbox(WHATSAPP_INBOX_ID, enable_auto_assignment=False)
        yield server


@pytest.fixture
def krayin(clock: Clock) -> Iterator[SandboxKrayin]:
    with SandboxKrayin(rate_limit=None, clock=clock) as server:
        yield server


@pytest.fixture
def clinic(chatwoot: ChatwootSandbox, krayin: SandboxKrayin, clock: Clock, transactional_db: None) -> Clinic:
    """Contacts and opportunities only; both lists are read, Rafael and Camila have a user each with their e-mail."""
    bridge = make_bridge(chatwoot, krayin, stages={}, send={"preset": "contacts"})
    agents = chatwoot.store.users
    rafael = new_user(bridge, "Rafael Nogueira", agents[RAFAEL].email.upper())
    camila = new_user(bridge, "Camila Freitas", agents[CAMILA].email)
    directory.fetch(bridge.connection)
    clock.later()
    return Clinic(bridge, clock, rafael, camila)
