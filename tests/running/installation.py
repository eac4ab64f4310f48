"""Ponte as a person starts it: real processes in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 240
FEW = ("--conversations", "2")  # a run stays short


def bare_environment(**more: str) -> dict[str, str]:
    """Nothing that names servers, keys or directories, unlike the environment the tests run in."""
    left_out = ("PONTE_", "DATABASE_URL", "REDIS_URL", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    servers = {"PONTE_SERVERS": os.environ["PONTE_SERVERS"]} if os.environ.get("PONTE_SERVERS") else {}
    return {**kept, **servers, **more}


def wait_until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


@dataclass
class Installation:
    """One data directory, and what was started with it."""

    var: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(PROJECT / "manage.py"), "up", *arguments]

    def up(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Start, wait for the end, from another directory than the project's."""
        return subprocess.run(
            self.command(*arguments), cwd="/", env=bare_environment(PONTE_VAR=str(self.var), **environ),
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    @cached_property
    def first_run(self) -> subprocess.CompletedProcess[str]:
        """The run that makes keys, database, user and connection."""
        return self.up("--once", *FEW)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start and stay; what it says goes to `said`."""
        with (self.var.parent / "said").open("w") as said:
            process = subprocess.Popen(
                self.command(*arguments), cwd="/", env=bare_environment(PONTE_VAR=str(self.var)), text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    @property
    def said(self) -> str:
        return (self.var.parent / "said").read_text()

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.said or self.started[-1].poll() is not None)
        assert text in self.said, self.said

    def recorded(self) -> dict[str, int]:
        """Process numbers by name, as the running command keeps them."""
        rows = json.loads((self.var / "run" / "processes.json").read_text())
        return {row["name"]: row["pid"] for row in rows}

    def processes(self) -> list[str]:
        """Every process of the system that belongs to this directory: by environment, or by where it works."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
                words = (place / "environ").read_bytes().split(b"\0")
                is_ours = f"PONTE_VAR={self.var}".encode() in words or Path(os.readlink(place / "cwd")).is_relative_to(
                    self.var
                )
                if is_ours and state != "Z":
                    found.append(f"{place.name} {(place / 'cmdline').read_bytes().decode(errors='replace')}")
            except OSError:
                continue  # ended meanwhile, or somebody else's
        return found

    def left(self) -> list[str]:
        """What still runs a moment after the end; killed processes need one to be gone."""
        end = time.monotonic() + 5
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        return self.processes()

    def kill_everything(self) -> None:
        for line in self.processes():
            os.kill(int(line.split()[0]), signal.SIGKILL)
        for process in self.started:
            process.wait(20)


def summary(stdout: str) -> dict[str, Any]:
    """The JSON object that must be the last line of standard output."""
    found: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return found
