import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.embedded.observing import exists

PROJECT = Path(__file__).resolve().parents[2]
UNTIL_TOLD_TO_END = 'trap "exit 5" TERM; echo ready; for i in $(seq 600); do sleep 0.05; done'
FOR_A_MOMENT = "echo ready; exec sleep 3"
REPORT_URLS = 'echo "${DATABASE_URL%%:*} ${REDIS_URL%%:*}"; exit 7'


def run(temporary: Path, environ: dict[str, str], script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "config.embedded", "--ephemeral", "--", "sh", "-c", script],
        cwd=PROJECT,
        env={**environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_command_finds_the_urls_and_its_exit_status_is_passed_on(tmp_path: Path, environ: dict[str, str]) -> None:
    with run(tmp_path, environ, REPORT_URLS) as command:
        output, _ = command.communicate(timeout=60)

    assert (output, command.returncode) == ("postgresql redis\n", 7)
    assert list(tmp_path.iterdir()) == []


def test_a_request_to_end_reaches_the_command_and_nothing_is_left(tmp_path: Path, environ: dict[str, str]) -> None:
    with run(tmp_path, environ, UNTIL_TOLD_TO_END) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"
        assert len(list(tmp_path.iterdir())) == 1

        command.send_signal(signal.SIGTERM)

        assert command.wait(timeout=60) == 5
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_even_when_the_launcher_is_killed(tmp_path: Path, environ: dict[str, str]) -> None:
    with run(tmp_path, environ, FOR_A_MOMENT) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"
        (directory,) = tmp_path.iterdir()
        pid = int(next(directory.glob("postgres*/data/postmaster.pid")).read_text().split()[0])
        command.kill()

    end = time.monotonic() + 60
    while (directory.exists() or exists(pid)) and time.monotonic() < end:
        time.sleep(0.1)

    assert not exists(pid)
    assert not directory.exists()


def test_a_missing_command_is_reported(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "config.embedded", "--ephemeral", "--", "no-such-command"],
        cwd=PROJECT,
        env={**environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 127
    assert "cannot run no-such-command" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_choice_of_servers_ends_with_status_2_and_one_line(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "config.embedded", "--var", tmp_path, "--source", "docker", "--", "true"],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == "servers: PONTE_SERVERS is 'docker'; it must be one of: auto, system, wheels.\n"
