"""A clinic connected in both directions; the partners' webhooks reach a real server."""

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from bridge.back.setup import prepare
from bridge.models import Connection
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from tests.back.both_sides import BothSides, lift_budgets
from tests.bridge.connected_clinic import chatwoot, krayin, make_bridge

__all__ = ["chatwoot", "krayin"]


@pytest.fixture
def both(
    chatwoot: ChatwootSandbox,
    krayin: SandboxKrayin,
    transactional_db: None,
    live_server: LiveServer,
    settings: Any,
) -> BothSides:
    """Active, no stage rules, contacts and opportunities only; Ana Lima has written."""
    settings.PUBLIC_URL = live_server.url
    chatwoot.change_inbox(7, greeting_enabled=False, csat_survey_enabled=False)
    bridge = make_bridge(chatwoot, krayin, stages={}, send={"preset": "contacts"})
    lift_budgets()
    Connection.objects.filter(pk=bridge.connection.pk).update(krayin_to_chatwoot=True)
    prepare(Connection.objects.get(pk=bridge.connection.pk))
    made = BothSides(bridge)
    made.writes()
    return made
