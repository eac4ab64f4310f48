"""Migrations run forward, to zero, forward; and nothing is missing from them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

OWN_APPS = ("insights", "bridge", "consent", "audit")


@pytest.fixture
def empty_database() -> Iterator[str]:
    """Address of a database of its own."""
    url = os.environ["DATABASE_URL"]
    name = f"migrations_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{url.rsplit('/', 1)[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": database}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def tables(database: str) -> set[str]:
    with psycopg.connect(database) as server:
        rows = server.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_schema IN ('public', 'keys') AND table_name !~ '^(django|auth)_'"
        ).fetchall()
    return {row[0] for row in rows}


def test_forward_to_zero_and_forward_again(empty_database: str) -> None:
    assert manage(empty_database, "migrate").returncode == 0
    made = tables(empty_database)
    assert {"public.webhook_events", "public.effects", "public.failed_webhooks", "keys.data_keys"} <= made
    # The user model is ours: the admin's own tables point at it and go first.
    for app in ("admin", *OWN_APPS):
        done = manage(empty_database, "migrate", app, "zero")
        assert done.returncode == 0, done.stderr
    assert tables(empty_database) == set()
    assert manage(empty_database, "migrate").returncode == 0
    assert tables(empty_database) == made


def test_every_table_says_what_it_is_for(empty_database: str) -> None:
    manage(empty_database, "migrate")
    with psycopg.connect(empty_database) as server:
        silent = server.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname IN ('public', 'keys') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition "
            "AND c.relname !~ '^(django|auth)_' AND obj_description(c.oid) IS NULL "
            "AND c.relname !~ '(_groups|_user_permissions|_krayin_users|_rule_people)$'"
        ).fetchall()
    assert silent == []


def test_times_know_their_zone(empty_database: str) -> None:
    manage(empty_database, "migrate")
    with psycopg.connect(empty_database) as server:
        naive = server.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema IN ('public', 'keys') AND data_type = 'timestamp without time zone'"
        ).fetchall()
    assert naive == []


def test_no_model_differs_from_its_migrations(empty_database: str) -> None:
    done = manage(empty_database, "makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout
