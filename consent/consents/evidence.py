"""What proves an act: always something of the person's, by its digest, never only a word of the staff (lgpd 4)."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

from consent.models import ConsentEvent

Kind = ConsentEvent.Evidence
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Evidence:
    """`ref` holds ids only; the same ref proves the same act once."""

    kind: str
    sha256: bytes
    ref: str = ""

    @property
    def is_whole(self) -> bool:
        needs_ref = self.kind == Kind.MESSAGE
        return self.kind in Kind.values and len(self.sha256) == hashlib.sha256().digest_size and not (
            needs_ref and not self.ref
        )  # fmt: skip

    @classmethod
    def of_message(cls, ref: str, text: str) -> Self:
        """A message the person wrote or answered; the text stays where it is."""
        return cls(Kind.MESSAGE, hashlib.sha256(text.encode()).digest(), ref)

    @classmethod
    def of_form(cls, values: dict[str, Any], ref: str = "") -> Self:
        """A form as it was sent: its fields in canonical JSON."""
        form = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return cls(Kind.FORM, hashlib.sha256(form.encode()).digest(), ref)

    @classmethod
    def of_file(cls, file: BinaryIO, kind: str = Kind.FILE) -> Self:
        """A signed paper or a recording. The clinic keeps the file; Ponte keeps what proves that it is this one."""
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        return cls(kind, digest.digest())
