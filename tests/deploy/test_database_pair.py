"""PgBouncer in transaction mode, a streaming replica and its promotion, as deployed (deploy/pgbouncer, deploy/postgres).

PONTE_FULL_POOLER=1 runs all tests of intake, lanes, ledger, insights and export through the pooler instead of a few;
PONTE_FULL_FAILOVER=1000 sends so many deliveries while the primary is killed and the replica promoted.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.embedded.postgres import SUPERUSER
from tests.deploy.pair import PATIENCE_S, PROJECT, Pair, running_pair
from tests.spool.host import SEED, Host, until
from tests.spool.test_without_postgresql import Senders, is_drained, knows_its_senders

DELIVERIES = int(os.environ.get("PONTE_FULL_FAILOVER", "60"))
STORED = "tests/intake/test_what_is_stored.py"
FEW = (
    STORED,
    "tests/bridge/test_lanes.py",
    "tests/bridge/test_main_path.py",
    "tests/insights/test_insight_rows.py",
)
ALL = ("tests/intake", "tests/bridge", "tests/proof", "tests/insights", "tests/export", "tests/audit", "tests/spool")
# The suite's database must be there to be copied.
pytestmark = [pytest.mark.servers, pytest.mark.django_db(databases="__all__")]
SUITE = ALL if os.environ.get("PONTE_FULL_POOLER") else FEW


@pytest.fixture(scope="module")
def pair(django_db_setup: None) -> Iterator[Pair]:
    with running_pair() as running:
        yield running


@pytest.fixture
def whole(pair: Pair) -> Pair:
    """Whatever the test before has killed runs again. A promotion is not undone: that test is the last."""
    pair.replica.start(os.environ, lambda line: None)
    assert until(pair.replica_has_everything)
    return pair


def run(pair: Pair, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A Python of its own that uses the three servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env={**kept, **pair.environ, **more}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_what_uses_sessions_cursors_and_locks_works_through_the_pooler(whole: Pair) -> None:
    pytest_options = ("-q", "-x", "--reuse-db", "-p", "no:cacheprovider", "-m", "not browser")
    # Tests know one pool only; the next test asks the others.
    left_out = ("--deselect", f"{STORED}::test_the_intake_is_cut_off_by_the_server_before_chatwoot_gives_up")
    done = run(
        whole, "-m", "pytest", *pytest_options, *left_out, *SUITE, PONTE_TEST_DB="ponte", DATABASE_REPLICA_URL=""
    )
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 30


def test_the_pools_set_what_clients_cannot(whole: Pair) -> None:
    names = ("statement_timeout", "lock_timeout", "synchronous_commit")
    show = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}"
    expected = {
        "ponte": ("0", "0", "local"),
        "ponte_intake": ("500ms", "300ms", "remote_write"),
        "ponte_audit": ("0", "0", "local"),
    }
    # Twice: in session mode the first client's end would reset what the pool has set.
    for pool in (*expected, *expected):
        with psycopg.connect(whole.pooler.url(pool), prepare_threshold=None) as connection:
            assert connection.execute(show).fetchone() == expected[pool]


def test_clients_share_connections_and_only_the_way_past_keeps_a_session(whole: Pair) -> None:
    def keeps_settings(pool: str) -> bool:
        """Whether a second client takes over, once a transaction has ended, the connection of the first."""
        with psycopg.connect(whole.pooler.url(pool), autocommit=True) as first:
            number = first.execute("SELECT pg_backend_pid()").fetchone()
            with psycopg.connect(whole.pooler.url(pool), autocommit=True) as second:
                return second.execute("SELECT pg_backend_pid()").fetchone() != number

    assert {pool: keeps_settings(pool) for pool in ("ponte_audit", "ponte_direct")} == {
        "ponte_audit": False,
        "ponte_direct": True,
    }


def test_partitions_are_maintained_past_the_pooler(whole: Pair) -> None:
    done = run(whole, "manage.py", "partitions", "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    with whole.primary.admin("ponte") as admin:
        assert admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_lists_come_from_the_replica_unless_it_is_away_late_or_behind_the_readers_own_writes(whole: Pair) -> None:
    admin = f"{whole.replica.place} user={SUPERUSER} dbname=ponte password={whole.replica.password(SUPERUSER)}"
    done = run(
        whole, "-m", "tests.deploy.lists", ADMIN_OF_REPLICA=admin, REPLICA_PID=str(whole.replica.running.pid),
        PONTE_REPLICA_DELAY_S="60", DJANGO_SETTINGS_MODULE="config.settings",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "a list": ["replica"],
        "who may see it": ["primary"],
        "a form": ["primary"],
        "somebody else has written a moment ago": ["replica"],
        "this reader has written": ["primary"],
        "another reader": ["replica"],
        "it is later than it may be": ["primary"],
        "it has caught up": ["replica"],
        "it is away": ["primary"],
    }


# The primary is lost --------------------------------------------------------------------------------------------------


@dataclass
class PairedHost(Host):
    """A web host whose processes use the pair."""

    pair: Pair

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, **self.pair.environ, "WEB_CONCURRENCY": "1", "PONTE_SPOOL_DIR": str(self.spool),
                "PYTHONUNBUFFERED": "1"}  # fmt: skip


def make_host(pair: Pair, spool: Path) -> PairedHost:
    done = run(pair, "-c", SEED)
    assert done.returncode == 0, done.stderr
    public_id, connection_id = done.stdout.split()
    return PairedHost(pair, spool, public_id, int(connection_id), pair)  # type: ignore[arg-type]  # rows() is all it needs


def test_without_the_replica_deliveries_take_the_spool_until_nobody_waits_for_it(whole: Pair, tmp_path: Path) -> None:
    host = make_host(whole, tmp_path / "spool")
    assert until(whole.deliveries_wait_for_two)
    with host.web() as web, host.drainer():
        knows_its_senders(host, web)
        senders = Senders(web)
        senders.send_more(10)
        whole.replica.crash()
        senders.send_more(20)
        assert until(lambda: not whole.deliveries_wait_for_two())
        senders.send_more(20)
        senders.stop()
        assert until(lambda: is_drained(host), PATIENCE_S * 2)
    assert (senders.others, senders.broken) == ([], 0)
    assert host.stored(senders.acknowledged) == sorted(senders.acknowledged)
    whole.replica.start(os.environ, lambda line: None)
    assert until(whole.deliveries_wait_for_two)


def test_the_primary_is_lost_and_the_replica_promoted_without_losing_a_delivery(whole: Pair, tmp_path: Path) -> None:
    host = make_host(whole, tmp_path / "spool")
    assert until(whole.replica_has_everything)
    assert until(whole.deliveries_wait_for_two)
    with host.web() as web, host.drainer():
        knows_its_senders(host, web)
        senders = Senders(web)
        senders.send_more(DELIVERIES // 3)
        refused = whole.promote()
        assert (refused.returncode, "still answers" in refused.stderr) == (1, True)
        whole.primary.crash()
        senders.send_more(DELIVERIES // 3)
        assert not is_drained(host)
        promoted = whole.promote()
        assert promoted.returncode == 0, promoted.stderr
        senders.send_more(DELIVERIES // 3)
        senders.stop()
        assert until(lambda: is_drained(host), PATIENCE_S * 2)
        assert until(lambda: web.deliver()[0] == 202 and is_drained(host))
    assert (senders.others, senders.broken) == ([], 0)
    assert host.stored(senders.acknowledged) == sorted(senders.acknowledged)
    with whole.replica.admin("ponte") as admin:
        assert admin.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
