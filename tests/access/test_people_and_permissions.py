"""H1: inviting, suspending, ending, the quarterly review, and what nobody may do for themselves."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, signed_in, user

from audit.models import AuditLog
from bridge.models import FailureGroup, PanelToken
from bridge.panel import tokens
from consent.access import elsewhere, invitations, people
from consent.models import Clinic, Membership, User
from consent.roles import Role
from tests.access.at_the_door import is_in, person, types

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
ADD = "/admin/consent/user/add/"
NEW = {"new": "uma senha nova e longa", "again": "uma senha nova e longa"}


def invite(client: Client, of: Clinic, role: str = "supervisor") -> str:
    """Invite somebody by the screen; return what the page shows."""
    form = {
        "email": "bia@sol.example", "name": "Bia", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-clinic": of.pk, "memberships-0-role": role,
    }  # fmt: skip
    return client.post(ADD, form, follow=True).content.decode()


def link_in(text: str) -> str:
    found = re.search(r"http://127.0.0.1:8000(/conta/convite/[^\s<]+/)", text)
    assert found
    return found[1]


def do(client: Client, account: User, what: str, **fields: object) -> int:
    return client.post(reverse("admin:consent_user_do", args=[account.pk, what]), fields).status_code


def test_without_mail_the_link_is_shown_once_and_opens_once(sol: Clinic) -> None:
    link = link_in(invite(signed_in(Role.CLINIC_MANAGER, sol), sol))
    bia, guest = User.objects.get(email="bia@sol.example"), Client()
    assert guest.post(link, {"new": "curta", "again": "curta"}).status_code == 200
    assert guest.post(link, NEW).url == "/admin/login/"
    assert guest.post(link, NEW).status_code == 410
    assert types(guest, bia, NEW["new"]).url == "/conta/segundo-fator/"
    acts = AuditLog.objects.filter(object_id=str(bia.pk), action__startswith="account.").order_by("pk")
    assert list(acts.values_list("action", flat=True)) == ["account.invite", "account.accept"]


def test_with_mail_the_link_is_not_shown_and_the_mail_says_nothing_personal(sol: Clinic, settings: object) -> None:
    settings.MAIL_IS_SET_UP = True  # type: ignore[attr-defined]
    shown = invite(signed_in(Role.CLINIC_MANAGER, sol), sol)
    assert "/conta/convite/" not in shown
    (sent,) = mail.outbox
    assert sent.to == ["bia@sol.example"]
    assert Client().get(link_in(sent.body)).status_code == 200
    for word in ("Bia", "Sol", "bia@", "supervis"):
        assert word not in sent.subject + sent.body + str(sent.alternatives[0])
    assert "convite" in sent.body


def test_a_link_ends_by_time_by_a_new_one_and_by_any_change(sol: Clinic) -> None:
    manager = signed_in(Role.CLINIC_MANAGER, sol)
    first = link_in(invite(manager, sol))
    bia = User.objects.get(email="bia@sol.example")
    second = invitations.invite(bia, by=None).removeprefix("http://127.0.0.1:8000")
    assert [Client().get(link).status_code for link in (first, second)] == [410, 200]
    assert Client().get(second[:-3] + "xy/").status_code == 410
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1)):
        assert Client().get(second).status_code == 410


def test_nobody_is_invited_into_an_account_that_has_a_password(sol: Clinic) -> None:
    manager, dpo = signed_in(Role.TECHNICAL_ADMIN, None), person(Role.DPO, sol)
    stamp = dpo.access_stamp
    assert do(manager, dpo, "invite") == 302
    dpo.refresh_from_db()
    assert dpo.access_stamp == stamp


def test_suspending_ends_every_sign_in_at_once(sol: Clinic) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client()
    here = connection(sol)
    types(client, bia)
    tokens.issue(bia, here, timezone.now())
    manager = signed_in(Role.CLINIC_MANAGER, sol)
    do(manager, bia, "suspend")
    assert not is_in(client)
    assert PanelToken.objects.get().revoked_at
    types(client, bia)
    assert not is_in(client)
    do(manager, bia, "resume")
    types(client, bia)
    assert is_in(client)


def test_ending_asks_who_takes_over_and_hands_the_open_items_to_them(sol: Clinic) -> None:
    bia, heir = person(Role.SUPERVISOR, sol, device=True), user(Role.CLINIC_MANAGER, sol, name="Caio")
    row = FailureGroup.objects.create(connection=connection(sol), cause="KRAYIN_REJECTED", owner=bia)
    manager = signed_in(Role.CLINIC_MANAGER, sol)
    asked = manager.get(f"/admin/consent/user/{bia.pk}/end", follow=True).content.decode()
    assert "Caio" in asked
    assert "grupos em Pendências" in asked
    do(manager, bia, "end", to=heir.pk)
    row.refresh_from_db()
    bia.refresh_from_db()
    assert row.owner == heir
    assert (bia.is_active, bia.memberships.count(), bia.has_usable_password()) == (False, 0, False)
    assert bia.ended_at
    assert elsewhere.open_items(bia) == []
    assert AuditLog.objects.filter(action="account.end", object_id=str(bia.pk)).count() == 1


def test_a_strangers_account_cannot_be_touched(sol: Clinic) -> None:
    lua = clinic("Clínica Lua")
    stranger, both = user(Role.SUPERVISOR, lua), user(Role.SUPERVISOR, sol, lua)
    manager = signed_in(Role.CLINIC_MANAGER, sol)
    assert [do(manager, one, "suspend") for one in (stranger, both)] == [404, 403]
    assert User.objects.filter(pk__in=[stranger.pk, both.pk], is_active=True).count() == 2


@pytest.mark.parametrize("role", [Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER])
def test_nobody_makes_themselves_dpo_or_ends_their_own_account(sol: Clinic, role: Role) -> None:
    client = Client()
    own = user(role, sol)
    client.force_login(own)
    grant = {"user": own.pk, "clinic": sol.pk, "role": "dpo"}
    assert client.post("/admin/consent/membership/add/", grant).status_code == 200
    inline = {
        "name": "Eu", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0",
        "memberships-0-clinic": sol.pk, "memberships-0-role": "dpo",
    }  # fmt: skip
    client.post(f"/admin/consent/user/{own.pk}/change/", inline)
    assert do(client, own, "end") == 403
    assert list(own.memberships.values_list("role", flat=True)) == [role]


def test_a_role_ends_with_its_last_day(sol: Clinic) -> None:
    bia = user(Role.AUDITOR, sol)
    Membership.objects.filter(user=bia).update(ends_on=date(2026, 11, 21))
    client = Client()
    with time_machine.travel("2026-11-21 23:00:00-03:00", tick=False) as clock:
        client.force_login(bia)
        assert client.get("/admin/").status_code == 200
        clock.shift(timedelta(minutes=61))
        client.force_login(bia)
        assert client.get("/admin/").status_code == 302


def test_the_review_confirms_and_removes_what_is_a_quarter_old(sol: Clinic) -> None:
    kept, gone = user(Role.SUPERVISOR, sol), user(Role.AUDITOR, sol)
    Membership.objects.update(created_at=timezone.now() - timedelta(days=91))
    manager = signed_in(Role.CLINIC_MANAGER, sol)
    rows = {row.user_id: row.pk for row in Membership.objects.all()}
    assert "2 permissões esperam revisão" in manager.get("/admin/consent/user/").content.decode()
    for what, account in (("confirm", kept), ("remove", gone)):
        manager.post("/admin/consent/user/review/", {what: "1", "row": rows[account.pk]})
    assert not people.due_for_review(Membership.objects.all(), timezone.now()).exists()
    assert Membership.objects.get(user=kept).reviewed_by_id
    assert not Membership.objects.filter(user=gone).exists()
    acts = AuditLog.objects.filter(action__in=["account.confirm", "account.withdraw"]).order_by("pk")
    assert [(row.action, row.object_id) for row in acts] == [
        ("account.confirm", str(kept.pk)),
        ("account.withdraw", str(gone.pk)),
    ]


def test_the_list_says_who_lacks_the_second_factor(sol: Clinic) -> None:
    person(Role.DPO, sol, device=True)
    person(Role.SUPERVISOR, sol)
    page = signed_in(Role.CLINIC_MANAGER, sol).get("/admin/consent/user/").content.decode()
    assert "falta: será pedido no próximo acesso" in page
    assert "sim" in page
