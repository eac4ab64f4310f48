"""Resident memory after a load stays within the limits of DESIGN section 15."""

import subprocess
import sys

import pytest

from config.embedded.processes import free_port
from config.running import http
from tests.bridge.connected_clinic import Bridge
from tests.intake.server import Server
from tests.resilience.scene import lane_worker, process, resident_mb, rows, until
from tests.resilience.test_without_broker import is_done, post, written

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

WEB_MB, WORKER_MB = 150, 250


def test_a_web_process_and_a_lane_worker_stay_within_their_limits(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    rows("UPDATE call_budgets SET capacity = 10000, tokens = 10000, refill_per_minute = 600000 RETURNING 1")
    server = Server(free_port())
    bind = f"127.0.0.1:{server.port}"
    gunicorn = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", bind, "config.wsgi")
    with process(*gunicorn, WEB_CONCURRENCY="1") as web, lane_worker() as worker:
        assert until(lambda: http.answers(f"http://{bind}/healthz"))
        for first in range(0, 200, 50):
            assert {status for status, _ in post(server, bridge, written(bridge, 50, first))} == {202}
        assert until(is_done)
        served = [resident_mb(pid) for pid in (web.pid, *children(web.pid))]
        worked = resident_mb(worker.pid)
    with capsys.disabled():
        print(f"\nresident memory after a load: web {max(served):.0f} MB, lane worker {worked:.0f} MB")
    assert max(served) <= WEB_MB, served
    assert worked <= WORKER_MB


def children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def test_the_measure_itself_sees_memory() -> None:
    holds = "import sys, time; held = bytearray(80_000_000); print(len(held), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "80000000\n"
        assert resident_mb(child.pid) > 76
        child.kill()
