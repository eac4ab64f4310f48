"""Writing the package from its parts: every file rendered as a stream, then signed, then packed; all of it sealed."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from config.times import clock
from consent.designations import officer_of
from consent.encryption.personfiles import PersonFileKey
from consent.export import layout, manifest, parts, rendering, signing, zipping
from consent.export.layout import STREAMS, Stream
from consent.export.manifest import FileEntry
from consent.export.names import unique
from consent.export.vault import SealedReader, SealedWriter, Written
from consent.export.words import AUTHORS, DIRECTIONS, KINDS, STATUS, SYSTEM_STATES
from consent.models.exports import ExportPackage

PORTUGUESE = "pt-br"
# Streams that are lists of records in one JSON file, one CSV file, or both.
LISTED = tuple(s for s in STREAMS if s not in (layout.CONVERSATION, layout.MESSAGE, layout.NOTICE, layout.RECEIPT))
READ_TWICE = (layout.ACTIVITIES, layout.EMAILS)
MEDIA = {"json": "application/json", "csv": "text/csv", "html": "text/html", "txt": "text/plain"}


@dataclass(frozen=True)
class Finished:
    """What the package row is told."""

    size: int
    manifest_sha256: str
    key_id: str


@dataclass
class Building:
    """One writing of one package. `alive` is called often: it keeps the lease, and raises when the work is lost."""

    package: ExportPackage
    key: PersonFileKey
    now: datetime
    alive: Callable[[], None]
    files: list[FileEntry] = field(default_factory=list)
    written: dict[str, tuple[Written, Path, str]] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.package.clinic.time_zone)

    @cached_property
    def came(self) -> list[Mapping[str, int]]:
        """What each part holds, by stream; the index that saves reading parts for nothing."""
        return [unit["came"]["records"] for unit in self.package.units]

    # Reading parts ----------------------------------------------------------------------------------------------------

    def lines(self, *wanted: str) -> Iterator[tuple[str, dict[str, Any], int]]:
        """Kind, values and part number of all lines of the kinds wanted, in the order of the package."""
        for number, held in enumerate(self.came):
            if not any(held.get(kind) for kind in wanted):
                continue
            for count, (kind, values) in enumerate(parts.read(self.package.pk, self.key, number)):
                if count % 500 == 0:
                    self.alive()
                if kind in wanted:
                    yield kind, values, number

    def records(self, stream: Stream) -> Iterator[dict[str, Any]]:
        """Each once: an activity of the person and of an opportunity was read with both."""
        seen: set[tuple[str, str, int]] = set()
        for _kind, values, _part in self.lines(stream.code):
            if stream in READ_TWICE and values["id"] is not None:
                number = (values["system"], values.get("type", ""), values["id"])
                if number in seen:
                    continue
                seen.add(number)
            yield values

    def numbered(self, stream: Stream) -> Iterator[dict[str, Any]]:
        """The records; of messages with the number of their conversation's file."""
        if stream is layout.PROCESSING:
            yield from (self._with_count(values) for values in self.records(stream))
            return
        if stream is not layout.MESSAGE:
            yield from self.records(stream)
            return
        number = 0
        for kind, values, _part in self.lines("conversation", "message"):
            if kind == "conversation":
                number += 1
            else:
                yield {**values, "conversation": number}

    def _with_count(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """How much of a category this package holds, and whether no record of it exists (Art. 19 II)."""
        codes = [stream.code for stream in STREAMS if values["category"] in stream.categories]
        count = sum(held.get(code, 0) for held in self.came for code in codes)
        return {**values, "records": count, "no_record": count == 0}

    # Writing files ----------------------------------------------------------------------------------------------------

    def put(
        self, path: str, pieces: Iterable[bytes], stream: Stream | None = None, *, about: str = "",
        count: Callable[[], int] | None = None, media_type: str = "", listed: bool = True,
    ) -> None:  # fmt: skip
        """Write one file of the package, sealed under a name of its own."""
        name = f"file-{len(self.written):06}"
        place = parts.folder(self.package.pk) / name
        with SealedWriter(place, self.key, name, lasting=False) as out:
            for piece in pieces:
                out.write(piece)
        self.add(path, out.written, place, name, stream, about=about, count=count, media_type=media_type, listed=listed)

    def add(
        self, path: str, written: Written, place: Path, name: str, stream: Stream | None, *, about: str,
        count: Callable[[], int] | None, media_type: str, listed: bool = True,
    ) -> None:  # fmt: skip
        self.written[path] = (written, place, name)
        if not listed:
            return
        ending = path.rpartition(".")[2]
        self.files.append(
            FileEntry(
                path=path,
                media_type=media_type or MEDIA.get(ending, "application/octet-stream"),
                bytes=written.size,
                sha256=written.sha256,
                records=count() if count else None,
                schema=(stream.schema or None) if stream and ending == "json" else None,
                description_pt=str(about or (stream.title if stream else "")),
                origin=str(stream.origin) if stream else "",
                categories=list(stream.categories) if stream else [],
                csv_dialect=rendering.DIALECT if ending == "csv" else None,
            )
        )

    def put_stream(self, stream: Stream) -> None:
        for path, render in ((stream.json, rendering.json_list), (stream.csv, self._table(stream))):
            if path:
                records = rendering.Counted(self.numbered(stream))
                self.put(path, render(records), stream, count=lambda counted=records: counted.count)  # type: ignore[misc]
                self.totals[stream.code] = records.count

    def _table(self, stream: Stream) -> Callable[[rendering.Records], Iterator[bytes]]:
        return lambda records: rendering.table(stream, records)

    def put_conversations(self) -> None:
        """One file for each, and the attachments beside it."""
        number, taken = 0, dict[str, int]()
        for part, held in enumerate(self.came):
            for which in range(held.get("conversation", 0)):
                number += 1
                self._conversation(part, which, number)
            if held.get("attachment"):
                self._attachments(part, number, taken)
        self.totals["conversation"] = number

    def _conversation(self, part: int, which: int, number: int) -> None:
        def messages() -> Iterator[dict[str, Any]]:
            seen = -1
            for kind, values in parts.read(self.package.pk, self.key, part):
                self.alive()
                seen += kind == "conversation"
                if kind == "message" and seen == which:
                    yield {**values, "conversation": number}

        heads = (values for kind, values in parts.read(self.package.pk, self.key, part) if kind == "conversation")
        head = next(values for index, values in enumerate(heads) if index == which)
        counted = rendering.Counted(messages())
        path = f"data/conversations/{number}.json"
        self.put(path, rendering.conversation(head, counted), layout.CONVERSATION, count=lambda: counted.count)

    def _attachments(self, part: int, number: int, taken: dict[str, int]) -> None:
        for kind, about in parts.read(self.package.pk, self.key, part):
            if kind != "attachment":
                continue
            path = unique(f"attachments/{number}", about["name"], taken)
            written = Written(about["size"], about["sha256"], about["crc32"])
            place = parts.folder(self.package.pk) / about["file"]
            self.add(
                path, written, place, about["file"], None, about=_("A file that was sent in a conversation"), count=None,
                media_type=about["media_type"],
            )  # fmt: skip
            self.totals["attachment"] += 1

    def put_own_files(self) -> None:
        """Texts that were shown, receipts: each record is a file."""
        taken = dict[str, int]()
        for values in self.records(layout.NOTICE):
            path = unique("data/notices", f"{values['name']}.html", taken)
            self.put(path, [_notice(values)], layout.NOTICE)
            self.totals["notice"] += 1
        for number, values in enumerate(self.records(layout.RECEIPT), 1):
            text = parts.line(values["receipt"]) + b"\n"
            self.put(f"data/consents/receipts/{number}.json", [text], layout.RECEIPT, count=lambda: 1)
            self.totals["receipt"] += 1

    def put_schemas(self) -> None:
        for stream in STREAMS:
            if stream.schema:
                self.put(stream.schema, _indented(rendering.schema(stream)), about=str(stream.title))
        self.put("schemas/manifest.schema.json", _indented(rendering.manifest_schema()), about="manifest.json")

    def spoken(self, stream: Stream) -> Iterator[dict[str, Any]]:
        return (_spoken(stream, record, self.zone, self.now) for record in self.numbered(stream))

    # The end ----------------------------------------------------------------------------------------------------------

    def put_page(self) -> None:
        style = (Path(settings.BASE_DIR) / "templates" / "export" / "style.css").read_text().strip()
        shown = [s for s in STREAMS if s not in (layout.NOTICE, layout.RECEIPT)]
        shown.sort(key=lambda stream: stream is layout.MESSAGE)
        officer = officer_of(self.package.clinic, self.now)
        context = {
            "style": style,
            "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            "protocol": self.package.protocol,
            "generated_at": clock(self.now, self.zone, self.now),
            "controller": manifest.controller(self.package),
            "dpo": {"name": officer.name, "contact": officer.contact},
            "complete": self.package.is_complete,
            "sections": [
                {
                    "code": one.code,
                    "title": one.title,
                    "origin": one.origin,
                    "count": self.totals[one.code],
                    "folded": one.title if one in (layout.ACCESSES, layout.AUTOMATED) else "",
                }
                for one in shown
            ],
            "exclusions": manifest.exclusions(self.package),
            "systems": [{"name": s["name"], "told": SYSTEM_STATES[s["status"]]} for s in self.package.systems],
        }
        told = {one.code: rendering.titled(one, self.spoken(one)) for one in shown}
        self.put("index.html", rendering.page(context, told), about=_("Everything, to be read"))

    def sign(self) -> str:
        """manifest.json, manifest.sig and CHECKSUMS.sha256; the id of the key."""
        key = signing.signing_key(now=self.now)
        read_me = manifest.read_me(self.package, key, now=self.now)
        self.put("LEIA-ME.txt", [read_me], about=_("How to open and check this package"))
        self.files.sort(key=lambda one: one.path)
        raw = manifest.manifest(
            self.package, self.files, self.totals, display_name=self.display_name(), key=key, now=self.now
        )
        sums = {one.path: one.sha256 for one in self.files}
        self.put("manifest.json", [raw], listed=False)
        self.put("manifest.sig", [signing.sign(key, raw)], listed=False)
        sums["manifest.json"] = self.written["manifest.json"][0].sha256
        self.put("CHECKSUMS.sha256", (text.encode() for text in zipping.checksums(sums)), listed=False)
        return key.key_id

    def display_name(self) -> str:
        return next((str(one["name"]) for one in self.records(layout.PERSON) if one.get("name")), "")

    def pack(self) -> int:
        first = ("manifest.json", "manifest.sig", "CHECKSUMS.sha256", "index.html", "LEIA-ME.txt")
        order = [*first, *sorted(set(self.written).difference(first))]
        with SealedWriter(parts.package_path(self.package.pk), self.key, parts.PACKAGE) as out:
            zipping.pack(out, (self._entry(path) for path in order))
        return out.size

    def _entry(self, path: str) -> zipping.Entry:
        self.alive()
        written, place, name = self.written[path]
        return zipping.Entry(path, written, SealedReader(place, self.key, name).bytes_from())


def write(package: ExportPackage, key: PersonFileKey, *, now: datetime, alive: Callable[[], None]) -> Finished:
    """Write the package from its parts; twice gives the same but for its times. Texts are in the language that is active.

    Raises zipping.TooLarge, OSError, LeaseLost of `alive`.
    """
    building = Building(package, key, now, alive)
    for stream in LISTED:
        building.put_stream(stream)
    building.put_conversations()
    building.put_stream(layout.MESSAGE)
    building.put_own_files()
    building.put_schemas()
    building.put_page()
    key_id = building.sign()
    size = building.pack()
    return Finished(size, building.written["manifest.json"][0].sha256, key_id)


def reader(package_id: UUID, key: PersonFileKey) -> SealedReader:
    """The finished zip. Raises FileNotFoundError."""
    return SealedReader(parts.package_path(package_id), key, parts.PACKAGE)


# Codes that the readable page says in words; the data files keep the codes.
SPOKEN = {"direction": DIRECTIONS, "author": AUTHORS, "kind": KINDS, "status": STATUS}


def _spoken(stream: Stream, record: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """The record as people read it: words for codes, dates as they are written here, nothing about what is not."""
    told = {name: value for name, value in record.items() if value is not False or stream is layout.PERSON}
    for one in stream.fields:
        value = told.get(one.name)
        if one.name in SPOKEN and isinstance(value, str):
            told[one.name] = str(SPOKEN[one.name].get(value, value))
        elif one.type == "time" and value:
            told[one.name] = clock(datetime.fromisoformat(value), zone, now)
        elif one.type == "day" and value:
            told[one.name] = f"{datetime.fromisoformat(value):%d/%m/%Y}"
    return told


def _indented(schema: Mapping[str, Any]) -> Sequence[bytes]:
    return [(json.dumps(schema, ensure_ascii=False, indent=1) + "\n").encode()]


def _notice(values: Mapping[str, Any]) -> bytes:
    return render_to_string("export/notice.html", dict(values)).encode()
