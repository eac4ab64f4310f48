"""The format of spool files: a header with the wrapped key, then sealed records that tell whether they are complete.

    file    magic (8 bytes), header as a frame (JSON, in the clear), records as frames
    frame   length (4), CRC-32 of all the rest (4), milliseconds since 1970 (8), content
    record  AES-256-GCM; associated data name host, file and record number, so none can be moved or left out

Nothing outside the records is personal data. A file is only ever appended to; whoever writes it holds its lock.
"""

from __future__ import annotations

import enum
import json
import os
import socket
import struct
import uuid
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

from consent.encryption import Context, FileKey

MAGIC = b"PONTESP1"
FRAME = struct.Struct(">IIQ")
COVERED = struct.Struct(">IQ")  # what the checksum covers before the content
# Redaction may write numbers longer than they came; 4 MiB never become this much.
MAX_CONTENT = 64 * 1024 * 1024


class BadHeader(ValueError):
    """The file does not begin as a spool file does."""


class Shredded(BadHeader):
    """The header was overwritten on purpose: the file was on its way out."""


class Ending(enum.Enum):
    """What follows the last complete record."""

    CLEAN = enum.auto()
    TORN = enum.auto()  # the beginning of a record: its writer died, or is writing now
    DAMAGED = enum.auto()  # bytes that no writer left


@dataclass(frozen=True)
class Position:
    """A border between records: bytes from the beginning, and the number of the record that follows."""

    offset: int
    number: int = 0


@dataclass(frozen=True)
class Frame:
    """A complete frame; `sealed` is its content."""

    at: Position
    end: Position
    written_ms: int
    sealed: bytes


@dataclass(frozen=True)
class Header:
    """What a file says of itself. `reason`: why a record was set aside."""

    ref: str
    host: str
    master_key_id: str
    wrapped: str
    reason: str = ""


class Seal:
    """Seals and opens the records of one file."""

    def __init__(self, header: Header, key: FileKey) -> None:
        self.header, self._key = header, key

    @classmethod
    def fresh(cls, *, reason: str = "") -> Seal:
        """Make the seal of a new file."""
        ref = uuid.uuid4().hex
        key = FileKey.fresh(ref)
        wrapped = b64encode(key.wrapped).decode()
        return cls(Header(ref, socket.gethostname(), key.master_key_id, wrapped, reason), key)

    @classmethod
    def of(cls, header: Header) -> Seal:
        """Take the key out of a header. Raises KeyMissing without its master key, Undecryptable with a wrong one."""
        wrapped = b64decode(header.wrapped)
        return cls(header, FileKey.unwrapped(header.ref, master_key_id=header.master_key_id, wrapped=wrapped))

    def beginning(self, now_ms: int) -> bytes:
        """The bytes every file of this seal begins with."""
        return MAGIC + framed(json.dumps(asdict(self.header)).encode(), now_ms)

    def record(self, data: bytes, *, number: int, now_ms: int) -> bytes:
        """The bytes of one record."""
        return framed(self._key.seal(data, context=self._place(number)), now_ms)

    def open(self, frame: Frame) -> bytes:
        """What the record holds. Raises Undecryptable."""
        return self._key.open(frame.sealed, context=self._place(frame.at.number))

    def _place(self, number: int) -> Context:
        return Context("spool", "record", f"{self.header.host}/{self.header.ref}/{number}")


def framed(content: bytes, now_ms: int) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(COVERED.pack(len(content), now_ms)))
    return FRAME.pack(len(content), checksum, now_ms) + content


def read_header(file: BinaryIO) -> tuple[Header, Position]:
    """Return the header and where the first record begins. Raises Shredded, BadHeader."""
    file.seek(0)
    magic = file.read(len(MAGIC))
    if magic == bytes(len(MAGIC)):
        raise Shredded("the key of this file was destroyed")
    found = next_frame(file, Position(len(MAGIC)), size_of(file)) if magic == MAGIC else Ending.DAMAGED
    if isinstance(found, Ending):
        raise BadHeader("not a spool file, or its beginning is damaged")
    try:
        return Header(**json.loads(found.sealed)), Position(found.end.offset)
    except (ValueError, TypeError) as error:
        raise BadHeader("a spool file of another version") from error


def frames(file: BinaryIO, start: Position) -> Iterator[Frame]:
    """Yield the complete records from `start` on; ends at the first that is not complete."""
    size = size_of(file)
    found = next_frame(file, start, size)
    while isinstance(found, Frame):
        yield found
        found = next_frame(file, found.end, size)


def ending(file: BinaryIO, at: Position) -> Ending:
    """Tell what lies at the end of the complete records. Raises ValueError when a complete record follows."""
    found = next_frame(file, at, size_of(file))
    if isinstance(found, Frame):
        raise ValueError("a complete record follows")
    return found


def next_frame(file: BinaryIO, at: Position, size: int) -> Frame | Ending:
    if at.offset == size:
        return Ending.CLEAN
    head = head_at(file, at.offset)
    if head is None:
        return Ending.TORN
    length, checksum, written_ms = head
    if length > MAX_CONTENT:
        return Ending.DAMAGED
    content = file.read(length) if at.offset + FRAME.size + length <= size else b""
    if len(content) < length:
        return Ending.TORN
    if zlib.crc32(content, zlib.crc32(COVERED.pack(length, written_ms))) != checksum:
        return Ending.DAMAGED
    return Frame(at, Position(at.offset + FRAME.size + length, at.number + 1), written_ms, content)


def head_at(file: BinaryIO, offset: int) -> tuple[int, int, int] | None:
    """Length, checksum and time of the frame at an offset; None when they are cut off. Leaves the file behind them."""
    file.seek(offset)
    head = file.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    length, checksum, written_ms = FRAME.unpack(head)
    return length, checksum, written_ms


def size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
