"""Exports worked to their end, what they hold, and a system that does what a test says."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from bridge.models import ObservedContact, ObservedMessage
from bridge.sync.observe import message_context
from consent.encryption import Actor, seal
from consent.export import control, job
from consent.export.sources import Item, Reading
from consent.export.vault import SealedReader
from consent.models import ExportPackage

NAME = "Marina Serra Azul"


def message(talk: Any, number: int, text: str, **fields: Any) -> ObservedMessage:
    at = talk.started_at + timedelta(minutes=number)
    values = {"direction": "incoming", "author_kind": "contact", "sent_at": at, "local_day": at.date(), "digest": b""}
    row = ObservedMessage(
        connection=talk.connection, conversation=talk, subject=talk.contact.subject, chatwoot_message_id=number,
        **values | fields,
    )  # fmt: skip
    content = json.dumps({"text": text, "author": NAME, "attachments": []})
    row.content = seal(content, subject=row.subject_id, context=message_context(row.pk))
    row.save()
    return row


def exported(person: ObservedContact, protocol: str = "2026-000123", **more: Any) -> ExportPackage:
    """The package, worked on until nothing is due."""
    row = control.ask(person.subject, protocol=protocol, rights=["T03"], actor=Actor.system("test"), **more)
    while job.run_once():
        pass
    row.refresh_from_db()
    return row


def bytes_of(row: ExportPackage) -> bytes:
    return b"".join(control.opened(row, actor=Actor.system("exports")).bytes_from())


def files_of(row: ExportPackage) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bytes_of(row))) as held:
        return {name: held.read(name) for name in held.namelist()}


def records(row: ExportPackage, path: str) -> Any:
    return json.loads(files_of(row)[path])


class Scripted:
    """A source that does what a test says: `read` gives items, raises, or both."""

    def __init__(self, name: str, read: Callable[[str], Iterator[Item]], units: Callable[[], list[str]]) -> None:
        self.name = self.title = name
        self._read, self._units = read, units

    def version(self) -> str:
        return "4.16"

    def units(self, reading: Reading) -> list[str]:
        return self._units()

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        return self._read(unit)

    def counts(self, reading: Reading) -> dict[str, int]:
        return {}


def sealed_zip(row: ExportPackage) -> SealedReader:
    return control.opened(row, actor=Actor.system("exports"))
