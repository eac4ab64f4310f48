"""First half of `up`: keys and servers. It becomes `python -m config.embedded`, which runs the second half.

Two halves, because Django reads its settings when a process starts: before the servers run and the keys exist there is
nothing to read. The runner of `config.embedded` forwards signals and stops the servers last.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

from config.embedded.accounts import give_to_owner_of, make_directory
from config.embedded.processes import wait_until
from config.running import environment
from config.running.telling import CannotRun

PROJECT = Path(__file__).resolve().parents[2]
INSIDE = "--inside"


def launch(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Replace this process by the servers and, inside them, `manage.py up` with the same arguments.

    Raises CannotRun and config.embedded.ServerDataUnusable.
    """
    var = environment.directory(environ, PROJECT / "var")
    make_directory(var)
    lock = take(var / "up.lock")
    keys = environment.keys(var / "ponte.env", environ)
    # The lock lives as long as the program that holds the servers, even if that one is killed.
    os.set_inheritable(lock.fileno(), True)
    os.chdir(PROJECT)
    os.execve(  # noqa: S606 - our own program, no shell
        sys.executable,
        [
            *(sys.executable, "-m", "config.embedded", "--var", str(var), "--"),
            *(sys.executable, str(PROJECT / "manage.py"), "up", INSIDE, *arguments),
        ],
        {**environ, **keys, "PONTE_VAR": str(var)},
    )


def take(path: Path, *, wait_s: float = 0) -> IO[str]:
    """Lock a file of the data directory against a second run. Raises CannotRun."""
    lock = path.open("a", encoding="utf-8")
    give_to_owner_of(path.parent, path)
    if not wait_until(partial(is_taken, lock), wait_s):
        raise CannotRun(
            f"Ponte is already running with the data in {path.parent}. Stop it first (Ctrl-C), or choose another "
            "directory with PONTE_VAR.",
            f"A Ponte já está em execução com os dados em {path.parent}. Pare-a antes (Ctrl-C) ou escolha outra pasta "
            "com PONTE_VAR.",
        )
    return lock


def is_taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
