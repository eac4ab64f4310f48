"""Is the integration keeping up? Numbers of one connection per day of its clinic (screen E7).

Everything is read from the ledger and the stored events; a day without sample has None, never nought.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as db
from django.db.models import Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bridge.models import Connection, Effect, KrayinUser
from bridge.queries.story_lines import cause_text
from bridge.queries.words import Word

SLOW_S = 300  # AL01 of the screens

DAY = "(%(column)s AT TIME ZONE %%(zone)s)::date"

EVENTS = f"""
SELECT {DAY % {"column": "received_at"}} AS day, count(*) AS events, count(DISTINCT conversation_id) AS conversations,
       count(*) FILTER (WHERE status = 'parked') AS parked
FROM webhook_events WHERE connection_id = %(id)s AND received_at >= %(since)s GROUP BY 1
"""  # noqa: S608 - constants
# Which event a step answers is not stored: it is the last one of its lane before the step was planned. Notes wait on
# purpose; what people see first is the opportunity.
LATENCY = f"""
SELECT {DAY % {"column": "confirmed_at"}} AS day, count(*) AS n,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) AS p95
FROM (
  SELECT f.confirmed_at, extract(epoch FROM f.confirmed_at - e.received_at) AS seconds
  FROM effects f CROSS JOIN LATERAL (
    SELECT received_at FROM webhook_events
    WHERE connection_id = f.connection_id AND lane_key = f.lane_key AND received_at <= f.created_at
      AND received_at >= %(since)s - interval '1 day'
    ORDER BY received_at DESC LIMIT 1
  ) e
  WHERE f.connection_id = %(id)s AND f.state = 'confirmed' AND f.kind = 'create_lead' AND f.confirmed_at >= %(since)s
) x GROUP BY 1
"""  # noqa: S608 - constants
DONE = f"""
SELECT {DAY % {"column": "confirmed_at"}} AS day, count(*) AS done, coalesce(sum(calls), 0) AS calls,
       count(*) FILTER (WHERE absorbed) AS echoes,
       count(*) FILTER (WHERE looked_up_at IS NOT NULL) AS doubts_confirmed,
       count(DISTINCT conversation_id) AS written
FROM effects WHERE connection_id = %(id)s AND state = 'confirmed' AND confirmed_at >= %(since)s GROUP BY 1
"""  # noqa: S608 - constants
STOPPED = f"""
SELECT {DAY % {"column": "updated_at"}} AS day, count(*) FILTER (WHERE state = 'rejected') AS rejected,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       count(*) FILTER (WHERE state = 'rejected' AND looked_up_at IS NOT NULL) AS doubts_rejected
FROM effects WHERE connection_id = %(id)s AND state IN ('rejected', 'unknown') AND updated_at >= %(since)s GROUP BY 1
"""  # noqa: S608 - constants
REPEATED = f"""
SELECT {DAY % {"column": "hour"}} AS day, sum(count) AS repeated
FROM intake_counters WHERE connection_id = %(id)s AND reason = 'duplicate' AND hour >= %(since)s GROUP BY 1
"""  # noqa: S608 - constants
POLLED = """
SELECT day, missed, listed FROM reconcile_days WHERE connection_id = %(id)s AND day >= %(since)s::date
"""
BUSIEST = """
SELECT coalesce(max(calls), 0) FROM (
  SELECT sum(calls) AS calls FROM effects
  WHERE connection_id = %(id)s AND state = 'confirmed' AND confirmed_at >= %(since)s
  GROUP BY date_trunc('minute', confirmed_at)
) x
"""
CAUSES = """
SELECT cause, sum(n) FROM (
  SELECT cause, count(*) AS n FROM effects
  WHERE connection_id = %(id)s AND state IN ('rejected', 'unknown') AND updated_at >= %(since)s GROUP BY cause
  UNION ALL
  SELECT cause, count(*) FROM webhook_events
  WHERE connection_id = %(id)s AND status = 'parked' AND received_at >= %(since)s GROUP BY cause
) x GROUP BY cause ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True)
class Day:
    """Seconds are from the event that led to it until Krayin had confirmed the opportunity."""

    day: date
    events: int = 0
    conversations: int = 0
    parked: int = 0
    n: int = 0
    p50: float | None = None
    p95: float | None = None
    done: int = 0
    calls: int = 0
    echoes: int = 0
    written: int = 0
    rejected: int = 0
    unknown: int = 0
    doubts_confirmed: int = 0
    doubts_rejected: int = 0
    repeated: int = 0
    missed: int = 0
    listed: int = 0

    @property
    def success_rate(self) -> float | None:
        """Share of the steps that came to an end and were confirmed."""
        ended = self.done + self.rejected
        return self.done / ended if ended else None

    @property
    def calls_per_conversation(self) -> float | None:
        return self.calls / self.written if self.written else None

    @property
    def gap_rate(self) -> float | None:
        """Changes only a poll brought, of all changes polls listed."""
        return self.missed / self.listed if self.listed else None


