"""`python manage.py bench`: measure Ponte beside a baseline, in servers of its own (DESIGN section 15)."""

import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.bench import launch
from bridge.bench.run import BENCHES, Inside, Wishes, run
from config.embedded import EmbeddedServersError


class Command(BaseCommand):
    help = (
        "Measures on this machine, beside a baseline of the same run: intake (webhook answers), endtoend (webhook to "
        "CRM), lanes (claims), backlog (catching up after an outage), queries (1 M links, 5 M messages). Starts its "
        "own PostgreSQL and Redis/Valkey in a fresh directory, with every commit on disk, and removes them afterwards."
    )
    # Keys and servers do not exist yet; every process that is started checks them itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("bench", choices=sorted(BENCHES))
        parser.add_argument("--json", action="store_true", help="the last line of output is one JSON object")
        parser.add_argument("--seconds", type=seconds, help="length of each timed phase")
        parser.add_argument("--small", action="store_true", help="seconds instead of minutes: shows that it works")
        # How the command calls itself once the servers run.
        parser.add_argument("--inside", type=Path, help=SUPPRESS)
        parser.add_argument("--broker-pid", type=int, default=0, help=SUPPRESS)
        parser.add_argument("--broker", default="", help=SUPPRESS)
        parser.add_argument("--statements", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        wishes = Wishes(options["bench"], options["small"], options["seconds"], options["json"])
        if options["inside"]:
            inside = Inside(options["inside"], options["broker_pid"], options["broker"], options["statements"])
            sys.exit(run(wishes, inside))
        try:
            sys.exit(launch.run(arguments(wishes)))
        except EmbeddedServersError as error:
            raise CommandError(str(error)) from error


def arguments(wishes: Wishes) -> list[str]:
    """The options as they are given to the second half."""
    length = ["--seconds", str(wishes.seconds)] if wishes.seconds else []
    return [wishes.bench, *["--small"] * wishes.small, *["--json"] * wishes.json, *length]


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise ArgumentTypeError("a number of seconds up to 3600 is needed")
    return value
