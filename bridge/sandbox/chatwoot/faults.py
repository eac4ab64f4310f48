"""Switches that make the simulated Chatwoot, or the way to it, misbehave."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, fields

from .rows import Json, Value

REST_MODES = ("ok", "slow", "error", "down", "throttled")


@dataclass(slots=True)
class Faults:
    """Shares are between 0 and 1 and are drawn from the seeded generator.

    `drop`: share of deliveries never sent; `drop_next`: the next N are never sent. `delay_s`: each delivery waits a
    random time up to this. `duplicate_same_id`, `duplicate_new_id`: share of events delivered twice, either way.
    `rest`: ok, slow (waits `rest_delay_s`), error (500 with HTML), down (the connection is cut), throttled (429);
    `rest_after`: the mode begins after this many good calls; `rest_times`: it ends after this many, None = it stays.
    """

    drop: float = 0.0
    drop_next: int = 0
    delay_s: float = 0.0
    duplicate_same_id: float = 0.0
    duplicate_new_id: float = 0.0
    rest: str = "ok"
    rest_delay_s: float = 1.0
    rest_after: int = 0
    rest_times: int | None = None


class FaultSwitches:
    """The faults in force and the dice. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._faults = Faults()

    def set(self, **values: Value) -> Json:
        """Changes some switches and returns all. Raises ValueError naming a switch that does not exist or fit."""
        known = {item.name for item in fields(Faults)}
        for name, value in values.items():
            _check(name, value, known)
        with self._lock:
            for name, value in values.items():
                setattr(self._faults, name, value)
            return asdict(self._faults)

    def clear(self) -> None:
        with self._lock:
            self._faults = Faults()

    def as_json(self) -> Json:
        with self._lock:
            return asdict(self._faults)

    def drops_delivery(self) -> bool:
        with self._lock:
            if self._faults.drop_next > 0:
                self._faults.drop_next -= 1
                return True
            return self._random.random() < self._faults.drop

    def delay_s(self) -> float:
        with self._lock:
            return self._random.uniform(0, self._faults.delay_s) if self._faults.delay_s else 0.0

    def duplicates(self) -> str | None:
        """`same_id`, `new_id` or None for one event."""
        with self._lock:
            if self._random.random() < self._faults.duplicate_same_id:
                return "same_id"
            return "new_id" if self._random.random() < self._faults.duplicate_new_id else None

    def shuffle(self, items: list[Value]) -> None:
        with self._lock:
            self._random.shuffle(items)

    def rest_mode(self) -> tuple[str, float]:
        """The mode for one REST call, and its delay in seconds."""
        with self._lock:
            faults = self._faults
            if faults.rest_after > 0:
                faults.rest_after -= 1
                return "ok", faults.rest_delay_s
            mode = faults.rest
            if mode != "ok" and faults.rest_times is not None:
                faults.rest_times -= 1
                if faults.rest_times <= 0:
                    faults.rest, faults.rest_times = "ok", None
            return mode, faults.rest_delay_s


def _check(name: str, value: Value, known: set[str]) -> None:
    if name not in known:
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
    if name == "rest":
        if value not in REST_MODES:
            raise ValueError(f"rest must be one of {', '.join(REST_MODES)}")
    elif name == "rest_times" and value is None:
        return
    elif isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} must be a number of at least 0")
