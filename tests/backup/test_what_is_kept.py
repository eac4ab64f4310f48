"""Backups go after their days, their data keys earlier; the newest stays; what has no manifest is no backup."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from bridge.backup.errors import NoBackup
from bridge.backup.keeping import expire, kept, named, with_keys
from bridge.backup.manifest import new_id
from bridge.backup.stores import store

NOW = timezone.now()
WHOLE = ("data", "keys", "manifest.json")


def lies(folder: Path, days: float, parts: tuple[str, ...] = WHOLE) -> str:
    """Put the parts of a backup of so many days ago."""
    backup = new_id(NOW - timedelta(days=days))
    (folder / backup).mkdir()
    for part in parts:
        (folder / backup / part).write_text("x")
    return backup


def there(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}


def test_after_thirty_days_a_backup_goes_and_after_seven_its_keys(folder: Path) -> None:
    old, week, young = lies(folder, 31), lies(folder, 8), lies(folder, 6)
    assert expire(store(), NOW) == {"backups": 1, "keys": 1, "unfinished": 0}
    assert there(folder) == {f"{week}/data", f"{week}/manifest.json", *(f"{young}/{part}" for part in WHOLE)}
    assert old not in {path.name for path in folder.iterdir()}


def test_the_newest_stays_however_old_it_is(folder: Path) -> None:
    lies(folder, 200)
    newest = lies(folder, 100)
    expire(store(), NOW)
    assert there(folder) == {f"{newest}/{part}" for part in WHOLE}


def test_what_a_killed_run_left_goes_after_a_day_and_is_never_a_backup(folder: Path) -> None:
    lies(folder, 2, ("data",))
    running = lies(folder, 0.1, ("data",))
    with pytest.raises(NoBackup):
        named(store(), "latest")
    assert expire(store(), NOW)["unfinished"] == 1
    assert there(folder) == {f"{running}/data"}


def test_an_older_dump_is_read_with_the_newest_keys(folder: Path) -> None:
    old, young = lies(folder, 20, ("data", "manifest.json")), lies(folder, 1)
    assert (named(store(), "latest").id, named(store(), old).id) == (young, old)
    assert with_keys(store(), "latest").id == young
    with pytest.raises(NoBackup):
        with_keys(store(), old)


def test_other_files_of_the_folder_are_let_alone(folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes/data").write_text("mine")
    assert (kept(store()), expire(store(), NOW)["unfinished"]) == ([], 0)
    assert there(folder) == {"notes/data"}


def test_names_are_in_the_order_of_time_whatever_the_zone() -> None:
    noon = datetime.fromisoformat("2026-11-21T12:00:00-03:00")
    assert new_id(noon) == "20261121T150000000000Z"
