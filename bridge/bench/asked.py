"""What a person asked for, and what the second half of a measurement finds when it starts; both travel as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PREPARED = "ponte_prepared"  # a copy of the empty database, for the next measurement
RECORD = "processes.json"  # of the processes that the second half has started
REPORT = "report.json"  # what it found


@dataclass(frozen=True)
class Wishes:
    """`size`: share of the usual numbers of rows and events; `seconds`: length of each timed phase."""

    bench: str
    small: bool = False
    size: float = 1.0
    seconds: float | None = None

    @property
    def less(self) -> str:
        """The options that make it less than the whole measurement."""
        options = ["--small"] if self.small else []
        if self.size != 1 and not self.small:
            options.append(f"--size {self.size:g}")
        if self.seconds is not None:
            options.append(f"--seconds {self.seconds:g}")
        return " ".join(options)


@dataclass(frozen=True)
class Inside:
    """What the first half has started, and where."""

    var: str
    database_pid: int
    broker_pid: int
    broker: str
    has_statements: bool


def told(wishes: Wishes, inside: Inside) -> str:
    return json.dumps([asdict(wishes), asdict(inside)])


def understood(text: str) -> tuple[Wishes, Inside]:
    wishes, inside = json.loads(text)
    return Wishes(**wishes), Inside(**inside)
