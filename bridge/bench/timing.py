"""Percentiles of what was measured. Nothing is averaged away and nothing is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

RANKS = (("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9))


def percentile(ordered: Sequence[float], rank: float) -> float:
    """Nearest rank of values in ascending order, so that every result is a value that was measured."""
    return ordered[max(0, math.ceil(len(ordered) * rank / 100) - 1)]


def percentiles_ms(seconds: Iterable[float]) -> dict[str, float]:
    """Count, percentiles and maximum of durations given in seconds, told in milliseconds; only a count of 0 without any."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0}
    told = {name: round(percentile(ordered, rank) * 1000, 3) for name, rank in RANKS}
    return {"count": len(ordered), **told, "max": round(ordered[-1] * 1000, 3)}


def median(values: Iterable[float]) -> float:
    """The middle one of the values, the lower of two. Raises IndexError without values."""
    return percentile(sorted(values), 50)


def timed(work: Callable[[], T], into: list[float]) -> T:
    """Do the work and note its seconds."""
    began = perf_counter()
    done = work()
    into.append(perf_counter() - began)
    return done
