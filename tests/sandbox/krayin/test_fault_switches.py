"""Each fault switch does what its name says, to the calls it is aimed at, and is repeatable."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from bridge.sandbox.krayin import SandboxKrayin

from .conftest import MakeCrm
from .wire import Api, Receiver, entry, hook

LEAD = {"title": "x", "lead_pipeline_stage_id": 1}


def set_fault(api: Api, **fault: Any) -> None:
    api.ok("POST", "/__faults__", fault)


def test_commit_then_cut_writes_and_does_not_answer(api: Api, crm: SandboxKrayin, receiver: Receiver) -> None:
    hook(api, receiver.url, event="lead.create.after", entity_type="leads", payload=[{"key": "a", "value": "b"}])
    set_fault(api, kind="commit_then_cut", method="POST", path="/leads", count=1)
    with pytest.raises(requests.ConnectionError):
        api.call("POST", "/leads", LEAD)
    assert crm.state()["counts"]["leads"] == 1
    assert len(receiver.requests) == 1
    assert api.call("POST", "/leads", LEAD).status == 200


def test_502_after_commit_writes_and_answers_like_a_proxy(api: Api, crm: SandboxKrayin) -> None:
    set_fault(api, kind="502_after_commit", method="POST", count=1)
    answer = api.call("POST", "/leads", LEAD)
    assert (answer.status, answer.limited) == (502, False)
    assert crm.state()["counts"]["leads"] == 1


@pytest.mark.parametrize(("when", "leads"), [("before", 0), ("after", 1)])
def test_slow_lets_a_client_run_out_of_patience(api: Api, crm: SandboxKrayin, when: str, leads: int) -> None:
    set_fault(api, kind="slow", method="POST", path="/leads", seconds=2, when=when)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{crm.url}/api/v1/leads",
            json=LEAD,
            headers={"Accept": "application/json", "Authorization": f"Bearer {api.token}"},
            timeout=0.5,
        )
    assert crm.state()["counts"]["leads"] == leads


@pytest.mark.parametrize("mode", ["503", "cut"])
def test_down_writes_nothing(api: Api, crm: SandboxKrayin, mode: str) -> None:
    set_fault(api, kind="down", mode=mode)
    if mode == "503":
        answer = api.call("POST", "/leads", LEAD)
        assert (answer.status, answer.limited) == (503, False)
    else:
        with pytest.raises(requests.ConnectionError):
            api.call("POST", "/leads", LEAD)
    api.ok("DELETE", "/__faults__")
    assert crm.state()["counts"]["leads"] == 0
    assert crm.state()["calls"]["refused"] == {"down": 1}
    assert api.call("POST", "/leads", LEAD).status == 200


def test_refuse_is_a_500_that_never_reached_the_application(make_crm: MakeCrm) -> None:
    crm = make_crm(rate_limit=60)
    api = Api(crm.url, crm.issue_token())
    set_fault(api, kind="refuse", count=1)
    refused = api.call("POST", "/leads", LEAD)
    assert (refused.status, refused.limited) == (500, False)
    assert api.call("GET", "/leads").headers["X-RateLimit-Remaining"] == "59"


def test_refuse_can_be_a_500_of_the_application(api: Api, crm: SandboxKrayin) -> None:
    set_fault(api, kind="refuse", limiter_headers=True, count=1)
    refused = api.call("POST", "/leads", LEAD)
    assert (refused.status, refused.limited) == (500, True)
    assert crm.state()["counts"]["leads"] == 0


def test_refuse_can_be_a_chosen_validation_error(api: Api, crm: SandboxKrayin) -> None:
    set_fault(api, kind="refuse", status=422, errors={"person.emails.0.value": ["Taken."]}, path="/api/v1/leads")
    refused = api.call("POST", "/leads", LEAD)
    assert refused.body == {"message": "Taken.", "errors": {"person.emails.0.value": ["Taken."]}}
    assert (refused.status, refused.limited) == (422, True)
    assert api.call("GET", "/activities").status == 200


PERSON = {"name": "Ana", "emails": [entry("a@b.co")], "contact_numbers": [entry("+5511")], "job_title": "x"}


@pytest.mark.parametrize(("entity", "persons", "leads"), [("any", 1, 0), ("persons", 1, 0), ("leads", 1, 1)])
def test_row_without_attributes_dies_between_row_and_values(
    api: Api, crm: SandboxKrayin, receiver: Receiver, entity: str, persons: int, leads: int
) -> None:
    hook(api, receiver.url, event="lead.create.after", entity_type="leads", payload=[])
    set_fault(api, kind="row_without_attributes", entity=entity, count=1)
    with pytest.raises(requests.ConnectionError):
        api.call("POST", "/leads", {**LEAD, "person": PERSON})
    state = crm.state()
    assert (state["counts"]["persons"], state["counts"]["leads"]) == (persons, leads)
    assert receiver.requests == []
    found = "search?search=x&searchFields=attribute_values.text_value:="
    assert api.ok("GET", f"/leads/{found}")["data"] == []
    assert (len(api.ok("GET", f"/contacts/persons/{found}")["data"]) == 1) is (entity == "leads")


def test_row_without_attributes_can_answer_500_without_headers(api: Api, crm: SandboxKrayin) -> None:
    set_fault(api, kind="row_without_attributes", answer="500")
    answer = api.call("POST", "/contacts/persons", PERSON)
    assert (answer.status, answer.limited) == (500, False)
    assert crm.state()["counts"]["persons"] == 1


def test_a_fault_is_aimed_counted_and_skips(api: Api) -> None:
    set_fault(api, kind="refuse", method="GET", path="/leads", skip=1, count=2)
    calls = [("GET", "/leads"), ("POST", "/leads"), ("GET", "/leads"), ("GET", "/leads/1"), ("GET", "/leads")]
    statuses = [api.call(method, path, LEAD if method == "POST" else None).status for method, path in calls]
    assert statuses == [200, 200, 500, 500, 200]
    (fault,) = api.ok("GET", "/__faults__")["faults"]
    assert (fault["kind"], fault["fired"]) == ("refuse", 2)
    assert api.ok("DELETE", "/__faults__")["faults"] == []


def test_chance_is_the_same_in_every_run(make_crm: MakeCrm) -> None:
    runs = []
    for _ in range(2):
        crm = make_crm(seed=7)
        api = Api(crm.url, crm.issue_token())
        set_fault(api, kind="refuse", probability=0.5)
        runs.append([api.call("GET", "/leads").status for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize("fault", [{"kind": "unknown"}, {"kind": "slow", "colour": 1}, {}, [1], "text"])
def test_an_unknown_fault_is_refused(api: Api, fault: Any) -> None:
    assert api.call("POST", "/__faults__", fault).status == 400
    assert api.ok("GET", "/__faults__")["faults"] == []


def test_several_faults_at_once_are_set_as_a_list(api: Api, crm: SandboxKrayin) -> None:
    api.ok("POST", "/__faults__", [{"kind": "slow", "seconds": 0}, {"kind": "502_after_commit"}])
    assert [fault["id"] for fault in crm.faults.as_json()] == [1, 2]
    assert api.call("GET", "/leads").status == 502
