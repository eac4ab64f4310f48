"""Every page that somebody reaches from the start page opens, speaks Portuguese, decrypts nothing and stays cheap."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from factories import NAME, PHONE, away, busy_clinic, signed_in
from screens.pages import main_of

from bridge.causes import Cause
from bridge.errors import TransactionOpen
from bridge.models import Connection
from config.theme import MENU
from consent.roles import CAPABILITIES, SCREEN_ROLES, Role
from tests.crawl.lived_in import lived_in, who_sees_most
from tests.crawl.reading import Reading
from tests.crawl.walking import START, Seen, route_of, walk
from tests.crawl.words import english_in

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

MOST_QUERIES = 30
# Looking at the trail is written into the trail.
RECORDED_LOOKS = {"audit_auditlog_changelist", "audit_auditlog_who"}
PERSONAL = (NAME, NAME.split()[0], PHONE[:-2], "98765")
# They end the session.
NOT_PRESSED = {"logout", "password_change"}
NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture
def ours() -> Connection:
    return lived_in("Clínica Sol")


@pytest.fixture
def theirs() -> Connection:
    return busy_clinic("Clínica Lua")


def faults(pages: Iterable[Seen]) -> str:
    """What is wrong, a line for each kind with the first page that shows it.

    A call to a partner is not among it: the client would raise, since every test holds a transaction.
    """
    found: dict[str, str] = {}
    for seen in pages:
        for fault in faults_of(seen):
            found.setdefault(fault, seen.place.address)
    return "\n".join(f"{fault}: {address}" for fault, address in found.items())


def faults_of(seen: Seen) -> Iterator[str]:
    if seen.status not in {200, 302}:
        yield f"{seen.place.route} answers {seen.status}"
    if seen.queries > MOST_QUERIES:
        yield f"{seen.place.route} takes {seen.queries} queries"
    if seen.recorded and seen.place.route not in RECORDED_LOOKS:
        yield f"{seen.place.route} leaves {seen.recorded} lines in the audit trail"
    yield from (f"personal: {one}" for one in PERSONAL if one in seen.reading.text)
    yield from (f"English: {word}" for word in sorted(english_in(seen.reading.text)))


def foreign_answers(stranger: Client, pages: list[Seen]) -> dict[str, int]:
    """Of the addresses that name a row: those that do not answer a stranger as if there were none."""
    rows = [seen.place.address for seen in pages if seen.place.names_a_row]
    assert rows
    answers = {address: stranger.get(address).status_code for address in rows}
    return {address: status for address, status in answers.items() if status != 404}


# One role of those that may do the same.
ROLES = sorted({CAPABILITIES[role]: role for role in sorted(SCREEN_ROLES)}.values())


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role(ours: Connection, theirs: Connection, role: Role) -> None:
    pages = list(walk(signed_in(role, ours.clinic)))
    assert foreign_answers(signed_in(role, theirs.clinic), pages) == {}
    found = faults(pages)
    assert not found, found


def test_every_screen_is_reached_and_every_button_answers_in_portuguese(ours: Connection) -> None:
    """Each button once, pressed on a page as it stands; what it changed is taken back before the next."""
    client, pressed, english = Client(), set[tuple[str, ...]](), dict[str, str]()
    client.force_login(who_sees_most(ours))
    pages = list(walk(client, values=1))
    entries = [entry for _title, entries in MENU for entry in entries]
    screens = {f"{entry.model.lower().replace('.', '_')}_{entry.view}" for entry in entries}
    assert screens <= {seen.place.route for seen in pages}
    for seen in pages:
        for address, message in sent_from(seen):
            kind = (route_of(address), *sorted(message))
            if kind in pressed or route_of(address) in NOT_PRESSED:
                continue
            pressed.add(kind)
            english |= dict.fromkeys(english_in(answer_to(client, address, message)), address)
    assert len(pressed) > 30
    assert not english, english


def sent_from(seen: Seen) -> list[tuple[str, dict[str, str]]]:
    forms = [form for form in seen.reading.forms if not form.asks]
    return [(urljoin(seen.place.address, form.action), sent) for form in forms for sent in form.messages()]


def answer_to(client: Client, address: str, message: dict[str, str]) -> str:
    """The text of the page that follows; none where the button calls a partner, which no test may do here."""
    with transaction.atomic():
        try:
            answer = client.post(address, message, follow=True)
        except TransactionOpen:
            return ""
        finally:
            transaction.set_rollback(True)
    assert answer.status_code == 200, (address, message)
    return Reading(answer.content.decode()).text


@pytest.mark.parametrize("role", sorted(set(Role) - SCREEN_ROLES))
def test_who_has_no_screens_is_sent_to_the_sign_in(ours: Connection, role: Role) -> None:
    answer = signed_in(role, ours.clinic).get(START)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("admin:login"))


def test_with_redis_and_both_partners_away_every_page_opens(ours: Connection, settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": NOWHERE}}
    settings.CELERY_BROKER_URL = NOWHERE
    away(ours)
    away(ours, Cause.CHATWOOT_UNAVAILABLE)
    client = signed_in(Role.CLINIC_MANAGER, ours.clinic)
    found = faults(walk(client, values=1))
    assert not found, found
    for address in (START, reverse("admin:bridge_failedwebhook_changelist")):
        assert "O Krayin não responde" in main_of(client.get(address))
