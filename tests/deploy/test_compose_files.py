"""The Compose files are what the specification allows, and what a machine with real people's data needs."""

import json
import re
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.settings.starting import MANAGE, run

PROJECT = Path(__file__).parents[2]
COMPOSE = PROJECT / "deploy" / "compose"
NAMES = ["development.yml", "production.yml", "rabbitmq.yml"]
ONCE = {"migrate"}  # ends by itself


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / name).read_text(encoding="utf-8"))
    return found


def services(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those the file makes; an addition to another file's has no image."""
    for service, wanted in read(name)["services"].items():
        if "image" in wanted:
            yield service, wanted


@pytest.fixture(scope="module")
def specification() -> Draft7Validator:
    """compose-spec.json as the pinned check-jsonschema brings it."""
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_compose_specification_allows(specification: Draft7Validator, name: str) -> None:
    wrong = [
        f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in specification.iter_errors(read(name))
    ]
    assert wrong == []


def test_the_specification_notices_a_misspelt_key(specification: Draft7Validator) -> None:
    wrong = {"services": {"web": {"image": "ponte:1", "healtcheck": {"test": "true"}}}}
    assert not specification.is_valid(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_service_has_limits_a_health_check_an_exact_image_and_an_account(name: str) -> None:
    for service, wanted in services(name):
        assert set(wanted["deploy"]["resources"]["limits"]) == {"memory", "cpus"}, service
        assert "test" in wanted["healthcheck"] or service in ONCE, service
        image, _, version = wanted["image"].rpartition(":")
        assert image, service
        assert re.search(r"\d+\.\d+", version), f"{service}: {wanted['image']}"
        assert wanted["user"].split(":")[0] not in ("", "0", "root"), service
        assert not wanted.get("privileged"), service


@pytest.mark.parametrize("name", ["production.yml", "rabbitmq.yml"])
def test_in_production_no_service_gains_rights_or_ends_for_ever(name: str) -> None:
    for service, wanted in services(name):
        assert wanted["cap_drop"] == ["ALL"], service
        assert wanted["security_opt"] == ["no-new-privileges:true"], service
        assert wanted["restart"] == ("on-failure" if service in ONCE else "unless-stopped"), service


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_files_and_never_variables(name: str) -> None:
    declared = read(name).get("secrets", {})
    assert all(set(secret) == {"file"} for secret in declared.values())
    for service, wanted in read(name)["services"].items():
        used = set(wanted.get("secrets", []))
        assert used <= set(declared), service
        for variable, value in wanted.get("environment", {}).items():
            secret = re.search(r"SECRET|KEYS|PASSWORD|DATABASE_\w*URL|REDIS_URL|BROKER_URL|MAIL_URL|COOKIE", variable)
            assert not secret or (variable.endswith("_FILE") and value.startswith("/run/secrets/")), (
                f"{service} {variable}"
            )
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in used, f"{service} {variable}"


def test_production_has_what_was_asked_for() -> None:
    wanted = read("production.yml")["services"]
    webs = [name for name in wanted if re.fullmatch(r"web-\d", name)]
    assert len(webs) == 3
    for web in webs:
        spool = wanted[web.replace("web", "spool")]
        assert spool["command"][-1] == "spool"
        assert wanted[web]["volumes"] == spool["volumes"]  # the drainer sees the files of its web process, no other
    assert len({wanted[web]["volumes"][1] for web in webs}) == 3
    assert [wanted[name]["deploy"]["replicas"] for name in ("lanes", "wake-ups", "jobs", "beat")] == [2, 2, 2, 1]
    for names in (("postgres-a", "postgres-b", "pgbouncer"), ("redis-1", "redis-2", "redis-3"),
                  ("sentinel-1", "sentinel-2", "sentinel-3"), ("traefik",)):  # fmt: skip
        assert set(names) <= set(wanted)
    assert [name for name, service in wanted.items() if service.get("ports")] == ["traefik"]


def test_databases_are_not_on_a_network_that_leads_outside() -> None:
    production = read("production.yml")
    assert production["networks"]["inside"] == {"internal": True}
    for service, wanted in production["services"].items():
        if service.startswith(("postgres", "pgbouncer", "redis", "sentinel")):
            assert wanted["networks"] == ["inside"], service


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_mounted_is_there(name: str) -> None:
    made_by_secrets_sh = {"./certificates", "./secrets"}
    for service, wanted in read(name)["services"].items():
        for volume in wanted.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and source not in made_by_secrets_sh:
                assert (COMPOSE / source).exists(), f"{service}: {source}"
            if not source.startswith("."):
                assert source in read(name)["volumes"], f"{service}: {source}"


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """The script in a directory of its own, run once."""
    (tmp_path / "secrets.sh").write_bytes((COMPOSE / "secrets.sh").read_bytes())
    make(tmp_path)
    return tmp_path


def make(directory: Path) -> None:
    command = ["bash", str(directory / "secrets.sh"), "ponte.clinica.exemplo", "smtp://a:b@mail.exemplo"]
    subprocess.run(command, check=True, capture_output=True)


def test_the_script_makes_every_secret_once_and_nobody_else_may_look(installation: Path) -> None:
    made = {path.name: path.read_text() for path in (installation / "secrets").iterdir()}
    assert {*read("production.yml")["secrets"], *read("rabbitmq.yml")["secrets"]} == set(made)
    assert all((installation / "secrets" / name).stat().st_mode & 0o777 == 0o444 for name in made)
    assert (installation / "secrets").stat().st_mode & 0o777 == 0o700
    make(installation)
    assert {path.name: path.read_text() for path in (installation / "secrets").iterdir()} == made


def test_ponte_starts_with_what_the_script_made(installation: Path) -> None:
    environment = read("production.yml")["services"]["web-1"]["environment"]
    here = str(installation / "secrets")
    variables = {
        name: value.replace("/run/secrets", here).replace("${PONTE_HOST}", "ponte.exemplo")
        for name, value in environment.items()
        if "${PONTE_M" not in value and "${PONTE_A" not in value and ":?" not in value
    }
    unset = dict.fromkeys((name.removesuffix("_FILE") for name in variables if name.endswith("_FILE")), "")
    ended = run(*MANAGE, "check", **{**variables, **unset, "PONTE_PUBLIC_URL": "https://ponte.exemplo"})
    assert ended.code == 0, ended.said
    assert "no issues" in ended.said


# Rolling updates ------------------------------------------------------------------------------------------------------

DOCKER = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
    inspect*) [ "$3" != "$SICK-id" ] && [ "${*##* }" != "$SICK-id" ] && echo healthy || echo starting ;;
    *"ps -q"*) echo "${*##* }-id" ;;
    *--force-recreate*) cat "$SERVERS" >>"$LOG.servers"; echo === >>"$LOG.servers" ;;
