"""What every test has: a database that may be emptied between tests, a spool of its own, also in web processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from bridge.webhooks.circuit import circuit

# Minutes each: the processes that share the suite begin with them, else the last one keeps all waiting.
LONG = (
    "test_five_hundred_rounds.py", "test_small_run.py", "test_walk.py", "test_small_runs.py", "test_pace_over_processes.py",
    "test_up_end_to_end.py", "test_first_conversation.py", "test_any_order_in_bulk.py", "test_stopping_a_run.py",
    "test_in_a_browser.py", "test_rules_in_any_order.py", "test_unknown_effects.py", "test_description.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def may_empty(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Be retention, which alone may empty insert-only tables: tests with real transactions end with a flush."""
    with connection.cursor() as cursor:
        cursor.execute("SET ponte.retention = 'on'")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO CURRENT_USER")
        may_empty(connection)
    connection_created.connect(may_empty, dispatch_uid="tests.may_empty")


@pytest.fixture(autouse=True, scope="session")
def spool_of_shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that several tests share start before any of them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PONTE_SPOOL_DIR", str(tmp_path_factory.mktemp("shared") / "spool"))
        yield


@pytest.fixture(autouse=True)
def own_spool(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    spool = tmp_path / "spool"
    settings.SPOOL_DIR = spool
    monkeypatch.setenv("PONTE_SPOOL_DIR", str(spool))
    circuit.forget()
    return spool
