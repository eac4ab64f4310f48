"""The pages of numbers in a real browser on a phone: Portuguese, no complaint, no sideways scrolling, charts drawn."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta

import factories
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from history import joined, lead, open_unit
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from consent.roles import Role
from insights.models import InsightReview, SuggestionSilence
from insights.rollups import rebuild_day
from insights.updating import refresh_all

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
ENGLISH = re.compile(r"\b(the|and|with|not|waiting|people|since|opportunit\w+|service|funnel|data|when|answer)\b", re.I)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as environment:
        # Playwright's event loop runs in this thread, in which Django would refuse queries.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            launched = playwright.chromium.launch(
                executable_path=os.environ.get("PONTE_CHROMIUM") or "/usr/bin/chromium", args=["--no-sandbox"]
            )
            yield launched
            launched.close()


def open_page(page: Page, base: str, address: str) -> str:
    response = page.goto(base + address)
    assert response is not None
    assert response.status == 200, address
    page.wait_for_load_state("networkidle")
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, address
    page.evaluate("document.querySelectorAll('.material-symbols-outlined').forEach(one => one.remove())")
    text = page.inner_text("main, #content, body")
    assert sorted(set(ENGLISH.findall(text))) == [], address
    return text


def test_a_manager_finds_whom_to_call_and_does_it(browser: Browser, live_server: LiveServer) -> None:
    here, now = joined(inbox_ids=[7], inbox_names={"7": "WhatsApp Recepção"}), timezone.now()
    open_unit(here)
    for n in range(12):
        start = now - timedelta(days=1, minutes=n)
        lead(here).talk((start, "patient"), (start + timedelta(minutes=9), "human"))
    waiting = lead(here)
    waiting.talk((now - timedelta(days=2), "patient"))
    refresh_all()
    for back in range(3):
        rebuild_day(here.pk, (now - timedelta(days=back)).date())
    account = factories.user(Role.CLINIC_MANAGER, here.clinic)
    session = Client()
    session.force_login(account)
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="pt-BR")
    context.set_default_timeout(30_000)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": session.cookies[name].value, "url": live_server.url}])
    page = context.new_page()
    page.on("console", lambda one: complaints.append(one.text) if one.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for name in ("daycounts_now", "daycounts_changelist", "daycounts_report", "insight_funnel", "insight_consent",
                 "insight_predicts"):  # fmt: skip
        open_page(page, live_server.url, reverse(f"admin:insights_{name}"))
    listed = open_page(page, live_server.url, reverse("admin:insights_insight_changelist"))
    assert "1 oportunidade precisa de alguém hoje" in listed
    assert page.locator("canvas").count() == 1
    page.click(".ponte-calls > li:first-child a")
    page.wait_for_url(lambda address: str(waiting.number) in address)
    page.click("button[name=dismiss][value=reply_now]")
    page.wait_for_selector("text=Dispensada")
    page.click("text=Pedir revisão humana")
    page.wait_for_selector("text=Revisão humana pedida")
    assert complaints == []
    assert SuggestionSilence.objects.get().krayin_lead_id == waiting.number
    assert InsightReview.objects.get().asked_by == account
    context.close()
