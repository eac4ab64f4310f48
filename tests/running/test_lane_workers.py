"""`manage.py lanes` works lanes until it is asked to stop, and never with wrong keys."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from database import environment_of_the_test, wrong_master_keys
from django.db import connection
from installation import PROJECT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT_S = 40
NAME = "lanes under test"


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), "lanes", *arguments]


def refused(*arguments: str, **environ: str) -> str:
    """What it says when it does not start."""
    done = subprocess.run(
        command(*arguments), env=environment_of_the_test(**environ), capture_output=True, text=True, timeout=LIMIT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    return done.stderr


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command("--threads", "3"), env=environment_of_the_test(PGAPPNAME=NAME), cwd="/") as process:
        yield process
        process.kill()


def connections_of_the_worker() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s", [NAME]
        )
        count: int = cursor.fetchone()[0]
        return count


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_works_in_threads_and_stops_when_asked(worker: subprocess.Popen[bytes], number: signal.Signals) -> None:
    wait_until(lambda: connections_of_the_worker() == 3, LIMIT_S)
    worker.send_signal(number)
    assert worker.wait(LIMIT_S) == 0
    assert connections_of_the_worker() == 0


def test_it_goes_on_when_the_database_cuts_its_connections(worker: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: connections_of_the_worker() == 3, LIMIT_S)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", [NAME]
        )
        assert cursor.fetchone()[0] == 3
    wait_until(lambda: connections_of_the_worker() == 3, LIMIT_S)
    worker.terminate()
    assert worker.wait(LIMIT_S) == 0


def test_it_refuses_keys_the_database_does_not_know() -> None:
    wrong = wrong_master_keys()
    said = refused(PONTE_MASTER_KEYS=wrong)
    assert "ponte.E010" in said
    assert wrong not in said


def test_a_malformed_number_of_threads_is_refused() -> None:
    assert "a whole number from 1 is needed" in refused("--threads", "0")
