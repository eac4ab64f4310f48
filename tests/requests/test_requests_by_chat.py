"""Answers and codes go out through the conversation, once, with the message's id as proof; else they come back."""

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest
from asking import HERE, item_of
from django.core import mail
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import user

from bridge.consents.words import vocabulary
from bridge.models import Effect, ObservedMessage, Saying, Wish
from consent.models import DataRequest, DataSubject, IdentityCode, RequestItem, User
from consent.requests import codes, correcting, deciding, filing, following, identity, sending
from consent.requests.contacts import Contact
from consent.requests.states import IllegalTransition, State
from consent.roles import Role
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.consents.talking import PHONE, Talk, begin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
WORDS = "O telefone foi corrigido nos dois sistemas."
STRANGER = "+5511955550000"


@pytest.fixture
def talk(bridge: Bridge) -> Talk:
    vocabulary.forget()
    return begin(bridge)


@pytest.fixture
def dpo(talk: Talk) -> User:
    return user(Role.DPO, talk.bridge.connection.clinic, name="Paula Prado")


def filed(talk: Talk, *rights: str, phone: str = PHONE) -> DataRequest:
    asked = filing.Asked(rights=rights, channel="phone", received_at=timezone.now(), contact=Contact.read(phone))
    return filing.file_request(talk.bridge.connection.clinic, asked, now=timezone.now())


def ready(talk: Talk, dpo: User, right: str) -> RequestItem:
    request, now = filed(talk, right), timezone.now()
    identity.seen_in_person(request, by=dpo, now=now)
    following.advance(request, now=now)
    item = item_of(request, right)
    deciding.decide(item, "grant", by=dpo, now=now)
    if item.state == State.EXECUTING:
        deciding.done(item, WORDS, by=dpo, now=now)
    assert item.state == State.READY
    return item


def test_an_answer_leaves_once_and_the_messages_id_closes_the_right(talk: Talk, dpo: User) -> None:
    DataSubject.objects.filter(pk=talk.person.pk).update(blocked_at=timezone.now())
    item = ready(talk, dpo, "T14")
    assert sending.send(item, "chat", by=dpo, now=timezone.now()) is None
    for route in ("chat", "email"):
        with pytest.raises((IllegalTransition, sending.NoWay)):
            sending.send(item_of(item.request, "T14"), route, by=dpo, now=timezone.now())
    # What waits to be sent holds no word of it.
    waiting = [*Wish.objects.values(), *Saying.objects.values(), *Effect.objects.values()]
    assert "corrigido" not in str(waiting)
    talk.work()
    row, message = item_of(item.request, "T14"), talk.last()
    assert WORDS in message.content
    assert (row.state, row.sent_by_route) == (State.CLOSED, "chat")
    assert row.proof == f"chatwoot:{talk.bridge.connection.pk}:{message.id}"
    assert row.proof_sha256 == hashlib.sha256(message.content.encode()).hexdigest()
    effect = Effect.objects.get(kind="send_message")
    assert (effect.state, effect.decision and effect.decision.purpose) == ("confirmed", "requests")
    # It stays between the person and the clinic: not kept, not counted, not in the CRM's note.
    talk.bridge.settle()
    assert ObservedMessage.objects.filter(chatwoot_message_id=message.id).count() == 0
    assert all(WORDS not in note["comment"] for note in talk.bridge.crm["notes"])


def test_an_answer_in_doubt_is_found_and_not_sent_twice(talk: Talk, dpo: User) -> None:
    item = ready(talk, dpo, "T14")
    sending.send(item, "chat", by=dpo, now=timezone.now())
    talk.bridge.chatwoot.faults.set(rest="down", rest_after=1)
    talk.bridge.work()
    effect = Effect.objects.get(kind="send_message")
    assert effect.state == "unknown"
    assert item_of(item.request, "T14").is_on_its_way
    assert not sending.take_back(item_of(item.request, "T14"), now=timezone.now())
    # It had arrived, and only the answer was lost.
    marks = {"ponte": effect.object_ref, "ponte_apart": True}
    there = talk.bridge.chatwoot.outgoing(talk.number, WORDS, content_attributes=marks)
    talk.bridge.chatwoot.faults.clear()
    talk.bridge.settle()
    row = item_of(item.request, "T14")
    assert (row.state, row.proof.split(":")[-1]) == (State.CLOSED, str(there.id))
    assert sum(WORDS in str(message.content) for message in talk.messages()) == 1


