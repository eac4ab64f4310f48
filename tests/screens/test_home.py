"""A1: one sentence first, then what needs somebody, then how the connections stand."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import away, clinic, connection, contact, conversation, event, link, refused_step, signed_in, step
from pytest_django import DjangoAssertNumQueries

from bridge.causes import Cause
from bridge.models import Connection
from consent.models import Clinic
from consent.roles import Role
from screens.pages import main_of, text_of

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

HOME = reverse("admin:index")


@pytest.fixture
def sun() -> Clinic:
    return clinic("Clínica Sol")


@pytest.fixture
def reception(sun: Clinic) -> Connection:
    return connection(sun)


@pytest.fixture
def management(sun: Clinic) -> Client:
    return signed_in(Role.CLINIC_MANAGER, sun)


def test_all_in_step_is_said_with_the_age_of_the_last_event(management: Client, reception: Connection) -> None:
    event(reception)
    shown = main_of(management.get(HOME))
    assert re.search(r"Tudo em dia: último evento há \d+ s, nada parado\.", shown)
    assert "Nada precisa de você." in shown


def test_failures_come_with_cause_size_and_a_way_out(management: Client, reception: Connection) -> None:
    refused_step(contact(reception), Cause.KRAYIN_REJECTED)
    response = management.get(HOME)
    shown = main_of(response)
    assert "1 pendência espera por você." in shown
    assert "O Krayin recusou um campo. (1 pendência, 1 pessoa)" in shown
    way_out = reverse("admin:bridge_failedwebhook_group", args=[reception.pk, Cause.KRAYIN_REJECTED])
    assert f'href="{way_out}"' in response.content.decode()


def test_a_partner_that_is_away_is_one_line(management: Client, reception: Connection) -> None:
    away(reception)
    event(reception, status="received")
    shown = main_of(management.get(HOME))
    assert "Krayin fora do ar há" in shown
    assert "1 alteração esperando · nada se perde" in shown


def test_the_day_is_counted_since_midnight(management: Client, reception: Connection) -> None:
    person = contact(reception)
    conversation(person)
    step(person, kind="create_person")
    step(person, kind="create_lead")
    step(person, kind="create_lead", confirmed_at=timezone.now() - timedelta(days=2))
    response = management.get(HOME)
    assert response.context["home"]["today"] == [
        ("conversas", 1), ("pessoas criadas", 1), ("oportunidades criadas", 1), ("notas escritas", 0),
    ]  # fmt: skip


def test_other_clinics_are_not_seen(management: Client, reception: Connection) -> None:
    strange = connection(clinic("Clínica Lua"), name="Recepção Lua")
    refused_step(contact(strange))
    shown = main_of(management.get(HOME))
    assert "Lua" not in shown
    assert "Nada precisa de você." in shown


def test_the_dpo_is_asked_to_confirm_the_legal_bases(sun: Clinic, reception: Connection) -> None:
    shown = main_of(signed_in(Role.DPO, sun).get(HOME))
    assert "Clínica Sol: as bases legais não foram confirmadas." in shown


def test_without_connection_the_page_says_how_one_is_made(management: Client) -> None:
    shown = main_of(management.get(HOME))
    assert "Nenhuma conexão ainda." in shown
    assert "o administrador técnico cria uma" in shown


def test_whoever_connects_sees_the_first_steps_on_top_until_a_conversation_reached_krayin(sun: Clinic) -> None:
    technician = signed_in(Role.TECHNICAL_ADMIN, sun)
    shown = main_of(technician.get(HOME))
    assert shown.index("o que falta para a primeira conversa chegar ao CRM?") < shown.index("Precisa de você")
    assert "Conectar Chatwoot e Krayin" in shown
    link(contact(connection(sun)))
    shown = main_of(technician.get(HOME))
    assert "o que falta para a primeira conversa" not in shown
    assert "Primeiros passos: faltam" in shown


def test_a_role_without_operation_is_told_where_to_go(sun: Clinic) -> None:
    assert "ainda não tem página inicial" in main_of(signed_in(Role.AUDITOR, sun).get(HOME))


def test_the_menu_holds_only_what_the_viewer_may_open(sun: Clinic, reception: Connection) -> None:
    supervision, audit = (
        text_of(signed_in(Role.SUPERVISOR, sun).get(HOME)),
        text_of(signed_in(Role.AUDITOR, sun).get(HOME)),
    )
    assert all(word in supervision for word in ("Rastrear", "Pendências", "Eventos recebidos"))
    assert "Trilha" not in supervision
    assert "Trilha" in audit
    assert "Rastrear" not in audit


def test_example_data_carry_a_band_also_at_the_sign_in(client: Client, management: Client, settings: object) -> None:
    assert "Dados de exemplo" not in text_of(management.get(HOME))
    settings.EXAMPLE_DATA = True  # type: ignore[attr-defined]
    assert "Dados de exemplo" in text_of(management.get(HOME))
    assert "Dados de exemplo" in text_of(client.get(reverse("admin:login")))


def test_the_page_stays_within_thirty_queries(
    management: Client, sun: Clinic, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        row = connection(sun, name=f"Caixa {number}")
        refused_step(contact(row))
    with django_assert_max_num_queries(30):
        management.get(HOME)


def test_pages_of_the_scheduler_and_of_groups_are_not_there() -> None:
    emergency = signed_in(None)
    for address in ("django_celery_beat/periodictask/", "auth/group/"):
        assert emergency.get(HOME + address).status_code == 404
