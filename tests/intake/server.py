"""The real web process (gunicorn as deployed) on this test's database, and a broker that accepts and never answers."""

import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import quote

from django.db import connection

PROJECT = Path(__file__).parents[2]
START_S = 60
ANSWER_S = 30
NOBODY = "redis://127.0.0.1:9/0"  # the discard port: a broker that is away


@dataclass(frozen=True)
class Server:
    """A running web process and its port."""

    port: int

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """One call on a connection of its own; return status and body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            client.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def send_bytes(self, data: bytes, *, then_close: bool = False) -> int:
        """Send bytes as they are, whatever they claim; return the status of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S) as plain:
            plain.sendall(data)
            if then_close:
                plain.shutdown(socket.SHUT_WR)
            first = plain.makefile("rb").readline()
        return int(first.split()[1])


def database_address() -> str:
    """The address of the database pytest made."""
    parts = connection.settings_dict
    user, password = quote(parts["USER"], safe=""), quote(parts["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


@contextmanager
def running_server(*, database_url: str = "", broker_url: str = NOBODY, processes: int = 2) -> Iterator[Server]:
    """Start web processes and stop them."""
    environ = os.environ | {
        "DATABASE_URL": database_url or database_address(),
        "REDIS_URL": broker_url,
        "WEB_CONCURRENCY": str(processes),
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "deploy/gunicorn.conf.py",
        "--bind",
        "127.0.0.1:0",
        "config.wsgi",
    ]
    with TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=log, stderr=log)
        try:
            yield Server(_port(process, log, processes))
        finally:
            process.terminate()
            process.wait(timeout=START_S)


def _port(process: "subprocess.Popen[bytes]", log: object, processes: int) -> int:
    """Wait until the server tells where it listens and answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        text = os.pread(log.fileno(), 100_000, 0).decode()  # type: ignore[attr-defined]
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", text)
        if found and text.count("Booting worker") == processes:
            with suppress(OSError):
                client = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=ANSWER_S)
                client.request("GET", "/healthz")
                if client.getresponse().status == 200:
                    return int(found[1])
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{os.pread(log.fileno(), 100_000, 0).decode()}")  # type: ignore[attr-defined]


@dataclass
class FrozenBroker:
    """Accepts connections, reads, and never says a word."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    held: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                self.held.append(self.listener.accept()[0])

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for each in (self.listener, *self.held):
            each.close()


@contextmanager
def frozen_broker() -> Iterator[FrozenBroker]:
    broker = FrozenBroker()
    threading.Thread(target=broker.run, daemon=True).start()
    try:
        yield broker
    finally:
        broker.close()
