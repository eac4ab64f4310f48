"""A measurement that is stopped leaves neither processes nor files."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from small_runs import place, start

LIMIT_S = 120.0


def processes_in(directory: Path) -> list[int]:
    """Processes whose environment or working directory lies there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ, cwd = (entry / "environ").read_bytes(), os.readlink(entry / "cwd")
        except OSError:
            continue
        if f"={directory}".encode() in environ or cwd.startswith(str(directory)):
            found.append(int(entry.name))
    return found


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def test_after_ctrl_c_nothing_is_left() -> None:
    """How a kill of the program alone ends is the business of the same leash in tests/faults."""
    with place() as directory:
        run = start(directory, "intake", "--small")
        until(lambda: list(directory.glob("*/log/web.log")), "the web process never started")
        assert len(processes_in(directory)) > 5
        os.killpg(run.pid, signal.SIGINT)  # as in a terminal: the whole group
        run.communicate(timeout=LIMIT_S)
        assert run.returncode == 130
        until(lambda: not processes_in(directory), "processes are left")
        until(lambda: not list(directory.iterdir()), "files are left")
