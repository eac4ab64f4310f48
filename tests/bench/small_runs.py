"""A small run of measurements, as a person starts them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 1200
# Two runs, in each one measurement after the other; only the second asks for the numbers of the design.
LOOSE = ("intake", "endtoend", "backlog", "pages", "audit", "insights")
STRICT = ("lanes", "queries")


@dataclass(frozen=True)
class Run:
    """What one run printed and left behind."""

    names: tuple[str, ...]
    status: int
    output: str
    errors: str
    left_behind: list[str]

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        lines = self.output.splitlines()[-len(self.names) :]
        return {name: json.loads(line) for name, line in zip(self.names, lines, strict=True)}

    @property
    def meets_all(self) -> bool:
        return all(target["met"] for report in self.reports.values() for target in report["targets"])


@dataclass(frozen=True)
class Measured:
    """One measurement of a run."""

    name: str
    run: Run

    @property
    def report(self) -> dict[str, Any]:
        return self.run.reports[self.name]

    def measured(self, what: str) -> float:
        return next(target["measured"] for target in self.report["targets"] if target["what"] == what)


@contextmanager
def place() -> Iterator[Path]:
    """A directory for the run's files that the servers' account can reach."""
    with tempfile.TemporaryDirectory(prefix="ponte-bench-test-") as directory:
        if os.geteuid() == 0:
            Path(directory).chmod(0o711)
        yield Path(directory)


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """With nothing in the environment that names servers or keys: a measurement brings its own."""
    left_out = ("PONTE_", "DATABASE_URL", "REDIS_URL", "DJANGO_", "PYTEST_")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    if os.environ.get("PONTE_SERVERS"):
        environ["PONTE_SERVERS"] = os.environ["PONTE_SERVERS"]
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "bench", *arguments],
        cwd="/", env={**environ, "TMPDIR": str(directory)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def run(names: tuple[str, ...]) -> Run:
    with place() as directory:
        process = start(directory, *names, "--small", "--json", *["--strict"] * (names == STRICT))
        output, errors = process.communicate(timeout=LIMIT_S)
        return Run(names, process.returncode, output, errors, os.listdir(directory))
