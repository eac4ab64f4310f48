"""Outgoing webhooks arrive byte for byte as the contract recorded them, for both encodings."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.krayin import ADMIN

from .conftest import MakeCrm
from .wire import CONTRACT, Api, Receiver, entry, hook, make_optional, sample

# Quotes are no part of the simulator: the bridge neither reads nor writes them.
RECORDED = sorted(
    path.stem
    for path in (CONTRACT / "samples").glob("webhook_out_*.json")
    if "quote_create" not in path.stem and sample(path.stem).get("webhook_definition")
)

LEAD = {
    "title": "Avaliação ortodôntica",
    "lead_value": 2500,
    "lead_source_id": 2,
    "lead_type_id": 1,
    "user_id": 1,
    "expected_close_date": "2026-12-15",
    "lead_pipeline_stage_id": 1,
    "bridge_ref": "cw-1-conv-4711",
}
PAULO = {
    "name": "Paulo Mendes",
    "emails": [entry("paulo@example.com.br")],
    "contact_numbers": [entry("+5531987651234")],
    "user_id": 1,
    "organization_name": "Odonto Vida Ltda",
    "chatwoot_contact_ref": "cw-1-contact-302",
}
BEATRIZ = {
    "name": "Beatriz Rocha",
    "emails": [entry("bia@example.com.br")],
    "contact_numbers": [entry("+5511987651234")],
}
CALL = {
    "type": "call",
    "title": "Ligar para confirmar",
    "comment": "Confirmar horário",
    "location": "Telefone",
    "schedule_from": "2026-12-01 10:00:00",
    "schedule_to": "2026-12-01 10:30:00",
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_webhook_arrives_as_recorded(make_crm: MakeCrm, receiver: Receiver, name: str) -> None:
    recorded = sample(name)
    crm = make_crm(version=recorded["krayin"])
    api = Api(crm.url, crm.issue_token())
    make_optional(api)
    # On the newer site the recorded user was the administrator.
    if "activity" in name and recorded["krayin"] == "2.1.5":
        api.use(crm.issue_token(ADMIN))
    _subscribe(api, receiver, recorded["webhook_definition"])
    _cause(api, name)
    (request,) = receiver.requests
    received = recorded["received"]
    assert request.method == received["method"]
    assert request.path == received["path"]
    assert request.body.decode() == received["raw_body"]
    for header, value in received["headers"].items():
        assert request.header(header) == value


@pytest.mark.parametrize("text", ['Lead com "aspas"', "duas\nlinhas"])
def test_a_quote_or_line_break_stops_the_old_version_from_sending(
    make_crm: MakeCrm, receiver: Receiver, text: str
) -> None:
    crm = make_crm(version="2.1.0")
    api = Api(crm.url, crm.issue_token())
    make_optional(api)
    payload = [{"key": "title", "value": "{%leads.title%}"}]
    hook(api, receiver.url, event="lead.update.after", entity_type="leads", payload=payload)
    row = api.create("/leads", {**LEAD, "title": text})
    api.ok("PUT", f"/leads/attributes/edit/{row['id']}", {"lead_pipeline_stage_id": 2})
    assert receiver.requests == []
    assert [entry["sent"] for entry in crm.state()["deliveries"]] == [False]


def _subscribe(api: Api, receiver: Receiver, definition: dict[str, Any]) -> None:
    event = definition["name"].removeprefix("Bridge ").split(" ")[0]
    known = ("lead.", "contacts.", "activity.")
    hook(
        api,
        **{**definition, "url": f"{receiver.url}/webhooks/krayin/", "end_point": f"{receiver.url}/webhooks/krayin/"},
        event=event if event.startswith(known) else "lead.update.after",
    )


def _cause(api: Api, name: str) -> None:
    if "_activity_" in name:
        _cause_activity(api, name)
    elif "_person_" in name:
        _cause_person(api, name)
    else:
        _cause_lead(api, name)


def _cause_activity(api: Api, name: str) -> None:
    row = api.create("/activities", CALL)
    if name.endswith("update"):
        api.ok("PUT", f"/activities/{row['id']}", {"is_done": 0})
    elif name.endswith("delete"):
        api.ok("DELETE", f"/activities/{row['id']}")


def _cause_person(api: Api, name: str) -> None:
    body = BEATRIZ if name.endswith("delete") else PAULO
    row = api.create("/contacts/persons", body)
    if name.endswith("update"):
        api.ok("PUT", f"/contacts/persons/{row['id']}", body)
    elif name.endswith("delete"):
        api.ok("DELETE", f"/contacts/persons/{row['id']}")


def _cause_lead(api: Api, name: str) -> None:
    title = {"lead_delete": "ok"}.get(name[-11:], LEAD["title"])
    row = api.create("/leads", {**LEAD, "title": 'Lead com "aspas"' if "quotes" in name else title})
    stage = 2 if name.endswith("lead_update_stage") else 1
    if name.endswith("lead_delete"):
        api.ok("DELETE", f"/leads/{row['id']}")
    elif not name.endswith("lead_create"):
        body = {"lead_pipeline_stage_id": stage, "expected_close_date": "2026-12-15"}
        api.ok("PUT", f"/leads/attributes/edit/{row['id']}", body)
