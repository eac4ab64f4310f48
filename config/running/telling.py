"""What the person at the keyboard reads: progress on standard error and problems, each in English and Portuguese."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress


class CannotRun(Exception):
    """`up` cannot go on: what happened and what to do, in both languages, with the lines of a log that explain it."""

    def __init__(self, english: str, portuguese: str, *, log: Sequence[str] = ()) -> None:
        super().__init__(english)
        self.english, self.portuguese, self.log = english, portuguese, tuple(log)


class StopAsked(Exception):
    """A signal asked for it, or the program that holds the servers is gone: stop everything and end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def say(text: str = "") -> None:
    """One line of progress. Standard output is kept for the summary."""
    with suppress(OSError):  # a closed terminal must not keep the processes from being stopped
        print(text, file=sys.stderr, flush=True)


def say_step(english: str, portuguese: str) -> None:
    say(f"· {english} / {portuguese}")


def say_problem(problem: CannotRun) -> None:
    say()
    for line in problem.log:
        say(f"  | {line}")
    say(f"Error: {problem.english}")
    say(f"Erro: {problem.portuguese}")
