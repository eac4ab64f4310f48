"""`python manage.py bench`: measure Ponte beside a baseline, in servers of its own (DESIGN section 15)."""

import math
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.bench import launch
from bridge.bench.asked import Wishes, understood
from bridge.bench.report import Report, markdown
from bridge.bench.run import benches, run
from config.embedded import EmbeddedServersError

LONGEST_S = 60  # the requests of a phase at full speed are made before it: 14 MB a second


class Command(BaseCommand):
    help = (
        "Measures on this machine, beside a baseline of the same run: intake (webhook answers), endtoend (webhook to "
        "CRM), lanes (claims), backlog (catching up after an outage), queries (1 M links, 5 M messages), pages (of the "
        "admin, over them), audit (writing, opening, sealing, verifying 1 M rows), insights (numbers of 100,000 "
        "opportunities). Starts its own "
        "PostgreSQL and Redis/Valkey in a fresh directory, with every commit on disk, and removes them afterwards. "
        "Progress goes to standard error. 0 also when a number is missed; 2 when something did not come up."
    )
    # Keys and servers do not exist yet; every process that is started checks them itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bench", nargs="*", metavar="bench", help=f"one or more of: {', '.join(benches())}")
        parser.add_argument("--json", action="store_true", help="end with one line of JSON for each")
        parser.add_argument("--markdown", action="store_true", help="print nothing but the table of the README")
        parser.add_argument("--strict", action="store_true", help="1 when a number is missed")
        parser.add_argument("--seconds", type=seconds, help="length of each timed phase")
        parser.add_argument("--size", type=share, default=1.0, help="share of the rows and events, 0 to 1 (default 1)")
        parser.add_argument("--small", action="store_true", help="seconds instead of minutes: shows that it works")
        # How the command calls itself once the servers run.
        parser.add_argument("--inside", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["inside"]:
            sys.exit(run(*understood(options["inside"])))
        reports = list(self._measured(options))
        if options["markdown"]:
            self._write(markdown(reports))
        if options["json"]:
            self._write([report.as_json() for report in reports])
        if options["strict"] and not all(report.meets_all for report in reports):
            sys.exit(1)

    def _measured(self, options: dict[str, Any]) -> Iterator[Report]:
        try:
            for report in launch.run(asked(options)):
                if not options["markdown"]:
                    self._write(report.lines())
                yield report
        except EmbeddedServersError as error:
            raise CommandError(str(error)) from error

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            self.stdout.write(line)
        self.stdout.flush()


def asked(options: dict[str, Any]) -> list[Wishes]:
    """One for each measurement. Raises CommandError."""
    names: list[str] = options["bench"]
    unknown = [name for name in names if name not in benches()]
    if unknown or not names:
        what = f"unknown: {', '.join(unknown)}" if unknown else "which measurement?"
        raise CommandError(f"{what}; choose from {', '.join(benches())}")
    return [Wishes(name, options["small"], options["size"], options["seconds"]) for name in names]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def seconds(text: str) -> float:
    if not 0 < _number(text) <= LONGEST_S:
        raise ArgumentTypeError(f"a number of seconds up to {LONGEST_S} is needed")
    return float(text)


def share(text: str) -> float:
    if not 0 < _number(text) <= 1:
        raise ArgumentTypeError("a number above 0, at most 1, is needed")
    return float(text)
