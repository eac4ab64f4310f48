"""Fixtures of the tests of `up` and its parts."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation

from config.embedded.accounts import moved_root


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """One for all tests of a module: making the database anew for each would take minutes."""
    directory = Path(tempfile.mkdtemp(prefix="ponte-up-"))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # the account that runs the servers passes through
    made = Installation(directory / "var")
    try:
        assert made.first_run.returncode == 0, made.first_run.stderr
        yield made
    finally:
        made.kill_everything()
        for place in (directory, moved_root(made.var)):
            shutil.rmtree(place, ignore_errors=True)
