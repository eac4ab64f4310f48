"""Traefik's files hold only keys it knows and send every call the right way; systemd's units are whole."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.deploy_alive import alive

PROJECT = Path(__file__).parents[2]
TRAEFIK = PROJECT / "deploy" / "traefik"
SYSTEMD = PROJECT / "deploy" / "systemd"
ANY = "*"

# Keys of Traefik 3 (doc.traefik.io, file provider): what is written here and nothing else is allowed.
STATIC: dict[str, Any] = {
    "global": {"checkNewVersion": {}, "sendAnonymousUsage": {}},
    "log": {"level": {}, "format": {}},
    "entryPoints": {ANY: {
        "address": {},
        "http": {"redirections": {"entryPoint": {"to": {}, "scheme": {}, "permanent": {}}}, "tls": {"certResolver": {}}},
        "transport": {
            "respondingTimeouts": {"readTimeout": {}, "writeTimeout": {}, "idleTimeout": {}},
            "lifeCycle": {"graceTimeOut": {}, "requestAcceptGraceTimeout": {}},
        },
    }},
    "ping": {"entryPoint": {}},
    "providers": {"file": {"directory": {}, "watch": {}}},
    "certificatesResolvers": {ANY: {"acme": {"storage": {}, "tlsChallenge": {}, "email": {}}}},
}  # fmt: skip
DYNAMIC: dict[str, Any] = {
    "http": {
        "routers": {ANY: {"rule": {}, "entryPoints": {}, "middlewares": {}, "service": {},
                          "tls": {"certResolver": {}, "options": {}}}},
        "middlewares": {ANY: {
            "headers": {"stsSeconds": {}, "stsIncludeSubdomains": {}, "stsPreload": {}, "contentTypeNosniff": {}},
            "rateLimit": {"average": {}, "burst": {}, "period": {}},
            "retry": {"attempts": {}, "initialInterval": {}},
        }},
        "services": {ANY: {"loadBalancer": {
            "serversTransport": {}, "healthCheck": {"path": {}, "interval": {}, "timeout": {}}, "servers": {"url": {}},
        }}},
        "serversTransports": {ANY: {
            "maxIdleConnsPerHost": {}, "forwardingTimeouts": {"dialTimeout": {}, "responseHeaderTimeout": {}},
        }},
    },
    "tls": {"options": {ANY: {"minVersion": {}, "sniStrict": {}}}},
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def unknown(found: object, known: dict[str, Any], path: str = "") -> Iterator[str]:
    """Keys of `found` that are not in `known`."""
    if isinstance(found, list):
        for each in found:
            yield from unknown(each, known, path)
    if isinstance(found, dict):
        for key, value in found.items():
            if key in known or ANY in known:
                yield from unknown(value, known.get(key, known.get(ANY, {})), f"{path}/{key}")
            else:
                yield f"{path}/{key}"


@pytest.fixture(scope="module")
def dynamic() -> dict[str, Any]:
    """All files of the directory together, as Traefik joins them."""
    joined: dict[str, Any] = {}
    for path in sorted((TRAEFIK / "dynamic").glob("*.yml")):
        for section, kinds in read(path).items():
            for kind, entries in kinds.items():
                joined.setdefault(section, {}).setdefault(kind, {}).update(entries)
    return joined


def test_the_proxys_files_hold_only_keys_it_knows(dynamic: dict[str, Any]) -> None:
    assert list(unknown(read(TRAEFIK / "traefik.yml"), STATIC)) == []
    assert list(unknown(dynamic, DYNAMIC)) == []
    assert list(unknown({"http": {"routers": {"a": {"ruel": "x"}}}}, DYNAMIC)) == ["/http/routers/a/ruel"]


def test_every_name_that_is_used_exists(dynamic: dict[str, Any]) -> None:
    static, http = read(TRAEFIK / "traefik.yml"), dynamic["http"]
    for router in http["routers"].values():
        assert set(router["entryPoints"]) <= set(static["entryPoints"])
        assert set(router["middlewares"]) <= set(http["middlewares"])
        assert router["service"] in http["services"]
        assert router["tls"]["certResolver"] in static["certificatesResolvers"]
        assert router["tls"]["options"] in dynamic["tls"]["options"]
    for service in http["services"].values():
        assert service["loadBalancer"]["serversTransport"] in http["serversTransports"]
    assert static["ping"]["entryPoint"] in static["entryPoints"]


def test_everything_is_encrypted_and_remembered_as_such(dynamic: dict[str, Any]) -> None:
    plain = read(TRAEFIK / "traefik.yml")["entryPoints"]["plain"]["http"]["redirections"]["entryPoint"]
    assert (plain["scheme"], plain["permanent"]) == ("https", True)
    for name, router in dynamic["http"]["routers"].items():
        assert router["entryPoints"] == ["secure"], name
        headers = [dynamic["http"]["middlewares"][each].get("headers", {}) for each in router["middlewares"]]
        assert any(each.get("stsSeconds") == 31536000 for each in headers), name
    assert dynamic["tls"]["options"]["modern"]["minVersion"] == "VersionTLS12"


def test_deliveries_are_never_limited_and_pages_always_are(dynamic: dict[str, Any]) -> None:
    """Chatwoot sends once: what a proxy refuses is lost."""
    routers = dynamic["http"]["routers"]
    limited = {
        name: any("rateLimit" in dynamic["http"]["middlewares"][each] for each in router["middlewares"])
        for name, router in routers.items()
    }
    assert limited == {"webhooks": False, "pages": True, "alive": True}
    assert "PathPrefix(`/webhooks/`)" in routers["webhooks"]["rule"]


def test_what_is_only_for_the_inside_is_not_served_outside(dynamic: dict[str, Any]) -> None:
    rule = dynamic["http"]["routers"]["pages"]["rule"]
    assert all(f"!PathPrefix(`{path}`)" in rule for path in ("/metrics", "/health", "/readyz"))


def test_the_proxy_keeps_no_log_of_addresses_and_no_cookie(dynamic: dict[str, Any]) -> None:
    assert "accessLog" not in read(TRAEFIK / "traefik.yml")
    assert all("sticky" not in service["loadBalancer"] for service in dynamic["http"]["services"].values())


# systemd --------------------------------------------------------------------------------------------------------------

Unit = dict[str, list[tuple[str, str]]]
DIRECTIVES = {
    "Unit": {"Description", "After", "Wants", "Requires", "PartOf"},
    "Service": {
        "Type", "NotifyAccess", "Sockets", "ExecStart", "ExecReload", "KillMode", "Restart", "RestartSec", "MemoryMax",
        "TasksMax", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFile", "LoadCredential",
        "StateDirectory", "StateDirectoryMode", "UMask", "TimeoutStopSec", "TimeoutStartSec", "NoNewPrivileges",
        "PrivateTmp", "PrivateDevices", "ProtectSystem", "ProtectHome", "ProtectKernelTunables", "ProtectKernelModules",
        "ProtectControlGroups", "RestrictSUIDSGID", "RestrictAddressFamilies", "LockPersonality",
        "CapabilityBoundingSet", "SystemCallArchitectures",
    },
    "Socket": {"ListenStream", "Backlog", "NoDelay", "Service"},
    "Install": {"WantedBy"},
}  # fmt: skip
UNITS = sorted(path for path in SYSTEMD.iterdir() if path.suffix in (".service", ".socket", ".target"))
COMMON = SYSTEMD / "ponte-.service.d" / "common.conf"


def unit(path: Path) -> Unit:
    """Sections with their lines in order; a directive may be repeated. Fails on anything else."""
    found: Unit = {}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[\w+\]", line):
            section = line[1:-1]
            found[section] = []
        elif line and not line.startswith("#"):
            name, separator, value = line.partition("=")
            assert separator, f"{path.name}: {line}"
            found[section].append((name, value))
    return found


def values(found: Unit, section: str, name: str) -> list[str]:
    return [word for key, value in found.get(section, []) if key == name for word in value.split()]


@pytest.mark.parametrize("path", [*UNITS, COMMON], ids=lambda path: path.name)
def test_a_unit_holds_only_directives_that_systemd_knows(path: Path) -> None:
    for section, lines in unit(path).items():
        assert {name for name, _ in lines} <= DIRECTIVES[section], path.name


def test_every_service_is_limited_unprivileged_and_started_again() -> None:
    common = unit(COMMON)
    assert values(common, "Service", "User") == ["ponte"]
    assert values(common, "Service", "NoNewPrivileges") == ["yes"]
    services = [path for path in UNITS if path.suffix == ".service"]
    assert len(services) == 8
    for path in services:
        found = unit(path)
        # The common part is found by this prefix; who does without it has what it needs itself.
        is_common = path.name.startswith("ponte-")
        assert values(found, "Service", "User") == ([] if is_common else ["postgres"]), path.name
        assert values(found, "Service", "MemoryMax"), path.name
        once = values(found, "Service", "Type") == ["oneshot"]
        assert once or values(found, "Service", "Restart") == ["always"], path.name
        assert is_common or values(found, "Service", "NoNewPrivileges") == ["yes"], path.name


def test_units_name_only_units_that_exist() -> None:
    foreign = {"network-online.target", "postgresql.service", "pgbouncer.service", "redis-server.service",
               "rabbitmq-server.service", "multi-user.target", "sockets.target"}  # fmt: skip
    known = {path.name for path in UNITS}
    for path in [*UNITS, COMMON]:
        found = unit(path)
        for section, name in [("Unit", key) for key in ("After", "Wants", "Requires", "PartOf")] + [
            ("Service", "Sockets"), ("Socket", "Service"), ("Install", "WantedBy"),
        ]:  # fmt: skip
            for other in values(found, section, name):
                assert other in foreign or re.sub(r"@\d+", "@", other) in known, f"{path.name}: {other}"


def test_services_start_what_is_there_with_secrets_as_files() -> None:
    for path in UNITS:
        for command in (value for key, value in unit(path).get("Service", []) if key == "ExecStart"):
            program, *arguments = command.split()
            assert program.startswith("/opt/ponte/.venv/bin/") or program == "/bin/sh", path.name
            for argument in arguments:
                if argument.endswith((".py", ".sh")):
                    assert (PROJECT / argument).is_file(), f"{path.name}: {argument}"
    common = unit(COMMON)
    loaded = {value.split(":")[0] for value in values(common, "Service", "LoadCredential")}
    handed = {
        word.split("=")[0]: word.split("/")[-1] for word in values(common, "Service", "Environment") if "%d" in word
    }
    assert set(handed.values()) == loaded
    assert all(name.endswith("_FILE") for name in handed)


# The health check of containers without a port -------------------------------------------------------------------------


def stat(parent: int, ticks: int) -> str:
    return f"7 (python (x)) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 1 0 0 20 0 1 0 5"


def test_a_worker_that_uses_no_processor_time_between_two_looks_is_not_alive(tmp_path: Path) -> None:
    proc, seen = tmp_path / "proc", tmp_path / "seen"
    for pid, parent in ((1, 0), (7, 1)):
        (proc / str(pid)).mkdir(parents=True)
        (proc / str(pid) / "stat").write_text(stat(parent, 10))
    assert alive.main(proc, seen) == 0
    assert alive.main(proc, seen) == 1
    (proc / "7" / "stat").write_text(stat(1, 11))
    assert alive.main(proc, seen) == 0
    (proc / "7" / "stat").unlink()
    assert alive.main(proc, seen) == 1
