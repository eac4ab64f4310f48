"""Real servers in directories of their own; every one that a test starts is stopped with it."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.embedded import Search, Servers, launch
from config.embedded.accounts import moved_root

Launch = Callable[..., Servers]


@pytest.fixture
def environ() -> dict[str, str]:
    """An environment that names no servers, unlike the one the tests themselves run in."""
    return {"PATH": os.environ["PATH"]}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Launch]:
    """Launch in the given directory; whatever still runs afterwards is stopped, and what root moved away removed."""
    with ExitStack() as stack:

        def start(
            var: Path, source: str = "auto", *, environ: Mapping[str, str] = environ, search: Search | None = None
        ) -> Servers:
            stack.callback(shutil.rmtree, moved_root(var), ignore_errors=True)
            servers = launch(
                var, source=source, environ=environ, durable=False, search=search, report=lambda line: None
            )
            return stack.enter_context(servers)

        yield start
