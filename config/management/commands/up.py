"""`python manage.py up`: Ponte with everything around it, from nothing but Python. Behind deploy/quickstart.sh."""

import os
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from config.embedded import EmbeddedServersError
from config.running.launch import INSIDE, launch
from config.running.run import Wishes, run
from config.running.telling import CannotRun, say, say_problem


class Command(BaseCommand):
    help = (
        "Starts PostgreSQL and Redis/Valkey (or uses DATABASE_URL and REDIS_URL), two simulated partners, web, workers "
        "and beat, connects an example clinic and lets example conversations run through. Stays up until Ctrl-C. "
        "Data, keys and logs are in var/, or where PONTE_VAR says."
    )
    # Keys and servers do not exist yet; every process that is started checks them itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="print one JSON summary, stop everything and exit")
        parser.add_argument("--conversations", type=number, default=6, help="how many are played (default 6)")
        parser.add_argument("--port", type=number, help="of the web process (default 8000, or any free one)")
        # How the command calls itself once the servers run.
        parser.add_argument(INSIDE, action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["inside"]:
                wishes = Wishes(options["once"], options["conversations"], options["port"])
                sys.exit(run(wishes, Path(os.environ["PONTE_VAR"])))
            launch(arguments(options))
        except CannotRun as problem:
            say_problem(problem)
        except EmbeddedServersError as error:
            say(f"Error: {error}")
        sys.exit(1)


def arguments(options: dict[str, Any]) -> list[str]:
    """The options as they are given to the second half."""
    port = ["--port", str(options["port"])] if options["port"] else []
    return [*["--once"] * options["once"], "--conversations", str(options["conversations"]), *port]


def number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1 is needed")
    return int(text)
