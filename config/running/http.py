"""JSON over HTTP to the processes of the run itself: loopback only, never through a proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 10.0

_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class NoAnswer(Exception):
    """The process did not answer as expected: status, or what went wrong on the way."""


def get(url: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Return the decoded answer. Raises NoAnswer."""
    return _call(urllib.request.Request(url, headers={"Accept": "application/json"}), timeout_s)


def post(url: str, body: object, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Return the decoded answer. Raises NoAnswer."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    data = json.dumps(body).encode()
    return _call(urllib.request.Request(url, data=data, headers=headers, method="POST"), timeout_s)


def answers(url: str) -> bool:
    """Tell whether the address answers 200 now."""
    try:
        get(url, timeout_s=2)
    except NoAnswer:
        return False
    return True


def _call(request: urllib.request.Request, timeout_s: float) -> Any:
    try:
        with _open(request, timeout=timeout_s) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        detail = error.read(300).decode(errors="replace")
        raise NoAnswer(f"status {error.code} {detail}") from error
    except (OSError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
