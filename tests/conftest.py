"""What every test has: a database that may be emptied between tests, a spool of its own, also in web processes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test import Client
from django.utils import translation
from django_otp import DEVICE_ID_SESSION_KEY

from bridge.webhooks.circuit import circuit
from consent.access import sessions
from consent.encryption.datakeys import cache

# Minutes each: the processes that share the suite begin with them, else the last one keeps all waiting.
LONG = (
    "test_rounds_of_flips.py", "test_small_run.py", "test_walk.py", "test_small_runs.py", "test_pace_over_processes.py",
    "test_up_end_to_end.py", "test_first_conversation.py", "test_any_order_in_bulk.py", "test_stopping_a_run.py",
    "test_every_page.py", "test_every_page_in_a_browser.py", "test_without_postgresql.py",
    "test_without_broker.py", "test_stopping.py", "test_in_a_browser.py", "test_rules_in_any_order.py",
    "test_unknown_effects.py", "test_description.py", "test_database_pair.py", "test_brokers.py",
    "test_rolling_restart.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def may_empty(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Be retention, which alone may empty insert-only tables: tests with real transactions end with a flush."""
    with connection.cursor() as cursor:
        cursor.execute("SET ponte.retention = 'on'")


class Emptying:
    """The end of a test with real transactions: only tables that have rows are emptied, a tenth of a full flush.

    What migrations put in (content types, permissions) stays, so that nobody has to put it in again.
    """

    HAS_ROWS = "SELECT name FROM (VALUES {}) AS held (name, is_full) WHERE is_full"
    # Insert-only tables refuse DELETE; nothing refers to them.
    GUARDED = """
    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
    WHERE NOT tgisinternal AND tgparentid = 0 AND (tgtype & 8) > 0 AND (tgtype & 2) > 0
    """

    def __init__(self) -> None:
        self.stays = set(self.full(connection.introspection.django_table_names(only_existing=True)))

    def __call__(self, style: object, tables: list[str], **_: object) -> list[str]:
        tables = [name for name in tables if name not in self.stays]
        if not tables:  # of a database that tests make for themselves
            return []
        with connection.cursor() as cursor:
            cursor.execute(self.GUARDED)
            guarded = {name for (name,) in cursor.fetchall()}
        # Once more for the rows that triggers wrote about the deleted ones.
        while full := self.full(tables):
            with transaction.atomic(), connection.cursor() as cursor:
                # A legal hold keeps what it covers until the hold itself is gone.
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
                for name in full:
                    cursor.execute(f'TRUNCATE "{name}"' if name in guarded else f'DELETE FROM "{name}"')
        return []

    def full(self, tables: Iterable[str]) -> list[str]:
        held = ", ".join(f"('{name}', EXISTS (SELECT FROM \"{name}\"))" for name in tables)
        with connection.cursor() as cursor:
            cursor.execute(self.HAS_ROWS.format(held))
            return [name for (name,) in cursor.fetchall()]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO CURRENT_USER")
        may_empty(connection)
        emptying = Emptying()
    connection_created.connect(may_empty, dispatch_uid="tests.may_empty")
    with pytest.MonkeyPatch.context() as django_itself:
        # Of the class: a browser's loop has connections of its own.
        django_itself.setattr(type(connection.ops), "sql_flush", emptying)
        yield


@pytest.fixture(autouse=True, scope="session")
def spool_of_shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that several tests share start before any of them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PONTE_SPOOL_DIR", str(tmp_path_factory.mktemp("shared") / "spool"))
        yield


@pytest.fixture(autouse=True, scope="session")
def force_login_is_a_whole_sign_in() -> Iterator[None]:
    """Django's shortcut leaves out what the pages of the sign-in leave in the session; tests of those use them."""
    plain = Client.force_login

    def whole(self: Client, user: Any, backend: str | None = None) -> None:
        plain(self, user, backend)
        session, now = self.session, int(time())
        session.update({sessions.BEGAN: now, sessions.SEEN: now, sessions.CHECKED: now, DEVICE_ID_SESSION_KEY: "tests"})
        session.save()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", whole)
        yield


@pytest.fixture(autouse=True)
def no_keys_in_memory() -> Iterator[None]:
    """Keys of rows that the test before has removed."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def in_english() -> Iterator[None]:
    """The sentences of the code; their Portuguese is the catalogue's."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def own_spool(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    spool = tmp_path / "spool"
    settings.SPOOL_DIR = spool
    monkeypatch.setenv("PONTE_SPOOL_DIR", str(spool))
    circuit.forget()
    return spool
