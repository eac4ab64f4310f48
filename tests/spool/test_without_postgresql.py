"""Real processes: what was acknowledged is in PostgreSQL once, though PostgreSQL, web or drainer crash at any moment."""

import http.client
import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.spool.status import KNOWN
from config.embedded.accounts import moved_root
from tests.intake.clinic import TOKEN, body, encoded
from tests.intake.server import PROJECT
from tests.spool.host import CONTENT, SEED, Database, Host, Web, until

FORM = b"event=lead.update.after&bridge_ref=cw-1-conv-4711"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated PostgreSQL of this module."""
    database = Database(tmp_path_factory.mktemp("postgres"))
    try:
        database.start()
        host = Host(database, database.var / "spool", "", 0)
        done = host.manage("migrate", "--no-input", "-v", "0")
        assert done.returncode == 0, done.stderr
        yield database
    finally:
        database.servers.stop()
        shutil.rmtree(moved_root(database.var), ignore_errors=True)


@pytest.fixture
def host(database: Database, tmp_path: Path) -> Host:
    """PostgreSQL runs, one connection, nothing spooled."""
    database.start()
    host = Host(database, tmp_path / "spool", "", 0)
    done = subprocess.run(
        [sys.executable, "-c", SEED], cwd=PROJECT, env=host.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    public_id, connection_id = done.stdout.split()
    return Host(database, tmp_path / "spool", public_id, int(connection_id))


def knows_its_senders(host: Host, web: Web) -> None:
    """One delivery in good times, and the connections are on the disk."""
    assert web.deliver()[0] == 202
    assert until((host.spool / KNOWN).exists)


class Senders:
    """Threads that deliver until told to stop, and remember what was acknowledged."""

    def __init__(self, web: Web, count: int = 4) -> None:
        self._web = web
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self.others: list[int] = []
        self.broken = 0
        self._threads = ThreadPoolExecutor(count)
        self._done = [self._threads.submit(self._run) for _ in range(count)]

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            try:
                status, key = self._web.deliver()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                continue
            if status == 202:
                self.acknowledged.add(key)
            else:
                self.others.append(status)

    def send_more(self, count: int) -> None:
        wanted = len(self.acknowledged) + count
        assert until(lambda: len(self.acknowledged) >= wanted)

    def stop(self) -> None:
        self._stop.set()
        self._threads.shutdown()
        for done in self._done:
            done.result()


def is_drained(host: Host) -> bool:
    return not list(host.spool.glob("*.spool"))


@pytest.mark.parametrize("way", [signal.SIGQUIT, signal.SIGKILL])
def test_every_acknowledged_delivery_is_stored_once_though_postgresql_crashes(host: Host, way: signal.Signals) -> None:
    with host.web() as web, host.drainer():
        knows_its_senders(host, web)
        senders = Senders(web)
        senders.send_more(20)
        host.database.crash(way)
        senders.send_more(60)
        assert not is_drained(host)
        host.database.start()
        senders.send_more(20)
        senders.stop()
        assert until(lambda: is_drained(host))
    assert (senders.others, senders.broken) == ([], 0)
    assert host.stored(senders.acknowledged) == sorted(senders.acknowledged)


def test_a_web_process_killed_in_a_burst_has_kept_what_it_acknowledged(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        host.database.crash()
        senders = Senders(web)
        for _ in range(3):
            senders.send_more(25)
            killed = web.worker
            web.kill()
            assert until(lambda killed=killed: web.worker != killed)
        senders.send_more(25)
        senders.stop()
        assert senders.others == []
    host.database.start()
    assert host.status()["waiting"] >= len(senders.acknowledged)
    done = host.manage("spool", "--once")
    assert done.returncode == 0, done.stderr
    assert is_drained(host)
    assert host.stored(senders.acknowledged) == sorted(senders.acknowledged)
    arrived = host.database.rows(
        "SELECT DISTINCT arrived_by FROM webhook_events WHERE delivery_key = ANY(%s)", list(senders.acknowledged)
    )
    assert arrived == [("spool",)]


def test_a_web_process_that_starts_without_postgresql_tells_right_from_wrong(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
    host.database.crash()
    with host.web() as web:
        status, key = web.deliver()
        assert status == 202
        assert web.deliver(secret="not-the-secret-0123456789")[0] == 403
        assert web.post(f"/webhooks/chatwoot/{host.public_id}/", CONTENT, {}) == 401
        assert web.deliver(encoded(body("message_created", inbox={"id": 99}, conversation={})))[0] == 202
        assert web.post(f"/webhooks/krayin/{host.public_id}/", FORM, {"X-Bridge-Token": TOKEN}) == 202
        assert web.post(f"/webhooks/krayin/{host.public_id}/", FORM, {"X-Bridge-Token": "wrong"}) == 403
        # Nobody can tell whether this one is genuine.
        assert web.post("/webhooks/chatwoot/never-heard-of/", CONTENT, {}) == 503
        assert host.status()["waiting"] == 2
    host.database.start()
    assert host.manage("spool", "--once").returncode == 0
    assert host.stored({key}) == [key]
    hints = host.database.rows(
        "SELECT count(*) FROM webhook_events WHERE connection_id = %s AND event_type LIKE 'krayin:%%'",
        host.connection_id,
    )
    assert hints == [(1,)]


def test_a_postgresql_that_is_silent_holds_no_sender_up_until_it_gives_up(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        with host.database.frozen():
            answers = [web.deliver() for _ in range(10)]
        assert {status for status, _ in answers} == {202}
        host.manage("spool", "--once")
        keys = {key for _, key in answers}
        assert host.status()["waiting"] == 0
        assert host.stored(keys) == sorted(keys)


def test_on_a_full_disk_the_answer_is_503_and_never_a_false_202(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        host.database.crash()
        first, before = web.deliver()
        web.limit_files(100)  # less than any file begins with
        assert [web.deliver()[0] for _ in range(3)] == [503] * 3
        web.limit_files(resource.RLIM_INFINITY)
        last, after = web.deliver()
        assert (first, last) == (202, 202)
    host.database.start()
    assert host.manage("spool", "--once").returncode == 0
    assert host.stored({before, after}) == sorted([before, after])


def test_over_its_limit_the_spool_takes_nothing(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        host.database.crash()
        with (host.spool / "filling").open("wb") as file:
            file.truncate(1024**3)
        assert web.deliver()[0] == 503
        (host.spool / "filling").unlink()
        time.sleep(1.1)  # it measures once a second
        assert web.deliver()[0] == 202


def test_drainers_killed_while_others_wait_store_everything_once(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        host.database.crash()
        senders = Senders(web)
        senders.send_more(150)
        senders.stop()
    with host.drainer() as first, host.drainer() as second:
        assert until(lambda: host.status()["is_drained"])
        host.database.start()
        assert until(lambda: len(host.stored(senders.acknowledged)) > 5)
        first.kill()
        with host.drainer():
            second.kill()
            assert until(lambda: is_drained(host))
    assert host.stored(senders.acknowledged) == sorted(senders.acknowledged)


def test_the_command_says_when_records_must_wait(host: Host) -> None:
    with host.web() as web:
        knows_its_senders(host, web)
        host.database.crash()
        assert web.deliver()[0] == 202
        waits = host.manage("spool", "--once")
        assert waits.returncode == 1
        assert "must wait" in waits.stderr
        told = host.manage("spool", "--status")
        assert "waiting: 1\n" in told.stdout
        host.database.start()
        with host.drainer():
            assert until(lambda: is_drained(host))
            found = host.status()
            assert (found["waiting"], found["bad"], found["oldest_age_s"], found["is_drained"]) == (0, 0, None, True)
            busy = host.manage("spool", "--once", "--retry")
            assert (busy.returncode, "Another process" in busy.stderr) == (1, True)
            assert busy.stdout == "given back: 0\n"
        assert json.loads(host.manage("spool", "--status", "--json").stdout)["is_drained"] is False
