"""The state page, reset, the state file, going away and coming back, and the latency of a call."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.sandbox.krayin import BRIDGE, Account, SandboxKrayin

from .conftest import MakeCrm
from .wire import Api, entry


def fill(api: Api) -> None:
    person = {"name": "Ana", "emails": [entry("ana@example.com.br")], "contact_numbers": [entry("+5511999998888")]}
    api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": person})
    api.create("/activities", {"type": "note", "title": "n", "comment": "c", "lead_id": 1, "additional": '{"a": 1}'})
    api.ok("PUT", "/leads/attributes/edit/1", {"lead_pipeline_stage_id": 2})


def test_the_state_page_shows_what_the_crm_holds_and_how_it_was_called(api: Api, crm: SandboxKrayin) -> None:
    fill(api)
    state = requests.get(f"{crm.url}/__state__", timeout=5).json()
    assert {key: state["counts"][key] for key in ("persons", "leads", "notes", "stage_changes")} == {
        "persons": 1,
        "leads": 1,
        "notes": 1,
        "stage_changes": 1,
    }
    assert state["leads"][0]["stage_code"] == "follow-up"
    assert state["leads"][0]["person_id"] == state["persons"][0]["id"]
    assert (state["notes"][0]["lead_ids"], state["notes"][0]["additional"]) == ([1], {"a": 1})
    kinds = {"POST /leads": 1, "POST /activities": 1, "PUT /leads/attributes/edit/{id}": 1}
    assert state["calls"]["by_kind"] == kinds
    assert (state["calls"]["total"], state["calls"]["max_in_window"]) == (3, 3)
    assert state["calls"]["by_user"] == {BRIDGE.email: 3}
    assert [call["status"] for call in state["calls"]["recent"]] == [200, 200, 200]


def test_the_state_page_shows_no_password_and_no_token(api: Api, crm: SandboxKrayin) -> None:
    fill(api)
    text = json.dumps(crm.state())
    assert BRIDGE.password not in text
    assert str(api.token).partition("|")[2] not in text


def test_reset_goes_back_to_a_fresh_installation(api: Api, crm: SandboxKrayin) -> None:
    fill(api)
    crm.faults.add("down", path="/leads")
    api.ok("POST", "/__reset__")
    state = crm.state()
    assert (state["counts"]["leads"], state["calls"]["total"], state["faults"]) == (0, 0, [])
    assert api.call("GET", "/leads").status == 500
    again = Api(crm.url, crm.issue_token())
    fill(again)
    assert [row["id"] for row in crm.state()["leads"]] == [1]


def test_unknown_control_addresses_are_404(api: Api) -> None:
    assert api.call("GET", "/__nothing__").status == 404
    assert api.call("PUT", "/__faults__").status == 404


def test_a_state_file_continues_where_the_last_run_stopped(make_crm: MakeCrm, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "krayin.json"
    first = make_crm(state_file=path)
    api = Api(first.url, first.issue_token())
    fill(api)
    tag = api.create("/settings/tags", {"name": "t"})
    api.ok("POST", "/leads/1/tags", {"tag_id": tag["id"]})
    before = first.state()
    activities = len(api.ok("GET", "/leads/1/activities")["data"])
    first.stop()
    assert path.stat().st_mode & 0o777 == 0o600
    second = make_crm(state_file=path)
    after = second.state()
    for part in ("persons", "leads", "notes", "stage_changes", "tags", "users", "counts"):
        assert after[part] == before[part]
    resumed = Api(second.url, api.token)
    assert resumed.create("/leads", {"title": "y", "lead_pipeline_stage_id": 1})["id"] == 2
    assert len(resumed.ok("GET", "/leads/1/activities")["data"]) == activities
    assert second.state()["calls"]["by_kind"]["POST /leads"] == 2


def test_the_state_file_is_written_while_running(make_crm: MakeCrm, tmp_path: Path) -> None:
    path = tmp_path / "krayin.json"
    crm = make_crm(state_file=path)
    fill(Api(crm.url, crm.issue_token()))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not _holds_a_note(path):
        time.sleep(0.05)
    assert _holds_a_note(path)


def _holds_a_note(path: Path) -> bool:
    return path.exists() and any(row["type"] == "note" for row in json.loads(path.read_text())["tables"]["activities"])


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"format": 1}', '{"format": 1, "tables": []}'])
def test_a_foreign_state_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "krayin.json"
    path.write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 - the message differs
        SandboxKrayin(state_file=path)
    assert path.read_text() == text


def test_it_goes_away_and_comes_back_under_its_address(api: Api, crm: SandboxKrayin) -> None:
    url = crm.url
    crm.stop()
    with pytest.raises(requests.ConnectionError):
        api.call("GET", "/get")
    crm.start()
    assert crm.url == url
    assert api.call("GET", "/get").status == 200


def test_users_are_chosen_by_whoever_starts_it(make_crm: MakeCrm) -> None:
    bridge = Account("Ponte", "ponte@example.com.br", "segredo-da-ponte")
    crm = make_crm(bridge=bridge)
    login = {"email": bridge.email, "password": bridge.password, "device_name": "x"}
    token = Api(crm.url).ok("POST", "/login", login)["token"]
    assert Api(crm.url, token).ok("GET", "/get")["data"]["name"] == "Ponte"


def test_latency_is_added_to_every_call(make_crm: MakeCrm) -> None:
    crm = make_crm(latency_ms=300)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{crm.url}/api/v1/get", timeout=0.1)


def test_one_connection_serves_many_calls(api: Api, crm: SandboxKrayin) -> None:
    sockets: set[Any] = set()
    for _ in range(3):
        with api.session.get(f"{crm.url}/api/v1/get", stream=True, timeout=5) as got:
            sockets.add(got.raw.connection.sock.getsockname())
            got.content  # noqa: B018 - reading it gives the connection back
    assert len(sockets) == 1
