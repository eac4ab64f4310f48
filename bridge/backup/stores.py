"""Where backups lie: a folder of a disk, or any store that speaks S3. An object is whole or it is not there."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from bridge.backup.errors import NoBackup, NotSetUp, StoreUnusable

CHUNK = 1024 * 1024
PARTIAL = ".partial"


class Store(Protocol):
    """Names are relative, with slashes. Every method raises StoreUnusable when the store does not do its part."""

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Keep a stream under a name. When the stream itself raises, nothing is kept and its error goes on."""

    def get(self, name: str) -> Iterator[bytes]:
        """Raises NoBackup when there is no such object, before the first piece."""

    def names(self) -> list[str]:
        """Everything that is there, in the order of names."""

    def remove(self, name: str) -> None:
        """Also when it is gone already."""

    def forget_unfinished(self, before: datetime) -> int:
        """Remove what processes that died left half-written before a moment; return how many."""


def store() -> Store:
    """The store of the settings. Raises NotSetUp."""
    address: str = settings.BACKUP_TO
    if not address:
        raise NotSetUp(_("PONTE_BACKUP_TO is not set: no backups are made."))
    if not address.startswith("s3://"):
        return Folder(Path(address))
    # Not with the module: the library takes 20 MB of every process that imports it, and most have no use for it.
    from bridge.backup.s3 import S3

    return S3.of_settings()


class Folder:
    """A folder; put it on another disk, better on another machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._root / name
        partial = path.with_name(path.name + PARTIAL)
        try:
            # Not the folder itself: below a disk that is not mounted it would fill the wrong one.
            path.parent.mkdir(exist_ok=True, mode=0o700)
            try:
                write(partial, chunks)
                partial.replace(path)
                sync_folder(path.parent)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                    path.parent.rmdir()
                raise
        except OSError as error:
            raise self._unusable(error) from error

    def get(self, name: str) -> Iterator[bytes]:
        try:
            with (self._root / name).open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except FileNotFoundError as error:
            raise NoBackup(_("%(name)s is not there.") % {"name": name}) from error
        except OSError as error:
            raise self._unusable(error) from error

    def names(self) -> list[str]:
        try:
            if not self._root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOENT))
            found = [path for path in self._root.glob("*/*") if path.is_file() and path.suffix != PARTIAL]
        except OSError as error:
            raise self._unusable(error) from error
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def remove(self, name: str) -> None:
        path = self._root / name
        try:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # the folder holds other parts
                path.parent.rmdir()
        except OSError as error:
            raise self._unusable(error) from error

    def forget_unfinished(self, before: datetime) -> int:
        try:
            old = [path for path in self._root.glob(f"*/*{PARTIAL}") if path.stat().st_mtime < before.timestamp()]
        except OSError as error:
            raise self._unusable(error) from error
        for path in old:
            self.remove(path.relative_to(self._root).as_posix())
        return len(old)

    def _unusable(self, error: OSError) -> StoreUnusable:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return StoreUnusable(_("No space is left in %(folder)s for the backup.") % {"folder": self._root})
        return StoreUnusable(
            _("The backup folder %(folder)s cannot be used: %(reason)s.")
            % {"folder": self._root, "reason": error.strerror or type(error).__name__}
        )


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new private file, to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
