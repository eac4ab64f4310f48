"""Clients of both partners over recorded answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from bridge.clients.base import build_session
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from tests.clients.wire import CHATWOOT_SITE, KRAYIN_SITE, CallLog, FreePace, MemoryTokens, Wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with responses.RequestsMock() as mock:
        yield Wire(mock)


@pytest.fixture
def pace() -> FreePace:
    return FreePace()


@pytest.fixture
def tokens() -> MemoryTokens:
    return MemoryTokens()


@pytest.fixture
def log() -> CallLog:
    return CallLog()


@pytest.fixture
def krayin(wire: Wire, tokens: MemoryTokens, pace: FreePace, log: CallLog) -> KrayinClient:
    return KrayinClient(KRAYIN_SITE, session=build_session(), tokens=tokens, pace=pace, on_call=log)


@pytest.fixture
def chatwoot(wire: Wire, pace: FreePace, log: CallLog) -> ChatwootClient:
    return ChatwootClient(CHATWOOT_SITE, 3, "chatwoot-token", session=build_session(), pace=pace, on_call=log)
