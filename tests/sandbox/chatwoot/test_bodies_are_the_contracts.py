"""Every published body comes out of the rows it describes, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.chatwoot import encode_body, sign
from bridge.sandbox.chatwoot.example_account import PUBLIC_URL
from bridge.sandbox.chatwoot.payloads import Bodies, Event

from .examples import CONTRACT, SIGNATURES, body, raw, store_of

EXAMPLES = sorted(path.stem for path in (CONTRACT / "raw").glob("*.json"))


def bodies_of(example: Any, version: tuple[int, ...] = (4, 15, 1)) -> Bodies:
    return Bodies(store_of(example), version=version, public_url=PUBLIC_URL)


def event_of(example: Any) -> Event:
    name = example["event"]
    object_id = example.get("id", 12)
    if name.startswith(("conversation_", "macro", "automation")):
        object_id = 1
    extra = {"user_id": 21, "is_private": False, "event_info": example.get("event_info")}
    return Event(name, 3, object_id, example.get("changed_attributes"), extra)


# The channel of an inbox has other times than the inbox in the example; the sandbox keeps one pair.
@pytest.mark.parametrize("name", [name for name in EXAMPLES if not name.startswith("inbox_")])
def test_a_body_has_the_published_bytes(name: str) -> None:
    example = body(name)
    assert encode_body(bodies_of(example).build(event_of(example))).decode() == raw(name).decode()


@pytest.mark.parametrize("name", ["inbox_created", "inbox_updated"])
def test_an_inbox_body_has_the_published_content(name: str) -> None:
    example = body(name)
    built = bodies_of(example).build(event_of(example))
    for channel in (built["channel"], example["channel"]):
        del channel["created_at"], channel["updated_at"]
    assert built == example
    assert list(built) == list(example)
    assert list(built["working_hours"][0]) == list(example["working_hours"][0])


@pytest.mark.parametrize("delivery", SIGNATURES["deliveries"], ids=lambda delivery: delivery["file"])
def test_the_published_signatures_come_out(delivery: Any) -> None:
    content = (CONTRACT / delivery["file"]).read_bytes()
    computed = sign(SIGNATURES["secret"], SIGNATURES["timestamp"], content)
    assert len(content) == delivery["bytes"]
    assert delivery["signature"] in (computed, None)


def test_five_characters_are_escaped_as_rails_does_it() -> None:
    assert encode_body({"text": "<a> & b\u2028\u2029 é\n"}) == (
        '{"text":"\\u003ca\\u003e \\u0026 b\\u2028\\u2029 é\\n"}'.encode()
    )


def test_old_versions_send_no_account_in_conversations() -> None:
    example = body("conversation_created")
    assert "account" not in bodies_of(example, (4, 14, 1)).build(event_of(example))
    assert bodies_of(example, (4, 14, 2)).build(event_of(example))["account"]["id"] == 3


def test_a_contact_who_types_appears_in_webhook_form() -> None:
    example = body("conversation_typing_on")
    event = Event("conversation_typing_on", 3, 1, None, {"user_id": None, "is_private": False})
    assert list(bodies_of(example).build(event)["user"]) == list(body("message_created")["sender"])
