"""Everything the run stands on: own PostgreSQL, own broker, every process of Ponte, in one temporary directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import redis

from config.embedded.accounts import home_for, moved_root
from config.embedded.binaries import Programs, Search, Source, postgres_programs, valkey_programs
from config.embedded.errors import ServersNotFound
from config.embedded.leash import leash
from config.embedded.postgres import PostgresServer
from config.embedded.processes import Options, free_port, wait_until
from config.embedded.valkey import ValkeyServer
from config.running import http
from config.running.environment import MAKERS
from config.running.processes import STOP_SIGNALS, Child, Processes
from config.running.telling import StopAsked

PROJECT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 90.0
END_TIMEOUT_S = 30.0
# A process that cannot start is tried again, but not in a circle without end.
MOST_RESTARTS = 50
# How long helpers live on when their leader was killed.
ORPHANS_S = 1.0
LANE_PROCESSES = 2

# Reads process groups until the program that writes them is gone, however it ended; then clears up in its place.
LEASH = """
while read -r line; do groups=$line; done
for group in $groups; do kill -KILL "-$group"; done
sleep 1
rm -rf -- "$@"
"""


class NotReady(RuntimeError):
    """A process or server did not become ready; the text holds the end of its log."""


class Ground:
    """Servers and processes by name. Use it as a context manager: afterwards everything is stopped and removed."""

    def __init__(self, *, settle_s: int, lease_s: int, logs: Path | None, report: Callable[[str], None]) -> None:
        self.ended: Counter[str] = Counter()  # processes that ended by themselves
        self.web_url = f"http://127.0.0.1:{free_port()}"
        self._timings = {"PONTE_SETTLE_S": str(settle_s), "PONTE_LEASE_S": str(lease_s)}
        self._kept_logs = logs
        self._report = report
        self._stack = ExitStack()
        self._commands: dict[str, list[str]] = {}
        self._children: dict[str, Child] = {}

    # Beginning and end ------------------------------------------------------------------------------------------------

    def __enter__(self) -> Ground:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ponte-faults-"))
        if os.geteuid() == 0:
            self.directory.chmod(0o711)  # the account that runs the servers passes through
        self._stack.callback(self._remove)
        self._leash = self._stack.enter_context(leash(LEASH, self.directory))
        search = Search(path=os.environ.get("PATH", os.defpath))
        options = Options(durable=True)
        postgres = _first(postgres_programs(search, Source.AUTO), "PostgreSQL")
        valkey = _first(valkey_programs(search, Source.AUTO), "Valkey or Redis")
        self.postgres = PostgresServer(home_for(self.directory, postgres.folder), postgres, options)
        self.broker = ValkeyServer(home_for(self.directory, valkey.folder), valkey, options)
        for server in (self.postgres, self.broker):
            self._stack.callback(server.stop)
            server.start(os.environ, self._report)
            self._tell_leash()
        for name in ("log", "var"):
            (self.directory / name).mkdir(mode=0o700)
        self.processes = Processes(
            PROJECT, self.directory / "log", self.directory / "processes.json", self._environment()
        )
        for number in STOP_SIGNALS:
            self._stack.callback(signal.signal, number, signal.getsignal(number))
        self._stack.callback(self._stop_processes)
        self.processes.listen()

    def _remove(self) -> None:
        for directory in (self.directory, moved_root(self.directory)):
            shutil.rmtree(directory, ignore_errors=True)

    def _stop_processes(self) -> None:
        self.resume_all()
        self.processes.stop()
        if self._kept_logs:
            shutil.copytree(self.directory / "log", self._kept_logs, dirs_exist_ok=True)

    def _environment(self) -> dict[str, str]:
        """Ours alone: nothing of an installation on this machine. Local calls never go through a proxy."""
        foreign = {"DATABASE_URL", "REDIS_URL", "WEB_CONCURRENCY"}
        inherited = {k: v for k, v in os.environ.items() if k not in foreign and not k.startswith("PONTE_")}
        return {
            **inherited,
            **{name: make() for name, make in MAKERS.items()},
            **self._timings,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.broker.url,
            "PONTE_VAR": str(self.directory / "var"),
            "PONTE_PUBLIC_URL": self.web_url,
            "PONTE_ALLOWED_HOSTS": "127.0.0.1",
            "PONTE_EXAMPLE_DATA": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    @property
    def spool_directory(self) -> Path:
        return self.directory / "var" / "spool"

    # Processes --------------------------------------------------------------------------------------------------------

    def manage(self, name: str, *arguments: str) -> list[str]:
        """Run a management command to its end; return its lines. Raises config.running.telling.CannotRun."""
        return self.processes.run(name, _manage(*arguments))

    def start_ponte(self) -> None:
        """Web, lane workers, Celery, beat, and the drainer where there is one; returns when the web answers."""
        celery = (sys.executable, "-m", "celery", "-A", "config.celery")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        bind = self.web_url.removeprefix("http://")
        gunicorn = ("-m", "gunicorn", "-c", str(PROJECT / "deploy" / "gunicorn.conf.py"), "--bind", bind, "config.wsgi")
        self._commands = {"web": [sys.executable, *gunicorn]}
        self._commands |= {f"lanes-{n}": _manage("lanes") for n in range(1, LANE_PROCESSES + 1)}
        self._commands["celery"] = [*celery, "worker", "-Q", "lanes,jobs", "-c", "2", "-l", "WARNING", *quiet]
        self._commands["beat"] = [*celery, "beat", "-l", "WARNING", "--pidfile="]
        self._commands["spool"] = _manage("spool")
        for name in self._commands:
            self._start(name)
        if not self.processes.until(self._is_ready, READY_TIMEOUT_S):
            raise NotReady("\n".join(["web did not become ready:", *self._children["web"].said()]))

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def child(self, name: str) -> Child:
        return self._children[name]

    def kill(self, name: str) -> None:
        """SIGKILL a process with all its helpers, and start it again at once."""
        child = self._children[name]
        child.signal_group(signal.SIGKILL)
        child.process.wait(END_TIMEOUT_S)
        self._start(name)

    def kill_leader(self, name: str) -> None:
        """SIGKILL only the leader; its helpers go on for a moment, then the service manager ends them."""
        child = self._children[name]
        with suppress(ProcessLookupError):
            child.process.kill()
        child.process.wait(END_TIMEOUT_S)
        wait_until(lambda: not _group_exists(child.process.pid), ORPHANS_S)
        child.signal_group(signal.SIGKILL)
        self._start(name)

    def kill_process(self, pid: int) -> None:
        """SIGKILL one helper; its leader starts another."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def helpers(self, name: str) -> list[int]:
        """The processes started by the one of this name (gunicorn's workers)."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._children[name].process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(word) for word in listed.stdout.split()]

    def pause(self, name: str) -> Child:
        """SIGSTOP; give what this returns to `resume`, because the name may stand for another process by then."""
        child = self._children[name]
        child.signal_group(signal.SIGSTOP)
        return child

    def resume(self, child: Child) -> None:
        if child.is_running():
            child.signal_group(signal.SIGCONT)

    def resume_all(self) -> None:
        for child in self._children.values():
            self.resume(child)

    def supervise(self) -> None:
        """Start what ended by itself, as a service manager does, and count it. Raises StopAsked, NotReady."""
        if self.processes.stop_asked:
            raise StopAsked(self.processes.stop_asked)
        for name, child in list(self._children.items()):
            if child.is_running():
                continue
            self.ended[name] += 1
            self._report(f"  {name} ended by itself ({child.process.returncode}) and is started again")
            if self.ended[name] > MOST_RESTARTS:
                raise NotReady("\n".join([f"{name} ends again and again:", *child.said()]))
            self._start(name)

    def _start(self, name: str) -> None:
        earlier = self._children.get(name)
        if earlier:
            self.processes.children.remove(earlier)
        self._children[name] = self.processes.start(name, self._commands[name])
        self._tell_leash()

    def _is_ready(self) -> bool:
        return http.answers(f"{self.web_url}/readyz")

    def _tell_leash(self) -> None:
        groups = [child.process.pid for child in self._children.values()]
        groups += [server.running.pid for server in (self.postgres, self.broker) if server.record]
        with suppress(OSError):
            self._leash.write(" ".join(map(str, groups)) + "\n")
            self._leash.flush()

    # Servers ----------------------------------------------------------------------------------------------------------

    def crash_database(self) -> None:
        """End PostgreSQL as a crash would (immediate shutdown, nothing is flushed), and start it: it recovers."""
        self._end(self.postgres, signal.SIGQUIT)
        self.postgres.start(os.environ, self._report)
        self._tell_leash()

    def wipe_broker(self) -> None:
        """Empty the broker, kill it, start it again: every message in it is lost."""
        with redis.Redis.from_url(self.broker.url, socket_timeout=10) as client:
            client.flushall()
        self._end(self.broker, signal.SIGKILL)
        self.broker.start(os.environ, self._report)
        self._tell_leash()

    def _end(self, server: PostgresServer | ValkeyServer, number: signal.Signals) -> None:
        record = server.running
        os.kill(record.pid, number)
        if not wait_until(lambda: not server.find_running() and not _exists(record.pid), END_TIMEOUT_S):
            raise NotReady(f"{server.programs.family} did not end")


def _first(found: Sequence[Programs], name: str) -> Programs:
    if not found:
        raise ServersNotFound(f"{name} was not found; the README names the packages.")
    return found[0]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *arguments]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
