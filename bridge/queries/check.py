"""Is everything the same on both sides, and was anything lost? Numbers per day and connection (screen B4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as db
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.models import Connection, Effect, EqualTitle, FieldFlip, FieldStop, ReconcileDay, StageChangeLog
from bridge.queries.words import Word

CONNECTIONS_SHOWN = 20
NOT_YET = (Effect.State.UNKNOWN,)

# Conversations of which something arrived, by day of the clinic: how many, how many only by a poll, how many of which
# nothing could be read yet.
ARRIVED = """
SELECT connection_id, day, count(*) AS conversations, count(*) FILTER (WHERE polled) AS polled,
       count(*) FILTER (WHERE NOT read) AS unread
FROM (
  SELECT e.connection_id, (e.received_at AT TIME ZONE z.zone)::date AS day, e.conversation_id,
         bool_and(e.arrived_by = 'poll') AS polled, bool_or(e.status IN ('observed', 'ignored')) AS read
  FROM webhook_events e JOIN unnest(%(ids)s::bigint[], %(zones)s::text[]) AS z(id, zone) ON z.id = e.connection_id
  WHERE e.connection_id = ANY(%(ids)s) AND e.received_at >= %(since)s AND e.conversation_id IS NOT NULL
    AND e.arrived_by IN ('webhook', 'poll', 'spool')
  GROUP BY 1, 2, 3
) c GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Day:
    """One day of one connection. `listed` and `missed` count changes of conversations as polls saw them."""

    connection: Connection
    day: date
    conversations: int = 0
    polled: int = 0
    unread: int = 0
    listed: int = 0
    missed: int = 0
    unknown: int = 0
    gone: int = 0
    differ: int = 0
    by_hand: int = 0

    @property
    def gap_rate(self) -> float | None:
        """Share of the conversations only a poll brought; None without sample."""
        return self.polled / self.conversations if self.conversations else None

    @property
    def is_empty(self) -> bool:
        return not any(
            (self.conversations, self.listed, self.unknown, self.gone, self.differ, self.by_hand, self.missed)
        )


@dataclass
class _Counts:
    values: dict[tuple[int, date], dict[str, int]] = field(default_factory=dict)

    def add(self, name: str, rows: Iterable[tuple[int, date, int]]) -> None:
        for connection_id, day, count in rows:
            kept = self.values.setdefault((connection_id, day), {})
            kept[name] = kept.get(name, 0) + count


