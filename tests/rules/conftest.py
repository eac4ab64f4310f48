"""The connected clinic of tests/bridge, and rules to put on its list."""

from collections.abc import Callable

import pytest

from bridge.models import StageRule
from bridge.rules import edit
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.rules.drafts import draft

__all__ = ["bridge", "chatwoot", "krayin"]


@pytest.fixture
def rule(bridge: Bridge) -> Callable[..., StageRule]:
    """Append a rule to the clinic's list; its own three settings are taken away first."""
    names = ("stage_on_conversation_created", "stage_on_first_response", "stage_on_conversation_resolved")
    for name in names:
        setattr(bridge.connection, name, None)
    bridge.connection.save()

    def add(when: str, value: str = "", **more: object) -> StageRule:
        return edit.add(bridge.connection, draft(when, value, **more))  # type: ignore[arg-type]

    return add
