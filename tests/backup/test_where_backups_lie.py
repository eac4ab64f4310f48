"""Folder and S3 store keep an object whole or not at all, and say why they do not."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from bridge.backup.errors import NoBackup, ProgramFailed, StoreUnusable
from bridge.backup.s3 import S3
from bridge.backup.stores import Folder, Store, store
from tests.backup.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, Contents, Refusal

pytestmark = pytest.mark.usefixtures("in_english")
PART = 100


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest) -> Store:
    """Both kinds; uploads in parts as small as the tests' objects are."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        place = S3.of_settings()
        place._part_bytes = PART
        return place
    return store()


def read(place: Store, name: str) -> bytes:
    return b"".join(place.get(name))


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 10 * PART + 3])
def test_an_object_comes_back(place: Store, size: int) -> None:
    data = os.urandom(size)
    place.put("a/data", (data[at : at + 70] for at in range(0, size, 70)))
    assert read(place, "a/data") == data
    assert place.names() == ["a/data"]


def test_many_objects_are_listed_in_order_and_removed(place: Store) -> None:
    names = [f"{number}/{part}" for number in range(4) for part in ("data", "keys")]
    for name in reversed(names):
        place.put(name, [b"x"])
    assert place.names() == names
    place.remove(names[0])
    place.remove(names[0])
    assert place.names() == names[1:]


def test_a_missing_object_is_named(place: Store) -> None:
    with pytest.raises(NoBackup):
        read(place, "a/data")


def broken() -> Iterator[bytes]:
    yield b"x" * 5 * PART
    raise ProgramFailed("pg_dump ended with an error")


def test_of_a_stream_that_breaks_off_nothing_can_be_seen(place: Store) -> None:
    with pytest.raises(ProgramFailed):
        place.put("a/data", broken())
    assert place.names() == []
    assert place.forget_unfinished(timezone.now() + timedelta(days=1)) == 0


# The folder -----------------------------------------------------------------------------------------------------------


def test_only_the_account_itself_may_read_a_backup(folder: Path) -> None:
    Folder(folder).put("a/data", [b"x"])
    assert [(folder / name).stat().st_mode & 0o777 for name in ("a", "a/data")] == [0o700, 0o600]


def test_a_full_disk_is_named_and_leaves_nothing(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a/data.partial").symlink_to("/dev/full")
    with pytest.raises(StoreUnusable, match="No space is left"):
        Folder(folder).put("a/data", [b"x" * 100_000])
    assert list(folder.rglob("*")) == []


def test_a_folder_that_is_not_there_is_no_empty_one(folder: Path) -> None:
    for use in (Folder.names, lambda place: place.put("a/data", [b"x"])):
        with pytest.raises(StoreUnusable, match="gone"):
            use(Folder(folder / "gone"))


def test_a_file_where_the_folder_should_be_is_named(folder: Path) -> None:
    (folder / "a").write_text("")
    with pytest.raises(StoreUnusable, match=str(folder)):
        Folder(folder).put("a/data", [b"x"])


def test_what_a_killed_process_left_is_removed_after_a_while(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a/data.partial").write_bytes(b"x")
    place = Folder(folder)
    assert place.names() == []
    assert place.forget_unfinished(timezone.now() - timedelta(days=1)) == 0
    assert place.forget_unfinished(timezone.now() + timedelta(days=1)) == 1
    assert list(folder.rglob("*")) == []


# The store ------------------------------------------------------------------------------------------------------------


def test_what_the_store_refuses_is_named_without_its_keys(s3: Contents) -> None:
    s3.refusal = Refusal("PUT", 403, "QuotaExceeded")
    with pytest.raises(StoreUnusable, match="QuotaExceeded") as refused:
        store().put("a/data", [b"x"])
    assert SECRET_KEY not in str(refused.value)
    assert s3.objects == {}


def test_an_upload_that_is_refused_half_way_is_given_up(s3: Contents) -> None:
    place = S3.of_settings()
    place._part_bytes = PART
    s3.refusal = Refusal("PUT", 403, "AccessDenied", after=2)
    with pytest.raises(StoreUnusable, match="AccessDenied"):
        place.put("a/data", [b"x" * 10 * PART])
    assert (s3.objects, s3.uploads) == ({}, {})


def test_an_upload_that_a_killed_process_left_is_given_up_later(s3: Contents) -> None:
    s3.uploads["ponte/a/data"] = {1: b"x"}
    assert store().forget_unfinished(timezone.now() - timedelta(days=1)) == 0
    assert store().forget_unfinished(timezone.now() + timedelta(days=1)) == 1
    assert s3.uploads == {}


def test_a_wrong_secret_is_refused_by_name(s3: Contents, settings: Any) -> None:
    settings.BACKUP_S3_SECRET_KEY = "another"
    with pytest.raises(StoreUnusable, match="SignatureDoesNotMatch"):
        store().names()


def test_a_store_that_is_away_is_named(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    settings.BACKUP_TO, settings.BACKUP_S3_ENDPOINT = f"s3://{BUCKET}", "http://127.0.0.1:9"
    settings.BACKUP_S3_ACCESS_KEY, settings.BACKUP_S3_SECRET_KEY = ACCESS_KEY, SECRET_KEY
    with pytest.raises(StoreUnusable, match="EndpointConnectionError"):
        store().names()
