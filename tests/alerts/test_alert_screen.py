"""Screen B11: what is open, who is told, what people change; each role sees what it would be told of."""

import factories
import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditLog
from bridge.alerts import evaluate
from bridge.models import Alert, AlertPlace, AlertRule, Breaker, Connection
from consent.roles import Role
from tests.alerts.drills import access_refused, disk_full
from tests.screens.pages import main_of, said

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

PAGE = "/admin/bridge/alertrule/"


@pytest.fixture
def technical(db: None) -> Client:
    return factories.signed_in(Role.TECHNICAL_ADMIN, None)


@pytest.fixture
def alert() -> Alert:
    now = timezone.now()
    access_refused(now)
    disk_full(now)
    evaluate.evaluate(now)
    return Alert.objects.get(code="AL03")


def test_the_page_says_first_what_is_open(technical: Client, alert: Alert) -> None:
    text = main_of(technical.get(PAGE))
    assert "O Krayin não aceita mais o acesso da Ponte." in text
    assert "alertas abertos" in text
    assert "%(" not in text


def test_the_management_sees_alerts_of_its_own_clinic_only(alert: Alert) -> None:
    assert alert.clinic
    own = factories.signed_in(Role.CLINIC_MANAGER, alert.clinic)
    other = factories.signed_in(Role.CLINIC_MANAGER, factories.clinic("Clínica Lua"))
    assert alert.clinic.trade_name in main_of(own.get(PAGE))
    assert alert.clinic.trade_name not in main_of(other.get(PAGE))
    address = f"{PAGE}alert/{alert.pk}/"
    assert (own.get(address).status_code, other.get(address).status_code) == (200, 404)
    assert factories.signed_in(Role.SUPERVISOR, alert.clinic).get(address).status_code == 404


def test_who_looks_after_an_alert_is_noted_with_an_audit_row(technical: Client, alert: Alert) -> None:
    technical.post(f"{PAGE}alert/{alert.pk}/")
    alert.refresh_from_db()
    assert alert.seen_by_id
    [row] = AuditLog.objects.using("audit").filter(action="alert.seen")
    assert (row.object_id, row.clinic_id) == (str(alert.pk), alert.clinic_id)


def test_a_rule_is_changed_by_who_runs_the_installation_alone(technical: Client) -> None:
    form = {"threshold": "12", "by_mail": "on", "quiet_from": "22:00", "quiet_to": "07:00", "is_on": "on"}
    technical.post(f"{PAGE}rule/AL01/", form)
    rule = AlertRule.objects.get(code="AL01")
    assert (rule.threshold, rule.by_webhook, rule.quiet_from.hour if rule.quiet_from else None) == (12, False, 22)
    assert AuditLog.objects.filter(object_type="bridge.AlertRule", object_id="AL01").exists()
    of_one_clinic = factories.signed_in(Role.TECHNICAL_ADMIN, factories.clinic("Clínica Mar"))
    assert of_one_clinic.get(f"{PAGE}rule/AL01/").status_code == 403
    assert technical.get(f"{PAGE}rule/AL99/").status_code == 404


@pytest.mark.parametrize(
    "form", [{"threshold": "-1"}, {"quiet_from": "22:00"}, {"severity": "worst"}, {"threshold": "x"}]
)
def test_values_nobody_can_mean_are_refused_with_a_reason(technical: Client, form: dict[str, str]) -> None:
    answer = technical.post(f"{PAGE}rule/AL01/", form)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert not AlertRule.objects.exists()


def test_a_program_s_secret_is_shown_once_and_the_place_belongs_to_the_clinic(alert: Alert) -> None:
    assert alert.clinic
    manager = factories.signed_in(Role.CLINIC_MANAGER, alert.clinic)
    form = {"clinic": alert.clinic_id, "kind": "webhook", "url": "https://avisos.exemplo.com.br/ponte"}
    shown = main_of(manager.post(f"{PAGE}place/", form))
    place = AlertPlace.objects.get()
    assert "Copie agora" in shown
    assert place.clinic_id == alert.clinic_id
    assert "avisos.exemplo.com.br" in main_of(manager.get(PAGE))
    again = manager.post(f"{PAGE}place/", form)
    assert 'role="alert"' in again.content.decode()
    stranger = factories.signed_in(Role.CLINIC_MANAGER, factories.clinic("Clínica Lua"))
    assert stranger.post(f"{PAGE}place/{place.pk}/remove/").status_code == 404
    assert manager.post(f"{PAGE}place/{place.pk}/remove/").status_code == 302
    assert not AlertPlace.objects.exists()


def test_a_place_of_another_clinic_cannot_be_made(alert: Alert) -> None:
    stranger = factories.signed_in(Role.CLINIC_MANAGER, factories.clinic("Clínica Lua"))
    connection: Connection = Breaker.objects.get().connection
    form = {"clinic": alert.clinic_id, "kind": "chatwoot", "connection": connection.pk, "conversation_id": "5"}
    assert stranger.post(f"{PAGE}place/", form).status_code == 200
    assert not AlertPlace.objects.exists()


def test_a_test_says_when_there_is_no_way_at_all(technical: Client, settings: object) -> None:
    settings.MAIL_IS_SET_UP = False  # type: ignore[attr-defined]
    answer = technical.post(f"{PAGE}test/", {"code": "AL01"})
    assert said(answer) == ["Não há nenhum caminho configurado: nem e-mail nem um lugar para alertas."]