esac
"""


def update(tmp_path: Path, *, sick: str = "") -> tuple[int, list[str], Path]:
    """Run the script with a stand-in for Docker that notes what it is asked; `sick` never becomes healthy."""
    docker, log, servers = tmp_path / "docker", tmp_path / "log", tmp_path / "servers.yml"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    servers.write_bytes((PROJECT / "deploy" / "traefik" / "dynamic" / "servers.yml").read_bytes())
    environ = {"PATH": "/usr/bin:/bin", "DOCKER": str(docker), "LOG": str(log), "SERVERS": str(servers), "SICK": sick,
               "SETTLE_S": "0", "PATIENCE_S": "1"}  # fmt: skip
    done = subprocess.run(["bash", str(COMPOSE / "rolling_update.sh")], env=environ, capture_output=True, check=False)
    return done.returncode, log.read_text().splitlines(), servers


def listed(text: str) -> list[str]:
    found = yaml.safe_load(text)["http"]["services"]["web"]["loadBalancer"]["servers"]
    return [server["url"] for server in found]


def test_an_update_migrates_first_and_takes_one_web_process_at_a_time_out_of_the_list(tmp_path: Path) -> None:
    status, asked, servers = update(tmp_path)
    assert status == 0
    before = (PROJECT / "deploy" / "traefik" / "dynamic" / "servers.yml").read_text()
    assert servers.read_text() == before
    assert len(listed(before)) == 3
    during = (tmp_path / "log.servers").read_text().split("===\n")[:-1]
    assert [set(listed(before)) - set(listed(text)) for text in during] == [
        {f"http://web-{number}:8000"} for number in (1, 2, 3)
    ]
    order = [re.sub(r".*(build|run --rm migrate|web-\d|lanes).*", r"\1", line) for line in asked if " ps " not in line]
    assert [word for word in order if "inspect" not in word][:3] == ["build", "run --rm migrate", "web-1"]
    assert order[-1] == "lanes"


def test_an_update_stops_at_a_version_that_does_not_become_healthy(tmp_path: Path) -> None:
    status, asked, servers = update(tmp_path, sick="web-2")
    assert status == 1
    assert not any("web-3" in line for line in asked)
    assert listed(servers.read_text()) == ["http://web-1:8000", "http://web-3:8000"]
