"""Screens check 6: a new user, an empty installation, a contact with only a phone, as far as *Abrir no Krayin*."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from django.urls import reverse
from playwright.sync_api import BrowserContext, expect

from bridge.models import Connection, Setup, SyncedObject
from bridge.reconcile.jobs import poll_due
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, ChatwootSandbox
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin
from consent.models import User
from tests.browsing import PATIENCE_MS, Visitor, browser, context, size

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]
__all__ = ["browser", "context", "size"]

SHOTS = os.environ.get("PONTE_SHOTS", "")


@dataclass
class Newcomer(Visitor):
    """Somebody who has never seen Ponte."""

    label: str = ""
    seen: int = 0

    def look(self, name: str) -> None:
        """No sideways scrolling anywhere; keep a picture where the environment says so."""
        assert self.sideways <= 0, name
        if SHOTS:
            self.seen += 1
            self.page.screenshot(path=f"{SHOTS}/{self.label}-{self.seen:02}-{name}.png", full_page=True)

    def press(self, name: str) -> None:
        """Press a button or follow a link by its words, and wait for the page that follows."""
        target = self.page.locator(f".ponte-page :is(button, a):has-text('{name}')").first
        with self.page.expect_navigation():
            target.click()

    def says(self, text: str) -> None:
        expect(self.page.locator("body")).to_contain_text(text, timeout=PATIENCE_MS)


@pytest.fixture
def newcomer(
    request: pytest.FixtureRequest, context: BrowserContext, public: str, administrator: User
) -> Iterator[Newcomer]:
    way = "poll" if "poll" in request.node.name else "web"
    person = Newcomer(context.new_page(), public, label=f"{request.node.callspec.id}-{way}")
    person.sign_in(administrator)
    yield person
    assert person.complaints == []


def as_far_as_the_test(me: Newcomer, chatwoot: ChatwootSandbox, krayin: SandboxKrayin, *, arrives: str) -> None:
    """Steps 1 to 6."""
    me.says("o que falta para a primeira conversa chegar ao CRM?")
    me.look("home")
    me.press("Conectar")
    me.page.fill("input[name=new_clinic]", "Clínica Vida Plena")
    me.page.check(f"input[name=arrives][value={arrives}]")
    me.look("address")
    me.press("Salvar e conferir")
    if arrives == "webhook":
        me.says("leva a um endereço privado")
        me.look("address-checked")
        me.press("Continuar")
    me.page.fill("input[name=address]", f"{chatwoot.url}/app/accounts/{ACCOUNT_ID}/dashboard")
    me.page.fill("input[name=token]", ADMIN_TOKEN)
    me.look("chatwoot")
    me.press("Testar e salvar")
    me.page.fill("input[name=address]", f"{krayin.url}/admin/leads")
    me.page.fill("input[name=email]", BRIDGE.email)
    me.page.fill("input[name=password]", BRIDGE.password)
    me.look("krayin")
    me.press("Entrar e salvar")
    me.press("Confirmar as bases legais")
    me.says("Confirmadas em")
    me.page.check("input[name=inbox_ids][value='7']")
    me.look("send")
    me.press("Salvar e continuar")
    me.look("prepare-krayin")
    me.press("Preparar o Krayin")
    me.says("Criado pela Ponte")
    me.look("krayin-prepared")
    me.press("Continuar")
    me.press("Preparar o Chatwoot")
    me.says("Criado pela Ponte")
    me.look("chatwoot-prepared")
    me.press("Continuar")
    me.look("test")


def in_krayin(me: Newcomer, krayin: SandboxKrayin) -> None:
    """The last station, and the button that opens the opportunity where it now is."""
    if me.page.locator("button:has-text('Gravar a nota agora')").count() == 0:
        expect(me.page.locator("button:has-text('Gravar a nota agora')")).to_be_visible(timeout=PATIENCE_MS)
    me.look("waiting-for-the-note")
    me.press("Gravar a nota agora")
    me.says("Chegou: o Krayin mostra a pessoa, a oportunidade e a nota.")
    me.look("arrived")
    lead = SyncedObject.objects.get(kind="lead")
    link = me.page.locator("a:has-text('Abrir no Krayin')").get_attribute("href")
    assert link == f"{krayin.url}/admin/leads/view/{lead.foreign_id}"
    state = requests.get(f"{krayin.url}/__state__", timeout=10).json()
    assert (state["counts"]["persons"], state["counts"]["leads"], state["counts"]["notes"]) == (1, 1, 1)
    person = state["persons"][0]
    assert (person["emails"], person["contact_numbers"][0]["value"]) == ([], "+5511900000021")


def test_from_an_empty_installation_to_krayin_with_a_public_address(
    newcomer: Newcomer, chatwoot: ChatwootSandbox, krayin: SandboxKrayin, worker: None
) -> None:
    me = newcomer
    as_far_as_the_test(me, chatwoot, krayin, arrives="webhook")
    me.press("Escutar em sombra e acompanhar")
    me.says("Nada chegou ainda.")
    me.look("listening")
    chatwoot.new_person_writes("Bom dia! Quero marcar consulta", name="Ana Lima", phone_number="+5511900000021")
    me.says("Em sombra nada é gravado")
    me.says("O que seria gravado")
    me.look("shadow")
    assert SyncedObject.objects.count() == 0
    me.press("Ligar a conexão")
    me.page.check("input[name=state][value=active]")
    me.look("switch")
    me.press("Ligar")
    chatwoot.writes_again(chatwoot.state(["contacts"])["contacts"][0]["id"], "Pode ser na quinta?")
    in_krayin(me, krayin)
    assert Connection.objects.get().state == "active"
    assert Setup.objects.get().read_back_at is not None
    me.page.goto(me.base + reverse("admin:index"))
    me.look("home-after")


def test_from_an_empty_installation_to_krayin_by_polling_alone(
    newcomer: Newcomer, chatwoot: ChatwootSandbox, krayin: SandboxKrayin, worker: None
) -> None:
    me = newcomer
    as_far_as_the_test(me, chatwoot, krayin, arrives="poll")
    assert chatwoot.state(["webhooks"])["webhooks"] == []
    me.page.locator("nav a:has-text('Ligar')").click()
    me.page.check("input[name=state][value=active]")
    me.press("Ligar")
    me.says("Nada chegou ainda.")
    chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    assert poll_due()["brought"] == 1
    in_krayin(me, krayin)
