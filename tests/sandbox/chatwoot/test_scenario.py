"""The example conversations: what a phase promises is what it sends, and people never repeat."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.chatwoot import EMAIL_INBOX_ID, FINANCE_INBOX_ID, ChatwootSandbox, Expectation, ScenarioError
from bridge.sandbox.chatwoot.scenario import PHASES

from .conftest import Receiver

SIZES = [1, 2, 3, 4, 6, 10]


@pytest.fixture
def played(receiver: Receiver) -> Any:
    """Plays all phases; gives the expectation and the requests of each."""

    def play(size: int, **options: Any) -> list[tuple[Expectation, list[Any]]]:
        phases = []
        with ChatwootSandbox(**options) as chatwoot:
            chatwoot.register_webhook(receiver.url)
            for phase in PHASES:
                start = len(receiver.requests)
                expectation = chatwoot.play(phase, conversations=size, seed=5)
                chatwoot.wait_idle()
                phases.append((expectation, receiver.requests[start:]))
        return phases

    return play


@pytest.mark.parametrize("size", SIZES)
def test_each_phase_sends_exactly_what_it_says(played: Any, size: int) -> None:
    for expected, requests in played(size):
        bodies = [json.loads(request.body) for request in requests]
        ids = Counter(request.header("X-Chatwoot-Delivery") for request in requests)
        assert len(requests) == expected.webhooks
        assert Counter(body["event"] for body in bodies) == Counter(expected.by_event)
        assert sum(count - 1 for count in ids.values()) == expected.duplicates
        foreign = [body for body in bodies if body.get("conversation", body).get("inbox_id") == FINANCE_INBOX_ID]
        assert len(foreign) == expected.foreign


@pytest.mark.parametrize("size", SIZES)
def test_the_figures_are_what_a_reader_of_the_bodies_counts(played: Any, size: int) -> None:
    persons, conversations, messages, deleted = set(), set(), set(), set()
    for expected, requests in played(size):
        for body in (json.loads(request.body) for request in requests):
            conversation = body.get("conversation") or (body if "meta" in body else None)
            if conversation is None or conversation["inbox_id"] != 7:
                continue
            conversations.add(conversation["id"])
            persons.add(conversation["meta"]["sender"]["id"])
            if "message_type" in body and not body["private"]:
                messages.add(body["id"])
                deleted |= {body["id"]} if body["content_attributes"].get("deleted") else set()
        figures = expected.figures
        assert (figures.persons, figures.conversations) == (len(persons), len(conversations))
        assert (figures.messages, figures.deleted) == (len(messages), len(deleted))
        assert sorted(persons) == expected.contact_ids
        assert sorted(conversations) == sorted(expected.conversation_ids)


def test_ten_conversations_are_eight_people_one_stranger_and_one_who_returns(played: Any) -> None:
    (opened, _), (replied, _), (resolved, _) = played(10)
    assert (opened.figures.persons, opened.figures.conversations) == (8, 8)
    assert (len(opened.foreign_conversation_ids), opened.duplicates, opened.repeats) == (1, 3, 2)
    assert (replied.figures.persons, replied.figures.conversations) == (8, 9)
    assert (replied.figures.first_responses, replied.figures.deleted) == (8, 1)
    assert (resolved.figures.resolved, resolved.figures.leads) == (8, 8)
    assert resolved.figures.notes == len(resolved.figures.local_days) >= 9


def test_the_people_are_a_mix_of_identifiers() -> None:
    chatwoot = ChatwootSandbox()
    chatwoot.play("open", conversations=10)
    contacts = chatwoot.state(["contacts"])["contacts"][:-1]
    kinds = Counter((len(row["phone_number"] or ""), row["email"] is not None) for row in contacts)
    assert kinds == {(14, False): 4, (14, True): 2, (13, False): 1, (0, True): 1}
    assert all(row["email"].endswith("@exemplo.com.br") for row in contacts if row["email"])
    assert all(row["phone_number"].startswith("+55119000") for row in contacts if row["phone_number"])


def test_a_person_without_telephone_writes_by_email_where_that_inbox_is_owned() -> None:
    chatwoot = ChatwootSandbox(owned_inboxes=[7, EMAIL_INBOX_ID])
    chatwoot.play("open", conversations=10)
    inboxes = Counter(row["inbox_id"] for row in chatwoot.state(["conversations"])["conversations"])
    assert inboxes == {7: 7, EMAIL_INBOX_ID: 1, FINANCE_INBOX_ID: 1}


def test_the_same_seed_tells_the_same_story() -> None:
    def story(seed: int) -> list[str]:
        chatwoot = ChatwootSandbox()
        for phase in PHASES:
            chatwoot.play(phase, conversations=6, seed=seed)
        return [row["content"] for row in chatwoot.state(["messages"])["messages"]]

    assert story(3) == story(3)
    assert story(3) != story(4)


def test_a_second_batch_brings_new_people() -> None:
    chatwoot = ChatwootSandbox()
    first = chatwoot.play("open", conversations=5)
    second = chatwoot.play("open", conversations=5)
    assert set(first.contact_ids).isdisjoint(second.contact_ids)
    phones = [row["phone_number"] for row in chatwoot.state(["contacts"])["contacts"] if row["phone_number"]]
    assert len(phones) == len(set(phones)) == 8
    assert chatwoot.state(["scenario"])["scenario"]["expected"]["persons"] == 8


def test_phases_follow_each_other_once() -> None:
    chatwoot = ChatwootSandbox()
    with pytest.raises(ScenarioError, match="no such batch"):
        chatwoot.play("reply")
    batch = chatwoot.play("open", conversations=2).batch
    with pytest.raises(ScenarioError, match="reply is next"):
        chatwoot.play("resolve")
    chatwoot.play("reply", batch=batch)
    chatwoot.play("resolve", batch=batch)
    with pytest.raises(ScenarioError, match="all phases are over"):
        chatwoot.play("resolve", batch=batch)


@pytest.mark.parametrize("options", [{"conversations": 0}, {"inboxes": [9]}])
def test_impossible_batches_are_refused_and_leave_nothing(options: dict[str, Any]) -> None:
    chatwoot = ChatwootSandbox()
    with pytest.raises(ScenarioError):
        chatwoot.play("open", **options)
    assert chatwoot.state(["contacts", "scenario"])["contacts"] == []


def test_people_used_before_are_refused() -> None:
    chatwoot = ChatwootSandbox()
    chatwoot.play("open", conversations=5, offset=100)
    with pytest.raises(ScenarioError, match="offset"):
        chatwoot.play("open", conversations=5, offset=104)
    assert len(chatwoot.state(["conversations"])["conversations"]) == 5


def test_local_days_are_those_of_sao_paulo() -> None:
    now = [1_794_884_100.0]  # 2026-11-17T02:55:00Z, in São Paulo still the 16th
    chatwoot = ChatwootSandbox(clock=lambda: now[0])
    opened = chatwoot.play("open", conversations=1)
    now[0] += 600
    replied = chatwoot.play("reply")
    assert opened.figures.local_days == [[1287, "2026-11-16"]]
    assert replied.figures.local_days == [[1287, "2026-11-16"], [1287, "2026-11-17"]]
    assert replied.figures.notes == 2


def test_a_second_run_goes_on_where_the_first_stopped(receiver: Receiver, tmp_path: Path) -> None:
    state = tmp_path / "chatwoot.json"
    with ChatwootSandbox(state_file=state) as first:
        webhook = first.register_webhook(receiver.url)
        opened = first.play("open", conversations=4)
        first.wait_idle()
    with ChatwootSandbox(state_file=state) as second:
        assert second.store.webhooks[webhook.id].secret == webhook.secret
        replied = second.play("reply")
        assert replied.batch == opened.batch
        again = second.play("open", conversations=4)
        second.wait_idle()
    assert min(again.contact_ids) > max(opened.contact_ids)
    assert min(again.conversation_ids) > max(opened.conversation_ids)
    assert len({request.header("X-Chatwoot-Delivery") for request in receiver.requests}) == (
        opened.webhooks + replied.webhooks + again.webhooks - opened.duplicates - replied.duplicates - again.duplicates
    )
