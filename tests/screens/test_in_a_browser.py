"""What needs a real browser: signing in, searching without a trace in the address, working with the keyboard alone.

How every page looks in one is the crawl's (tests/crawl).
"""

import pytest
from django.urls import reverse
from factories import EMAIL, busy_clinic, contact, conversation
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from audit.models import AuditLog
from bridge.models import Connection, SyncJob
from consent.roles import Role
from tests.browsing import DESK, Visitor, account, browser, context

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser", "context"]


@pytest.fixture
def size() -> tuple[int, int]:
    return DESK


@pytest.fixture
def here() -> Connection:
    return busy_clinic()


@pytest.fixture
def visitor(context: BrowserContext, live_server: LiveServer, here: Connection) -> Visitor:
    made = Visitor(context.new_page(), live_server.url)
    made.sign_in(account(Role.CLINIC_MANAGER, here))
    return made


def search(visitor: Visitor, text: str) -> None:
    visitor.open(reverse("admin:bridge_trace"))
    visitor.page.fill("#ponte-q", text)
    with visitor.page.expect_navigation():
        visitor.page.press("#ponte-q", "Enter")


def test_the_sign_in_says_what_is_wrong(context: BrowserContext, live_server: LiveServer, here: Connection) -> None:
    stranger = Visitor(context.new_page(), live_server.url)
    stranger.type_password(account(Role.CLINIC_MANAGER, here).email, "errada")
    stranger.page.wait_for_load_state()
    assert "/login/" in stranger.page.url
    assert "senha" in stranger.text.lower()
    assert stranger.sideways == 0


def test_a_person_is_traced_with_exactly_one_row(visitor: Visitor, here: Connection) -> None:
    person = contact(here, email=EMAIL, phone="+5521987650001")
    conversation(person, 4242)
    search(visitor, EMAIL)
    assert person.mask in visitor.text
    assert EMAIL not in visitor.page.url
    assert "exemplo.com" not in visitor.text
    rows = AuditLog.objects.using("audit").filter(action__in=["search", "reveal"])
    assert [(row.action, row.fields) for row in rows] == [("search", ["email"])]
    assert visitor.complaints == []


def test_nothing_found_says_what_was_searched(visitor: Visitor) -> None:
    search(visitor, "(21) 3333-4444")
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
