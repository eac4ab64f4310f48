"""The password, then the second factor; nothing opens before both."""

import base64
import re
from time import time

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from factories import signed_in

from audit.models import AuditLog
from consent.access import devices
from consent.models import Clinic, Membership, RecoveryCodes, TotpDevice
from consent.roles import SECOND_FACTOR_ROLES, Role
from tests.access.at_the_door import DOOR, app_shows, comes_in, is_in, person, types, types_code

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
INDEX, ENROL, CODE = "/admin/", "/conta/segundo-fator/", "/conta/codigo/"


def enrols(client: Client) -> list[str]:
    """Type the first code of the app that was just set up; return the recovery codes that are shown."""
    client.get(ENROL)
    device = TotpDevice.objects.get(confirmed=False)
    answer = client.post(ENROL, {"code": app_shows(device.user, confirmed=False)})
    assert "no-store" in answer["Cache-Control"]
    return re.findall(r"<code>([a-z0-9-]{14})</code>", answer.content.decode())


def test_every_role_that_can_reveal_needs_a_second_factor() -> None:
    assert {
        Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER, Role.SUPERVISOR, Role.DPO, Role.DPO_SUBSTITUTE,
    } == SECOND_FACTOR_ROLES  # fmt: skip


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.TECHNICAL_ADMIN, None])
def test_without_a_second_factor_the_password_opens_nothing_but_its_enrolment(sol: Clinic, role: Role | None) -> None:
    client, bia = Client(), person(role, *([sol] if role else []))
    assert types(client, bia).url == ENROL
    for address in (INDEX, reverse("admin:consent_user_changelist"), "/conta/", "/conta/codigos/"):
        assert client.get(address).status_code in {302, 405}
    assert not is_in(client)
    assert len(enrols(client)) == 10
    assert client.get(INDEX).status_code == 200


def test_afterwards_the_password_alone_opens_nothing(sol: Clinic) -> None:
    client, bia = Client(), person(Role.CLINIC_MANAGER, sol, device=True)
    assert types(client, bia).url == CODE
    assert client.get(INDEX).status_code == 302
    assert types_code(client, "000000").status_code == 200
    assert not is_in(client)
    with time_machine.travel(60 + time(), tick=True):
        assert types_code(client, app_shows(bia)).url == INDEX
    assert is_in(client)


def test_a_code_opens_once_even_within_its_half_minute(sol: Clinic) -> None:
    bia = person(Role.CLINIC_MANAGER, sol, device=True)
    first, second = Client(), Client()
    shown = app_shows(bia)
    for client in (first, second):
        types(client, bia)
        types_code(client, shown)
    assert (is_in(first), is_in(second)) == (True, False)


def test_wrong_codes_make_the_next_one_wait(sol: Clinic) -> None:
    bia = person(Role.CLINIC_MANAGER, sol, device=True)
    with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as clock:
        for _try in range(3):
            assert devices.verify(bia, "000000") == ""
        assert devices.verify(bia, app_shows(bia)) == ""
        clock.shift(10)
        assert devices.verify(bia, app_shows(bia)).startswith("consent.totpdevice/")


def test_a_recovery_code_opens_once_and_is_counted(sol: Clinic) -> None:
    bia = person(Role.CLINIC_MANAGER, sol, device=True)
    code = devices.new_codes(bia)[0]
    for expected in (True, False):
        client = Client()
        types(client, bia)
        types_code(client, code.upper().replace("-", " "))
        assert is_in(client) is expected
    assert devices.codes_left(bia) == 9
    assert AuditLog.objects.filter(action="device.code_used", actor_ref=str(bia.pk)).count() == 1


def test_neither_keys_nor_codes_lie_in_clear(sol: Clinic) -> None:
    bia = person(Role.CLINIC_MANAGER, sol, device=True)
    codes = devices.new_codes(bia)
    key = TotpDevice.objects.get(user=bia).key()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM totp_devices")
        (secret,) = cursor.fetchone()
        cursor.execute("SELECT t::text FROM totp_devices t UNION SELECT r::text FROM recovery_codes r")
        dumped = " ".join(row for (row,) in cursor.fetchall())
    assert key not in bytes(secret)
    assert base64.b32encode(key).decode() not in dumped
    assert key.hex() not in dumped
    assert not any(code in dumped or code.replace("-", "") in dumped for code in codes)
    assert str(TotpDevice.objects.get(user=bia).secret) == "••••"


