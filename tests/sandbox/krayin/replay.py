"""Repeats recorded calls and compares answers, leaving out only what differs from run to run."""

from __future__ import annotations

import json
import re
from typing import Any

from .wire import Answer, Api, sample

SITE = "https://crm.clinicasorriso.example.com.br"

# Times of the recordings; dates that were sent lie elsewhere and are compared.
_TIME = re.compile(r"2026-11-2[01][T ]\d\d:\d\d:\d\d(\.000000Z)?")
_TOKEN = re.compile(r'"token": "\d+\|\w{40,}"')


def repeat(api: Api, request: dict[str, Any], *, path: str | None = None, body: Any = None) -> Answer:
    """The recorded call, with another path or body where the recording shortened it."""
    headers = dict.fromkeys(["Accept"]) if "Accept" not in request["headers"] else {}
    if "X-Requested-With" in request["headers"]:
        headers["X-Requested-With"] = "XMLHttpRequest"
    return api.call(request["method"], path or request["path"], body or request["body"], headers=headers)


def headers_of(headers: dict[str, str]) -> set[str]:
    return {name for name in headers if name in ("Content-Type", "Location") or name.startswith(("X-", "Retry"))}


def comparable(body: Any, site: str) -> Any:
    """The body without times, token and the address of the site."""
    if isinstance(body, str):
        return "a page"
    text = json.dumps(body, ensure_ascii=False, sort_keys=True).replace(site, "https://site")
    return json.loads(_TOKEN.sub('"token": "a token"', _TIME.sub("a time", text)))


def without_ids(content: Any) -> Any:
    """For recordings whose ids come from calls nobody wrote down."""
    if isinstance(content, dict):
        return {key: without_ids(value) for key, value in content.items() if key != "id"}
    return [without_ids(item) for item in content] if isinstance(content, list) else content


def assert_replayed(api: Api, name: str, *, path: str | None = None, ids: bool = True) -> Answer:
    """Repeats one sample; its status, header names and body must come again."""
    recorded = sample(name)
    got = repeat(api, recorded["request"], path=path)
    expected = recorded["response"]
    assert got.status == expected["status"], f"{name}: {got.body}"
    assert headers_of(got.headers) == headers_of(expected["headers"]), name
    left, right = comparable(got.body, api.url), comparable(expected["body"], SITE)
    found = differences(left, right) if ids else differences(without_ids(left), without_ids(right))
    assert not found, f"{name}: {found}"
    return got


def differences(left: Any, right: Any, path: str = "body") -> list[str]:
    """Where two bodies differ, one line each."""
    if isinstance(left, dict) and isinstance(right, dict):
        missing = [f"{path}.{key} is in one of them only" for key in sorted(left.keys() ^ right.keys())]
        both = sorted(left.keys() & right.keys())
        return missing + [line for key in both for line in differences(left[key], right[key], f"{path}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for index, pair in pairs for line in differences(*pair, f"{path}.{index}")]
    return [] if left == right else [f"{path}: {left!r} instead of {right!r}"]
