"""PostgreSQL for backups: its client programs, connections of their own, databases made and given their place.

The password travels in the environment of the child process alone; what programs print is quoted by its first lines
without the values of rows.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db import connections
from django.utils.translation import gettext as _
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bridge.backup.errors import BackupError, ProgramFailed, ProgramMissing, ServerRefused, TargetRefused
from bridge.backup.facts import one
from config.embedded.binaries import Search, postgres_client
from consent.encryption import datakeys

CHUNK = 1024 * 1024
MAINTENANCE = "postgres"
ATTEMPTS = 20
SAID_LINES = 3
SAID_LENGTH = 300
# Of Django's parameters those that are PostgreSQL's own; its session options are for its sessions.
LEFT_OUT = ("options", "application_name")


@dataclass(frozen=True)
class Server:
    """The server of the settings, by its direct connection (a pooler has no COPY of a whole database to offer)."""

    parameters: Mapping[str, Any]
    password: str

    @classmethod
    def of_settings(cls) -> "Server":
        given = connections[settings.MAINTENANCE].get_connection_params()
        known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
        own = {key: value for key, value in given.items() if key in known and key not in LEFT_OUT}
        password = str(own.pop("password", ""))
        return cls(own, password)

    @property
    def database(self) -> str:
        return str(self.parameters["dbname"])

    @contextmanager
    def connection(self, database: str, *, autocommit: bool = True) -> Iterator[psycopg.Connection]:
        """A connection of its own. Raises ServerRefused for everything PostgreSQL refuses inside the block."""
        try:
            with psycopg.connect(
                self._address(database), password=self.password or None, autocommit=autocommit
            ) as held:
                yield held
        except psycopg.Error as error:
            raise refused(error) from error

    def _address(self, database: str) -> str:
        return make_conninfo(**{**self.parameters, "dbname": database})

    # Programs ---------------------------------------------------------------------------------------------------------

    def program(self, name: str) -> Path:
        """`pg_dump` or `pg_restore` that fits the server: of its own version, else the next newer. Raises ProgramMissing."""
        with self.connection(MAINTENANCE) as held:
            major = held.info.server_version // 10000
        found = postgres_client(Search(os.environ.get("PATH", os.defpath)), name, at_least=major)
        if found is None:
            raise ProgramMissing(
                _("No %(program)s of version %(version)s or newer was found. Install postgresql-client-%(version)s.")
                % {"program": name, "version": major}
            )
        return found

    def dump(self, *arguments: str) -> Iterator[bytes]:
        """What pg_dump writes in its custom format. Raises ProgramFailed at the end of a dump that went wrong."""
        command: list[str | Path] = [
            self.program("pg_dump"),
            "--format=custom",
            "--no-password",
            *arguments,
            self._address(self.database),
        ]
        with TemporaryFile() as said, running(command, self._environment(), said, stdout=subprocess.PIPE) as process:
            stream = piped(process.stdout)
            while chunk := stream.read(CHUNK):
                yield chunk
            if process.wait():
                raise failed("pg_dump", said)

    def load(self, database: str, chunks: Iterable[bytes], *arguments: str) -> None:
        """Feed pg_restore, all or nothing. Raises ProgramFailed, and whatever the stream raises."""
        command: list[str | Path] = [
            self.program("pg_restore"), "--no-password", "--no-owner", "--exit-on-error", "--single-transaction",
            *arguments, f"--dbname={self._address(database)}",
        ]  # fmt: skip
        with TemporaryFile() as said, running(command, self._environment(), said, stdin=subprocess.PIPE) as process:
            stream = piped(process.stdin)
            try:
                for chunk in chunks:
                    stream.write(chunk)
                stream.close()
            except BrokenPipeError:
                process.wait()
            if process.wait():
                raise failed("pg_restore", said)

    def _environment(self) -> dict[str, str]:
        # A small one: none of our other secrets, messages in English.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
        return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "PGPASSWORD": self.password}

    # Databases --------------------------------------------------------------------------------------------------------

    def exists(self, database: str) -> bool:
        with self.connection(MAINTENANCE) as held:
            return held.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is not None

    def is_empty(self, database: str) -> bool:
        """Tell whether nobody has made a table there."""
        with self.connection(database) as held:
            found = held.execute(
                "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
                "LIMIT 1"
            )
            return found.fetchone() is None

    def create(self, database: str, like: str) -> None:
        """Make a database with the sorting rules of another, if that is there. Raises ServerRefused."""
        with self.connection(MAINTENANCE) as held:
            collate, ctype = one(
                held,
                "SELECT datcollate, datctype FROM pg_database WHERE datname IN (%s, 'template1') "
                "ORDER BY datname = 'template1'",
                like,
            )
            held.execute(
                sql.SQL(
                    "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE {collate} LC_CTYPE {ctype}"
                ).format(name=sql.Identifier(database), collate=collate, ctype=ctype)
            )

    def drop(self, database: str) -> None:
        with self.connection(MAINTENANCE) as held:
            once_unused(held, database, sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))

    def take_place(self, database: str, place: str, aside: str) -> None:
        """Give `database` the name `place`; what had it before is called `aside`. Sessions of both are ended."""
        is_taken = self.exists(place)
        with self.connection(MAINTENANCE) as held:
            if is_taken:
                rename(held, place, aside)
            rename(held, database, place)


def rename(held: psycopg.Connection, old: str, new: str) -> None:
    words = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    once_unused(held, old, words)


def once_unused(held: psycopg.Connection, database: str, statement: sql.Composed) -> None:
    """End our sessions in a database and run a statement that nobody may be there for.

    Again and again: who was cut off may be back at once. The server's own workers leave by themselves, and only a
    superuser may end them (which is why WITH (FORCE) is no help).
    """
    for attempt in range(1, ATTEMPTS + 1):
        held.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user",
            [database],
        )
        try:
            held.execute(statement)
            return
        except psycopg.errors.ObjectInUse:
            if attempt == ATTEMPTS:
                raise


@contextmanager
def working_on(database: str) -> Iterator[None]:
    """Every statement of this thread goes to another database of the same server inside the block.

    Other threads have connections of their own, which stay where they are.
    """
    held = [connections[alias] for alias in connections]
    if any(one.in_atomic_block for one in held):
        raise TargetRefused(_("A transaction is open; restore outside of one."))
    before = [one.settings_dict for one in held]
    # A pooler knows no database that was made a moment ago.
    there = {**connections[settings.MAINTENANCE].settings_dict, "NAME": database}
    try:
        for one in held:
            one.close()
            one.settings_dict = there
        datakeys.cache.clear()
        yield
    finally:
        for one, usual in zip(held, before, strict=True):
            one.close()
            one.settings_dict = usual
        datakeys.cache.clear()


@contextmanager
def running(
    command: list[str | Path],
    environment: dict[str, str],
    said: IO[bytes],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended with the block, whatever happens in it."""
    try:
        process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said, cwd="/")
    except OSError as error:
        raise ProgramMissing(f"{Path(command[0]).name}: {error.strerror}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue


def piped(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise TypeError("the program was started without this pipe")
    return stream


def failed(program: str, said: IO[bytes]) -> ProgramFailed:
    """Quote the program's own lines; details and context would quote rows."""
    said.seek(0)
    lines = said.read(64 * 1024).decode(errors="replace").splitlines()
    told = [line[:SAID_LENGTH] for line in lines if re.match(rf"{program}: (error|fatal)", line)][:SAID_LINES]
    return ProgramFailed("\n".join([_("%(program)s ended with an error:") % {"program": program}, *told]))


def refused(error: psycopg.Error) -> BackupError:
    """What PostgreSQL refused, by the class of its error; its text may hold values."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ServerRefused(
            _("The role of DATABASE_URL may not do this. A restore makes a database: ALTER ROLE … CREATEDB.")
        )
    if isinstance(error, psycopg.errors.ObjectInUse):
        return ServerRefused(_("Other sessions use the database. Stop workers, Celery and beat first."))
    # Without a code it came from the attempt to connect: host, port and names, never a password.
    kind = type(error).__name__ if error.sqlstate else str(error).splitlines()[0][:SAID_LENGTH]
    return ServerRefused(_("PostgreSQL refused or is away: %(kind)s.") % {"kind": kind})
