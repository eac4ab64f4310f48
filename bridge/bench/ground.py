"""What every measurement stands on: the options, and the processes it starts, which are stopped in any case."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from bridge.bench.launch import PROJECT
from bridge.bench.statements import Statements
from config.embedded.processes import free_port
from config.running import http
from config.running.processes import Child, Processes

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 25.0


class CannotMeasure(Exception):
    """Something needed did not come up; the message says what, and the end of its log."""


@dataclass
class Ground:
    """The place of one measurement. `small`: seconds instead of minutes, numbers without meaning."""

    var: Path
    broker_pid: int
    processes: Processes
    statements: Statements
    small: bool = False
    seconds: float | None = None
    started: dict[str, int] = field(default_factory=dict)  # process numbers by name

    def lasting(self, full: float, small: float) -> float:
        """Seconds of one phase: as asked for, else the usual ones."""
        return self.seconds or (small if self.small else full)

    def sized(self, full: int, small: int) -> int:
        return small if self.small else full

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
        self.wait_for(child, lambda: any(line.rstrip().endswith("ready.") for line in child.output()))
        return child

    def partners(self, *, krayins: int = 1, latency_ms: float = 0.0) -> dict[str, Any]:
        """Start the simulated partners; return their parts of a connection file."""
        options = ("--krayins", str(krayins), "--latency-ms", str(latency_ms))
        child = self.start("partners", "-m", "bridge.bench.crm", *options)
        self.wait_for(child, lambda: any(line.startswith("{") for line in child.output()))
        found: dict[str, Any] = json.loads(next(line for line in child.output() if line.startswith("{")))
        return found

    def start(self, name: str, *arguments: str) -> Child:
        child = self.processes.start(name, (sys.executable, *arguments))
        self.started[name] = child.process.pid
        return child

    def wait_for(self, child: Child, condition: Any) -> None:
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
        os.kill(self.broker_pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.broker_pid, signal.SIGCONT)
