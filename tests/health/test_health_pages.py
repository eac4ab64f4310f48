"""Screens B9 and B10: one line for each thing that can go wrong, and what runs by itself."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import factories
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.models import AuditLog
from bridge import tasks
from bridge.health import lines, readings, runs, schedule
from bridge.health.certificates import OVER, days_left
from bridge.models import Reading, RunResult
from bridge.queries.words import Word
from config.celery import app
from consent.roles import Role
from tests.alerts.drills import DAY, HOUR, MINUTE, disk_full, oldest_event
from tests.screens.pages import main_of

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

HEALTH, SCHEDULE = "/admin/bridge/runresult/health/", "/admin/bridge/runresult/"


@pytest.fixture
def technical(db: None) -> Client:
    return factories.signed_in(Role.TECHNICAL_ADMIN, None)


def state_of(code: str) -> list[Word]:
    return [line.word for line in lines.lines(timezone.now()) if line.code == code]


def test_the_first_line_answers_whether_one_can_trust_the_system(technical: Client) -> None:
    disk_full(timezone.now())
    text = main_of(technical.get(HEALTH))
    assert "Agora não: " in text
    assert "web-1: 91 %" in text
    for word in ("Recebimento", "Trilha de auditoria", "Partições adiante", "Certificados", "Réplica"):
        assert word in text
    assert "%(" not in text


def test_the_management_sees_its_own_connections_and_not_the_database(technical: Client) -> None:
    oldest_event(timezone.now())
    name = "Clínica "
    manager = factories.signed_in(Role.CLINIC_MANAGER, factories.clinic("Lua"))
    assert name in main_of(technical.get(HEALTH))
    assert name not in main_of(manager.get(HEALTH))
    assert manager.get(f"{HEALTH}database/").status_code == 403
    assert factories.signed_in(Role.DPO, factories.clinic("Sol")).get(HEALTH).status_code == 403


def test_the_database_tab_and_the_command_tell_the_same_six_tables(technical: Client) -> None:
    text = main_of(technical.get(f"{HEALTH}database/"))
    for title in ("Comandos lentos", "Índices que ninguém usou", "Tamanhos", "Linhas mortas", "Conexões"):
        assert title in text
    assert "webhook_events" in text
    said = StringIO()
    call_command("db_report", json=True, stdout=said)
    told = json.loads(said.getvalue())
    assert list(told) == ["slow", "unused", "sizes", "dead", "connections", "locks"]
    partitioned = {row[0]: int(row[1]) for row in told["sizes"] if row[1].isdecimal()}
    assert partitioned["webhook_events"] >= 3, "partitions are counted under their table"


def test_what_runs_by_itself_is_told_in_plain_words_with_its_last_result(technical: Client) -> None:
    now = timezone.now()
    runs.record("audit.tasks.verify", False, now - MINUTE, problem="OperationalError")
    runs.record("bridge.tasks.reconcile", True, now - HOUR, took=timedelta(seconds=2), counts={"polled": 3})
    text = main_of(technical.get(SCHEDULE))
    assert "Conferir a parte nova da trilha" in text
    assert "OperationalError" in text
    assert "atrasad" in text
    assert "polled 3" in text
    late = {line.task for line in schedule.lines(now) if line.is_late}
    assert late == {"bridge.tasks.reconcile"}


def test_every_scheduled_task_has_words_and_exists() -> None:
    app.loader.import_default_modules()
    for line in schedule.lines(timezone.now()):
        assert line.told.what, f"{line.task} has no words for screen B10"
        assert line.task in app.tasks


def test_harmless_work_is_started_by_hand_with_an_audit_row(technical: Client) -> None:
    answer = technical.post(f"{SCHEDULE}run/", {"key": "failure-groups"})
    assert answer.status_code == 302
    [row] = AuditLog.objects.using("audit").filter(action="schedule.run")
    assert row.object_id == "bridge.tasks.watch_groups"
    assert technical.post(f"{SCHEDULE}run/", {"key": "reconcile-nightly"}).status_code == 404
    of_one_clinic = factories.signed_in(Role.TECHNICAL_ADMIN, factories.clinic("Clínica Mar"))
    assert of_one_clinic.post(f"{SCHEDULE}run/", {"key": "failure-groups"}).status_code == 403


def test_the_task_of_the_minute_measures_evaluates_and_is_kept_as_a_result() -> None:
    task = tasks.watch_health
    counts = task.apply().get()
    assert counts["failed_rules"] == 0
    assert {"disk", "clock", "waiting"} <= set(Reading.objects.values_list("name", flat=True))
    result = RunResult.objects.get(name="bridge.tasks.watch_health")
    assert (result.is_ok, result.counts["failed_rules"]) == (True, 0)
    assert state_of("scheduler") == [Word.DONE]


def test_readings_of_hours_ago_are_forgotten() -> None:
    now = timezone.now()
    readings.put([(readings.DISK, "old", 1.0)], now - DAY)
    tasks.watch_health()
    assert not Reading.objects.filter(scope="old").exists()


# Bad surroundings -----------------------------------------------------------------------------------------------------


def test_a_full_disk_an_ended_certificate_and_an_unreadable_backup_are_red_lines(settings: Any) -> None:
    now = timezone.now()
    disk_full(now)
    readings.put([(readings.CERTIFICATE, "ponte.exemplo.com.br", OVER)], now - MINUTE)
    runs.record(runs.RESTORE_TEST, False, now, problem="unreadable")
    assert state_of("disk") == [Word.FAILED]
    assert state_of("certificate") == [Word.FAILED]
    assert state_of("restore_test") == [Word.FAILED]


def test_a_wrong_name_of_the_master_is_a_red_line_that_says_where(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": settings.REDIS_URL}
    }
    assert state_of("redis") == [Word.FAILED]


def test_a_host_that_answers_nothing_leaves_its_certificate_unknown() -> None:
    assert days_left("127.0.0.1", 1, timezone.now()) is None
