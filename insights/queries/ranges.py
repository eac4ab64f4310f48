"""Numbers of a clinic over a range of days, from the sums per day. Small cells are hidden, n is always there.

Medians and p90 come from merged histograms: exact to the minute up to 10 minutes, within 10 % above.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from django.db import connection
from django.db.models import Sum

from insights.models import DayCounts, DayDurations
from insights.queries.hiding import shown

COUNTS = (
    "conversations", "attendances", "resolutions", "reopenings", "one_contact", "bot_only", "unanswered", "stale",
    "patient_messages", "human_messages", "bot_messages", "surveys", "ratings", "satisfied", "rating_sum",
)  # fmt: skip
HOURS, WEEKDAYS = range(24), range(1, 8)
BANDS = 5  # 0–1, 1–4, 4–8, 8–24, 24 and more hours
By = Literal["all", "inbox_id", "team_id", "assignee_id", "day"]
# Hundreds of rows: each of at most 140 buckets for three measures and two clocks.
BUCKETS = """
SELECT sums.*, edges.found[bucket + 1], width_bucket(edges.found[greatest(bucket, 1)], ARRAY[60, 240, 480, 1440]::float[])
FROM (
  SELECT {key} AS key, measure, clock, bucket, sum(n)::bigint, sum(sum_s)::bigint, min(min_s), max(max_s)
  FROM insight_durations
  WHERE connection_id = ANY(%(connections)s) AND day BETWEEN %(first)s AND %(last)s
    AND (%(inbox)s::bigint IS NULL OR inbox_id = %(inbox)s) {more}
  GROUP BY 1, 2, 3, 4
) AS sums
CROSS JOIN (SELECT insight_edges() AS found) AS edges
ORDER BY bucket
"""
PEOPLE = """
SELECT {key}, count(DISTINCT c.contact_id) FROM observed_conversations c
WHERE c.connection_id = ANY(%(connections)s) AND c.gone_at IS NULL
  AND c.started_at < %(last)s::date + 2 AND c.last_activity_at >= %(first)s::date - 1
  AND (%(inbox)s::bigint IS NULL OR c.inbox_id = %(inbox)s)
GROUP BY 1
"""
ARRIVALS = """
SELECT extract(isodow FROM day)::int, hour.place - 1, sum(hour.n)::bigint
FROM insight_days CROSS JOIN LATERAL unnest(arrivals) WITH ORDINALITY AS hour(n, place)
WHERE connection_id = ANY(%(connections)s) AND day BETWEEN %(first)s AND %(last)s AND hour.n > 0
  AND (%(inbox)s::bigint IS NULL OR inbox_id = %(inbox)s)
