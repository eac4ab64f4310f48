"""What the screens show of this direction: causes that stop it (B2), fields that both sides keep changing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from bridge.causes import Cause
from bridge.models import Connection, FieldStop


@dataclass(frozen=True)
class Trouble:
    """One line of B2: a cause, the connection it stops, how many contacts it concerns and since when."""

    cause: Cause
    connection_id: int
    count: int
    since: datetime | None


def troubles(connections: Iterable[Connection]) -> list[Trouble]:
    """Everything that keeps these connections from showing Krayin in Chatwoot. One query."""
    by_id = {row.pk: row for row in connections}
    found = [
        Trouble(Cause(row.back_problem), row.pk, 0, row.back_checked_at)
        for row in by_id.values()
        if row.krayin_to_chatwoot and row.back_problem
    ]
    stops = FieldStop.objects.filter(connection__in=by_id, resumed_at=None).values("connection_id").order_by()
    for group in stops.annotate(contacts=Count("ref", distinct=True), since=Min("stopped_at")):
        found.append(Trouble(Cause.FIELD_FLIPS, group["connection_id"], group["contacts"], group["since"]))
    return found


def open_stops(connections: Iterable[Connection]) -> list[FieldStop]:
    """The stopped fields people have to look at, the oldest first, each with its connection."""
    rows = FieldStop.objects.filter(connection__in=list(connections), resumed_at=None).select_related("connection")
    return list(rows.order_by("stopped_at", "pk"))
