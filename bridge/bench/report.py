"""What one measurement found: figures, percentiles, the baseline of the same run, and which targets it meets.

Three forms of the same: lines for people, one line of JSON for programs, rows of a Markdown table for the README.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

QUERY_SHOWN = 110
LIMITS_MB = {"web": 150, "lanes": 250, "celery": 250}


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
    """One run of one measurement. `baseline` and `ratio`, ours to the baseline, are of the same run.

    `ratio_of` says of what, unless the ratio is one of the targets.
    """

    bench: str
    size: str  # empty for the whole measurement, else the options that made it smaller
    machine: dict[str, Any]
    versions: dict[str, str]
    figures: dict[str, float] = field(default_factory=dict)
    latencies_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    ratio: float | None = None
    ratio_of: str = ""
    targets: list[Target] = field(default_factory=list)
    statements_from: str = ""
    statements: list[dict[str, Any]] = field(default_factory=list)
    plans: dict[str, list[str]] = field(default_factory=dict)  # indexes used, by question
    notes: list[str] = field(default_factory=list)

    @property
    def meets_all(self) -> bool:
        return all(target.met for target in self.targets)

    def compare(self, ours: float, baseline: float, names: str) -> None:
        """The ratio, if there is a baseline to speak of."""
        if baseline:
            self.ratio, self.ratio_of = round(ours / baseline, 3), names

    def tell_memory(self, sizes_mb: Mapping[str, float]) -> None:
        """Of processes named `kind` or `kind-number`; the largest of a kind is told, limited kinds become targets."""
        largest: dict[str, float] = {}
        for name, size in sizes_mb.items():
            kind = name.partition("-")[0]
            largest[kind] = max(size, largest.get(kind, 0.0))
        for kind in sorted(largest.keys() & LIMITS_MB):
            self.figures[f"memory_{kind}_mb"] = largest[kind]
            self.targets.append(at_most(f"memory of a {kind} process (MB)", largest[kind], LIMITS_MB[kind]))

    def as_json(self) -> str:
        """One line; `from_json` reads it."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        values = json.loads(text)
        return cls(**{**values, "targets": [Target(**target) for target in values["targets"]]})

    def lines(self) -> list[str]:
        """For people."""
        told = [f"bench {self.bench}{f' {self.size}: less than the whole measurement' if self.size else ''}"]
        told += _pairs("machine", self.machine) + _pairs("versions", self.versions)
        told += _pairs("measured", self.figures) + _pairs("baseline", self.baseline)
        if self.ratio_of:
            told.append(f"  {self.ratio_of}: {self.ratio:.3f}")
        told += _table(self.latencies_ms)
        told += ["numbers to meet:"] * bool(self.targets)
        told += [
            f"  {'met   ' if t.met else 'MISSED'} {t.what}: {t.measured:g} (wanted {t.wanted})" for t in self.targets
        ]
        told += _statement_lines(self.statements_from, self.statements)
        told += _pairs("indexes used", {name: ", ".join(indexes) for name, indexes in self.plans.items()})
        return told + [f"  note: {note}" for note in self.notes]

    def rows(self) -> list[str]:
        """Rows of the README's table: command, what, number to meet, measured, whether it is met."""
        command = f"`bench {self.bench}{f' {self.size}' if self.size else ''}`"
        rows = [(t.what, _sign(t.wanted), _number(t.measured), "yes" if t.met else "**no**") for t in self.targets]
        told = [(f"baseline: {name.replace('_', ' ')}", "", _number(value), "") for name, value in self._baseline()]
        if self.ratio_of and self.ratio is not None:
            told.append((self.ratio_of, "", f"{self.ratio:.2f}", ""))
        return [f"| {command} | {' | '.join(row)} |" for row in rows + told]

    def _baseline(self) -> list[tuple[str, float]]:
        return [(name, value) for name, value in self.baseline.items() if not name.startswith("cpu_")]


def markdown(reports: Sequence[Report]) -> list[str]:
    """The README's table of several measurements, and the machine they were made on."""
    if not reports:
        return []
    machine, versions = reports[0].machine, reports[0].versions
    return [
        "| `python manage.py` | what | to meet | measured | met |",
        "| --- | --- | --- | --- | --- |",
        *(row for report in reports for row in report.rows()),
        "",
        f"Measured with {machine['cores']} cores, {machine['memory_mb'] / 1024:.0f} GB, {machine['fsync_ms']:g} ms a "
        f"synced page, load {', '.join(str(report.machine['load_before']) for report in reports)} before; Python "
        f"{versions['python']}, PostgreSQL {versions['postgresql'].split()[0]}, {versions['broker']}, Django "
        f"{versions['django']}.",
    ]


def _sign(wanted: str) -> str:
    sign, value = wanted.split()
    return f"{'≥' if sign == '>=' else '≤'} {_number(float(value))}"


def _number(value: float) -> str:
    """With as many digits as anybody reads."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _pairs(title: str, values: Mapping[str, Any]) -> list[str]:
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


def _statement_lines(source: str, statements: list[dict[str, Any]]) -> list[str]:
    if not statements:
        return []
    return [f"top statements (share of database time; {source}):"] + [
        f"  {s['share']:>5.1%} {_calls(s)}{s['query'][:QUERY_SHOWN]}" for s in statements
    ]


def _calls(statement: Mapping[str, Any]) -> str:
    return f"{statement['calls']:>9} x {statement['mean_ms']:>8.3f} ms  " if "calls" in statement else ""
