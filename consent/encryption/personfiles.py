"""Keys of one person's files outside the database: made at random, kept sealed with the person's own key.

Who destroys the person's key closes every file of the person with it (lgpd sections 9 and 15).
"""

import base64
import os
from typing import Self
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from consent.encryption.datakeys import KEY_BYTES
from consent.encryption.reveal import Opener
from consent.encryption.sealed import HEADER_BYTES, NONCE_BYTES, TAG_BYTES, Context, Sealed, decrypt, encrypt
from consent.encryption.sealing import seal

VERSION = 1
OVERHEAD = HEADER_BYTES + NONCE_BYTES + TAG_BYTES


class PersonFileKey:
    """Seals blocks of the files named by `ref`. `model` is the associated data's model, as for fields."""

    def __init__(self, ref: str, model: str, key: bytes) -> None:
        self._ref, self._model, self._key = ref, model, key

    @classmethod
    def fresh(cls, ref: str, *, model: str) -> Self:
        return cls(ref, model, os.urandom(KEY_BYTES))

    @classmethod
    @sensitive_variables()
    def opened(cls, ref: str, *, model: str, opener: Opener, sealed: Sealed, subject: UUID, context: Context) -> Self:
        """Open what `sealed` made. Raises as `Opener.text`."""
        return cls(ref, model, base64.b64decode(opener.text(sealed, subject=subject, context=context)))

    def sealed(self, *, subject: UUID, context: Context) -> Sealed:
        """The key, as its row keeps it. Raises KeyMissing without the person's key."""
        return seal(base64.b64encode(self._key).decode(), subject=subject, context=context)

    @sensitive_variables()
    def seal_block(self, data: bytes, *, place: str) -> bytes:
        """The block, OVERHEAD bytes longer; `place` says which block of which file it is."""
        context = Context(self._model, "file", place)
        return encrypt(data, key=self._key, version=VERSION, owner=self._owner, context=context).blob

    @sensitive_variables()
    def open_block(self, blob: bytes, *, place: str) -> bytes:
        """Raises Undecryptable when a byte, the place or the key differs."""
        context = Context(self._model, "file", place)
        return decrypt(Sealed(blob), key=self._key, owner=self._owner, context=context)

    @property
    def _owner(self) -> str:
        return f"file:{self._ref}"
