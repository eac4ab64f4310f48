#!/usr/bin/env python3
"""Check an export package: structure, checksums, signature, schemas, counts. Needs Python 3.9 or newer, nothing else.

    python3 verify_export.py titular-2026-000123.zip --key KEY

KEY is the clinic's public key: 64 hexadecimal digits, a file that holds them, or the https address of the key, as the
clinic publishes it. Take it from the clinic, not from the package: who forges a package forges the key inside as well.
Exit code: 0 everything is right, 1 something is not, 2 it could not be checked.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import struct
import sys
import urllib.request
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

Point = tuple  # of four whole numbers: extended coordinates
Schema = dict  # of JSON
FORMAT, FORMAT_VERSION = "bridge-lgpd-export", "1"
UNLISTED = ("manifest.json", "manifest.sig", "CHECKSUMS.sha256")
REQUIRED = (
    "manifest.json", "manifest.sig", "CHECKSUMS.sha256", "index.html", "LEIA-ME.txt", "data/person.json",
    "data/person.csv", "data/contacts.json", "data/contacts.csv", "data/messages.csv", "data/crm/leads.json",
    "data/crm/leads.csv", "data/crm/quotes.json", "data/crm/quotes.csv", "data/crm/activities.json",
    "data/crm/activities.csv", "data/crm/emails.json", "data/crm/emails.csv", "data/consents/records.json",
    "data/consents/events.csv", "data/processing.json", "data/sharing.csv", "data/accesses.csv", "data/requests.csv",
    "data/automated_decisions.json", "schemas/manifest.schema.json",
)  # fmt: skip
ALLOWED = re.compile(
    r"(manifest\.json|manifest\.sig|CHECKSUMS\.sha256|index\.html|LEIA-ME\.txt|data/[a-z_]+\.(json|csv)|"
    r"data/conversations/\d+\.json|data/crm/[a-z]+\.(json|csv)|data/consents/[a-z]+\.(json|csv)|"
    r"data/consents/receipts/[\w-]+\.json|data/notices/[\w.-]+\.html|attachments/\d+/[^/]+|schemas/[a-z_]+\.schema\.json)"
)
BLOCK = 1 << 16
SMALL = 64 << 20


class Wrong(Exception):
    """What is not right, for people."""


# The zip: every header field has one allowed value --------------------------------------------------------------------

LOCAL = struct.Struct("<IHHHHHIIIHH")
CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
END = struct.Struct("<IHHHHIIH")


class Package:
    """The files of a zip that holds nothing but them: no gap, no comment, no second header that says otherwise."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.files: dict[str, tuple[int, int, int]] = {}
        self._read()

    def _read(self) -> None:
        size = self.file.seek(0, os.SEEK_END)
        if size < END.size:
            raise Wrong("this is no zip")
        begin = size - END.size
        _signature, _disk, _first, here, total, length, offset, _comment = self._unpack(END, begin)
        if self._bytes(begin, END.size) != END.pack(0x06054B50, 0, 0, here, here, length, offset, 0) or total != here:
            raise Wrong("the end of the zip is damaged")
        if offset + length != begin:
            raise Wrong("the zip has bytes that belong to no file")
        at, expected = offset, 0
        for _number in range(here):
            at, expected = self._entry(at, expected)
        if at != begin or expected != offset:
            raise Wrong("the zip has bytes that belong to no file")

    def _entry(self, at: int, expected: int) -> tuple[int, int]:
        fields = self._unpack(CENTRAL, at)
        crc, size, length, offset = fields[7], fields[8], fields[10], fields[16]
        raw = self._bytes(at + CENTRAL.size, length)
        about = (20, 0x0800, 0, 0, 0x0021, crc, size, size, length, 0)
        header = CENTRAL.pack(0x02014B50, 3 << 8 | 20, *about, 0, 0, 0, 0o100644 << 16, offset)
        if self._bytes(at, CENTRAL.size) != header or offset != expected:
            raise Wrong("the directory of the zip is damaged")
        if self._bytes(offset, LOCAL.size + length) != LOCAL.pack(0x04034B50, *about) + raw:
            raise Wrong("a header of the zip is damaged")
        name = raw.decode("utf-8")
        if name in self.files or not ALLOWED.fullmatch(name) or any(p in ("", ".", "..") for p in name.split("/")):
            raise Wrong(f"the zip holds a file that does not belong there: {name!r}")
        begin = offset + LOCAL.size + length
        self.files[name] = (begin, size, crc)
        return at + CENTRAL.size + length, begin + size

    def _bytes(self, at: int, length: int) -> bytes:
        self.file.seek(at)
        return self.file.read(length)

    def _unpack(self, shape: struct.Struct, at: int) -> tuple[Any, ...]:
        data = self._bytes(at, shape.size)
        if len(data) < shape.size:
            raise Wrong("the zip is cut")
        return shape.unpack(data)

    def pieces(self, name: str) -> Iterator[bytes]:
        begin, size, _crc = self.files[name]
        while size:
            self.file.seek(begin)
            data = self.file.read(min(BLOCK, size))
            if not data:
                raise Wrong("the zip is cut")
            yield data
            begin, size = begin + len(data), size - len(data)

    def read(self, name: str) -> bytes:
        if self.files[name][1] > SMALL:
            raise Wrong(f"{name} is too large for what it is")
        return b"".join(self.pieces(name))

    def lines(self, name: str) -> Iterator[str]:
        """Lines without their ends; a file ends with one."""
        rest = b""
        for piece in self.pieces(name):
            whole = (rest + piece).split(b"\n")
            rest = whole.pop()
            for line in whole:
                yield line.decode("utf-8")
        if rest:
            raise Wrong(f"{name} does not end with a line")

    def text(self, name: str) -> io.TextIOWrapper:
        """The characters of a file, as a stream."""
        return io.TextIOWrapper(io.BufferedReader(_Raw(self.pieces(name))), encoding="utf-8", newline="")


