"""The parts of a backup as streams of sealed segments: AES-256-GCM, a fresh key per part, wrapped by a backup key.

The associated data name the backup, the part, the segment's number and whether it is the last one, so that a segment
that was changed, moved, left out or cut off does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from bridge.backup.errors import Damaged, KeyUnknown, NotSetUp
from consent.encryption import Context, Sealed, Undecryptable
from consent.encryption.sealed import HEADER_BYTES, NONCE_BYTES, TAG_BYTES, decrypt, encrypt

MODEL = "ponte.Backup"
KEY_BYTES = 32
VERSION = 1
SEGMENT = 1024 * 1024
STRIDE = SEGMENT + HEADER_BYTES + NONCE_BYTES + TAG_BYTES


@dataclass(frozen=True)
class Wrapped:
    """The key of one part as its manifest keeps it."""

    key_id: str
    wrapped: str


class PartKey:
    """The key of one part of one backup."""

    def __init__(self, backup: str, part: str, key: bytes, wrapped: Wrapped) -> None:
        self._owner, self._part, self._key, self.wrapped = owner(backup), part, key, wrapped

    @classmethod
    @sensitive_variables()
    def fresh(cls, backup: str, part: str) -> "PartKey":
        """Raises NotSetUp without PONTE_BACKUP_KEYS."""
        key = os.urandom(KEY_BYTES)
        key_id = newest_key_id()
        sealed = encrypt(
            key, key=settings.BACKUP_KEYS[key_id], version=VERSION, owner=owner(backup), context=place(part, "key")
        )
        return cls(backup, part, key, Wrapped(key_id, sealed.as_base64()))

    @classmethod
    @sensitive_variables()
    def unwrapped(cls, backup: str, part: str, wrapped: Wrapped) -> "PartKey":
        """Raises KeyUnknown, Damaged."""
        outer = backup_key(wrapped.key_id)
        try:
            sealed = Sealed.from_base64(wrapped.wrapped)
            key = decrypt(sealed, key=outer, owner=owner(backup), context=place(part, "key"))
        except Undecryptable as error:
            raise Damaged(damaged(part)) from error
        return cls(backup, part, key, wrapped)

    def seal(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The sealed segments of a stream; an empty stream has one, too."""
        number, waiting = 0, bytearray()
        for chunk in chunks:
            waiting += chunk
            # One segment stays back: only the end of the stream says which one is the last.
            while len(waiting) > SEGMENT:
                yield self._seal(bytes(waiting[:SEGMENT]), number, is_last=False)
                del waiting[:SEGMENT]
                number += 1
        yield self._seal(bytes(waiting), number, is_last=True)

    def open(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The stream that `seal` took. Raises Damaged, before anything of the wrong segment is given."""
        number, waiting = 0, bytearray()
        for chunk in chunks:
            waiting += chunk
            while len(waiting) > STRIDE:
                yield self._open(bytes(waiting[:STRIDE]), number, is_last=False)
                del waiting[:STRIDE]
                number += 1
        yield self._open(bytes(waiting), number, is_last=True)

    @sensitive_variables()
    def _seal(self, data: bytes, number: int, *, is_last: bool) -> bytes:
        context = place(self._part, segment(number, is_last))
        return encrypt(data, key=self._key, version=VERSION, owner=self._owner, context=context).blob

    @sensitive_variables()
    def _open(self, blob: bytes, number: int, *, is_last: bool) -> bytes:
        try:
            context = place(self._part, segment(number, is_last))
            return decrypt(Sealed(blob), key=self._key, owner=self._owner, context=context)
        except Undecryptable as error:
            raise Damaged(damaged(self._part)) from error


@dataclass
class Measured:
    """Passes a stream on and measures it: `size` and `sha256` hold once it has ended."""

    chunks: Iterable[bytes]
    size: int = 0
    sha256: str = ""

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in self.chunks:
            digest.update(chunk)
            self.size += len(chunk)
            yield chunk
        self.sha256 = digest.hexdigest()


def signature(text: bytes, key_id: str) -> str:
    """What proves that a manifest is ours: HMAC-SHA-256 with a key derived from the backup key. Raises KeyUnknown."""
    key = hmac.new(backup_key(key_id), b"ponte.backup.manifest.v1", hashlib.sha256).digest()
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def newest_key_id() -> str:
    keys: Mapping[str, bytes] = settings.BACKUP_KEYS
    if not keys:
        raise NotSetUp(_("PONTE_BACKUP_KEYS is not set: without a key there is no backup."))
    return next(iter(keys))


def backup_key(key_id: str) -> bytes:
    keys: Mapping[str, bytes] = settings.BACKUP_KEYS
    if key_id not in keys:
        raise KeyUnknown(
            _("This backup was sealed with key “%(key)s”, which PONTE_BACKUP_KEYS does not hold. Add it again.")
            % {"key": key_id}
        )
    return keys[key_id]


def owner(backup: str) -> str:
    return f"backup:{backup}"


def place(part: str, row: str) -> Context:
    return Context(MODEL, part, row)


def segment(number: int, is_last: bool) -> str:
    return f"{number}{'/last' if is_last else ''}"


def damaged(part: str) -> str:
    return _("Part “%(part)s” of the backup was changed or cut, or its key is another. Use another backup.") % {
        "part": part
    }
