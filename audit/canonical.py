"""The form in which an audit row is signed and hashed; version 1 never changes (lgpd 14.3).

JSON with sorted keys, no blanks, UTF-8, integers, times in UTC with six digits, explicit nulls, behind a prefix that
names the version. Python renders a row before it is inserted, PostgreSQL renders stored rows (`SQL`): a golden file and
a property test hold the two together.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

PREFIX = b"bridge.audit.v1\n"
VERSION = 1
LEAF, NODE = b"\x00", b"\x01"

_PLAIN = "coalesce(to_json({0})::text, 'null')"
_TIME = """'"' || to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"'"""
# Every stored column but the MAC itself, in the order of its name.
COLUMNS = {
    "access_ref": _PLAIN,
    "action": _PLAIN,
    "actor_ref": _PLAIN,
    "actor_type": _PLAIN,
    "clinic_id": _PLAIN,
    "created_at": _TIME,
    "fields": _PLAIN,
    "id": _PLAIN,
    "key_id": _PLAIN,
    "object_id": _PLAIN,
    "object_type": _PLAIN,
    "outcome": _PLAIN,
    "purpose": _PLAIN,
    "reason_code": _PLAIN,
    "request_id": _PLAIN,
    "subject": _PLAIN,
    "user_id": _PLAIN,
    "version": _PLAIN,
}


def sql(alias: str) -> str:
    """The expression by which PostgreSQL renders a row of audit_logs known as `alias`."""
    parts = [f"""'"{column}":' || {form.format(f"{alias}.{column}")}""" for column, form in COLUMNS.items()]
    return "'{' || " + " || ',' || ".join(parts) + " || '}'"


def rendered(values: dict[str, Any]) -> str:
    """The canonical text of a row given by its columns. Raises KeyError when one is missing."""
    held = {column: _json(values[column]) for column in COLUMNS}
    return json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if value is None or isinstance(value, int | list):
        return value
    return str(value)


def row_mac(key: bytes, text: str) -> bytes:
    """What only a holder of the key can make: HMAC-SHA-256 over prefix and canonical text, 32 bytes."""
    return hmac.digest(key, PREFIX + text.encode(), "sha256")


def entry_hash(text: str, mac: bytes) -> bytes:
    """The digest of a whole row, its MAC included."""
    return hashlib.sha256(PREFIX + text.encode() + b"\n" + mac).digest()


def chained(previous: bytes, entry: bytes) -> bytes:
    """The head of the chain after one more entry."""
    return hashlib.sha256(previous + entry).digest()


def merkle_root(entries: Iterable[bytes]) -> bytes:
    """Root of the tree of RFC 6962 over the entries' hashes; of none: the hash of nothing."""
    level = [hashlib.sha256(LEAF + entry).digest() for entry in entries]
    if not level:
        return hashlib.sha256(b"").digest()
    # Pairing neighbours and carrying an odd one up gives the same tree as splitting at the largest power of two.
    while len(level) > 1:
        pairs = [hashlib.sha256(NODE + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


SEGMENT_PREFIX = b"bridge.audit.segment.v1\n"


def segment_text(segment: dict[str, Any]) -> str:
    """The canonical text of a segment, as it also stands in checkpoints; digests in hexadecimal."""
    return json.dumps(segment, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def segment_hash(text: str) -> bytes:
    return hashlib.sha256(SEGMENT_PREFIX + text.encode()).digest()


def segment_mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, SEGMENT_PREFIX + text.encode(), "sha256")
