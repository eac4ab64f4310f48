"""What every measurement stands on: the options, and the processes it starts, which are stopped in any case."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from bridge.bench.asked import PROJECT, Inside, Wishes
from bridge.bench.errors import CannotMeasure
from bridge.bench.machine import cpu_s, memory_mb
from bridge.bench.pgbench import Pgbench
from bridge.bench.statements import Statements
from config.embedded.processes import free_port
from config.running import http
from config.running.processes import Child, Processes
from config.running.telling import say

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0


@dataclass
class Ground:
    """The place of one measurement: its servers, the processes it starts, and how much of it was asked for."""

    wishes: Wishes
    inside: Inside
    processes: Processes
    statements: Statements
    pgbench: Pgbench
    started: dict[str, int] = field(default_factory=dict)  # process numbers by name
    _is_starting: bool = False
    _asked_to_leave: int = 0

    # How much ------------------------------------------------------------------------------------------------------

    def lasting(self, full: float, small: float) -> float:
        """Seconds of one phase: as asked for, else the usual ones."""
        return self.wishes.seconds or (small if self.wishes.small else full)

    def sized(self, full: int, small: int) -> int:
        """How many of something: all, the share of them that was asked for, or just enough to show that it works."""
        return small if self.wishes.small else max(small, round(full * self.wishes.size))

    def say(self, text: str) -> None:
        """Progress, for whoever waits."""
        say(f"bench {self.wishes.bench}: {text}")

    # Processes -----------------------------------------------------------------------------------------------------

    def web(self) -> str:
        """Start Ponte's web processes at the public address; return it."""
        bind = urlsplit(settings.PUBLIC_URL).netloc
        return self._gunicorn("web", bind, "config.wsgi")

    def bare(self) -> str:
        """Start the view that intake is compared with, under the same gunicorn configuration."""
        bare = ("--env", "DJANGO_SETTINGS_MODULE=bridge.bench.bare_settings")
        return self._gunicorn("bare", f"127.0.0.1:{free_port()}", "bridge.bench.bare", *bare)

    def _gunicorn(self, name: str, bind: str, application: str, *more: str) -> str:
        configuration = str(PROJECT / "deploy" / "gunicorn.conf.py")
        child = self.start(name, "-m", "gunicorn", "-c", configuration, "--bind", bind, *more, application)
        self.wait_for(child, lambda: http.answers(f"http://{bind}/healthz"))
        return f"http://{bind}"

    def workers(self, count: int, *, threads: int) -> list[Child]:
        """Start lane workers as production does."""
        manage = str(PROJECT / "manage.py")
        return [self.start(f"lanes-{n}", manage, "lanes", "--threads", str(threads)) for n in range(1, count + 1)]

    def celery(self) -> Child:
        """Start the worker that wake-ups go to."""
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO")
        child = self.start("celery", "-m", "celery", "-A", "config.celery", "worker", "-Q", "lanes", "-c", "2", *quiet)
        self.wait_for(child, lambda: any("ready." in line for line in child.output()))
        return child

    def partners(self, *, krayins: int = 1, latency_ms: float = 0.0) -> dict[str, Any]:
        """Start the simulated partners; return their parts of a connection file."""
        options = ("--krayins", str(krayins), "--latency-ms", str(latency_ms))
        child = self.start("partners", "-m", "bridge.bench.crm", *options)
        self.wait_for(child, lambda: any(line.startswith("{") for line in child.output()))
        found: dict[str, Any] = json.loads(next(line for line in child.output() if line.startswith("{")))
        return found

    def start(self, name: str, *arguments: str) -> Child:
        self._is_starting = True
        child = self.processes.start(name, (sys.executable, *arguments))
        self.started[name] = child.process.pid
        self._is_starting = False
        if self._asked_to_leave:
            sys.exit(128 + self._asked_to_leave)
        return child

    def leave(self, number: int) -> None:
        """Raise SystemExit, but never between the start of a process and its entry in the list of those to stop."""
        self._asked_to_leave = number
        if not self._is_starting:
            sys.exit(128 + number)

    def wait_for(self, child: Child, condition: Callable[[], bool]) -> None:
        """Raises CannotMeasure when the process does not become ready, config.running's CannotRun when it ends."""
        if not self.processes.until(condition, READY_TIMEOUT_S):
            raise CannotMeasure(f"{child.name} did not become ready:\n" + "\n".join(child.said()))

    def stop(self, children: Sequence[Child]) -> None:
        """Stop some processes in their orderly way, before the measurement goes on."""
        for child in children:
            child.process.terminate()
        for child in children:
            child.process.wait(STOP_TIMEOUT_S)
            self.processes.children.remove(child)
            self.started.pop(child.name, None)

    @contextmanager
    def frozen_broker(self) -> Iterator[None]:
        """The broker neither answers nor goes away: what a full disk or a paused machine looks like."""
        os.kill(self.inside.broker_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.inside.broker_pid, signal.SIGCONT)

    # What they take ------------------------------------------------------------------------------------------------

    def memory_mb(self) -> dict[str, float]:
        return memory_mb(self.started)

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds by name so far, the database's too."""
        return cpu_s({**self.started, "postgresql": self.inside.database_pid})

    def cpu_ms_each(self, each: str, count: int, before: dict[str, float]) -> dict[str, float]:
        """Processor milliseconds each process used since `before`, shared out over `count` of something."""
        used = {name: seconds - before.get(name, 0.0) for name, seconds in self.cpu_s().items()}
        return {f"cpu_ms_per_{each}_{name}": round(s * 1000 / max(1, count), 3) for name, s in used.items() if s > 0}
