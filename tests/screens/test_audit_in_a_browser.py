"""The screens of the audit in a real browser: without errors, on a phone too, in Portuguese."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from factories import EMAIL, contact, user
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from audit.models import AuditLog, Verification
from audit.services import Entry, record_many
from audit.verifying import Finding, Kind, check
from bridge.models import Connection
from consent.models import DataSubject
from consent.roles import Role
from screens.test_in_a_browser import (
    ENGLISH,
    NAMES,
    PASSWORD,
    Visitor,
    _orm_beside_the_browser,
    browser,
    context,
    here,
    size,
)
from tests.audit.trail import sealed_trail

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "audit"])]
__all__ = ["_orm_beside_the_browser", "browser", "context", "here", "size"]

TRAIL, WHO, INTEGRITY = (
    reverse(f"admin:audit_{name}") for name in ("auditlog_changelist", "auditlog_who", "verification_changelist")
)


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one"), str(tmp_path / "two")]


@pytest.fixture
def marina(here: Connection) -> DataSubject:
    """Somebody whose data were opened, searched and refused."""
    bia = user(Role.CLINIC_MANAGER, here.clinic, name="Bia Campos")
    subject = contact(here, phone="+5521987650001", email=EMAIL).subject
    common = {"actor_type": "staff", "actor_id": str(bia.pk), "clinic_id": here.clinic_id}
    person = {"subject": subject.pseudonym}
    field = {"fields": ["bridge.ObservedContact.name", "bridge.ObservedContact.phone"]}
    record_many(
        [Entry(action="reveal", purpose="scheduling", **field, **person, **common) for _turn in range(3)]
        + [
            Entry(action="search", fields=["phone"], reason_code="found", **person, **common),
            Entry(
                action="reveal", purpose="legal", outcome="denied", reason_code="reason_required", **person, **common
            ),
            Entry(action="update", object_type="bridge.Connection", object_id=str(here.pk), fields=["state"], **common),
        ],
        own_connection=False,
    )
    sealed_trail(2)
    return subject


@pytest.fixture
def dpo(context: BrowserContext, live_server: LiveServer, here: Connection, marina: DataSubject) -> Visitor:
    account = user(Role.DPO, here.clinic, name="Dora Prado")
    account.set_password(PASSWORD)
    account.save()
    made = Visitor(context.new_page(), live_server.url)
    made.sign_in(account)
    return made


def test_the_screens_draw_fit_and_speak_portuguese(dpo: Visitor, marina: DataSubject) -> None:
    check(full=True)
    row = AuditLog.objects.filter(action="reveal", actor_type="staff").latest("pk")
    addresses = {
        "trail": TRAIL,
        "trail_person": f"{TRAIL}?person={marina.pseudonym}",
        "entry": reverse("admin:audit_auditlog_change", args=[row.pk]),
        "who": f"{WHO}?person={marina.pseudonym}",
        "staff": f"{WHO}?staff={row.actor_id}",
        "nobody": WHO,
        "integrity": INTEGRITY,
    }
    assert_they_draw_fit_and_speak_portuguese(dpo, addresses)


def test_a_red_answer_draws_fits_and_speaks_portuguese(dpo: Visitor) -> None:
    found = [
        Finding(Kind.MODIFIED, "row 7 at position 9"),
        Finding(Kind.CUT, "checkpoint place 1 knows segments 2 to 3"),
    ]
    Verification.objects.create(
        mode="full", rows=9, last_position=9, last_segment=1, findings=[one.as_json() for one in found], seconds=0.4,
        key_id="t1", mac=b"",
    )  # fmt: skip
    assert_they_draw_fit_and_speak_portuguese(dpo, {"red": INTEGRITY})


def assert_they_draw_fit_and_speak_portuguese(dpo: Visitor, addresses: dict[str, str]) -> None:
    wide, english = {}, {}
    for name, address in addresses.items():
        dpo.open(address)
        dpo.page.wait_for_load_state("networkidle")
        if dpo.sideways > 0:
            wide[name] = dpo.sideways
        dpo.page.evaluate("document.querySelectorAll('.material-symbols-outlined').forEach(one => one.remove())")
        words = sorted({word.lower() for word in ENGLISH.findall(NAMES.sub(" ", dpo.text))})
        if words:
            english[name] = words
    assert dpo.complaints == []
    assert wide == {}
    assert english == {}


def test_a_person_is_found_without_an_address_that_names_them(dpo: Visitor) -> None:
    dpo.open(WHO)
    dpo.page.fill("#ponte-q", EMAIL)
    with dpo.page.expect_navigation():
        dpo.page.press("#ponte-q", "Enter")
    assert "visto 5 vezes por 2 pessoas da equipe" in dpo.text
    assert "@" not in dpo.page.url
    assert AuditLog.objects.using("audit").filter(action="search", fields=["email"]).count() == 1
