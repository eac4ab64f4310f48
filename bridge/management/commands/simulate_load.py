"""`python manage.py simulate_load --clinics 300`: a day of so many clinics, on paper; nothing is started or written."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.core.management.base import BaseCommand

from bridge.bench import simulated

# Measured with `bench backlog` on 2 cores (README): deliveries a second, from the web process to the CRM's answer.
MACHINE_EVENTS_PER_S = 400.0
# So much of it is planned with; the rest is for bursts, imports and a machine that is away.
PLANNED_SHARE = 0.3


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    value: float | int | str


class Command(BaseCommand):
    help = (
        "Simulates a weekday of clinics of three sizes and tells how long writes wait for the CRM's 60 calls a minute, "
        "and how many machines the deliveries need. The same seed gives the same numbers. Needs no server."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clinics", type=positive, default=300)
        parser.add_argument("--users", type=positive, default=1, help="Krayin users of each clinic (default 1)")
        parser.add_argument("--growth", type=factor, default=1.0, help="factor on the conversations of every clinic")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--markdown", action="store_true", help="the table of docs/scaling.md")

    def handle(self, *args: Any, **options: Any) -> None:
        told = simulated.simulate(
            options["clinics"], seed=options["seed"], users=options["users"], growth=options["growth"]
        )
        if options["json"]:
            self.stdout.write(json.dumps(as_dict(told)))
            return
        lines = list(as_lines(told))
        if options["markdown"]:
            self.stdout.write("| what | number |\n| --- | --- |")
        for line in lines:
            shown = f"{line.value:,}" if not isinstance(line.value, str) else line.value
            self.stdout.write(f"| {line.what} | {shown} |" if options["markdown"] else f"{line.what}: {shown}")


def as_dict(told: simulated.Told) -> dict[str, Any]:
    peak = simulated.peak_per_s(told.starts)
    return {
        "clinics": told.clinics,
        "conversations": told.conversations,
        "deliveries": told.conversations * simulated.DELIVERIES,
        "peak_deliveries_per_s": round(peak, 1),
        "backlog_s": round(simulated.backlog_s(told.starts, MACHINE_EVENTS_PER_S), 1),
        "machines": max(1, ceil(peak / (MACHINE_EVENTS_PER_S * PLANNED_SHARE))),
        "crm_calls": told.calls,
        "busiest_clinic_calls_per_minute": round(told.busiest_calls_per_minute, 1),
        "late_clinics": told.late,
        "waits_s": {kind.lower(): simulated.ranks(values) for kind, values in told.waits.items()},
    }


def as_lines(told: simulated.Told) -> list[Line]:
    found = as_dict(told)
    lines = [
        Line("clinics", found["clinics"]),
        Line("conversations a day", found["conversations"]),
        Line("deliveries a day", found["deliveries"]),
        Line("deliveries a second, busiest minute", found["peak_deliveries_per_s"]),
        Line("longest wait for a worker on one machine (s)", found["backlog_s"]),
        Line(f"machines of 2 cores, {PLANNED_SHARE:.0%} used in that minute", found["machines"]),
        Line("CRM calls a day", found["crm_calls"]),
        Line("CRM calls a minute of the busiest clinic, busiest hour", found["busiest_clinic_calls_per_minute"]),
        Line("clinics where something waited over a minute", found["late_clinics"]),
    ]
    for kind, ranks in found["waits_s"].items():
        told_ranks = " / ".join(f"{value:,}" for value in ranks.values())
        lines.append(Line(f"wait of a {kind} for the budget, p50 / p95 / p99 / max (s)", told_ranks))
    return lines


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


def factor(text: str) -> float:
    try:
        found = float(text)
    except ValueError as error:
        raise ArgumentTypeError("a number is needed") from error
    if not 0 < found <= 100:
        raise ArgumentTypeError("between 0 and 100")
    return found
