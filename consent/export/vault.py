"""Files that are sealed block by block, so that they can be written as a stream and read from any byte on."""

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from consent.encryption import Undecryptable
from consent.encryption.personfiles import OVERHEAD, PersonFileKey

BLOCK = 64 * 1024
STRIDE = BLOCK + OVERHEAD


@dataclass(frozen=True)
class Written:
    """What a finished file holds."""

    size: int
    sha256: str
    crc32: int


class SealedWriter:
    """Writes one file under a name of its own; it exists only once it is whole.

    `lasting`: and on the disk. What is written again after a kill anyway need not wait for it.
    """

    def __init__(self, path: Path, key: PersonFileKey, name: str, *, lasting: bool = True) -> None:
        self._path, self._key, self._name, self._lasting = path, key, name, lasting
        self._partial = path.with_name(f"{path.name}.partial")
        self._partial.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._waiting, self._number, self._size = bytearray(), 0, 0
        self._sha256, self._crc32 = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._size += len(data)
        self._sha256.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._waiting += data
        # One block stays back: only the end of the file says which one is the last.
        while len(self._waiting) > BLOCK:
            self._seal(bytes(self._waiting[:BLOCK]), is_last=False)
            del self._waiting[:BLOCK]
        return len(data)

    @property
    def size(self) -> int:
        return self._size

    @property
    def written(self) -> Written:
        return Written(self._size, self._sha256.hexdigest(), self._crc32)

    def _seal(self, data: bytes, *, is_last: bool) -> None:
        self._file.write(self._key.seal_block(data, place=place(self._name, self._number, is_last=is_last)))
        self._number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._seal(bytes(self._waiting), is_last=True)
            self._file.flush()
            if self._lasting:
                os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            with suppress(FileNotFoundError):
                self._partial.unlink()


class SealedReader:
    """Reads what SealedWriter wrote. A changed, moved or cut block raises Undecryptable."""

    def __init__(self, path: Path, key: PersonFileKey, name: str) -> None:
        self._path, self._key, self._name = path, key, name
        stored = path.stat().st_size
        self._blocks = max(1, -(-stored // STRIDE))
        if stored < self._blocks * OVERHEAD:
            raise Undecryptable("a sealed file is cut")
        self.size = stored - self._blocks * OVERHEAD

    def bytes_from(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, in pieces of at most BLOCK."""
        end = self.size if end is None else min(end, self.size)
        with self._path.open("rb") as file:
            file.seek(start // BLOCK * STRIDE)
            # An empty file has one block, too, that must open.
            for number in range(start // BLOCK, max(1, -(-end // BLOCK))):
                blob = file.read(STRIDE)
                is_last = number == self._blocks - 1
                data = self._key.open_block(blob, place=place(self._name, number, is_last=is_last))
                begin = number * BLOCK
                if piece := data[max(0, start - begin) : end - begin]:
                    yield piece

    def lines(self) -> Iterator[bytes]:
        """The lines without their ends."""
        rest = b""
        for piece in self.bytes_from():
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest


def place(name: str, number: int, *, is_last: bool) -> str:
    return f"{name}/{number}{'/last' if is_last else ''}"
