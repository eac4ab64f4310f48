"""Persons: the unique index, values written after the row, refused deletions, owners that get lost."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.krayin import SandboxKrayin

from .wire import Api, Clock, entry


def body(**more: Any) -> dict[str, Any]:
    numbers = [entry("+5511999998888")]
    return {"name": "Ana", "emails": [entry("ana@example.com.br")], "contact_numbers": numbers, **more}


def person_of(crm: SandboxKrayin, person_id: int = 1) -> dict[str, Any]:
    return next(row for row in crm.state()["persons"] if row["id"] == person_id)


def system_activities(api: Api, path: str) -> list[str]:
    rows = api.ok("GET", f"{path}/activities")["data"]
    return [row["additional"]["attribute"] for row in reversed(rows) if row["additional"]]


@pytest.mark.parametrize(
    ("sent", "unique_id"),
    [
        (body(), "ana@example.com.br|+5511999998888"),
        (body(emails=[]), "|+5511999998888"),
        (body(user_id=1, organization_id=1), "1|1|ana@example.com.br|+5511999998888"),
        (body(organization_name="Clínica Nova"), "ana@example.com.br|+5511999998888"),
        (body(contact_numbers=[entry("")]), "ana@example.com.br|"),
        (body(emails=[], contact_numbers=[entry("")]), "|"),
    ],
)
def test_unique_id_joins_owner_organization_email_and_phone(
    bridged: Api, crm: SandboxKrayin, sent: dict[str, Any], unique_id: str
) -> None:
    bridged.create("/contacts/organizations", {"name": "Clínica"})
    bridged.create("/contacts/persons", sent)
    assert person_of(crm)["unique_id"] == unique_id
    assert bridged.ok("GET", f"/contacts/persons?unique_id={unique_id.replace('+', '%2B')}")["data"]


def test_an_email_in_another_case_passes_the_rule_and_fails_in_the_index(bridged: Api, crm: SandboxKrayin) -> None:
    bridged.create("/contacts/persons", body())
    again = body(emails=[entry("ANA@example.com.br")], contact_numbers=[entry("+5511999998888")])
    assert bridged.call("POST", "/contacts/persons", again).status == 422
    again["contact_numbers"] = [entry("")]
    bridged.create("/contacts/persons", {**again, "emails": [entry("Bia@example.com.br")]})
    refused = bridged.call("POST", "/contacts/persons", {**again, "emails": [entry("BIA@example.com.br")]})
    assert (refused.status, refused.limited) == (500, True)
    assert crm.state()["counts"]["persons"] == 2


def test_a_missing_label_leaves_the_person_without_own_key(bridged: Api, crm: SandboxKrayin) -> None:
    sent = body(contact_numbers=[{"value": "+5511999998888"}], chatwoot_contact_ref="cw-1-contact-1")
    assert bridged.call("POST", "/contacts/persons", sent).status == 500
    assert person_of(crm)["attributes"] == {}


def test_a_missing_email_label_is_invalid_while_the_email_is_required(api: Api, crm: SandboxKrayin) -> None:
    answer = api.call("POST", "/contacts/persons", body(emails=[{"value": "ana@example.com.br"}]))
    assert (answer.status, list(answer.body["errors"])) == (422, ["emails.0.label"])
    assert crm.state()["persons"] == []


def test_phones_are_compared_as_written_and_any_text_is_a_phone(bridged: Api) -> None:
    bridged.create("/contacts/persons", body())
    bridged.create("/contacts/persons", body(emails=[], contact_numbers=[entry("+55 11 99999-8888")]))
    bridged.create("/contacts/persons", body(emails=[], contact_numbers=[entry("não é telefone")]))
    taken = bridged.call("POST", "/contacts/persons", body(emails=[]))
    assert list(taken.body["errors"]) == ["contact_numbers.0.value"]


def test_a_put_without_owner_loses_him_and_keeps_emails(bridged: Api, crm: SandboxKrayin) -> None:
    bridged.create("/contacts/persons", body(user_id=1))
    sent = {"name": "Ana", "contact_numbers": [entry("+5511999998888")]}
    answer = bridged.ok("PUT", "/contacts/persons/1", sent)["data"]
    assert "sales_owner" not in answer
    assert answer["emails"] == [entry("ana@example.com.br")]
    assert person_of(crm)["unique_id"] == "|+5511999998888"


def test_a_person_may_be_written_again_as_it_is(bridged: Api, clock: Clock) -> None:
    created = bridged.create("/contacts/persons", body(chatwoot_contact_ref="cw-1-contact-1"))
    clock.forward(5)
    again = bridged.ok("PUT", "/contacts/persons/1", body(chatwoot_contact_ref="cw-1-contact-1"))["data"]
    assert again["updated_at"] == created["updated_at"]


def test_an_own_key_alone_does_not_move_updated_at_but_a_name_does(bridged: Api, clock: Clock) -> None:
    created = bridged.create("/contacts/persons", body())
    clock.forward(5)
    keyed = bridged.ok("PUT", "/contacts/persons/1", body(chatwoot_contact_ref="cw-1-contact-1"))["data"]
    assert keyed["updated_at"] == created["updated_at"]
    renamed = bridged.ok("PUT", "/contacts/persons/1", body(name="Bia"))["data"]
    assert renamed["updated_at"] > created["updated_at"]


def test_every_changed_field_leaves_a_system_activity(bridged: Api) -> None:
    bridged.create("/contacts/persons", body())
    bridged.ok("PUT", "/contacts/persons/1", body(name="Bia", job_title="Paciente", user_id=1))
    log = system_activities(bridged, "/contacts/persons/1")
    assert log == ["Name", "Emails", "Contact Numbers", "unique_id", "Name", "Job Title", "Sales Owner"]


def test_a_refused_delete_has_destroyed_values_and_notes(bridged: Api, crm: SandboxKrayin) -> None:
    bridged.create("/contacts/persons", body(chatwoot_contact_ref="cw-1-contact-1"))
    bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": 1}})
    bridged.create("/activities", {"type": "note", "comment": "x", "person_id": 1})
    answer = bridged.call("DELETE", "/contacts/persons/1")
    assert (answer.status, answer.body) == (500, {"message": "Person deleted successfully."})
    state = crm.state()
    assert (state["counts"]["persons"], state["counts"]["leads"], state["counts"]["notes"]) == (1, 1, 0)
    assert person_of(crm)["attributes"] == {}
    # The rule no longer sees him, the index still does.
    assert bridged.call("POST", "/contacts/persons", body()).status == 500
    bridged.create("/contacts/persons", body(emails=[entry("other@example.com.br")]))


def test_deleting_leads_and_then_the_person_takes_everything_along(bridged: Api, crm: SandboxKrayin) -> None:
    bridged.create("/contacts/persons", body())
    bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": 1}})
    note = bridged.create("/activities", {"type": "note", "comment": "x", "lead_id": 1})
    bridged.ok("PUT", f"/activities/{note['id']}", {"person_id": 1})
    bridged.ok("DELETE", "/leads/1")
    assert crm.state()["counts"]["notes"] == 0
    bridged.ok("DELETE", "/contacts/persons/1")
    assert crm.state()["counts"]["system_activities"] == 0
    again = bridged.create("/contacts/persons", body())
    assert again["id"] == 2


def test_a_mass_delete_stops_at_the_first_refusal(bridged: Api, crm: SandboxKrayin) -> None:
    bridged.create("/contacts/persons", body())
    bridged.create("/contacts/persons", body(emails=[], contact_numbers=[entry("+5511900000000")]))
    bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": 1}})
    assert bridged.call("POST", "/contacts/persons/mass-destroy", {"indices": [1, 2]}).status == 500
    assert crm.state()["counts"]["persons"] == 2
    bridged.ok("POST", "/contacts/persons/mass-destroy", {"indices": [2, 999]})
    assert crm.state()["counts"]["persons"] == 1


def test_organizations_are_found_by_name_whatever_the_case_or_created(bridged: Api, crm: SandboxKrayin) -> None:
    first = bridged.create("/contacts/persons", body(organization_name="Odonto Vída"))
    second = bridged.create(
        "/contacts/persons",
        body(emails=[], contact_numbers=[entry("+5511900000000")], organization_name="ODONTO vida"),
    )
    assert first["organization"]["id"] == second["organization"]["id"]
    assert crm.state()["counts"]["organizations"] == 1


def test_one_nameless_organization_is_accepted_and_no_second(api: Api, crm: SandboxKrayin) -> None:
    assert api.create("/contacts/organizations", {})["name"] is None
    assert api.call("POST", "/contacts/organizations", {}).status == 500
    assert crm.state()["counts"]["organizations"] == 1
