"""What systemd does for ponte-web@.service, in miniature: owns the socket, starts processes, waits until they serve."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.intake.server import PROJECT
from tests.spool.host import until

START_S = 120
# File 3 is the socket, and LISTEN_PID says whose it is (sd_listen_fds(3)).
START = 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'


@dataclass
class Unit:
    """ponte-web@<number>.service."""

    number: int
    socket: socket.socket
    directory: Path
    environ: Mapping[str, str]
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        """Return once a worker serves, as systemctl does for Type=notify."""
        address = self.directory / f"notify-{self.number}"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            notify.settimeout(START_S)
            command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "config.wsgi"]
            with (self.directory / f"web-{self.number}.log").open("ab") as log:
                self.process = subprocess.Popen(
                    ["bash", "-c", START, "bash", str(self.socket.fileno()), *command],
                    cwd=PROJECT,
                    env={**self.environ, "NOTIFY_SOCKET": str(address)},
                    pass_fds=[self.socket.fileno()],
                    stdout=log,
                    stderr=log,
                )
            assert notify.recv(100) == b"READY=1"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(START_S)

    def restart(self) -> None:
        self.stop()
        self.start()


@dataclass
class Units:
    """All web processes of a host behind one socket."""

    socket: socket.socket
    units: list[Unit]
    directory: Path

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def rolling_restart(self) -> None:
        """deploy/systemd/rolling_restart.sh, which asks us where it would ask systemctl."""
        asks, answers = self.directory / "asks", self.directory / "answers"
        for path in (asks, answers):
            if not path.exists():
                os.mkfifo(path)
        numbers = [str(unit.number) for unit in self.units]
        environ = {**os.environ, "RESTART": f"echo {{}} >{asks}; read answer <{answers}; [ $answer = ready ]"}
        script = subprocess.Popen(
            ["bash", str(PROJECT / "deploy" / "systemd" / "rolling_restart.sh"), *numbers], env=environ
        )
        for unit in self.units:
            assert int(asks.read_text()) == unit.number
            unit.restart()
            answers.write_text("ready\n")
        assert script.wait(START_S) == 0

    def said(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("web-*.log")))


@contextmanager
def running_units(count: int, directory: Path, environ: Mapping[str, str]) -> Iterator[Units]:
    """So many web processes, started side by side."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, ExitStack() as stack:
        units = [Unit(number, listener, directory, environ) for number in range(1, count + 1)]
        starting = [threading.Thread(target=unit.start) for unit in units]
        for thread in starting:
            thread.start()
        for unit in units:
            assert until(lambda unit=unit: hasattr(unit, "process"))
            stack.callback(unit.stop)
        for thread in starting:
            thread.join()
        yield Units(listener, units, directory)