GROUP BY 1, 2
"""
PEOPLE_KEYS = {
    "all": "0", "inbox_id": "c.inbox_id", "team_id": "coalesce(c.team_id, 0)",
    "assignee_id": "coalesce(c.assignee_id, 0)",
}  # fmt: skip


@dataclass(frozen=True)
class Range:
    """Some connections of one clinic, local days from `first` to `last`, both included; perhaps one inbox only."""

    connections: Sequence[int]
    first: date
    last: date
    inbox_id: int | None = None

    @classmethod
    def back(cls, connections: Sequence[int], today: date, days: int, inbox_id: int | None = None) -> "Range":
        return cls(connections, today - timedelta(days=days - 1), today, inbox_id)

    @property
    def values(self) -> dict[str, Any]:
        return {
            "connections": list(self.connections), "first": self.first, "last": self.last, "inbox": self.inbox_id
        }  # fmt: skip


@dataclass(frozen=True)
class Durations:
    """Minutes; None where nothing ended in the range."""

    n: int = 0
    mean: float | None = None
    shortest: float | None = None
    longest: float | None = None
    median: float | None = None
    p90: float | None = None


@dataclass
class Histogram:
    """Merged buckets of one measure by one clock: [(upper edge in minutes, n, longest in minutes)], ascending."""

    buckets: list[tuple[float, int, float]] = field(default_factory=list)
    bands: list[int] = field(default_factory=lambda: [0] * BANDS)
    n: int = 0
    sum_s: int = 0
    shortest_s: int = 0

    def add(self, n: int, sum_s: int, min_s: int, max_s: int, upper: float | None, band: int) -> None:
        """Take one bucket; they come in ascending order."""
        self.shortest_s = min_s if self.n == 0 else min(self.shortest_s, min_s)
        self.buckets.append((max_s / 60 if upper is None else upper, n, max_s / 60))
        self.bands[band] += n
        self.n += n
        self.sum_s += sum_s

    def rank(self, share: float) -> float:
        """Nearest rank: the upper edge of its bucket, never above the longest one seen in it."""
        passed = 0
        for upper, n, longest in self.buckets:
            passed += n
            if passed >= share * self.n:
                return min(upper, longest)
        raise ValueError("nothing to rank")

    def told(self) -> Durations:
        if self.n == 0:
            return Durations()
        longest = max(longest for _upper, _n, longest in self.buckets)
        return Durations(
            self.n, self.sum_s / self.n / 60, self.shortest_s / 60, longest, self.rank(0.5), self.rank(0.9)
        )


Drawn = Mapping[tuple[str, str], Histogram]
EMPTY = Histogram()


def histograms(of: Range, by: By = "all", *, only: DayDurations.Measure | None = None) -> dict[Any, Drawn]:
    """Merged histograms by key, then by (measure, clock); nothing for what did not end in the range."""
    sql = BUCKETS.format(key="0" if by == "all" else by, more="AND measure = %(measure)s" if only else "")
    found: dict[Any, dict[tuple[str, str], Histogram]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, {**of.values, "measure": only})
        for key, measure, clock, _bucket, *bucket in cursor.fetchall():
            found.setdefault(key, {}).setdefault((measure, clock), Histogram()).add(*bucket)
    return dict(found)


def durations(of: Range, measure: DayDurations.Measure, clock: DayDurations.Clock) -> Durations:
    return histograms(of, only=measure).get(0, {}).get((measure, clock), EMPTY).told()


def rows(of: Range) -> Any:
    found = DayCounts.objects.filter(connection__in=of.connections, day__range=(of.first, of.last))
    return found if of.inbox_id is None else found.filter(inbox_id=of.inbox_id)


def counts(of: Range) -> dict[str, int]:
    """Sums of the range; zero where nothing happened."""
    return {name: total or 0 for name, total in rows(of).aggregate(**{name: Sum(name) for name in COUNTS}).items()}


def counts_by(of: Range, by: By) -> dict[Any, dict[str, int]]:
    """Sums of the range by inbox, team, attendant or day."""
    sums = rows(of).order_by(by).values_list(by).annotate(*(Sum(name) for name in COUNTS))
    return {key: dict(zip(COUNTS, totals, strict=True)) for key, *totals in sums}


def rates(found: Mapping[str, int]) -> dict[str, float | None]:
    """Percents of the resolutions, of the surveys, of the answers; None without any."""
    bases = {
        "reopenings": "resolutions", "one_contact": "resolutions", "bot_only": "resolutions", "ratings": "surveys",
        "satisfied": "ratings",
    }  # fmt: skip
    return {name: round(100 * found[name] / found[base], 2) if found[base] else None for name, base in bases.items()}


def people(of: Range) -> int | None:
    """Contacts with activity around the range; None when they are too few to be shown."""
    return shown(people_by(of, "all").get(0, 0))


def people_by(of: Range, by: By) -> dict[Any, int]:
    """Contacts with activity around the range by inbox, team or attendant: for deciding what may be shown."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE.format(key=PEOPLE_KEYS[by]), of.values)
        return dict(cursor.fetchall())


def arrivals(of: Range) -> dict[tuple[int, int], int]:
    """Waits that began in the range by (ISO weekday, local hour); only those above nought."""
    with connection.cursor() as cursor:
        cursor.execute(ARRIVALS, of.values)
        return {(weekday, hour): n for weekday, hour, n in cursor.fetchall()}


def merged(all_of: Iterable[Drawn], measure: str, clock: str) -> Durations:
    """One measure of several keys together (the inboxes of a unit)."""
    whole: dict[tuple[float, float], list[int]] = {}
    total = Histogram()
    for one in all_of:
        found = one.get((measure, clock), EMPTY)
        if not found.n:
            continue
        total.shortest_s = found.shortest_s if total.n == 0 else min(total.shortest_s, found.shortest_s)
        total.n += found.n
        total.sum_s += found.sum_s
        for upper, n, longest in found.buckets:
            whole.setdefault((upper, longest), []).append(n)
    total.buckets = [(upper, sum(ns), longest) for (upper, longest), ns in sorted(whole.items())]
    return total.told()
