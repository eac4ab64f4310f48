"""Answers validate against the published schemas, and have the keys of contract section 8, which are stricter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bridge.sandbox.chatwoot import ChatwootSandbox

from .conftest import Api
from .examples import CONTRACT

OPENAPI = json.loads((CONTRACT / "openapi.json").read_text(encoding="utf-8"))

CONTACT_KEYS = {
    "id", "name", "email", "phone_number", "identifier", "blocked", "thumbnail", "availability_status",
    "additional_attributes", "custom_attributes", "last_activity_at", "created_at",
}  # fmt: skip
CONVERSATION_KEYS = {
    "meta", "id", "messages", "account_id", "uuid", "additional_attributes", "agent_last_seen_at",
    "assignee_last_seen_at", "can_reply", "contact_last_seen_at", "custom_attributes", "inbox_id", "labels", "muted",
    "snoozed_until", "status", "created_at", "updated_at", "timestamp", "first_reply_created_at", "unread_count",
    "last_non_activity_message", "last_activity_at", "priority", "waiting_since", "sla_policy_id",
}  # fmt: skip
MESSAGE_KEYS = {
    "id", "content", "inbox_id", "conversation_id", "message_type", "content_type", "status", "content_attributes",
    "created_at", "private", "source_id", "sender",
}  # fmt: skip


def assert_matches(answer: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": OPENAPI["components"]}).validate(answer)


def operation(method: str, path: str) -> dict[str, Any]:
    """The published schema of a call's 200 answer."""
    found = OPENAPI["paths"]["/api/v1/accounts/{account_id}" + path][method]["responses"]["200"]
    schema: dict[str, Any] = found["content"]["application/json"]["schema"]
    return schema


@pytest.fixture
def filled(chatwoot: ChatwootSandbox) -> ChatwootSandbox:
    """A conversation with everything the shapes can show, except texts that are null."""
    conversation = chatwoot.new_person_writes(
        "Olá!", name="Lívia Sá", phone_number="+5511900000030", email="livia@exemplo.com.br"
    )
    number = conversation.display_id
    chatwoot.outgoing(number, "Bom dia!", attachments=[chatwoot.attachment("preparo.pdf", "application/pdf")])
    chatwoot.private_note(number, "Prefere manhã")
    chatwoot.set_labels(number, ["agendamento"])
    chatwoot.assign_team(number, 2)
    chatwoot.incoming(number, "Obrigada")
    return chatwoot


def test_a_contact_has_the_contracts_keys(filled: ChatwootSandbox, api: Api) -> None:
    answer = api.get("/contacts/4182")
    assert_matches(answer, operation("get", "/contacts/{id}"))
    assert set(answer["payload"]) == CONTACT_KEYS | {"contact_inboxes"}
    (address,) = answer["payload"]["contact_inboxes"]
    assert set(address["inbox"]) == {"id", "avatar_url", "channel_id", "name", "channel_type", "provider"}
    assert set(api.get("/contacts/4182", include_contact_inboxes="false")["payload"]) == CONTACT_KEYS


def test_a_contact_without_activity_has_no_such_key(chatwoot: ChatwootSandbox, api: Api) -> None:
    contact = chatwoot.create_contact(name="Caio", email="caio@exemplo.com.br")
    assert "last_activity_at" not in api.get(f"/contacts/{contact.id}")["payload"]


@pytest.mark.parametrize("path", ["/contacts", "/contacts/search?q=sá"])
def test_lists_of_contacts_validate(filled: ChatwootSandbox, api: Api, path: str) -> None:
    answer = api.get(path)
    assert_matches(answer, operation("get", path.split("?")[0]))
    assert [contact["id"] for contact in answer["payload"]] == [4182]


def test_filtered_contacts_validate(filled: ChatwootSandbox, api: Api) -> None:
    condition = {"attribute_key": "name", "filter_operator": "contains", "values": ["lívia"], "query_operator": None}
    answer = api.post("/contacts/filter", {"payload": [condition]})
    assert_matches(answer, operation("post", "/contacts/filter"))
    assert answer["meta"] == {"count": 1, "current_page": 1}


