"""Addresses that look right and are not, words that are none: problems with a name, never a traceback."""

import re

import pytest

from config.env import Environment
from tests.settings.starting import MANAGE, PROJECT, run
from tests.settings.test_environment_values import environment, problems

ADDRESSES = {
    "DATABASE_URL": "postgres://user@host:port/name",
    "REDIS_URL": "redis://host:99999999/0",
    "PONTE_PUBLIC_URL": "https://[ponte.example",
    "PONTE_LOG_LEVEL": "LOUD",
    "PONTE_ALLOWED_HOSTS": " , ",
}


def test_all_are_told_at_once() -> None:
    ended = run(*MANAGE, "check", **ADDRESSES)
    assert ended.code == 1
    assert [name for name in ADDRESSES if not ended.names(name)] == []
    assert "Traceback" not in ended.said


def database(env: Environment) -> str:
    return env.url("U", schemes=("postgres", "postgresql"), names_database=True)


@pytest.mark.parametrize("raw", ["postgres://u:p@host:5432/db", "postgresql://host/db", "postgres:///db"])
def test_a_database_may_leave_out_host_and_user(raw: str) -> None:
    env = environment(U=raw)
    assert (database(env), problems(env)) == (raw, [])


@pytest.mark.parametrize(
    "raw", ["postgres://host", "postgres://host/", "postgres://h:0/db", "postgres://h:x/db", "postgres://h /db"]
)
def test_a_database_without_name_or_with_a_port_that_is_none_is_a_problem(raw: str) -> None:
    env = environment(U=raw)
    assert (database(env), problems(env)) == ("", ["U"])


@pytest.mark.parametrize("raw", ["redis:/host/0", "redis://", "redis://h:70000", "redis://[h", "redis://h /0"])
def test_a_broker_without_a_usable_host_and_port_is_a_problem(raw: str) -> None:
    env = environment(U=raw)
    assert (env.url("U", schemes=("redis",)), problems(env)) == ("", ["U"])


@pytest.mark.parametrize("raw", ["https://ponte.example", "https://ponte.example/", "http://127.0.0.1:8000"])
def test_a_public_address_loses_only_its_last_stroke(raw: str) -> None:
    env = environment(U=raw)
    assert (env.origin("U", default=""), problems(env)) == (raw.rstrip("/"), [])


@pytest.mark.parametrize("raw", ["https://a/path", "https://a?b", "https://", "https:/a", "a.example", "https://a b"])
def test_a_public_address_is_a_site_without_a_path(raw: str) -> None:
    env = environment(U=raw)
    env.origin("U", default="")
    assert problems(env) == ["U"]


def test_the_level_of_the_log_may_be_written_small() -> None:
    env = environment(L="debug")
    assert env.choice("L", among=("DEBUG", "INFO"), default="INFO") == "DEBUG"


def test_every_variable_is_explained_for_operators() -> None:
    settings = (PROJECT / "config" / "settings.py").read_text(encoding="utf-8")
    explained = (PROJECT / "deploy" / "env.example").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings)) - {"PONTE_TEST_DB"}
    assert len(read) >= 14
    assert {name for name in read if f"{name}=" not in explained} == set()
