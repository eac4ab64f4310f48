"""Records of one person disappear from this host's spool (DESIGN section 10), wherever they wait.

Files keep their length, because their writer may be alive and the drainer counts in bytes: a record is replaced by an
erased one, as long, sealed with the same key. What is to be replaced is written down first, so that a crash in between
is finished by whoever opens the file next.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from bridge.spool import folder, setaside
from bridge.spool.items import HintCall, Item, UnreadableItem, erased, from_bytes
from bridge.spool.records import FRAME, BadHeader, Frame, Seal, frames, read_header
from bridge.webhooks.intake import Delivery
from consent.encryption import Undecryptable


@dataclass(frozen=True)
class Person:
    """Whose records: contacts and conversations as the chat numbers them, and our references in the CRM."""

    connection_id: int
    contact_ids: frozenset[int]
    conversation_ids: frozenset[int] = frozenset()
    refs: frozenset[str] = frozenset()

    def is_in(self, item: Item) -> bool:
        """Whether the item tells of the person; of others in the same conversation, too."""
        if isinstance(item, Delivery):
            is_here = item.connection_id == self.connection_id
            return is_here and (
                item.finding.contact_id in self.contact_ids or item.finding.conversation_id in self.conversation_ids
            )
        return isinstance(item, HintCall) and item.connection_id == self.connection_id and item.hint.ref in self.refs


def forget(person: Person) -> int:
    """Erase the person's records from every spool file of this host; return how many.

    Refused ones are destroyed with their file. Call it where the spool's disk is. A file whose master key is gone cannot
    be read by anybody and is left. Raises OSError: then call it again, nothing is half done.
    """
    spool = folder.directory()
    if not spool.is_dir():
        return 0
    count = 0
    for path in folder.waiting(spool):
        with held(spool), suppress(FileNotFoundError, BadHeader, Undecryptable):
            finish(path)
            count += _erase(path, person)
    return count + setaside.forget(spool, person.is_in)


def held(spool: Path) -> AbstractContextManager[None]:
    """Keeps drainer and erasure from working on one file at the same time."""
    return folder.held(spool)


def finish(path: Path) -> None:
    """Do what an interrupted erasure has written down for this file. The caller holds `held`."""
    journal = path.with_suffix(folder.ERASE)
    if not journal.exists():
        return
    with suppress(FileNotFoundError), path.open("r+b", buffering=0) as file:
        for offset, content in _planned(journal):
            file.seek(offset)
            folder.write_all(file.fileno(), content)
        os.fsync(file.fileno())
    journal.unlink(missing_ok=True)
    folder.sync(path.parent)


def _planned(journal: Path) -> Iterator[tuple[int, bytes]]:
    for offset, content in json.loads(journal.read_text()):
        yield offset, b64decode(content)


def _erase(path: Path, person: Person) -> int:
    with path.open("rb") as file:
        header, start = read_header(file)
        seal = Seal.of(header)
        found = [frame for frame in frames(file, start) if _tells_of(person, seal, frame)]
        plan = [(frame.at.offset, b64encode(_replacement(seal, frame)).decode()) for frame in found]
    if plan:
        folder.put(path.with_suffix(folder.ERASE), json.dumps(plan).encode())
        finish(path)
    return len(plan)


def _tells_of(person: Person, seal: Seal, frame: Frame) -> bool:
    try:
        return person.is_in(from_bytes(seal.open(frame)))
    except (Undecryptable, UnreadableItem):
        return False


def _replacement(seal: Seal, frame: Frame) -> bytes:
    length = len(seal.open(frame))
    record = seal.record(erased(length), number=frame.at.number, now_ms=frame.written_ms)
    if len(record) != FRAME.size + len(frame.sealed):
        raise OSError("an erased record has another length than the one it replaces")
    return record
