"""From the first password to a revealed telephone, in a real browser: enrolment, codes, re-check, exceptional access."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from factories import PHONE, busy_clinic, contact
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from consent.access import sessions
from consent.models import ExceptionalAccess, TotpDevice, User
from consent.roles import Role
from tests.access.at_the_door import PASSWORD, app_shows, person
from tests.browsing import Visitor, browser, context, size

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser", "context", "size"]
PICTURES = os.environ.get("PONTE_TEST_PICTURES", "")


class Newcomer(Visitor):
    """Somebody at the door who looks at each page."""

    def look(self, name: str) -> None:
        assert self.sideways == 0, name
        if PICTURES:
            width = self.page.viewport_size["width"] if self.page.viewport_size else 0
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}.png"), full_page=True)

    def press(self, name: str) -> None:
        with self.page.expect_navigation():
            self.page.locator(f"#page :is(button, a):has-text('{name}')").last.click()


def ten_minutes_pass(of: User) -> None:
    """The session's last proof becomes old; its cookie stays."""
    for row in Session.objects.all():
        held = row.get_decoded()
        if held.get("_auth_user_id") == str(of.pk):
            held[sessions.CHECKED] -= timedelta(minutes=11).total_seconds()
            Session.objects.filter(pk=row.pk).update(session_data=Session.get_session_store_class()().encode(held))


def test_from_the_first_password_to_a_revealed_telephone(context: BrowserContext, live_server: LiveServer) -> None:
    here = busy_clinic()
    marina = contact(here, phone="+5521987650001")
    dpo = person(Role.DPO, here.clinic)
    me = Newcomer(context.new_page(), live_server.url)

    me.type_password(dpo.email, "errada")
    me.page.wait_for_selector("[role=alert]")
    me.look("1-wrong")
    me.type_password(dpo.email, PASSWORD)
    me.page.wait_for_selector(".ponte-qr svg")
    me.look("2-enrol")
    me.page.fill("#id_code", app_shows(dpo, confirmed=False))
    me.press("Continuar")
    codes = me.page.locator(".ponte-codes code").all_inner_texts()
    assert len(codes) == 10
    me.look("3-codes")
    me.press("Já guardei")
    me.look("4-in")

    me.open(reverse("account"))
    me.look("5-account")
    me.open("/admin/consent/exceptionalaccess/")
    me.look("6-list")
    me.open("/admin/consent/exceptionalaccess/ask/")
    me.page.fill("#id_person", "+5521987650001")
    me.page.select_option("#id_reason", "risk_to_the_person")
    me.page.fill("#id_explanation", "Paciente em risco; a clínica precisa falar com a família agora.")
    me.look("7-ask")
    me.press("Abrir por meia hora")
    assert marina.mask in me.text or "0001" in me.text
    me.look("8-access")
    ten_minutes_pass(dpo)
    me.press("Revelar")
    assert re.search(r"/conta/conferir/\?next=", me.page.url)
    me.look("9-recheck")
    me.page.fill("#id_secret", PASSWORD)
    me.press("Confirmar")
    me.press("Revelar")
    assert "+5521987650001" in me.text
    me.look("10-revealed")
    assert ExceptionalAccess.objects.count() == 1

    context.clear_cookies()
    TotpDevice.objects.update(last_t=-1)
    me.type_password(dpo.email, PASSWORD)
    me.page.wait_for_selector("#id_code")
    me.look("11-code")
    me.page.fill("#id_code", codes[0])
    me.press("Continuar")
    assert me.page.url == f"{live_server.url}/admin/"
    assert me.complaints == []
    assert PHONE not in me.text


def test_people_and_permissions_look_right(context: BrowserContext, live_server: LiveServer) -> None:
    here = busy_clinic()
    manager, colleague = (person(Role.CLINIC_MANAGER, here.clinic, device=True) for _who in range(2))
    me = Newcomer(context.new_page(), live_server.url)
    me.sign_in(manager)
    for name, address in (
        ("12-people", "/admin/consent/user/"),
        ("13-person", f"/admin/consent/user/{colleague.pk}/change/"),
        ("14-end", f"/admin/consent/user/{colleague.pk}/end"),
        ("15-invite", "/admin/consent/user/add/"),
        ("16-review", "/admin/consent/user/review/"),
    ):
        me.page.goto(me.base + address)
        me.look(name)
    me.open(reverse("account"))
    assert me.complaints == []
    assert Client().get("/conta/").status_code == 302
