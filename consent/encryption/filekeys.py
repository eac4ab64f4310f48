"""Keys of files outside the database: made without it, wrapped by the newest master key, kept in the file they seal."""

from __future__ import annotations

from typing import Self

from django.views.decorators.debug import sensitive_variables

from consent.encryption import datakeys
from consent.encryption.sealed import Context, Sealed, decrypt, encrypt
from consent.encryption.tables import DataKey

KIND = "file"
VERSION = 1


class FileKey:
    """The key of one file. `ref` names the file for ever: what was sealed for one file opens in no other.

    Who overwrites the wrapped key in the file destroys what the file holds, copies of its other blocks included.
    """

    def __init__(self, row: DataKey) -> None:
        # A row that is never saved: the same wrapping as for keys in the database, which may be away.
        self._row, self._key = row, datakeys.unwrap(row)

    @classmethod
    def fresh(cls, ref: str) -> Self:
        """Make a key for a new file."""
        return cls(datakeys.fresh_key(KIND, ref, VERSION))

    @classmethod
    def unwrapped(cls, ref: str, *, master_key_id: str, wrapped: bytes) -> Self:
        """Open the key a file holds. Raises KeyMissing without its master key, Undecryptable with a wrong one."""
        row = DataKey(kind=KIND, ref=ref, version=VERSION, wrapped=wrapped, master_key_id=master_key_id)
        return cls(row)

    @property
    def master_key_id(self) -> str:
        return self._row.master_key_id

    @property
    def wrapped(self) -> bytes:
        """What the file keeps of its key."""
        return bytes(self._row.wrapped or b"")

    @sensitive_variables()
    def seal(self, data: bytes, *, context: Context) -> bytes:
        return encrypt(data, key=self._key, version=VERSION, owner=self._owner, context=context).blob

    @sensitive_variables()
    def open(self, blob: bytes, *, context: Context) -> bytes:
        """Open what `seal` made for the same place. Raises Undecryptable."""
        return decrypt(Sealed(blob), key=self._key, owner=self._owner, context=context)

    @property
    def _owner(self) -> str:
        return f"{KIND}:{self._row.ref}"
