"""A titular asks on the privacy page, proves who it is, and the officer answers: in a real browser, desk and phone."""

import os
from pathlib import Path

import pytest
from asking import code_in_the_letter, files
from django.urls import reverse
from django.utils import timezone
from factories import EMAIL, PHONE, clinic, connection, contact
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from consent.models import DataRequest, DataSubject, RequestItem
from consent.public.pages import slug_of
from consent.requests.states import State
from consent.roles import Role
from tests.browsing import DESK, PHONE_SIZE, Visitor, account, browser, context

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser", "context"]
PICTURES = os.environ.get("PONTE_TEST_PICTURES", "")


@pytest.fixture
def size() -> tuple[int, int]:
    return PHONE_SIZE


class Person(Visitor):
    """Somebody who looks at each page."""

    def look(self, name: str) -> None:
        """At the desk and on the phone, where the page stays."""
        for width, height in (DESK, PHONE_SIZE):
            self.page.set_viewport_size({"width": width, "height": height})
            assert self.sideways == 0, (name, width)
            if PICTURES:
                self.page.screenshot(path=str(Path(PICTURES) / f"{name}-{width}.png"), full_page=True)

    def press(self, name: str, inside: str = "body") -> None:
        with self.page.expect_navigation():
            self.page.locator(f"{inside} :is(button, a):has-text('{name}')").first.click()


def asks_and_reads(me: Person, start: str) -> str:
    """G1, G2, receipt, code, G3; returns the protocol."""
    me.open(start)
    me.look("1-privacy")
    me.press("Perguntar sobre os meus dados")
    me.look("2-ask")
    me.page.check("text=Vocês têm dados meus?")
    me.page.check("text=Um dado meu está errado")
    me.page.fill("#id_contact", EMAIL)
    me.page.fill("#id_text", "Meu telefone mudou.")
    me.press("Enviar o pedido")
    protocol = me.page.inner_text(".protocol")
    me.look("3-receipt")
    me.press("Quero receber o código")
    me.look("4-code")
    me.page.fill("#id_code", code_in_the_letter())
    me.press("Continuar")
    assert "Sim: a clínica trata dados seus" in me.text
    me.look("5-answer")
    me.page.fill("#id_fact", PHONE)
    me.press("Confirmar")
    assert "Em andamento" in me.text
    me.look("6-proved")
    return protocol


def answers(officer: Person, protocol: str) -> None:
    """C1, C2: decide, write, send."""
    officer.open(reverse("admin:consent_datarequest_desk"))
    officer.look("7-desk")
    officer.open(reverse("admin:consent_datarequest_changelist"))
    officer.look("8-list")
    officer.press(protocol)
    officer.press("Abrir as palavras do pedido")
    assert "Meu telefone mudou." in officer.text
    officer.look("9-request")
    officer.page.locator("input[name=decision][value=grant]").first.check()
    officer.press("Decidir", "#page")
    officer.page.locator("textarea[name=words]").first.fill("O telefone foi corrigido no chat e no CRM.")
    officer.press("Feito e conferido")
    officer.look("10-ready")
    officer.press("Enviar por e-mail")
    officer.look("11-closed")


def test_a_titular_asks_and_the_officer_answers(context: BrowserContext, live_server: LiveServer) -> None:
    here = connection(clinic("Clínica Sol", dpo_name="Paula Prado", dpo_contact="lgpd@clinica.exemplo"))
    contact(here, email=EMAIL)
    files(here.clinic, "T02", now=timezone.now() - timezone.timedelta(days=40), contact="outra@exemplo.com.br")
    me = Person(context.new_page(), live_server.url)
    protocol = asks_and_reads(me, f"/p/{slug_of(here.clinic)}/")
    officer = Person(context.new_page(), live_server.url)
    officer.sign_in(account(Role.DPO, here))
    answers(officer, protocol)
    row = RequestItem.objects.get(request__protocol=protocol, right="T04")
    assert (row.state, row.sent_by_route) == (State.CLOSED, "email")
    for name, address in (
        ("12-new", "admin:consent_datarequest_add"),
        ("13-officers", "admin:consent_dpodesignation_changelist"),
        ("14-designation", "admin:consent_dpodesignation_add"),
    ):
        officer.open(reverse(address))
        officer.look(name)
    assert me.complaints == []
    assert officer.complaints == []
    assert DataSubject.objects.filter(request_file__isnull=False).count() == DataRequest.objects.count()
