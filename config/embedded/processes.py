"""One server process: start it on a free loopback port, recognise it in a later run, stop it."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, ClassVar

from config.embedded.accounts import Account, Placement, give_to_owner_of, make_directory, place, unusable
from config.embedded.binaries import Programs
from config.embedded.errors import ServerStartFailed

LOOPBACK = "127.0.0.1"
PORT_ATTEMPTS = 5
# A server that recovers after a crash of the machine reads its log first; that takes time, not luck.
START_TIMEOUT_S = 120.0
ADOPT_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 30.0
LOG_LIMIT_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Options:
    """How to run the servers. Not durable: fast and lost with the machine, for tests and development only."""

    durable: bool = True
    max_connections: int = 200


@dataclass(frozen=True)
class Record:
    """What `process.json` keeps of a started server, so that a later run finds it again."""

    pid: int
    port: int
    version: str
    source: str


class Server(ABC):
    """One server of one data directory.

    `home` holds `data/` (owned by the account that runs the server), passwords, configuration, log and process.json.
    Subclasses say how to create the data, which command serves them, and how to tell that it answers.
    """

    names: ClassVar[tuple[str, ...]]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, home: Path, programs: Programs, options: Options) -> None:
        self.home = home
        self.programs = programs
        self.options = options
        self.record: Record | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def running(self) -> Record:
        """The record of the server that was started or found."""
        if self.record is None:
            raise RuntimeError(f"the server of {self.home} is not running")
        return self.record

    @property
    @abstractmethod
    def url(self) -> str:
        """URL with the password, for clients of the running server."""

    @abstractmethod
    def prepare(self, placement: Placement) -> None:
        """Create the data directory when there is none; must be repeatable after an interruption."""

    @abstractmethod
    def command(self, placement: Placement, port: int) -> list[str | Path]:
        """Return the command that serves `data` in the foreground on `port`; may write the configuration it needs."""

    @abstractmethod
    def answers(self, record: Record) -> bool:
        """Tell whether the process of `record` serves clients now."""

    def find_running(self) -> bool:
        """Take over a server of this directory that an earlier run left; False when none answers."""
        record = self.find_record()
        if record is None or not self._is_alive(record) or not self.answers(record):
            return False
        self.record = record
        return True

    def find_record(self) -> Record | None:
        try:
            return Record(**json.loads((self.home / "process.json").read_text()))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise unusable(self.home, error) from error
        except (ValueError, TypeError):
            return None  # cut off while being written: the checks below decide

    def start(self, environ: Mapping[str, str], report: Callable[[str], None]) -> None:
        """Take over the running server, or start one. Raises ServerStartFailed, ServerDataUnusable."""
        if self._adopt():
            return
        make_directory(self.home)
        placement = place(self.home, self.programs, environ, report)
        self.home = placement.home
        try:
            self.prepare(placement)
            placement.account.own(self.data)
            self._start_on_free_port(placement)
        except OSError as error:
            raise unusable(self.home, error) from error

    def stop(self) -> None:
        """Stop the server in its orderly way; kill it when that takes too long. Safe to call twice."""
        record, self.record = self.record, None
        if record is None or not self._is_alive(record):
            return
        for way, timeout_s in ((self.stop_signal, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
            os.kill(record.pid, way)
            if wait_until(lambda: not self._is_alive(record), timeout_s):
                return

    def password(self, name: str) -> str:
        """Return the password kept in `<name>.password`, a new random one the first time."""
        path = self._password_file(name)
        if not path.exists():
            write_private(path, secrets.token_hex(24))
        return path.read_text().strip()

    def _password_file(self, name: str) -> Path:
        return self.home / f"{name}.password"

    def run(self, placement: Placement, *command: str | Path, stdin: str = "") -> None:
        """Run a preparing command to its end. Raises ServerStartFailed with what it said."""
        account = placement.account
        done = subprocess.run(
            [*account.prefix, *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=server_environment(),
            **account.options(),
        )
        if done.returncode != 0:
            raise ServerStartFailed(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _adopt(self) -> bool:
        record = self.find_record()
        if record is None or not self._is_alive(record):
            return False
        self.record = record
        if wait_until(lambda: not self._is_alive(record) or self.answers(record), ADOPT_TIMEOUT_S):
            return self._is_alive(record)
        self.stop()  # ours but hung; two servers must never share one data directory
        return False

    def _start_on_free_port(self, placement: Placement) -> None:
        for port in self._ports():
            if self._start_on(placement, port):
                return
        raise ServerStartFailed(f"{self.programs.main} found no free port in {PORT_ATTEMPTS} attempts.")

    def _ports(self) -> Iterator[int]:
        """Yield ports to try: last time's first, so that saved connections keep working."""
        previous = self.find_record()
        if previous:
            yield previous.port
        for _ in range(PORT_ATTEMPTS):
            yield free_port()

    def _start_on(self, placement: Placement, port: int) -> bool:
        """Start and wait until clients are served; False when another process has taken the port meanwhile."""
        command = self.command(placement, port)
        with open_log(self.home / "server.log") as log:
            begin = log.tell()
            self._child = subprocess.Popen(
                [*placement.account.prefix, *command],
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=server_environment(),
                # Ctrl-C in the terminal goes to our program, which then stops the servers in the right order.
                start_new_session=True,
                **placement.account.options(),
            )
        self.record = Record(self._child.pid, port, self.programs.version, self.programs.source.value)
        try:
            write_private(self.home / "process.json", json.dumps(asdict(self.record)))
            return self._wait_for_start(self.record, begin)
        except BaseException:
            self.stop()
            raise

    def _wait_for_start(self, record: Record, log_begin: int) -> bool:
        ready = wait_until(lambda: not self._is_alive(record) or self.answers(record), START_TIMEOUT_S)
        if ready and self._is_alive(record):
            return True
        if not self._is_alive(record) and not is_free(record.port):
            self.record = None
            return False
        said = (self.home / "server.log").read_bytes()[log_begin:].decode(errors="replace").splitlines()
        raise ServerStartFailed("\n".join([f"{self.programs.main} did not start; the end of its log:", *said[-15:]]))

    def _is_alive(self, record: Record) -> bool:
        if self._child is not None and self._child.pid == record.pid:
            return self._child.poll() is None
        return runs_in(record.pid, self.data, self.names)


def runs_in(pid: int, directory: Path, names: tuple[str, ...]) -> bool:
    """Tell whether process `pid` is one of the programs `names` with `directory` as its working directory.

    Servers stay in their data directory, so this recognises ours even when the system has given the number to others.
    """
    try:
        if Path("/proc/self/cwd").exists():
            # unshare: the short moment before it turns into the server
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            return name in (*names, "unshare") and os.readlink(f"/proc/{pid}/cwd") == str(directory.resolve())
        listed = subprocess.run(
            ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fcn"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return False
    return f"\nn{directory.resolve()}" in listed and re.search(rf"^c({'|'.join(names)})$", listed, re.M) is not None


def server_environment() -> dict[str, str]:
    """Return a small environment without our secrets; messages of the servers stay in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Return True as soon as `condition` holds, False after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """Write a file that only its owner reads, whole or not at all; for `account`, else for the directory's owner."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if account is None:
        give_to_owner_of(path.parent, draft)
    else:
        account.own(draft)
    draft.replace(path)


def open_log(path: Path) -> IO[bytes]:
    """Open a server's log for appending; one older part is kept."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    if not path.exists():
        write_private(path, "")
    return path.open("ab")
