"""The broker fails over or is another one, and every delivery is stored and worked, woken by messages alone.

No lane worker looks by itself here: what is worked was asked for by a message through the broker.
PONTE_FULL_FAILOVER=1000 sends so many deliveries.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from amqp.exceptions import PreconditionFailed
from kombu import Connection, Queue
from redis import Redis

from bridge.models import WebhookEvent
from bridge.sandbox.chatwoot import Delivery
from config.sentinel import client, sentinels
from tests.bridge.connected_clinic import Bridge, chatwoot, krayin, make_bridge
from tests.deploy.brokers import RedisGroup, rabbitmq, redis_group
from tests.intake.server import NOBODY, Server, running_server
from tests.resilience.scene import process, rows, until
from tests.settings.starting import run

__all__ = ["chatwoot", "krayin"]

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True, databases="__all__")]

DELIVERIES = int(os.environ.get("PONTE_FULL_FAILOVER", "60"))
CELERY = ("-m", "celery", "-A", "config.celery", "worker", "-Q", "lanes,jobs", "-c", "2", "-l", "WARNING",
          "--without-gossip", "--without-mingle")  # fmt: skip


@pytest.fixture
def bridge(chatwoot: object, krayin: object, transactional_db: None) -> Bridge:
    return make_bridge(chatwoot, krayin)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def group() -> Iterator[RedisGroup]:
    with redis_group() as running:
        yield running


@dataclass
class People:
    """New people who write, one delivery of each kind a time; `count` of them so far."""

    bridge: Bridge
    server: Server
    count: int = 0
    delivered: set[str] = field(default_factory=set)

    def write(self, number: int) -> bool:
        """Whether everything they sent was taken."""
        with self.bridge.chatwoot.capture() as deliveries:
            for _ in range(number):
                self.count += 1
                phone = f"+55119{self.count:08}"
                self.bridge.chatwoot.new_person_writes("Bom dia", name=f"Ana {self.count}", phone_number=phone)
        self.delivered |= {each.headers["X-Chatwoot-Delivery"] for each in deliveries}
        path = f"/webhooks/chatwoot/{self.bridge.connection.public_id}/"
        return {self.server.post(path, each.body, signed(each))[0] for each in deliveries} == {202}


def signed(delivery: Delivery) -> dict[str, str]:
    return {name: value for name, value in delivery.headers.items() if name.startswith("X-Chatwoot")}


def worked() -> set[str]:
    """Deliveries that a lane has taken in, or that are of no interest; each is there once."""
    keys = list(WebhookEvent.objects.filter(status__in=["observed", "ignored"]).values_list("delivery_key", flat=True))
    assert len(keys) == len(set(keys))
    return set(keys)


def is_done() -> bool:
    left = rows("SELECT count(*) FROM lanes WHERE dirty > clean OR leased OR run_at <= clock_timestamp()")
    return left == [(0,)] and not WebhookEvent.objects.filter(status="received").exists()


@contextmanager
def through(**broker: str) -> Iterator[Server]:
    """Web and one Celery worker with this broker."""
    with pytest.MonkeyPatch.context() as variables:
        for name, value in broker.items():
            variables.setenv(name, value)
        web = running_server(processes=1, broker_url=broker.get("REDIS_URL", NOBODY))
        with web as server, process(*CELERY, **broker):
            yield server


def test_the_master_is_killed_between_deliveries_and_each_is_stored_and_worked(
    bridge: Bridge, group: RedisGroup
) -> None:
    rows("UPDATE call_budgets SET capacity = 10000, tokens = 10000, refill_per_minute = 600000 RETURNING 1")
    with through(REDIS_URL=group.url()) as server:
        people = People(bridge, server)
        assert people.write(DELIVERIES // 10)
        # A wake-up may be lost while everything connects; the next one finds the work of all.
        assert until(lambda: people.write(1) and until(is_done, 10))
        killed = group.kill_master()
        assert people.write(DELIVERIES // 5)
        assert until(lambda: group.master_port() != killed)
        # Wake-ups that went down with the master are gone; the next one finds the work of all.
        assert until(lambda: people.write(1) and until(is_done, 10))
    assert worked() >= people.delivered
    with client(group.url(), socket_timeout=5) as redis:
        redis.set("ponte:test", "1")
        assert redis.get("ponte:test") == b"1"


def test_a_name_the_sentinels_do_not_know_stops_a_worker_with_the_names_they_know(group: RedisGroup) -> None:
    ended = run(*CELERY, REDIS_URL=group.url("pont"))
    assert ended.code != 0
    assert "'pont'; they know: ponte. Correct the name in REDIS_URL. (ponte.E020)" in ended.said
    found = sentinels(group.url("pont"))
    assert found is not None
    assert found.known() == ["ponte"]


def test_rabbitmq_carries_the_wake_ups_in_quorum_queues(bridge: Bridge) -> None:
    with rabbitmq() as broker, through(PONTE_BROKER_URL=broker) as server:
        people = People(bridge, server)
        assert people.write(5)
        # A wake-up may be lost while everything connects; the next one finds the work of all.
        assert until(lambda: people.write(1) and until(is_done, 10))
        assert queue_types(broker) == {"lanes": "quorum", "jobs": "quorum"}
    assert worked() >= people.delivered


def queue_types(broker: str) -> dict[str, str]:
    """Asked for as another kind, a queue is refused, and the refusal names the kind it is."""
    found = {}
    for name in ("lanes", "jobs"):
        with Connection(broker) as connection, pytest.raises(PreconditionFailed) as refused:
            Queue(name, channel=connection.channel(), queue_arguments={"x-queue-type": "classic"}).queue_declare()
        found[name] = "quorum" if "'quorum'" in str(refused.value) else str(refused.value)
    return found


def test_the_counters_of_the_api_follow_the_master(group: RedisGroup) -> None:
    with client(group.url(), socket_timeout=5) as redis:
        assert isinstance(redis, Redis)
        redis.incr("ponte:api:test")
        assert redis.connection_pool.get_master_address()[1] == group.master_port()
