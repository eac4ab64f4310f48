"""A web host in miniature: gunicorn as deployed, drainers, a spool of its own, and a PostgreSQL that can be crashed."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg

from config.embedded import Servers, launch
from tests.intake.clinic import raw, signed_headers
from tests.intake.server import NOBODY, PROJECT, Server

START_S = 60
CONTENT = raw("message_created")
SEED = """
import django; django.setup()
from tests.intake.clinic import make_address, synced_lead
address = make_address()
synced_lead(address)
print(address.connection.public_id, address.connection.pk)
"""


def until(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass
class Database:
    """A PostgreSQL of our own; after `crash` it can be started again with what it had committed."""

    var: Path
    servers: Servers = field(init=False)
    is_up: bool = False

    def start(self) -> None:
        if not self.is_up:
            environ = {"PATH": os.environ["PATH"], "REDIS_URL": NOBODY}
            # Durable, because without synchronous commits a crash forgets what was committed.
            self.servers = launch(self.var, environ=environ, max_connections=40, report=lambda line: None)
            self.is_up = True

    def crash(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT: an immediate shutdown; SIGKILL: the postmaster alone dies, and its children notice."""
        os.kill(self.servers.pids[0], number)
        self.is_up = False
        self.servers.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Every process of the server holds its connections and does nothing, as when its disk hangs."""
        family = [self.servers.pids[0], *children(self.servers.pids[0])]
        signal_all(family, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(family, signal.SIGCONT)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.servers.database_url) as connection:
            return connection.execute(statement, values).fetchall()


@dataclass
class Host:
    """Processes of one web host."""

    database: Database
    spool: Path
    public_id: str
    connection_id: int

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": self.database.servers.database_url,
            "REDIS_URL": NOBODY,
            "WEB_CONCURRENCY": "1",
            "PONTE_SPOOL_DIR": str(self.spool),
            "PYTHONUNBUFFERED": "1",
        }

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=PROJECT, env=self.environ, capture_output=True, text=True, check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.manage("spool", "--status", "--json").stdout)
        return found

    @contextmanager
    def drainer(self) -> Iterator["subprocess.Popen[bytes]"]:
        """`manage.py spool`, until the block ends."""
        log = self.spool.with_suffix(f".{uuid.uuid4().hex[:6]}.log")
        with log.open("wb") as output:
            command = [sys.executable, "manage.py", "spool"]
            process = subprocess.Popen(command, cwd=PROJECT, env=self.environ, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(START_S)

    @contextmanager
    def web(self) -> Iterator["Web"]:
        """One web process under gunicorn, which starts another when it dies."""
        log = self.spool.with_suffix(f".web{uuid.uuid4().hex[:6]}.log")
        command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "config.wsgi"], cwd=PROJECT, env=self.environ, stdout=output, stderr=output
            )
        try:
            yield Web(self, log)
        finally:
            process.terminate()
            process.wait(START_S)

    def stored(self, keys: set[str]) -> list[str]:
        """Which of these deliveries PostgreSQL holds, each as often as it does."""
        rows = self.database.rows(
            "SELECT delivery_key FROM webhook_events WHERE connection_id = %s", self.connection_id
        )
        return sorted(key for (key,) in rows if key in keys)


class Web:
    """The web process and its senders."""

    def __init__(self, host: Host, log: Path) -> None:
        self._host, self._log = host, log
        assert until(lambda: "Listening at" in self.said()), self.said()
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", self.said())
        assert found
        self._server = Server(int(found[1]))
        assert until(self._answers), self.said()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def _answers(self) -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self._server.port}/healthz", timeout=START_S) as answer:
            return answer.status == 200
        return False

    @property
    def worker(self) -> int:
        """Number of the process that answers now."""
        return int(re.findall(r"Booting worker with pid: (\d+)", self.said())[-1])

    def kill(self) -> None:
        """SIGKILL the process that answers; gunicorn starts another."""
        os.kill(self.worker, signal.SIGKILL)

    def limit_files(self, length: int) -> None:
        """Let no file of the web process grow beyond this, as on a full disk."""
        _, hard = resource.prlimit(self.worker, resource.RLIMIT_FSIZE)
        resource.prlimit(self.worker, resource.RLIMIT_FSIZE, (length, hard))

    def deliver(self, content: bytes = CONTENT, **signing: Any) -> tuple[int, str]:
        """Post one signed delivery; return status and delivery id. Raises OSError when the connection breaks."""
        headers = signed_headers(content, **signing)
        status, _ = self._server.post(f"/webhooks/chatwoot/{self._host.public_id}/", content, headers)
        return status, headers["X-Chatwoot-Delivery"]

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        return self._server.post(path, body, headers)[0]
