"""The search grammar with its floods, and equality filters on columns."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from .wire import Api, entry


@pytest.fixture
def people(bridged: Api) -> Api:
    for number, (name, email) in enumerate(
        [("Ana", "ana@example.com.br"), ("Bía", "bia/x@example.com.br"), ("José", "josé@example.com.br")], start=1
    ):
        phone = entry(f"+551198888000{number}")
        body = {"name": name, "emails": [entry(email)], "contact_numbers": [phone], "job_title": ""}
        bridged.create("/contacts/persons", {**body, "chatwoot_contact_ref": f"cw-1-contact-{number}"})
    return bridged


def found(api: Api, search: str, fields: str, more: str = "") -> list[str]:
    path = f"/contacts/persons/search?search={quote(search)}&searchFields={quote(fields)}{more}"
    return [row["name"] for row in api.ok("GET", path)["data"]]


EVERYBODY = ["Ana", "Bía", "José"]


@pytest.mark.parametrize(
    ("search", "fields"),
    [
        ("", "emails:like"),
        ("http://x", "name:like"),
        ("Ana", "name:in"),
        ("foo:bar", "emails:like"),
        ("emails:", "emails:like"),
        ("emails:a:ana@example.com.br", "emails:like"),
    ],
)
def test_a_search_that_parses_to_nothing_floods(people: Api, search: str, fields: str) -> None:
    assert found(people, search, fields) == EVERYBODY


@pytest.mark.parametrize(
    ("search", "fields", "names"),
    [
        ("ana@example.com.br", "emails:like", ["Ana"]),
        ("ANA@example.com.br", "emails:like", []),
        ("bia", "name:like", ["Bía"]),
        ("JOSE", "name:=", ["José"]),
        ("emails:ana@example.com.br", "emails:=", []),
        ("josé@", "emails:like", []),
        ("bia/x", "emails:like", []),
        ("bia\\\\/x", "emails:like", ["Bía"]),
        ("bia__x", "emails:like", ["Bía"]),
        ("_ia", "name:like", ["Bía"]),
        ("\\_ia", "name:like", []),
        ("CW-1-CONTACT-2 ", "attribute_values.text_value:=", ["Bía"]),
        ("cw-1-contact", "attribute_values.text_value:=", []),
        ("attribute_values.text_value:", "attribute_values.text_value:=", EVERYBODY),
        ("id:1,3", "id:in", ["Ana", "José"]),
        ("name:Ana;name:José", "name:=", ["José"]),
        ("Ana", "name:like;job_title:like", ["Ana"]),
        ("user.name:Souza", "user.name:like", []),
    ],
)
def test_a_term_finds_what_the_database_would_find(people: Api, search: str, fields: str, names: list[str]) -> None:
    assert found(people, search, fields) == names


def test_a_condition_is_needed_for_texts_inside_json(people: Api) -> None:
    assert found(people, "ana@example.com.br", "emails") == []
    assert [row["name"] for row in people.ok("GET", "/contacts/persons/search?search=ana")["data"]] == ["Ana"]


def test_terms_are_joined_as_asked(people: Api) -> None:
    search, fields = "name:Ana;emails:bia", "name:like;emails:like"
    assert found(people, search, fields) == ["Ana", "Bía"]
    assert found(people, search, fields, "&searchJoin=and") == []
    assert found(people, "name:a;emails:ana@", fields, "&searchJoin=and") == ["Ana"]


def test_hits_are_limited_but_not_paged(people: Api) -> None:
    assert found(people, "a", "name:like", "&limit=1") == ["Ana"]
    assert found(people, "a", "name:like", "&limit=1&page=2") == ["Ana"]
    assert found(people, "a", "name:like", "&limit=0") == []
    assert found(people, "example", "emails:like", "&orderBy=name&sortedBy=desc") == ["José", "Bía", "Ana"]


@pytest.mark.parametrize("fields", ["foo:=", "foo.bar:=", "emails:ilike;", "attribute_values.foo:="])
def test_an_unknown_field_is_a_500(people: Api, fields: str) -> None:
    assert people.call("GET", f"/contacts/persons/search?search=x&searchFields={fields}").status == 500


def test_leads_are_found_through_person_and_tag(people: Api) -> None:
    lead = people.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": 2}})
    tag = people.create("/settings/tags", {"name": "whatsapp"})
    people.ok("POST", f"/leads/{lead['id']}/tags", {"tag_id": tag["id"]})
    for search, field in (
        ("%2B5511988880002", "person.contact_numbers:like"),
        ("cw-1-contact-2", "person.attribute_values.text_value:="),
        ("whatsapp", "tags.name:="),
        ("2", "person_id:="),
    ):
        path = f"/leads/search?search={search}&searchFields={field}"
        assert [row["id"] for row in people.ok("GET", path)["data"]] == [lead["id"]]


def titles(api: Api, query: str) -> list[str]:
    return [row["title"] for row in api.ok("GET", f"/activities?{query}")["data"]]


def note(api: Api, title: str) -> dict[str, Any]:
    return api.create("/activities", {"type": "note", "title": title, "comment": "x"})


def test_a_title_filter_follows_the_collation(api: Api) -> None:
    for title in ("Avaliação 😀", "Straße", "a  b", "100%"):
        note(api, title)
    assert titles(api, "title=AVALIACAO%20🎉") == ["Avaliação 😀"]
    assert titles(api, "title=strasse%20%20") == ["Straße"]
    assert titles(api, "title=a%20b") == []
    assert titles(api, "title=100_") == []
    assert titles(api, "title=straße,100%25") == ["100%", "Straße"]


def test_a_title_is_cut_at_255_characters_and_then_found_only_cut(api: Api) -> None:
    row = note(api, "x" * 300)
    assert row["title"] == "x" * 255
    assert titles(api, f"title={'x' * 255}") == ["x" * 255]
    assert titles(api, f"title={'x' * 300}") == []


def test_gone_means_an_empty_list(api: Api) -> None:
    row = note(api, "x")
    api.ok("DELETE", f"/activities/{row['id']}")
    for table in ("leads", "activities", "contacts/persons", "contacts/organizations"):
        assert api.ok("GET", f"/{table}?id={row['id']}")["data"] == []
        assert api.ok("GET", f"/{table}?id=abc")["data"] == []
        assert api.ok("GET", f"/{table}?id=")["data"] == []


def test_own_keys_cannot_be_filtered(bridged: Api) -> None:
    assert bridged.call("GET", "/leads?bridge_ref=x").status == 500


def test_pages_sizes_and_orders(api: Api) -> None:
    for number in range(20):
        note(api, f"n{number:02}")
    assert len(titles(api, "")) == 10
    assert len(titles(api, "limit=0")) == 15
    assert len(titles(api, "limit=50")) == 20
    assert titles(api, "limit=3&page=2&sort=title&order=asc") == ["n03", "n04", "n05"]
    everything = api.ok("GET", "/activities?pagination=0")
    assert (len(everything["data"]), set(everything)) == (20, {"data"})
    page = api.ok("GET", "/activities?limit=8&page=3")["meta"]
    assert (page["from"], page["to"], page["total"], page["last_page"]) == (17, 20, 20, 3)


def test_attributes_are_filtered_by_code_and_entity(api: Api) -> None:
    rows = api.ok("GET", "/settings/attributes?code=contact_numbers&pagination=0")["data"]
    assert {row["entity_type"] for row in rows} == {"persons", "warehouses"}
    persons = api.ok("GET", "/settings/attributes?entity_type=persons&pagination=0&sort=id&order=asc")["data"]
    codes = [row["code"] for row in persons]
    assert codes == ["name", "emails", "contact_numbers", "job_title", "user_id", "organization_id"]
