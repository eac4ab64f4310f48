"""Sends an outgoing webhook over real HTTP, as Guzzle does: no retry, the answer is not looked at (section 13.3)."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from bridge.sandbox.krayin.store import Row


def sender(timeout: float | None) -> Callable[[Row], Row]:
    """A function that sends one request and says what became of it.

    It takes `method`, `url`, `headers` (pairs) and `body`, and returns `{"sent": bool, "status": int}` or
    `{"sent": False, "reason": str}`; it never raises for a receiver that fails.
    """

    def send(request: Row) -> Row:
        try:
            return {"sent": True, "status": _send(request, timeout)}
        except (OSError, ValueError, http.client.HTTPException) as error:
            return {"sent": False, "reason": type(error).__name__}

    return send


def _send(request: Row, timeout: float | None) -> int:
    url = urlsplit(request["url"])
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("no web address")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=timeout)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.putrequest(request["method"], target, skip_accept_encoding=True)
        for name, value in request["headers"]:
            connection.putheader(name, value.encode())
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            connection.putheader("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        if request["body"] or request["method"] not in ("GET", "HEAD"):
            connection.putheader("Content-Length", str(len(request["body"])))
        connection.endheaders(request["body"] or None)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
