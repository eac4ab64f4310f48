"""Real worker processes on this test's database, which can be killed in the middle of a call."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connections

from tests.intake.server import PROJECT, database_address

START_S = 120
WORKER = """
import django; django.setup()
from bridge.sync.worker import Worker
Worker().run_until_idle()
"""


@contextmanager
def worker_process() -> Iterator["subprocess.Popen[bytes]"]:
    """One worker that works until nothing is due; killed at the end of the block if it still runs."""
    environ = os.environ | {"DATABASE_URL": database_address(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen([sys.executable, "-c", WORKER], cwd=PROJECT, env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(START_S)


def run_workers(number: int) -> None:
    """Let so many worker processes race until nothing is due; each must end well."""
    environ = os.environ | {"DATABASE_URL": database_address(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    workers = [subprocess.Popen([sys.executable, "-c", WORKER], cwd=PROJECT, env=environ) for _ in range(number)]
    assert [worker.wait(START_S) for worker in workers] == [0] * number


def until(condition: Callable[[], bool], timeout_s: float = START_S) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def in_threads(*works: Callable[[], object]) -> None:
    """Run each in a thread of its own and wait for all."""

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
