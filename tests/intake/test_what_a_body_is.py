"""Judging verified bodies: ours or not, work or parked, and what of them may be stored."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.causes import Cause
from bridge.models import WebhookEvent
from bridge.models.inbound import NO_LANE
from bridge.webhooks.chatwoot import MAX_ID, judge
from bridge.webhooks.intake import KEY_LENGTH, Finding, delivery_key
from bridge.webhooks.redaction import MAX_DEPTH, redacted, scrubbed
from tests.intake.clinic import ACCOUNT_ID, CONTACT_ID, CONTRACT, CONVERSATION_ID, INBOX_ID, body, encoded, raw

Status = WebhookEvent.Status


@dataclass(frozen=True)
class Scope:
    account_id: int = ACCOUNT_ID
    inboxes: frozenset[int] = frozenset({INBOX_ID})

    def serves_inbox(self, inbox_id: int | None) -> bool:
        return inbox_id is None or inbox_id in self.inboxes


def judged(content: object) -> Finding:
    return judge(content if isinstance(content, bytes) else encoded(content), Scope())


def nested(depth: int) -> bytes:
    return b'{"event":"contact_created","id":5,"deep":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("event", "conversation_id"),
    [
        ("contact_created", None),
        ("contact_updated", None),
        ("conversation_created", CONVERSATION_ID),
        ("conversation_status_changed", CONVERSATION_ID),
        ("conversation_updated", CONVERSATION_ID),
        ("conversation_updated.assignee", CONVERSATION_ID),
        ("conversation_updated.status", CONVERSATION_ID),
        ("message_created", CONVERSATION_ID),
        ("message_created.outgoing", CONVERSATION_ID),
        ("message_created.private_note", CONVERSATION_ID),
        ("message_created.template", CONVERSATION_ID),
        ("message_updated", CONVERSATION_ID),
        ("message_updated.deleted", CONVERSATION_ID),
    ],
)
def test_recorded_events_are_work_in_the_lane_of_their_contact(event: Any, conversation_id: int | None) -> None:
    found = judged(raw(event))
    assert (found.event_type, found.lane_key) == (event.partition(".")[0], f"c:{CONTACT_ID}")
    assert (found.status, found.cause, found.dropped) == (Status.RECEIVED, "", "")
    assert (found.contact_id, found.conversation_id) == (CONTACT_ID, conversation_id)


@pytest.mark.parametrize(
    "event",
    ["webwidget_triggered", "inbox_created", "inbox_updated", "conversation_typing_on", "conversation_typing_off"],
)
def test_events_that_change_nothing_are_dropped(event: Any) -> None:
    assert judged(raw(event)) == Finding(event_type=event, dropped="ignored")


def test_a_contact_that_was_only_active_is_kept_as_ignored_without_its_body() -> None:
    found = judged(raw("contact_updated.activity_only"))
    assert (found.status, found.body, found.lane_key) == (Status.IGNORED, None, f"c:{CONTACT_ID}")


@pytest.mark.parametrize(
    "changes",
    [None, [], {}, "last_activity_at", [{}], [None], [{"last_activity_at": {}}, {"name": {}}], [["last_activity_at"]]],
)
def test_any_other_change_of_a_contact_is_work(changes: Any) -> None:
    assert judged(body("contact_updated", changed_attributes=changes)).status is Status.RECEIVED


def test_every_recorded_body_is_tried_here() -> None:
    assert len(list((CONTRACT / "raw").iterdir())) == 21


def test_another_account_is_shown_without_keeping_its_data() -> None:
    found = judged(body(account={"id": 99, "name": "Outra clínica"}))
    assert (found.status, found.cause) == (Status.PARKED, Cause.WRONG_ACCOUNT)
    assert (found.body, found.contact_id, found.conversation_id) == (None, None, None)


def test_a_foreign_inbox_is_dropped() -> None:
    content = body()
    content["conversation"]["inbox_id"] = 8
    assert judged(content).dropped == "foreign"


def test_the_inbox_is_found_in_the_short_form_too() -> None:
    content = body(inbox={"id": 8, "name": "Financeiro"})
    del content["conversation"]["inbox_id"]
    assert judged(content).dropped == "foreign"


def test_a_conversation_of_older_versions_names_no_account_and_is_accepted() -> None:
    content = body("conversation_created")
    del content["account"]  # before v4.14.2
    assert judged(content).status is Status.RECEIVED


@pytest.mark.parametrize(
    "event", ["macro.executed", "automation_event.conversation_created", "inbox_removed", "x" * 300]
)
def test_an_event_of_unknown_type_is_parked_with_its_body(event: Any) -> None:
    found = judged(body("conversation_created", event=event))
    assert (found.status, found.cause) == (Status.PARKED, Cause.UNKNOWN_TYPE)
    assert found.event_type == event[:60]
    assert found.body


@pytest.mark.parametrize("event", [None, 7, True, "", "\x00", ["message_created"], {"message_created": 1}])
def test_a_body_without_an_event_name_is_unreadable(event: Any) -> None:
    found = judged(body(event=event))
    assert (found.status, found.cause, found.event_type) == (Status.PARKED, Cause.UNREADABLE, "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe{",
        b'{"event": NaN',
        b"9" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
    ids=repr,
)
def test_what_is_no_json_object_is_parked_as_it_came(content: bytes) -> None:
    found = judged(content[:6000])
    assert (found.status, found.cause, found.lane_key) == (Status.PARKED, Cause.UNREADABLE, NO_LANE)
    assert found.body == content


@pytest.mark.parametrize("contact_id", [None, 0, -1, True, "4182", 1.5, MAX_ID + 1, 10**4000, [4182], {"id": 4182}])
def test_without_a_usable_contact_number_an_event_is_parked_with_its_body(contact_id: Any) -> None:
    found = judged(body("contact_created", id=contact_id))
    assert (found.status, found.cause, found.lane_key) == (Status.PARKED, Cause.UNREADABLE, NO_LANE)
    assert b"contact_created" in (found.body or b"")


def test_the_largest_number_postgresql_holds_is_usable() -> None:
    assert judged(body("contact_created", id=MAX_ID)).lane_key == f"c:{MAX_ID}"


@pytest.mark.parametrize("key", ["conversation", "account", "inbox"])
@pytest.mark.parametrize("value", [None, 7, "text", [], {}, [{"id": 1}]])
def test_parts_of_another_type_are_never_an_error(key: str, value: Any) -> None:
    assert judged(body(**{key: value})).status in Status


def test_a_body_nested_too_deeply_is_parked_with_everything_above() -> None:
    found = judged(nested(MAX_DEPTH + 40))
    assert (found.status, found.cause, found.lane_key) == (Status.PARKED, Cause.UNREADABLE, "c:5")
    assert json.loads(found.body or b"")["event"] == "contact_created"
    assert judged(nested(MAX_DEPTH - 2)).status is Status.RECEIVED


def test_a_body_nested_beyond_the_parser_is_parked() -> None:
    found = judged(nested(100_000))
    assert (found.status, found.cause) == (Status.PARKED, Cause.UNREADABLE)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["message_created", "contact_created", "contact_updated", "conversation_updated", "other"])
KEYS = st.sampled_from(["id", "account", "inbox", "conversation", "meta", "private", "changed_attributes", "channel"])


@given(event=NAMES | JSON, parts=st.dictionaries(KEYS, JSON), inner=st.dictionaries(KEYS, JSON))
def test_no_json_makes_the_judge_raise(event: Any, parts: dict[str, Any], inner: dict[str, Any]) -> None:
    content = {**parts, "event": event, "meta": {"sender": inner}}
    found = judged(json.dumps(content).encode())
    assert found.dropped in ("", "ignored", "foreign")
    assert len(found.event_type) <= 60
    assert found.body is None or json.loads(found.body)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_judge_raise(content: bytes) -> None:
    assert judged(content).status in (Status.PARKED, Status.RECEIVED)


# What may be stored ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", sorted(p.stem for p in (CONTRACT / "raw").iterdir()))
def test_no_credential_of_a_recorded_body_is_kept(event: Any) -> None:
    kept = redacted(json.loads(raw(event))).data
    for canary in (b"pubsub", b"hmac_token", b"exemploSegredo", b"rails/active_storage", b"203.0.113.24"):
        assert canary not in kept


def test_the_text_of_a_private_note_is_not_kept_but_its_conversation_is() -> None:
    found = judged(raw("message_created.private_note"))
    assert b"carteirinha" not in (found.body or b"")
    assert json.loads(found.body or b"")["conversation"]["id"] == CONVERSATION_ID


def test_everything_else_of_a_message_is_kept() -> None:
    kept, came = json.loads(judged(raw("message_created")).body or b""), body()
    assert {key: kept[key] for key in ("id", "content", "message_type", "created_at", "inbox")} == {
        key: came[key] for key in ("id", "content", "message_type", "created_at", "inbox")
    }
    assert kept["conversation"]["channel"] == "Channel::Whatsapp"


def test_the_channel_row_of_an_inbox_is_not_kept() -> None:
    content = body("inbox_created", event="inbox_removed")
    content["channel"]["webhook_verify_token"] = "canary"
    assert b"canary" not in redacted(content).data


def test_a_cut_off_body_keeps_no_recognisable_credential() -> None:
    content = raw("message_created")
    for end in range(content.index(b"pubsub_token"), content.index(b"pubsub_token") + 60):
        kept = scrubbed(content[:end])
        assert b"exemplo2pub" not in kept
        assert kept.startswith(content[:200])


def test_lone_surrogates_and_nul_can_be_stored() -> None:
    content = b'{"event":"contact_created","id":5,"name":"a\\ud800b\\u0000c"}'
    assert json.loads(judged(content).body or b"")["name"] == "a?b\x00c"


# Delivery keys --------------------------------------------------------------------------------------------------------


def test_a_delivery_id_is_its_own_key() -> None:
    assert delivery_key("7c0f9d3e-52a1-4b8e-9f43-0d6c2a5b1e77", "1", b"") == "7c0f9d3e-52a1-4b8e-9f43-0d6c2a5b1e77"


def test_without_an_id_the_key_is_made_of_time_and_body() -> None:
    keys = {delivery_key("", timestamp, content) for timestamp in ("1", "2") for content in (b"a", b"b")}
    assert len(keys) == 4
    assert delivery_key("", "1", b"a") in keys


@given(
    one=st.text(st.characters(max_codepoint=255), min_size=1, max_size=300),
    other=st.text(st.characters(max_codepoint=255), min_size=1, max_size=300),
)
def test_different_ids_never_share_a_key_and_keys_fit_their_column(one: str, other: str) -> None:
    first, second = delivery_key(one, "1", b""), delivery_key(other, "1", b"")
    assert (first == second) == (one == other)
    assert len(first) <= KEY_LENGTH
    assert "\x00" not in first


def test_ids_that_differ_beyond_the_column_are_told_apart() -> None:
    assert delivery_key("x" * 200 + "a", "1", b"") != delivery_key("x" * 200 + "b", "1", b"")
