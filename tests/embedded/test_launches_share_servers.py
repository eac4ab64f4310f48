import signal
import subprocess
import sys
from pathlib import Path

from tests.embedded.conftest import Launch
from tests.embedded.observing import answers, exists, read, write

PROJECT = Path(__file__).resolve().parents[2]
LAUNCH_AND_WAIT = """
import pathlib, sys, time
from config.embedded import launch
servers = launch(pathlib.Path(sys.argv[1]), environ={"PATH": sys.argv[2]}, durable=False)
print(*servers.pids, flush=True)
time.sleep(600)
"""


def test_a_second_launch_uses_the_running_servers_and_leaves_them_running(start: Launch, tmp_path: Path) -> None:
    owner = start(tmp_path)
    write(owner, "from the owner")

    guest = start(tmp_path)
    seen = read(guest)
    guest.stop()

    assert guest.pids == owner.pids
    assert guest.database_url == owner.database_url
    assert seen == ["from the owner"]
    assert answers(owner)


def test_servers_of_a_killed_program_are_taken_over_and_stopped_by_the_next(
    start: Launch, tmp_path: Path, environ: dict[str, str]
) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-c", LAUNCH_AND_WAIT, tmp_path, environ["PATH"]],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    with killed:
        assert killed.stdout is not None
        left = tuple(map(int, killed.stdout.readline().split()))
        killed.send_signal(signal.SIGKILL)

    with start(tmp_path) as servers:
        assert servers.pids == left
        assert answers(servers)

    assert [exists(pid) for pid in left] == [False, False]


def test_the_next_launch_becomes_owner_once_the_first_has_stopped(start: Launch, tmp_path: Path) -> None:
    first = start(tmp_path)
    first.stop()

    second = start(tmp_path)
    second.stop()

    assert [exists(pid) for pid in second.pids] == [False, False]