def test_what_the_conversation_does_not_take_comes_back_and_may_be_stopped(talk: Talk, dpo: User) -> None:
    first, second = ready(talk, dpo, "T14"), ready(talk, dpo, "T12")
    sending.send(first, "chat", by=dpo, now=timezone.now())
    sending.send(second, "chat", by=dpo, now=timezone.now())
    assert sending.take_back(second, now=timezone.now())
    store = talk.bridge.chatwoot.store
    for message in talk.messages():
        store.touch(message, created_at=message.created_at - 25 * 3_600_000_000)
    talk.work()
    for item in (first, second):
        row = item_of(item.request, item.right)
        assert (row.state, row.is_on_its_way, row.sent_at) == (State.READY, False, None)
    assert {wish.state for wish in Wish.objects.all()} == {"refused", "withdrawn"}
    assert not any(WORDS in str(message.content) for message in talk.messages())
    sending.handed_over(item_of(first.request, "T14"), "recibo 7", by=dpo, now=timezone.now())
    talk.work()
    assert item_of(first.request, "T14").sent_by_route == "print"


def test_a_correction_reaches_both_systems_and_says_so(talk: Talk, dpo: User) -> None:
    request, now = filed(talk, "T04"), timezone.now()
    identity.seen_in_person(request, by=dpo, now=now)
    following.advance(request, now=now)
    item = item_of(request, "T04")
    deciding.decide(item, "grant", by=dpo, now=now)
    for field, value in (("email", "sem arroba"), ("phone", "12"), ("address", "Rua A")):
        with pytest.raises(correcting.Unusable):
            correcting.correct(item, field, value, by=dpo, now=now)
    assert correcting.correct(item, "name", " Mariana Prado ", by=dpo, now=now) == 1
    assert "Prado" not in str(Wish.objects.values())
    assert [one.word for one in correcting.standing(item)] == ["waiting", "waiting"]
    talk.bridge.settle()
    there = talk.bridge.chatwoot.store.get("contacts", talk.contact.chatwoot_contact_id, 3)
    assert (there.name, talk.bridge.crm["persons"][0]["name"]) == ("Mariana Prado", "Mariana Prado")
    assert [one.word for one in correcting.standing(item)] == ["done", "done"]
    assert Wish.objects.get(kind="correct").text is None
    assert Effect.objects.get(kind="set_contact").decision is not None


def test_a_code_for_a_telephone_comes_by_its_conversation_and_is_kept_nowhere(talk: Talk, settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True
    asked, shapes = {}, []
    for phone in (PHONE, STRANGER):
        asked[phone] = filed(talk, "T01", phone=phone)
        with CaptureQueriesContext(connections["default"]) as queries:
            identity.send_code(asked[phone], address=HERE, now=timezone.now())
        shapes.append(
            [query["sql"].split()[0] for query in queries.captured_queries if "SAVEPOINT" not in query["sql"]]
        )
    assert shapes[0] == shapes[1]
    assert codes.send_waiting(now=timezone.now()) == 1
    talk.work()
    found = re.search(r"\b([A-Z0-9]{4})-([A-Z0-9]{4})\b", talk.last().content)
    assert found
    stored = str([*IdentityCode.objects.values(), *Saying.objects.values(), *Effect.objects.values()])
    assert found[1] + found[2] not in stored
    assert IdentityCode.objects.get(request=asked[STRANGER]).outcome == "not_sent"
    assert mail.outbox == []
    verdict = identity.verify_code(asked[PHONE], found[0], address=HERE, now=timezone.now())
    assert verdict is identity.Verdict.RIGHT
    following.advance(asked[PHONE], now=timezone.now())
    assert item_of(asked[PHONE], "T01").state == State.READY


def test_a_code_that_ran_out_before_it_could_leave_is_not_sent(talk: Talk) -> None:
    request = filed(talk, "T01")
    identity.send_code(request, address=HERE, now=timezone.now())
    codes.send_waiting(now=timezone.now())
    IdentityCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    before = len(talk.messages())
    talk.work()
    assert len(talk.messages()) == before
    assert IdentityCode.objects.get().outcome == "not_sent"
