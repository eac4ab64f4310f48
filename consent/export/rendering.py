"""The files of the package as streams of bytes: JSON with one record a line, CSV for spreadsheets, the readable page."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html

from consent.export.layout import CONVERSATION, MESSAGE, Stream, record_schema
from consent.export.parts import line

DIALECT = "RFC 4180; UTF-8 BOM; ',' ; '\"' ; CRLF; apostrophe before = + - @ TAB CR"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
Records = Iterable[Mapping[str, Any]]


class Counted:
    """Passes records on and knows afterwards how many there were."""

    def __init__(self, records: Records) -> None:
        self._records, self.count = records, 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for record in self._records:
            self.count += 1
            yield record


def json_list(records: Records) -> Iterator[bytes]:
    yield b"[\n"
    yield from joined(records)
    yield b"]\n"


def conversation(head: Mapping[str, Any], messages: Records) -> Iterator[bytes]:
    """`{"conversation": …, "messages": […]}`; the messages one a line."""
    yield b'{"conversation":' + line(dict(head)) + b',"messages":[\n'
    yield from joined(messages)
    yield b"]}\n"


def joined(records: Records) -> Iterator[bytes]:
    before = None
    for record in records:
        if before is not None:
            yield before + b",\n"
        before = line(dict(record))
    if before is not None:
        yield before + b"\n"


# Tables ---------------------------------------------------------------------------------------------------------------


def table(stream: Stream, records: Records) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf" + row(str(one.title) for one in stream.fields)
    for record in records:
        yield row(cell(record.get(one.name)) for one in stream.fields)


def row(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([inert(one) for one in cells])
    return out.getvalue().encode()


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "sim" if value else "não"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {cell(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(cell(inner) for inner in value)
    return str(value)


def inert(text: str) -> str:
    """A cell that a spreadsheet would calculate gets an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA) else text


# Schemas --------------------------------------------------------------------------------------------------------------


def schema(stream: Stream) -> dict[str, Any]:
    about = {"$schema": DRAFT, "title": str(stream.title)}
    if stream is CONVERSATION:
        messages = {"type": "array", "items": record_schema(MESSAGE.fields)}
        properties = {"conversation": record_schema(stream.fields), "messages": messages}
        return {
            **about, "type": "object", "properties": properties, "required": list(properties),
            "additionalProperties": False,
        }  # fmt: skip
    if stream.code == "receipt":
        return {**about, "type": "object"}
    return {**about, "type": "array", "items": record_schema(stream.fields)}


def manifest_schema() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    file_fields = {
        "path": text, "media_type": text, "bytes": {"type": "integer", "minimum": 0}, "sha256": digest,
        "records": {"type": ["integer", "null"]}, "schema": {"type": ["string", "null"]}, "description_pt": text,
        "origin": text, "categories": {"type": "array", "items": text}, "csv_dialect": {"type": ["string", "null"]},
    }  # fmt: skip
    exclusion = {
        "what": text, "count": {"type": "integer", "minimum": 0}, "reason_code": text, "article": text, "text_pt": text,
    }  # fmt: skip
    parts = {
        "format": {"const": "bridge-lgpd-export"}, "format_version": {"const": "1"}, "package_id": text,
        "protocol": text, "request_types": {"type": "array", "items": text},
        "articles": {"type": "array", "items": text}, "generated_at": text, "timezone": text,
        "language": {"const": "pt-BR"}, "controller": {"type": "object"}, "dpo": {"type": "object"},
        "subject": {"type": "object"}, "identity_check": {"type": "object"}, "scope": {"type": "object"},
        "files": {"type": "array", "items": _closed(file_fields)},
        "totals": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "exclusions": {"type": "array", "items": _closed(exclusion)}, "retention": {"type": "object"},
        "signature": {"type": "object"}, "verify": text,
    }  # fmt: skip
    return {"$schema": DRAFT, "title": "manifest.json", **_closed(parts)}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False
    }  # fmt: skip


# The readable page ----------------------------------------------------------------------------------------------------

# Between these marks of the template the records are written, without ever being all in memory.
GAP = re.compile(r"<!--records:([a-z_]+)-->")


def page(context: Mapping[str, Any], records_of: Mapping[str, Records]) -> Iterator[bytes]:
    """The template's text, with the records of each section where it says so."""
    pieces = GAP.split(render_to_string("export/index.html", dict(context)))
    yield pieces[0].encode()
    for code, text in zip(pieces[1::2], pieces[2::2], strict=True):
        for record in records_of.get(code, ()):
            yield told(record).encode()
        yield text.encode()


def told(record: Mapping[str, Any]) -> str:
    """One record as a list of titles and values; what it does not hold is left out. Everything is escaped."""
    pairs = [(title, cell(value)) for title, value in record.items()]
    rows = [format_html("<div><dt>{}</dt><dd>{}</dd></div>", title, text) for title, text in pairs if text]
    return f'<dl class="record">{"".join(rows)}</dl>\n' if rows else ""


def titled(stream: Stream, records: Records, leave_out: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Records by the Portuguese titles of their fields."""
    names = {one.name: str(one.title) for one in stream.fields if one.name not in leave_out}
    for record in records:
        yield {title: record.get(name) for name, title in names.items()}
