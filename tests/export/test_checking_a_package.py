"""deploy/verify_export.py: right only if everything is right (lgpd 17.9). It runs alone, with the standard library only."""

import hashlib
import io
import random
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from exporting import bytes_of, exported

from bridge.models import ObservedContact
from consent.export import checking, zipping
from consent.export.vault import Written

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PROGRAM = Path(settings.BASE_DIR) / "deploy" / "verify_export.py"


@pytest.fixture
def made(person: ObservedContact) -> tuple[bytes, bytes]:
    """The zip and the public key."""
    row = exported(person)
    assert row.signing_key is not None
    return bytes_of(row), bytes(row.signing_key.public_key)


def run(data: bytes, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "titular-2026-000123.zip"
    path.write_bytes(data)
    # -I and -S: no site packages, nothing of Ponte.
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(path), "--key", key]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def is_right(data: bytes, key: bytes) -> bool:
    program = checking.verifier()
    try:
        program.checked(io.BytesIO(data), key)
    except program.Wrong:
        return False
    return True


def rebuilt(data: bytes, **changes: bytes | None) -> bytes:
    """The same zip, as our own writer makes it, with files changed, added or (None) taken out."""
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        files: dict[str, bytes] = {name: held.read(name) for name in held.namelist()}
    for name, content in changes.items():
        if content is None:
            del files[name]
        else:
            files[name] = content
    out = io.BytesIO()
    entries = [
        zipping.Entry(name, Written(len(one), hashlib.sha256(one).hexdigest(), zlib.crc32(one)), [one])
        for name, one in files.items()
    ]
    zipping.pack(out, entries)
    return out.getvalue()


def test_it_says_right_alone_and_only_with_the_clinics_key(made: tuple[bytes, bytes], tmp_path: Path) -> None:
    data, key = made
    good = run(data, key.hex(), tmp_path)
    assert (good.returncode, good.stdout[:6]) == (0, "RIGHT:"), good.stdout + good.stderr
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert run(data, other.hex(), tmp_path).returncode == 1
    assert run(data, "no key", tmp_path).returncode == 2


@pytest.mark.acceptance(9)
def test_one_changed_bit_anywhere_is_seen(made: tuple[bytes, bytes]) -> None:
    data, key = made
    chosen = random.Random(20261121)
    places = {0, len(data) - 1, *(chosen.randrange(len(data)) for _one in range(150))}
    unseen = []
    for place in sorted(places):
        changed = bytearray(data)
        changed[place] ^= 1 << chosen.randrange(8)
        if is_right(bytes(changed), key):
            unseen.append(place)
    assert unseen == []
    assert is_right(data, key)


def test_a_file_too_many_or_too_few_or_signed_by_nobody_is_seen(made: tuple[bytes, bytes]) -> None:
    data, key = made
    assert is_right(rebuilt(data), key)
    assert not is_right(rebuilt(data, **{"data/extra.json": b"[\n]\n"}), key)
    assert not is_right(rebuilt(data, **{"attachments/1/virus.exe": b"MZ"}), key)
    assert not is_right(rebuilt(data, **{"data/person.csv": None}), key)
    assert not is_right(rebuilt(data, **{"schemas/person.schema.json": None}), key)
    assert not is_right(data + b"\0", key)
    assert not is_right(data[:-1], key)
    assert not is_right(b"", key)
    forger = Ed25519PrivateKey.generate()
    with zipfile.ZipFile(io.BytesIO(data)) as held:
        raw = held.read("manifest.json")
    assert not is_right(rebuilt(data, **{"manifest.sig": forger.sign(raw)}), key)
    assert not is_right(rebuilt(data, **{"manifest.sig": bytes(64)}), key)


@pytest.mark.parametrize("size", [0, 1, 31, 200])
def test_its_own_arithmetic_agrees_with_the_library_that_signs(size: int) -> None:
    program: Any = checking.verifier()
    for seed in range(3):
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([seed, size])).digest())
        message, public = bytes(range(256))[:size], private.public_key().public_bytes_raw()
        signature = private.sign(message)
        assert program.is_signed(public, message, signature)
        assert not program.is_signed(public, message + b"x", signature)
        assert not program.is_signed(public, message, signature[:32] + bytes(32))


def test_values_that_a_schema_does_not_know_are_refused() -> None:
    program: Any = checking.verifier()
    schema = {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"],
              "additionalProperties": False}  # fmt: skip
    program.check_schema({"n": None}, schema, "x")
    for wrong in ({}, {"n": "1"}, {"n": True}, {"n": 1, "m": 2}, []):
        with pytest.raises(program.Wrong):
            program.check_schema(wrong, schema, "x")
