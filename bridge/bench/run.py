"""Second half of `bench`, inside servers of its own: prepare the database, measure, tell."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from django.core.management import call_command
from django.db import connection, connections

from bridge.bench import backlog, endtoend, intake, lanes, queries
from bridge.bench.ground import CannotMeasure, Ground
from bridge.bench.launch import PROJECT, RECORD
from bridge.bench.machine import machine, versions
from bridge.bench.report import Report
from bridge.bench.statements import Statements
from config.db import catalogue, partitions
from config.running.processes import Processes
from config.running.telling import CannotRun, StopAsked

BENCHES: Mapping[str, Callable[[Ground, Report], None]] = {
    "intake": intake.measure,
    "endtoend": endtoend.measure,
    "lanes": lanes.measure,
    "backlog": backlog.measure,
    "queries": queries.measure,
}


@dataclass(frozen=True)
class Wishes:
    """What the person asked for."""

    bench: str
    small: bool = False
    seconds: float | None = None
    json: bool = False


@dataclass(frozen=True)
class Inside:
    """What the first half has started."""

    var: Path
    broker_pid: int
    broker: str
    has_statements: bool


def run(wishes: Wishes, inside: Inside) -> int:
    """Measure and print; 2 when something needed did not come up. Every process is stopped in any case."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    logs = inside.var / "log"
    logs.mkdir(exist_ok=True)
    processes = Processes(PROJECT, logs, inside.var / RECORD, dict(os.environ))
    try:
        report = measured(wishes, inside, processes)
    except (CannotMeasure, CannotRun) as error:
        print(f"bench: {error}", *getattr(error, "log", ()), sep="\n", file=sys.stderr)
        return 2
    except StopAsked as asked:
        return 128 + asked.number
    finally:
        processes.stop()
        connections.close_all()
    print(*report.lines(), sep="\n")
    if wishes.json:
        print(report.as_json())
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def measured(wishes: Wishes, inside: Inside, processes: Processes) -> Report:
    call_command("migrate", verbosity=0, interactive=False)
    partitions.apply(partitions.plan(catalogue.database_now(connection)))
    report = Report(wishes.bench, wishes.small, machine(inside.var), versions(inside.broker))
    statements = Statements(is_there=inside.has_statements)
    ground = Ground(inside.var, inside.broker_pid, processes, statements, wishes.small, wishes.seconds)
    BENCHES[wishes.bench](ground, report)
    return report
