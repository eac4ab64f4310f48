"""What is installed is what was looked at: every requirement pinned, and the audit never passes without having asked."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[0-9][0-9A-Za-z.]*")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_exactly(name: str) -> None:
    lines = [line.partition(" #")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    included = [line for line in wanted if line.startswith("-r ")]
    assert included == (["-r requirements.txt"] if name == "requirements-dev.txt" else [])
    loose = [line for line in wanted if line not in included and not PIN.fullmatch(line)]
    assert loose == []
    names = [re.split(r"[\[=]", line.lower())[0] for line in wanted if line not in included]
    assert len(names) == len(set(names))


class Silent(BaseHTTPRequestHandler):
    """A proxy that lets nobody out."""

    def do_CONNECT(self) -> None:
        self.send_error(503)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def no_way_out() -> Iterator[dict[str, str]]:
    server = HTTPServer(("127.0.0.1", 0), Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), address) | {"NO_PROXY": ""}
    server.shutdown()


def audit(tmp_path: Path, answer: str, status: int) -> "subprocess.CompletedProcess[str]":
    """Run the script in an environment whose pip-audit says this."""
    venv = tmp_path / "venv" / "bin"
    venv.mkdir(parents=True)
    program = venv / "python"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *pip_audit*) while [ $# -gt 0 ]; do [ "$1" = --output ] && out=$2; shift; done;'
        f' printf %s \'{answer}\' >"$out"; exit {status};; esac\nexec {sys.executable} "$@"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    script = tmp_path / "deploy"
    script.mkdir()
    (script / "audit_dependencies.sh").write_text((ROOT / "deploy/audit_dependencies.sh").read_text())
    (script / "python.sh").write_text(
        f'prepare_environment() {{ python={program}; }}\nsay() {{ printf "%s\\n" "$*" >&2; }}\n'
    )
    (tmp_path / "requirements.txt").write_text("anyio==4.0.0\n")
    command = ["bash", str(script / "audit_dependencies.sh")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


ASKED = '{"dependencies": [{"name": "anyio", "version": "4.0.0", "vulns": []}]}'
FOUND = '{"dependencies": [{"name": "anyio", "version": "4.0.0", "vulns": [{"id": "CVE-1", "fix_versions": ["4.1"]}]}]}'
SKIPPED = '{"dependencies": [{"name": "anyio", "skip_reason": "not found"}]}'


@pytest.mark.parametrize(
    ("answer", "status", "code", "says"),
    [
        (ASKED, 0, 0, "no known vulnerability in 1 packages"),
        (FOUND, 1, 1, "anyio 4.0.0: CVE-1, fixed in 4.1"),
        (SKIPPED, 0, 3, "NOT CHECKED"),
        ("", 1, 3, "NOT CHECKED"),
        ("", 0, 3, "NOT CHECKED"),
        (ASKED, 1, 3, "NOT CHECKED"),
    ],
)
def test_the_audit_says_what_it_knows_and_that_it_does_not(
    tmp_path: Path, answer: str, status: int, code: int, says: str
) -> None:
    done = audit(tmp_path, answer, status)
    assert (done.returncode, says in done.stdout) == (code, True), done


def test_the_real_audit_without_network_is_not_a_pass(no_way_out: dict[str, str], tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("anyio==4.0.0\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off",
         "--vulnerability-service", "osv", "--timeout", "5", "-r", str(requirements)],
        env={**os.environ, **no_way_out}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "No known vulnerabilities" not in done.stdout + done.stderr
