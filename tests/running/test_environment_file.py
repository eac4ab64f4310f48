"""The keys of an installation are made once, closed to others, and never overwritten."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from config.env import parse_keys
from config.running import environment
from config.running.telling import CannotRun

PROJECT = Path(__file__).resolve().parents[2]


def test_keys_are_made_the_first_time_and_stay_the_same(tmp_path: Path) -> None:
    made = environment.keys(tmp_path / "ponte.env", {})
    assert environment.keys(tmp_path / "ponte.env", {}) == made
    assert stat.S_IMODE((tmp_path / "ponte.env").stat().st_mode) == 0o600
    assert len(made["PONTE_SECRET_KEY"]) >= 32
    for name in ("PONTE_MASTER_KEYS", "PONTE_BLIND_KEYS"):
        assert [(key_id, len(key)) for key_id, key in parse_keys(made[name]).items()] == [("k1", 32)]
    assert made["PONTE_MASTER_KEYS"] != made["PONTE_BLIND_KEYS"]


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    one, other = (environment.keys(tmp_path / name, {}) for name in ("one.env", "other.env"))
    assert all(one[name] != other[name] for name in one)


def test_keys_of_the_environment_win_and_become_those_of_a_new_file(tmp_path: Path) -> None:
    given = {"PONTE_SECRET_KEY": "an environment's own secret, 'quoted' $too"}
    assert environment.keys(tmp_path / "ponte.env", given)["PONTE_SECRET_KEY"] == given["PONTE_SECRET_KEY"]
    assert environment.keys(tmp_path / "ponte.env", {})["PONTE_SECRET_KEY"] == given["PONTE_SECRET_KEY"]
    later = environment.keys(tmp_path / "ponte.env", {"PONTE_SECRET_KEY": "another"})
    assert later["PONTE_SECRET_KEY"] == "another"


def test_a_file_without_all_keys_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ponte.env"
    path.write_text("# half a file\nPONTE_SECRET_KEY=something\nexport PONTE_BLIND_KEYS='k1:abc'\n")
    with pytest.raises(CannotRun, match="lacks PONTE_MASTER_KEYS"):
        environment.keys(path, {})
    assert path.read_text().startswith("# half a file\n")


def test_a_file_of_an_older_version_gets_the_keys_that_came_later(tmp_path: Path) -> None:
    path = tmp_path / "ponte.env"
    made = environment.keys(path, {})
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "AUDIT" not in line))
    later = environment.keys(path, {})
    assert later["PONTE_AUDIT_KEYS"] != made["PONTE_AUDIT_KEYS"]
    assert {**later, "PONTE_AUDIT_KEYS": ""} == {**made, "PONTE_AUDIT_KEYS": ""}
    assert environment.keys(path, {}) == later


def test_a_file_that_others_could_read_is_closed(tmp_path: Path) -> None:
    environment.keys(tmp_path / "ponte.env", {})
    (tmp_path / "ponte.env").chmod(0o644)
    environment.keys(tmp_path / "ponte.env", {})
    assert stat.S_IMODE((tmp_path / "ponte.env").stat().st_mode) == 0o600


def test_a_shell_reads_the_files_as_python_does(tmp_path: Path) -> None:
    values = {"DATABASE_URL": "postgresql://a:b@h/d", "REDIS_URL": "redis://:p@h/0", "PONTE_VAR": "/a dir/it's",
              "PONTE_PUBLIC_URL": "http://h:1", "PONTE_EXAMPLE_DATA": "1"}  # fmt: skip
    environment.for_the_shell(tmp_path / "running.env", values)
    assert environment.parsed((tmp_path / "running.env").read_text()) == values
    shown = subprocess.run(
        ["bash", "-c", f"set -a; . '{tmp_path}/running.env'; env"], capture_output=True, text=True, check=True, env={}
    ).stdout.splitlines()
    assert {f"{name}={value}" for name, value in values.items()} <= set(shown)


def test_local_calls_are_answered_and_never_go_through_a_proxy() -> None:
    given = {"NO_PROXY": "intranet", "HTTP_PROXY": "http://p", "PONTE_ALLOWED_HOSTS": "ponte.example"}
    made = environment.of_children(given, web_url="http://127.0.0.1:1")
    assert made["NO_PROXY"] == made["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert made["PONTE_ALLOWED_HOSTS"] == "ponte.example,127.0.0.1,localhost"
    assert made["PONTE_PUBLIC_URL"] == "http://127.0.0.1:1"


def test_the_directory_is_absolute_wherever_the_command_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment.directory({"PONTE_VAR": "here"}, Path("/default")) == tmp_path / "here"
    assert environment.directory({}, Path("/default")) == Path("/default")


def test_the_example_explains_every_variable_the_settings_read() -> None:
    code = (PROJECT / "config" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', code))
    lines = (PROJECT / "deploy" / "env.example").read_text().splitlines()
    places = {line.removeprefix("#").split("=")[0]: n for n, line in enumerate(lines) if re.match(r"#?[A-Z_]+=", line)}
    assert set(places) == read | {"PONTE_SERVERS", "WEB_CONCURRENCY"}
    unexplained = [name for name, n in places.items() if not lines[n - 1].startswith("# ")]
    assert unexplained == []


def test_the_commands_in_the_example_make_usable_keys() -> None:
    lines = (PROJECT / "deploy" / "env.example").read_text().splitlines()
    commands = [line.removeprefix("#").strip() for line in lines if line.startswith("#   python3 -c")]
    secret, master = (
        subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, env=dict(os.environ)).stdout
        for line in commands
    )
    assert len(secret.strip()) >= 32
    assert list(parse_keys(master.strip())) == ["k1"]
