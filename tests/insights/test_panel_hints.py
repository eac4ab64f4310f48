"""F3: hints in the panel inside Chatwoot: at most three, put aside, the score in words and why."""

from datetime import timedelta
from typing import Any

import factories
import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from history import Lead, joined, lead

from bridge.models import Connection, SyncedObject
from bridge.panel import tokens
from consent.models import DataSubject
from consent.roles import Role
from insights.models import SuggestionSilence

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


@pytest.fixture
def person() -> Lead:
    """Waits for an hour; known in Krayin."""
    made = lead(joined(inbox_ids=[7]))
    lane = factories.lane(made.contact)
    for kind, number in (("person", 31), ("lead", made.number)):
        SyncedObject.objects.create(
            connection=made.connection, krayin=made.connection.krayin, lane_key=lane, kind=kind,
            ref=f"x-c1{'-l1' if kind == 'lead' else ''}", foreign_id=number, stage_id=1,
        )  # fmt: skip
    return made


def ask(of: Connection, number: int, action: str = "", body: Any = None) -> Any:
    account = factories.user(Role.CLINIC_MANAGER, of.clinic)
    token = tokens.issue(account, of, timezone.now())
    address = f"/panel/{of.public_id}/api/conversas/{number}/"
    headers = {"Authorization": f"Bearer {token}"}
    if action:
        return Client().post(f"{address}{action}/", body, content_type="application/json", headers=headers)
    return Client().get(f"{address}?nome=0", headers=headers)


def test_the_panel_shows_what_to_do_the_score_in_words_and_why(person: Lead) -> None:
    talk = person.talk((timezone.now() - timedelta(hours=1), "patient"))
    person.update()
    hints = ask(person.connection, talk.chatwoot_conversation_id).json()["hints"]
    (one,) = hints["suggestions"]
    assert (one["id"], one["act"], one["because"]) == ("reply_now", "Responder agora", "espera há 1 h 00 min")
    assert hints["score"].startswith("Atendimento: ")
    assert any("pouco contato" in line for line in hints["why"])


def test_three_hints_at_most_and_one_query_for_all(person: Lead) -> None:
    now = timezone.now()
    talk = person.talk((now - timedelta(hours=23), "patient"), channel="Channel::Whatsapp")
    row = person.update()
    row.suggestions = [{**(row.suggestions or [])[0], "priority": n} for n in range(5)]
    row.save(update_fields=["suggestions"])
    with CaptureQueriesContext(connections["default"]) as captured:
        hints = ask(person.connection, talk.chatwoot_conversation_id).json()["hints"]
    assert len(hints["suggestions"]) == 3
    assert len([one for one in captured.captured_queries if "ai_insights" in one["sql"]]) == 1


def test_a_hint_is_put_aside(person: Lead) -> None:
    talk = person.talk((timezone.now() - timedelta(hours=1), "patient"))
    person.update()
    answer = ask(person.connection, talk.chatwoot_conversation_id, "dispensar", {"dica": "reply_now"})
    assert answer.status_code == 200
    assert answer.json()["hints"]["suggestions"] == []
    assert SuggestionSilence.objects.get().suggestion == "reply_now"
    again = ask(person.connection, talk.chatwoot_conversation_id, "dispensar", {"dica": "reply_now"})
    assert again.status_code == 200
    assert ask(person.connection, talk.chatwoot_conversation_id, "dispensar", {"dica": 5}).status_code == 400


def test_of_a_blocked_person_nothing_is_hinted_or_put_aside(person: Lead) -> None:
    talk = person.talk((timezone.now() - timedelta(hours=1), "patient"))
    person.update()
    DataSubject.objects.update(blocked_at=timezone.now())
    assert "hints" not in ask(person.connection, talk.chatwoot_conversation_id).json()
    answer = ask(person.connection, talk.chatwoot_conversation_id, "dispensar", {"dica": "reply_now"})
    assert answer.status_code == 400
    assert SuggestionSilence.objects.count() == 0


def test_without_numbers_there_are_no_hints(person: Lead) -> None:
    talk = person.talk((timezone.now() - timedelta(hours=1), "patient"))
    assert ask(person.connection, talk.chatwoot_conversation_id).json()["hints"] is None
