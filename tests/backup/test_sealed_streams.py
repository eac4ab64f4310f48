"""A part of a backup opens only as it was sealed: whole, in order, under its own name, with its own key."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bridge.backup.errors import Damaged, KeyUnknown, NotSetUp
from bridge.backup.sealing import SEGMENT, STRIDE, Measured, PartKey, Wrapped

pytestmark = pytest.mark.usefixtures("in_english")
SIZES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 7]
Change = Callable[[bytes], bytes]


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def sealed(data: bytes, *, piece: int = 100_000) -> tuple[bytes, Wrapped]:
    key = PartKey.fresh("today", "data")
    return b"".join(key.seal(pieces(data, piece))), key.wrapped


def opened(blob: bytes, wrapped: Wrapped, *, backup: str = "today", part: str = "data") -> bytes:
    return b"".join(PartKey.unwrapped(backup, part, wrapped).open(pieces(blob, 77_777)))


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_comes_back_whatever_its_length(size: int) -> None:
    data = os.urandom(size)
    assert opened(*sealed(data)) == data


def test_nothing_of_the_stream_can_be_read_in_what_is_stored() -> None:
    blob, wrapped = sealed(b"canary" * 100)
    assert b"canary" not in blob
    assert "canary" not in wrapped.wrapped


CHANGES: dict[str, Change] = {
    "a changed byte": lambda blob: blob[:5000] + bytes([blob[5000] ^ 1]) + blob[5001:],
    "a cut end": lambda blob: blob[:-1],
    "a segment too few": lambda blob: blob[:STRIDE],
    "segments in another order": lambda blob: blob[STRIDE : 2 * STRIDE] + blob[:STRIDE] + blob[2 * STRIDE :],
    "a segment twice": lambda blob: blob[:STRIDE] + blob,
    "something more": lambda blob: blob + b"x",
    "nothing": lambda blob: b"",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_not_as_it_was_sealed_does_not_open(change: Change) -> None:
    blob, wrapped = sealed(os.urandom(2 * SEGMENT + 50))
    with pytest.raises(Damaged, match="data"):
        opened(change(blob), wrapped)


@pytest.mark.parametrize("place", [{"backup": "yesterday"}, {"part": "keys"}])
def test_a_part_does_not_open_under_another_name(place: dict[str, str]) -> None:
    with pytest.raises(Damaged):
        opened(*sealed(b"x"), **place)


def test_an_older_backup_key_still_opens_and_a_lost_one_is_named(settings: Any) -> None:
    blob, wrapped = sealed(b"x")
    settings.BACKUP_KEYS = {"b2": b"c" * 32, **settings.BACKUP_KEYS}
    assert opened(blob, wrapped) == b"x"
    assert sealed(b"y")[1].key_id == "b2"
    settings.BACKUP_KEYS = {"b2": b"c" * 32}
    with pytest.raises(KeyUnknown, match="b1"):
        opened(blob, wrapped)


def test_another_key_under_the_same_name_is_refused(settings: Any) -> None:
    blob, wrapped = sealed(b"x")
    settings.BACKUP_KEYS = {"b1": b"z" * 32}
    with pytest.raises(Damaged):
        opened(blob, wrapped)


def test_without_a_key_nothing_is_sealed(settings: Any) -> None:
    settings.BACKUP_KEYS = {}
    with pytest.raises(NotSetUp, match="PONTE_BACKUP_KEYS"):
        sealed(b"x")


def test_what_passes_is_measured() -> None:
    measured = Measured([b"ab", b"c"])
    assert b"".join(measured) == b"abc"
    assert (measured.size, measured.sha256[:8]) == (3, "ba7816bf")
