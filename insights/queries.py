"""Numbers of a clinic over a range of days, from the sums per day. Small cells are hidden, n is always there.

Medians and p90 come from merged histograms: exact to the minute up to 10 minutes, within 10 % above.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Sum

from insights.models import DayCounts, DayDurations

SMALL_CELL = 10  # people; fewer are not shown
COMPARED_FROM = 20  # attendances of each of two teams before they are compared
COUNTS = (
    "conversations", "attendances", "resolutions", "reopenings", "one_contact", "bot_only", "unanswered", "stale",
    "patient_messages", "human_messages", "bot_messages",
)  # fmt: skip

# Nearest rank; the answer is the upper edge of its bucket, never above the longest one seen.
DURATIONS = """
WITH buckets AS (
  SELECT bucket, sum(n) AS n, sum(sum_s) AS sum_s, min(min_s) AS min_s, max(max_s) AS max_s
  FROM insight_durations
  WHERE connection_id = ANY(%(connections)s) AND day BETWEEN %(first)s AND %(last)s
    AND measure = %(measure)s AND clock = %(clock)s GROUP BY bucket),
ranked AS (SELECT *, sum(n) OVER (ORDER BY bucket) AS up_to, sum(n) OVER () AS total FROM buckets)
SELECT coalesce(sum(n), 0)::bigint, sum(sum_s)::float / nullif(sum(n), 0) / 60, min(min_s) / 60.0, max(max_s) / 60.0,
       (SELECT least((insight_edges())[bucket + 1], max_s / 60.0) FROM ranked WHERE up_to >= 0.5 * total
        ORDER BY bucket LIMIT 1),
       (SELECT least((insight_edges())[bucket + 1], max_s / 60.0) FROM ranked WHERE up_to >= 0.9 * total
        ORDER BY bucket LIMIT 1)
FROM ranked
"""
BANDS = """
SELECT width_bucket((insight_edges())[greatest(bucket, 1)], ARRAY[60, 240, 480, 1440]::float[]) AS band, sum(n)::bigint
FROM insight_durations
WHERE connection_id = ANY(%(connections)s) AND day BETWEEN %(first)s AND %(last)s
  AND measure = 'first_response' AND clock = %(clock)s GROUP BY 1
"""
PEOPLE = """
SELECT count(DISTINCT c.contact_id) FROM observed_conversations c
WHERE c.connection_id = ANY(%(connections)s) AND c.gone_at IS NULL
  AND c.started_at < %(last)s::date + 2 AND c.last_activity_at >= %(first)s::date - 1
"""


@dataclass(frozen=True)
class Durations:
    """Minutes; None where nothing ended in the range."""

    n: int
    mean: float | None
    shortest: float | None
    longest: float | None
    median: float | None
    p90: float | None


@dataclass(frozen=True)
class Range:
    """Some connections of one clinic, and local days from `first` to `last`, both included."""

    connections: Sequence[int]
    first: date
    last: date

    @property
    def values(self) -> dict[str, Any]:
        return {"connections": list(self.connections), "first": self.first, "last": self.last}


def durations(of: Range, measure: DayDurations.Measure, clock: DayDurations.Clock) -> Durations:
    with connection.cursor() as cursor:
        cursor.execute(DURATIONS, {**of.values, "measure": measure, "clock": clock})
        n, *minutes = cursor.fetchone()
    mean, shortest, longest, median, p90 = (None if value is None else float(value) for value in minutes)
    return Durations(n, mean, shortest, longest, median, p90)


def first_response_bands(of: Range, clock: DayDurations.Clock) -> list[int]:
    """How many first responses took 0–1, 1–4, 4–8, 8–24 and more than 24 hours."""
    with connection.cursor() as cursor:
        cursor.execute(BANDS, {**of.values, "clock": clock})
        found = dict(cursor.fetchall())
    return [found.get(band, 0) for band in range(5)]


def counts(of: Range) -> dict[str, int]:
    """Sums of the range; zero where nothing happened."""
    rows = DayCounts.objects.filter(connection__in=of.connections, day__range=(of.first, of.last))
    return {name: total or 0 for name, total in rows.aggregate(**{name: Sum(name) for name in COUNTS}).items()}


def rates(found: Mapping[str, int]) -> dict[str, float | None]:
    """Percents of the resolutions; None without any."""
    base = found["resolutions"]
    return {
        name: round(100 * found[name] / base, 2) if base else None for name in ("reopenings", "one_contact", "bot_only")
    }


def people(of: Range) -> int | None:
    """Contacts with activity around the range; None when they are too few to be shown."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, of.values)
        found: int = cursor.fetchone()[0]
    return found if found >= SMALL_CELL else None


def by_team(of: Range) -> dict[int, dict[str, int]]:
    """Counts per team, in the order of their numbers; teams too small to be compared are left out."""
    rows = DayCounts.objects.filter(connection__in=of.connections, day__range=(of.first, of.last))
    sums = rows.order_by("team_id").values_list("team_id").annotate(*(Sum(name) for name in COUNTS))
    found = {team: dict(zip(COUNTS, totals, strict=True)) for team, *totals in sums}
    return {team: totals for team, totals in found.items() if totals["attendances"] >= COMPARED_FROM}
