"""The processes of a run: start them, notice when one ends, stop every one, also those of a run that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType

from config.embedded.processes import open_log, wait_until, write_private
from config.running.telling import CannotRun, StopAsked, say

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY_S = 0.1
SAME_REQUEST_S = 1.0
# A lane worker ends the partner call it is in (at most 20 s) before it stops.
STOP_TIMEOUT_S = 25.0
KILL_TIMEOUT_S = 5.0
LINES_SHOWN = 15


@dataclass
class Child:
    """A process of ours, leader of a group of its own: Ctrl-C reaches only the program that stops it in order."""

    name: str
    log: Path
    begin: int  # where this process begins in the log
    process: subprocess.Popen[bytes]
    outlives: bool = False

    def output(self) -> list[str]:
        """Lines the process has written so far."""
        with self.log.open("rb") as file:
            file.seek(self.begin)
            return file.read().decode(errors="replace").splitlines()

    def said(self) -> list[str]:
        """The end of its output, for people."""
        return [line for line in self.output() if line.strip()][-LINES_SHOWN:]

    def is_running(self) -> bool:
        return self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


@dataclass
class Processes:
    """All processes of a run. `record` lists them on disk, so that the next run can stop what a killed one left."""

    directory: Path  # the project: every process works there
    logs: Path
    record: Path
    environ: Mapping[str, str] = field(repr=False)
    children: list[Child] = field(default_factory=list)
    holder: int = field(default_factory=os.getppid)
    stop_timeout_s: float = STOP_TIMEOUT_S
    stop_asked: int = 0  # the first signal that asked for it
    is_urgent: bool = False
    _asked_at: float = 0.0

    def listen(self) -> None:
        """Take signals as requests to stop, noticed by `check`: raised at once they could hit between a start and its
        entry in the list, and leave a process behind.
        """
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        # A terminal and the program above may both pass on one Ctrl-C; only a second one is impatience.
        if not self.stop_asked:
            self.stop_asked, self._asked_at = number, time.monotonic()
        elif time.monotonic() - self._asked_at > SAME_REQUEST_S:
            self.is_urgent = True

    def start(self, name: str, command: Sequence[str], *, outlives: bool = False) -> Child:
        """Start a process that stays; `outlives`: it is stopped after all others. Secrets go by environment or file."""
        log = self.logs / f"{name}.log"
        with open_log(log) as output:
            begin = output.tell()
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        child = Child(name, log, begin, process, outlives)
        self.children.append(child)
        self._write_record()
        return child

    def run(self, name: str, command: Sequence[str]) -> list[str]:
        """Run a process to its end and return its lines. Raises CannotRun when it, or one that should stay, fails."""
        child = self.start(name, command)
        while child.is_running():
            self.check(but=child)
            time.sleep(LOOK_EVERY_S)
        self.children.remove(child)
        self._write_record()
        if child.process.returncode:
            raise CannotRun(
                f"The step '{name}' failed; its last lines are above, all of them in {child.log}. Correct the cause and "
                "start again: what is done already is kept.",
                f"A etapa '{name}' falhou; as últimas linhas estão acima, todas em {child.log}. Corrija a causa e "
                "inicie de novo: o que já foi feito é mantido.",
                log=child.said(),
            )
        return child.output()

    def check(self, *, but: Child | None = None) -> None:
        """Raise StopAsked after a signal or when our own parent is gone, CannotRun when a process ended by itself."""
        if os.getppid() != self.holder:
            raise StopAsked(signal.SIGTERM)
        if self.stop_asked:
            raise StopAsked(self.stop_asked)
        for child in self.children:
            if child is not but and not child.is_running():
                raise ended(child)

    def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition; False when it takes too long. Raises CannotRun when a process ends meanwhile."""
        end = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() > end:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def stop(self) -> None:
        """Stop every process, those that outlive the others last; kill what takes too long, or after a second signal."""
        for wave in ([c for c in self.children if not c.outlives], [c for c in self.children if c.outlives]):
            for child in wave:
                if child.is_running():
                    child.process.terminate()
            wait_until(partial(self._is_over, wave), self.stop_timeout_s)
            for child in wave:
                # The whole group, also after an orderly end: helpers of a process must not survive it.
                child.signal_group(signal.SIGKILL)
                child.process.wait(KILL_TIMEOUT_S)
        self.children.clear()
        self.record.unlink(missing_ok=True)

    def _is_over(self, wave: Sequence[Child]) -> bool:
        return self.is_urgent or not any(child.is_running() for child in wave)

    def _write_record(self) -> None:
        # A process that has ended may have helpers in its group, but its number may soon be a stranger's.
        alive = [child for child in self.children if child.is_running()]
        rows = [{"name": child.name, "pid": child.process.pid, "begun": begun(child.process.pid)} for child in alive]
        write_private(self.record, json.dumps(rows))


def ended(child: Child) -> CannotRun:
    return CannotRun(
        f"The process '{child.name}' ended unexpectedly (status {child.process.returncode}). Its last lines are above, "
        f"all of them in {child.log}. Start again: the work goes on where it stopped. If it happens again, correct "
        "what the lines name, or report them.",
        f"O processo '{child.name}' parou inesperadamente (status {child.process.returncode}). As últimas linhas estão "
        f"acima, todas em {child.log}. Inicie de novo: o trabalho continua de onde parou. Se acontecer outra vez, "
        "corrija o que as linhas apontam ou relate o problema.",
        log=child.said(),
    )


def stop_leftovers(record: Path) -> None:
    """Stop processes of a run that was killed before it could do so itself."""
    left = [(pid, name) for pid, name, when in recorded(record) if when and when == begun(pid)]
    for pid, name in left:
        say(f"  {name} ({pid})")
        for number, timeout_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, KILL_TIMEOUT_S)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)
            if wait_until(partial(is_gone, pid), timeout_s):
                break
    record.unlink(missing_ok=True)


def recorded(record: Path) -> Iterator[tuple[int, str, str]]:
    """(process number, name, when it began) of each process in the record; nothing when it is absent or unreadable."""
    try:
        rows = json.loads(record.read_text(encoding="utf-8"))
        for row in rows:
            yield int(row["pid"]), str(row["name"]), str(row["begun"])
    except (OSError, ValueError, TypeError, KeyError):
        return


def is_gone(pid: int) -> bool:
    return not begun(pid)


def begun(pid: int) -> str:
    """When the process began, as the system tells it; empty when there is none. Tells a number's second owner apart."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else fields[18]
    except FileNotFoundError:
        pass
    except (OSError, IndexError):
        return ""
    if Path("/proc/self/stat").exists():
        return ""
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()