def test_a_conversation_has_the_contracts_keys(filled: ChatwootSandbox, api: Api) -> None:
    answer = api.get("/conversations/1287")
    assert_matches(answer, operation("get", "/conversations/{conversation_id}"))
    assert set(answer) == CONVERSATION_KEYS
    assert set(answer["meta"]) == {"sender", "channel", "assignee", "team", "hmac_verified"}
    assert set(answer["meta"]["sender"]) == CONTACT_KEYS
    assert "email" in answer["meta"]["assignee"]
    assert isinstance(answer["first_reply_created_at"], int)


def test_absent_people_are_absent_keys_in_meta(chatwoot: ChatwootSandbox, api: Api) -> None:
    contact = chatwoot.create_contact(name="Caio", email="caio@exemplo.com.br")
    number = chatwoot.open_conversation(contact.id, inbox_id=13).display_id
    answer = api.get(f"/conversations/{number}")
    assert set(answer["meta"]) == {"sender", "channel", "hmac_verified"}
    assert (answer["messages"], answer["last_non_activity_message"]) == ([], None)


def test_lists_of_conversations_validate(filled: ChatwootSandbox, api: Api) -> None:
    listed = api.get("/conversations", status="all")
    assert_matches(listed, operation("get", "/conversations"))
    assert set(listed["data"]["meta"]) == {"mine_count", "assigned_count", "unassigned_count", "all_count"}
    assert_matches(api.get("/contacts/4182/conversations"), operation("get", "/contacts/{id}/conversations"))
    assert_matches(api.get("/conversations/meta"), operation("get", "/conversations/meta"))


def test_messages_have_the_contracts_keys(filled: ChatwootSandbox, api: Api) -> None:
    answer = api.get("/conversations/1287/messages")
    assert_matches(answer, operation("get", "/conversations/{conversation_id}/messages"))
    assert_matches(answer["payload"][0], {"$ref": "#/components/schemas/message_detailed"})
    first, _, _, reply = answer["payload"][:4]
    assert set(first) == MESSAGE_KEYS
    assert set(reply) == MESSAGE_KEYS | {"attachments"}
    assert set(answer["meta"]) == {
        "labels", "additional_attributes", "contact", "assignee", "agent_last_seen_at", "assignee_last_seen_at",
    }  # fmt: skip


def test_a_written_message_validates(filled: ChatwootSandbox, api: Api) -> None:
    answer = api.post("/conversations/1287/messages", {"content": "Até quinta!", "echo_id": "e1"})
    assert_matches(answer, operation("post", "/conversations/{conversation_id}/messages"))
    assert set(answer) == MESSAGE_KEYS | {"echo_id"}


@pytest.mark.parametrize("path", ["/inboxes", "/agents", "/teams", "/labels"])
def test_the_accounts_configuration_validates(api: Api, path: str) -> None:
    assert_matches(api.get(path), operation("get", path))


def test_changes_of_a_conversation_validate(filled: ChatwootSandbox, api: Api) -> None:
    path = "/conversations/{conversation_id}"
    calls = {
        "/toggle_status": {"status": "resolved"},
        "/labels": {"labels": ["retorno"]},
        "/custom_attributes": {"custom_attributes": {"crm": "12"}},
        "/assignments": {"assignee_id": 22},
    }
    for call, body in calls.items():
        assert_matches(api.post("/conversations/1287" + call, body), operation("post", path + call))


def test_webhooks_definitions_and_profile_validate(api: Api) -> None:
    created = api.post("/webhooks", {"url": "https://bridge.example/x", "name": "Ponte"})
    assert_matches(created["payload"]["webhook"], {"$ref": "#/components/schemas/webhook"})
    definition = api.post(
        "/custom_attribute_definitions",
        {"attribute_display_name": "Lead", "attribute_key": "crm_lead", "attribute_model": 1},
    )
    assert set(definition) == set(OPENAPI["components"]["schemas"]["custom_attribute"]["properties"])
    profile = api.session.get(api.url + "/api/v1/profile", timeout=10).json()
    assert_matches(profile, {"$ref": "#/components/schemas/user"})
    assert (profile["role"], profile["accounts"][0]["id"]) == ("administrator", 3)
