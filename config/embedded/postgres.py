"""PostgreSQL: cluster, role and database `ponte` the first time, then a private server on a loopback port."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from config.embedded.accounts import Placement
from config.embedded.processes import LOOPBACK, Record, Server, runs_in, write_private

NAME = "ponte"
SUPERUSER = "ponte_admin"


class PostgresServer(Server):
    """A PostgreSQL server. Role `ponte` owns database `ponte` and may create others (tests); it is no superuser."""

    names: ClassVar[tuple[str, ...]] = ("postgres",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast shutdown: clients are cut off, data written

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self.password(NAME)}@{LOOPBACK}:{self.running.port}/{NAME}"

    def find_record(self) -> Record | None:
        """Believe the server's own pid file when ours is missing or tells of an older process."""
        known, state = super().find_record(), self._state()
        if not state or (known and known.pid == int(state[0])):
            return known
        return Record(int(state[0]), int(state[3]), self.programs.version, self.programs.source.value)

    def prepare(self, placement: Placement) -> None:
        if self.data.exists():
            self._remove_stale_pid_file()
            if not self._password_file(NAME).exists():
                self._run_statements(placement, self.data, f"ALTER ROLE {NAME} PASSWORD '{self.password(NAME)}'")
            return
        draft = self.home / "data.new"  # becomes `data` in one step, so an interrupted first start leaves no half
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        placement.account.own(draft)
        self._initialise(placement, draft)
        self._run_statements(
            placement,
            draft,
            f"CREATE ROLE {NAME} LOGIN CREATEDB PASSWORD '{self.password(NAME)}'",
            f"CREATE DATABASE {NAME} OWNER {NAME}",
        )
        draft.rename(self.data)

    def command(self, placement: Placement, port: int) -> list[str | Path]:
        settings: dict[str, str | int] = {
            "listen_addresses": LOOPBACK,
            "port": port,
            # TCP alone: the path of a socket is limited to about 100 characters, and scram guards the port.
            "unix_socket_directories": "",
            "max_connections": self.options.max_connections,
            "shared_buffers": "128MB",
            "logging_collector": "off",
            "timezone": "UTC",
            # Error details and statements quote row values, which are personal data.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            **self._durability(),
        }
        return [placement.main, "-D", self.data, *_as_arguments(settings)]

    def answers(self, record: Record) -> bool:
        # Line 8 is the status the postmaster itself keeps there for pg_ctl (PostgreSQL source, miscadmin.h).
        state = self._state()
        return len(state) >= 8 and int(state[0]) == record.pid and state[7].strip() == "ready"

    def _initialise(self, placement: Placement, draft: Path) -> None:
        secret = self.home / "initdb.password"
        write_private(secret, self.password(SUPERUSER), placement.account)
        try:
            self.run(
                placement,
                *(placement.main.with_name("initdb"), "-D", draft, "-U", SUPERUSER),
                *("-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C.UTF-8"),
                *(() if self.options.durable else ("--no-sync",)),
            )
        finally:
            secret.unlink(missing_ok=True)

    def _run_statements(self, placement: Placement, data: Path, *statements: str) -> None:
        # The single-user mode needs no port, no client library, and shows no password in the process list.
        settings = {"exit_on_error": "on", **self._durability()}
        arguments = ["-D", str(data), *_as_arguments(settings), "postgres"]
        self.run(
            placement,
            placement.main,
            "--single",
            *arguments,
            stdin="".join(f"{statement}\n" for statement in statements),
        )

    def _durability(self) -> dict[str, str]:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        return {} if self.options.durable else dict.fromkeys(names, "off")

    def _remove_stale_pid_file(self) -> None:
        # After a crash its number may belong to a stranger by now, and PostgreSQL would refuse to start.
        state = self._state()
        if not (state and runs_in(int(state[0]), self.data, self.names)):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _state(self) -> list[str]:
        """Return the lines of postmaster.pid: number, data directory, start time, port, …; empty when there is none."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return []
        return lines if len(lines) >= 4 else []


def _as_arguments(settings: Mapping[str, str | int]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
