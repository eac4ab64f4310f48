"""The answers of DESIGN section 3: statuses, JSON bodies, and what each leaves behind."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.models import Connection, DeliveryKey, Lane, LaneAlias, Partner, WebhookBody, WebhookEvent
from tests.intake.clinic import (
    CONTACT_ID,
    SECRET,
    TOKEN,
    Address,
    body,
    encoded,
    make_address,
    raw,
    signed_headers,
    synced_lead,
)

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LANE = f"c:{CONTACT_ID}"


def nothing_stored() -> bool:
    return not any(model.objects.exists() for model in (WebhookEvent, WebhookBody, DeliveryKey, Lane))


def answer(response: HttpResponse) -> tuple[int, dict]:
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content)


# Accepted -------------------------------------------------------------------------------------------------------------


def test_a_signed_delivery_is_accepted_and_marks_its_lane(address: Address) -> None:
    assert answer(address.deliver(raw("message_created"))) == (202, {"status": "accepted"})
    event = WebhookEvent.objects.get()
    assert (event.status, event.verification, event.arrived_by) == ("received", "signed", "webhook")
    assert (event.lane_key, event.event_type, event.conversation_id) == (LANE, "message_created", 1287)
    assert address.dirty() == {LANE: 1}


def test_the_same_delivery_again_is_accepted_and_changes_nothing(address: Address) -> None:
    content = raw("message_created")
    headers = signed_headers(content)
    assert answer(address.post(content, headers)) == (202, {"status": "accepted"})
    assert answer(address.post(content, headers)) == (202, {"status": "duplicate"})
    assert WebhookEvent.objects.count() == 1
    assert address.dirty() == {LANE: 1}
    assert address.counted() == {"duplicate": 1}


def test_a_delivery_sent_again_with_a_new_time_is_a_duplicate(address: Address) -> None:
    content = raw("message_created")
    address.deliver(content, delivery="7c0f9d3e", timestamp="1794836525")
    assert answer(address.deliver(content, delivery="7c0f9d3e"))[1] == {"status": "duplicate"}
    assert WebhookEvent.objects.count() == 1


def test_the_same_event_under_a_new_delivery_id_marks_the_lane_again(address: Address) -> None:
    address.deliver(raw("message_created"))
    address.deliver(raw("message_created"))
    assert address.dirty() == {LANE: 2}


def test_one_delivery_id_at_two_connections_is_stored_twice(address: Address) -> None:
    other = make_address("Unidade Moema")
    for place in (address, other):
        assert answer(place.deliver(raw("message_created"), delivery="same"))[1] == {"status": "accepted"}
    assert WebhookEvent.objects.count() == 2


def test_two_long_delivery_ids_with_the_same_beginning_are_two_deliveries(address: Address) -> None:
    for ending in "ab":
        assert address.deliver(raw("message_created"), delivery="x" * 500 + ending).status_code == 202
    assert address.dirty() == {LANE: 2}


def test_a_delivery_without_an_id_is_stored_once(address: Address) -> None:
    content = raw("message_created")
    headers = signed_headers(content)
    del headers["X-Chatwoot-Delivery"]
    statuses = [answer(address.post(content, headers))[1]["status"] for _ in range(2)]
    assert statuses == ["accepted", "duplicate"]


@pytest.mark.parametrize("event", ["webwidget_triggered", "inbox_created", "conversation_typing_on"])
def test_ignored_types_are_answered_202_and_only_counted(address: Address, event: Any) -> None:
    assert answer(address.deliver(raw(event))) == (202, {"status": "ignored"})
    assert nothing_stored()
    assert address.counted() == {"ignored": 1}


def test_a_foreign_inbox_is_answered_202_and_only_counted(address: Address) -> None:
    address.set(inbox_ids=[8])
    assert answer(address.deliver(raw("message_created"))) == (202, {"status": "ignored"})
    assert nothing_stored()
    assert address.counted() == {"foreign": 1}


def test_every_inbox_may_be_served(address: Address) -> None:
    address.set(inbox_ids=[], all_inboxes=True)
    assert answer(address.deliver(raw("message_created")))[1] == {"status": "accepted"}


def test_a_merged_contact_marks_the_lane_of_the_one_that_survived(address: Address) -> None:
    LaneAlias.objects.create(connection=address.connection, lane_key=LANE, canonical="c:9")
    address.deliver(raw("message_created"))
    assert address.dirty() == {"c:9": 1}


# A validly signed call is never refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamp", ["1", "99999999999", "999999999999", "never", "-1", "1.5", "é", "0" * 300])
def test_a_signed_call_outside_the_time_window_is_kept_and_shown_as_late(address: Address, timestamp: str) -> None:
    assert answer(address.deliver(raw("message_created"), timestamp=timestamp)) == (202, {"status": "accepted"})
    event = WebhookEvent.objects.get()
    assert (event.status, event.verification) == ("received", "late")
    assert address.dirty() == {LANE: 1}
    assert WebhookBody.objects.get().headers["X-Chatwoot-Timestamp"] == timestamp[:200]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"{", "UNREADABLE"),
        (b"", "UNREADABLE"),
        (b"[" * 200_000, "UNREADABLE"),
        (b'{"event":"contact_created","id":1' + b"0" * 4000 + b"}", "UNREADABLE"),
        (b'{"event":"agent_created","id":1}', "UNKNOWN_TYPE"),
        (b'{"event":"contact_created","id":1,"account":{"id":99}}', "WRONG_ACCOUNT"),
        (b'{"event":"contact_\\u0000\\ud800created","id":1}', "UNKNOWN_TYPE"),
    ],
    ids=["cut", "empty", "deep", "huge number", "unknown type", "other account", "hostile name"],
)
def test_a_signed_call_that_is_no_work_is_parked_with_its_cause(address: Address, content: bytes, cause: str) -> None:
    assert answer(address.deliver(content)) == (202, {"status": "accepted"})
    event = WebhookEvent.objects.get()
    assert (event.status, event.cause, event.lane_key) == ("parked", cause, "-")
    assert WebhookBody.objects.get().length == len(content)
    assert address.dirty() == {}


@pytest.mark.parametrize("state", [Connection.State.SHADOW, Connection.State.PAUSED])
def test_a_connection_that_does_not_write_still_receives(address: Address, state: str) -> None:
    address.set(state=state)
    assert address.deliver(raw("message_created")).status_code == 202
    assert address.dirty() == {LANE: 1}


def test_a_body_of_just_the_limit_is_accepted(address: Address) -> None:
    content = body()
    content["conversation"]["custom_attributes"] = {"filler": ""}
    content["conversation"]["custom_attributes"]["filler"] = "x" * (
        settings.CHATWOOT_BODY_LIMIT - len(encoded(content))
    )
    data = encoded(content)
    assert len(data) == 4 * 1024 * 1024
    assert address.deliver(data).status_code == 202
    assert WebhookBody.objects.get().length == len(data)


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["X-Chatwoot-Signature", "X-Chatwoot-Timestamp"])
@pytest.mark.parametrize("is_empty", [True, False])
def test_without_signature_or_time_the_answer_is_401(address: Address, missing: str, is_empty: bool) -> None:
    content = raw("message_created")
    headers = signed_headers(content)
    del headers[missing]
    if is_empty:
        headers[missing] = ""
    assert answer(address.post(content, headers)) == (401, {"error": "signature missing"})
    assert nothing_stored()
    assert address.counted() == {"signature missing": 1}


@pytest.mark.parametrize("event", ["macro.executed", "automation_event.conversation_created"])
def test_calls_of_macros_and_rules_are_unsigned_and_refused(address: Address, event: Any) -> None:
    assert address.post(raw(event), {}).status_code == 401
    assert nothing_stored()


@pytest.mark.parametrize("wrong", ["sha256=" + "0" * 64, "sha256=", "no", "\x00", "é", "sha256=" + "A" * 64])
def test_a_wrong_signature_is_403(address: Address, wrong: str) -> None:
    content = raw("message_created")
    headers = signed_headers(content) | {"X-Chatwoot-Signature": wrong}
    assert answer(address.post(content, headers)) == (403, {"error": "signature wrong"})
    assert nothing_stored()
    assert address.counted() == {"signature wrong": 1}


def test_a_body_signed_with_another_clinics_secret_is_403(address: Address) -> None:
    other = make_address("Unidade Moema")
    other.add_secret(Partner.CHATWOOT, "the-other-clinics-own-secret")
    content = raw("message_created")
    headers = signed_headers(content, secret="the-other-clinics-own-secret")
    assert address.post(content, headers).status_code == 403
    assert other.post(content, headers).status_code == 202


def test_a_krayin_token_signs_nothing(address: Address) -> None:
    assert address.deliver(raw("message_created"), secret=TOKEN).status_code == 403
    assert address.hint(b"", **{"X-Bridge-Token": SECRET}).status_code == 403


@pytest.mark.parametrize("partner", ["chatwoot", "krayin"])
@pytest.mark.parametrize(
    "public_id", ["unknown", "x" * 64, "x" * 5000, "a%00b", "%F0%9F%92%89", "a.b", "..", "%27%3B--", "a b"]
)
def test_an_unknown_address_is_404_whatever_its_name(address: Address, partner: str, public_id: str) -> None:
    content = raw("message_created")
    response = Client().generic(
        "POST",
        f"/webhooks/{partner}/{public_id}/",
        content,
        headers=signed_headers(content) | {"X-Bridge-Token": TOKEN},
    )
    assert answer(response) == (404, {"error": "unknown connection"})
    assert nothing_stored()


def test_a_draft_does_not_exist_yet(address: Address) -> None:
    address.set(state=Connection.State.DRAFT)
    assert answer(address.deliver(raw("message_created"))) == (404, {"error": "unknown connection"})
    assert address.hint(b"").status_code == 404


def test_a_connection_that_is_off_answers_410_and_counts_what_is_lost(address: Address) -> None:
    address.set(state=Connection.State.OFF)
    assert answer(address.deliver(raw("message_created"))) == (410, {"error": "connection off"})
    assert answer(address.hint(b"")) == (410, {"error": "connection off"})
    assert nothing_stored()
    assert address.counted() == {"connection off": 2}


def test_a_body_above_the_limit_is_413(address: Address) -> None:
    content = b"x" * (settings.CHATWOOT_BODY_LIMIT + 1)
    assert answer(address.deliver(content)) == (413, {"error": "body too large"})
    assert nothing_stored()
    assert address.counted() == {"body too large": 1}


def test_a_body_above_djangos_own_limit_is_413_too(address: Address) -> None:
    content = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE > settings.CHATWOOT_BODY_LIMIT
    assert address.deliver(content).status_code == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_is_taken(address: Address, method: str) -> None:
    response = address.http.generic(method, address.chatwoot_path)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.headers["Content-Type"] == "application/json"


# Krayin ---------------------------------------------------------------------------------------------------------------


def test_a_hint_marks_the_lane_of_its_record(address: Address) -> None:
    synced_lead(address)
    form = b"event=lead.update.after&bridge_ref=CW-1-conv-4711"
    assert answer(address.hint(form)) == (202, {"status": "accepted"})
    event = WebhookEvent.objects.get()
    assert (event.event_type, event.status, event.verification) == ("krayin:lead.update.after", "observed", "token")
    assert address.dirty() == {LANE: 1}
    assert not WebhookBody.objects.exists()


def test_hints_have_no_key_and_their_marks_coalesce(address: Address) -> None:
    synced_lead(address)
    for _ in range(3):
        address.hint(b"event=lead.update.after&bridge_ref=cw-1-conv-4711")
    assert address.dirty() == {LANE: 3}
    assert Lane.objects.count() == 1
    assert not DeliveryKey.objects.exists()


def test_a_hint_about_a_merged_contact_marks_the_lane_that_survived(address: Address) -> None:
    synced_lead(address)
    LaneAlias.objects.create(connection=address.connection, lane_key=LANE, canonical="c:9")
    address.hint(b"event=lead.update.after&bridge_ref=cw-1-conv-4711")
    assert address.dirty() == {"c:9": 1}


@pytest.mark.parametrize(
    "content", [b"", b"event=lead.update.after", b"event=x&bridge_ref=unknown", b'{"a"', b"\x00\xff"]
)
def test_a_hint_about_nothing_we_know_is_accepted_and_counted(address: Address, content: bytes) -> None:
    synced_lead(address)
    assert answer(address.hint(content)) == (202, {"status": "ignored"})
    assert nothing_stored()
    assert address.counted() == {"hint_unknown": 1}


def test_a_hint_never_reaches_another_connections_record(address: Address) -> None:
    other = make_address("Unidade Moema")
    synced_lead(other)
    assert answer(address.hint(b"event=lead.update.after&bridge_ref=cw-1-conv-4711"))[1] == {"status": "ignored"}
    assert nothing_stored()


def test_a_hint_may_bring_its_token_as_bearer(address: Address) -> None:
    synced_lead(address)
    response = address.hint(b"bridge_ref=cw-1-conv-4711", Authorization=f"Bearer {TOKEN}")
    assert response.status_code == 202


def test_a_hint_without_token_is_401(address: Address) -> None:
    assert answer(address.hint(b"", **{"X-Other": "1"})) == (401, {"error": "token missing"})
    assert address.counted() == {"token missing": 1}


@pytest.mark.parametrize("token", ["wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "é", "\x00"])
def test_a_hint_with_a_wrong_token_is_403(address: Address, token: str) -> None:
    synced_lead(address)
    response = address.hint(b"bridge_ref=cw-1-conv-4711", **{"X-Bridge-Token": token})
    assert answer(response) == (403, {"error": "token wrong"})
    assert nothing_stored()
    assert address.counted() == {"token wrong": 1}


def test_a_hint_above_64_kib_is_413(address: Address) -> None:
    synced_lead(address)
    form = b"bridge_ref=cw-1-conv-4711&filler="
    limit = 64 * 1024
    assert address.hint(form + b"x" * (limit - len(form))).status_code == 202
    assert answer(address.hint(form + b"x" * (limit - len(form) + 1))) == (413, {"error": "body too large"})
    assert address.dirty() == {LANE: 1}


# Whatever arrives -----------------------------------------------------------------------------------------------------

WIRE_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=120)
LOOSELY = hypothesis_settings(max_examples=60, deadline=None)


def test_no_headers_and_no_bytes_are_an_error(address: Address) -> None:
    @LOOSELY
    @given(timestamp=WIRE_TEXT, given_signature=WIRE_TEXT, delivery=WIRE_TEXT, token=WIRE_TEXT, content=st.binary())
    def check(timestamp: str, given_signature: str, delivery: str, token: str, content: bytes) -> None:
        headers = {
            "X-Chatwoot-Timestamp": timestamp,
            "X-Chatwoot-Signature": given_signature,
            "X-Chatwoot-Delivery": delivery,
        }
        assert address.post(content, headers).status_code in (401, 403, 429)
        assert address.hint(content, **{"X-Bridge-Token": token}).status_code in (401, 403, 429)

    check()
    assert nothing_stored()


def test_whatever_is_signed_is_taken(address: Address) -> None:
    @LOOSELY
    @given(timestamp=WIRE_TEXT.filter(bool), delivery=WIRE_TEXT, content=st.binary())
    def check(timestamp: str, delivery: str, content: bytes) -> None:
        before = WebhookEvent.objects.count()
        status, body = answer(address.deliver(content, timestamp=timestamp, delivery=delivery))
        assert status == 202
        assert WebhookEvent.objects.count() == before + (body["status"] == "accepted")

    check()


def test_whatever_krayin_sends_with_its_token_is_taken(address: Address) -> None:
    @LOOSELY
    @given(content=st.binary(), kind=WIRE_TEXT)
    def check(content: bytes, kind: str) -> None:
        assert address.hint(content, kind=kind).status_code == 202

    check()
    assert nothing_stored()
