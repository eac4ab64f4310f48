"""A running simulated Krayin, with its clock and a client that holds the bridge user's token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bridge.sandbox.krayin import SandboxKrayin

from .wire import Api, Clock, Receiver, make_optional

MakeCrm = Callable[..., SandboxKrayin]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_crm(clock: Clock) -> Iterator[MakeCrm]:
    """Starts simulators with other options; all are stopped at the end."""
    with ExitStack() as running:

        def make(**options: Any) -> SandboxKrayin:
            return running.enter_context(SandboxKrayin(**{"clock": clock, "rate_limit": None, **options}))

        yield make


@pytest.fixture
def crm(make_crm: MakeCrm) -> SandboxKrayin:
    """Without a limit, so that a test may call as often as it likes."""
    return make_crm()


@pytest.fixture
def api(crm: SandboxKrayin) -> Api:
    return Api(crm.url, crm.issue_token())


@pytest.fixture
def bridged(api: Api) -> Api:
    """The client of a CRM that is set up as the bridge needs it: e-mail optional, own keys, a boolean attribute."""
    make_optional(api)
    return api


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
