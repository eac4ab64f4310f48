"""`manage.py explain` tells what became of a conversation, with masks only, as text and as JSON."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation
from factories import (
    CONVERSATION,
    EMAIL,
    NAME,
    PHONE,
    clinic,
    connection,
    contact,
    conversation,
    event,
    lane,
    link,
    step,
)

from audit.models import AuditLog
from bridge.models import Connection, ObservedContact

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]


@pytest.fixture
def marina() -> ObservedContact:
    """In step: read, written, linked."""
    person = contact(connection(clinic("Clínica Mar")), email=EMAIL)
    conversation(person)
    event(person.connection, lane_key=lane(person), conversation_id=CONVERSATION)
    step(person, foreign_id=71, calls=2)
    link(person, lead=71)
    return person


def explain(*options: Any) -> str:
    out = StringIO()
    call_command("explain", *map(str, options), stdout=out)
    return out.getvalue()


def told(*options: Any) -> list[dict[str, Any]]:
    answer = json.loads(explain(*options, "--json"))
    assert answer["conversation"] == int(options[1])
    stories: list[dict[str, Any]] = answer["stories"]
    return stories


def test_text_tells_status_links_and_lines_oldest_first(marina: ObservedContact) -> None:
    text = explain("--conversation", CONVERSATION)
    assert f"Contact: {marina.mask} (number {marina.chatwoot_contact_id})" in text
    assert "[done] In step since" in text
    assert f"Chatwoot: https://chat.exemplo.com.br/app/accounts/3/conversations/{CONVERSATION}" in text
    lines = ["began in the inbox", "Received: message written", "Opportunity 71 created [done]"]
    places = [text.index(line) for line in lines]
    assert places == sorted(places)


def test_json_tells_the_same_for_programs(marina: ObservedContact) -> None:
    [story] = told("--conversation", CONVERSATION)
    assert story["connection"]["id"] == marina.connection_id
    assert story["contact"] == {"id": marina.chatwoot_contact_id, "mask": marina.mask}
    assert (story["status"]["state"], story["status"]["code"]) == ("done", "in_step")
    assert {line["kind"] for line in story["lines"]} == {"received", "started", "create_lead"}
    [line] = [line for line in story["lines"] if line["kind"] == "create_lead"]
    assert (line["system"], line["state"], line["facts"]["number"], line["facts"]["calls"]) == ("krayin", "done", 71, 2)


def test_nothing_personal_is_printed(marina: ObservedContact) -> None:
    printed = explain("--conversation", CONVERSATION) + explain("--conversation", CONVERSATION, "--json")
    for personal in (NAME, "Marina", PHONE, PHONE[3:], EMAIL):
        assert personal not in printed


def test_a_conversation_that_nobody_read_yet_is_told(marina: ObservedContact) -> None:
    event(marina.connection, status="received", conversation_id=4711)
    [story] = told("--conversation", 4711)
    assert (story["contact"], story["status"]["code"]) == (None, "unread")
    assert "Received; waiting to be read." in explain("--conversation", 4711)


def test_the_same_number_in_two_connections_is_told_twice_unless_one_is_named(marina: ObservedContact) -> None:
    second = contact(connection(clinic("Clínica Lua")))
    conversation(second)
    assert len(told("--conversation", CONVERSATION)) == 2
    [story] = told("--conversation", CONVERSATION, "--connection", second.connection_id)
    assert story["contact"]["id"] == second.chatwoot_contact_id


@pytest.mark.parametrize("number", [99999, 0, -5, 2**70])
def test_an_unknown_conversation_fails_and_says_what_to_check(marina: ObservedContact, number: int) -> None:
    with pytest.raises(CommandError, match="unknown here: nothing of it arrived") as refused:
        explain("--conversation", number)
    assert refused.value.returncode == 1


def test_an_unknown_connection_fails(marina: ObservedContact) -> None:
    with pytest.raises(CommandError, match="There is no connection 987654"):
        explain("--conversation", CONVERSATION, "--connection", 987654)


def test_asking_leaves_the_row_that_the_screen_leaves(marina: ObservedContact) -> None:
    explain("--conversation", CONVERSATION)
    [row] = AuditLog.objects.using("audit").filter(action="search")
    assert (row.actor_type, row.actor_ref, row.fields) == ("system", "explain", ["conversation"])
    assert row.subject == marina.subject.pseudonym


def test_text_is_portuguese_by_default(marina: ObservedContact, settings: Any) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        text = explain("--conversation", CONVERSATION)
    assert "Em dia desde" in text
    assert "Received" not in text
    assert Connection.objects.count() == 1
