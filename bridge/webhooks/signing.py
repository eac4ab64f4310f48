"""Chatwoot's signature: HMAC-SHA256 over `timestamp + "." + raw body` (contract Chatwoot 2)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Secret:
    """A live secret and its row; the secret's characters are the key's bytes, never decoded."""

    row_id: int
    value: bytes


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the header value Chatwoot sends: `sha256=` and 64 lower-case hex digits."""
    digest = hmac.new(secret, timestamp.encode("utf-8", "replace") + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"


def matching_secret(secrets: Sequence[Secret], timestamp: str, given: str, body: bytes) -> Secret | None:
    """Return the secret that made `given`, or None. Every live secret is tried, so that the time tells nothing.

    Never raises, whatever the header values are.
    """
    found = None
    offered = given.encode("utf-8", "surrogateescape") if given.isprintable() else b""
    for secret in secrets:
        if hmac.compare_digest(signature(secret.value, timestamp, body).encode(), offered):
            found = secret
    return found


def matching_token(secrets: Sequence[Secret], given: str) -> Secret | None:
    """Return the secret equal to a constant token header (Krayin cannot sign: contract Krayin 13.6)."""
    found = None
    offered = given.encode("utf-8", "replace")
    for secret in secrets:
        if hmac.compare_digest(secret.value, offered):
            found = secret
    return found


def timestamp_age_s(timestamp: str, now_s: float) -> float | None:
    """Seconds between the signed timestamp and now; None when it is not a decimal number of seconds."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return None
    return abs(now_s - int(timestamp))
