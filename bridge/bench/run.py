"""Second half of `bench`, inside servers of its own: prepare the database, measure, write the report down."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from bridge.bench import audit, backlog, endtoend, intake, lanes, pages, queries
from bridge.bench.asked import PREPARED, PROJECT, RECORD, REPORT, Inside, Wishes
from bridge.bench.errors import CannotMeasure
from bridge.bench.ground import Ground
from bridge.bench.machine import machine, versions
from bridge.bench.pgbench import Pgbench
from bridge.bench.report import Report
from bridge.bench.statements import Statements
from config.db import catalogue, partitions
from config.running.processes import STOP_SIGNALS, Processes
from config.running.telling import CannotRun, StopAsked

Measure = Callable[[Ground, Report], None]
OWN: Mapping[str, Measure] = {
    "intake": intake.measure,
    "endtoend": endtoend.measure,
    "lanes": lanes.measure,
    "backlog": backlog.measure,
    "queries": queries.measure,
    "pages": pages.measure,
    "audit": audit.measure,
}


def benches() -> Mapping[str, Measure]:
    """Ours, and those of the apps above ours, each named by its app: `bench = "module"`, which has a `measure`."""
    others = {app.label: app.bench for app in apps.get_app_configs() if hasattr(app, "bench")}
    return {**OWN, **{name: import_module(module).measure for name, module in others.items()}}


def run(wishes: Wishes, inside: Inside) -> int:
    """Measure; 2 when something needed did not come up. Every process is stopped in any case."""
    var = Path(inside.var)
    for name in ("log", "pgbench"):
        (var / name).mkdir(exist_ok=True)
    processes = Processes(PROJECT, var / "log", var / RECORD, dict(os.environ))
    statements = Statements(is_there=inside.has_statements)
    ground = Ground(wishes, inside, processes, statements, Pgbench(settings.DATABASE_URL, var / "pgbench"))
    for number in STOP_SIGNALS:
        signal.signal(number, lambda asked, _: ground.leave(asked))
    try:
        (var / REPORT).write_text(measured(ground).as_json(), encoding="utf-8")
        return 0
    except (CannotMeasure, CannotRun) as error:
        print(f"bench: {error}", *getattr(error, "log", ()), sep="\n", file=sys.stderr)
        return 2
    except StopAsked as asked:
        return 128 + asked.number
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
        processes.stop()
        connections.close_all()


def prepare(ground: Ground) -> None:
    """Migrate, and keep a copy for the next measurement; nothing where the database is such a copy."""
    with psycopg.connect(settings.DATABASE_URL, dbname="postgres", autocommit=True) as owner:
        if owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [PREPARED]).fetchone():
            return
        ground.say("preparing the database")
        call_command("migrate", verbosity=0, interactive=False)
        partitions.apply(partitions.plan(catalogue.database_now(connection)))
        connections.close_all()
        names = sql.Identifier(PREPARED), sql.Identifier(connection.settings_dict["NAME"])
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))


def measured(ground: Ground) -> Report:
    prepare(ground)
    wishes, inside = ground.wishes, ground.inside
    report = Report(wishes.bench, wishes.less, machine(Path(inside.var)), versions(inside.broker))
    report.statements_from = ground.statements.source
    if not ground.pgbench.is_there:
        report.notes.append("no pgbench on this machine: nothing is compared with it")
    benches()[wishes.bench](ground, report)
    return report
