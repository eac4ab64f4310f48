"""Every kind of page in a real browser: nothing asked elsewhere, no complaint, accessible, and never wider than a phone."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.browsing import DESK, PATIENCE_MS, PHONE_SIZE, Visitor, browser
from tests.crawl.lived_in import lived_in, who_sees_most
from tests.crawl.walking import walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["browser"]

# Levels A and AA; what is worse than an annoyance.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
SERIOUS = {"serious", "critical"}


@pytest.fixture
def client() -> Client:
    made = Client()
    made.force_login(who_sees_most(lived_in("Clínica Sol")))
    return made


def addresses(client: Client) -> list[str]:
    """One page of each route: how a list is filtered changes its rows, not its looks."""
    found: dict[str, str] = {}
    for seen in walk(client, values=1):
        if seen.status == 200 and seen.reading.words:
            found.setdefault(seen.place.route, seen.place.address)
    return list(found.values())


def signed_in(browser: Browser, client: Client, base: str) -> Visitor:
    """The same session in a real browser."""
    context = browser.new_context(locale="pt-BR", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}])
    return Visitor(context.new_page(), base)


def faults(visitor: Visitor, address: str) -> Iterator[str]:
    """What is wrong with one page: on a desk first, then as wide as a phone."""
    visitor.complaints.clear()
    visitor.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    visitor.open(address)
    for one in Axe().run(visitor.page, options=RULES).response["violations"]:
        if one["impact"] in SERIOUS:
            yield from (f"{one['id']}: {node['html'][:200]}" for node in one["nodes"][:3])
    visitor.page.set_viewport_size({"width": PHONE_SIZE[0], "height": PHONE_SIZE[1]})
    if (too_wide := visitor.sideways) > 0:
        yield f"{address} is {too_wide} px wider than a phone"
    yield from visitor.complaints


def test_every_page_is_accessible_and_fits_a_phone(browser: Browser, live_server: LiveServer, client: Client) -> None:
    visitor = signed_in(browser, client, live_server.url)
    found: dict[str, str] = {}
    for address in addresses(client):
        for fault in faults(visitor, address):
            found.setdefault(fault, address)
    visitor.page.context.close()
    assert not found, "\n".join(f"{fault}: {address}" for fault, address in found.items())
