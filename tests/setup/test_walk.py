"""Screens check 6: a new user, an empty installation, a contact with only a phone, as far as *Abrir no Krayin*."""

import os
from collections.abc import Iterator

import pytest
import requests
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect, sync_playwright
from wizard import EMAIL, PASSWORD

from bridge.models import Connection, Setup, SyncedObject
from bridge.reconcile.jobs import poll_due
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, ChatwootSandbox
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin
from consent.models import User

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

PATIENCE_MS = 60_000  # on a busy machine
SHOTS = os.environ.get("PONTE_SHOTS", "")


@pytest.fixture(scope="module", autouse=True)
def _orm_beside_the_browser() -> Iterator[None]:
    """Playwright's synchronous interface runs an event loop in this thread, in which Django refuses queries."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture(scope="module")
def browser(_orm_beside_the_browser: None) -> Iterator[Browser]:
    path = os.environ.get("PONTE_CHROMIUM") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


class Newcomer:
    """Somebody who has never seen Ponte, with a browser of a desk or a phone."""

    def __init__(self, page: Page, base: str, label: str) -> None:
        self.page, self.base, self.label, self.complaints = page, base, label, []  # type: ignore[var-annotated]
        self.seen = 0
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def look(self, name: str) -> None:
        """No sideways scrolling anywhere; keep a picture where the environment says so."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, name
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

    def sign_in(self) -> None:
        self.page.goto(self.base + reverse("admin:login"))
        self.page.fill("input[name=username]", EMAIL)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda address: "/login/" not in address)


@pytest.fixture(params=[(1280, 900), (360, 740)], ids=["desk", "phone"])
def newcomer(request: pytest.FixtureRequest, browser: Browser, public: str, administrator: User) -> Iterator[Newcomer]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, locale="pt-BR")
    way = "poll" if "poll" in request.node.name else "web"
    person = Newcomer(context.new_page(), public, f"{request.node.callspec.id}-{way}")
    person.sign_in()
    yield person
    assert person.complaints == []
    context.close()


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
