"""Webhooks fire inside the call that causes them; which events exist, what they carry, what can go wrong."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from bridge.sandbox.krayin import SandboxKrayin
from bridge.sandbox.krayin.encoding import NotSent, Template, encode

from .conftest import MakeCrm
from .wire import WEBHOOK_HEADERS, Api, Receiver, entry, hook, make_optional

REF = [{"key": "event", "value": "constant"}, {"key": "ref", "value": "{%leads.bridge_ref%}"}]


def listen(api: Api, receiver: Receiver, *events: str) -> None:
    for event in events:
        entity_type = {"lead": "leads", "contacts": "persons", "activity": "activities"}[event.partition(".")[0]]
        payload = [{"key": "event", "value": event}]
        hook(api, receiver.url, event=event, entity_type=entity_type, payload=payload)


def events(receiver: Receiver) -> list[str]:
    return [form["event"] for form in receiver.forms]


def new_lead(api: Api, **more: Any) -> dict[str, Any]:
    return api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, **more})


def test_the_receiver_may_call_back_and_sees_the_written_record(bridged: Api, receiver: Receiver) -> None:
    hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    seen: list[Any] = []
    second = Api(bridged.url, bridged.token)
    receiver.reaction = lambda: seen.append(second.ok("GET", "/leads")["data"])
    answered = new_lead(bridged, bridge_ref="cw-1-conv-1")
    assert [row["id"] for row in seen[0]] == [answered["id"]]
    assert receiver.forms == [{"event": "constant", "ref": "cw-1-conv-1"}]


def test_the_caller_waits_while_others_are_served(bridged: Api, receiver: Receiver) -> None:
    hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        release.wait(5)

    receiver.reaction = hold
    caller = threading.Thread(target=new_lead, args=(bridged,))
    caller.start()
    assert entered.wait(5)
    other = Api(bridged.url, bridged.token)
    assert len(other.ok("GET", "/leads")["data"]) == 1
    assert caller.is_alive()
    release.set()
    caller.join(5)
    assert not caller.is_alive()


def test_an_own_write_comes_back_as_an_event(bridged: Api, receiver: Receiver) -> None:
    listen(bridged, receiver, "lead.create.after", "lead.update.after", "lead.delete.before")
    new_lead(bridged)
    bridged.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 2})
    bridged.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 2})
    bridged.ok("PUT", "/leads/stage/edit/1", {"lead_pipeline_stage_id": 3})
    bridged.ok("PUT", "/leads/1", {"lead_pipeline_stage_id": 3})
    bridged.ok("DELETE", "/leads/1")
    assert events(receiver) == ["lead.create.after", *["lead.update.after"] * 4, "lead.delete.before"]


def test_changes_that_fire_no_event(bridged: Api, receiver: Receiver) -> None:
    listen(
        bridged, receiver, "lead.update.after", "contacts.person.create.after", "contacts.person.update.after",
        "contacts.person.delete.before",
    )  # fmt: skip
    person = {"name": "Ana", "emails": [], "contact_numbers": [entry("+5511999998888")]}
    new_lead(bridged, person=person)
    bridged.create("/settings/tags", {"name": "t"})
    bridged.ok("POST", "/leads/1/tags", {"tag_id": 1})
    bridged.ok("POST", "/leads/mass-update", {"indices": [1], "value": 2})
    bridged.create("/activities", {"type": "note", "comment": "x", "lead_id": 1})
    bridged.ok("DELETE", "/leads/1")
    bridged.ok("POST", "/contacts/persons/mass-destroy", {"indices": [1]})
    assert receiver.requests == []


def test_activity_events(bridged: Api, receiver: Receiver) -> None:
    listen(bridged, receiver, "activity.create.after", "activity.update.after", "activity.delete.before")
    note = bridged.create("/activities", {"type": "note", "comment": "x"})
    bridged.ok("PUT", f"/activities/{note['id']}", {"comment": "x"})
    bridged.ok("POST", "/activities/mass-update", {"indices": [note["id"]], "value": 1})
    bridged.call("PUT", f"/activities/{note['id']}", {"comment": "y", "lead_id": 999})
    bridged.ok("DELETE", f"/activities/{note['id']}")
    expected = ["activity.create.after", "activity.update.after", "activity.update.after", "activity.delete.before"]
    assert events(receiver) == expected


def test_only_attributes_are_placeholders(bridged: Api, receiver: Receiver) -> None:
    names = ("id", "person_id", "status", "created_at", "title", "user_id", "expected_close_date", "convenio")
    payload = [{"key": name, "value": f"{{%leads.{name}%}}"} for name in names]
    payload += [{"key": "spaced", "value": "{% leads.title %}"}, {"key": "other", "value": "{%persons.name%}"}]
    hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=payload)
    new_lead(bridged)
    assert receiver.forms[0] == {
        "id": "{%leads.id%}",
        "person_id": "{%leads.person_id%}",
        "status": "{%leads.status%}",
        "created_at": "{%leads.created_at%}",
        "title": "x",
        "user_id": "",
        "expected_close_date": "N/A",
        "convenio": "No",
        "spaced": "x",
        "other": "{%persons.name%}",
    }


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ({"attribute": "lead_pipeline_stage_id", "operator": "==", "value": 2}, True),
        ({"attribute": "lead_pipeline_stage_id", "operator": "==", "value": "3"}, False),
        ({"attribute": "lead_pipeline_stage_id", "operator": "!=", "value": 3}, True),
        ({"attribute": "lead_value", "operator": ">", "value": 100}, True),
        ({"attribute": "lead_value", "operator": "<", "value": 100}, False),
        ({"attribute": "title", "operator": "{}", "value": "plan"}, True),
        ({"attribute": "title", "operator": "!{}", "value": "plan"}, False),
        ({"attribute": "bridge_ref", "operator": "==", "value": "cw-1-conv-1"}, True),
        ({"attribute": "", "operator": "==", "value": "ignored"}, True),
    ],
)
def test_conditions_test_the_current_value(
    bridged: Api, receiver: Receiver, condition: dict[str, Any], fires: bool
) -> None:
    workflow = hook(bridged, receiver.url, event="lead.update.after", entity_type="leads", payload=REF)
    bridged.ok("PUT", f"/settings/workflows/{workflow['id']}", {"name": "x", "conditions": [condition]})
    new_lead(bridged, title="Implante", lead_value=2500, bridge_ref="cw-1-conv-1")
    body = {"lead_pipeline_stage_id": 2, "title": "Explantes"}
    bridged.ok("PUT", "/leads/attributes/edit/1", body)
    assert bool(receiver.requests) is fires


def test_one_true_condition_is_enough_for_or(bridged: Api, receiver: Receiver) -> None:
    workflow = hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    conditions = [{"attribute": "title", "operator": "==", "value": title} for title in ("y", "x")]
    change = {"name": "n", "condition_type": "or", "conditions": conditions}
    bridged.ok("PUT", f"/settings/workflows/{workflow['id']}", change)
    new_lead(bridged)
    new_lead(bridged, title="z")
    assert len(receiver.requests) == 1


def test_a_webhook_without_a_workflow_does_nothing(bridged: Api, receiver: Receiver) -> None:
    workflow = hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    bridged.ok("DELETE", f"/settings/workflows/{workflow['id']}")
    new_lead(bridged)
    assert receiver.requests == []


def test_a_dead_receiver_is_only_noted(bridged: Api, crm: SandboxKrayin) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        hook(bridged, url, event="lead.create.after", entity_type="leads", payload=REF)
        assert new_lead(bridged)["id"] == 1
    (delivery,) = crm.state()["deliveries"]
    assert (delivery["sent"], delivery["reason"]) == (False, "ConnectionRefusedError")


def test_a_receiver_that_is_too_slow_is_given_up(make_crm: MakeCrm, receiver: Receiver) -> None:
    crm = make_crm(webhook_timeout=0.05)
    api = Api(crm.url, crm.issue_token())
    make_optional(api)
    release = threading.Event()
    receiver.reaction = lambda: release.wait(5)
    hook(api, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    assert new_lead(api)["id"] == 1
    release.set()
    assert crm.state()["deliveries"][0]["sent"] is False


@pytest.mark.parametrize(("version", "status", "sent"), [("2.1.0", 500, 0), ("2.1.2", 500, 0), ("2.1.5", 200, 1)])
def test_null_headers_turn_a_written_lead_into_a_500_on_old_versions(
    make_crm: MakeCrm, receiver: Receiver, version: str, status: int, sent: int
) -> None:
    crm = make_crm(version=version)
    api = Api(crm.url, crm.issue_token())
    hook(api, receiver.url, event="lead.create.after", entity_type="leads", payload=REF, headers=None)
    answer = api.call("POST", "/leads", {"title": "x", "lead_pipeline_stage_id": 1})
    assert (answer.status, answer.limited) == (status, True)
    assert crm.state()["counts"]["leads"] == 1
    assert len(receiver.requests) == sent


def test_credentials_in_the_address_become_basic_authentication(bridged: Api, receiver: Receiver) -> None:
    url = receiver.url.replace("http://", "http://krayin:s%40gredo@") + "/hook?x=1"
    hook(bridged, url, event="lead.create.after", entity_type="leads", payload=REF)
    new_lead(bridged)
    (request,) = receiver.requests
    assert request.header("authorization") == "Basic a3JheWluOnNAZ3JlZG8="
    assert (request.path, request.query) == ("/hook", [("x", "1")])


def template(payload: str, *, headers: str = "[]", query: str = "[]", method: str = "POST") -> Template:
    return Template(method=method, end_point="http://x/?a=1", headers=headers, payload=payload, query_params=query)


FORM_HEADERS = '[{"key":"content-type","value":"application/x-www-form-urlencoded; charset=utf-8"}]'


@pytest.mark.parametrize(
    ("version", "payload", "headers", "body"),
    [
        ("2.1.0", '{"a":"~ é"}', "[]", b"a=%7E+%C3%A9"),
        ("2.1.0", '[{"key":"a","value":null},{"key":"b","value":true}]', "[]", b"b=1"),
        ("2.1.5", '{"a":{"b":"é/"}}', "[]", b'{"a":{"b":"\\u00e9\\/"}}'),
        ("2.1.5", '{"a":"b"}', FORM_HEADERS, b"a=b"),
        ("2.1.5", '"{\\"a\\":\\"b\\"}"', FORM_HEADERS, b"%22%7B%5C%22a%5C%22%3A%5C%22b%5C%22%7D%22="),
        ("2.1.5", '{"a":"b" broken', '[{"key":"Content-Type","value":"text/plain"}]', b'{"a":"b" broken'),
        ("2.1.5", "x=1&y=2", "[]", b"x=1&y=2"),
        ("2.1.5", '[{"key":"a","value":"b","disabled":true}]', FORM_HEADERS, b""),
    ],
)
def test_bodies_by_version(version: str, payload: str, headers: str, body: bytes) -> None:
    assert encode(version, template(payload, headers=headers)).body == body


@pytest.mark.parametrize("payload", ['{"a":{"b":1}}', '"text"', "null", "broken"])
def test_what_the_old_version_does_not_send(payload: str) -> None:
    with pytest.raises(NotSent):
        encode("2.1.0", template(payload))


def test_query_parameters_are_appended_by_the_new_version_only() -> None:
    query = '[{"key":"b","value":"c d"}]'
    assert encode("2.1.5", template("{}", query=query)).url == "http://x/?a=1&b=c+d"
    assert encode("2.1.0", template("{}", query=query)).url == "http://x/?a=1"
    assert encode("2.1.5", template('{"a":1}', method="get")).body == b""


def test_secrets_of_webhooks_are_readable_by_anyone_with_a_token(bridged: Api, receiver: Receiver) -> None:
    hook(bridged, receiver.url, event="lead.create.after", entity_type="leads", payload=REF)
    assert bridged.ok("GET", "/settings/webhooks")["data"][0]["headers"] == WEBHOOK_HEADERS
