"""A ledger of one's own outside the database, in two places."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consent.erasure.gate import gate


@pytest.fixture(autouse=True)
def no_own_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A worker swallows its own defects and tries again later; here they fail the test."""
    yield
    assert not [record for record in caplog.records if "erasure stopped" in record.getMessage()]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, settings: Any) -> Iterator[list[Path]]:
    folders = [tmp_path / "first", tmp_path / "second"]
    settings.AUDIT_CHECKPOINTS = [str(folder) for folder in folders]
    gate.forget()
    yield folders
    gate.forget()
