"""H2, the command of whoever looks after the server, and the panel's window."""

import re

import pytest
from django.contrib.auth.hashers import identify_hasher, make_password
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection

from audit.models import AuditLog
from bridge.models import PanelToken
from config import settings as shipped
from consent.access import devices, lockout
from consent.models import Clinic, RecoveryCodes, TotpDevice, User
from consent.roles import Role
from tests.access.at_the_door import PASSWORD, app_shows, comes_in, is_in, person, types

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
NEW = {"old": PASSWORD, "new": "outra senha bem longa", "again": "outra senha bem longa"}


def test_new_passwords_are_kept_by_argon2() -> None:
    assert shipped.PASSWORD_HASHERS[0] == "consent.access.hashers.Argon2"


def test_argon2_keeps_and_knows_a_password(settings: object) -> None:
    settings.PASSWORD_HASHERS = ["consent.access.hashers.Argon2"]  # type: ignore[attr-defined]
    kept = make_password(PASSWORD)
    assert kept.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(kept).verify(PASSWORD, kept)


def test_changing_the_password_takes_the_old_one_and_ends_the_other_sign_ins(sol: Clinic) -> None:
    bia, here, there = person(Role.ATTENDANT, sol), Client(), Client()
    for client in (here, there):
        types(client, bia)
    assert here.post(reverse("account-password"), {**NEW, "old": "errada"}).status_code == 200
    assert is_in(there)
    assert here.post(reverse("account-password"), NEW).status_code == 302
    assert (is_in(here), is_in(there)) == (True, False)
    assert AuditLog.objects.filter(action="password.change", actor_ref=str(bia.pk)).count() == 1


@pytest.mark.parametrize("new", ["curta", "123456789012", "pessoa5001@clinica.exemplo"])
def test_weak_passwords_are_refused(sol: Clinic, new: str) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client()
    User.objects.filter(pk=bia.pk).update(email="pessoa5001@clinica.exemplo")
    bia.refresh_from_db()
    types(client, bia)
    client.post(reverse("account-password"), {"old": PASSWORD, "new": new, "again": new})
    bia.refresh_from_db()
    assert bia.check_password(PASSWORD)


def test_new_recovery_codes_replace_the_old_ones(sol: Clinic) -> None:
    bia, client = person(Role.DPO, sol, device=True), Client()
    (old, *_rest) = devices.new_codes(bia)
    comes_in(client, bia)
    page = client.post(reverse("account-codes")).content.decode()
    assert len(re.findall(r"<code>[a-z0-9-]{14}</code>", page)) == 10
    assert devices.verify(bia, old) == ""


def test_who_must_have_a_second_factor_does_not_remove_it(sol: Clinic) -> None:
    dpo, auditor = person(Role.DPO, sol, device=True), person(Role.AUDITOR, sol, device=True)
    for account in (dpo, auditor):
        client = Client()
        comes_in(client, account)
        client.post(reverse("account-remove-device"))
    assert list(TotpDevice.objects.values_list("user", flat=True)) == [dpo.pk]


def test_my_sign_ins_show_when_and_where_from_also_those_that_failed(sol: Clinic) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client(headers={"user-agent": "Mozilla/5.0 Firefox/140.0"})
    types(client, bia, "errada", address="198.51.100.9")
    types(client, bia)
    page = client.get(reverse("account")).content.decode()
    assert "Meus acessos" in page
    for told in ("198.51.100.9", "203.0.113.7", "Firefox", "falhou"):
        assert told.lower() in page.lower()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_first_account_is_a_link_in_the_terminal(capsys: pytest.CaptureFixture[str], db: None) -> None:
    call_command("account", "create", "Ana@Sol.example", "--superuser")
    link = re.search(r"/conta/convite/\S+", capsys.readouterr().out)
    assert link
    guest = Client()
    guest.post(link[0], {"new": NEW["new"], "again": NEW["new"]})
    ana = User.objects.get(email="ana@sol.example")
    assert ana.is_superuser
    assert types(guest, ana, NEW["new"]).url == "/conta/segundo-fator/"
    assert AuditLog.objects.filter(action="account.invite", actor_type="system", actor_ref="account").count() == 1


def test_roles_of_a_clinic_need_its_name(sol: Clinic) -> None:
    for wrong in (["--role", "dpo"], ["--role", "dpo", "--clinic", "Clínica Nada"]):
        with pytest.raises(CommandError):
            call_command("account", "create", "bia@sol.example", *wrong)
    call_command("account", "create", "bia@sol.example", "--role", "dpo", "--clinic", sol.trade_name)
    assert User.objects.get(email="bia@sol.example").grants == {(sol.pk, Role.DPO)}
    with pytest.raises(CommandError):
        call_command("account", "create", "bia@sol.example")


def test_a_lost_second_factor_is_reset_and_that_is_recorded(sol: Clinic) -> None:
    bia, client = person(Role.DPO, sol, device=True), Client()
    devices.new_codes(bia)
    comes_in(client, bia)
    call_command("account", "reset-second-factor", bia.email)
    assert not is_in(client)
    assert not TotpDevice.objects.exists()
    assert not RecoveryCodes.objects.exists()
    assert types(client, bia).url == "/conta/segundo-fator/"
    row = AuditLog.objects.get(action="device.reset")
    assert (row.actor_type, row.object_id, row.reason_code) == ("system", str(bia.pk), "emergency")


def test_a_locked_account_is_unlocked_by_the_command(sol: Clinic) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client()
    for number in range(20):
        lockout.take_try(bia.email, f"198.51.100.{number}", timezone.now())
    for _try in range(6):
        types(client, bia, "errada")
    types(client, bia)
    assert not is_in(client)
    call_command("account", "unlock", bia.email)
    types(client, bia)
    assert is_in(client)


# The panel's window ---------------------------------------------------------------------------------------------------


def test_the_panels_window_asks_for_the_code_too_and_locks_too() -> None:
    here = connection(clinic())
    manager, window = person(Role.CLINIC_MANAGER, here.clinic, device=True), Client()
    address, state = reverse("panel-sign-in", args=[here.public_id]), "a" * 32
    first = window.post(address, {"username": manager.email, "password": PASSWORD, "state": state})
    assert 'name="code"' in first.content.decode()
    assert not PanelToken.objects.exists()
    wrong = window.post(address, {"code": "000000", "state": state})
    assert not PanelToken.objects.exists()
    assert wrong["Cross-Origin-Opener-Policy"] == "unsafe-none"
    TotpDevice.objects.update(throttling_failure_timestamp=None)
    last = window.post(address, {"code": app_shows(manager), "state": state})
    assert "handover" in last.content.decode()
    assert PanelToken.objects.get().user == manager
    assert not is_in(window)
    for _try in range(5):
        window.post(address, {"username": manager.email, "password": "errada", "state": state})
    locked = window.post(address, {"username": manager.email, "password": PASSWORD, "state": state})
    assert "Muitas tentativas" in locked.content.decode()


def test_the_panels_window_sends_who_must_enrol_to_the_administration() -> None:
    here = connection(clinic())
    manager = person(Role.CLINIC_MANAGER, here.clinic)
    address = reverse("panel-sign-in", args=[here.public_id])
    page = Client().post(address, {"username": manager.email, "password": PASSWORD, "state": "a" * 32})
    assert "/admin/login/" in page.content.decode()
    assert not PanelToken.objects.exists()
