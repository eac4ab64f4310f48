"""The manifest: what one backup is, written last, signed. A backup without manifest does not exist for anybody."""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from django.utils.translation import gettext as _

from bridge.backup.errors import Damaged
from bridge.backup.facts import Facts, Table
from bridge.backup.sealing import Wrapped, newest_key_id, signature

FORMAT = "ponte.backup.v1"
NAME = "manifest.json"
DATA, KEYS = "data", "keys"
ID = re.compile(r"\d{8}T\d{12}Z")
LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Part:
    """One stored object: its size and SHA-256 as it lies there, and its key."""

    size: int
    sha256: str
    key: Wrapped


@dataclass(frozen=True)
class Manifest:
    """What one backup is. `erasures`: lines of the erasure ledger the database knew. No values, no names of people."""

    id: str
    made_at: str
    finished_at: str
    facts: Facts
    key_tables: dict[str, Table]
    erasures: int
    parts: dict[str, Part]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts.values())

    def as_bytes(self) -> bytes:
        """Signed with the newest backup key."""
        key_id = newest_key_id()
        told = {"format": FORMAT, **asdict(self), "key_id": key_id}
        return json.dumps({**told, "mac": signature(canonical(told), key_id)}, sort_keys=True, indent=1).encode()

    @classmethod
    def read(cls, backup: str, chunks: Iterable[bytes]) -> Self:
        """Raises Damaged for anything but what `as_bytes` wrote for this backup, KeyUnknown."""
        try:
            held = json.loads(limited(chunks))
            mac = held.pop("mac")
            is_ours = hmac.compare_digest(str(mac), signature(canonical(held), str(held["key_id"])))
            if not is_ours or held.pop("format") != FORMAT or held["id"] != backup:
                raise Damaged(damaged(backup))
            return cls.from_json(held)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Damaged(damaged(backup)) from error

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Self:
        parts = {
            name: Part(part["size"], part["sha256"], Wrapped(**part["key"])) for name, part in held["parts"].items()
        }
        return cls(
            id=held["id"],
            made_at=held["made_at"],
            finished_at=held["finished_at"],
            facts=Facts.from_json(held["facts"]),
            key_tables={name: Table(**table) for name, table in held["key_tables"].items()},
            erasures=held["erasures"],
            parts=parts,
        )


def new_id(now: datetime) -> str:
    """The moment in UTC: names in the order of time."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def moment_of(backup: str) -> datetime:
    return datetime.strptime(backup, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)


def canonical(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def limited(chunks: Iterable[bytes]) -> bytes:
    """A manifest is small; something endless is none. Raises ValueError."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        if len(held) > LIMIT:
            raise ValueError("too long")
    return bytes(held)


def damaged(backup: str) -> str:
    return _("The manifest of backup %(backup)s was changed or cut. Use another backup.") % {"backup": backup}
