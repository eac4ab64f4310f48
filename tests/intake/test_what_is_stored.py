"""What an accepted delivery costs and leaves: one statement, an encrypted redacted body, nothing in the logs."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from bridge.models import DeliveryKey, WebhookBody, WebhookEvent
from tests.intake.clinic import (
    SECRET,
    TOKEN,
    Address,
    body,
    encoded,
    opened,
    raw,
    signed_headers,
    synced_lead,
)

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement of every connection, collected when the block ends."""
    found: list[str] = []
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in connections]
        yield found
        found += [query["sql"] for context in captured for query in context.captured_queries]


@pytest.mark.parametrize("event", ["message_created", "conversation_updated", "contact_updated.activity_only"])
def test_an_accepted_delivery_costs_one_statement(address: Address, event: str) -> None:
    address.deliver(raw(event))
    address.http.cookies.load({"sessionid": "somebodys-session", "csrftoken": "x" * 32})
    with statements() as found:
        assert address.deliver(raw(event)).status_code == 202
    assert len(found) == 1
    assert "INSERT INTO delivery_keys" in found[0]


def test_a_duplicate_an_ignored_type_and_a_refusal_cost_one_statement_too(address: Address) -> None:
    content = raw("message_created")
    headers = signed_headers(content)
    address.post(content, headers)
    for send in (
        lambda: address.post(content, headers),
        lambda: address.deliver(raw("conversation_typing_on")),
        lambda: address.deliver(content, secret="wrong"),
    ):
        with statements() as found:
            send()
        assert len(found) == 1


def test_a_hint_costs_one_statement(address: Address) -> None:
    synced_lead(address)
    form = b"event=lead.update.after&bridge_ref=cw-1-conv-4711"
    address.hint(form)
    with statements() as found:
        assert address.hint(form).status_code == 202
    assert len(found) == 1


def test_no_session_and_no_cookie_come_of_a_delivery(address: Address) -> None:
    response = address.deliver(raw("message_created"))
    assert not response.cookies
    assert "Cookie" not in response.headers.get("Vary", "")


def test_the_intake_is_cut_off_by_the_server_before_chatwoot_gives_up(transactional_db: None) -> None:
    with connections["intake"].cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("500ms", "300ms")


def test_the_body_is_redacted_and_encrypted_and_the_bytes_received_are_proven(address: Address) -> None:
    content = raw("message_created")
    address.deliver(content, timestamp="1794836525", delivery="7c0f9d3e")
    row = WebhookBody.objects.get()
    assert (bytes(row.sha256), row.length) == (hashlib.sha256(content).digest(), 3211)
    assert row.headers == {"X-Chatwoot-Delivery": "7c0f9d3e", "X-Chatwoot-Timestamp": "1794836525"}
    assert b"Mariana" not in row.sealed.blob
    kept = json.loads(opened(row))
    assert kept["sender"]["name"] == "Mariana Alves Teixeira"
    assert "pubsub_token" not in kept["conversation"]["contact_inbox"]
    assert WebhookEvent.objects.get().occurred_at.timestamp() == 1794836525


def test_the_headers_kept_are_only_the_two_that_tell_deliveries_apart(address: Address) -> None:
    content = raw("message_created")
    address.post(content, signed_headers(content) | {"Authorization": "Basic canary", "Cookie": "canary=1"})
    assert set(WebhookBody.objects.get().headers) == {"X-Chatwoot-Delivery", "X-Chatwoot-Timestamp"}


def test_hostile_text_in_every_field_can_be_stored(address: Address) -> None:
    hostile = "a\x00b\ud800c" * 50
    content = encoded_anyhow(
        body("contact_created", name=hostile, email=hostile, additional_attributes={hostile: hostile})
    )
    headers = signed_headers(content, delivery="é\x7f" * 60)
    assert address.post(content, headers).status_code == 202
    assert len(DeliveryKey.objects.get().key) <= 80
    assert json.loads(address.opened_bodies()[0])["email"] == hostile.replace("\ud800", "?")


def test_text_in_another_encoding_is_parked_as_it_came(address: Address) -> None:
    content = encoded(body()).decode().encode("latin-1", "replace")
    assert address.deliver(content).status_code == 202
    assert WebhookEvent.objects.get().cause == "UNREADABLE"
    assert "Olá".encode("latin-1") in address.opened_bodies()[0]


def test_another_accounts_body_is_not_kept(address: Address) -> None:
    address.set(chatwoot_account_id=99)
    address.deliver(raw("message_created"))
    assert WebhookEvent.objects.get().cause == "WRONG_ACCOUNT"
    assert WebhookBody.objects.get().sealed is None


def encoded_anyhow(content: dict) -> bytes:
    """JSON with escapes, which can hold what UTF-8 cannot."""
    return json.dumps(content).encode()


# Logs -----------------------------------------------------------------------------------------------------------------


def test_nothing_personal_and_no_secret_is_logged_whatever_happens(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("django.request").propagate = True
    content = raw("message_created")
    headers = signed_headers(content)
    address.post(content, headers)
    address.post(content, headers)
    address.deliver(content, secret="wrong-secret-canary")
    address.post(content, {})
    address.deliver(content[:-5])
    address.deliver(body(event="some_event"))
    address.deliver(b"x" * (5 * 1024 * 1024))
    address.hint(b"event=lead.update.after&title=canary-title&bridge_ref=cw-1-conv-4711")
    address.hint(b"", **{"X-Bridge-Token": "wrong-token-canary"})
    address.http.get(address.chatwoot_path)
    address.set(state="off")
    address.deliver(content)
    shown = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "webhook refused: signature wrong" in shown
    assert "webhook parked: UNREADABLE" in shown
    for canary in (
        "Mariana", "+5511900000017", "dermatologista", SECRET, TOKEN, headers["X-Chatwoot-Signature"],
        address.connection.public_id, "canary",
    ):  # fmt: skip
        assert canary not in shown