@dataclass(frozen=True)
class Numbers:
    """A connection's period. `limit_per_minute` is what its Krayin users may call together."""

    connection: Connection
    days: Sequence[Day]  # oldest first, none left out
    kinds: Sequence[tuple[str, int, int]]  # what was written, how often, calls it took
    causes: Sequence[tuple[str, int]]
    busiest_minute: int
    limit_per_minute: int

    @property
    def is_empty(self) -> bool:
        return not any(one.events or one.done or one.listed or one.rejected for one in self.days)


def numbers_of(connection: Connection, *, now: datetime, days: int) -> Numbers:
    """Read the period: ten queries, however long it is."""
    zone = ZoneInfo(connection.clinic.time_zone)
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    values: dict[str, Any] = {"id": connection.pk, "zone": connection.clinic.time_zone, "since": since}
    found: dict[date, dict[str, Any]] = {first + timedelta(days=n): {} for n in range(days)}
    for sql in (EVENTS, LATENCY, DONE, STOPPED, REPEATED, POLLED):
        for row in _rows(sql, values):
            found.setdefault(row.pop("day"), {}).update(row)
    [busiest] = _rows(BUSIEST, values)
    budgets = KrayinUser.objects.filter(connections=connection)
    limit = budgets.aggregate(n=Sum("budget__refill_per_minute"))["n"] or 0
    return Numbers(
        connection=connection,
        days=[Day(day, **_whole(row)) for day, row in sorted(found.items())],
        kinds=_kinds(connection, since),
        causes=[(cause_text(row["cause"]) or _("no cause"), int(row["sum"])) for row in _rows(CAUSES, values)],
        busiest_minute=int(busiest["coalesce"]),
        limit_per_minute=limit,
    )


def _rows(sql: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with db.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """Sums come as decimals."""
    return {name: float(value) if name in {"p50", "p95"} else int(value) for name, value in row.items()}


def _kinds(connection: Connection, since: datetime) -> list[tuple[str, int, int]]:
    """What Krayin was asked for, the dearest first."""
    rows = _rows(
        "SELECT kind, count(*) AS n, coalesce(sum(calls), 0) AS calls FROM effects "
        "WHERE connection_id = %(id)s AND state = 'confirmed' AND confirmed_at >= %(since)s GROUP BY kind "
        "ORDER BY calls DESC, kind",
        {"id": connection.pk, "since": since},
    )
    return [(str(Effect.Kind(row["kind"]).label), int(row["n"]), int(row["calls"])) for row in rows]


def sentence(found: Numbers) -> tuple[Word, str]:
    """Whether the integration keeps up, from the last day that has a sample."""
    sampled = [one for one in found.days if one.p95 is not None]
    if found.is_empty or not sampled:
        return Word.WAITING, _("No data: no conversation reached Krayin in this period.")
    last = sampled[-1]
    share = last.success_rate
    values = {"p50": seconds(last.p50), "p95": seconds(last.p95), "day": f"{last.day:%d/%m}"}
    if (last.p95 or 0) > SLOW_S:
        text = _(
            "It falls behind: on %(day)s half the conversations took up to %(p50)s to the CRM, 95 %% up to %(p95)s."
        )
        return Word.WAITING, text % values
    if share is not None and share < 0.99:
        return Word.FAILED, _(
            "On %(day)s more than one step in a hundred failed; half the conversations took up to %(p50)s to the CRM."
        ) % values
    return Word.DONE, _(
        "It keeps up: on %(day)s half the conversations took up to %(p50)s to the CRM, 95 %% up to %(p95)s."
    ) % values


def seconds(value: float | None) -> str:
    """`0,4 s`, `14 s`, `3 min`; *sem dados* without sample."""
    if value is None:
        return _("no data")
    if value < 10:
        return _("%(n)s s") % {"n": number_format(value, 1)}
    if value < 120:
        return _("%(n)s s") % {"n": number_format(round(value))}
    return _("%(n)d min") % {"n": round(value / 60)}
