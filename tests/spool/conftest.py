"""Every test begins and ends without an open spool file and without remembered connections."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.spool.writer import close
from bridge.webhooks.registry import registry


@pytest.fixture(autouse=True)
def spool(own_spool: Path) -> Iterator[Path]:
    registry.forget()
    yield own_spool
    close()
