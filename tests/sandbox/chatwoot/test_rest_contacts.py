"""REST: contacts are found, written, merged and deleted as contract section 8.1 says."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.chatwoot import ChatwootSandbox

from .conftest import Api


def condition(key: str, operator: str, *values: Any, then: str | None = None) -> dict[str, Any]:
    return {"attribute_key": key, "filter_operator": operator, "values": list(values), "query_operator": then}


def found(api: Api, *conditions: dict[str, Any]) -> list[int]:
    return [contact["id"] for contact in api.post("/contacts/filter", {"payload": list(conditions)})["payload"]]


@pytest.fixture
def three(chatwoot: ChatwootSandbox) -> list[int]:
    """Ana with everything, Bruno with a telephone, and somebody without any identifier."""
    ana = chatwoot.create_contact(
        name="Ana Falcão",
        phone_number="+5511900000041",
        email="ana@exemplo.com.br",
        identifier="Paciente-7",
        additional_attributes={"city": "Moema"},
    )
    bruno = chatwoot.create_contact(name="Bruno Falcão", phone_number="+5511900000042")
    nobody = chatwoot.create_contact(name="bold-river-512")
    return [ana.id, bruno.id, nobody.id]


def test_a_contact_is_created_with_its_address_in_an_inbox(api: Api) -> None:
    body = {"name": "Ana", "phone_number": "+5511900000041", "email": "ANA@Exemplo.com.br", "inbox_id": 7}
    answer = api.post("/contacts", body)["payload"]
    assert answer["contact"]["email"] == "ana@exemplo.com.br"
    assert answer["contact_inbox"]["source_id"] == "5511900000041"
    assert answer["contact_inbox"]["inbox"]["name"] == "WhatsApp Recepção"


@pytest.mark.parametrize(
    ("column", "value"),
    [("email", "Ana@exemplo.com.br"), ("phone_number", "+5511900000041"), ("identifier", "Paciente-7")],
)
def test_a_taken_identifier_is_refused_with_its_name(three: list[int], api: Api, column: str, value: str) -> None:
    response = api.call("POST", "/contacts", json={"name": "Outra", column: value})
    assert response.status_code == 422
    assert response.json()["attributes"] == [column]
    assert response.json()["message"].endswith("has already been taken")
    assert api.get("/contacts/search", q="Outra")["payload"] == []


@pytest.mark.parametrize(("column", "value"), [("email", "sem-arroba"), ("phone_number", "11 90000-0041")])
def test_a_malformed_identifier_is_refused(api: Api, column: str, value: str) -> None:
    response = api.call("POST", "/contacts", json={"name": "Ana", column: value})
    assert (response.status_code, response.json()["attributes"]) == (422, [column])


def test_attributes_are_merged_one_level_deep(three: list[int], api: Api) -> None:
    path = f"/contacts/{three[0]}"
    api.patch(path, {"additional_attributes": {"external": {"krayin": 1, "other": 2}}})
    changed = api.patch(path, {"additional_attributes": {"external": {"krayin": 9}}, "custom_attributes": {"a": 1}})
    assert changed["payload"]["additional_attributes"] == {"city": "Moema", "external": {"krayin": 9}}
    again = api.patch(path, {"custom_attributes": {"b": 2}})
    assert again["payload"]["custom_attributes"] == {"a": 1, "b": 2}
    left = api.post(path + "/destroy_custom_attributes", {"custom_attributes": ["a"]})
    assert left["payload"]["custom_attributes"] == {"b": 2}


def test_search_finds_parts_without_case_and_counts_its_page(three: list[int], api: Api) -> None:
    assert [contact["id"] for contact in api.get("/contacts/search", q="falcão")["payload"]] == three[:2]
    assert api.get("/contacts/search", q="+5511900000042")["payload"][0]["id"] == three[1]
    assert api.get("/contacts/search", q="paciente-7")["payload"] == []
    assert api.get("/contacts/search", q="bold")["payload"][0]["id"] == three[2]
    assert api.call("GET", "/contacts/search").status_code == 422


def test_search_pages_tell_whether_there_is_more(chatwoot: ChatwootSandbox, api: Api) -> None:
    for number in range(17):
        chatwoot.create_contact(name=f"Pessoa {number}", email=f"p{number}@exemplo.com.br")
    first, second = (api.get("/contacts/search", q="pessoa", page=page) for page in (1, 2))
    assert first["meta"] == {"count": 15, "current_page": "1", "has_more": True}
    assert second["meta"] == {"count": 2, "current_page": "2", "has_more": False}
    assert api.get("/contacts", page=2)["meta"]["count"] == 17


def test_the_list_shows_only_contacts_with_an_identifier(three: list[int], api: Api) -> None:
    assert [contact["id"] for contact in api.get("/contacts")["payload"]] == three[:2]
    assert [contact["id"] for contact in api.get("/contacts", sort="-name")["payload"]] == [three[1], three[0]]


def test_filters_look_up_exactly(three: list[int], api: Api) -> None:
    assert found(api, condition("phone_number", "equal_to", "+5511900000041")) == [three[0]]
    assert found(api, condition("phone_number", "equal_to", "5511900000041")) == [three[0]]
    assert found(api, condition("email", "equal_to", "ANA@exemplo.com.br")) == [three[0]]
    assert found(api, condition("city", "equal_to", "moema")) == [three[0]]
    assert found(api, condition("email", "is_not_present")) == [three[1]]
    assert found(api, condition("name", "does_not_contain", "ana")) == [three[1]]


def test_and_binds_more_tightly_than_or(three: list[int], api: Api) -> None:
    conditions = [
        condition("name", "contains", "bruno", then="OR"),
        condition("name", "contains", "ana", then="AND"),
        condition("email", "is_not_present"),
    ]
    assert found(api, *conditions) == [three[1]]


def test_dates_compare_by_day(three: list[int], api: Api) -> None:
    assert found(api, condition("created_at", "is_greater_than", "2020-01-01")) == three[:2]
    assert found(api, condition("created_at", "days_before", 1)) == []


@pytest.mark.parametrize(
    "wrong",
    [condition("shoe_size", "equal_to", 1), condition("name", "sounds_like", "x"), condition("name", "equal_to")],
)
def test_a_wrong_filter_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    response = api.call("POST", "/contacts/filter", json={"payload": [wrong]})
    assert (response.status_code, list(response.json())) == (422, ["error"])


def test_defined_attributes_can_be_filtered_by(three: list[int], api: Api) -> None:
    api.patch(f"/contacts/{three[1]}", {"custom_attributes": {"crm_lead": "88"}})
    wanted = condition("crm_lead", "equal_to", "88")
    assert api.call("POST", "/contacts/filter", json={"payload": [wanted]}).status_code == 422
    definition = {"attribute_display_name": "Lead", "attribute_key": "crm_lead", "attribute_model": "contact_attribute"}
    api.post("/custom_attribute_definitions", definition)
    assert found(api, wanted) == [three[1]]


def test_labels_are_replaced_not_merged(three: list[int], api: Api) -> None:
    path = f"/contacts/{three[0]}/labels"
    assert api.post(path, {"labels": ["vip", "retorno"]}) == {"payload": ["vip", "retorno"]}
    assert api.post(path, {"labels": ["crm-novo"]}) == {"payload": ["crm-novo"]}
    assert api.get(path) == {"payload": ["crm-novo"]}


def test_notes_are_kept_per_contact(three: list[int], api: Api) -> None:
    path = f"/contacts/{three[0]}/notes"
    note = api.post(path, {"note": {"content": "Alergia a iodo"}})
    assert set(note) == {"id", "content", "account_id", "contact_id", "user", "created_at", "updated_at"}
    assert api.patch(f"{path}/{note['id']}", {"note": {"content": "Sem alergia"}})["content"] == "Sem alergia"
    assert api.call("DELETE", f"/contacts/{three[1]}/notes/{note['id']}").status_code == 404
    api.delete(f"{path}/{note['id']}")
    assert api.get(path) == []


def test_a_deleted_contact_is_gone_at_once_and_its_messages_soon(chatwoot: ChatwootSandbox, api: Api) -> None:
    conversation = chatwoot.new_person_writes("Olá!", name="Ana", phone_number="+5511900000041")
    api.delete(f"/contacts/{conversation.contact_id}")
    assert api.call("GET", f"/contacts/{conversation.contact_id}").status_code == 404
    assert api.call("GET", f"/conversations/{conversation.display_id}").status_code == 404
    chatwoot.wait_idle()
    assert chatwoot.state(["messages"])["messages"] == []


def test_an_online_contact_cannot_be_deleted(three: list[int], chatwoot: ChatwootSandbox, api: Api) -> None:
    chatwoot.set_online(three[0], True)
    response = api.call("DELETE", f"/contacts/{three[0]}")
    assert (response.status_code, list(response.json())) == (422, ["message"])
    assert api.get(f"/contacts/{three[0]}")["payload"]["availability_status"] == "online"


def test_a_merged_contact_is_not_found_any_more(three: list[int], chatwoot: ChatwootSandbox, api: Api) -> None:
    conversation = chatwoot.start_conversation(three[1], "Olá!")
    base = api.post("/actions/contact_merge", {"base_contact_id": three[0], "mergee_contact_id": three[1]})
    assert (base["id"], base["phone_number"]) == (three[0], "+5511900000041")
    assert api.call("GET", f"/contacts/{three[1]}").status_code == 404
    assert api.get(f"/conversations/{conversation.display_id}")["meta"]["sender"]["id"] == three[0]
    assert {address["source_id"] for address in base["contact_inboxes"]} == {"5511900000042"}


def test_contacts_are_found_by_their_address_in_an_inbox(chatwoot: ChatwootSandbox, api: Api) -> None:
    conversation = chatwoot.new_person_writes("Olá!", name="Ana", phone_number="+5511900000041")
    wanted = {"inbox_id": 7, "source_id": "5511900000041"}
    assert api.post("/contact_inboxes/filter", wanted)["id"] == conversation.contact_id
    assert api.call("POST", "/contact_inboxes/filter", json={**wanted, "inbox_id": 9}).status_code == 404


def test_a_contact_gains_addresses_once_each(three: list[int], api: Api) -> None:
    path = f"/contacts/{three[0]}"
    added = api.post(path + "/contact_inboxes", {"inbox_id": 13})
    assert added["source_id"] == "ana@exemplo.com.br"
    taken = api.call(
        "POST", f"/contacts/{three[1]}/contact_inboxes", json={"inbox_id": 13, "source_id": "ana@exemplo.com.br"}
    )
    assert taken.status_code == 422
    reachable = {row["inbox"]["id"] for row in api.get(path + "/contactable_inboxes")["payload"]}
    assert reachable == {7, 12, 13, 15}


def test_only_the_newest_twenty_conversations_of_a_contact_are_listed(chatwoot: ChatwootSandbox, api: Api) -> None:
    contact = chatwoot.create_contact(name="Ana", phone_number="+5511900000041")
    numbers = [chatwoot.open_conversation(contact.id).display_id for _ in range(22)]
    listed = [row["id"] for row in api.get(f"/contacts/{contact.id}/conversations")["payload"]]
    assert listed == numbers[:1:-1]
    by_contact = {"payload": [condition("contact_id", "equal_to", contact.id)]}
    assert api.post("/conversations/filter", by_contact)["meta"]["all_count"] == 22
