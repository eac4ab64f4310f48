"""Valkey or Redis: a private server on a loopback port, with a password, kept on disk by its append-only file."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import ClassVar

from config.embedded.accounts import Placement
from config.embedded.processes import LOOPBACK, Record, Server, write_private


class ValkeyServer(Server):
    """A Valkey server, or Redis, which speaks the same protocol."""

    names: ClassVar[tuple[str, ...]] = ("valkey-server", "redis-server")
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{self.password('valkey')}@{LOOPBACK}:{self.running.port}/0"

    def prepare(self, placement: Placement) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def command(self, placement: Placement, port: int) -> list[str | Path]:
        # A file, because a password on the command line shows in the process list.
        configuration = self.home / "valkey.conf"
        write_private(configuration, self._configuration(port), placement.account)
        return [placement.main, configuration]

    def answers(self, record: Record) -> bool:
        try:
            with socket.create_connection((LOOPBACK, record.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password('valkey')}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answer:
                    return answer.readline() == b"+OK\r\n" and answer.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def _configuration(self, port: int) -> str:
        folder = str(self.data).replace("\\", "\\\\").replace('"', '\\"')
        settings = {
            "bind": LOOPBACK,
            "port": port,
            "requirepass": self.password("valkey"),
            "dir": f'"{folder}"',
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self.options.durable else "no",
            "save": '""',  # the append-only file alone holds the data
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())
