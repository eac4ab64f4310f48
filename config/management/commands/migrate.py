"""`python manage.py migrate`: tells about unusable settings first, goes past a pooler, and never queues for locks.

A statement that waits for a lock makes everybody wait who comes after it, the intake too. So it gives up after a moment,
those behind it get through, and it is tried again: what was migrated stays, each migration is one transaction.
"""

import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from psycopg.errors import LockNotAvailable

LOCK_TIMEOUT_S = 2.0
ATTEMPTS = 60
PAUSE_S = 1.0


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            type=seconds,
            default=LOCK_TIMEOUT_S,
            metavar="S",
            help=f"wait so long for a lock, then let others through and try again, {ATTEMPTS} times (default 2)",
        )

    def get_check_kwargs(self, options: Any) -> Any:
        """Leave the database out while settings are unusable: their messages would drown in a failed connection."""
        return {} if settings.ENVIRONMENT_PROBLEMS else super().get_check_kwargs(options)

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        if settings.ENVIRONMENT_PROBLEMS:
            super().handle(*args, **options)
            return
        with ExitStack() as stack:
            if stack.enter_context(past_the_pooler(alias)):
                stack.enter_context(short_waits(alias, options["lock_timeout"]))
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if not isinstance(error.__cause__, LockNotAvailable):
                        raise
                    self.stderr.write(f"A lock was not free (attempt {attempt} of {ATTEMPTS}); others go first.")
                    time.sleep(PAUSE_S)
        raise CommandError("A lock was never free. Find who holds it (Saúde, Banco), then migrate again.")


@contextmanager
def past_the_pooler(alias: str) -> Iterator[bool]:
    """Let `default` be the direct connection, since migrations name it; tells whether the session is ours alone.

    Not where another database than the configured one is migrated: tests have their own.
    """
    pooled = connections[alias]
    is_elsewhere = pooled.settings_dict["NAME"] != urlsplit(settings.DATABASE_URL).path.lstrip("/")
    if not settings.POOLED or is_elsewhere or alias != DEFAULT_DB_ALIAS:
        yield not settings.POOLED
        return
    direct = connections.create_connection(settings.MAINTENANCE)
    direct.alias = alias
    connections[alias] = direct
    try:
        yield True
    finally:
        direct.close()
        connections[alias] = pooled


@contextmanager
def short_waits(alias: str, timeout_s: float) -> Iterator[None]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{round(timeout_s * 1000)}ms"])
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


def seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError as error:
        raise ArgumentTypeError("a number of seconds is needed") from error
    if not 0 < found <= 60:
        raise ArgumentTypeError("between 0 and 60 seconds")
    return found
