"""REST: webhook registration, labels, attribute definitions, inboxes and dashboard apps (7, 8.3, 10)."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.chatwoot import AGENT_TOKEN, ChatwootSandbox

from .conftest import Api

URL = "https://bridge.example/webhooks/chatwoot/abc/"


def test_a_registered_webhook_has_a_secret_and_eight_events(api: Api) -> None:
    webhook = api.post("/webhooks", {"url": URL, "name": "Ponte"})["payload"]["webhook"]
    assert set(webhook) == {"id", "name", "url", "account_id", "subscriptions", "secret"}
    assert (len(webhook["secret"]), len(webhook["subscriptions"]), webhook["account_id"]) == (24, 8, 3)
    assert api.get("/webhooks") == {"payload": {"webhooks": [webhook]}}


def test_an_address_is_registered_once_per_account(chatwoot: ChatwootSandbox, api: Api) -> None:
    api.post("/webhooks", {"webhook": {"url": URL, "subscriptions": ["message_created"]}})
    response = api.call("POST", "/webhooks", json={"url": URL})
    assert response.status_code == 422
    assert response.json() == {"message": "Url has already been taken", "attributes": ["url"]}
    assert len(api.get("/webhooks")["payload"]["webhooks"]) == 1


@pytest.mark.parametrize("events", [[], ["contact_deleted"], "message_created"])
def test_wrong_subscriptions_are_refused(api: Api, events: Any) -> None:
    response = api.call("POST", "/webhooks", json={"url": URL, "subscriptions": events})
    assert (response.status_code, response.json()["attributes"]) == (422, ["subscriptions"])


def test_a_webhook_is_changed_and_deleted_but_never_gets_a_new_secret(api: Api) -> None:
    first = api.post("/webhooks", {"url": URL})["payload"]["webhook"]
    path = f"/webhooks/{first['id']}"
    changed = api.patch(path, {"subscriptions": ["message_created"], "secret": "mine"})["payload"]["webhook"]
    assert (changed["subscriptions"], changed["secret"]) == (["message_created"], first["secret"])
    api.delete(path)
    again = api.post("/webhooks", {"url": URL})["payload"]["webhook"]
    assert again["secret"] != first["secret"]
    assert again["id"] != first["id"]


def test_servers_that_cannot_sign_show_no_secret() -> None:
    with ChatwootSandbox(version="4.11.1") as old:
        assert "secret" not in Api(old.url).post("/webhooks", {"url": URL})["payload"]["webhook"]


def test_labels_are_lower_case_and_unique(api: Api) -> None:
    label = api.post("/labels", {"title": "CRM-Novo", "color": "#00aa00"})
    assert (label["title"], label["color"]) == ("crm-novo", "#00aa00")
    assert api.call("POST", "/labels", json={"title": "crm-novo"}).status_code == 422
    assert api.call("POST", "/labels", json={"title": "duas palavras"}).status_code == 422
    assert api.patch(f"/labels/{label['id']}", {"description": "Lead novo"})["description"] == "Lead novo"
    api.delete(f"/labels/{label['id']}")
    assert "crm-novo" not in [row["title"] for row in api.get("/labels")["payload"]]


def test_attribute_definitions_are_listed_by_model(api: Api) -> None:
    lead = {"attribute_display_name": "Lead", "attribute_key": "crm_lead", "attribute_model": "contact_attribute"}
    stage = {"attribute_display_name": "Etapa", "attribute_key": "crm_stage", "attribute_display_type": 6}
    created, other = (api.post("/custom_attribute_definitions", body) for body in (lead, stage))
    assert (created["attribute_display_type"], other["attribute_display_type"]) == ("text", "list")
    listed = api.get("/custom_attribute_definitions", attribute_model="contact_attribute")
    assert [row["attribute_key"] for row in listed] == ["crm_lead"]
    assert [row["attribute_key"] for row in api.get("/custom_attribute_definitions")] == ["crm_stage"]
    again = api.call("POST", "/custom_attribute_definitions", json=lead)
    assert (again.status_code, again.json()["attributes"]) == (422, ["attribute_key"])
    path = f"/custom_attribute_definitions/{created['id']}"
    assert api.patch(path, {"attribute_display_name": "Oportunidade"})["attribute_display_name"] == "Oportunidade"
    api.delete(path)
    assert api.call("GET", path).status_code == 404


@pytest.mark.parametrize("key", ["email", "tem espaço", ""])
def test_attribute_keys_that_cannot_be_are_refused(api: Api, key: str) -> None:
    body = {"attribute_display_name": "X", "attribute_key": key, "attribute_model": "contact_attribute"}
    response = api.call("POST", "/custom_attribute_definitions", json=body)
    assert (response.status_code, response.json()["attributes"]) == (422, ["attribute_key"])


def test_inboxes_show_credentials_to_administrators_only(chatwoot: ChatwootSandbox, api: Api) -> None:
    inboxes = {row["id"]: row for row in api.get("/inboxes")["payload"]}
    assert {row["channel_type"] for row in inboxes.values()} == {
        "Channel::Whatsapp",
        "Channel::WebWidget",
        "Channel::Api",
        "Channel::Email",
    }
    assert inboxes[7]["name"] == "WhatsApp Recepção"
    assert "provider_config" in inboxes[7]
    seen = {row["id"]: row for row in Api(chatwoot.url, AGENT_TOKEN).get("/inboxes")["payload"]}
    assert sorted(seen) == [7, 9, 12, 13]
    assert "provider_config" not in seen[7]
    assert "hmac_token" not in seen[12]


def test_dashboard_apps_hold_frames(api: Api) -> None:
    app = api.post("/dashboard_apps", {"title": "CRM", "content": [{"type": "frame", "url": "https://ponte.example"}]})
    assert set(app) == {"id", "title", "content", "created_at"}
    assert api.patch(f"/dashboard_apps/{app['id']}", {"title": "Ponte"})["title"] == "Ponte"
    assert [row["title"] for row in api.get("/dashboard_apps")] == ["Ponte"]
    assert api.call("POST", "/dashboard_apps", json={"title": "X", "content": []}).status_code == 422
    api.delete(f"/dashboard_apps/{app['id']}")
    assert api.get("/dashboard_apps") == []
