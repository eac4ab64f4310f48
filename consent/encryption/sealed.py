"""Sealed values: what encrypted fields hold, and the envelope they are stored in.

A value is `v1` + key version (4 bytes) + nonce (12 bytes) + AES-256-GCM ciphertext with its tag. The associated data
name the model, field, row and owner of the key, so a ciphertext moved anywhere else does not open (lgpd section 15).
"""

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.functional import Promise
from django.views.decorators.debug import sensitive_variables

from consent.identifiers import MASK

FORMAT = b"v1"
VERSION_BYTES = 4
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_BYTES = len(FORMAT) + VERSION_BYTES


class Undecryptable(Exception):
    """The stored bytes do not open: changed, moved, or sealed with another key. Stop and tell people; never save it."""


class KeyMissing(Undecryptable):
    """The key is not there: never made, or destroyed because the person's data were erased."""


class RevealDenied(Exception):
    """The gate refused to open the value; `reason` is a short code for the screen."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Context:
    """Where a sealed value lives. `row` is an id that never changes and is known before the insert."""

    model: str
    field: str
    row: str

    def __post_init__(self) -> None:
        # The parts are joined by bars; only the row, in the middle, may hold one without becoming ambiguous.
        if "|" in self.model or "|" in self.field or not (self.model and self.field and self.row):
            raise ValueError("A context needs model, field and row, and no | in model or field.")

    def associated_data(self, owner: str, header: bytes) -> bytes:
        return header + f"|{self.model}|{self.field}|{self.row}|{owner}".encode()

    @property
    def place(self) -> str:
        """The model and field, fit for messages; the row is left out because it may be a partner's id of a person."""
        return f"{self.model}.{self.field}"


class Sealed(Promise):
    """An encrypted value. Prints as a mask everywhere; only `reveal` and `open_…` give what is inside.

    It is a Promise because Django's JSON encoder and its escaping turn promises into text by str(), that is, the mask.
    """

    __slots__ = ("_blob",)
    _blob: bytes

    def __init__(self, blob: bytes) -> None:
        object.__setattr__(self, "_blob", bytes(blob))

    @property
    def blob(self) -> bytes:
        """The stored bytes: ciphertext with its envelope."""
        return self._blob

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Read what `as_base64` wrote. Raises Undecryptable for anything that is not an envelope."""
        try:
            blob = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Undecryptable("not a sealed value") from error
        split(blob)
        return cls(blob)

    def as_base64(self) -> str:
        """The ciphertext as text, for fixtures only."""
        return base64.b64encode(self._blob).decode()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Sealed values do not change.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Sealed values do not change.")

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__
    __html__ = __str__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._blob)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other._blob == self._blob

    def __hash__(self) -> int:
        return hash(self._blob)

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (self._blob,)


@sensitive_variables()
def encrypt(data: bytes, *, key: bytes, version: int, owner: str, context: Context) -> Sealed:
    """Seal bytes with one data key (32 bytes)."""
    header = FORMAT + version.to_bytes(VERSION_BYTES, "big")
    nonce = os.urandom(NONCE_BYTES)
    return Sealed(header + nonce + AESGCM(key).encrypt(nonce, data, context.associated_data(owner, header)))


@sensitive_variables()
def decrypt(sealed: Sealed, *, key: bytes, owner: str, context: Context) -> bytes:
    """Open a sealed value. Raises Undecryptable when a byte, the place or the key differs."""
    header, nonce, ciphertext = split(sealed.blob)
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, context.associated_data(owner, header))
    except InvalidTag as error:
        raise Undecryptable(f"a value of {context.place} does not open") from error


def key_version(sealed: Sealed) -> int:
    """Return which version of its owner's key sealed the value."""
    return int.from_bytes(split(sealed.blob)[0][len(FORMAT) :], "big")


def split(blob: bytes) -> tuple[bytes, bytes, bytes]:
    """Return header, nonce and ciphertext. Raises Undecryptable for an unknown or cut envelope."""
    if not blob.startswith(FORMAT) or len(blob) < HEADER_BYTES + NONCE_BYTES + TAG_BYTES:
        raise Undecryptable("not a sealed value, or of an unknown format")
    nonce_end = HEADER_BYTES + NONCE_BYTES
    return blob[:HEADER_BYTES], blob[HEADER_BYTES:nonce_end], blob[nonce_end:]
