"""Contract Krayin 13.3 and 13.7: every form a call really takes is read, and none raises."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.webhooks.krayin import Hint, parse, token_of

SAMPLES = Path(__file__).parents[1] / "contracts" / "krayin" / "samples"
CALLS = {
    path.stem.removeprefix("webhook_out_"): json.loads(path.read_text(encoding="utf-8"))["received"]
    for path in sorted(SAMPLES.glob("webhook_out_*.json"))
}
SENT = {name: call for name, call in CALLS.items() if call}  # 2.1.0 sends nothing when quotes break the payload
WITHOUT_REFERENCE = ("activity", "quote", "broken_quotes")


def test_all_recorded_calls_are_here() -> None:
    assert len(CALLS) == 30
    assert set(CALLS) - set(SENT) == {"v2.1.0_broken_quotes"}


@pytest.mark.parametrize("name", [n for n in SENT if not any(w in n for w in WITHOUT_REFERENCE)])
def test_event_and_own_key_are_read_from_every_recorded_form(name: str) -> None:
    call = SENT[name]
    hint = parse(call["raw_body"].encode())
    expected = call.get("decoded_form") or {}
    references = {"cw-1-conv-4711", "cw-1-contact-302", ""}
    assert hint.event == expected.get("event", "lead.update.after")
    assert hint.ref in references
    assert hint.ref == (expected.get("bridge_ref") or expected.get("chatwoot_contact_ref") or "") or not expected


@pytest.mark.parametrize("name", [n for n in SENT if "_encoding_" in n])
def test_all_encodings_of_one_call_say_the_same(name: str) -> None:
    assert parse(SENT[name]["raw_body"].encode()) == Hint("lead.update.after", "cw-1-conv-4711")


@pytest.mark.parametrize("name", [n for n in SENT if any(w in n for w in WITHOUT_REFERENCE)])
def test_a_call_without_own_key_has_no_reference(name: str) -> None:
    assert parse(SENT[name]["raw_body"].encode()).ref == ""


@pytest.mark.parametrize(
    "content",
    [
        b"event=lead.update.after&bridge_ref=%7B%25leads.bridge_ref%25%7D",
        b'{"event":"lead.update.after","bridge_ref":"{%leads.bridge_ref%}"}',
        b'[{"key":"event","value":"lead.update.after"},{"key":"bridge_ref","value":"{% leads.bridge_ref %}"}]',
    ],
)
def test_a_literal_placeholder_is_no_reference(content: bytes) -> None:
    assert parse(content) == Hint("lead.update.after", "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b'""',
        b'[1,null,{"key":["event"],"value":1},{"value":2}]',
        b'{"event":{"a":1},"bridge_ref":["x"]}',
        b'"' * 9,
        b"\xff\x00=\x00",
        b"&&==&",
        b"[" * 60_000,
        b'{"event":' + b"9" * 5000 + b"}",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_call_that_says_nothing_is_an_empty_hint(content: bytes) -> None:
    assert parse(content) == Hint("", "")


def test_hostile_values_become_plain_bounded_text() -> None:
    hint = parse(json.dumps({"event": "e\x00\ud800" * 100, "bridge_ref": "r\x00" * 500}).encode())
    assert hint == Hint(("e?" * 100)[:52], "r" * 200)


@given(st.binary(max_size=400))
def test_no_bytes_raise(content: bytes) -> None:
    hint = parse(content)
    assert "\x00" not in hint.event + hint.ref
    assert len(hint.event) <= 52


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_no_json_raises(content: bytes) -> None:
    hint = parse(json.dumps(content).encode())
    assert isinstance(hint.ref, str)


@pytest.mark.parametrize(
    ("bridge_token", "authorization", "token"),
    [
        ("abc", "", "abc"),
        ("", "Bearer abc", "abc"),
        ("", "bearer  abc ", "abc"),
        ("abc", "Bearer other", "abc"),
        ("", "Basic YWJj", ""),
        ("", "Bearer", ""),
        ("", "abc", ""),
        ("", "", ""),
    ],
)
def test_the_token_may_come_in_either_header(bridge_token: str, authorization: str, token: str) -> None:
    assert token_of(bridge_token, authorization) == token
