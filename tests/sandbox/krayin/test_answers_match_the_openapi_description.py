"""Every operation of the contract's openapi.json is called, and every answer fits its schema."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import jsonschema
import pytest

from bridge.sandbox.krayin import BRIDGE, SandboxKrayin

from .conftest import MakeCrm
from .wire import CONTRACT, WEBHOOK_HEADERS, Answer, Api, entry, make_optional

# Uploads are no part of the simulator, so there is nothing to download.
LEFT_OUT = {("GET", "/activities/file-download/{id}")}


@lru_cache
def description() -> dict[str, Any]:
    return _without_nullable(json.loads((CONTRACT / "openapi.json").read_text(encoding="utf-8")))


def _without_nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [_without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _without_nullable(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def operations() -> set[tuple[str, str]]:
    methods = ("get", "post", "put", "delete", "patch")
    paths = description()["paths"].items()
    return {(method.upper(), path) for path, item in paths for method in item if method in methods} - LEFT_OUT


def template_of(method: str, path: str) -> str:
    """The most literal template that fits, as `/leads/search` before `/leads/{id}`."""
    plain = path.partition("?")[0]
    fitting = [
        template
        for known, template in operations()
        if known == method and re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), plain)
    ]
    return min(fitting, key=lambda template: template.count("{"))


class Described(Api):
    """A client that holds every answer against its schema and remembers which operations it called."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url, token)
        self.called: set[tuple[str, str]] = set()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        answer = super().call(method, path, body, **options)
        template = template_of(method, path)
        self.called.add((method, template))
        self._validate(method, template, answer)
        return answer

    @staticmethod
    def _validate(method: str, template: str, answer: Answer) -> None:
        responses = description()["paths"][template][method.lower()]["responses"]
        assert str(answer.status) in responses, f"{method} {template}: {answer.status} is not described"
        content = responses[str(answer.status)].get("content", {})
        if "application/json" not in content:
            return
        schema = {**content["application/json"]["schema"], "components": description()["components"]}
        jsonschema.validate(answer.body, schema, jsonschema.Draft202012Validator)


@pytest.fixture
def described(crm: SandboxKrayin) -> Described:
    api = Described(crm.url, crm.issue_token())
    make_optional(api)
    return api


def test_every_operation_answers_as_described(described: Described, crm: SandboxKrayin) -> None:
    for walk in (_settings, _contacts, _leads, _activities, _session):
        walk(described, crm)
    assert described.called == operations()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/leads/999", None, 404),
        ("GET", "/contacts/persons/999", None, 500),
        ("GET", "/contacts/organizations/999", None, 500),
        ("GET", "/settings/pipelines/999", None, 500),
        ("GET", "/activities/999", None, 404),
        ("GET", "/settings/webhooks/999", None, 404),
        ("POST", "/leads", {"title": "", "lead_pipeline_stage_id": 1}, 422),
        ("POST", "/contacts/persons", {"name": "", "emails": [], "contact_numbers": []}, 422),
        ("POST", "/activities", {}, 422),
        ("POST", "/settings/pipelines", {}, 422),
        ("POST", "/settings/attributes", {}, 422),
        ("POST", "/settings/users", {}, 422),
        ("POST", "/settings/webhooks", {}, 422),
        ("POST", "/settings/workflows", {}, 422),
        ("POST", "/leads/mass-update", {}, 422),
        ("POST", "/login", {}, 422),
    ],
)
def test_failures_answer_as_described(described: Described, method: str, path: str, body: Any, status: int) -> None:
    assert described.call(method, path, body).status == status


@pytest.mark.parametrize("debug", [False, True])
def test_refusals_in_front_of_the_application_answer_as_described(make_crm: MakeCrm, debug: bool) -> None:
    crm = make_crm(rate_limit=1, debug=debug)
    api = Described(crm.url)
    assert api.call("GET", "/leads").status == (401 if debug else 500)
    api.use(crm.issue_token())
    assert [api.call("GET", "/leads").status for _ in range(2)] == [200, 429 if debug else 500]
    crm.faults.add("down")
    assert api.call("GET", "/leads").status == 503


def _settings(api: Described, crm: SandboxKrayin) -> None:
    for table in ("pipelines", "sources", "types", "tags", "users", "attributes", "webhooks", "workflows"):
        api.ok("GET", f"/settings/{table}?limit=2&page=2")
        body = _setting(table)
        row = api.create(f"/settings/{table}", body)
        path = f"/settings/{table}/{row['id']}"
        assert api.ok("GET", path)["data"]["id"] == row["id"]
        api.ok("PUT", path, {**body, "name": "renamed"})
        api.ok("DELETE", path)
    for table in ("tags", "users"):
        assert api.ok("GET", f"/settings/{table}/search?search=nobody&searchFields=name:like")["data"] == []


def _setting(table: str) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {
        "pipelines": {"rotten_days": 3, "stages": {"stage_1": {"code": "a", "name": "A", "sort_order": 1}}},
        "users": {"email": "new@example.com.br", "role_id": 1, "view_permission": "global", "status": 1},
        "attributes": {"code": "new_code", "type": "text", "entity_type": "leads"},
        "webhooks": {
            "entity_type": "leads",
            "method": "POST",
            "end_point": "http://127.0.0.1:9/",
            "payload_type": "default",
            "headers": WEBHOOK_HEADERS,
            "payload": [],
        },
        "workflows": {"entity_type": "leads", "event": "lead.update.after", "conditions": [], "actions": []},
    }
    return {"name": "new", **bodies.get(table, {})}


