"""Servers for one test run: fast, in a fresh directory that is gone afterwards, even when the run is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from config.embedded.accounts import moved_root
from config.embedded.launcher import Servers, launch
from config.embedded.leash import leash

# Reads process numbers until the program that writes them is gone, however it ended; then clears up in its place.
LEASH = """
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -INT $pids
sleep 2
rm -rf -- "$@"
"""


def launch_ephemeral(
    *, source: str = "auto", environ: Mapping[str, str] | None = None, max_connections: int = 200
) -> Servers:
    """Return servers whose data vanish with `stop()`, or shortly after this program was killed."""
    with ExitStack() as cleanup:  # last in, first out: servers, leash, directory
        var = Path(tempfile.mkdtemp(prefix="ponte-"))
        if os.geteuid() == 0:
            var.chmod(0o711)  # the account that runs the servers passes through
        cleanup.callback(_remove, var)
        held = cleanup.enter_context(leash(LEASH, var))
        servers = launch(var, source=source, environ=environ, durable=False, max_connections=max_connections)
        cleanup.callback(servers.stop)
        held.write(" ".join(map(str, servers.pids)) + "\n")
        held.flush()
        return replace(servers, cleanup=cleanup.pop_all())


def _remove(var: Path) -> None:
    for directory in (var, moved_root(var)):
        shutil.rmtree(directory, ignore_errors=True)
