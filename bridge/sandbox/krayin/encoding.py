"""How an outgoing webhook is encoded, per version (contract sections 13.3 and 13.5).

Pure functions: texts in which the placeholders are already replaced go in, a request comes out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote_plus

from bridge.sandbox.krayin.collation import Json, php_json

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

USER_AGENT = "GuzzleHttp/7"


class NotSent(Exception):
    """Krayin gives up before sending; it is only logged."""


class HeadersAreNull(Exception):
    """The TypeError of 2.1.0 and older: the causing call answers 500 although its data was saved."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request as it goes out."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Template:
    """A webhook row whose JSON fields are texts with the placeholders replaced."""

    method: str
    end_point: str
    headers: str
    payload: str
    query_params: str


def encode(version: str, template: Template) -> Outgoing:
    """Raises `NotSent` or, up to 2.1.2, `HeadersAreNull`."""
    if version_number(version) < (2, 1, 3):
        return _encode_old(template)
    return _encode_new(template)


def version_number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def form_body(pairs: Iterable[tuple[str, Json]]) -> bytes:
    """PHP's `http_build_query`: nulls are left out, booleans become 1 and 0, a tilde is encoded."""
    parts: list[str] = []
    for key, value in pairs:
        if value is None:
            continue
        text = str(int(value)) if isinstance(value, bool) else str(value)
        parts.append(f"{_urlencode(str(key))}={_urlencode(text)}")
    return "&".join(parts).encode("ascii")


def _urlencode(text: str) -> str:
    return quote_plus(text).replace("~", "%7E")


def _pairs(payload: Json) -> list[tuple[str, Json]] | None:
    """A key/value list or a flat object as pairs; None for anything else."""
    if isinstance(payload, list) and all(isinstance(item, dict) and "key" in item for item in payload):
        return [(str(item["key"]), item.get("value")) for item in payload if _enabled(item)]
    if isinstance(payload, dict) and not any(isinstance(value, (dict, list)) for value in payload.values()):
        return list(payload.items())
    return None


def _enabled(item: dict[str, Json]) -> bool:
    return not item.get("disabled") and bool(item.get("enabled", True))


def _header_list(decoded: Json) -> list[tuple[str, str]]:
    return [(key, str(value)) for key, value in _pairs(decoded) or [] if value is not None]


def _content_type(headers: list[tuple[str, str]]) -> str:
    for name, value in headers:
        if name.lower() == "content-type":
            return value.split(";")[0].strip().lower()
    return ""


def _finish(template: Template, url: str, headers: list[tuple[str, str]], body: bytes, kind: str) -> Outgoing:
    """User agent first, then the content type (the stored one wins over the computed one), then the rest."""
    typed = [(name, value) for name, value in headers if name.lower() == "content-type"]
    rest = [(name, value) for name, value in headers if name.lower() != "content-type"]
    if not typed and body:
        typed = [("Content-Type", kind)]
    return Outgoing(template.method.upper(), url, [("User-Agent", USER_AGENT), *typed, *rest], body)


def _encode_old(template: Template) -> Outgoing:
    try:
        headers = json.loads(template.headers)
    except ValueError:
        headers = None
    if headers is None:
        raise HeadersAreNull
    try:
        payload = json.loads(template.payload)
        if isinstance(payload, str):
            payload = json.loads(payload)
    except ValueError as error:
        raise NotSent("payload is not JSON") from error
    pairs = _pairs(payload)
    if pairs is None:
        raise NotSent("payload is not flat")
    return _finish(template, template.end_point, _header_list(headers), form_body(pairs), FORM)


def _encode_new(template: Template) -> Outgoing:
    headers = _header_list(_decoded(template.headers))
    url = _with_query(template.end_point, template.query_params)
    if template.method.upper() in ("GET", "HEAD") or template.payload == "null":
        return _finish(template, url, headers, b"", JSON)
    kind, body = _new_body(_content_type(headers), template.payload)
    return _finish(template, url, headers, body, kind)


def _decoded(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _new_body(content_type: str, payload: str) -> tuple[str, bytes]:
    if content_type == JSON:
        return JSON, _json_body(payload)
    if content_type == FORM:
        return FORM, form_body(_form_pairs(payload))
    if content_type in ("text/plain", "text/xml", "application/xml"):
        return content_type, payload.encode()
    try:
        return JSON, php_json(json.loads(payload)).encode()
    except ValueError:
        if "=" in payload and "&" in payload:
            return FORM, form_body(_parse_str(payload))
        return "", payload.encode()


def _json_body(payload: str) -> bytes:
    try:
        return php_json(json.loads(payload)).encode()
    except ValueError:
        return php_json(payload).encode()


def _form_pairs(payload: str) -> list[tuple[str, Json]]:
    decoded = _decoded(payload)
    if isinstance(decoded, (list, dict)):
        return _pairs(decoded) or []
    return _parse_str(payload)


def _parse_str(text: str) -> list[tuple[str, Json]]:
    """PHP's `parse_str`: a name that begins with a bracket is dropped, dots and blanks become underscores."""
    pairs = parse_qsl(text, keep_blank_values=True)
    return [(name.replace(".", "_").replace(" ", "_"), value) for name, value in pairs if not name.startswith("[")]


def _with_query(url: str, query_params: str) -> str:
    pairs = _pairs(_decoded(query_params))
    query = form_body(pairs).decode() if pairs else ""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"