def midnight(of: Connection, day: date) -> datetime:
    """When a day begins in the clinic's zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(of.clinic.time_zone))


def today_of(connection: Connection, now: datetime) -> date:
    return now.astimezone(ZoneInfo(connection.clinic.time_zone)).date()


def days_of(connections: Sequence[Connection], *, now: datetime, days: int) -> list[Day]:
    """Every day of every connection of which something is known, the newest first: six queries for all."""
    if not connections:
        return []
    since = now - timedelta(days=days)
    counts = _Counts()
    _arrived(counts, connections, since)
    _polled(counts, connections, since.date())
    for zone, rows in _by_zone(connections).items():
        _of_zone(counts, rows, since, ZoneInfo(zone))
    by_id = {row.pk: row for row in connections}
    found = [Day(by_id[connection_id], day, **values) for (connection_id, day), values in counts.values.items()]
    first = {row.pk: today_of(row, now) - timedelta(days=days - 1) for row in connections}
    kept = [one for one in found if one.day >= first[one.connection.pk] and not one.is_empty]
    return sorted(kept, key=lambda one: (one.day, one.connection.name), reverse=True)


def _arrived(counts: _Counts, connections: Sequence[Connection], since: datetime) -> None:
    values: dict[str, Any] = {
        "ids": [row.pk for row in connections],
        "zones": [row.clinic.time_zone for row in connections],
        "since": since,
    }
    with db.cursor() as cursor:
        cursor.execute(ARRIVED, values)
        for connection_id, day, conversations, polled, unread in cursor.fetchall():
            counts.add("conversations", [(connection_id, day, conversations)])
            counts.add("polled", [(connection_id, day, polled)])
            counts.add("unread", [(connection_id, day, unread)])


def _polled(counts: _Counts, connections: Sequence[Connection], since: date) -> None:
    rows = ReconcileDay.objects.filter(connection__in=connections, day__gte=since)
    for row in rows:
        for name in ("listed", "missed", "gone"):
            counts.add(name, [(row.connection_id, row.day, getattr(row, name))])


def _by_zone(connections: Sequence[Connection]) -> dict[str, list[Connection]]:
    grouped: dict[str, list[Connection]] = {}
    for row in connections:
        grouped.setdefault(row.clinic.time_zone, []).append(row)
    return grouped


def _of_zone(counts: _Counts, connections: Sequence[Connection], since: datetime, zone: ZoneInfo) -> None:
    for name, rows, column in (
        ("unknown", unknown_steps(connections), "updated_at"),
        ("differ", stopped_fields(connections), "stopped_at"),
        ("by_hand", moved_by_hand(connections), "created_at"),
        ("by_hand", flips_there(connections), "at"),
    ):
        daily = rows.filter(**{f"{column}__gte": since}).order_by().annotate(day=TruncDate(column, tzinfo=zone))
        counts.add(name, daily.values_list("connection_id", "day").annotate(n=Count("pk")))


# What each number counts ----------------------------------------------------------------------------------------------


def unknown_steps(connections: Sequence[Connection]) -> QuerySet[Effect]:
    return Effect.objects.filter(connection__in=connections, state__in=NOT_YET)


def stopped_fields(connections: Sequence[Connection]) -> QuerySet[FieldStop]:
    """Fields that differ and that nobody writes until a person decides."""
    return FieldStop.objects.filter(connection__in=connections, resumed_at=None)


def moved_by_hand(connections: Sequence[Connection]) -> QuerySet[StageChangeLog]:
    return StageChangeLog.objects.filter(connection__in=connections, trigger_source=StageChangeLog.Trigger.MANUAL)


def flips_there(connections: Sequence[Connection]) -> QuerySet[FieldFlip]:
    """Fields that people changed in Krayin and that were carried to Chatwoot."""
    return FieldFlip.objects.filter(connection__in=connections, direction=FieldFlip.Direction.TO_CHATWOOT)


def pairs_with_equal_reference(connections: Sequence[Connection]) -> QuerySet[EqualTitle]:
    return EqualTitle.objects.filter(connection__in=connections, solved_at=None)


# The answer -----------------------------------------------------------------------------------------------------------


def sentence(connections: Sequence[Connection], days: Sequence[Day], *, now: datetime) -> tuple[Word, str]:
    """`De 312 conversas de ontem, 312 chegaram (4 por consulta).`"""
    yesterday = [one for one in days if one.day == today_of(one.connection, now) - timedelta(days=1)]
    total = sum(one.conversations for one in yesterday)
    if not connections:
        return Word.IGNORED, _("No connection yet.")
    if not total:
        return Word.WAITING, _("Nothing to compare for yesterday: no conversation changed.")
    polled, unread = sum(one.polled for one in yesterday), sum(one.unread for one in yesterday)
    text = ngettext(
        "Of %(total)s conversation of yesterday, %(arrived)s arrived (%(polled)s by polling).",
        "Of %(total)s conversations of yesterday, %(arrived)s arrived (%(polled)s by polling).",
        total,
    ) % {
        "total": number_format(total),
        "arrived": number_format(total - unread),
        "polled": number_format(polled),
    }
    return (Word.FAILED if unread else Word.DONE), text


# Running it now -------------------------------------------------------------------------------------------------------


def calls_of_a_look(connections: int) -> int:
    """Least number of calls of looking now: a page of conversations, of opportunities and of people for each."""
    return 3 * connections
