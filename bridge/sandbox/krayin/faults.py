"""Fault switches: what can go wrong between a client and Krayin, on demand and repeatable.

A fault is a JSON object: `kind`, the filters `method` and `path` (prefix, with or without `/api/v1`), `probability`,
`count` (how many calls, null for all), `skip` (how many matching calls to let pass first) and the fields of its kind.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bridge.sandbox.http import Json

PREFIX = "/api/v1"

KINDS = ("commit_then_cut", "502_after_commit", "slow", "down", "refuse", "row_without_attributes")


class UnknownFault(ValueError):
    """The object describes no fault this simulator knows."""


@dataclass(slots=True)
class Fault:
    """One switch. `fired` counts how often it acted.

    slow: `seconds`, `when` ("before" the work or "after" it).
    down: `mode` ("503" maintenance page or "cut").
    refuse: `status` (500 without limiter headers by default; 422 comes with them), `errors`, `limiter_headers`.
    row_without_attributes: `entity` ("persons", "leads", "organizations", "any"), `answer` ("cut" or "500").
    """

    kind: str
    method: str | None = None
    path: str = ""
    probability: float = 1.0
    count: int | None = None
    skip: int = 0
    seconds: float = 1.0
    when: str = "before"
    mode: str = "503"
    status: int = 500
    errors: dict[str, list[str]] = field(default_factory=lambda: {"name": ["Refused by a fault switch."]})
    limiter_headers: bool | None = None
    entity: str = "any"
    answer: str = "cut"
    id: int = 0
    fired: int = 0

    def fits(self, method: str, path: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        return path.startswith(self.path) or path.removeprefix(PREFIX).startswith(self.path)

    def sends_limiter_headers(self) -> bool:
        return self.status == 422 if self.limiter_headers is None else self.limiter_headers


@dataclass(slots=True)
class Plan:
    """What happens to one call."""

    seconds_before: float = 0.0
    seconds_after: float = 0.0
    down: str | None = None
    refuse: Fault | None = None
    cut: bool = False
    bad_gateway: bool = False
    died_after: str | None = None
    died_answer: str = "cut"


class Faults:
    """The switches that are set. Thread-safe; chance comes from one seeded generator."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault] = []
        self._last_id = 0
        self._lock = threading.Lock()

    def add(self, kind: str, **options: Json) -> Fault:
        """Sets a switch. Raises `UnknownFault` for an unknown kind or field."""
        return self.add_json({"kind": kind, **options})

    def add_json(self, description: Mapping[str, Any]) -> Fault:
        if description.get("kind") not in KINDS:
            raise UnknownFault(f"kind must be one of {', '.join(KINDS)}")
        options = {key: value for key, value in description.items() if key not in ("id", "fired")}
        try:
            fault = Fault(**options)
        except TypeError as error:
            raise UnknownFault(str(error)) from error
        with self._lock:
            self._last_id += 1
            fault.id = self._last_id
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def plan(self, method: str, path: str) -> Plan:
        """What the switches do to this call; their counters move."""
        plan = Plan()
        with self._lock:
            for fault in self._faults:
                if fault.fits(method, path) and self._acts(fault):
                    fault.fired += 1
                    _apply(plan, fault)
        return plan

    def _acts(self, fault: Fault) -> bool:
        if fault.count is not None and fault.fired >= fault.count:
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        return fault.probability >= 1.0 or self._random.random() < fault.probability


def _apply(plan: Plan, fault: Fault) -> None:
    if fault.kind == "slow" and fault.when == "after":
        plan.seconds_after += fault.seconds
    elif fault.kind == "slow":
        plan.seconds_before += fault.seconds
    elif fault.kind == "down":
        plan.down = fault.mode
    elif fault.kind == "refuse":
        plan.refuse = fault
    elif fault.kind == "commit_then_cut":
        plan.cut = True
    elif fault.kind == "502_after_commit":
        plan.bad_gateway = True
    else:
        plan.died_after, plan.died_answer = fault.entity, fault.answer
