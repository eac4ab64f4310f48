"""Contract Chatwoot 2: the signed examples verify; whatever else arrives does not, and nothing raises."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.webhooks.signing import Secret, matching_secret, matching_token, signature, signed_at
from tests.intake.clinic import CONTRACT, SECRET, SIGNED, raw

TIMESTAMP = SIGNED["timestamp"]
MINE = Secret(1, SECRET.encode())
DELIVERIES = [d for d in SIGNED["deliveries"] if d["signature"]]
EXAMPLE = raw("message_created")
GENUINE = signature(MINE.value, TIMESTAMP.encode(), EXAMPLE).decode()
WIRE_TEXT = st.text(st.characters(max_codepoint=255))
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included


def is_mine(timestamp: str, given_signature: str, body: bytes) -> bool:
    return matching_secret([MINE], timestamp, given_signature, body) is not None


@pytest.mark.parametrize("delivery", DELIVERIES, ids=lambda d: d["file"])
def test_every_signed_example_verifies(delivery: dict[str, Any]) -> None:
    content = (CONTRACT / delivery["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == delivery["sha256"]
    assert matching_secret([MINE], TIMESTAMP, delivery["signature"], content) is MINE


def test_the_examples_are_all_there() -> None:
    assert len(DELIVERIES) >= 18
    assert {d["file"] for d in SIGNED["deliveries"]} == {f"raw/{p.name}" for p in (CONTRACT / "raw").iterdir()}


def test_a_body_parsed_and_written_again_does_not_verify() -> None:
    content = raw("message_created.outgoing")
    again = json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":")).encode()
    header = signature(MINE.value, TIMESTAMP.encode(), content).decode()
    assert len(content) - len(again) == 15
    assert not is_mine(TIMESTAMP, header, again)


def test_a_signature_over_the_body_alone_does_not_verify() -> None:
    alone = "sha256=" + hmac.new(MINE.value, EXAMPLE, hashlib.sha256).hexdigest()
    assert not is_mine(TIMESTAMP, alone, EXAMPLE)


@pytest.mark.parametrize(
    "header",
    [GENUINE.removeprefix("sha256="), GENUINE.upper(), GENUINE[:-1], GENUINE + "0", f" {GENUINE}", "sha256=", "é" * 71],
)
def test_another_form_of_the_same_signature_does_not_verify(header: str) -> None:
    assert is_mine(TIMESTAMP, GENUINE, EXAMPLE)
    assert not is_mine(TIMESTAMP, header, EXAMPLE)


def test_the_secret_of_another_clinic_does_not_verify() -> None:
    assert matching_secret([Secret(2, b"another-clinics-secret")], TIMESTAMP, GENUINE, EXAMPLE) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_while_two_secrets_live_each_is_recognised_wherever_it_stands(order: tuple[int, int]) -> None:
    old, new = Secret(1, b"the-old-secret"), Secret(2, b"the-new-secret")
    both = [(old, new)[i] for i in order]
    for secret in (old, new):
        header = signature(secret.value, TIMESTAMP.encode(), EXAMPLE).decode()
        assert matching_secret(both, TIMESTAMP, header, EXAMPLE) is secret


@given(bit=st.integers(0, len(EXAMPLE) * 8 - 1))
def test_no_changed_bit_of_the_body_passes(bit: int) -> None:
    changed = bytearray(EXAMPLE)
    changed[bit // 8] ^= 1 << bit % 8
    assert not is_mine(TIMESTAMP, GENUINE, bytes(changed))


@given(bit=st.integers(0, len(GENUINE) * 8 - 1))
def test_no_changed_bit_of_the_signature_passes(bit: int) -> None:
    changed = bytearray(GENUINE.encode())
    changed[bit // 8] ^= 1 << bit % 8
    assert not is_mine(TIMESTAMP, changed.decode("latin-1"), EXAMPLE)


@given(bit=st.integers(0, len(TIMESTAMP) * 8 - 1))
def test_no_changed_bit_of_the_time_passes(bit: int) -> None:
    changed = bytearray(TIMESTAMP.encode())
    changed[bit // 8] ^= 1 << bit % 8
    assert not is_mine(changed.decode("latin-1"), GENUINE, EXAMPLE)


@given(moved=st.integers(1, 9))
def test_bytes_moved_between_time_and_body_do_not_pass(moved: int) -> None:
    assert not is_mine(TIMESTAMP[:-moved], GENUINE, TIMESTAMP[-moved:].encode() + b"." + EXAMPLE)
    assert not is_mine(f"{TIMESTAMP}.{EXAMPLE[:moved].decode()}"[:-moved], GENUINE, EXAMPLE[moved:])


@given(timestamp=WIRE_TEXT, header=WIRE_TEXT, content=st.binary(max_size=200))
def test_whatever_bytes_arrive_nothing_raises_and_nothing_passes(timestamp: str, header: str, content: bytes) -> None:
    assert not is_mine(timestamp, header, content)
    assert matching_token([MINE], header) is (MINE if header == SECRET else None)


@given(timestamp=ANY_TEXT, header=ANY_TEXT)
def test_not_even_text_that_no_wire_carries_raises(timestamp: str, header: str) -> None:
    assert not is_mine(timestamp, header, EXAMPLE)
    assert matching_token([MINE], header) is (MINE if header == SECRET else None)


@given(timestamp=WIRE_TEXT, content=st.binary(max_size=200))
def test_what_the_holder_of_the_secret_signed_always_verifies(timestamp: str, content: bytes) -> None:
    header = signature(MINE.value, timestamp.encode("latin-1"), content).decode()
    assert is_mine(timestamp, header, content)


@given(ANY_TEXT)
def test_a_signed_time_is_read_or_unknown_but_never_raises(timestamp: str) -> None:
    moment = signed_at(timestamp)
    assert moment is None or (timestamp.isascii() and int(moment.timestamp()) == int(timestamp))


@pytest.mark.parametrize(
    "timestamp", ["", "-5", "1.5", "1e9", " 1794836525", "¹²³", "٣", "0x10", "999999999999", "9" * 400]
)
def test_a_time_that_is_no_plain_number_of_seconds_is_unknown(timestamp: str) -> None:
    assert signed_at(TIMESTAMP) is not None
    assert signed_at(timestamp) is None


def test_without_live_secrets_nothing_passes() -> None:
    assert matching_secret([], TIMESTAMP, GENUINE, EXAMPLE) is None
    assert matching_token([], "") is None
