"""A missing or malformed variable stops every process with variable, problem and fix; its value is never shown."""

import pytest

from tests.settings.starting import GUNICORN, KEY, MANAGE, run

REQUIRED = ("PONTE_SECRET_KEY", "PONTE_MASTER_KEYS", "PONTE_BLIND_KEYS", "PONTE_AUDIT_KEYS", "DATABASE_URL")
MALFORMED = {
    "PONTE_SECRET_KEY": "canary",
    "PONTE_MASTER_KEYS": "k1:canary!",
    "PONTE_BLIND_KEYS": f"{KEY},k1:canarycanary",
    "PONTE_AUDIT_KEYS": "canary",
    "DATABASE_URL": "mysql://canary",
    "REDIS_URL": "canary",
    "PONTE_DEBUG": "canary",
    "PONTE_EXAMPLE_DATA": "canary",
    "PONTE_PUBLIC_URL": "ftp://canary",
    "PONTE_BEHIND_TLS_PROXY": "canary",
    "PONTE_LEASE_S": "canary",
    "PONTE_SETTLE_S": "-7",
}


def test_a_usable_environment_starts() -> None:
    ended = run(*MANAGE, "check")
    assert (ended.code, "no issues" in ended.said) == (0, True)


def test_all_problems_are_told_at_once_and_no_value_is_shown() -> None:
    ended = run(*MANAGE, "check", **MALFORMED)
    assert ended.code == 1
    assert [name for name in MALFORMED if not ended.names(name)] == []
    assert ended.said.count("HINT: use") >= len(MALFORMED)
    assert "canary" not in ended.said


def test_all_that_is_missing_is_told_at_once() -> None:
    ended = run(*MANAGE, "check", **dict.fromkeys(REQUIRED, ""))
    assert ended.code == 1
    for name in REQUIRED:
        assert f"{name} is missing." in ended.said
        assert f"HINT: set {name}; deploy/env.example explains it." in ended.said


@pytest.mark.parametrize("variable", ["PONTE_MASTER_KEYS", "DATABASE_URL"])
def test_the_web_server_does_not_start(variable: str) -> None:
    ended = run(*GUNICORN, **{variable: MALFORMED[variable]})
    assert ended.code != 0
    assert ended.names(variable)
    assert "canary" not in ended.said


def test_importing_the_web_application_names_every_problem() -> None:
    ended = run("-c", "import config.wsgi", PONTE_SECRET_KEY="", PONTE_LEASE_S="soon")
    assert ended.code == 1
    assert ended.names("PONTE_SECRET_KEY")
    assert "PONTE_LEASE_S is not a whole number in range: use digits only, 1 or more." in ended.said
