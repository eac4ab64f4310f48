import os
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import launch
from tests.embedded.conftest import Launch
from tests.embedded.observing import exists, read, write

BOTH_SOURCES = pytest.mark.parametrize("source", ["system", "wheels"])


@BOTH_SOURCES
def test_data_outlive_a_restart(tmp_path: Path, environ: dict[str, str], source: str) -> None:
    with launch(tmp_path, source=source, environ=environ) as servers, redis.Redis.from_url(servers.redis_url) as client:
        write(servers, "first run")
        client.set("key", "value")
        first = servers

    with launch(tmp_path, source=source, environ=environ) as servers, redis.Redis.from_url(servers.redis_url) as client:
        assert read(servers) == ["first run"]
        assert client.get("key") == b"value"
        assert servers.pids != first.pids
        assert (servers.database.source, servers.redis.source) == (source, source)


@BOTH_SOURCES
def test_stop_leaves_no_process(start: Launch, tmp_path: Path, source: str) -> None:
    servers = start(tmp_path, source)
    write(servers, "x")

    servers.stop()

    assert [exists(pid) for pid in servers.pids] == [False, False]
    assert processes_in(tmp_path) == []


def test_the_role_may_create_databases_but_is_no_superuser(start: Launch, tmp_path: Path) -> None:
    with psycopg.connect(start(tmp_path).database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
        role = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()

    assert role == ("ponte", False)


def test_nobody_else_reads_passwords_data_or_logs(start: Launch, tmp_path: Path) -> None:
    start(tmp_path)

    files = [path for home in tmp_path.glob("*/") for path in home.iterdir()]
    open_to_others = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]

    assert {"data", "ponte.password", "valkey.password", "valkey.conf", "server.log"} <= {path.name for path in files}
    assert open_to_others == []


def test_a_wrong_password_is_refused_on_both_servers(start: Launch, tmp_path: Path) -> None:
    servers = start(tmp_path)
    port = servers.redis_url.rpartition(":")[2].partition("/")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(servers.database_url, password="guessed")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=int(port)).ping()


def test_it_goes_on_with_the_data_it_has_when_better_programs_appear(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path, "wheels") as servers:
        write(servers, "written by the wheels")

    assert read(start(tmp_path, "auto")) == ["written by the wheels"]


def test_an_interrupted_first_start_is_begun_again(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path, "system") as servers:
        folder = f"postgres{servers.database.version.partition('.')[0]}"
    (tmp_path / folder / "data").rename(tmp_path / folder / "data.new")

    servers = start(tmp_path, "system")
    write(servers, "works")

    assert read(servers) == ["works"]
    assert not (tmp_path / folder / "data.new").exists()


def test_a_pid_file_left_by_a_crash_does_not_stop_the_next_start(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path, "system") as servers:
        write(servers, "before the crash")
        (data,) = tmp_path.glob("postgres*/data")
        left = (data / "postmaster.pid").read_text()
    stranger = os.getpid()  # the number now belongs to another living process
    (data / "postmaster.pid").write_text("\n".join([str(stranger), *left.splitlines()[1:]]))

    assert read(start(tmp_path, "system")) == ["before the crash"]
    assert exists(stranger)


def test_a_lost_password_file_is_replaced(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path) as servers:
        write(servers, "still mine")
    (password,) = tmp_path.glob("postgres*/ponte.password")
    password.unlink()

    assert read(start(tmp_path)) == ["still mine"]


def processes_in(directory: Path) -> list[str]:
    """Return the numbers of processes that work inside `directory` (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(entry)).is_relative_to(directory):
                found.append(entry.parent.name)
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    return found
