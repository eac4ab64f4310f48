"""What was read from the systems, kept sealed until the package is written: one part per unit, whole or not there.

A part is lines of JSON: a record, an attachment, and at its end what the unit came to.
"""

import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from consent.encryption.personfiles import PersonFileKey
from consent.export.layout import STREAM_OF, whole
from consent.export.masking import Masker, is_clinical
from consent.export.sources import Attachment, Item, LeftOut, Record
from consent.export.vault import SealedReader, SealedWriter

PACKAGE = "package"
# Control characters but line ends and tabs: no file for people should hold them.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass
class Came:
    """What one unit came to: counts by stream, what was masked or left out by (code, reason), health content."""

    records: Counter[str] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    has_health: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "records": dict(self.records),
            "left_out": [[what, why, count] for (what, why), count in sorted(self.left_out.items())],
            "has_health": self.has_health,
        }


def folder(package_id: UUID) -> Path:
    return Path(settings.EXPORT_DIR) / str(package_id)


def package_path(package_id: UUID) -> Path:
    return folder(package_id) / PACKAGE


def part_name(number: int) -> str:
    return f"part-{number:06}"


def forget(package_id: UUID, *, keep_package: bool = False) -> None:
    """Remove the files; with `keep_package` all but the finished one."""
    place = folder(package_id)
    if not keep_package:
        shutil.rmtree(place, ignore_errors=True)
        return
    for path in place.iterdir():
        if path.name != PACKAGE:
            with suppress(FileNotFoundError):
                path.unlink()


class PartWriter:
    """Takes the items of one unit; the part exists when the unit was read to its end."""

    def __init__(self, package_id: UUID, key: PersonFileKey, number: int, *, masker: Masker, zone: ZoneInfo) -> None:
        self._place, self._key, self._number = folder(package_id), key, number
        self._masker, self._zone, self._files = masker, zone, 0

    def write(self, items: Iterable[Item]) -> Came:
        came, before = Came(), Counter(self._masker.counted)
        name = part_name(self._number)
        with SealedWriter(self._place / name, self._key, name) as out:
            for item in items:
                if isinstance(item, LeftOut):
                    came.left_out[item.what, item.reason_code] += item.count
                    continue
                kind, values = self._record(item, came) if isinstance(item, Record) else self._attachment(item)
                if kind == "attachment":
                    came.records[kind] += 1
                    came.has_health = True
                out.write(line([kind, values]) + b"\n")
        for code, count in (self._masker.counted - before).items():
            came.left_out[code, "THIRD_PARTY"] += count
        return came

    def _record(self, record: Record, came: Came) -> tuple[str, dict[str, Any]]:
        stream = STREAM_OF[record.stream]
        values = whole(stream, record.values)
        for one in stream.fields:
            value = plain(values[one.name], self._zone)
            if one.is_free:
                came.has_health = came.has_health or told_of_health(value)
                value = masked(value, self._masker)
            values[one.name] = value
        came.records[stream.code] += 1
        came.has_health = came.has_health or any(values.get(name) for name in HEALTH_FIELDS)
        return stream.code, values

    def _attachment(self, item: Attachment) -> tuple[str, dict[str, Any]]:
        self._files += 1
        name = f"{part_name(self._number)}-{self._files:04}"
        with SealedWriter(self._place / name, self._key, name) as out:
            for chunk in item.chunks:
                out.write(chunk)
        written = out.written
        about = {"name": item.name, "media_type": item.media_type, "file": name}
        return "attachment", {**about, "size": written.size, "sha256": written.sha256, "crc32": written.crc32}


HEALTH_FIELDS = ("medical_notes", "health_conditions", "medications")


def read(package_id: UUID, key: PersonFileKey, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of a part: kind and values."""
    name = part_name(number)
    for text in SealedReader(folder(package_id) / name, key, name).lines():
        kind, values = json.loads(text)
        yield kind, values


def line(value: object) -> bytes:
    """Stable JSON on one line: keys as they come, UTF-8 in NFC."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def plain(value: Any, zone: ZoneInfo) -> Any:
    """JSON values only: times with the clinic's offset, texts in NFC without characters no file should hold."""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value).encode("utf-8", "replace").decode()
        return CONTROL.sub("", text)
    if isinstance(value, Mapping):
        return {plain(str(k), zone): plain(_text(v), zone) for k, v in sorted(value.items(), key=lambda p: str(p[0]))}
    if isinstance(value, (list, tuple, set, frozenset)):
        listed = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(str(one), zone) for one in listed]
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def masked(value: Any, masker: Masker) -> Any:
    if isinstance(value, str):
        return masker.masked(value)
    if isinstance(value, dict):
        return {key: masked(inner, masker) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, masker) for inner in value]
    return value


def told_of_health(value: Any) -> bool:
    if isinstance(value, str):
        return is_clinical(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(told_of_health(one) for one in inner)
