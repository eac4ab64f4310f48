"""What an operator writes for secrets as files, Sentinels, RabbitMQ, pooler and replica, and what stops the start."""

import json
from pathlib import Path

import environ
import pytest

from config.env import Environment
from config.sentinel import Sentinels, sentinels
from tests.settings.starting import MANAGE, run

SENTINEL = "redis+sentinel://:p%40ss@a:26379,b,c:26381/ponte/2"


def environment(**variables: str) -> Environment:
    source = environ.Env()
    source.ENVIRON = variables
    return Environment(source)


def test_a_variable_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x" * 40 + "\n")
    env = environment(K_FILE=str(tmp_path / "key"))
    assert env.text("K", at_least=32) == "x" * 40
    assert env.problems == []


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe"])
def test_a_file_that_cannot_be_used_is_a_problem_even_where_there_is_a_default(
    tmp_path: Path, content: str | bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    env = environment(K_FILE=str(path))
    assert env.text("K", default="d") == ""
    assert [(problem.variable, "K_FILE" in problem.problem) for problem in env.problems] == [("K", True)]


def test_a_variable_and_its_file_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a")
    env = environment(K="b", K_FILE=str(tmp_path / "key"))
    env.text("K")
    assert [problem.problem for problem in env.problems] == ["and K_FILE are both set"]


def test_an_address_of_sentinels_becomes_what_celery_wants() -> None:
    found = sentinels(SENTINEL)
    assert found == Sentinels((("a", 26379), ("b", 26379), ("c", 26381)), "ponte", 2, "p@ss")
    assert found.broker_url.split(";")[1] == "sentinel://:p%40ss@b:26379/2"
    assert found.broker_options["master_name"] == "ponte"
    assert "p@ss" not in repr(found)
    assert sentinels("redis://h/0") is None


@pytest.mark.parametrize(
    "raw", ["redis+sentinel://a:26379", "redis+sentinel://a:26379/ponte/x", "redis+sentinel://:p@a:0/ponte",
            "redis+sentinel://user:p@a/ponte", "redis+sentinel:///ponte", "redis+sentinel://a b/ponte", "http://a"],
)  # fmt: skip
def test_an_address_of_sentinels_that_cannot_be_used_is_a_problem(raw: str) -> None:
    env = environment(R=raw)
    assert env.redis("R", default="redis://h/0") == ""
    assert [problem.variable for problem in env.problems] == ["R"]


def test_several_nodes_of_rabbitmq_are_each_looked_at() -> None:
    env = environment(B="amqp://u:p@a:5672/; amqps://u:p@b/", C="amqp://a;redis://b")
    assert (env.brokers("B"), env.brokers("C"), env.brokers("D")) == ("amqp://u:p@a:5672/;amqps://u:p@b/", "", "")
    assert [problem.variable for problem in env.problems] == ["C"]


def test_a_pooler_without_a_way_past_it_stops_the_start() -> None:
    ended = run(*MANAGE, "check", PONTE_PGBOUNCER="1")
    assert ended.code != 0
    assert ended.names("DATABASE_DIRECT_URL")


SAID = """
import json
from django.conf import settings as s
print(json.dumps({
    "names": {alias: d["NAME"] for alias, d in s.DATABASES.items()},
    "options": {alias: d["OPTIONS"].get("options", "") for alias, d in s.DATABASES.items()},
    "no_cursors": sorted(a for a, d in s.DATABASES.items() if d.get("DISABLE_SERVER_SIDE_CURSORS")),
    "routers": s.DATABASE_ROUTERS, "maintenance": s.MAINTENANCE, "broker": s.CELERY_BROKER_URL,
    "options_of_broker": sorted(s.CELERY_BROKER_TRANSPORT_OPTIONS),
    "queues": getattr(s, "CELERY_TASK_DEFAULT_QUEUE_TYPE", ""),
}))
"""


def test_through_a_pooler_settings_of_sessions_come_from_its_pools() -> None:
    ended = run(
        "-c", SAID, DATABASE_URL="postgres://u:p@h:6432/ponte", PONTE_PGBOUNCER="1", REDIS_URL=SENTINEL,
        DATABASE_DIRECT_URL="postgres://u:p@h:6432/ponte_direct", DATABASE_REPLICA_URL="postgres://u:p@r/ponte",
    )  # fmt: skip
    assert ended.code == 0, ended.said
    told = json.loads(ended.said)
    assert told["names"] == {"default": "ponte", "intake": "ponte_intake", "audit": "ponte_audit",
                             "direct": "ponte_direct", "replica": "ponte"}  # fmt: skip
    assert {alias for alias, options in told["options"].items() if options} == {"replica"}
    assert told["no_cursors"] == ["audit", "default", "intake"]
    assert (told["routers"], told["maintenance"]) == (["config.db.router.ReplicaRouter"], "direct")
    assert told["broker"].startswith("sentinel://:p%40ss@a:26379/2;")
    assert {"master_name", "sentinel_kwargs", "socket_timeout"} <= set(told["options_of_broker"])


def test_rabbitmq_means_quorum_queues() -> None:
    ended = run("-c", SAID, PONTE_BROKER_URL="amqp://u:p@a//;amqp://u:p@b//")
    assert ended.code == 0, ended.said
    told = json.loads(ended.said)
    assert (told["broker"], told["queues"]) == ("amqp://u:p@a//;amqp://u:p@b//", "quorum")
    assert told["options_of_broker"] == ["confirm_publish"]