def _contacts(api: Described, crm: SandboxKrayin) -> None:
    firm = api.create("/contacts/organizations", {"name": "Clínica", "address": {"city": "São Paulo"}, "user_id": 1})
    body = {"name": "Ana", "emails": [entry("ana@example.com.br")], "contact_numbers": [entry("+5511999998888")]}
    contact = api.create("/contacts/persons", {**body, "organization_id": firm["id"], "user_id": 1})
    tag = api.create("/settings/tags", {"name": "vip", "color": "#fff"})
    path = f"/contacts/persons/{contact['id']}"
    for method, suffix, sent in (
        ("GET", "", None),
        ("PUT", "", body),
        ("POST", "/tags", {"tag_id": tag["id"]}),
        ("DELETE", "/tags", {"tag_id": tag["id"]}),
        ("GET", "/activities", None),
    ):
        api.ok(method, path + suffix, sent)
    api.ok("GET", "/contacts/persons")
    api.ok("GET", "/contacts/persons?pagination=0")
    assert api.ok("GET", "/contacts/persons/search?search=ana@&searchFields=emails:like")["data"]
    api.ok("GET", "/contacts/organizations")
    api.ok("GET", f"/contacts/organizations/{firm['id']}")
    api.ok("PUT", f"/contacts/organizations/{firm['id']}", {"name": "Clínica Nova"})
    api.ok("POST", "/contacts/organizations", {})
    api.ok("DELETE", path)
    api.ok("POST", "/contacts/persons/mass-destroy", {"indices": [contact["id"]]})
    api.ok("DELETE", f"/contacts/organizations/{firm['id']}")
    api.ok("POST", "/contacts/organizations/mass-destroy", {"indices": [999]})


def _leads(api: Described, crm: SandboxKrayin) -> None:
    product = crm.add_product("Implante", sku="IMP-1", price="150.0000", quantity=10)
    person = {"name": "Bia", "emails": [], "contact_numbers": [entry("+5511988887777")]}
    rows = [{"product_id": product, "price": 150, "quantity": 2}]
    body = {"title": "x", "lead_pipeline_stage_id": 1, "lead_value": 10, "user_id": 1}
    row = api.create("/leads", {**body, "person": person, "products": rows, "expected_close_date": "2026-12-15"})
    tag = api.create("/settings/tags", {"name": "lead"})
    for method, path, sent in (
        ("GET", f"/leads/{row['id']}", None),
        ("PUT", f"/leads/product/{row['id']}", {"product_id": product, "price": 1, "quantity": 1}),
        ("GET", "/leads", None),
        ("GET", "/leads/search?search=x&searchFields=title:like", None),
        ("GET", "/leads/get", None),
        ("PUT", f"/leads/{row['id']}", body),
        ("PUT", f"/leads/stage/edit/{row['id']}", {"lead_pipeline_stage_id": 2}),
        ("PUT", f"/leads/attributes/edit/{row['id']}", {"lead_pipeline_stage_id": 5}),
        ("POST", "/leads/mass-update", {"indices": [row["id"]], "value": 1}),
        ("DELETE", f"/leads/product/{row['id']}", {"product_id": product}),
        ("POST", f"/leads/{row['id']}/tags", {"tag_id": tag["id"]}),
        ("DELETE", f"/leads/{row['id']}/tags", {"tag_id": tag["id"]}),
        ("GET", f"/leads/{row['id']}/activities", None),
        ("DELETE", f"/leads/{row['id']}", None),
        ("POST", "/leads/mass-destroy", {"indices": [row["id"]]}),
    ):
        api.ok(method, path, sent)


def _activities(api: Described, crm: SandboxKrayin) -> None:
    note = api.create("/activities", {"type": "note", "comment": "x", "additional": '{"a": 1}'})
    times = {"schedule_from": "2026-12-01 10:00:00", "schedule_to": "2026-12-01 11:00:00"}
    meeting = {"type": "meeting", "title": "x", **times, "participants": {"users": [1], "persons": []}}
    api.create("/activities", meeting)
    assert api.call("POST", "/activities", meeting).status == 302
    assert api.call("POST", "/activities", meeting, headers={"X-Requested-With": "XMLHttpRequest"}).status == 400
    path = f"/activities/{note['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/activities", None),
        ("GET", path, None),
        ("PUT", path, {"comment": "y"}),
        ("POST", "/activities/mass-update", {"indices": [note["id"]], "value": 0}),
        ("DELETE", path, None),
        ("POST", "/activities/mass-destroy", {"indices": [note["id"]]}),
    ]
    for method, target, sent in calls:
        api.ok(method, target, sent)


def _session(api: Described, crm: SandboxKrayin) -> None:
    device = {"email": BRIDGE.email, "password": BRIDGE.password, "device_name": "bridge"}
    api.use(api.ok("POST", "/login", device)["token"])
    assert api.ok("GET", "/get")["data"]["email"] == BRIDGE.email
    api.ok("DELETE", "/logout")
