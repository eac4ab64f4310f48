"""`python manage.py spool`: brings this host's spooled deliveries into PostgreSQL; one on every web host."""

import json
import logging
import signal
import threading
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from bridge.health import readings
from bridge.spool import folder, secrets_cache
from bridge.spool.drainer import Drainer
from bridge.spool.setaside import retry
from bridge.spool.status import LOCK, status

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
# A look at the status holds the lock for a moment.
PATIENCE_S = 2.0


class Command(BaseCommand):
    help = (
        "Stores the deliveries that web processes of this host kept while PostgreSQL was away. Runs until SIGTERM or "
        "Ctrl-C; needs no broker. A second one waits for the first to end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="store what is there now and end; 1 if some must wait")
        parser.add_argument(
            "--retry", action="store_true", help="first give refused records (spool/bad) another chance"
        )
        parser.add_argument("--status", action="store_true", help="only tell what the spool holds")
        parser.add_argument("--json", action="store_true", help="with --status: one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self.tell(as_json=options["json"])
            return
        spool, stop = folder.directory(), threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        folder.make(spool)
        if options["retry"]:
            self.stdout.write(f"given back: {retry(spool)}")
        try:
            drain(spool, stop, once=options["once"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error

    def tell(self, *, as_json: bool) -> None:
        found = asdict(status())
        if as_json:
            self.stdout.write(json.dumps(found))
            return
        for name, value in found.items():
            self.stdout.write(f"{name}: {value}")


def drain(spool: Path, stop: threading.Event, *, once: bool) -> None:
    """Drain under the lock of this host. Raises CommandError, ImproperlyConfigured."""
    end = time.monotonic() + PATIENCE_S
    while not stop.is_set():
        with folder.only_one(spool / LOCK) as is_mine:
            if is_mine:
                drain_alone(spool, stop, once=once)
                return
        if once and time.monotonic() > end:
            raise CommandError("Another process drains this spool already.")
        stop.wait(LOOK_EVERY_S)


def drain_alone(spool: Path, stop: threading.Event, *, once: bool) -> None:
    drainer = Drainer(spool, stop=stop)
    if once:
        done = drainer.run_once()
        if done.is_away or done.stuck:
            raise CommandError("Some records must wait; the log above says why. Nothing is lost.")
        return
    # Kept by this process too: a night without deliveries must not leave a new connection out.
    threading.Thread(target=secrets_cache.keep_fresh, args=[stop], name="secrets cache", daemon=True).start()
    readings.start("spool", stop)
    logger.info("spool: draining %s", spool)
    drainer.run_forever()
    logger.info("spool: stopped")
