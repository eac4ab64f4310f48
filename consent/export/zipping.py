"""The zip: stored, not compressed, every header field fixed, so that each of its bytes is covered by a checksum.

Compressed data have bits that change nothing when they are changed; a verifier could not see it (lgpd 17.9).
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from consent.export.vault import Written

LOCAL = struct.Struct("<IHHHHHIIIHH")
CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
END = struct.Struct("<IHHHHIIH")
VERSION, UTF8, UNIX = 20, 0x0800, 3 << 8
DATE, TIME = 0x0021, 0  # 1980-01-01 00:00, the beginning of time for a zip
MODE = 0o100644 << 16
LARGEST = 0xFFFF_FFFE
MOST_FILES = 0xFFFE


class TooLarge(Exception):
    """More than a zip without extensions holds: 4 GiB, or 65,534 files."""


class Sink(Protocol):
    def write(self, data: bytes) -> int: ...


@dataclass(frozen=True)
class Entry:
    path: str
    written: Written
    pieces: Iterable[bytes]


def pack(sink: Sink, entries: Iterable[Entry]) -> None:
    """Write the zip as a stream. Raises TooLarge."""
    offset, directory = 0, list[bytes]()
    for entry in entries:
        name, size = entry.path.encode(), entry.written.size
        if offset + size + len(name) + LOCAL.size > LARGEST or len(directory) >= MOST_FILES:
            raise TooLarge(entry.path.partition("/")[0])
        about = (VERSION, UTF8, 0, TIME, DATE, entry.written.crc32, size, size, len(name), 0)
        sink.write(LOCAL.pack(0x04034B50, *about) + name)
        for piece in entry.pieces:
            sink.write(piece)
        directory.append(CENTRAL.pack(0x02014B50, UNIX | VERSION, *about, 0, 0, 0, MODE, offset) + name)
        offset += LOCAL.size + len(name) + size
    listed = b"".join(directory)
    if offset + len(listed) > LARGEST:
        raise TooLarge("directory")
    sink.write(listed + END.pack(0x06054B50, 0, 0, len(directory), len(directory), len(listed), offset, 0))


def checksums(sums: Mapping[str, str]) -> Iterator[str]:
    """The lines of CHECKSUMS.sha256, as `sha256sum --check` reads them."""
    for path, digest in sorted(sums.items()):
        yield f"{digest}  {path}\n"
