"""A run that is stopped, or killed, leaves neither processes nor files."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
LIMIT_S = 150


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for the run's files that the servers' account can reach."""
    directory = Path(tempfile.mkdtemp(prefix="ponte-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def processes_in(place: Path) -> list[int]:
    """Processes whose environment or working directory lies there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ, cwd = (entry / "environ").read_bytes(), os.readlink(entry / "cwd")
        except OSError:
            continue
        if f"={place}".encode() in environ or cwd.startswith(str(place)):
            found.append(int(entry.name))
    return found


def until(condition: object, what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.2)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_is_left(place: Path, number: signal.Signals, status: int) -> None:
    run = subprocess.Popen(
        [sys.executable, str(MANAGE), "faults", "--events", "5000", "--kills", "0"],
        env={**os.environ, "TMPDIR": str(place)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    until(lambda: list(place.glob("*/log/spool.log")), "the processes never started")
    assert len(processes_in(place)) > 5
    run.send_signal(number)
    assert run.wait(LIMIT_S) == status
    assert run.stderr is not None
    run.stderr.close()
    until(lambda: not processes_in(place), "processes are left")
    until(lambda: not list(place.iterdir()), "files are left")
