"""An empty installation beside the two simulated partners, with a worker that runs as in production."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from wizard import EMAIL, Wizard

from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.worker import Worker
from bridge.webhooks.registry import registry
from config.celery import app
from consent.models import User
from tests.browsing import PASSWORD


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    registry.forget()
    yield
    registry.forget()


@pytest.fixture
def krayin() -> Iterator[SandboxKrayin]:
    with SandboxKrayin(rate_limit=None) as server:
        yield server


@pytest.fixture
def chatwoot() -> Iterator[ChatwootSandbox]:
    with ChatwootSandbox(shuffle=False) as server:
        yield server


@pytest.fixture
def administrator(transactional_db: None) -> User:
    """The only row of an empty installation: the account made by `createsuperuser`."""
    return User.objects.create_superuser(EMAIL, PASSWORD, name="Alice Prado")


@pytest.fixture
def public(live_server: LiveServer, settings: Any) -> str:
    """The address partners call; the web process answers there."""
    settings.PUBLIC_URL = live_server.url
    return live_server.url


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """A lane worker in a thread of its own; jobs run in the process that asks for them."""
    before = app.conf.task_always_eager
    app.conf.task_always_eager = True
    stop = threading.Event()

    def work() -> None:
        try:
            Worker().run_forever(stop)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=60)
    app.conf.task_always_eager = before


@pytest.fixture
def wizard(administrator: User, chatwoot: ChatwootSandbox, krayin: SandboxKrayin) -> Wizard:
    """The administrator at the first step, with both partners running and no web process."""
    client = Client()
    client.force_login(administrator)
    return Wizard(client, chatwoot, krayin)
