"""Each alert of the table: it is raised once, told once, and its end is told once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import factories
import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Verification
from bridge.alerts import evaluate, sending
from bridge.alerts.base import Found, all_rules, rule_of
from bridge.causes import Cause
from bridge.health import readings, runs
from bridge.models import Alert as AlertRow
from bridge.models import AlertRule, Breaker, Effect, Notice, Severity, WebhookEvent
from consent.models import DpoDesignation, Erasure, TextVersion
from consent.models.texts import digest, shown
from consent.roles import Role
from tests.alerts.drills import DAY, DRILLS, HOUR, MINUTE, here

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def open_codes() -> set[str]:
    return set(AlertRow.objects.filter(ended_at=None).values_list("code", flat=True))


def notices(kind: str) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for code in Notice.objects.filter(kind=kind).values_list("code", flat=True):
        counts[code] = counts.get(code, 0) + 1
    return counts


def looked(code: str, now: datetime) -> list[Found]:
    rule = rule_of(code)
    return list(rule.look(now, rule.threshold))


def test_there_is_a_rule_and_a_drill_for_every_code_of_the_table() -> None:
    codes = [f"AL{n:02}" for n in range(1, 21)]
    assert [rule.code for rule in all_rules()] == codes
    assert list(DRILLS) == codes


def test_each_of_the_twenty_is_raised_once_and_ends_once() -> None:
    now = timezone.now()
    everybody = factories.user(Role.TECHNICAL_ADMIN, None)
    for code in DRILLS:
        AlertRule.objects.create(code=code).people.add(everybody)
    assert evaluate.evaluate(now)["failed_rules"] == 0
    assert not open_codes() & {*DRILLS}, "nothing is in place yet"

    ends = {code: drill(now) for code, drill in DRILLS.items()}
    counts = evaluate.evaluate(now)
    assert counts["failed_rules"] == 0
    assert open_codes() == {*DRILLS}
    texts = [rule_of(alert.code).text(alert.facts, now) for alert in AlertRow.objects.all()]
    assert all(text and "%(" not in text for text in texts)
    opened = AlertRow.objects.count()
    again = evaluate.evaluate(now)
    assert (again["raised"], again["ended"]) == (0, 0), "an alert that goes on is told once"
    sending.send_due(now)
    raised = [one for one in mail.outbox if one.to == [everybody.email]]
    assert len(raised) == opened

    for end in ends.values():
        end()
    ended = evaluate.evaluate(now)
    assert (ended["ended"], ended["raised"], open_codes()) == (opened, 0, set())
    sending.send_due(now)
    told = [one.subject for one in mail.outbox if one.to == [everybody.email]][opened:]
    assert len(told) == opened
    assert all("Resolvido: " in subject for subject in told)


# What else a rule speaks of ---------------------------------------------------------------------------------------------


def test_events_that_wait_half_an_hour_are_told_again() -> None:
    now = timezone.now()
    factories.event(here(), status="received", lane_key="c:1", received_at=now - 31 * MINUTE)
    assert [one.level for one in looked("AL01", now)] == [2]


@pytest.mark.parametrize(("age", "level"), [(11 * MINUTE, 1), (61 * MINUTE, 2), (7 * HOUR, 3), (25 * HOUR, 4)])
def test_a_partner_that_stays_away_is_told_again_after_one_six_and_twenty_four_hours(
    age: timedelta, level: int
) -> None:
    now = timezone.now()
    for _connection in range(2):
        Breaker.objects.create(
            connection=here(), partner="chatwoot", problem=Cause.CHATWOOT_UNAVAILABLE, since=now - age, paused_until=now
        )
    [found] = looked("AL04", now)
    assert (found.level, found.clinic_id) == (level, None), "one alert for all connections of one Chatwoot"
    assert rule_of("AL04").severity(level) == (Severity.MEDIUM if level == 1 else Severity.HIGH)


def test_work_that_only_grows_for_a_quarter_of_an_hour_is_told_before_it_is_much() -> None:
    now = timezone.now()
    for minute in range(14, 0, -1):
        readings.put(
            [(readings.WAITING, "jobs", 20 * (14 - minute)), (readings.WAITING, "lanes", 5)], now - minute * MINUTE
        )
    assert looked("AL06", now) == []
    for minute in range(14, 0, -1):
        readings.put([(readings.WAITING, "steps", 0)], now - minute * MINUTE)
    contact = factories.contact(here())
    Effect.objects.bulk_create(
        Effect(
            connection=contact.connection, krayin=contact.connection.krayin, lane_key="c:1", kind="set_note",
            object_ref=f"n{n}", state="intended", not_before=now - MINUTE,
        )
        for n in range(120)
    )  # fmt: skip
    assert [one.scope for one in looked("AL06", now)] == ["steps"]


def test_slow_answers_are_told_from_what_the_webhooks_took() -> None:
    now = timezone.now()
    connection = here()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            connection=connection, event_type="message_created", lane_key="-", verification="signed", status="observed",
            arrived_at=now - 3 * MINUTE - timedelta(seconds=2), received_at=now - 3 * MINUTE, delivery_key=f"d{n}",
        )
        for n in range(100)
    )  # fmt: skip
    [found] = looked("AL07", now)
    assert found.facts == {"seconds": 2.0}


def test_a_step_in_doubt_for_an_hour_is_told() -> None:
    now = timezone.now()
    step = factories.step(factories.contact(here()), "unknown")
    Effect.objects.filter(pk=step.pk).update(updated_at=now - 61 * MINUTE)
    assert [one.scope.split()[0] for one in looked("AL09", now)] == ["doubt"]


def test_an_erasure_that_does_not_end_is_told() -> None:
    now = timezone.now()
    person = factories.contact(here()).subject
    Erasure.objects.create(
        clinic=person.clinic, subject=person, state="running", cause="retention", policy_version="1",
        planned_at=now - 3 * DAY, approved_at=now - 2 * DAY,
    )  # fmt: skip
    assert [one.scope.split()[0] for one in looked("AL11", now)] == ["erasure"]


def test_what_the_check_of_the_trail_finds_is_told() -> None:
    now = timezone.now()
    check = Verification(
        mode="full", rows=5, last_position=5, last_segment=1, seconds=0.1, findings=[{"kind": "missing", "where": "3"}]
    )
    check.sign()
    check.save()
    [found] = looked("AL12", now)
    assert (found.facts["what"], found.facts["n"]) == ("findings", 1)
    assert rule_of("AL12").severity(1) == Severity.CRITICAL


def test_a_backup_nobody_can_read_is_told_with_its_cause() -> None:
    now = timezone.now()
    here()
    assert {one.facts["what"] for one in looked("AL13", now)} == {"none", "untried"}
    runs.record(runs.BACKUP, True, now - HOUR)
    runs.record(runs.BACKUP, False, now, problem="disk_full")
    runs.record(runs.RESTORE_TEST, False, now, problem="unreadable")
    found = {one.scope: one.facts for one in looked("AL13", now)}
    assert found["backup"] == {"what": "failed", "problem": "disk_full"}
    assert found["restore"] == {"what": "unreadable", "problem": "unreadable"}
    assert "unreadable" in rule_of("AL13").text(found["restore"], now)


def test_an_installation_without_a_real_clinic_needs_no_backup() -> None:
    factories.connection(is_example=True)
    assert looked("AL13", timezone.now()) == []


def test_clocks_processors_and_missing_partitions_are_told() -> None:
    now = timezone.now()
    readings.put([(readings.CLOCK, "web-1", -41.0)], now - MINUTE)
    for minute in range(1, 5):
        readings.put(
            [(readings.CPU, "web-1", 97), (readings.CPU, "web-2", 97 if minute > 1 else 10)], now - minute * MINUTE
        )
    assert {one.scope for one in looked("AL14", now)} == {"clock web-1", "cpu web-1"}
    later = now + 10 * DAY
    tables = {one.scope for one in looked("AL14", later) if one.facts["what"] == "partitions"}
    assert "partitions webhook_bodies" in tables


def test_a_spool_more_than_half_full_is_critical_and_unreadable_records_are_told() -> None:
    now = timezone.now()
    values = [(readings.SPOOL_RECORDS, 9.0), (readings.SPOOL_SHARE, 51.0), (readings.SPOOL_BAD, 2.0)]
    readings.put([(name, "web-1", value) for name, value in values], now - MINUTE)
    found = {one.scope: one.level for one in looked("AL15", now)}
    assert found == {"web-1": 2, "bad web-1": 1}
    assert rule_of("AL15").severity(2) == Severity.CRITICAL


@pytest.mark.parametrize(("days", "level"), [(29.5, 1), (6.5, 2), (0.5, 3), (-1.0, 3)])
def test_a_certificate_is_told_thirty_seven_and_one_day_before_its_end(days: float, level: int) -> None:
    now = timezone.now()
    readings.put([(readings.CERTIFICATE, "ponte.exemplo.com.br", days)], now - MINUTE)
    [found] = looked("AL20", now)
    assert found.level == level
    assert ("expired" if days < 0 else "certificate") == found.facts["what"]


def test_a_designation_and_a_notice_that_end_without_another_are_told() -> None:
    now = timezone.now()
    clinic = factories.clinic("Clínica Pedra")
    today = timezone.localdate()
    act = {"part": "dpo", "name": "Paula", "contact": "a@b.exemplo", "act_sha256": "0" * 64, "act_name": "ato.pdf"}
    dates = {"starts_on": today - 90 * DAY, "act_signed_on": today - 90 * DAY}
    DpoDesignation.objects.create(clinic=clinic, ends_on=today + 5 * DAY, conflict_statement="Nada.", **act, **dates)
    TextVersion.objects.create(
        clinic=clinic, kind="privacy_notice", number=1, body="Aviso.", sha256=digest(shown("Aviso.")), state="retired",
        valid_from=now - 90 * DAY, valid_to=now + 20 * DAY, change="first", approved_at=now - 90 * DAY,
        approved_by=factories.user(Role.DPO, clinic),
    )  # fmt: skip
    found = {one.scope.split()[0]: one.level for one in looked("AL20", now)}
    assert found == {"designation": 2, "notice": 1}
