"""Who is told of an alert, by which way, when, and never twice."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import factories
import pytest
from django.core import mail
from django.utils import timezone

from bridge.alerts import digest, evaluate, sending
from bridge.alerts.notices import is_quiet
from bridge.models import Alert, AlertRule, Breaker, Notice
from consent.models import User
from consent.roles import Role
from tests.alerts.drills import MINUTE, access_refused, oldest_event

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

Kind, State = Notice.Kind, Notice.State
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def one_alert(now: datetime) -> Alert:
    access_refused(now)
    evaluate.evaluate(now)
    return Alert.objects.get(code="AL03")


def manager_of(alert: Alert) -> User:
    assert alert.clinic
    return factories.user(Role.CLINIC_MANAGER, alert.clinic)


def test_people_with_the_role_in_the_clinic_are_told_and_nobody_else() -> None:
    now = timezone.now()
    access_refused(now)
    breaker = Breaker.objects.get()
    clinic = breaker.connection.clinic
    told = {
        factories.user(Role.CLINIC_MANAGER, clinic).email,
        factories.user(Role.TECHNICAL_ADMIN, None).email,
    }
    factories.user(Role.CLINIC_MANAGER, factories.clinic("Clínica Lua"))
    factories.user(Role.DPO, clinic)
    evaluate.evaluate(now)
    sending.send_due(now)
    assert {one.to[0] for one in mail.outbox} == told
    text = str(mail.outbox[0].body)
    assert "https://ponte.exemplo.com.br/admin/" in text
    assert clinic.trade_name in mail.outbox[0].subject


def test_in_quiet_hours_notices_wait_and_what_ends_before_their_end_is_never_told() -> None:
    night = datetime(2026, 11, 18, 23, 30, tzinfo=SAO_PAULO)
    AlertRule.objects.create(code="AL03", quiet_from=time(22), quiet_to=time(7))
    access_refused(night)
    factories.user(Role.CLINIC_MANAGER, Breaker.objects.get().connection.clinic)
    evaluate.evaluate(night)
    sending.send_due(night)
    [notice] = Notice.objects.filter(code="AL03")
    assert (notice.state, notice.not_before) == (State.WAITING, datetime(2026, 11, 19, 7, tzinfo=SAO_PAULO))
    Breaker.objects.all().delete()
    evaluate.evaluate(night + MINUTE)
    sending.send_due(night + timedelta(hours=9))
    assert list(Notice.objects.filter(code="AL03").values_list("state", flat=True)) == [State.SKIPPED]
    assert mail.outbox == []


def test_what_is_critical_waits_for_no_quiet_hours() -> None:
    night = datetime(2026, 11, 18, 23, 30, tzinfo=SAO_PAULO)
    AlertRule.objects.create(code="AL03", quiet_from=time(22), quiet_to=time(7), severity="critical")
    access_refused(night)
    factories.user(Role.CLINIC_MANAGER, Breaker.objects.get().connection.clinic)
    evaluate.evaluate(night)
    assert sending.send_due(night)["sent"] == 1


@pytest.mark.parametrize(
    ("at", "expected"), [(time(23), True), (time(6, 59), True), (time(7), False), (time(12), False), (time(22), True)]
)
def test_quiet_hours_go_over_midnight(at: time, expected: bool) -> None:
    assert is_quiet(at, time(22), time(7)) is expected


def test_the_next_step_is_told_once_when_nobody_looks_and_not_when_somebody_does() -> None:
    now = timezone.now()
    for _connection in range(2):
        oldest_event(now)
    AlertRule.objects.create(code="AL01", escalate_min=30, escalate_to=Role.DPO)
    evaluate.evaluate(now)
    first, second = Alert.objects.filter(code="AL01")
    for alert in (first, second):
        factories.user(Role.DPO, alert.clinic)
    evaluate.see(first, manager_of(first).pk, now)
    for minutes in (29, 31, 45):
        evaluate.evaluate(now + minutes * MINUTE)
    escalated = Notice.objects.filter(kind=Kind.ESCALATED, code="AL01")
    assert [notice.alert_id for notice in escalated] == [second.pk]


def test_a_rule_that_is_off_raises_nothing_and_ends_in_silence_what_was_open() -> None:
    now = timezone.now()
    alert = one_alert(now)
    factories.user(Role.CLINIC_MANAGER, alert.clinic)
    AlertRule.objects.create(code="AL03", is_on=False)
    evaluate.evaluate(now)
    alert.refresh_from_db()
    assert alert.ended_at == now
    assert not Notice.objects.filter(kind=Kind.ENDED).exists()


def test_another_threshold_and_severity_hold_from_the_next_look_on() -> None:
    now = timezone.now()
    AlertRule.objects.create(code="AL01", threshold=60, severity="low")
    oldest_event(now)
    evaluate.evaluate(now)
    assert not Alert.objects.filter(code="AL01").exists()
    evaluate.evaluate(now + 55 * MINUTE)
    assert Alert.objects.get(code="AL01").severity == "low"


def test_the_mail_server_is_tried_again_and_at_last_given_up(settings: Any) -> None:
    now = timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 9, 1
    access_refused(now)
    factories.user(Role.CLINIC_MANAGER, Breaker.objects.get().connection.clinic)
    evaluate.evaluate(now)
    for _again in range(6):
        sending.send_due(now)
        now += timedelta(hours=3)
    [notice] = Notice.objects.filter(code="AL03")
    assert (notice.state, notice.problem, notice.attempts) == (State.FAILED, "mail_server", 5)


def test_who_was_killed_while_sending_tells_once_more_ten_minutes_later() -> None:
    now = timezone.now()
    access_refused(now)
    factories.user(Role.CLINIC_MANAGER, Breaker.objects.get().connection.clinic)
    evaluate.evaluate(now)
    Notice.objects.update(state=State.SENDING, tried_at=now, attempts=1)
    assert sending.send_due(now + 9 * MINUTE)["sent"] == 0
    assert sending.send_due(now + 11 * MINUTE)["sent"] == 1


# Summaries ------------------------------------------------------------------------------------------------------------


def test_the_management_gets_yesterday_in_five_numbers_once_at_seven() -> None:
    monday = datetime(2026, 11, 16, 7, 5, tzinfo=SAO_PAULO)
    connection = factories.connection()
    manager = factories.user(Role.CLINIC_MANAGER, connection.clinic)
    technical = factories.user(Role.TECHNICAL_ADMIN, None)
    person = factories.contact(connection)
    factories.conversation(person, started_at=monday - timedelta(hours=12))
    factories.step(person, confirmed_at=monday - timedelta(hours=12), sent_at=monday - timedelta(hours=12))
    assert digest.send_due(monday - timedelta(hours=1)) == {"mails": 0}
    assert digest.send_due(monday) == {"mails": 2}
    assert digest.send_due(monday + timedelta(minutes=10)) == {"mails": 0}
    told = {one.to[0]: str(one.body) for one in mail.outbox}
    assert "conversas recebidas: 1" in told[manager.email]
    assert "oportunidades criadas: 1" in told[manager.email]
    assert "alertas da semana: 0" in told[technical.email]
