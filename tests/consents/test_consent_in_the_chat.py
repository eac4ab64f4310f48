"""Asked, answered and taken back inside the conversation, over real HTTP with both sandboxes (lgpd 4 and 17.5)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bridge.consents.asking import NotAsked, ask
from bridge.events import ContactFact, ConversationFact, Facts, MessageFact
from bridge.mappers import facts_json
from bridge.models import Effect, ObservedMessage, Saying, WebhookEvent, Wish
from bridge.sandbox.chatwoot import WEB_INBOX_ID
from bridge.sync.observe import observe
from bridge.webhooks.registry import registry
from consent.consents import Evidence, check, withdraw_all
from consent.consents.receipts import is_intact
from consent.encryption import Actor
from consent.models import ConsentEvent, ConsentRecord, DataSubject, ServedText, Suppression
from tests.bridge.connected_clinic import Bridge
from tests.consents.talking import STAFF, Talk

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.mark.acceptance(5)
def test_sair_stops_the_next_campaign_at_once_and_the_receipt_arrives(talk: Talk) -> None:
    """REQUIREMENTS 17.5; from the webhook to the refused decision in less than five seconds."""
    talk.ask()
    talk.says("Sim, aceito")
    assert talk.may_send().allowed
    talk.says("  Saír!  ")
    decided = talk.may_send()
    assert not decided.allowed
    word = WebhookEvent.objects.filter(event_type="message_created").latest("received_at")
    assert decided.decided_at - word.received_at < timedelta(seconds=5)
    assert talk.last().content.startswith("Pronto: paramos de enviar.")
    event = ConsentEvent.objects.get(consent_type="marketing", state="withdrawn")
    assert event.channel == "chat"
    assert event.evidence_ref.startswith(f"chatwoot:{talk.bridge.connection.pk}:")
    assert is_intact(event)
    assert Suppression.objects.exists()
    with pytest.raises(NotAsked, match="said_no"):
        talk.ask()


def test_a_yes_in_the_conversation_has_the_messages_id_as_proof(talk: Talk) -> None:
    saying = talk.ask()
    question = talk.last()
    assert question.content_type == "input_select"
    assert [item["title"] for item in question.content_attributes["items"]] == ["Sim, aceito", "Não aceito"]
    assert "Se você disser não, nada muda" in question.content
    assert saying.chatwoot_message_id == question.id
    served = ServedText.objects.get(reference=str(saying.pk))
    answer = talk.says("Sim, aceito")
    event = ConsentEvent.objects.get(state="given")
    assert event.evidence_ref == f"chatwoot:{talk.bridge.connection.pk}:{answer.id}"
    assert (event.served_id, event.text_version_id) == (served.pk, served.version_id)
    assert served.served_at <= event.event_time + timedelta(seconds=1)
    assert check(talk.person, "marketing", now=timezone.now()).is_valid
    assert talk.last().content.startswith("Obrigada.")
    ledger = Effect.objects.filter(kind="send_message")
    assert {effect.state for effect in ledger} == {"confirmed"}
    assert all(effect.decision and effect.decision.allowed for effect in ledger)


def test_a_form_answered_in_the_web_widget_counts_once(talking: Bridge) -> None:
    type(talking.connection).objects.filter(pk=talking.connection.pk).update(inbox_ids=[7, WEB_INBOX_ID])
    talking.connection.refresh_from_db()
    registry.forget()
    with talking.chatwoot.capture() as deliveries:
        conversation = talking.chatwoot.new_person_writes(
            "Oi", name="Ana Lima", email="ana.lima@exemplo.com.br", inbox_id=WEB_INBOX_ID
        )
    talking.deliver(deliveries)
    talking.work()
    talk = Talk(talking, conversation.display_id)
    saying = talk.ask()
    for _ in range(2):
        talk.does(lambda: talking.chatwoot.submit(saying.chatwoot_message_id or 0, "no"))
    events = ConsentEvent.objects.filter(record__isnull=False)
    assert [event.state for event in events] == ["refused"]
    saying.refresh_from_db()
    assert (saying.answer, events[0].evidence_ref.split(":")[-1]) == ("no", str(saying.chatwoot_message_id))
    assert ConsentRecord.objects.get().status == "denied"


def test_the_same_words_inside_a_sentence_mean_nothing(talk: Talk) -> None:
    for text in (
        "quero sair mais cedo",
        "parar de fumar",
        "Sim",
        "sim aceito o horário",
        "cancelar a consulta de terça",
    ):
        talk.says(text)
    assert not ConsentEvent.objects.exists()
    assert not Saying.objects.exists()


def test_cancelar_withdraws_only_soon_after_marketing_or_a_consent_text(talk: Talk) -> None:
    talk.clinic_says("Sua consulta é amanhã às 15h. Responda CANCELAR se não puder vir.")
    talk.says("CANCELAR")
    assert not ConsentRecord.objects.exists()
    assert talk.last().content == "Você quer cancelar a consulta ou parar as mensagens?"
    talk.says("Cancelar consulta")
    assert not ConsentRecord.objects.exists()
    talk.clinic_says("Clareamento com 20% de desconto!", additional_attributes={"campaign_id": 5})
    talk.says("cancelar.")
    assert set(ConsentRecord.objects.values_list("status", flat=True)) == {"withdrawn"}


def test_parar_mensagens_is_the_answer_that_withdraws(talk: Talk) -> None:
    talk.says("Cancelar")
    talk.says("Parar mensagens")
    assert set(ConsentRecord.objects.values_list("status", flat=True)) == {"withdrawn"}
    assert talk.last().content.startswith("Pronto")


def test_read_again_and_read_late_a_word_says_the_same(talk: Talk) -> None:
    with talk.bridge.chatwoot.capture() as deliveries:
        talk.bridge.chatwoot.incoming(talk.number, "SAIR")
    for _ in range(2):
        talk.bridge.deliver(deliveries)
        talk.bridge.work()
    assert ConsentRecord.objects.filter(consent_type="marketing").count() == 1
    assert Saying.objects.filter(kind="withdrawal").count() == 1


def test_a_word_of_last_week_withdraws_but_is_not_answered(talk: Talk) -> None:
    """As an import or a poll brings it in."""
    now = timezone.now()
    old = MessageFact(
        message_id=999_001, conversation_id=talk.number, direction=ObservedMessage.Direction.INCOMING,
        author_kind="contact", author_name="", text="SAIR", attachments=(), sent_at=now - timedelta(days=8), version=0,
        is_deleted=False,
    )  # fmt: skip
    conversation = ConversationFact(
        conversation_id=talk.number, contact_id=talk.contact.chatwoot_contact_id, inbox_id=7, channel="", status="open",
        version=1, labels=(), assignee_id=None, team_id=None, started_at=now, first_reply_at=None, last_activity_at=None,
    )  # fmt: skip
    facts = facts_json.body_of(Facts(conversations=(conversation,), messages=(old,)))
    known = ContactFact(talk.contact.chatwoot_contact_id, "Mariana Alves", "", "+5511900000017", "", False)
    with transaction.atomic():
        observe(talk.bridge.connection, [Facts(contacts=(known,)), facts_json.facts_from(facts)], now)
    talk.work()
    assert ConsentRecord.objects.filter(status="withdrawn").exists()
    assert not Saying.objects.exists()


def test_a_question_waiting_to_be_sent_is_cancelled_by_the_word(talk: Talk) -> None:
    talk.bridge.chatwoot.stop()
    saying = ask(talk.contact, "marketing", actor=STAFF, via=Wish.Via.SCREEN, now=timezone.now())
    talk.bridge.work()
    assert Effect.objects.get(kind="send_message").state == "intended"
    withdraw_all(
        talk.person, evidence=Evidence.of_form({"x": 1}), channel="page", actor=Actor("person", ""), now=timezone.now()
    )
    saying.wish.refresh_from_db()
    assert saying.wish.state == "withdrawn"
    assert Effect.objects.get(kind="send_message").state == "cancelled"


def test_nothing_is_asked_where_the_conversation_takes_no_messages(talk: Talk) -> None:
    saying = ask(talk.contact, "marketing", actor=STAFF, via=Wish.Via.SCREEN, now=timezone.now())
    store = talk.bridge.chatwoot.store
    for message in talk.messages():
        store.touch(message, created_at=message.created_at - 25 * 3_600_000_000)
    talk.work()
    saying.wish.refresh_from_db()
    assert (saying.wish.state, saying.wish.reason) == ("refused", "window_closed")
    assert not ServedText.objects.exists()
    assert not any(message.content_type == "input_select" for message in talk.messages())


def test_a_blocked_person_is_heard_and_not_written_to(talk: Talk) -> None:
    DataSubject.objects.filter(pk=talk.person.pk).update(blocked_at=datetime(2026, 1, 1, tzinfo=UTC))
    talk.says("REVOGAR")
    assert ConsentRecord.objects.filter(status="withdrawn").exists()
    assert Effect.objects.get(kind="send_message").state == "denied"


def test_a_message_whose_sending_is_in_doubt_is_found_and_not_sent_twice(talk: Talk) -> None:
    saying = talk.ask()
    Saying.objects.update(chatwoot_message_id=None)
    Wish.objects.filter(pk=saying.pk).update(state="open", settled_at=None)
    Effect.objects.filter(kind="send_message").update(state="unknown", confirmed_at=None, foreign_id=None)
    talk.bridge.settle()
    saying.refresh_from_db()
    assert saying.chatwoot_message_id == talk.last().id
    assert [message.content_type for message in talk.messages()].count("input_select") == 1


def test_a_message_that_is_no_word_costs_no_statement_more(talk: Talk) -> None:
    """A short message that could be a word costs what a long one costs, once the clinic's words are known."""
    talk.says("ok")
    costs = []
    for text in ("tudo bem, e com a senhora? " * 10, "certo"):
        with talk.bridge.chatwoot.capture() as deliveries:
            talk.bridge.chatwoot.incoming(talk.number, text)
        talk.bridge.deliver(deliveries)
        with CaptureQueriesContext(connections["default"]) as queries:
            talk.bridge.work()
        costs.append(len(queries))
    assert costs[1] <= costs[0]
