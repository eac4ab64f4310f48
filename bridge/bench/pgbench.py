"""PostgreSQL's own load generator with a statement of ours: what the database alone takes, without any Python.

Values go into the text, as Django sends them.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bridge.bench.errors import CannotMeasure
from config.embedded.binaries import Search, Source, postgres_programs

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Played:
    """What one run found: seconds of each transaction, and transactions a second."""

    latencies: list[float]
    rate: float


class Pgbench:
    """`program` is None on machines without one; ask `is_there` first."""

    def __init__(self, database_url: str, directory: Path) -> None:
        self._url, self._directory = urlsplit(database_url), directory
        self.program = find_program()

    @property
    def is_there(self) -> bool:
        return self.program is not None

    def play(self, script: str, *, clients: int = 1, seconds: float = 0, each: int = 0) -> Played:
        """Run a script for so long, or so often for each client. Raises CannotMeasure with pgbench's own words."""
        file = self._directory / "script.sql"
        file.write_text(script, encoding="utf-8")
        for old in self._logs():
            old.unlink()
        # Whole seconds are all it knows.
        length = ("-t", str(each)) if each else ("-T", str(max(1, round(seconds))))
        log = ("-l", "--log-prefix", str(self._directory / "pgbench"))
        done = subprocess.run(
            [str(self.program), "-n", "-M", "simple", "-c", str(clients), *length, *log, "-f", str(file)],
            env={**os.environ, **self._environment()}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        if done.returncode or not found:
            raise CannotMeasure(f"pgbench ended with {done.returncode}:\n{done.stderr.strip()}")
        return Played(_seconds(line for log in self._logs() for line in log.read_text().splitlines()), float(found[1]))

    def _logs(self) -> list[Path]:
        return list(self._directory.glob("pgbench.*"))

    def _environment(self) -> dict[str, str]:
        return {
            "PGHOST": self._url.hostname or "", "PGPORT": str(self._url.port or 5432),
            "PGUSER": unquote(self._url.username or ""), "PGPASSWORD": unquote(self._url.password or ""),
            "PGDATABASE": self._url.path.lstrip("/"),
        }  # fmt: skip


def find_program() -> Path | None:
    """Beside the servers that could be started: the first one that brings it."""
    beside = (one.main.with_name("pgbench") for one in postgres_programs(Search(os.environ["PATH"]), Source.AUTO))
    return next((path for path in beside if os.access(path, os.X_OK)), None)


def script(statements: Iterable[str], *, sets: Mapping[str, str], given: Mapping[str, str] | None = None) -> str:
    """Statements with Python's placeholders as a script: `sets` are its variables, `given` are put in as they are."""
    values = given or {}
    lines = [f"\\set {name} {expression}" for name, expression in sets.items()]
    for sql in statements:
        asked = PLACEHOLDER.sub(lambda found: values.get(found[1], f":{found[1]}"), sql)
        lines.append(asked.replace("%%", "%").strip() + ";")
    return "\n".join(lines) + "\n"


def _seconds(lines: Iterable[str]) -> list[float]:
    """Third column of its log, in microseconds."""
    return [int(line.split()[2]) / 1e6 for line in lines]
