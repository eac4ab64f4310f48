"""Programs that run none of Django's checks (Celery), or ask the database first (migrate), stop as well."""

import pytest

from tests.settings.starting import CELERY, MANAGE, run


@pytest.mark.parametrize("variable", ["PONTE_MASTER_KEYS", "DATABASE_URL"])
@pytest.mark.parametrize("program", [("worker", "-P", "solo"), ("beat", "--pidfile=")], ids=["worker", "beat"])
def test_it_does_not_start(program: tuple[str, ...], variable: str) -> None:
    ended = run(*CELERY, *program, **{variable: "canary"})
    assert ended.code != 0
    assert ended.names(variable)
    assert "canary" not in ended.said


@pytest.mark.parametrize("variable", ["PONTE_SECRET_KEY", "PONTE_MASTER_KEYS", "PONTE_BLIND_KEYS", "DATABASE_URL"])
def test_migrations_do_not_start(variable: str) -> None:
    ended = run(*MANAGE, "migrate", **{variable: ""})
    assert ended.code == 1
    assert ended.names(variable)
    assert "Running migrations" not in ended.said
