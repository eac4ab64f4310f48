"""Which backups there are, and which go: dumps after PONTE_BACKUP_DAYS, their data keys after PONTE_BACKUP_KEY_DAYS.

The keys go earlier so that an erased person's key does not survive in backups (lgpd sections 15 and 16): an older dump is
read with the newest keys, which know everybody but the erased.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from bridge.backup.errors import NoBackup
from bridge.backup.manifest import DATA, ID, KEYS, NAME, Manifest, moment_of
from bridge.backup.stores import Store

# What has no manifest after a day was left by a process that died.
UNFINISHED = timedelta(days=1)
LATEST = "latest"


@dataclass(frozen=True)
class Kept:
    """One backup in the store."""

    id: str
    parts: frozenset[str]

    @property
    def at(self) -> datetime:
        return moment_of(self.id)

    @property
    def is_whole(self) -> bool:
        return {NAME, DATA} <= self.parts

    @property
    def has_keys(self) -> bool:
        return self.is_whole and KEYS in self.parts


def kept(place: Store) -> list[Kept]:
    """Everything that lies there under a backup's name, newest first, half-written ones included."""
    parts: dict[str, set[str]] = {}
    for name in place.names():
        backup, slash, part = name.partition("/")
        if slash and ID.fullmatch(backup):
            parts.setdefault(backup, set()).add(part)
    return [Kept(backup, frozenset(parts[backup])) for backup in sorted(parts, reverse=True)]


def named(place: Store, wanted: str) -> Kept:
    """The backup of this name, or the newest whole one. Raises NoBackup."""
    whole = [one for one in kept(place) if one.is_whole]
    found = next((one for one in whole if wanted in (LATEST, one.id)), None)
    if found is None:
        raise NoBackup(
            _("There is no backup %(backup)s.") % {"backup": wanted} if whole else _("There is no backup at all.")
        )
    return found


def with_keys(place: Store, wanted: str) -> Kept:
    """The backup whose data keys are used: the newest that has them, or the named one. Raises NoBackup."""
    found = next((one for one in kept(place) if one.has_keys and wanted in (LATEST, one.id)), None)
    if found is None:
        raise NoBackup(_("No backup holds data keys: without them nothing personal can be opened."))
    return found


def manifest_of(place: Store, backup: str) -> Manifest:
    """Raises NoBackup, Damaged, KeyUnknown, StoreUnusable."""
    return Manifest.read(backup, place.get(f"{backup}/{NAME}"))


def expire(place: Store, now: datetime) -> dict[str, int]:
    """Remove what has reached its time; the newest whole backup and the newest keys stay. Returns counts."""
    found = kept(place)
    newest = next((one.id for one in found if one.is_whole), None)
    newest_keys = next((one.id for one in found if one.has_keys), None)
    gone = {"backups": 0, "keys": 0, "unfinished": place.forget_unfinished(now - UNFINISHED)}
    for one in found:
        age = now - one.at
        if not one.is_whole and age > UNFINISHED:
            remove(place, one)
            gone["unfinished"] += 1
        elif age > timedelta(days=settings.BACKUP_DAYS) and one.id not in (newest, newest_keys):
            remove(place, one)
            gone["backups"] += 1
        elif one.has_keys and age > timedelta(days=settings.BACKUP_KEY_DAYS) and one.id != newest_keys:
            place.remove(f"{one.id}/{KEYS}")
            gone["keys"] += 1
    return gone


def remove(place: Store, one: Kept) -> None:
    """The manifest goes first: what is left after a crash is no backup any more."""
    for part in sorted(one.parts, key=lambda part: part != NAME):
        place.remove(f"{one.id}/{part}")