def test_a_sealed_key_opens_in_its_own_row_only(sol: Clinic) -> None:
    ana, bia = (person(Role.CLINIC_MANAGER, sol, device=True) for _who in range(2))
    stolen = TotpDevice.objects.get(user=ana).secret
    TotpDevice.objects.filter(user=bia).update(secret=stolen)
    with pytest.raises(Exception, match=r"consent.TotpDevice.secret"):
        TotpDevice.objects.get(user=bia).key()


def test_attendants_need_none_and_may_have_one(sol: Clinic) -> None:
    client, bia = Client(), person(Role.ATTENDANT, sol)
    assert types(client, bia).url == "/conta/"
    assert is_in(client)
    assert len(enrols(client)) == 10
    assert types(Client(), bia).url == CODE


def test_a_role_given_meanwhile_asks_for_it_at_the_next_page(sol: Clinic) -> None:
    client, bia = Client(), person(Role.AUDITOR, sol)
    types(client, bia)
    assert client.get(INDEX).status_code == 200
    Membership.objects.create(user=bia, clinic=sol, role=Role.DPO)
    assert client.get(INDEX).status_code == 302
    assert client.get(DOOR).url == ENROL


def test_another_second_factor_ends_the_sign_ins_elsewhere(sol: Clinic) -> None:
    here, there = Client(), Client()
    bia = person(Role.CLINIC_MANAGER, sol, device=True)
    comes_in(there, bia)
    here.force_login(bia)
    assert len(enrols(here)) == 10
    assert (is_in(here), is_in(there)) == (True, False)
    assert TotpDevice.objects.filter(user=bia).count() == 1
    assert RecoveryCodes.objects.get(user=bia).digests


def test_the_picture_and_the_key_come_from_here_alone(sol: Clinic) -> None:
    client, bia = Client(), person(Role.DPO, sol)
    types(client, bia)
    page = client.get(ENROL).content.decode()
    key = base64.b32encode(TotpDevice.objects.get(user=bia).key()).decode()
    assert "<svg" in page
    assert " ".join(key[at : at + 4] for at in range(0, len(key), 4)) in page
    assert client.get(ENROL).content.decode().count(key[:4]) == page.count(key[:4])
    assert "otpauth" not in page


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_on_stays_on_this_site(sol: Clinic, target: str) -> None:
    bia = person(Role.ATTENDANT, sol)
    answer = Client().post(DOOR, {"username": bia.email, "password": "uma senha bem comprida", "next": target})
    assert answer.url == "/conta/"


def test_sign_ins_stand_in_the_trail_with_ids_only(sol: Clinic) -> None:
    root = person(None, device=True)
    types(Client(), "Ninguem@Exemplo.com.br", "errada")
    types(Client(), root, "errada")
    client = Client()
    comes_in(client, root)
    client.post(reverse("admin:logout"))
    rows = list(AuditLog.objects.filter(action__in=["login", "logout"]).order_by("pk"))
    assert [(row.action, row.outcome, row.reason_code) for row in rows] == [
        ("login", "failed", "wrong_password"),
        ("login", "failed", "wrong_password"),
        ("login", "ok", "superuser"),
        ("logout", "ok", ""),
    ]
    assert rows[0].object_id.startswith("typed.")
    assert rows[1].object_id == str(root.pk)
    told = " ".join(str(row.columns()) for row in rows).lower()
    assert "ninguem" not in told
    assert root.email not in told


def test_a_page_beyond_the_role_leaves_a_row(sol: Clinic) -> None:
    client = signed_in(Role.SUPERVISOR, sol)
    assert client.get(reverse("admin:consent_user_changelist")).status_code == 403
    row = AuditLog.objects.get(action="denied")
    assert (row.object_id, row.outcome) == ("admin:consent_user_changelist", "denied")


def test_the_app_of_somebody_else_opens_nothing(sol: Clinic) -> None:
    ana, bia = (person(Role.CLINIC_MANAGER, sol, device=True) for _who in range(2))
    client = Client()
    types(client, bia)
    types_code(client, app_shows(ana))
    assert not is_in(client)