class _Raw(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


# Ed25519 (RFC 8032), checking only ------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _add(one: Point, other: Point) -> Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def _same(one: Point, other: Point) -> bool:
    across, up = one[0] * other[2] - other[0] * one[2], one[1] * other[2] - other[1] * one[2]
    return not (across % P or up % P)


def _point(data: bytes) -> Point | None:
    """The point of 32 bytes, or None."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are this key's signature of the message."""
    public, r = _point(key), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(key) != 32 or len(signature) != 64 or public is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return _same(_times(s, BASE), _add(r, _times(h, public)))


# JSON Schema 2020-12, the part the packages use -----------------------------------------------------------------------

TYPES: dict[str, Any] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip
KNOWN = {
    "$schema", "$id", "title", "description", "type", "properties", "required", "additionalProperties", "items", "enum",
    "const", "pattern", "minimum", "format",
}  # fmt: skip


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind])


def check_schema(value: Any, schema: Schema, where: str) -> None:
    """Raises Wrong at the first thing that does not fit, and for words of the language that this program lacks."""
    if unknown := set(schema) - KNOWN:
        raise Wrong(
            "{}: the schema uses {}, which this program does not know".format(where, ", ".join(sorted(unknown)))
        )
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        raise Wrong("{} is not {}".format(where, " or ".join(kinds)))
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        raise Wrong(f"{where} has a value that is not allowed")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        raise Wrong(f"{where} has another form")
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        raise Wrong(f"{where} is too small")
    if isinstance(value, dict):
        _check_object(value, schema, where)
    if isinstance(value, list) and "items" in schema:
        for number, one in enumerate(value):
            check_schema(one, schema["items"], f"{where}[{number}]")


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        raise Wrong("{} lacks {}".format(where, ", ".join(missing)))
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, one in value.items():
        inner = properties.get(name, others)
        if inner is False:
            raise Wrong(f"{where} has {name}, which the schema does not know")
        if isinstance(inner, dict):
            check_schema(one, inner, f"{where}.{name}")


# The checks -----------------------------------------------------------------------------------------------------------


