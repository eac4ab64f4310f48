"""Who sent it: Chatwoot's signature (contract Chatwoot 2) and Krayin's constant token (contract Krayin 13.6).

Header values arrive as the text WSGI makes of their bytes. Nothing here raises, whatever they hold, and every live
secret is tried, so that the time tells nothing.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NEVER = b""  # matches no secret: secrets are not empty
LAST_SECOND = 253402300799  # of the year 9999


@dataclass(frozen=True)
class Secret:
    """A live secret and its row; the secret's characters are the key's bytes, never decoded."""

    row_id: int
    value: bytes


def signature(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """Return the header value Chatwoot sends: `sha256=` and 64 lower-case hex digits over `timestamp.body`."""
    return b"sha256=" + hmac.new(secret, timestamp + b"." + body, hashlib.sha256).hexdigest().encode()


def matching_secret(secrets: Sequence[Secret], timestamp: str, given: str, body: bytes) -> Secret | None:
    """Return the secret that made the signature `given`, or None."""
    found = None
    signed, offered = wire_bytes(timestamp), wire_bytes(given)
    for secret in secrets:
        if hmac.compare_digest(signature(secret.value, signed, body), offered):
            found = secret
    return found


def matching_token(secrets: Sequence[Secret], given: str) -> Secret | None:
    """Return the secret equal to a constant token header, or None."""
    found = None
    offered = wire_bytes(given)
    for secret in secrets:
        if hmac.compare_digest(secret.value, offered):
            found = secret
    return found


def signed_at(timestamp: str) -> datetime | None:
    """Return the signed time (decimal Unix seconds), or None when the header is anything else."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return None
    seconds = int(timestamp)
    return datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_SECOND else None


def wire_bytes(header: str) -> bytes:
    """The bytes of a header as they were on the wire; WSGI decodes them as Latin-1."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return NEVER
