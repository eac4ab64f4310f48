"""What health, metrics and alerts ask the database: one question each, all by the database's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.models import Count, Min, Q, Sum

from bridge.models import Connection, Effect, IntakeCounter, Lane, ReconcileDay, SyncJob, WebhookEvent
from bridge.queries.stuck import SIGNATURE_REASONS
from config.db import catalogue
from config.db.partitions import registered

REPLICA = "replica"
State = Connection.State
WORKS = (State.SHADOW, State.ACTIVE)  # paused connections keep their events waiting on purpose
EVENTS, LANES, STEPS, JOBS = "events", "lanes", "steps", "jobs"

# The intake's clock is the database's, that of the bytes the web process's: their difference shows in both.
ACK = """
SELECT count(*), percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - arrived_at))
FROM webhook_events WHERE received_at > %s AND arrived_by = 'webhook'
"""
# All tables at once: this is asked every minute.
PARTITIONS = (
    "SELECT t.name, p.* FROM unnest(%s::text[]) AS t (name) CROSS JOIN LATERAL ("  # noqa: S608 - constants
    + catalogue.PARTITIONS.replace("%s", "t.name")
    + ") AS p (part, comment, detaching, is_default, lower, upper) ORDER BY t.name, p.lower NULLS FIRST"
)
REPLICAS = """
SELECT application_name, coalesce(extract(epoch FROM replay_lag), 0) FROM pg_stat_replication WHERE state = 'streaming'
"""
BEHIND = """
SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
  ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
"""


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        return 100 * self.part / self.whole if self.whole else 0.0


def at_work() -> list[Connection]:
    """Connections whose events are read now, with their clinics."""
    return list(Connection.objects.filter(state__in=WORKS).select_related("clinic", "krayin").order_by("pk"))


def oldest_unread() -> dict[int, datetime]:
    """Per connection at work: since when its oldest event waits."""
    rows = WebhookEvent.objects.filter(status=WebhookEvent.Status.RECEIVED, connection__state__in=WORKS)
    return dict(rows.order_by().values_list("connection_id").annotate(Min("received_at")))


def waiting(now: datetime) -> dict[str, int]:
    """How much waits in each queue: events not read, people whose turn has come, steps due, jobs due."""
    steps = Effect.objects.filter(state=Effect.State.INTENDED, not_before__lte=now)
    return {
        EVENTS: WebhookEvent.objects.filter(status="received", connection__state__in=WORKS).count(),
        LANES: Lane.objects.filter(run_at__lte=now, leased=False).count(),
        STEPS: steps.filter(connection__state=State.ACTIVE).count(),
        JOBS: SyncJob.objects.filter(state__in=["waiting", "running"], not_before__lte=now).count(),
    }


def refused_signatures(now: datetime) -> dict[int | None, int]:
    """Per connection: calls with a wrong signature or token of the last two days. Only differences mean something."""
    rows = IntakeCounter.objects.filter(hour__gte=now - timedelta(days=2), reason__in=SIGNATURE_REASONS)
    return dict(rows.order_by().values_list("connection_id").annotate(Sum("count")))


def duplicates(now: datetime) -> int:
    """Deliveries that came again in the last 24 hours."""
    rows = IntakeCounter.objects.filter(hour__gte=now - timedelta(hours=24), reason="duplicate")
    return int(rows.aggregate(n=Sum("count"))["n"] or 0)


def failed_share(now: datetime, within: timedelta) -> Share:
    """Events parked and steps refused, of all events and steps that came to an end in this time."""
    events = WebhookEvent.objects.filter(received_at__gte=now - within).aggregate(
        all=Count("pk"), bad=Count("pk", filter=Q(status=WebhookEvent.Status.PARKED))
    )
    done = Effect.objects.filter(state=Effect.State.CONFIRMED, confirmed_at__gte=now - within).count()
    bad = Effect.objects.filter(state=Effect.State.REJECTED, updated_at__gte=now - within).count()
    return Share(events["bad"] + bad, events["all"] + done + bad)


def ack_p95(now: datetime, within: timedelta) -> tuple[int, float | None]:
    """Deliveries in this time, and the seconds within which 95 % of them were stored; None without any."""
    [(count, p95)] = _rows(ACK, now - within)
    return count, None if p95 is None else float(p95)


def gap_rates(now: datetime) -> dict[int, Share]:
    """Per connection: changes of today and yesterday that only a poll brought, of all that polls listed."""
    rows = ReconcileDay.objects.filter(day__gte=now.date() - timedelta(days=1)).order_by().values("connection_id")
    sums = rows.annotate(missed_n=Sum("missed"), listed_n=Sum("listed"))
    return {row["connection_id"]: Share(row["missed_n"], row["listed_n"]) for row in sums}


def unsure_since() -> dict[int, datetime]:
    """Per connection: since when nobody knows whether its oldest unfinished step was written."""
    rows = Effect.objects.filter(state=Effect.State.UNKNOWN)
    return dict(rows.order_by().values_list("connection_id").annotate(Min("updated_at")))


def partitions_ahead(now: datetime) -> Mapping[str, float]:
    """Days until the first moment that no partition of the table covers."""
    found: dict[str, list[catalogue.Partition]] = {one.table: [] for one in registered()}
    for table, name, comment, detaching, is_default, lower, upper in _rows(PARTITIONS, list(found)):
        bounds = catalogue.in_utc(lower), catalogue.in_utc(upper)
        found[table].append(catalogue.Partition(name, comment, detaching, is_default, *bounds))
    return {
        table: (catalogue.covered_until(now, existing) - now) / timedelta(days=1) for table, existing in found.items()
    }


def replica_delays() -> dict[str, float | None]:
    """Seconds each replica is behind, as the primary and the replica's own connection tell; None: it is away.

    Without a replica empty: lists are then read from the primary, and nothing is wrong.
    """
    found: dict[str, float | None] = {name or REPLICA: float(lag) for name, lag in _rows(REPLICAS)}
    if REPLICA in settings.DATABASES:
        try:
            [(own,)] = _rows(BEHIND, using=REPLICA)
        except OperationalError:
            connections[REPLICA].close()
            return {**found, REPLICA: None}
        known = found.get(REPLICA) or 0.0
        found[REPLICA] = max(known, float(own or 0))
    return found


def _rows(sql: str, *values: Any, using: str = DEFAULT_DB_ALIAS) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())
