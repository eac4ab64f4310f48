"""Setting Chatwoot up, writing to it, and what its failures mean (Chatwoot contract sections 7, 8.3, 9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import AttributeDefinition
from bridge.errors import (
    CredentialsRefused,
    EffectUnknown,
    Paced,
    PartnerError,
    PartnerGone,
    PartnerMisconfigured,
    PartnerRejected,
    PartnerUnavailable,
)
from tests.clients.wire import CHATWOOT_SITE, CallLog, FreePace, Wire, chatwoot_payload

ACCOUNT = f"{CHATWOOT_SITE}/api/v1/accounts/3"
WEBHOOK = {
    "id": 11,
    "name": "Ponte",
    "url": "https://ponte.example/webhooks/chatwoot/abc/",
    "account_id": 3,
    "subscriptions": ["message_created", "contact_updated"],
    "secret": "k7Vq3mZpX9sTn2WbR5cHdJ8F",
}
DEFINITION = {
    "id": 5,
    "attribute_display_name": "Etapa no CRM",
    "attribute_display_type": "text",
    "attribute_key": "crm_stage",
    "attribute_model": "contact_attribute",
}


def test_webhooks_are_listed_with_secret_and_subscriptions(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/webhooks", {"payload": {"webhooks": [WEBHOOK]}})

    webhook = chatwoot.webhooks()[0]

    assert (webhook.id, webhook.url, webhook.secret) == (11, WEBHOOK["url"], WEBHOOK["secret"])
    assert webhook.subscriptions == ("message_created", "contact_updated")
    assert "k7Vq" not in repr(webhook)


def test_a_server_too_old_to_sign_has_no_secret(chatwoot: ChatwootClient, wire: Wire) -> None:
    unsigned = {key: value for key, value in WEBHOOK.items() if key != "secret"}
    wire.answers("GET", f"{ACCOUNT}/webhooks", {"payload": {"webhooks": [unsigned]}})

    assert chatwoot.webhooks()[0].secret is None


def test_a_webhook_is_created_with_its_subscriptions(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("POST", f"{ACCOUNT}/webhooks", {"payload": {"webhook": WEBHOOK}})

    made = chatwoot.webhook_create(str(WEBHOOK["url"]), ["message_created", "contact_updated"], name="Ponte")

    assert made.secret == WEBHOOK["secret"]
    assert wire.body == {
        "url": WEBHOOK["url"],
        "subscriptions": ["message_created", "contact_updated"],
        "name": "Ponte",
    }


def test_a_webhook_is_changed_and_deleted_by_id(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("PATCH", f"{ACCOUNT}/webhooks/11", {"payload": {"webhook": WEBHOOK}})
    wire.adds("DELETE", f"{ACCOUNT}/webhooks/11", body="", status=200)

    assert chatwoot.webhook_update(11, str(WEBHOOK["url"]), ["message_created"]).id == 11
    assert "name" not in wire.body
    chatwoot.webhook_delete(11)

    assert wire.sent[1] == "DELETE /api/v1/accounts/3/webhooks/11"


def test_an_address_registered_before_is_rejected_by_field(chatwoot: ChatwootClient, wire: Wire) -> None:
    refused = {"message": "Url já está em uso", "attributes": ["url"]}
    wire.answers("POST", f"{ACCOUNT}/webhooks", refused, status=422)

    with pytest.raises(PartnerRejected) as caught:
        chatwoot.webhook_create("https://ponte.example/", ["message_created"])

    assert (caught.value.fields, caught.value.taken_keys) == ({"url"}, {"url"})


def test_attribute_definitions_are_listed_and_created(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.answers("GET", f"{ACCOUNT}/custom_attribute_definitions", [])
    wire.answers("POST", f"{ACCOUNT}/custom_attribute_definitions", DEFINITION)

    assert chatwoot.attribute_definitions() == ()
    assert wire.query == {"attribute_model": "contact_attribute"}
    made = chatwoot.attribute_definition_create(key="crm_stage", display_name="Etapa no CRM")

    assert made == AttributeDefinition(5, "crm_stage", "Etapa no CRM", "text", "contact_attribute")
    assert wire.body == {
        "attribute_display_name": "Etapa no CRM",
        "attribute_display_type": "text",
        "attribute_key": "crm_stage",
        "attribute_model": "contact_attribute",
    }


def test_custom_attributes_of_a_contact_are_merged(chatwoot: ChatwootClient, wire: Wire) -> None:
    answered = chatwoot_payload("contact_updated") | {"custom_attributes": {"convenio": "Unimed", "crm_stage": "Novo"}}
    wire.answers("PUT", f"{ACCOUNT}/contacts/4182", {"payload": answered})

    contact = chatwoot.contact_update(4182, custom_attributes={"crm_stage": "Novo"})

    assert wire.body == {"custom_attributes": {"crm_stage": "Novo"}}
    assert contact.custom_attributes["crm_stage"] == "Novo"


def ask(chatwoot: ChatwootClient) -> object:
    return chatwoot.contact(1)


def change(chatwoot: ChatwootClient) -> object:
    return chatwoot.contact_update(1, custom_attributes={})


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "Invalid Access Token"}, CredentialsRefused),
        (401, {"error": "You are not authorized to do this action"}, CredentialsRefused),
        (401, {"errors": ["x"]}, CredentialsRefused),
        (402, {"error": "x"}, PartnerMisconfigured),
        (403, {"error": "x"}, PartnerMisconfigured),
        (404, {"error": "Resource could not be found"}, PartnerGone),
        (422, {"message": "x", "attributes": ["email"]}, PartnerRejected),
        (422, {"error": "x"}, PartnerRejected),
        (422, [], PartnerRejected),
        (302, {}, PartnerMisconfigured),
        (408, {}, PartnerUnavailable),
    ],
)
def test_a_status_means_the_same_for_reads_and_writes(
    chatwoot: ChatwootClient, wire: Wire, status: int, body: object, error: type[PartnerError]
) -> None:
    for method in ("GET", "PUT"):
        wire.answers(method, f"{ACCOUNT}/contacts/1", body, status=status)

    for call in (ask, change):
        with pytest.raises(error) as caught:
            call(chatwoot)
        assert type(caught.value) is error
        assert caught.value.status == status


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_unavailable_for_reads_and_unknown_for_writes(
    chatwoot: ChatwootClient, wire: Wire, status: int
) -> None:
    for method in ("GET", "PUT"):
        wire.adds(method, f"{ACCOUNT}/contacts/1", body="<html>", status=status, content_type="text/html")

    with pytest.raises(PartnerUnavailable):
        ask(chatwoot)
    with pytest.raises(EffectUnknown):
        change(chatwoot)


def test_a_time_out_is_unavailable_for_reads_and_unknown_for_writes(
    chatwoot: ChatwootClient, wire: Wire, log: CallLog
) -> None:
    for method in ("GET", "PUT"):
        wire.adds(method, f"{ACCOUNT}/contacts/1", body=requests.ReadTimeout())

    with pytest.raises(PartnerUnavailable):
        ask(chatwoot)
    with pytest.raises(EffectUnknown):
        change(chatwoot)

    assert [record.status for record in log.records] == [None, None]


@pytest.mark.parametrize(("headers", "seconds"), [({}, 60), ({"Retry-After": "7"}, 7)])
def test_a_throttled_call_comes_back_later(
    chatwoot: ChatwootClient, wire: Wire, headers: dict[str, str], seconds: int
) -> None:
    wire.adds("GET", f"{ACCOUNT}/contacts/1", body="Retry later\n", status=429, headers=headers)

    with pytest.raises(Paced) as caught:
        ask(chatwoot)

    left = caught.value.until - datetime.now(UTC)
    assert timedelta(seconds=seconds - 5) < left <= timedelta(seconds=seconds)


def test_an_html_404_is_a_wrong_address(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.adds("GET", f"{ACCOUNT}/contacts/1", body="<html>", status=404, content_type="text/html")

    with pytest.raises(PartnerMisconfigured) as caught:
        ask(chatwoot)

    assert caught.value.code == "unknown-route"


def test_an_html_200_is_a_failure(chatwoot: ChatwootClient, wire: Wire) -> None:
    wire.adds("GET", f"{ACCOUNT}/contacts/1", body="<html>", content_type="text/html")

    with pytest.raises(PartnerUnavailable) as caught:
        ask(chatwoot)

    assert caught.value.code == "not-json"


def test_a_failure_names_the_template_and_neither_account_nor_person(
    chatwoot: ChatwootClient, wire: Wire, log: CallLog, pace: FreePace
) -> None:
    wire.answers("GET", f"{ACCOUNT}/contacts/1", {"error": "Maria"}, status=404)

    with pytest.raises(PartnerGone) as caught:
        ask(chatwoot)

    assert str(caught.value) == "chatwoot GET /contacts/{id}: status 404 (not-found)"
    assert log.endpoints == ["GET /contacts/{id}"]
    assert (pace.asked, pace.learnt) == ([1], [])
