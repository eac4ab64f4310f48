"""Running the verifier that people get on a finished package, without ever writing it in clear."""

import importlib.util
import io
from functools import cache
from pathlib import Path
from types import ModuleType

from django.conf import settings

from consent.export.vault import BLOCK, SealedReader
from consent.models.exports import ExportSigningKey


@cache
def verifier() -> ModuleType:
    """deploy/verify_export.py itself: what we check is what people check."""
    path = Path(settings.BASE_DIR) / "deploy" / "verify_export.py"
    spec = importlib.util.spec_from_file_location("ponte_verify_export", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wrong_with(reader: SealedReader, key: ExportSigningKey) -> str:
    """What is not right, in words; empty when everything is."""
    program = verifier()
    try:
        program.checked(io.BufferedReader(Seekable(reader), BLOCK), bytes(key.public_key))
    except program.Wrong as wrong:
        return str(wrong)[:200]
    return ""


class Seekable(io.RawIOBase):
    """A sealed file as Python's programs read files."""

    def __init__(self, reader: SealedReader) -> None:
        self._reader, self._at = reader, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reader.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        end = min(self._at + len(buffer), self._reader.size)
        data = next(self._reader.bytes_from(self._at, end), b"") if self._at < end else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
