"""The web process with its real configuration."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from database import environment_of_the_test, wrong_master_keys
from installation import PROJECT, wait_until

from config.embedded.processes import free_port
from config.running import http

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT_S = 40


def command(port: int) -> list[str]:
    configuration = str(PROJECT / "deploy" / "gunicorn.conf.py")
    return [sys.executable, "-m", "gunicorn", "-c", configuration, "--bind", f"127.0.0.1:{port}", "config.wsgi"]


def test_it_answers_from_any_directory_and_keeps_search_terms_out_of_its_log(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "web.log"
    address = f"http://127.0.0.1:{port}"
    environ = environment_of_the_test(PYTHONPATH=str(PROJECT), PONTE_PUBLIC_URL=address)
    with (
        log.open("w") as output,
        subprocess.Popen(command(port), env=environ, cwd=tmp_path, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until(lambda: http.answers(f"{address}/readyz") or process.poll() is not None, LIMIT_S)
            found = requests.get(f"{address}/healthz?phone=5511900000017", timeout=10)
            assert (found.status_code, found.json()) == (200, {"status": "ok"})
            requests.get(f"{address}/nowhere/?phone=5511900000017", timeout=10)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    said = log.read_text()
    assert said.count("Booting worker with pid") == 2
    assert "gthread" in said
    assert "5511900000017" not in said


def test_it_does_not_start_with_keys_the_database_does_not_know() -> None:
    wrong = wrong_master_keys()
    environ = environment_of_the_test(PONTE_MASTER_KEYS=wrong)
    done = subprocess.run(
        command(free_port()), env=environ, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    # Gunicorn ends with 3, or with 1 when its second worker dies while it is halting already.
    assert done.returncode in (1, 3)
    assert "ponte.E010" in done.stderr
    assert wrong not in done.stderr
