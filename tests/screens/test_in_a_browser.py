"""The screens in a real browser: they draw without errors, stay on this host, fit a phone, and speak Portuguese."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from factories import EMAIL, PHONE, away, busy_clinic, contact, conversation, user
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from audit.models import AuditLog
from bridge.models import Connection, ContactMapping, ObservedContact, StageChangeLog, SyncJob, WebhookEvent
from consent.models import User
from consent.roles import Role

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]

PASSWORD = "uma senha bem comprida"
DESK, PHONE_SIZE = (1280, 800), (360, 740)
# Words that a page in Portuguese never shows.
ENGLISH = re.compile(
    r"\b(the|and|with|not|this|search|save|filters?|waiting|stopped|received|nothing|people|since|reprocess|sign in"
    r"|password|settings|page|results?|remove|history|delete|your|events?|when|found)\b",
    re.IGNORECASE,
)
# Names that are not ours to translate, and data.
NAMES = re.compile(r"Chatwoot|Krayin|webhooks?|token|\S+@\S+|https?://\S+|WhatsApp", re.IGNORECASE)


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


@dataclass
class Visitor:
    """Somebody with a browser, and what their browser complained about."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._stays_here(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _stays_here(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"data", "blob"} and parts.netloc != urlsplit(self.base).netloc:
            self.complaints.append(f"asked another host: {parts.netloc}")

    def open(self, address: str) -> None:
        response = self.page.goto(self.base + address)
        assert response is not None
        assert response.status == 200, address

    def sign_in(self, account: User) -> None:
        self.open(reverse("admin:login"))
        self.page.fill("input[name=username]", account.email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda address: "/login/" not in address)

    def search(self, text: str) -> None:
        self.open(reverse("admin:bridge_trace"))
        self.page.fill("#ponte-q", text)
        with self.page.expect_navigation():
            self.page.press("#ponte-q", "Enter")

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    @property
    def sideways(self) -> int:
        """Pixels by which the page is wider than the window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found


@pytest.fixture
def here() -> Connection:
    return busy_clinic()


def account(of: Connection) -> User:
    made = user(Role.CLINIC_MANAGER, of.clinic)
    made.set_password(PASSWORD)
    made.save()
    return made


@pytest.fixture(params=[DESK, PHONE_SIZE], ids=["desk", "phone"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    chosen: tuple[int, int] = request.param
    return chosen


@pytest.fixture
def context(browser: Browser, size: tuple[int, int]) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="pt-BR")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def visitor(context: BrowserContext, live_server: LiveServer, here: Connection) -> Visitor:
    made = Visitor(context.new_page(), live_server.url)
    made.sign_in(account(here))
    return made


def addresses(of: Connection) -> list[str]:
    """Every screen of the operation, and one page of each kind of object."""
    names = ["index", "bridge_trace"]
    names += [f"bridge_{one}_changelist" for one in ("failedwebhook", "webhookevent", "contactmapping",
                                                     "stagechangelog", "connection", "reconcileday", "suggestion",
                                                     "intakecounter")]  # fmt: skip
    names += [f"consent_{one}_changelist" for one in ("clinic", "user", "membership")]
    found = [reverse(f"admin:{name}") for name in names]
    found.append(reverse("admin:bridge_failedwebhook_changelist") + "?view=not_sent")
    found.append(reverse("admin:bridge_failedwebhook_group", args=[of.pk, "KRAYIN_REJECTED"]))
    for name, model in (("observedcontact", ObservedContact), ("webhookevent", WebhookEvent),
                        ("contactmapping", ContactMapping), ("stagechangelog", StageChangeLog)):  # fmt: skip
        row = model._default_manager.filter(connection=of).first()
        assert row is not None
        found.append(reverse(f"admin:bridge_{name}_change", args=[row.pk]))
    found.append(reverse("admin:bridge_connection_change", args=[of.pk]))
    return found


def test_every_screen_draws_without_error_fits_and_speaks_portuguese(visitor: Visitor, here: Connection) -> None:
    away(here)
    wide, english = {}, {}
    for address in addresses(here):
        visitor.open(address)
        visitor.page.wait_for_load_state("networkidle")
        if visitor.sideways > 0:
            wide[address] = visitor.sideways
        # Icons are drawn from their English names; nobody reads those.
        visitor.page.evaluate("document.querySelectorAll('.material-symbols-outlined').forEach(one => one.remove())")
        words = sorted({word.lower() for word in ENGLISH.findall(NAMES.sub(" ", visitor.text))})
        if words:
            english[address] = words
    assert visitor.complaints == []
    assert wide == {}
    assert english == {}


def test_the_sign_in_says_what_is_wrong(context: BrowserContext, live_server: LiveServer, here: Connection) -> None:
    stranger = Visitor(context.new_page(), live_server.url)
    stranger.open(reverse("admin:login"))
    stranger.page.fill("input[name=username]", account(here).email)
    stranger.page.fill("input[name=password]", "errada")
    stranger.page.press("input[name=password]", "Enter")
    stranger.page.wait_for_load_state()
    assert "/login/" in stranger.page.url
    assert "senha" in stranger.text.lower()
    assert not ENGLISH.search(NAMES.sub(" ", stranger.text))
    assert stranger.sideways == 0


def test_a_person_is_traced_with_exactly_one_row(visitor: Visitor, here: Connection) -> None:
    person = contact(here, email=EMAIL, phone="+5521987650001")
    conversation(person, 4242)
    visitor.search(EMAIL)
    assert person.mask in visitor.text
    assert EMAIL not in visitor.page.url
    assert "exemplo.com" not in visitor.text
    rows = AuditLog.objects.using("audit").filter(action__in=["search", "reveal"])
    assert [(row.action, row.fields) for row in rows] == [("search", ["email"])]
    assert visitor.complaints == []


def test_nothing_found_says_what_was_searched(visitor: Visitor) -> None:
    visitor.search("(21) 3333-4444")
    assert "telefone" in visitor.text
    assert visitor.page.input_value("#ponte-q") == "(21) 3333-4444"
    assert visitor.complaints == []


def test_a_group_is_reprocessed_by_keyboard(visitor: Visitor, here: Connection) -> None:
    visitor.open(reverse("admin:bridge_failedwebhook_group", args=[here.pk, "KRAYIN_REJECTED"]))
    press(visitor, f"form[action='{reverse('admin:bridge_failedwebhook_reprocess')}'] button")
    job = SyncJob.objects.get()
    assert job.state == "planned"
    assert "3 itens" in visitor.text
    press(visitor, f"form[action='{reverse('admin:bridge_syncjob_act', args=[job.pk])}'] button")
    job.refresh_from_db()
    assert job.state == "waiting"
    assert visitor.complaints == []


def press(visitor: Visitor, selector: str) -> None:
    """Reach a button with the keyboard alone and press it."""
    for _ in range(120):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            break
    else:
        raise AssertionError(f"{selector} is not reached with the Tab key")
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")


def test_no_screen_shows_a_full_phone(visitor: Visitor, here: Connection) -> None:
    for address in addresses(here):
        visitor.open(address)
        assert PHONE[:-2] not in visitor.page.content(), address
