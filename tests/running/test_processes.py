"""Processes of a run are started, watched and stopped, with everything they started themselves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import wait_until

from config.running.processes import Child, Processes, begun, stop_leftovers
from config.running.telling import CannotRun, StopAsked

SLEEPS = "import time; print('ready', flush=True); time.sleep(300)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
PARENT = """
import subprocess, sys
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(helper.pid, flush=True)
helper.wait()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for_line(child: Child) -> str:
    wait_until(child.output, 20)
    return child.output()[0]


def exists(pid: int) -> bool:
    return bool(begun(pid))


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path, tmp_path, tmp_path / "processes.json", dict(os.environ), stop_timeout_s=1)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield made
    made.stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_step_that_succeeds_returns_its_lines(processes: Processes) -> None:
    assert processes.run("step", python("print('one'); print('two')")) == ["one", "two"]
    assert processes.run("step", python("print('three')")) == ["three"]
    assert (processes.logs / "step.log").read_text() == "one\ntwo\nthree\n"


def test_a_step_that_fails_is_reported_with_its_last_lines(processes: Processes) -> None:
    with pytest.raises(CannotRun, match="The step 'step' failed") as caught:
        processes.run("step", python("print('\\n'.join(map(str, range(99)))); raise SystemExit(3)"))
    assert caught.value.log == tuple(map(str, range(84, 99)))
    assert "A etapa 'step' falhou" in caught.value.portuguese


def test_a_process_that_ends_by_itself_is_reported(processes: Processes) -> None:
    processes.start("steady", python(SLEEPS))
    child = processes.start("weak", python("print('no disk left'); raise SystemExit(7)"))
    child.process.wait(20)
    with pytest.raises(CannotRun, match=r"The process 'weak' ended unexpectedly \(status 7\)") as caught:
        processes.check()
    assert caught.value.log == ("no disk left",)


def test_a_process_that_ends_during_a_step_is_reported_and_the_step_does_not_go_on(processes: Processes) -> None:
    processes.start("weak", python("raise SystemExit(7)"))
    with pytest.raises(CannotRun, match="'weak' ended"):
        processes.run("step", python(SLEEPS))


def test_stopping_ends_also_what_a_process_has_started(processes: Processes) -> None:
    child = processes.start("parent", python(PARENT))
    helper = int(wait_for_line(child))
    assert exists(helper)
    processes.stop()
    assert not exists(child.process.pid)
    wait_until(lambda: not exists(helper), 5)  # a killed process needs a moment to be gone
    assert not processes.record.exists()


def test_a_process_that_ignores_the_request_is_killed(processes: Processes) -> None:
    child = processes.start("deaf", python(DEAF))
    wait_for_line(child)
    processes.stop()
    assert child.process.returncode == -signal.SIGKILL


def test_a_process_that_outlives_the_others_is_stopped_after_them(processes: Processes, tmp_path: Path) -> None:
    tells = (
        "import signal, sys, time\ndef end(*_):\n  time.sleep({}); print(time.monotonic(), flush=True); sys.exit()\n"
    )
    tells += "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(300)"
    last = processes.start("last", python(tells.format(0)), outlives=True)
    first = processes.start("first", python(tells.format(0.3)))
    for child in (first, last):
        wait_for_line(child)
    processes.stop()
    assert float(first.output()[1]) < float(last.output()[1])


def test_a_signal_is_noticed_at_the_next_look_and_twice_at_once_counts_as_one(processes: Processes) -> None:
    processes.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(StopAsked) as caught:
        processes.check()
    assert caught.value.number == signal.SIGTERM
    assert processes.is_urgent is False


def test_what_a_killed_run_left_is_stopped_but_never_a_stranger(processes: Processes, tmp_path: Path) -> None:
    left = processes.start("left", python(SLEEPS))
    stranger = subprocess.Popen(python(SLEEPS), stdout=subprocess.DEVNULL, start_new_session=True)
    rows = json.loads(processes.record.read_text())
    rows.append({"name": "once ours", "pid": stranger.pid, "begun": "1"})
    record = tmp_path / "killed.json"
    record.write_text(json.dumps(rows))
    try:
        stop_leftovers(record)
        assert left.process.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
        assert not record.exists()
    finally:
        stranger.kill()
        stranger.wait(20)


@pytest.mark.parametrize("text", ["", "[1]", '[{"pid": "x"}]', "{}"])
def test_an_unreadable_record_stops_nothing(tmp_path: Path, text: str) -> None:
    record = tmp_path / "processes.json"
    record.write_text(text)
    stop_leftovers(record)
    assert not record.exists()
