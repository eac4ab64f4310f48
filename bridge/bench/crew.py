"""The same work in several processes at once, as several workers would do it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import Any, TypeVar

from django.db import connections

from bridge.bench.errors import CannotMeasure

T = TypeVar("T")

ANSWER_WITHIN_S = 60.0


def side_by_side(work: Callable[[], T], *, processes: int, seconds: float) -> list[T]:
    """What each process found. Raises CannotMeasure when one fails or takes a minute longer than `seconds`."""
    context = multiprocessing.get_context("fork")
    connections.close_all()
    pipes: list[Pipe] = []
    crew = []
    for _ in range(processes):
        reader, writer = context.Pipe(duplex=False)
        crew.append(context.Process(target=_send_back, args=(work, writer), daemon=True))
        crew[-1].start()
        writer.close()
        pipes.append(reader)
    try:
        return [_receive(reader, seconds + ANSWER_WITHIN_S) for reader in pipes]
    finally:
        for process in crew:
            process.join(1)
            process.kill()


def _receive(reader: Pipe, within_s: float) -> Any:
    try:
        if reader.poll(within_s):
            return reader.recv()
    except EOFError as error:
        raise CannotMeasure("one of the processes side by side failed; its own words are above") from error
    raise CannotMeasure(f"one of the processes side by side was not ready within {within_s:g} s")


def _send_back(work: Callable[[], T], writer: Pipe) -> None:
    writer.send(work())
    writer.close()
