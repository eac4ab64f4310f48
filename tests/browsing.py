"""A real browser: one Chromium for each file of tests, windows of a desk and of a phone, and what they complain about."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from factories import user
from playwright.sync_api import Browser, BrowserContext, Frame, Page, sync_playwright

from bridge.models import Connection
from consent.models import User
from consent.roles import Role

PASSWORD = "uma senha bem comprida"
DESK, PHONE_SIZE = (1280, 800), (360, 740)
PATIENCE_MS = 60_000  # on a busy machine
SETTLE_S = 5.0
# The second is what Chromium will do for everybody one day: no cookie reaches a frame of another site.
FLAGS = ["--no-sandbox", "--test-third-party-cookie-phaseout"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("PONTE_CHROMIUM") or "/usr/bin/chromium"
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright's synchronous interface runs an event loop in this thread, in which Django refuses queries.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(params=[DESK, PHONE_SIZE], ids=["desk", "phone"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    chosen: tuple[int, int] = request.param
    return chosen


@pytest.fixture
def context(browser: Browser, size: tuple[int, int]) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="pt-BR")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


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

    def type_password(self, email: str, password: str) -> None:
        """Fill and send the form of the sign-in."""
        self.open(reverse("admin:login"))
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")

    def sign_in(self, account: User) -> None:
        """Be signed in, as if password and code had been typed (tests/access types them)."""
        client = Client()
        client.force_login(account)
        name = settings.SESSION_COOKIE_NAME
        self.page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.base}])
        self.open(reverse("admin:index"))

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    @property
    def sideways(self) -> int:
        return sideways(self.page)


def sideways(page: Page | Frame) -> int:
    """Pixels by which a page is wider than its window, once charts have followed a new width."""
    end = time.monotonic() + SETTLE_S
    while True:
        pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if pixels <= 0 or time.monotonic() > end:
            return pixels
        page.wait_for_timeout(50)


def account(role: Role, of: Connection, **fields: str) -> User:
    """Somebody who can type a password."""
    made = user(role, of.clinic, **fields)
    made.set_password(PASSWORD)
    made.save()
    return made
