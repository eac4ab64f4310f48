"""`python manage.py lanes`: a process that works lanes, the one production runs several of."""

import logging
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from traceback import format_tb
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from bridge.health import readings
from bridge.sync.worker import Worker
from config.memory import keep_loaded
from consent.encryption import refuse_wrong_key

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    help = "Works lanes until SIGTERM or Ctrl-C: brings Krayin in line with what was observed. Run as many as needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--threads", type=at_least_one, default=2, help="lanes worked side by side (default 2)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_wrong_key()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        connections.close_all()
        keep_loaded()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        readings.start("lanes", stop)
        logger.info("lanes: %s threads", options["threads"])
        if not work(options["threads"], stop):
            raise CommandError("A lane worker ended by an error (its log is above). Start it again, and report it.")
        logger.info("lanes: stopped")


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


def work(threads: int, stop: threading.Event) -> bool:
    """Work in so many threads until `stop` is set; False when one of them ended by itself."""
    crew = [threading.Thread(target=work_lanes, args=(stop,), name=f"lanes-{n}") for n in range(1, threads + 1)]
    for thread in crew:
        thread.start()
    while not stop.wait(LOOK_EVERY_S) and all(thread.is_alive() for thread in crew):
        pass
    was_asked = stop.is_set()
    stop.set()
    for thread in crew:
        thread.join()
    return was_asked


def work_lanes(stop: threading.Event) -> None:
    """One thread; its error is logged without its text, because database errors may quote rows."""
    try:
        Worker().run_forever(stop)
    except Exception as error:  # noqa: BLE001 - the end of the thread; `work` reports it
        logger.critical("lane worker ended: %s\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
    finally:
        connections.close_all()
