"""Celery and its broker make Ponte faster; without them it is slower, never wrong and never late for an answer."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bridge.models import WebhookEvent
from bridge.sandbox.chatwoot import Delivery
from config.embedded.accounts import home_for, moved_root
from config.embedded.binaries import Search, Source, valkey_programs
from config.embedded.processes import Options
from config.embedded.valkey import ValkeyServer
from tests.bridge.connected_clinic import Bridge
from tests.intake.server import Server, running_server
from tests.resilience.scene import environment, lane_worker, process, rows, until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

CELERY = ("-m", "celery", "-A", "config.celery", "worker", "-Q", "lanes", "-c", "2", "-l", "WARNING", "--without-gossip",
          "--without-mingle", "--without-heartbeat")  # fmt: skip


@pytest.fixture
def broker() -> Iterator[ValkeyServer]:
    """A broker of this test's own, which it may stop."""
    directory = Path(tempfile.mkdtemp(prefix="ponte-test-"))
    directory.chmod(0o711)
    programs = valkey_programs(Search(path=os.environ.get("PATH", os.defpath)), Source.AUTO)[0]
    server = ValkeyServer(home_for(directory, programs.folder), programs, Options(durable=False))
    server.start(os.environ, lambda line: None)
    try:
        yield server
    finally:
        server.stop()
        for left in (directory, moved_root(directory)):
            shutil.rmtree(left, ignore_errors=True)


def written(bridge: Bridge, people: int, first: int) -> list[Delivery]:
    """What so many new people and their attendants write."""
    with bridge.chatwoot.capture() as deliveries:
        for number in range(first, first + people):
            conversation = bridge.chatwoot.new_person_writes(
                "Bom dia", name=f"Ana {number}", phone_number=f"+55119{number:08}"
            )
            bridge.chatwoot.outgoing(conversation.display_id, "Olá")
    return list(deliveries)


def post(server: Server, bridge: Bridge, deliveries: list[Delivery]) -> list[tuple[int, float]]:
    """Post as Chatwoot does; return status and seconds of each."""
    answers = []
    for delivery in deliveries:
        began = time.monotonic()
        headers = {name: value for name, value in delivery.headers.items() if name.startswith("X-Chatwoot")}
        status, _ = server.post(f"/webhooks/chatwoot/{bridge.connection.public_id}/", delivery.body, headers)
        answers.append((status, time.monotonic() - began))
    return answers


def unread() -> int:
    return WebhookEvent.objects.filter(status="received").count()


def is_done() -> bool:
    return unread() == 0 and rows("SELECT count(*) FROM lanes WHERE dirty > clean OR leased") == [(0,)]


def test_with_every_message_lost_each_event_starts_within_fifteen_seconds(bridge: Bridge) -> None:
    with running_server(processes=1) as server, lane_worker():
        assert {status for status, _ in post(server, bridge, written(bridge, 12, 0))} == {202}
        assert until(is_done)
    late = rows(
        "SELECT count(*) FROM webhook_events WHERE status <> 'ignored'"
        " AND (observed_at IS NULL OR observed_at - greatest(received_at, %s) > interval '15 s')",
        started_at(),
    )
    assert late == [(0,)]
    assert WebhookEvent.objects.filter(status="observed").count() >= 24


def started_at() -> object:
    """When the worker looked for the first time: the time it takes to start is none of the broker's."""
    return rows("SELECT min(observed_at) FROM webhook_events")[0][0]


def test_without_redis_for_long_work_goes_on_at_half_the_speed_at_least_and_recovers_by_itself(
    bridge: Bridge, broker: ValkeyServer
) -> None:
    """The same processes all the time. A clinic's work is done alike in both halves, so times may be compared."""
    rows("UPDATE call_budgets SET capacity = 10000, tokens = 10000, refill_per_minute = 600000 RETURNING 1")
    bridge.krayin.latency_ms = 20
    with ExitStack() as stack:
        server = stack.enter_context(running_server(broker_url=broker.url, processes=1))
        stack.enter_context(process(*CELERY, REDIS_URL=broker.url))
        with lane_worker("--threads", "2", REDIS_URL=broker.url):
            assert seconds_for(server, bridge, first=0) > 0  # everything is warm
            fast = min(seconds_for(server, bridge, first=100 * n) for n in (1, 2))
            broker.stop()
            slow = min(seconds_for(server, bridge, first=100 * n) for n in (3, 4))
        broker.start(os.environ, lambda line: None)
        # Nobody looks at PostgreSQL by himself any more: only a message can bring this to an end.
        assert until(lambda: woken_by_message(server, bridge))
    assert slow <= 2 * fast + 1  # the look that a worker takes once a second


def seconds_for(server: Server, bridge: Bridge, *, first: int) -> float:
    deliveries = written(bridge, 25, first)
    began = time.monotonic()
    assert {status for status, _ in post(server, bridge, deliveries)} == {202}
    assert until(is_done)
    return time.monotonic() - began


def woken_by_message(server: Server, bridge: Bridge) -> bool:
    """Post until the Celery worker, which waits between its own attempts to connect, is back and has done all."""
    number = 10_000 + WebhookEvent.objects.count()
    assert {status for status, _ in post(server, bridge, written(bridge, 1, number))} == {202}
    return until(is_done, 3)


def test_no_answer_waits_for_a_broker_that_is_stopped(bridge: Bridge, broker: ValkeyServer) -> None:
    """SIGSTOP: its connections stay open and nobody answers on them; the publisher waits for 5 s each time."""
    with running_server(broker_url=broker.url, processes=1) as server:
        assert {status for status, _ in post(server, bridge, written(bridge, 3, 0))} == {202}
        with stopped(broker.running.pid):
            answers = post(server, bridge, written(bridge, 40, 100))
    assert {status for status, _ in answers} == {202}
    assert max(seconds for _, seconds in answers) < 4
    assert sum(seconds for _, seconds in answers) / len(answers) < 0.5


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_process_needs_no_broker_to_start(bridge: Bridge) -> None:
    assert environment()["REDIS_URL"].endswith(":9/0")
    with lane_worker() as worker:
        assert until(lambda: rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")[0][0] > 2)
        assert worker.poll() is None
