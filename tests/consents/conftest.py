"""Fixtures of the consent tests: the clinic connected to both sandboxes, with every text approved."""

import pytest
from approved import approve_all

from bridge.consents.words import vocabulary
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.consents.talking import Talk, begin

__all__ = ["bridge", "chatwoot", "krayin"]


@pytest.fixture(autouse=True)
def _no_words_known_before() -> None:
    vocabulary.forget()


@pytest.fixture
def talking(bridge: Bridge) -> Bridge:
    """The connected clinic whose officer has approved what the conversation needs."""
    bridge.connection.refresh_from_db()
    approve_all(bridge.connection.clinic)
    return bridge


@pytest.fixture
def talk(talking: Bridge) -> Talk:
    return begin(talking)
