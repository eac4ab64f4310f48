"""`manage.py sandbox` runs the two simulators without anything else."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from installation import PROJECT, bare_environment

LIMIT_S = 30


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The running command and the addresses it printed."""
    command = [sys.executable, str(PROJECT / "manage.py"), "sandbox", *arguments]
    with subprocess.Popen(command, env=bare_environment(), cwd="/", stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def signed_in(krayin: dict[str, Any], number: int = 0) -> requests.Response:
    body = {**krayin["users"][number], "device_name": "test"}
    return requests.post(f"{krayin['url']}/api/v1/login", json=body, headers={"Accept": "application/json"}, timeout=10)


def test_it_answers_without_keys_and_database_as_its_first_line_says() -> None:
    with sandbox() as (process, found):
        chatwoot, krayin = found["chatwoot"], found["krayin"]
        token = {"api_access_token": chatwoot["token"]}
        inboxes = requests.get(
            f"{chatwoot['url']}/api/v1/accounts/{chatwoot['account_id']}/inboxes", headers=token, timeout=10
        ).json()["payload"]
        assert set(chatwoot["inboxes"]) < {inbox["id"] for inbox in inboxes}
        assert [signed_in(krayin, number).status_code for number in (0, 1)] == [200, 200]
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0


def test_it_keeps_its_data_and_limits_calls_as_asked(tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state"), "--rate-limit", "7")
    with sandbox(*arguments) as (process, found):
        answer = signed_in(found["krayin"])
        assert answer.headers["X-RateLimit-Limit"] == "7"
        requests.post(
            f"{found['chatwoot']['url']}/__scenario__", json={"phase": "open", "conversations": 1}, timeout=10
        ).raise_for_status()
        process.terminate()
        assert process.wait(LIMIT_S) == 0
    with sandbox(*arguments) as (process, found):
        state = requests.get(f"{found['chatwoot']['url']}/__state__", timeout=10).json()
        assert len(state["contacts"]) == 1
        token = {"Authorization": f"Bearer {answer.json()['token']}", "Accept": "application/json"}
        assert requests.get(f"{found['krayin']['url']}/api/v1/get", headers=token, timeout=10).status_code == 200


def test_a_busy_port_is_named() -> None:
    with sandbox() as (_, found):
        port = found["krayin"]["url"].rpartition(":")[2]
        command = [sys.executable, str(PROJECT / "manage.py"), "sandbox", "--krayin-port", port]
        done = subprocess.run(
            command, env=bare_environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "--krayin-port" in done.stderr


def test_an_unreadable_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "chatwoot.json").write_text("[]")
    command = [sys.executable, str(PROJECT / "manage.py"), "sandbox", "--state", str(tmp_path)]
    done = subprocess.run(command, env=bare_environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 1
    assert f"The saved state in {tmp_path} is unreadable" in done.stderr
