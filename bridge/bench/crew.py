"""The same work in several processes at once, as several workers would do it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from typing import TypeVar

from django.db import connections

T = TypeVar("T")

ANSWER_WITHIN_S = 60.0


def side_by_side(work: Callable[[], T], *, processes: int, seconds: float) -> list[T]:
    """What each process found; one that takes a minute longer than `seconds` is stopped and left out."""
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
        return [reader.recv() for reader in pipes if reader.poll(seconds + ANSWER_WITHIN_S)]
    finally:
        for process in crew:
            process.join(1)
            process.kill()


def _send_back(work: Callable[[], T], writer: Pipe) -> None:
    writer.send(work())
    writer.close()
