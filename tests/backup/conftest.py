"""Backups into a folder or a store of the test's own, with a key of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backup.s3_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Contents, s3_server


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    settings.BACKUP_TO = str(folder)
    settings.BACKUP_KEYS = {"b1": b"b" * 32}
    settings.BACKUP_DAYS, settings.BACKUP_KEY_DAYS = 30, 7
    return folder


@pytest.fixture
def s3(settings: Any) -> Iterator[Contents]:
    """A store of that kind, which the settings name."""
    with s3_server() as contents:
        settings.BACKUP_TO = f"s3://{BUCKET}/ponte"
        settings.BACKUP_S3_ENDPOINT = contents.address
        settings.BACKUP_S3_REGION = REGION
        settings.BACKUP_S3_ACCESS_KEY, settings.BACKUP_S3_SECRET_KEY = ACCESS_KEY, SECRET_KEY
        yield contents
