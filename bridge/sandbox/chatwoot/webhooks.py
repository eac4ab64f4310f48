"""One delivery: its bytes, its signature, its POST (contract sections 1 and 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from .rows import Value

# Rails writes these five characters as escapes, everything else as UTF-8 (contract section 2).
_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def encode_body(body: Value) -> bytes:
    """JSON as Rails writes it: compact, UTF-8, `<`, `>`, `&`, U+2028 and U+2029 as `\\uXXXX`."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES).encode("utf-8")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The value of `X-Chatwoot-Signature`: over timestamp, a full stop and the raw body, nothing else."""
    message = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST ready to be sent. `delivery_id` None and `secret` None: an unsigned delivery, as old versions send."""

    event: str
    webhook_id: int
    url: str
    body: bytes
    delivery_id: str | None
    timestamp: int
    secret: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.delivery_id is not None:
            headers["X-Chatwoot-Delivery"] = self.delivery_id
        if self.secret is not None:
            headers["X-Chatwoot-Timestamp"] = str(self.timestamp)
            headers["X-Chatwoot-Signature"] = sign(self.secret, str(self.timestamp), self.body)
        return headers

    def sent_again(self, timestamp: int) -> Delivery:
        """The job ran twice: same delivery id and bytes, new timestamp and signature (contract 3, rule 2)."""
        return replace(self, timestamp=timestamp)

    def dispatched_again(self, timestamp: int) -> Delivery:
        """The event was handled twice: same content under a new delivery id."""
        return replace(self, timestamp=timestamp, delivery_id=self.delivery_id and new_delivery_id())

    def post(self, *, timeout_s: float) -> int:
        """Sends it once and returns the HTTP status; redirects are not followed.

        Raises OSError (timeout, refused, DNS, TLS) or http.client.HTTPException (no sensible answer).
        """
        target = urlsplit(self.url)
        connection = _connection(target.scheme, target.hostname or "", target.port, timeout_s)
        path = target.path or "/"
        try:
            connection.request(
                "POST",
                f"{path}?{target.query}" if target.query else path,
                self.body,
                {**self.headers, **_basic(self.url)},
            )
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()


def new_delivery_id() -> str:
    """Random, also under a fixed seed: a second run must never repeat an id a receiver remembers."""
    return str(uuid.uuid4())


def _connection(scheme: str, host: str, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _basic(url: str) -> dict[str, str]:
    """Credentials in the URL are sent as HTTP Basic authentication."""
    target = urlsplit(url)
    if target.username is None:
        return {}
    pair = f"{unquote(target.username)}:{unquote(target.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
