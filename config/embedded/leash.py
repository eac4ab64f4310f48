"""A small shell that clears up for a program that is killed: it outlives the program and notices its end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from config.embedded.accounts import moved_root


@contextmanager
def leash(script: str, directory: Path) -> Iterator[IO[str]]:
    """Run `script` with the directory's places as arguments; what is written goes to its standard input.

    The script reads until the writing program is gone, however it ended. Leaving in good order stops it unrun.
    """
    process = subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", str(directory), str(moved_root(directory))],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    with process:
        if process.stdin is None:
            raise RuntimeError("subprocess.PIPE gave no pipe")
        yield process.stdin
        process.kill()
