"""REST: conversations and messages are listed, written and changed as contract section 8.2 says."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.chatwoot import AGENT_ID, AGENT_TOKEN, API_INBOX_ID, FINANCE_INBOX_ID, ChatwootSandbox

from .conftest import Api


@pytest.fixture
def number(chatwoot: ChatwootSandbox) -> int:
    """A conversation with one incoming message, a greeting and an activity about its assignment."""
    return chatwoot.new_person_writes("Olá!", name="Ana Sá", phone_number="+5511900000051").display_id


def ids(answer: Any) -> list[int]:
    return [row["id"] for row in answer["payload"]]


@pytest.fixture
def long_talk(chatwoot: ChatwootSandbox) -> list[int]:
    """Ids of 130 messages of one conversation, 1287."""
    chatwoot.change_inbox(7, greeting_enabled=False, enable_auto_assignment=False)
    chatwoot.new_person_writes("Mensagem 0", name="Ana Sá", phone_number="+5511900000051")
    for index in range(1, 130):
        chatwoot.incoming(1287, f"Mensagem {index}")
    return sorted(chatwoot.store.messages)


def test_without_parameters_the_last_twenty_come_oldest_first(long_talk: list[int], api: Api) -> None:
    assert ids(api.get("/conversations/1287/messages")) == long_talk[-20:]


def test_before_gives_the_twenty_older_ones(long_talk: list[int], api: Api) -> None:
    assert ids(api.get("/conversations/1287/messages", before=long_talk[50])) == long_talk[30:50]


def test_after_gives_up_to_a_hundred_newer_ones(long_talk: list[int], api: Api) -> None:
    assert ids(api.get("/conversations/1287/messages", after=long_talk[9])) == long_talk[10:110]


def test_both_give_everything_between_with_after_included(long_talk: list[int], api: Api) -> None:
    answer = api.get("/conversations/1287/messages", after=long_talk[5], before=long_talk[125])
    assert ids(answer) == long_talk[5:125]


def test_internal_messages_can_be_left_out(number: int, chatwoot: ChatwootSandbox, api: Api) -> None:
    chatwoot.private_note(number, "Ligar amanhã")
    path = f"/conversations/{number}/messages"
    assert [row["message_type"] for row in api.get(path)["payload"]] == [0, 2, 3, 1]
    assert [row["message_type"] for row in api.get(path, filter_internal_messages="true")["payload"]] == [0, 3]


def test_a_reply_by_api_reaches_the_customer_in_the_users_name(number: int, chatwoot: ChatwootSandbox) -> None:
    agent = Api(chatwoot.url, AGENT_TOKEN)
    written = agent.post(
        f"/conversations/{number}/messages",
        {"content": "Bom dia!", "content_attributes": {"ponte": "r1"}, "source_id": "ponte-1"},
    )
    assert (written["message_type"], written["private"], written["sender"]["id"]) == (1, False, AGENT_ID)
    assert (written["content_attributes"], written["source_id"]) == ({"ponte": "r1"}, "ponte-1")


def test_private_messages_are_notes(number: int, api: Api) -> None:
    written = api.post(f"/conversations/{number}/messages", {"content": "Só para nós", "private": True})
    assert written["private"] is True
    assert api.get(f"/conversations/{number}")["first_reply_created_at"] == 0


def test_incoming_messages_are_taken_only_by_api_inboxes(number: int, chatwoot: ChatwootSandbox, api: Api) -> None:
    body = {"content": "Formulário do site", "message_type": "incoming"}
    refused = api.call("POST", f"/conversations/{number}/messages", json=body)
    assert (refused.status_code, list(refused.json())) == (422, ["error"])
    contact = chatwoot.create_contact(name="Caio", email="caio@exemplo.com.br")
    other = chatwoot.open_conversation(contact.id, inbox_id=API_INBOX_ID).display_id
    assert api.post(f"/conversations/{other}/messages", body)["message_type"] == 0


def test_files_come_as_a_form(number: int, api: Api) -> None:
    response = api.call(
        "POST",
        f"/conversations/{number}/messages",
        data={"content": "Segue o preparo", "private": "false"},
        files=[("attachments[]", ("preparo.pdf", b"%PDF-1.7 exemplo", "application/pdf"))],
    )
    (file,) = response.json()["attachments"]
    assert (file["extension"], file["content_type"], file["file_size"]) == ("pdf", "application/pdf", 16)
    assert response.json()["content"] == "Segue o preparo"


def test_too_long_a_text_is_refused(number: int, api: Api) -> None:
    before = len(api.get(f"/conversations/{number}/messages")["payload"])
    response = api.call("POST", f"/conversations/{number}/messages", json={"content": "x" * 150_001})
    assert (response.status_code, list(response.json())) == (422, ["error"])
    assert len(api.get(f"/conversations/{number}/messages")["payload"]) == before


def test_a_message_is_deleted_softly(number: int, api: Api) -> None:
    written = api.post(f"/conversations/{number}/messages", {"content": "Engano"})
    api.delete(f"/conversations/{number}/messages/{written['id']}")
    last = api.get(f"/conversations/{number}/messages")["payload"][-1]
    assert (last["id"], last["content_attributes"]) == (written["id"], {"deleted": True})
    assert api.call("DELETE", f"/conversations/{number}/messages/1").status_code == 404


def test_delivery_status_is_set_only_in_api_inboxes(number: int, chatwoot: ChatwootSandbox, api: Api) -> None:
    message = api.post(f"/conversations/{number}/messages", {"content": "Oi"})
    path = f"/conversations/{number}/messages/{message['id']}"
    assert api.call("PATCH", path, json={"status": "failed"}).status_code == 403
    contact = chatwoot.create_contact(name="Caio", email="caio@exemplo.com.br")
    other = chatwoot.open_conversation(contact.id, inbox_id=API_INBOX_ID).display_id
    sent = api.post(f"/conversations/{other}/messages", {"content": "Oi"})
    assert api.patch(f"/conversations/{other}/messages/{sent['id']}", {"status": "read"})["status"] == "read"


def test_the_list_shows_open_conversations_unless_told_otherwise(
    number: int, chatwoot: ChatwootSandbox, api: Api
) -> None:
    chatwoot.new_person_writes("Oi", name="Caio", phone_number="+5511900000052")
    chatwoot.set_status(number, "resolved")
    assert ids(api.get("/conversations")["data"]) == [number + 1]
    assert ids(api.get("/conversations", status="resolved")["data"]) == [number]
    assert ids(api.get("/conversations", status="all")["data"]) == [number, number + 1]
    assert ids(api.get("/conversations", status="all", sort_by="created_at_desc")["data"]) == [number + 1, number]
    assert ids(api.get("/conversations", status="all", inbox_id=FINANCE_INBOX_ID)["data"]) == []


def test_updated_within_gives_all_matches_unpaged() -> None:
    now = [1_794_836_524.0]
    with ChatwootSandbox(clock=lambda: now[0]) as chatwoot:
        api = Api(chatwoot.url)
        for index in range(30):
            chatwoot.new_person_writes("Olá!", name="Ana", phone_number=f"+55119000001{index:02d}")
        now[0] += 600
        chatwoot.incoming(1290, "Alô?")
        assert len(api.get("/conversations", status="all")["data"]["payload"]) == 25
        assert len(api.get("/conversations", status="all", updated_within=3600)["data"]["payload"]) == 30
        assert ids(api.get("/conversations", status="all", updated_within=60)["data"]) == [1290]


def test_conversations_are_filtered_by_contact(number: int, api: Api) -> None:
    contact_id = api.get(f"/conversations/{number}")["meta"]["sender"]["id"]
    body = {"payload": [{"attribute_key": "contact_id", "filter_operator": "equal_to", "values": [contact_id]}]}
    assert ids(api.post("/conversations/filter", body)) == [number]


def test_older_servers_do_not_know_that_filter() -> None:
    with ChatwootSandbox(version="4.14.1") as chatwoot:
        body = {"payload": [{"attribute_key": "contact_id", "filter_operator": "equal_to", "values": [1]}]}
        assert Api(chatwoot.url).call("POST", "/conversations/filter", json=body).status_code == 422


def test_status_is_toggled_or_set(number: int, api: Api) -> None:
    path = f"/conversations/{number}/toggle_status"
    assert api.post(path)["payload"] == {
        "success": True,
        "conversation_id": number,
        "current_status": "resolved",
        "snoozed_until": None,
    }
    assert api.post(path)["payload"]["current_status"] == "open"
    snoozed = api.post(path, {"status": "snoozed", "snoozed_until": 1_900_000_000})["payload"]
    assert snoozed["snoozed_until"] == "2030-03-17T17:46:40.000Z"
    assert api.call("POST", path, json={"status": "closed"}).status_code == 500


def test_opening_with_an_agents_token_assigns_the_conversation(
    number: int, chatwoot: ChatwootSandbox, api: Api
) -> None:
    api.post(f"/conversations/{number}/assignments", {"assignee_id": None})
    api.post(f"/conversations/{number}/toggle_status", {"status": "open"})
    assert "assignee" not in api.get(f"/conversations/{number}")["meta"]
    Api(chatwoot.url, AGENT_TOKEN).post(f"/conversations/{number}/toggle_status", {"status": "open"})
    assert api.get(f"/conversations/{number}")["meta"]["assignee"]["id"] == AGENT_ID


def test_assignments_answer_the_agent_the_team_or_null(number: int, api: Api) -> None:
    path = f"/conversations/{number}/assignments"
    assert api.post(path, {"assignee_id": 22})["name"] == "Camila Freitas"
    assert api.post(path, {"team_id": 3})["name"] == "financeiro"
    assert api.post(path, {"assignee_id": None}) is None
    assert api.post(path, {"assignee_id": 41}) is None


def test_custom_attributes_are_replaced_whole_and_bounded(number: int, api: Api) -> None:
    path = f"/conversations/{number}/custom_attributes"
    api.post(path, {"custom_attributes": {"a": 1}})
    assert api.post(path, {"custom_attributes": {"b": 2}}) == {"custom_attributes": {"b": 2}}
    for value in ("x" * 1501, 10_000_000_000):
        refused = api.call("POST", path, json={"custom_attributes": {"a": value}})
        assert (refused.status_code, refused.json()["attributes"]) == (422, ["custom_attributes"])
    assert api.get(f"/conversations/{number}")["custom_attributes"] == {"b": 2}


def test_a_conversation_is_created_by_contact_or_by_address(number: int, api: Api) -> None:
    contact_id = api.get(f"/conversations/{number}")["meta"]["sender"]["id"]
    body = {"inbox_id": 7, "contact_id": contact_id, "message": {"content": "Seu retorno é amanhã"}}
    created = api.post("/conversations", body)
    assert (created["id"], created["messages"][0]["content"]) == (number + 1, "Seu retorno é amanhã")
    assert api.post("/conversations", {"source_id": "5511900000051"})["meta"]["sender"]["id"] == contact_id


def test_an_inbox_locked_to_one_conversation_gives_the_same_again(
    number: int, chatwoot: ChatwootSandbox, api: Api
) -> None:
    chatwoot.change_inbox(7, lock_to_single_conversation=True)
    contact_id = api.get(f"/conversations/{number}")["meta"]["sender"]["id"]
    assert api.post("/conversations", {"inbox_id": 7, "contact_id": contact_id})["id"] == number


def test_labels_and_priority_are_set(number: int, api: Api) -> None:
    assert api.post(f"/conversations/{number}/labels", {"labels": ["crm-novo"]}) == {"payload": ["crm-novo"]}
    assert api.get(f"/conversations/{number}/labels") == {"payload": ["crm-novo"]}
    assert api.patch(f"/conversations/{number}", {"priority": "high"})["priority"] == "high"
    api.post(f"/conversations/{number}/toggle_priority", {"priority": None})
    assert api.get(f"/conversations/{number}")["priority"] is None


def test_a_deleted_conversation_disappears_in_the_background(number: int, chatwoot: ChatwootSandbox, api: Api) -> None:
    api.delete(f"/conversations/{number}")
    chatwoot.wait_idle()
    assert api.call("GET", f"/conversations/{number}").status_code == 404
    assert chatwoot.state(["messages"])["messages"] == []
