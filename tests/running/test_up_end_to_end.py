"""`manage.py up` as a person starts it, again and again on one installation."""

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from installation import FEW, Installation, summary, wait_until

from config.running import environment, example

NUMBERS = ("webhooks_received", "duplicates_ignored", "foreign_ignored", "persons", "leads", "notes",
           "stage_changes", "failed", "exact")  # fmt: skip


def passwords_in(said: str) -> list[str]:
    return re.findall(r"password \(shown only now\): (\S+)", said)


def signs_in(web: str, password: str) -> bool:
    """Whether the first user gets past the sign-in of the admin."""
    with requests.Session() as browser:
        page = browser.get(f"{web}/admin/login/", timeout=10)
        form = {"username": example.USER, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post(page.url, data=form, timeout=10, allow_redirects=False)
        return answer.status_code == 302


def webhooks_of(krayin: str, chatwoot: str) -> list[str]:
    """Addresses both simulators send to."""
    crm, chat = (requests.get(f"{url}/__state__", timeout=10).json() for url in (krayin, chatwoot))
    return [hook["end_point"] for hook in crm["webhooks"]] + [hook["url"] for hook in chat["webhooks"]]


def secrets_of(installation: Installation) -> list[str]:
    """Keys, passwords of both servers, the example's passwords and token."""
    texts = ((installation.var / name).read_text() for name in ("ponte.env", "running.env"))
    keys, servers = (environment.parsed(text) for text in texts)
    partners = json.loads((installation.var / "connection.json").read_text())
    found = [
        *keys.values(),
        *(urlsplit(servers[name]).password or "" for name in ("DATABASE_URL", "REDIS_URL")),
        *(user["password"] for user in partners["krayin"]["users"]),
        partners["chatwoot"]["token"],
    ]
    assert [len(secret) > 10 for secret in found] == [True] * 9
    return found


@pytest.fixture(autouse=True)
def _nothing_runs_between_tests(installation: Installation) -> Iterator[None]:
    yield
    installation.kill_everything()


def test_once_gives_the_same_exact_numbers_three_times_in_a_row(installation: Installation) -> None:
    runs = [installation.first_run, *(installation.up("--once", *FEW) for _ in range(2))]
    assert [run.returncode for run in runs] == [0, 0, 0], runs[-1].stderr
    first, *others = [{name: summary(run.stdout)[name] for name in NUMBERS} for run in runs]
    assert first | {"webhooks_received": 0, "duplicates_ignored": 0} == {
        "webhooks_received": 0, "duplicates_ignored": 0, "foreign_ignored": 0, "persons": 2, "leads": 2, "notes": 2,
        "stage_changes": 4, "failed": 0, "exact": True,
    }  # fmt: skip
    assert first["webhooks_received"] > 40
    assert first["duplicates_ignored"] > 0
    assert others == [first, first]
    assert all(0 < summary(run.stdout)["crm_calls"] <= 30 for run in runs)
    assert [run.stdout.count("\n") for run in runs] == [1, 1, 1]
    assert [len(passwords_in(run.stderr)) for run in runs] == [1, 0, 0]
    assert installation.left() == []


def test_the_files_of_a_run_are_closed_to_others(installation: Installation) -> None:
    files = [installation.var / name for name in ("ponte.env", "running.env", "connection.json")]
    files += (installation.var / "log").glob("*.log")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert len(files) > 8


def test_it_stays_up_on_other_ports_when_its_own_are_busy_and_ctrl_c_leaves_nothing(installation: Installation) -> None:
    keys = (installation.var / "ponte.env").read_bytes()
    before = json.loads((installation.var / "ports.json").read_text())
    listeners = [socket.create_server(("127.0.0.1", port)) for port in before.values()]
    try:
        process = installation.start(*FEW)
        installation.wait_for("Everything runs")
    finally:
        for listener in listeners:
            listener.close()
    ports = json.loads((installation.var / "ports.json").read_text())
    assert not set(ports.values()) & set(before.values())
    assert "The CRM holds exactly what it should" in installation.said
    web, chatwoot, krayin = (f"http://127.0.0.1:{ports[name]}" for name in ("web", "chatwoot", "krayin"))
    (password,) = passwords_in(installation.first_run.stderr)
    assert signs_in(web, password)
    assert not signs_in(web, password[::-1])
    addresses = webhooks_of(krayin, chatwoot)
    assert len(addresses) == 5
    assert all(address.startswith(f"{web}/webhooks/") for address in addresses)
    commands = "\n".join(installation.processes())
    assert "gunicorn" in commands
    assert not [secret for secret in secrets_of(installation) if secret in commands]
    again = installation.up("--once")
    assert again.returncode == 1
    assert "already running" in again.stderr

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert installation.left() == []
    assert (installation.var / "ponte.env").read_bytes() == keys


def test_other_keys_than_those_of_the_database_stop_the_start(installation: Installation) -> None:
    run = installation.up("--once", PONTE_MASTER_KEYS=environment.new_key())
    assert run.returncode == 1
    assert run.stdout == ""
    assert "PONTE_MASTER_KEYS: key k1 is not the key this database knows by that name" in run.stderr
    assert installation.left() == []


def test_a_crashed_process_is_reported_with_what_to_do(installation: Installation) -> None:
    process = installation.start(*FEW)
    wait_until(lambda: (installation.var / "run" / "processes.json").exists() and "lanes" in installation.recorded())
    os.kill(installation.recorded()["lanes"], signal.SIGKILL)
    assert process.wait(120) == 1
    assert "The process 'lanes' ended unexpectedly (status -9)" in installation.said
    assert "O processo 'lanes' parou inesperadamente" in installation.said
    assert installation.left() == []


def test_without_the_program_that_holds_the_servers_everything_else_stops_itself(installation: Installation) -> None:
    process = installation.start(*FEW)
    installation.wait_for("People write")
    process.kill()
    process.wait(20)
    wait_until(lambda: not [line for line in installation.processes() if "python" in line], 60)
    assert not (installation.var / "run" / "processes.json").exists()


def test_what_a_killed_run_left_is_stopped_by_the_next_which_goes_on(installation: Installation) -> None:
    process = installation.start(*FEW)
    installation.wait_for("People write")
    commands = [line for line in installation.processes() if "manage.py\0up" in line]
    numbers = {int(line.split()[0]) for line in commands}
    assert process.pid in numbers
    assert len(numbers) == 2
    for number in sorted(numbers):  # first the one that would stop the servers
        os.kill(number, signal.SIGKILL)
    process.wait(20)
    assert set(installation.recorded()) >= {"sandbox", "web", "lanes", "celery", "beat"}

    run = installation.up("--once", *FEW)
    assert run.returncode == 0, run.stderr
    assert "Stopping what a killed run left" in run.stderr
    assert summary(run.stdout)["exact"] is True
    assert installation.left() == []
