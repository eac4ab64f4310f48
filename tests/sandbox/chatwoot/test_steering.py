"""The pages a command in another process steers by, and the file that survives a restart."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.sandbox.chatwoot import ChatwootSandbox

from .conftest import Receiver


def page(chatwoot: ChatwootSandbox, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{chatwoot.url}/{path}", json=body, timeout=20)


def test_a_scenario_is_played_over_http(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url)
    answer = page(chatwoot, "POST", "__scenario__", {"phase": "open", "conversations": 5, "seed": 2, "wait": 20})
    expectation = answer.json()
    assert answer.status_code == 200
    assert (expectation["batch"], expectation["phase"], expectation["figures"]["persons"]) == (1, "open", 4)
    assert len(receiver.requests) == expectation["webhooks"]
    assert page(chatwoot, "POST", "__scenario__", {"phase": "resolve"}).status_code == 409
    assert page(chatwoot, "POST", "__scenario__", {"phase": "reply", "batch": 1}).status_code == 200


@pytest.mark.parametrize("body", [{"phase": "explode"}, {"phase": "open", "people": 3}, [], None])
def test_a_scenario_that_cannot_be_is_422(chatwoot: ChatwootSandbox, body: Any) -> None:
    answer = page(chatwoot, "POST", "__scenario__", body)
    assert (answer.status_code, list(answer.json())) == (422, ["error"])
    assert chatwoot.store.conversations == {}


def test_the_state_shows_rows_deliveries_and_calls(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url)
    chatwoot.new_person_writes("Olá!", name="Ana", phone_number="+5511900000071")
    page(chatwoot, "GET", "__wait__")
    state = page(chatwoot, "GET", "__state__").json()
    assert [row["name"] for row in state["contacts"]] == ["Ana"]
    assert state["conversations"][0]["display_id"] == 1287
    assert state["messages"][0]["conversation_id"] == 1287
    assert state["deliveries"]["counts"] == {"delivered": 6, "failed": 0, "dropped": 0, "discarded": 0}
    assert set(state["deliveries"]["items"][0]) == {
        "number", "event", "webhook_id", "delivery_id", "status", "http_status", "seconds", "repeat", "error",
    }  # fmt: skip
    assert state["scenario"]["expected"]["messages"] == 2
    assert state["rest"]["total"] == 0


def test_sections_of_the_state_can_be_chosen(chatwoot: ChatwootSandbox) -> None:
    state = page(chatwoot, "GET", "__state__?only=deliveries,rest&items=0").json()
    assert set(state) == {"version", "url", "deliveries", "rest"}
    assert "items" not in state["deliveries"]
    assert page(chatwoot, "GET", "__state__?only=secrets").status_code == 422


def test_faults_are_set_seen_and_cleared(chatwoot: ChatwootSandbox) -> None:
    assert page(chatwoot, "POST", "__faults__", {"drop": 0.5, "rest": "slow"}).json()["drop"] == 0.5
    assert page(chatwoot, "GET", "__faults__").json()["rest"] == "slow"
    assert page(chatwoot, "DELETE", "__faults__").json()["rest"] == "ok"


@pytest.mark.parametrize("body", [{"explode": True}, {"rest": "odd"}, {"drop": -1}, {"delay_s": "soon"}])
def test_unknown_faults_are_refused_and_change_nothing(chatwoot: ChatwootSandbox, body: Any) -> None:
    before = chatwoot.faults.as_json()
    assert page(chatwoot, "POST", "__faults__", body).status_code == 422
    assert chatwoot.faults.as_json() == before


def test_a_reset_brings_back_the_example_account(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url)
    chatwoot.play("open", conversations=3)
    chatwoot.wait_idle()
    chatwoot.set_faults(drop=1.0)
    assert page(chatwoot, "POST", "__reset__").json() == {"reset": True}
    state = chatwoot.state()
    assert (state["contacts"], state["webhooks"], state["deliveries"]["total"]) == ([], [], 0)
    assert chatwoot.faults.as_json()["drop"] == 0
    assert [row["id"] for row in state["accounts"]] == [3, 4]


def test_waiting_gives_up_with_504(receiver: Receiver) -> None:
    release = threading.Event()
    original = receiver.answer

    def hold(request: Any) -> Any:
        release.wait(10)
        return original(request)

    receiver.answer = hold
    with ChatwootSandbox() as chatwoot:
        chatwoot.register_webhook(receiver.url, ["contact_created"])
        chatwoot.create_contact(name="Ana")
        assert page(chatwoot, "GET", "__wait__?timeout=0.1").status_code == 504
        release.set()
        assert page(chatwoot, "GET", "__wait__?timeout=10").json()["delivered"] == 1


def test_changes_are_saved_while_running_and_survive_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "below" / "chatwoot.json"
    with ChatwootSandbox(state_file=state) as chatwoot:
        chatwoot.create_contact(name="Ana", email="ana@exemplo.com.br")
        deadline = time.monotonic() + 10
        while not (state.exists() and "ana@exemplo.com.br" in state.read_text(encoding="utf-8")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        killed = ChatwootSandbox(state_file=state)
    assert [row.name for row in killed.store.contacts.values()] == ["Ana"]
    assert list(state.parent.iterdir()) == [state]


def test_everything_comes_back_from_the_file(tmp_path: Path) -> None:
    state = tmp_path / "chatwoot.json"
    with ChatwootSandbox(state_file=state) as chatwoot:
        for phase in ("open", "reply"):
            chatwoot.play(phase, conversations=6)
        before = chatwoot.store.snapshot()
    after = ChatwootSandbox(state_file=state).store.snapshot()
    for part in ("tables", "counters"):
        assert after[part] == json.loads(json.dumps(before[part]))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"hello": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="not a saved state"):
        ChatwootSandbox(state_file=other)
    assert other.read_text(encoding="utf-8") == '{"hello": 1}'


def test_many_writers_at_once_lose_nothing(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url, ["message_created"])
    chatwoot.change_inbox(7, greeting_enabled=False)

    def write(worker: int) -> None:
        for number in range(10):
            chatwoot.new_person_writes("Olá!", name="Ana", phone_number=f"+55119000{worker:02d}{number:03d}")

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chatwoot.wait_idle()
    assert len({body["id"] for body in receiver.of("message_created")}) == 60
    assert sorted(row.display_id for row in chatwoot.store.conversations.values()) == list(range(1287, 1347))
