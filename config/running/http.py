"""JSON over HTTP to the processes of the run itself: loopback, without the proxies of the environment."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class NoAnswer(Exception):
    """The process did not answer as expected: its status, or what went wrong on the way."""


def get(url: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Return the decoded answer. Raises NoAnswer."""
    return _call("GET", url, None, timeout_s)


def post(url: str, body: object, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Return the decoded answer. Raises NoAnswer."""
    return _call("POST", url, json.dumps(body).encode(), timeout_s)


def answers(url: str) -> bool:
    """Tell whether the address answers with a status of success now."""
    try:
        get(url, timeout_s=2)
    except NoAnswer:
        return False
    return True


def _call(method: str, url: str, body: bytes | None, timeout_s: float) -> Any:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    try:
        connection.request(
            method,
            f"{address.path}?{address.query}",
            body,
            {"Accept": "application/json", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise NoAnswer(f"status {answer.status} {content[:300].decode(errors='replace')}")
        return json.loads(content)
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
    finally:
        connection.close()
