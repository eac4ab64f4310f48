"""A new version goes live while deliveries come in: none is refused, none is lost, whatever migrates.

PONTE_FULL_ROLLING=5 restarts three web processes five times; otherwise two, once.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.deploy.pair import copy_database, same_as_the_suites
from tests.deploy.units import Units, running_units
from tests.intake.clinic import signed_headers
from tests.intake.server import NOBODY, PROJECT, Server, database_address
from tests.spool.host import CONTENT, SEED, until
from tests.spool.test_without_postgresql import Senders

# The suite's database must be there to be copied.
pytestmark = [pytest.mark.servers, pytest.mark.django_db(databases="__all__")]

ROUNDS = int(os.environ.get("PONTE_FULL_ROLLING", "1"))
PROCESSES = 3 if ROUNDS > 1 else 2


@dataclass
class Site:
    """A copy of the suite's database with one connection, and the web processes before it."""

    url: str
    spool: Path
    public_id: str = ""
    port: int = 0

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "DATABASE_URL": self.url, "REDIS_URL": NOBODY, "WEB_CONCURRENCY": "1",
                "PONTE_SPOOL_DIR": str(self.spool), "PYTHONUNBUFFERED": "1"}  # fmt: skip

    def deliver(self) -> tuple[int, str]:
        """One signed delivery on a connection of its own, as Chatwoot's."""
        headers = signed_headers(CONTENT)
        status, _ = Server(self.port).post(f"/webhooks/chatwoot/{self.public_id}/", CONTENT, headers)
        return status, headers["X-Chatwoot-Delivery"]

    def manage(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments], cwd=PROJECT, env={**self.environ, **more}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def migrate(self, to: str) -> "subprocess.Popen[str]":
        """The next version's `migrate`, running."""
        later = {"DJANGO_SETTINGS_MODULE": "tests.deploy.later.settings"}
        return self.manage("migrate", "later", to, "--lock-timeout", "0.3", **later)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement, values).fetchall()

    def stored(self, keys: set[str]) -> list[str]:
        """Which of these deliveries there are, each as often as it is there; first the drainer brings in what waits."""
        drained = self.manage("spool", "--once")
        _, said = drained.communicate()
        assert drained.returncode == 0, said
        rows = self.rows("SELECT delivery_key FROM webhook_events")
        return sorted(key for (key,) in rows if key in keys)


@contextmanager
def own_database() -> Iterator[str]:
    """A database beside the suite's, with the same tables."""
    address = urlsplit(database_address())
    name = f"rolling_{os.getpid()}"
    with psycopg.connect(address._replace(path="/postgres").geturl(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            url = address._replace(path=f"/{name}").geturl()
            copy_database(same_as_the_suites().main.resolve().parent, url)
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def site(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Units]]:
    directory = tmp_path_factory.mktemp("rolling")
    with own_database() as url:
        site = Site(url, directory / "spool")
        done = subprocess.run(
            [sys.executable, "-c", SEED], cwd=PROJECT, env=site.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        site.public_id = done.stdout.split()[0]
        with running_units(PROCESSES, directory, site.environ) as units:
            site.port = units.port
            yield site, units


def test_web_processes_restart_one_by_one_during_a_migration_and_no_delivery_is_refused_or_lost(
    site: tuple[Site, Units],
) -> None:
    here, units = site
    before = [unit.process.pid for unit in units.units]
    senders, began = Senders(here, 3), time.monotonic()  # type: ignore[arg-type]  # it only delivers
    senders.send_more(20)
    migrating = here.migrate("0001")
    for _ in range(ROUNDS):
        units.rolling_restart()
    said = migrating.communicate()
    senders.send_more(20)
    senders.stop()
    seconds = time.monotonic() - began
    assert migrating.returncode == 0, said
    assert (senders.others, senders.broken) == ([], 0), units.said()
    assert here.stored(senders.acknowledged) == sorted(senders.acknowledged)
    assert not set(before) & {unit.process.pid for unit in units.units}
    print(f"{len(senders.acknowledged)} deliveries in {seconds:.1f} s, {ROUNDS * PROCESSES} restarts")


def test_a_migration_that_cannot_have_its_lock_lets_others_through_and_comes_back(site: tuple[Site, Units]) -> None:
    here, _ = site
    with psycopg.connect(here.url) as reader:
        reader.execute("LOCK TABLE webhook_events IN ACCESS SHARE MODE")  # a long report
        migrating = here.migrate("0002")
        assert until(lambda: waits_for_lock(here))
        answers = [here.deliver() for _ in range(30)]
        assert {status for status, _ in answers} == {202}
        assert migrating.poll() is None
    _, told = migrating.communicate()
    assert migrating.returncode == 0, told
    assert "A lock was not free (attempt 1 of 60); others go first." in told
    keys = {key for _, key in answers}
    assert here.stored(keys) == sorted(keys)
    assert here.rows("SELECT count(later_2) FROM webhook_events") == [(0,)]


def waits_for_lock(here: Site) -> bool:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%%later_2%%'"
    )
    return here.rows(waiting) != [(0,)]
