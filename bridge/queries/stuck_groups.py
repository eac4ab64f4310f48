"""What people decided about the groups of screen B2, which groups came to their end, and what happened to one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import AuditLog
from bridge.jobs.groups import KEPT, OBJECT, DiscardReason
from bridge.models import Connection, FailureGroup, SyncJob
from bridge.queries.stuck import Group

DONE_SHOWN = 50
HISTORY_SHOWN = 30

Key = tuple[int, str]  # connection and cause

ACTS: dict[str, str | Promise] = {
    "group_taken": gettext_lazy("took it on"),
    "group_handed_back": gettext_lazy("handed it back"),
    "group_noted": gettext_lazy("changed the note"),
    "group_postponed": gettext_lazy("changed until when it waits"),
    "group_discarded": gettext_lazy("gave up what was in it"),
}


@dataclass(frozen=True)
class Happened:
    """One line of a group's history. `job` is the number of the job that reprocessed it."""

    at: datetime
    who: str
    what: str
    job: int | None = None


@dataclass(frozen=True)
class Wanted:
    """Filters of the list; empty ones want everything. `older_than` is the age of the oldest row of a group."""

    cause: str = ""
    owner: str = ""  # "me", "nobody", or empty
    viewer_id: int | None = None
    older_than: timedelta | None = None

    def fits(self, group: Group, now: datetime) -> bool:
        owner_id = group.decided.owner_id if group.decided else None
        if self.cause and group.cause != self.cause:
            return False
        if self.owner == "me" and owner_id != self.viewer_id:
            return False
        if self.owner == "nobody" and owner_id is not None:
            return False
        return self.older_than is None or (group.since is not None and group.since <= now - self.older_than)


def done_groups(connections: Sequence[Connection], open_now: Collection[Key], now: datetime) -> list[FailureGroup]:
    """Groups that came to their end within 30 days, the latest first. What ended this minute is not marked yet."""
    by_id = {row.pk: row for row in connections}
    recent = Q(done_at__isnull=True) | Q(done_at__gte=now - KEPT)
    rows = FailureGroup.objects.filter(recent, connection__in=by_id).select_related("owner", "discarded_by")
    ended = [row for row in rows if row.done_at or (row.connection_id, row.cause) not in open_now]
    for row in ended:
        row.connection = by_id[row.connection_id]
        row.done_at = row.done_at or now
    return sorted(ended, key=lambda row: row.done_at or now, reverse=True)[:DONE_SHOWN]


def history_of(connection: Connection, cause: str, decided: FailureGroup | None) -> list[Happened]:
    """What people did with the group, the newest first: two queries. The trail keeps it, so nothing is stored twice."""
    found = [*_acts(decided), *_jobs(connection, cause)]
    return sorted(found, key=lambda line: line.at, reverse=True)[:HISTORY_SHOWN]


def _acts(decided: FailureGroup | None) -> list[Happened]:
    if decided is None:
        return []
    rows = AuditLog.objects.filter(object_type=OBJECT, object_id=str(decided.pk)).select_related("actor")
    return [
        Happened(row.timestamp, _name(row.actor), _with_reason(str(ACTS.get(row.action, row.action)), row.reason_code))
        for row in rows.order_by("-timestamp")[:HISTORY_SHOWN]
    ]


def _with_reason(act: str, reason: str) -> str:
    return f"{act}: {DiscardReason(reason).label}" if reason in DiscardReason.values else act


def _jobs(connection: Connection, cause: str) -> list[Happened]:
    rows = SyncJob.objects.filter(connection=connection, filter__cause=cause, confirmed_at__isnull=False)
    return [
        Happened(row.confirmed_at, _name(row.created_by), _("reprocessed it"), row.pk)
        for row in rows.select_related("created_by").order_by("-pk")[:HISTORY_SHOWN]
        if row.confirmed_at
    ]


def _name(user: object) -> str:
    return str(user) if user else "Ponte"
