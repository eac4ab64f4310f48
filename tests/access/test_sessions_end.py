"""Sessions end by themselves; weighty acts ask again who it is."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from factories import clinic, connection, signed_in, user

from audit.models import AuditLog
from bridge.models import ApiKey
from consent.models import Clinic
from consent.roles import Role
from tests.access.at_the_door import PASSWORD, app_shows, comes_in, is_in, person

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
ADD_KEY = "admin:bridge_apikey_add"
EXPORT = "admin:audit_auditlog_export"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as coordinates:
        yield coordinates


def test_half_an_hour_without_use_ends_it(sol: Clinic, clock: time_machine.Traveller) -> None:
    client = signed_in(Role.AUDITOR, sol)
    for _page in range(3):
        clock.shift(timedelta(minutes=29))
        assert is_in(client)
    clock.shift(timedelta(minutes=31))
    assert not is_in(client)
    assert AuditLog.objects.filter(action="logout", reason_code="session_over").count() == 1


def test_twelve_hours_end_it_however_much_it_is_used(sol: Clinic, clock: time_machine.Traveller) -> None:
    client = signed_in(Role.AUDITOR, sol)
    for _page in range(36):
        clock.shift(timedelta(minutes=20))
        assert is_in(client)
    clock.shift(timedelta(minutes=1))
    assert not is_in(client)


def test_a_page_that_asks_by_itself_keeps_nobody_in(sol: Clinic, clock: time_machine.Traveller) -> None:
    client = signed_in(Role.AUDITOR, sol)
    for _poll in range(2):
        clock.shift(timedelta(minutes=20))
        client.get("/admin/", headers={"HX-Request": "true"})
    assert not is_in(client)


def test_what_a_session_knows_stays_in_the_database(sol: Clinic) -> None:
    client, bia = Client(), person(Role.CLINIC_MANAGER, sol, device=True)
    comes_in(client, bia)
    cookie = client.cookies["sessionid"]
    assert len(cookie.value) == 32
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    held = Session.objects.get(pk=cookie.value).get_decoded()
    assert {"access.began", "access.seen", "access.checked"} <= set(held)
    assert not any(PASSWORD in str(value) for value in held.values())


def test_an_api_key_asks_again_after_ten_minutes_and_then_goes_on(sol: Clinic, clock: time_machine.Traveller) -> None:
    client, bia = Client(), person(Role.CLINIC_MANAGER, sol, device=True)
    client.force_login(bia)
    address = reverse(ADD_KEY)
    assert client.get(address).status_code == 200
    clock.shift(timedelta(minutes=11))
    form = {"client": "painel", "clinic": sol.pk, "scopes": ["read:leads"], "days": "30"}
    asked = client.post(address, form)
    assert asked.url == f"/conta/conferir/?next={address.replace('/', '%2F')}"
    assert not ApiKey.objects.exists()
    wrong = client.post(asked.url, {"secret": "errada errada"})
    assert wrong.status_code == 200
    assert client.post(asked.url, {"secret": app_shows(bia)}).url == address
    assert client.get(address).status_code == 200
    rows = AuditLog.objects.filter(action="recheck").order_by("pk").values_list("outcome", flat=True)
    assert list(rows) == ["failed", "ok"]


def test_the_password_does_as_well_as_the_code(sol: Clinic, clock: time_machine.Traveller) -> None:
    client, bia = Client(), person(Role.CLINIC_MANAGER, sol)
    client.force_login(bia)
    clock.shift(timedelta(minutes=11))
    assert client.post("/conta/conferir/", {"secret": PASSWORD}).url == "/admin/"
    assert client.get(reverse(ADD_KEY)).status_code == 200


def test_exporting_the_trail_asks_again_and_keeps_what_was_asked_for(
    sol: Clinic, clock: time_machine.Traveller
) -> None:
    client = signed_in(Role.AUDITOR, sol)
    form = {"reason": "internal_review", "action": "reveal"}
    assert client.post(reverse(EXPORT), form).status_code == 200
    clock.shift(timedelta(minutes=11))
    asked = client.post(reverse(EXPORT), form)
    assert asked.status_code == 302
    assert "action%3Dreveal" in asked.url
    assert AuditLog.objects.using("audit").filter(action="audit.export").count() == 1


def test_other_secrets_of_a_connection_ask_again(clock: time_machine.Traveller) -> None:
    row = connection(clinic())
    client = Client()
    client.force_login(user(Role.TECHNICAL_ADMIN, None))
    clock.shift(timedelta(minutes=11))
    address = reverse("admin:bridge_connection_change", args=[row.pk])
    answer = client.post(address, {"chatwoot_token_new": "um-token-qualquer"})
    assert answer.url.startswith("/conta/conferir/")
    assert "um-token" not in answer.url
    assert client.post(address, {"name": row.name}).status_code == 200


def test_wrong_answers_to_the_recheck_lock_too(sol: Clinic, clock: time_machine.Traveller) -> None:
    client, bia = Client(), person(Role.CLINIC_MANAGER, sol)
    client.force_login(bia)
    for _try in range(5):
        client.post("/conta/conferir/", {"secret": "errada"})
    answer = client.post("/conta/conferir/", {"secret": PASSWORD})
    assert answer.status_code == 200
    assert "Muitas tentativas" in answer.content.decode()


def test_nothing_of_it_is_read_for_webhooks_and_probes(db: None, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert "sessionid" not in json.dumps({key: str(value) for key, value in answer.headers.items()})
