"""F2: may I send this? What the attendant sees of consent and rights, and does about them, with a message as proof."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditLog
from bridge.models import ObservedContact, ObservedConversation, ObservedMessage, Saying
from bridge.sync.observe import contact_context, content_digest, message_context
from consent.encryption import seal
from consent.identifiers import phone_e164
from consent.models import ConsentEvent, DataRequest, DataSubject, RequestItem, TextVersion
from consent.texts import serve
from tests.consents.approved import approve_all
from tests.panel.signed_in import Panel

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "audit"])
MESSAGE, PHONE = 8812, "+5511987654321"


def says(talk: ObservedConversation, text: str, number: int = MESSAGE, **fields: Any) -> ObservedMessage:
    row = ObservedMessage(
        pk=uuid4(), connection=talk.connection, conversation=talk, subject=talk.contact.subject,
        chatwoot_message_id=number, local_day=timezone.localdate(), digest=b"",
        **{"direction": "incoming", "sent_at": timezone.now() - timedelta(minutes=1)} | fields,
    )  # fmt: skip
    told = json.dumps({"text": text, "author": "", "attachments": []})
    row.content = seal(told, subject=row.subject_id, context=message_context(row.pk))
    row.save(force_insert=True)
    return row


@pytest.fixture
def texts(talk: ObservedConversation) -> TextVersion:
    return approve_all(talk.connection.clinic)


def look(panel: Panel) -> dict[str, Any]:
    answer = panel.get(query="direitos/")
    assert answer.status_code == 200, answer.content
    content: dict[str, Any] = answer.json()
    return content


def marketing(content: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in content["purposes"] if one["type"] == "marketing")


def test_each_purpose_says_yes_no_since_and_until_and_opens_nothing(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    says(talk, "Pode mandar")
    with CaptureQueriesContext(connections["default"]) as own:
        content = look(attendant)
    assert len(own) <= 50
    one = marketing(content)
    assert (one["text"], one["may"], one["preview"]["text"]) == ("nunca perguntado", True, texts.body)
    assert [message["id"] for message in content["messages"]] == [MESSAGE]
    assert len(content["rights"]) == 14
    assert not AuditLog.objects.using("audit").filter(action="reveal").exists()


def test_asking_is_off_with_its_reason_where_the_window_is_closed(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    ObservedConversation.objects.update(channel="Channel::Whatsapp")
    one = marketing(look(attendant))
    assert (one["may"], "só recebe mensagens" in one["why_not"] or "mensagens" in one["why_not"]) == (False, True)
    assert attendant.post("direitos/pedir", {"finalidade": "marketing"}).status_code == 409
    assert not Saying.objects.exists()
    says(talk, "Oi")
    answer = attendant.post("direitos/pedir", {"finalidade": "marketing"})
    assert answer.status_code == 200, answer.content
    assert Saying.objects.get().wish.via == "panel"
    assert marketing(answer.json())["may"] is False
    assert attendant.post("direitos/pedir", {"finalidade": "care"}).status_code == 422


def test_a_yes_needs_the_text_read_before_and_a_no_only_the_message(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    said = says(talk, "Pode mandar sim")
    body = {"finalidade": "marketing", "resposta": "sim", "mensagem": MESSAGE}
    refused = attendant.post("direitos/registrar", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "text_not_shown")
    serve(texts, talk.contact.subject, channel="chat", now=said.sent_at - timedelta(minutes=5))
    answer = attendant.post("direitos/registrar", body)
    assert answer.status_code == 200, answer.content
    assert marketing(answer.json())["text"].startswith("sim, desde")
    event = ConsentEvent.objects.get()
    assert (event.evidence_ref, event.event_time) == (f"chatwoot:{talk.connection_id}:{MESSAGE}", said.sent_at)
    assert event.collected_by is not None
    says(talk, "Não quero mais", MESSAGE + 1, sent_at=timezone.now())
    attendant.post("direitos/registrar", body | {"resposta": "nao", "mensagem": MESSAGE + 1})
    assert marketing(look(attendant))["text"].startswith("não, desde")


@pytest.mark.parametrize(
    "wrong", [{"mensagem": 999}, {"mensagem": "8812"}, {"resposta": "talvez"}, {"finalidade": ["marketing"]}]
)
def test_without_the_persons_own_message_nothing_is_written_down(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion, wrong: dict[str, Any]
) -> None:
    says(talk, "Sim", 999, direction="outgoing")
    says(talk, "Sim")
    body = {"finalidade": "marketing", "resposta": "nao", "mensagem": MESSAGE} | wrong
    assert attendant.post("direitos/registrar", body).status_code == 422
    assert attendant.post("direitos/requisicao", {"direitos": ["T99"], "mensagem": MESSAGE}).status_code == 422
    assert not ConsentEvent.objects.exists()
    assert not DataRequest.objects.exists()


def test_a_request_gets_its_protocol_at_once_and_its_clock_from_the_message(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    known_by_phone(talk.contact)
    ObservedConversation.objects.update(channel="Channel::Whatsapp")
    said = says(talk, "O que vocês têm sobre mim?")
    answer = attendant.post("direitos/requisicao", {"direitos": ["T01", "T04"], "mensagem": MESSAGE})
    assert answer.status_code == 200, answer.content
    row = DataRequest.objects.get()
    assert row.protocol in answer.json()["said"]
    assert (row.channel, row.received_at, row.subject) == ("chat", said.sent_at, talk.contact.subject)
    assert row.evidence_ref.endswith(f":{MESSAGE}")
    states = dict(RequestItem.objects.values_list("right", "state"))
    # The number is the registered one: the confirmation needs no more proof and goes out by the conversation.
    assert states == {"T01": "ready", "T04": "identity_pending"}
    saying = Saying.objects.get()
    assert (saying.kind, saying.about) == ("answer", RequestItem.objects.get(right="T01").pk)
    assert row.protocol in {one["protocol"] for one in answer.json()["requests"]}


def test_where_anybody_could_write_in_the_persons_name_the_message_proves_nothing(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    ObservedConversation.objects.update(channel="Channel::WebWidget")
    says(talk, "Quero meus dados")
    attendant.post("direitos/requisicao", {"direitos": ["T01"], "mensagem": MESSAGE})
    assert RequestItem.objects.get().state == "identity_pending"


def test_who_is_responsible_for_a_minor_gets_nothing_optional_until_verified(
    attendant: Panel, talk: ObservedConversation, texts: TextVersion
) -> None:
    assert attendant.post("direitos/menor").json()["is_minor"] is True
    assert DataSubject.objects.get(pk=talk.contact.subject_id).is_minor
    assert marketing(look(attendant))["may"] is False


@pytest.mark.parametrize("state", ["blocked", "erased"])
def test_of_a_blocked_or_erased_person_no_consent_is_shown(
    attendant: Panel, talk: ObservedConversation, state: str
) -> None:
    DataSubject.objects.filter(pk=talk.contact.subject_id).update(**{f"{state}_at": timezone.now()})
    assert set(look(attendant)) == {"state", "text"}
    assert attendant.post("direitos/menor").status_code == 409
    assert attendant.post("direitos/nada").status_code == 404


def known_by_phone(contact: ObservedContact) -> None:
    """As an observed contact keeps it."""
    phone = phone_e164(PHONE) or ""
    contact.phone = seal(phone, subject=contact.subject_id, context=contact_context(contact.pk, "phone"))
    contact.digests = {"phone": content_digest("phone", phone).hex()}
    contact.save()