def strict_json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _value in pairs]
        if len(names) != len(set(names)):
            raise Wrong("a JSON object names something twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def verify(file: BinaryIO, key: bytes) -> dict[str, Any]:
    """What the package says of itself, once everything is right. `key`: 32 bytes. Raises Wrong."""
    package = Package(file)
    missing = [name for name in REQUIRED if name not in package.files]
    if missing:
        raise Wrong("missing: {}".format(", ".join(missing)))
    raw = package.read("manifest.json")
    if not is_signed(key, raw, package.read("manifest.sig")):
        raise Wrong("the signature of manifest.json is not this key's")
    manifest: dict[str, Any] = strict_json(raw.decode("utf-8"))
    if manifest.get("format") != FORMAT or manifest.get("format_version") != FORMAT_VERSION:
        raise Wrong("this is another format, or another version of it")
    schemas: dict[str, Any] = {}
    listed = {one["path"]: one for one in manifest["files"]}
    _check_lists(package, manifest, listed)
    _check_bytes(package, raw, listed)
    for name in package.files:
        if name.startswith("schemas/"):
            schemas[name] = strict_json(package.read(name).decode("utf-8"))
    check_schema(manifest, schemas["schemas/manifest.schema.json"], "manifest.json")
    for path, about in listed.items():
        _check_content(package, path, about, schemas)
    return manifest


def _check_lists(package: Package, manifest: dict[str, Any], listed: dict[str, Any]) -> None:
    if len(listed) != len(manifest["files"]):
        raise Wrong("the manifest names a file twice")
    extra = sorted(set(package.files) - set(listed) - set(UNLISTED))
    missing = sorted(set(listed) - set(package.files))
    if extra:
        raise Wrong("more than the manifest names: {}".format(", ".join(extra)))
    if missing:
        raise Wrong("missing: {}".format(", ".join(missing)))


def _check_bytes(package: Package, raw: bytes, listed: dict[str, Any]) -> None:
    sums = {"manifest.json": hashlib.sha256(raw).hexdigest()}
    for name, (_begin, size, crc) in package.files.items():
        digest, check = hashlib.sha256(), 0
        for piece in package.pieces(name):
            digest.update(piece)
            check = zlib.crc32(piece, check)
        if check != crc:
            raise Wrong(f"{name} was changed")
        if name in UNLISTED:
            continue
        if listed[name]["sha256"] != digest.hexdigest() or listed[name]["bytes"] != size:
            raise Wrong(f"{name} was changed")
        sums[name] = digest.hexdigest()
    expected = "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items()))
    if package.read("CHECKSUMS.sha256") != expected.encode("utf-8"):
        raise Wrong("CHECKSUMS.sha256 does not fit the files")


def _check_content(package: Package, path: str, about: dict[str, Any], schemas: dict[str, Any]) -> None:
    records = None
    if path.endswith(".json") and path.startswith("data/"):
        if about["schema"] not in schemas:
            raise Wrong(f"{path} names no schema")
        records = _json_records(package, path, schemas[about["schema"]])
    elif path.endswith(".csv"):
        records = _csv_records(package, path)
    if records is not None and about["records"] != records:
        raise Wrong(f"{path} holds {records} records, the manifest says {about['records']}")


def _json_records(package: Package, path: str, schema: Schema) -> int:
    """Arrays have one record a line, so that any number of them is checked in little memory."""
    lines = package.lines(path)
    first = next(lines, "")
    if first != "[" and not first.endswith("["):
        return _json_object("\n".join([first, *lines]), schema, path)
    items, count, last = schema, 0, "]"
    if first == "[":
        items = schema["items"]
    else:
        last = "]}"
        check_schema(strict_json(first + last), schema, path)
        items = schema["properties"]["messages"]["items"]
    before = None
    for line in lines:
        if before is not None:
            if not before.endswith(",") and line != last:
                raise Wrong(f"{path} has not one record a line")
            check_schema(strict_json(before.rstrip(",")), items, f"{path}[{count}]")
            count += 1
        before = line
    if before != last:
        raise Wrong(f"{path} does not end as it should")
    return count


def _json_object(text: str, schema: Schema, path: str) -> int:
    check_schema(strict_json(text), schema, path)
    return 1


def _csv_records(package: Package, path: str) -> int:
    stream = package.text(path)
    if stream.read(1) != "\ufeff":
        raise Wrong(f"{path} lacks its byte order mark")
    csv.field_size_limit(1 << 30)
    rows, width, count = csv.reader(stream, strict=True), 0, -1
    for row in rows:
        width, count = width or len(row), count + 1
        if len(row) != width:
            raise Wrong(f"{path} has a row of another length")
        if count and any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for cell in row):
            raise Wrong(f"{path} has a cell that a spreadsheet would calculate")
    if count < 0:
        raise Wrong(f"{path} has no header")
    return count


def checked(file: BinaryIO, key: bytes) -> dict[str, Any]:
    """As `verify`, but everything that a damaged package may do to a reader is Wrong."""
    try:
        return verify(file, key)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, csv.Error) as error:
        raise Wrong(f"the package does not read: {type(error).__name__} {error}") from error


# The command ----------------------------------------------------------------------------------------------------------


def key_of(text: str) -> bytes:
    """32 bytes from hexadecimal digits, a file that holds them, or an https address that answers with the key."""
    if text.startswith("https://"):
        with urllib.request.urlopen(text, timeout=20) as answer:  # noqa: S310 - https only
            text = str(json.loads(answer.read(1 << 16).decode("utf-8"))["public_key"])
    elif os.path.isfile(text):
        with open(text, encoding="ascii") as file:
            text = file.read(1 << 12)
    text = text.strip()
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("a key has 64 hexadecimal digits")
    return bytes.fromhex(text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package")
    parser.add_argument("--key", required=True)
    asked = parser.parse_args(arguments)
    try:
        key = key_of(asked.key)
        file = open(asked.package, "rb")  # noqa: SIM115 - closed below; what fails here is not the package's fault
    except (OSError, ValueError, KeyError) as error:
        print(f"NOT CHECKED: {error}")
        return 2
    with file:
        try:
            manifest = checked(file, key)
        except Wrong as wrong:
            print(f"NOT RIGHT: {wrong}")
            return 1
    name, files = os.path.basename(asked.package), len(manifest["files"])
    print(f"RIGHT: {name}, protocol {manifest['protocol']}, {files} files, made {manifest['generated_at']}")
    if manifest["scope"]["status"] != "complete":
        print("But the package is INCOMPLETE: some system did not answer when it was made.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
