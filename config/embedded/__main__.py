"""Run a command with servers of its own: `python -m config.embedded --ephemeral -- pytest`.

The command finds DATABASE_URL and REDIS_URL in its environment; its exit status becomes ours.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from config.embedded import EmbeddedServersError, Servers, launch
from config.embedded.ephemeral import launch_ephemeral

PROJECT = Path(__file__).resolve().parents[2]
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Start the servers, run the command, stop the servers; return the command's exit status, 2 without servers."""
    own, command = _split(arguments)
    options = _parser().parse_args(own)
    if not command:
        _parser().error("no command given after --")
    with ExitStack() as stack:
        for number in FORWARDED:
            signal.signal(number, _leave)
        try:
            servers = stack.enter_context(_launch(options))
        except EmbeddedServersError as error:
            print(f"servers: {error}", file=sys.stderr)
            return 2
        return _run(command, {**os.environ, **servers.environment()})


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    border = arguments.index("--")
    return arguments[:border], arguments[border + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", usage="%(prog)s [options] -- command ...")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--var", type=Path, default=Path(os.environ.get("PONTE_VAR") or PROJECT / "var"))
    place.add_argument("--ephemeral", action="store_true", help="fast servers, their directory removed afterwards")
    parser.add_argument("--source", default=os.environ.get("PONTE_SERVERS") or "auto", help="auto, system or wheels")
    parser.add_argument("--max-connections", type=int, default=200)
    parser.add_argument("--not-durable", action="store_true", help="faster; a crash of the machine loses the data")
    return parser


def _launch(options: argparse.Namespace) -> Servers:
    if options.ephemeral:
        return launch_ephemeral(source=options.source, max_connections=options.max_connections)
    return launch(
        options.var,
        source=options.source,
        durable=not options.not_durable,
        max_connections=options.max_connections,
    )


def _run(command: list[str], environ: dict[str, str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # came while the command was being started

    def forward(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and _terminal_is_ours():
            return  # the terminal sends Ctrl-C to the command as well; twice would cut its own clean-up short
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    try:
        child = subprocess.Popen(command, env=environ)
    except OSError as error:
        print(f"servers: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for pending in early:
        child.send_signal(pending)
    status = child.wait()
    return status if status >= 0 else 128 - status


def _terminal_is_ours() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def _leave(number: int, frame: FrameType | None) -> None:
    """While the servers start: give up, and let the launch stop what it has started."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
