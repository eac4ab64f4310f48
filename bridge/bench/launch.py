"""First half of `bench`: servers in a fresh directory, durable as in production; the second half runs inside them.

Two halves, because Django reads its settings when a process starts: before the servers run there is nothing to read.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from redis import Redis

from bridge.bench.asked import PREPARED, PROJECT, RECORD, REPORT, Inside, Wishes, told
from bridge.bench.report import Report
from config.embedded import Servers, launch
from config.embedded.accounts import moved_root
from config.embedded.ephemeral import LEASH
from config.embedded.leash import leash
from config.embedded.postgres import SUPERUSER
from config.embedded.processes import free_port
from config.running import environment
from config.running.processes import STOP_SIGNALS, stop_leftovers

STOP_TIMEOUT_S = 90.0
GIVEN = ("DATABASE_URL", "REDIS_URL")
STATEMENTS = (
    "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'",
    "CREATE EXTENSION pg_stat_statements",
    "GRANT pg_read_all_stats TO ponte",
    "GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO ponte",
)


def run(asked: Sequence[Wishes], environ: Mapping[str, str] = os.environ) -> Iterator[Report]:
    """Measure one after the other in servers of its own, each beginning with an empty database of the same keys.

    Servers, processes and data are gone afterwards, also when this program is killed. Raises
    config.embedded.EmbeddedServersError, SystemExit when it was not finished.
    """
    with ExitStack() as stack:
        for number in STOP_SIGNALS:
            signal.signal(number, _leave)
        var = stack.enter_context(fresh_directory())
        servers, has_statements = stack.enter_context(_servers(var, environ))
        database_pid, broker_pid = servers.pids
        inside = Inside(str(var), database_pid, broker_pid, str(servers.redis), has_statements)
        surroundings = environment_of(environ, servers, var)
        for turn, wishes in enumerate(asked):
            if turn:
                begin_anew(servers)
            _second_half(told(wishes, inside), var, surroundings)
            yield Report.from_json((var / REPORT).read_text(encoding="utf-8"))


def begin_anew(servers: Servers) -> None:
    """The database as it was before the measurement before this one filled it."""
    with psycopg.connect(servers.database_url, dbname="postgres", autocommit=True) as owner:
        name = sql.Identifier(urlsplit(servers.database_url).path.lstrip("/"))
        owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(PREPARED)))
    with Redis.from_url(servers.redis_url) as broker:
        broker.flushall()


def _second_half(asked: str, var: Path, environ: Mapping[str, str]) -> None:
    """Raises SystemExit with its status unless it ended well."""
    child = subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "bench", "--inside", asked], cwd=PROJECT, env=environ
    )
    try:
        status = child.wait()
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
        if child.poll() is None:
            child.terminate()
            child.wait(STOP_TIMEOUT_S)
        stop_leftovers(var / RECORD)
    if status:
        sys.exit(status if status > 0 else 128 - status)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@contextmanager
def fresh_directory() -> Iterator[Path]:
    var = Path(tempfile.mkdtemp(prefix="ponte-bench-"))
    if os.geteuid() == 0:
        var.chmod(0o711)  # the account that runs the servers passes through
    try:
        yield var
    finally:
        for directory in (var, moved_root(var)):
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _servers(var: Path, environ: Mapping[str, str]) -> Iterator[tuple[Servers, bool]]:
    """Own servers, whatever the environment names; started twice where statements can be counted."""
    own = {name: value for name, value in environ.items() if name not in GIVEN}
    source = environ.get("PONTE_SERVERS") or "auto"
    with leash(LEASH, var) as held, ExitStack() as stack:
        servers = launch(var, source=source, environ=own, report=_silent)
        stack.callback(servers.stop)
        has_statements = count_statements(servers, var)
        if has_statements:
            servers.stop()
            servers = launch(var, source=source, environ=own, report=_silent)
            stack.callback(servers.stop)
        held.write(" ".join(map(str, servers.pids)) + "\n")
        held.flush()
        yield servers, has_statements


def _silent(line: str) -> None:
    """What the servers say while starting is no part of a measurement."""


def count_statements(servers: Servers, var: Path) -> bool:
    """Prepare pg_stat_statements; it works from the next start on. False where this PostgreSQL does not bring it."""
    places = [found for root in (var, moved_root(var)) for found in root.glob(f"*/{SUPERUSER}.password")]
    password = places[0].read_text(encoding="utf-8").strip()
    with psycopg.connect(servers.database_url, user=SUPERUSER, password=password, autocommit=True) as admin:
        known = admin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'").fetchone()
        for statement in STATEMENTS if known else ():
            admin.execute(statement)
    return known is not None


def environment_of(environ: Mapping[str, str], servers: Servers, var: Path) -> dict[str, str]:
    """The environment of the second half and its processes: these servers, keys of its own, no proxy for local calls."""
    keys = {name: make() for name, make in environment.MAKERS.items()}
    ours = {
        **{name: value for name, value in environ.items() if not name.startswith("PONTE_")},
        **servers.environment(),
        **keys,
        "PONTE_VAR": str(var),
        "PONTE_LOG_LEVEL": "WARNING",
    }
    web_url = f"http://127.0.0.1:{free_port()}"
    return {**environment.of_children(ours, web_url=web_url), "PONTE_EXAMPLE_DATA": "0"}
