"""What every test has: a spool of its own, also in the web processes it starts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.webhooks.circuit import circuit


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The screens first: they look at the whole registry of the admin, which must be as a fresh process has it."""
    items.sort(key=lambda item: "/screens/" not in item.path.as_posix())


@pytest.fixture(autouse=True, scope="session")
def spool_of_shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that several tests share start before any of them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PONTE_SPOOL_DIR", str(tmp_path_factory.mktemp("shared") / "spool"))
        yield


@pytest.fixture(autouse=True)
def own_spool(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    spool = tmp_path / "spool"
    settings.SPOOL_DIR = spool
    monkeypatch.setenv("PONTE_SPOOL_DIR", str(spool))
    circuit.forget()
    return spool
