"""What one measurement found: figures, percentiles, the baseline of the same run, and which targets it meets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

QUERY_SHOWN = 110


@dataclass(frozen=True)
class Target:
    """One number of DESIGN section 15 beside what was measured."""

    what: str
    wanted: str
    measured: float
    met: bool


def at_least(what: str, measured: float, wanted: float) -> Target:
    return Target(what, f">= {wanted:g}", round(measured, 3), measured >= wanted)


def at_most(what: str, measured: float, wanted: float) -> Target:
    return Target(what, f"<= {wanted:g}", round(measured, 3), measured <= wanted)


@dataclass
class Report:
    """One run of one measurement. `baseline` and `ratio` (ours to the baseline) come from the same run."""

    bench: str
    small: bool
    machine: dict[str, Any]
    versions: dict[str, str]
    figures: dict[str, float] = field(default_factory=dict)
    latencies_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    targets: list[Target] = field(default_factory=list)
    statements: list[dict[str, Any]] | None = None
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def lines(self) -> list[str]:
        """The same for people."""
        told = [f"bench {self.bench}{' --small: shows that it works, measures nothing' if self.small else ''}"]
        told += _pairs("machine", self.machine) + _pairs("versions", self.versions)
        told += _pairs("measured", self.figures) + _pairs("baseline", self.baseline)
        if self.ratio is not None:
            told.append(f"  ours / baseline: {self.ratio:.3f}")
        told += _table(self.latencies_ms)
        told += [
            f"  {'met   ' if t.met else 'MISSED'} {t.what}: {t.measured:g} (wanted {t.wanted})" for t in self.targets
        ]
        told += _statement_lines(self.statements)
        return told + [f"  note: {note}" for note in self.notes]


def _pairs(title: str, values: dict[str, Any]) -> list[str]:
    return [f"{title}:", *(f"  {name}: {value}" for name, value in values.items())] if values else []


def _table(rows: dict[str, dict[str, float]]) -> list[str]:
    """Milliseconds, one line a series."""
    if not rows:
        return []
    columns = ("count", "p50", "p95", "p99", "p99_9", "max")
    width = max(len(name) for name in rows)
    head = f"  {'ms'.ljust(width)}" + "".join(name.rjust(11) for name in columns)
    body = [
        f"  {name.ljust(width)}" + "".join(f"{row[column]:>11g}" if column in row else " " * 11 for column in columns)
        for name, row in rows.items()
    ]
    return ["latencies:", head, *body]


def _statement_lines(statements: list[dict[str, Any]] | None) -> list[str]:
    if statements is None:
        return ["top statements: not available, PostgreSQL has no pg_stat_statements here"]
    return ["top statements (share of database time, calls, mean):"] + [
        f"  {s['share']:>5.1%} {s['calls']:>9} x {s['mean_ms']:>8.3f} ms  {s['query'][:QUERY_SHOWN]}"
        for s in statements
    ]
