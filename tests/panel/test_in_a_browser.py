"""The panel in a real browser, framed by a page of another site that plays Chatwoot, third-party cookies blocked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Frame, Page
from pytest_django.live_server_helper import LiveServer

from bridge.models import (
    AttendedInboxes,
    Breaker,
    Connection,
    ObservedConversation,
    PanelToken,
    StageChangeLog,
    SyncedObject,
    Wish,
)
from bridge.sandbox.chatwoot import WHATSAPP_INBOX_ID
from consent.models import DataSubject, Membership, User
from consent.roles import Role
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.browsing import PASSWORD, Visitor, browser, context, sideways
from tests.panel.playing_chatwoot import Stage, playing

__all__ = ["bridge", "browser", "chatwoot", "context", "krayin"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

NAME = "Ana Lima"
WIDE, NARROW = (700, 800), (320, 700)


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    chosen: tuple[int, int] = request.param
    return chosen


@pytest.fixture
def stage() -> Iterator[Stage]:
    with playing() as made:
        yield made


@dataclass
class Chat:
    """An attendant with Chatwoot open at a conversation, and what the browser complained about."""

    page: Page
    stage: Stage
    bridge: Bridge
    account: User
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, number: int) -> None:
        self.stage.panel = f"{self.base}/panel/{self.bridge.connection.public_id}/"
        self.stage.number = number
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(self.stage.origin)

    @property
    def frame(self) -> Frame:
        found = self.page.frame(url=lambda address: "/panel/" in address)
        assert found is not None
        return found

    @property
    def text(self) -> str:
        return self.frame.inner_text("body")

    def sign_in(self) -> None:
        with self.page.expect_popup() as opened:
            self.frame.click("#sign-in")
        window = opened.value
        window.fill("#id_username", self.account.email)
        window.fill("#id_password", PASSWORD)
        with window.expect_event("close"):
            window.click("button.main")

    def sees(self, selector: str) -> None:
        self.frame.wait_for_selector(selector)

    @property
    def sideways(self) -> int:
        return sideways(self.frame)


@pytest.fixture
def talk(bridge: Bridge) -> ObservedConversation:
    with bridge.chatwoot.capture() as deliveries:
        made = bridge.chatwoot.new_person_writes("Bom dia", name=NAME, phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.settle()
    return ObservedConversation.objects.get(chatwoot_conversation_id=made.display_id)


@pytest.fixture
def chat(
    context: BrowserContext, live_server: LiveServer, stage: Stage, bridge: Bridge, talk: ObservedConversation
) -> Chat:
    account = User.objects.create_user("bia@clinica.exemplo", PASSWORD, name="Bia Rocha")
    Membership.objects.create(user=account, role=Role.ATTENDANT, clinic=bridge.connection.clinic)
    AttendedInboxes.objects.create(connection=bridge.connection, user=account, inbox_ids=[WHATSAPP_INBOX_ID])
    bridge.connection.chatwoot_url = stage.origin
    bridge.connection.save()
    return Chat(context.new_page(), stage, bridge, account, live_server.url)


def test_an_attendant_signs_in_by_window_and_moves_the_opportunity_once(
    chat: Chat, talk: ObservedConversation, bridge: Bridge
) -> None:
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    assert NAME not in chat.text
    assert chat.page.evaluate("window.asked") >= 1
    chat.sign_in()
    chat.sees("h1")
    assert NAME in chat.text
    assert "Follow Up" in chat.text
    assert chat.sideways == 0
    chat.frame.select_option("#stage", label="Negotiation")
    chat.frame.click("form.row button")
    chat.sees('li.open[data-kind="stage"]')
    bridge.settle()
    chat.sees("dd strong:text-is('Negotiation')")
    assert bridge.crm["leads"][0]["stage_code"] == "negotiation"
    row = StageChangeLog.objects.get(trigger_source="panel")
    assert (row.result, row.asked_by) == ("moved", chat.account)
    assert Wish.objects.get().state == "done"
    assert chat.complaints == []
    assert chat.sideways == 0


def test_cookies_do_not_reach_the_frame_and_a_known_browser_needs_one_press(
    chat: Chat, talk: ObservedConversation, bridge: Bridge
) -> None:
    Membership.objects.create(user=chat.account, role=Role.CLINIC_MANAGER, clinic=bridge.connection.clinic)
    Visitor(chat.page, chat.base).sign_in(chat.account)
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    known = chat.frame.evaluate("fetch('/admin/', {credentials: 'include', redirect: 'manual'}).then(r => r.type)")
    assert known == "opaqueredirect"
    with chat.page.expect_popup() as opened:
        chat.frame.click("#sign-in")
    assert chat.account.email in opened.value.inner_text("button.main")
    with opened.value.expect_event("close"):
        opened.value.click("button.main")
    chat.sees("h1")
    assert NAME in chat.text


def test_the_next_conversation_needs_no_password_where_storage_is_blocked(
    chat: Chat, talk: ObservedConversation
) -> None:
    """Chatwoot builds a new frame for every conversation, and in this browser it remembers nothing."""
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    chat.sign_in()
    chat.sees("h1")
    chat.page.reload()
    chat.sees("#sign-in")
    with chat.page.expect_popup() as opened:
        chat.frame.click("#sign-in")
    chat.sees("h1")
    assert NAME in chat.text
    assert opened.value.is_closed()
    assert PanelToken.objects.count() == 1


def test_a_forged_context_from_another_site_shows_nothing(
    chat: Chat, talk: ObservedConversation, bridge: Bridge
) -> None:
    with playing() as forger:
        forger.panel = f"{chat.base}/panel/{bridge.connection.public_id}/"
        forger.number = talk.chatwoot_conversation_id
        chat.page.goto(forger.origin)
        chat.page.wait_for_timeout(1500)
        framed = [frame.url for frame in chat.page.frames if "/panel/" in frame.url]
        texts = [frame.inner_text("body") for frame in chat.page.frames[1:]]
    assert framed == []
    assert not any(NAME in text or "Entrar na Ponte" in text for text in texts)


def test_a_token_is_not_given_to_a_strangers_page(chat: Chat, bridge: Bridge) -> None:
    with playing() as forger:
        forger.panel = "about:blank"
        chat.page.goto(forger.origin)
        chat.page.evaluate("window.heard = []; window.addEventListener('message', e => window.heard.push(e.data))")
        path = f"{chat.base}/panel/{bridge.connection.public_id}/entrar/?state={'a' * 32}"
        with chat.page.expect_popup() as opened:
            chat.page.evaluate("path => { window.open(path, '_blank', 'popup'); }", path)
        window = opened.value
        window.fill("#id_username", chat.account.email)
        window.fill("#id_password", PASSWORD)
        with window.expect_event("close"):
            window.click("button.main")
        chat.page.wait_for_timeout(500)
        heard = chat.page.evaluate("window.heard")
    assert not any("panel-token" in str(message) for message in heard)


def test_a_foreign_conversation_and_a_foreign_inbox_are_refused(
    chat: Chat, talk: ObservedConversation, bridge: Bridge
) -> None:
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    chat.sign_in()
    chat.sees("h1")
    chat.page.evaluate("window.tell(999999)")
    chat.sees('[data-code="unknown"]')
    assert NAME not in chat.text
    AttendedInboxes.objects.update(inbox_ids=[])
    chat.page.evaluate(f"window.tell({talk.chatwoot_conversation_id})")
    chat.sees('[data-code="not_your_inbox"]')
    assert NAME not in chat.text
    assert chat.sideways == 0


def test_who_is_signed_out_by_hand_is_asked_again(chat: Chat, talk: ObservedConversation) -> None:
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    chat.sign_in()
    chat.sees("h1")
    PanelToken.objects.update(revoked_at=timezone.now())
    chat.frame.click("[data-part=sync] button")
    chat.sees("#sign-in")
    assert NAME not in chat.text


def test_a_note_and_keeping_back_by_keyboard_only(chat: Chat, talk: ObservedConversation, bridge: Bridge) -> None:
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    chat.sign_in()
    chat.sees("h1")
    chat.frame.focus("summary:has-text('Nota para o CRM')")
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.type("Ligar na <b>terça</b>")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    chat.sees('li.open[data-kind="note"]')
    chat.frame.focus("summary:has-text('Não enviar esta conversa')")
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Enter")
    chat.sees('[data-code="kept_back"]')
    bridge.settle()
    (note,) = [note for note in bridge.crm["notes"] if "Nota da equipe" in note["title"]]
    assert "Ligar na &lt;b&gt;terça&lt;/b&gt;" in note["comment"]
    assert chat.complaints == []


@pytest.mark.parametrize(
    "state", ["shadow", "paused", "minor", "blocked", "erased", "undecided", "no_opportunity", "away"]
)
def test_every_state_has_its_words_and_fits(chat: Chat, talk: ObservedConversation, bridge: Bridge, state: str) -> None:
    prepare(bridge, talk, state)
    chat.open(talk.chatwoot_conversation_id)
    chat.sees("#sign-in")
    chat.sign_in()
    chat.sees(f'[data-code="{SHOWN_AS.get(state, state)}"]')
    assert (NAME in chat.text) == (state not in {"blocked", "erased"})
    assert not re.search(r"\b(false|null|undefined|None)", chat.text)
    assert chat.sideways == 0
    assert chat.complaints == []


SHOWN_AS = {"no_opportunity": "nothing"}


def prepare(bridge: Bridge, talk: ObservedConversation, state: str) -> None:
    connection = Connection.objects.filter(pk=bridge.connection.pk)
    if state in {"shadow", "paused"}:
        connection.update(state=state)
    elif state == "minor":
        DataSubject.objects.update(is_minor=True)
    elif state in {"blocked", "erased"}:
        DataSubject.objects.update(**{f"{state}_at": timezone.now()})
    elif state == "undecided":
        Wish.objects.create(
            connection=bridge.connection, contact=talk.contact, kind="unlink", state="held", via="panel", person_id=1,
            asked_by_ref="1",
        )  # fmt: skip
    elif state == "no_opportunity":
        SyncedObject.objects.all().delete()
    else:
        now = timezone.now()
        Breaker.objects.create(
            connection=bridge.connection, partner="krayin", problem="KRAYIN_UNAVAILABLE", since=now,
            paused_until=now + timedelta(minutes=4),
        )  # fmt: skip
