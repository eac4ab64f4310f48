"""An opportunity's page asks the clinic's language model, where there is one; the answer is shown and kept nowhere."""

from collections.abc import Iterator
from typing import Any

import factories
import pytest
from django.test import Client
from django.urls import reverse
from fake_model import FakeModel, Talk, anthropic, provider, running, talk
from screens.pages import text_of

from bridge.models import ContactMapping, ConversationMapping
from insights.models import Insight, LanguageCall, LanguageSettings
from insights.updating import update_ai_insights

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "audit"]),
    pytest.mark.usefixtures("in_english"),
]
LEAD = 77


@pytest.fixture
def model(settings: Any) -> Iterator[FakeModel]:
    settings.LANGUAGE_MODEL = True
    with running() as server:
        yield server


@pytest.fixture
def marina(model: FakeModel) -> Talk:
    """With an opportunity, and a clinic that uses a model."""
    made = talk()
    here = made.conversation.connection
    provider(here.clinic, model.url)
    made.says("Oi, sou a Marina, (11) 98765-4321, quero marcar")
    ContactMapping.objects.create(
        connection=here, chatwoot_contact_id=made.person.chatwoot_contact_id, krayin_lead_id=LEAD, krayin_person_id=1
    )
    ConversationMapping.objects.create(
        connection=here, chatwoot_conversation_id=made.conversation.chatwoot_conversation_id, krayin_lead_id=LEAD
    )
    update_ai_insights(here.pk, LEAD)
    return made


@pytest.fixture
def manager(marina: Talk) -> Client:
    client = Client()
    client.force_login(marina.manager)
    return client


def page(of: Talk, name: str = "of") -> str:
    return reverse(f"admin:insights_insight_{name}", args=[of.conversation.connection.pk, LEAD])


def ask(client: Client, of: Talk, task: str) -> str:
    response = client.post(page(of, "ask"), {"task": task})
    assert response.status_code == 200
    return text_of(response)


def test_a_summary_is_shown_and_not_kept(marina: Talk, manager: Client, model: FakeModel) -> None:
    model.reply = lambda body: anthropic({"texto": "<PESSOA_1> quer marcar uma consulta."})
    shown = ask(manager, marina, "summary")
    assert "quer marcar uma consulta." in shown
    assert "Written by" in shown
    assert "98765" not in model.everything
    assert LanguageCall.objects.get().outcome == "answered"
    assert "quer marcar uma consulta." not in text_of(manager.get(page(marina)))


def test_suggestions_stand_in_the_models_order(marina: Talk, manager: Client, model: FakeModel) -> None:
    two = [
        {"id": "reply_now", "because": {"open_wait_min": 5}, "priority": 90},
        {"id": "reengage", "because": {"quiet_days": 30, "stage": 2}, "priority": 40},
    ]
    Insight.objects.filter(krayin_lead_id=LEAD).update(suggestions=two)
    model.reply = lambda body: anthropic({"ids": ["reengage", "reply_now"]})
    response = manager.post(page(marina, "ask"), {"task": "order"})
    assert [one["id"] for one in response.context["suggestions"]] == ["reengage", "reply_now"]


def test_why_there_is_no_answer_is_told(marina: Talk, manager: Client, model: FakeModel) -> None:
    marina.consents("language_model", "withdrawn")
    assert "may not be given to a language model" in ask(manager, marina, "draft")
    assert model.got == []


def test_a_clinic_without_model_sees_nothing_of_it(marina: Talk, manager: Client) -> None:
    LanguageSettings.objects.update(is_on=False)
    shown = manager.get(page(marina))
    assert shown.context["tasks"] == []
    assert "Summarise the conversation" not in text_of(shown)
    assert manager.post(page(marina, "ask"), {"task": "poem"}).status_code == 404


def test_another_clinics_manager_may_not_ask(marina: Talk, model: FakeModel) -> None:
    stranger = factories.signed_in("clinic_manager", factories.clinic())
    assert stranger.post(page(marina, "ask"), {"task": "summary"}).status_code == 404
    assert model.got == []
