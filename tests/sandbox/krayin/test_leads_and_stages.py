"""Leads: what each way to change a stage loses, what moves `updated_at`, what a failed create leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.krayin import SandboxKrayin

from .conftest import MakeCrm
from .wire import Api, Clock, entry

CLOSE = "2026-12-15"
CLOSE_READ = "2026-12-15T03:00:00.000000Z"


def lead_of(crm: SandboxKrayin, lead_id: int = 1) -> dict[str, Any]:
    return next(row for row in crm.state()["leads"] if row["id"] == lead_id)


def read(api: Api, lead_id: int = 1) -> dict[str, Any]:
    row: dict[str, Any] = api.ok("GET", f"/leads/{lead_id}")["data"]
    return row


@pytest.fixture
def full(bridged: Api, crm: SandboxKrayin) -> Api:
    """Lead 1 with everything a stage change can lose."""
    product = crm.add_product("Implante", sku="IMP-1", price="150.0000", quantity=10)
    sent = {
        "title": "Implante",
        "lead_value": 2500,
        "user_id": 1,
        "expected_close_date": CLOSE,
        "lead_pipeline_stage_id": 1,
        "bridge_ref": "cw-1-conv-1",
        "convenio": 1,
        "person": {"name": "Ana", "emails": [], "contact_numbers": [entry("+5511999998888")]},
        "products": [{"product_id": product, "price": 150, "quantity": 2}],
    }
    bridged.create("/leads", sent)
    bridged.create("/settings/tags", {"name": "whatsapp"})
    bridged.ok("POST", "/leads/1/tags", {"tag_id": 1})
    return bridged


@pytest.mark.parametrize(
    ("method", "path", "sent", "column", "shown", "boolean", "products"),
    [
        ("PUT", "/leads/attributes/edit/1", {}, None, None, 0, 1),
        ("PUT", "/leads/attributes/edit/1", {"expected_close_date": CLOSE}, CLOSE, CLOSE_READ, 0, 1),
        ("PUT", "/leads/attributes/edit/1", {"expected_close_date": CLOSE, "convenio": 1}, CLOSE, CLOSE_READ, 1, 1),
        ("PUT", "/leads/stage/edit/1", {}, None, CLOSE_READ, 1, 1),
        ("PUT", "/leads/1", {}, None, None, 0, 0),
        ("PUT", "/leads/1", {"expected_close_date": CLOSE, "convenio": 1}, CLOSE, CLOSE_READ, 1, 0),
    ],
)
def test_each_way_to_change_a_stage_loses_what_the_contract_says(
    full: Api,
    crm: SandboxKrayin,
    method: str,
    path: str,
    sent: dict[str, Any],
    column: str | None,
    shown: str | None,
    boolean: int,
    products: int,
) -> None:
    full.ok(method, path, {"lead_pipeline_stage_id": 2, **sent})
    row = lead_of(crm)
    assert row["lead_pipeline_stage_id"] == 2
    assert (row["expected_close_date"], read(full)["expected_close_date"]) == (column, shown)
    assert row["attributes"]["convenio"] == boolean
    assert len(row["product_ids"]) == products
    assert (row["attributes"]["bridge_ref"], row["tag_ids"], row["user_id"]) == ("cw-1-conv-1", [1], 1)


def test_a_mass_update_changes_the_column_alone(full: Api, crm: SandboxKrayin, clock: Clock) -> None:
    before = lead_of(crm)
    activities = crm.state()["counts"]["system_activities"]
    clock.forward(5)
    full.ok("POST", "/leads/mass-update", {"indices": [1, 999], "value": 5})
    after = lead_of(crm)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"lead_pipeline_stage_id", "updated_at", "stage_code", "stage_name"}
    assert crm.state()["counts"]["system_activities"] == activities
    unchanged = read(full)["updated_at"]
    clock.forward(5)
    full.ok("POST", "/leads/mass-update", {"indices": [1], "value": 5})
    assert read(full)["updated_at"] == unchanged


def test_a_following_edit_with_the_date_repairs_what_stage_edit_did(full: Api, crm: SandboxKrayin) -> None:
    full.ok("PUT", "/leads/stage/edit/1", {"lead_pipeline_stage_id": 2})
    full.ok("PUT", "/leads/attributes/edit/1", {"expected_close_date": CLOSE, "convenio": 1})
    assert lead_of(crm)["expected_close_date"] == CLOSE


def test_closing_and_reopening(full: Api, clock: Clock) -> None:
    won = {"lead_pipeline_stage_id": 5, "expected_close_date": CLOSE, "convenio": 1}
    first = full.ok("PUT", "/leads/attributes/edit/1", won)["data"]["closed_at"]
    clock.forward(60)
    again = full.ok("PUT", "/leads/attributes/edit/1", won)["data"]["closed_at"]
    assert again > first
    kept = full.ok("PUT", "/leads/attributes/edit/1", {"title": "y", "expected_close_date": CLOSE, "convenio": 1})
    assert kept["data"]["closed_at"] == again
    given = full.ok("PUT", "/leads/attributes/edit/1", {**won, "closed_at": "2026-11-01 10:00:00"})["data"]
    assert given["closed_at"] == "2026-11-01T13:00:00.000000Z"
    lost = {**won, "lead_pipeline_stage_id": 6, "lost_reason": "Achou caro"}
    full.ok("PUT", "/leads/attributes/edit/1", lost)
    reopened = full.ok("PUT", "/leads/attributes/edit/1", {**won, "lead_pipeline_stage_id": 1})["data"]
    assert (reopened["closed_at"], reopened["lost_reason"]) == (None, "Achou caro")


def test_a_lead_created_as_won_is_closed(api: Api) -> None:
    row = api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 5})
    assert row["closed_at"] == row["created_at"]
    assert row["status"] == 1


@pytest.mark.parametrize(
    ("sent", "moves"),
    [
        ({"lead_pipeline_stage_id": 2}, True),
        ({"lead_pipeline_stage_id": 1}, False),
        ({"title": "Implante"}, False),
        ({"title": "other"}, True),
        ({"lead_value": 2500}, True),
        ({"lead_value": "2500.0000"}, False),
        ({"convenio": 0}, False),
        ({"bridge_ref": "cw-1-conv-2"}, False),
        ({"user_id": 2}, True),
    ],
)
def test_what_moves_updated_at(full: Api, clock: Clock, sent: dict[str, Any], moves: bool) -> None:
    before = read(full)["updated_at"]
    clock.forward(5)
    full.ok("PUT", "/leads/attributes/edit/1", {"expected_close_date": CLOSE, "convenio": 1, **sent})
    assert (read(full)["updated_at"] > before) is moves


def test_tags_and_notes_do_not_move_updated_at(full: Api, clock: Clock) -> None:
    before = read(full)["updated_at"]
    clock.forward(5)
    full.ok("DELETE", "/leads/1/tags", {"tag_id": 1})
    full.create("/activities", {"type": "note", "comment": "x", "lead_id": 1})
    assert read(full)["updated_at"] == before


def test_title_and_description_change_the_row_but_not_the_copy(full: Api) -> None:
    full.ok("PUT", "/leads/attributes/edit/1", {"title": "new title", "expected_close_date": CLOSE})
    found = "/leads/search?searchFields=attribute_values.text_value:=&search="
    assert full.ok("GET", f"{found}Implante")["data"][0]["title"] == "new title"
    assert full.ok("GET", f"{found}new%20title")["data"] == []


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/leads/stage/edit/1", {}, 422),
        ("/leads/stage/edit/1", {"lead_pipeline_stage_id": 999}, 422),
        ("/leads/stage/edit/999", {"lead_pipeline_stage_id": 2}, 404),
        ("/leads/stage/edit/1", {"lead_pipeline_stage_id": 7}, 404),
        ("/leads/attributes/edit/1", {"lead_pipeline_stage_id": 999}, 500),
        ("/leads/attributes/edit/1", {"expected_close_date": "20/12/2026"}, 500),
        ("/leads/attributes/edit/999", {"lead_pipeline_stage_id": 2}, 404),
        ("/leads/1", {"title": "x"}, 500),
        ("/leads/1", {"lead_pipeline_stage_id": 999}, 404),
        ("/leads/1", {"lead_pipeline_stage_id": 1, "expected_close_date": "2020-01-01"}, 422),
    ],
)
def test_refused_changes_change_nothing(
    full: Api, crm: SandboxKrayin, path: str, sent: dict[str, Any], status: int
) -> None:
    stages = {"stage_1": {"code": "new", "name": "Novo", "sort_order": 1}}
    full.create("/settings/pipelines", {"name": "Outro", "rotten_days": 3, "stages": stages})
    before = lead_of(crm)
    assert full.call("PUT", path, sent).status == status
    assert lead_of(crm) == before


def test_a_stage_of_another_pipeline_needs_its_pipeline_only_in_attributes_edit(full: Api, crm: SandboxKrayin) -> None:
    stages = {"stage_1": {"code": "new", "name": "Novo", "sort_order": 1}}
    full.create("/settings/pipelines", {"name": "Outro", "rotten_days": 3, "stages": stages})
    full.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 7, "expected_close_date": CLOSE})
    assert (lead_of(crm)["lead_pipeline_id"], lead_of(crm)["lead_pipeline_stage_id"]) == (1, 7)
    full.ok("PUT", "/leads/1", {"lead_pipeline_stage_id": 7})
    assert lead_of(crm)["lead_pipeline_id"] == 2


def test_a_failed_create_leaves_the_person_behind(bridged: Api, crm: SandboxKrayin) -> None:
    person = {"name": "Ana", "emails": [], "contact_numbers": [entry("+5511999998888")], "chatwoot_contact_ref": "k"}
    sent = {"title": "x", "lead_pipeline_stage_id": 1, "lead_source_id": 999, "person": person}
    assert bridged.call("POST", "/leads", sent).status == 500
    assert [row["attributes"] for row in crm.state()["persons"]] == [{"chatwoot_contact_ref": "k"}]
    assert crm.state()["leads"] == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [({}, 500), ({"lead_pipeline_stage_id": None}, 422), ({"lead_pipeline_stage_id": 999}, 404)],
)
def test_a_lead_needs_a_stage(api: Api, crm: SandboxKrayin, sent: dict[str, Any], status: int) -> None:
    assert api.call("POST", "/leads", {"title": "x", **sent}).status == status
    assert crm.state()["leads"] == []


def test_the_pipeline_of_the_stage_replaces_the_one_that_was_sent(api: Api) -> None:
    row = api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "lead_pipeline_id": 77, "status": 0})
    assert (row["lead_pipeline_id"], row["status"]) == (1, 1)
    changed = api.ok("PUT", "/leads/attributes/edit/1", {"status": 0})["data"]
    assert (changed["status"], changed["title"]) == (0, "x")


@pytest.mark.parametrize(("person", "owner"), [({"id": 1}, 1), (None, 2)])
def test_person_id_in_the_person_wins(bridged: Api, crm: SandboxKrayin, person: Any, owner: int) -> None:
    for number in (1, 2):
        phone = [entry(f"+551199999000{number}")]
        bridged.create("/contacts/persons", {"name": "A", "emails": [], "contact_numbers": phone})
    bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": person, "person_id": 2})
    assert lead_of(crm)["person_id"] == owner


def test_values_are_numbers_after_a_write_and_texts_when_read(api: Api) -> None:
    row = api.create("/leads", {"title": "x" * 300, "lead_value": 10.5, "lead_pipeline_stage_id": 1})
    assert (row["lead_value"], len(row["title"])) == (10.5, 300)
    assert (read(api)["lead_value"], len(read(api)["title"])) == ("10.5000", 255)


@pytest.mark.parametrize(("value", "status"), [("1.234,56", 422), ("1.23456", 422), ("1.2345", 200), ("", 422)])
def test_a_value_has_at_most_four_decimals(api: Api, value: str, status: int) -> None:
    assert api.call("POST", "/leads", {"title": "x", "lead_value": value, "lead_pipeline_stage_id": 1}).status == status


def test_yesterday_is_judged_in_the_zone_of_the_clinic(make_crm: MakeCrm, clock: Clock) -> None:
    crm = make_crm()
    api = Api(crm.url, crm.issue_token())
    sent = {"title": "x", "lead_pipeline_stage_id": 1, "expected_close_date": "2026-11-20"}
    clock.forward(3 * 3600)  # 22:13 in São Paulo, already the 21st in UTC
    assert api.call("POST", "/leads", sent).status == 200
    clock.forward(2 * 3600)
    assert api.call("POST", "/leads", sent).status == 422


def test_stage_changes_are_kept_with_their_way(full: Api, crm: SandboxKrayin) -> None:
    full.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 2})
    full.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 2})
    full.ok("POST", "/leads/mass-update", {"indices": [1], "value": 3})
    changes = [(row["from"], row["to"], row["way"]) for row in crm.state()["stage_changes"]]
    assert changes == [(None, 1, "create"), (1, 2, "attributes/edit"), (2, 3, "mass-update")]
    assert crm.state()["counts"]["stage_changes"] == 2
