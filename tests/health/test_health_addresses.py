"""/health, /status and /metrics: what monitoring is told, and whom it is told."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import factories
import pytest
import yaml
from django.db import connections
from django.test import Client

from bridge.health import readings, runs, views
from bridge.models import Breaker
from bridge.sync.clock import database_now
from tests.alerts.drills import DRILLS, MINUTE

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
METRIC = re.compile(r"\bponte_[a-z0-9_]+")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    for kept in (views.kept_checks, views.kept_lines, views.kept_metrics):
        kept.forget()


def test_health_has_the_five_checks_of_the_seed_and_is_healthy(client: Client) -> None:
    answer = client.get("/health")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "healthy")
    assert list(told["checks"]) == ["database", "redis", "krayin_api", "chatwoot_api", "queue"]
    assert {check["status"] for check in told["checks"].values()} == {"ok"}
    assert told["checks"]["queue"] == {"status": "ok", "queue_size": 0, "message": "Queue healthy"}
    assert answer["Cache-Control"].startswith("max-age=0")


def test_a_partner_that_is_away_degrades_health_without_being_asked(client: Client) -> None:
    factories.away(factories.connection())
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "degraded")
    assert answer.json()["checks"]["krayin_api"]["code"] == "KRAYIN_UNAVAILABLE"


def test_health_is_computed_once_for_many_who_ask(client: Client, django_assert_num_queries: Any) -> None:
    client.get("/health")
    with django_assert_num_queries(0):
        assert client.get("/health").status_code == 200


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_without_database_health_says_so_and_names_no_host(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread opens a connection of its own, to where nothing listens.
    monkeypatch.setitem(connections.settings["default"], "PORT", "1")
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(client.get, "/health").result()
        metrics = thread.submit(client.get, "/metrics").result()
        status = thread.submit(client.get, "/status").result()
    assert (answer.status_code, answer.json()["checks"]["database"]["status"]) == (503, "error")
    assert answer.json()["checks"]["database"]["message"] == "Database does not answer (OperationalError)"
    assert "127.0.0.1" not in answer.content.decode()
    assert b"ponte_up 0.0" in metrics.content
    assert (status.status_code, status.json()["status"]) == (503, "failed")


def test_numbers_are_told_to_this_machine_or_to_who_has_the_token(client: Client, settings: Any) -> None:
    for path in ("/metrics", "/status"):
        assert client.get(path).status_code == 200
        assert client.get(path, REMOTE_ADDR="203.0.113.9").status_code == 403
        assert client.get(path, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 403
        settings.METRICS_TOKEN = "um-segredo-comprido-de-verdade"
        assert client.get(path).status_code == 403
        assert client.get(path, HTTP_AUTHORIZATION="Bearer outro").status_code == 403
        assert client.get(path, HTTP_AUTHORIZATION=f"Bearer {settings.METRICS_TOKEN}").status_code == 200
        settings.METRICS_TOKEN = ""


def test_every_number_of_the_rules_and_the_dashboard_exists(client: Client) -> None:
    now = database_now()
    for drill in DRILLS.values():
        drill(now)
    readings.put(
        [
            (name, "web-1", 1.0)
            for name in (
                readings.CPU, readings.CLOCK, readings.SPOOL_OLDEST, readings.SPOOL_BAD, readings.CERTIFICATE,
            )
        ]
        + [(readings.ALIVE, "lanes@web-1:1", 1.0)],
        now - MINUTE,
    )  # fmt: skip
    text = client.get("/metrics").content.decode()
    told = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    named = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    rules = yaml.safe_load((MONITORING / "rules.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for expression in expressions for name in METRIC.findall(expression)}
    assert asked <= named
    measured = {"ponte_up", "ponte_oldest_unprocessed_seconds", "ponte_dead_letters", "ponte_partitions_ahead_days"}
    assert measured | {f"ponte_{word}" for word in ("spool_records", "breaker_open", "gap_rate_percent")} <= told
    assert set(re.findall(r"code=.(AL[0-9]+)", text)) <= set(DRILLS)


def test_two_scrapes_of_different_processes_would_say_the_same(client: Client) -> None:
    factories.parked_event(factories.connection())
    first = client.get("/metrics").content
    views.kept_metrics.forget()
    second = client.get("/metrics").content
    assert b'ponte_dead_letters{kind="events"} 1.0' in first
    assert first.count(b"\n") == second.count(b"\n")


def test_status_tells_every_line_with_its_state(client: Client) -> None:
    runs.record(runs.BACKUP, False, problem="disk_full")
    Breaker.objects.all().delete()
    told = client.get("/status").json()
    lines = {line["code"]: line for line in told["lines"]}
    assert told["status"] == "look"
    assert lines["backup"]["state"] == "failed"
    assert "disk_full" in lines["backup"]["value"]
    assert lines["database"]["state"] == "done"
