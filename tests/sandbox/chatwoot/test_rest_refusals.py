"""REST: who is refused, and with which body (contract sections 8 and 9)."""

from __future__ import annotations

import pytest
import requests

from bridge.sandbox.chatwoot import AGENT_TOKEN, FINANCE_INBOX_ID, OTHER_ADMIN_TOKEN, ChatwootSandbox

from .conftest import Api

NOT_ALLOWED = {"error": "You are not authorized to do this action"}


def test_a_wrong_token_and_no_token_are_401(chatwoot: ChatwootSandbox) -> None:
    wrong = Api(chatwoot.url, "nonsense").call("GET", "/contacts")
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Invalid Access Token"})
    none = Api(chatwoot.url, None).call("GET", "/contacts")
    assert (none.status_code, list(none.json())) == (401, ["errors"])


def test_a_foreign_unknown_or_suspended_account_is_401(chatwoot: ChatwootSandbox, api: Api) -> None:
    foreign = Api(chatwoot.url, OTHER_ADMIN_TOKEN).call("GET", "/contacts")
    assert (foreign.status_code, foreign.json()) == (401, NOT_ALLOWED)
    assert Api(chatwoot.url, account_id=99).call("GET", "/contacts").status_code == 401
    chatwoot.store.accounts[3].status = "suspended"
    assert api.call("GET", "/contacts").status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/webhooks"),
        ("POST", "/webhooks"),
        ("DELETE", "/contacts/4182"),
        ("DELETE", "/conversations/1287"),
        ("POST", "/labels"),
        ("GET", "/labels/1"),
        ("POST", "/custom_attribute_definitions"),
    ],
)
def test_missing_permission_is_401_and_changes_nothing(chatwoot: ChatwootSandbox, method: str, path: str) -> None:
    chatwoot.new_person_writes("Olá!", name="Ana", phone_number="+5511900000061")
    changes = chatwoot.store.changes
    response = Api(chatwoot.url, AGENT_TOKEN).call(method, path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()) == (401, NOT_ALLOWED)
    assert chatwoot.store.changes == changes


def test_agents_see_only_conversations_of_their_inboxes(chatwoot: ChatwootSandbox) -> None:
    contact = chatwoot.create_contact(name="Ana", phone_number="+5511900000061")
    foreign = chatwoot.open_conversation(contact.id, inbox_id=FINANCE_INBOX_ID).display_id
    agent = Api(chatwoot.url, AGENT_TOKEN)
    assert agent.call("GET", f"/conversations/{foreign}").status_code == 401
    assert agent.get("/conversations", status="all")["data"]["payload"] == []


@pytest.mark.parametrize(
    "path", ["/contacts/1", "/contacts/abc", "/conversations/1", "/conversations/1/messages", "/x"]
)
def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    response = api.call("GET", path)
    assert (response.status_code, response.json()) == (404, {"error": "Resource could not be found"})


def test_rows_of_another_account_are_404(chatwoot: ChatwootSandbox, api: Api) -> None:
    stranger = chatwoot.create_contact(name="Estranho", phone_number="+5511900000061", account_id=4)
    assert api.call("GET", f"/contacts/{stranger.id}").status_code == 404
    assert api.call("PATCH", f"/contacts/{stranger.id}", json={"name": "Meu"}).status_code == 404
    assert stranger.name == "Estranho"


def test_a_body_that_is_no_json_is_400(api: Api) -> None:
    response = api.call("POST", "/contacts", data=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 400


def test_too_many_calls_are_429_in_plain_text() -> None:
    with ChatwootSandbox(searches_per_minute=0) as chatwoot:
        response = Api(chatwoot.url).call("GET", "/contacts/search", params={"q": "ana"})
        assert (response.status_code, response.text.strip()) == (429, "Retry later")
        assert "Retry-After" not in response.headers
        assert Api(chatwoot.url).call("GET", "/contacts").status_code == 200
    with ChatwootSandbox(requests_per_minute=0) as chatwoot:
        assert Api(chatwoot.url).call("GET", "/contacts").status_code == 429


def test_the_api_can_be_down_broken_throttled_or_slow(chatwoot: ChatwootSandbox, api: Api) -> None:
    chatwoot.set_faults(rest="down", rest_times=1)
    with pytest.raises(requests.ConnectionError):
        requests.get(api.base + "/contacts", headers=dict(api.session.headers), timeout=5)
    chatwoot.set_faults(rest="error")
    broken = api.call("GET", "/contacts")
    assert (broken.status_code, broken.headers["Content-Type"][:9]) == (500, "text/html")
    chatwoot.set_faults(rest="throttled", rest_times=2)
    assert [api.call("GET", "/contacts").status_code for _ in range(3)] == [429, 429, 200]
    chatwoot.set_faults(rest="slow", rest_delay_s=0.5)
    with pytest.raises(requests.Timeout):
        requests.get(api.base + "/contacts", headers=dict(api.session.headers), timeout=0.1)
