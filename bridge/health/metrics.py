"""Numbers for Prometheus. Each scrape computes them from the database: whichever process answers, it tells the same."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from audit.models import Unsealed
from bridge.health import measures, readings, runs, schedule
from bridge.models import Alert, Breaker, Connection, Effect, RunResult, WebhookEvent
from bridge.queries.home import budgets_of
from bridge.sync.clock import database_now

CONTENT_TYPE = CONTENT_TYPE_LATEST
HOUR = timedelta(hours=1)
# Name of the metric, its help, and the reading it shows by host.
HOSTS = (
    ("ponte_disk_used_percent", "Disk used", readings.DISK),
    ("ponte_cpu_busy_percent", "Processors busy", readings.CPU),
    ("ponte_clock_offset_seconds", "Host clock minus database clock", readings.CLOCK),
    ("ponte_spool_records", "Deliveries waiting in the spool", readings.SPOOL_RECORDS),
    ("ponte_spool_used_percent", "Room of the spool used", readings.SPOOL_SHARE),
    ("ponte_spool_oldest_seconds", "Age of the oldest delivery in the spool", readings.SPOOL_OLDEST),
    ("ponte_spool_bad_records", "Deliveries set aside as unreadable", readings.SPOOL_BAD),
)
OPEN = (Effect.State.INTENDED, Effect.State.SENT, Effect.State.UNKNOWN, Effect.State.REJECTED)


def text() -> bytes:
    """Everything, in the text format."""
    now = database_now()
    return _text(_all(now))


def nothing() -> bytes:
    """What is told while PostgreSQL is away."""
    return _text([_gauge("ponte_up", "Whether the database answers", [((), 0)])])


class _Found(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found


def _text(found: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Found(found))
    written: bytes = generate_latest(registry)
    return written


def _gauge(
    name: str, told: str, values: Iterable[tuple[tuple[object, ...], float | None]], labels: tuple[str, ...] = ()
) -> Metric:
    """One metric; a value of None is left out: nobody knows it."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for of, value in values:
        if value is not None:
            family.add_metric([str(label) for label in of], value)
    return family


def _all(now: datetime) -> Iterator[Metric]:
    yield _gauge("ponte_up", "Whether the database answers", [((), 1)])
    yield from _events(now)
    yield from _partners(now)
    yield from _hosts(now)
    yield from _kept_in_order(now)


def _events(now: datetime) -> Iterator[Metric]:
    oldest = measures.oldest_unread()
    since = {row.pk: now - oldest.get(row.pk, now) for row in measures.at_work()}
    yield _gauge(
        "ponte_oldest_unprocessed_seconds", "Age of the oldest event not worked through",
        [((pk,), max(0.0, age.total_seconds())) for pk, age in since.items()], ("connection",),
    )  # fmt: skip
    waiting = measures.waiting(now)
    yield _gauge("ponte_waiting", "Waiting in a queue", [((k,), n) for k, n in waiting.items()], ("queue",))
    count, p95 = measures.ack_p95(now, timedelta(minutes=10))
    yield _gauge("ponte_deliveries_10m", "Deliveries of the last 10 minutes", [((), count)])
    yield _gauge("ponte_ack_p95_seconds", "95 % of them were stored within", [((), p95)])
    yield _gauge("ponte_duplicates_24h", "Deliveries that came again", [((), measures.duplicates(now))])
    refused = measures.refused_signatures(now)
    yield _gauge(
        "ponte_signature_failures_48h", "Calls with a wrong signature or token",
        [((pk or "",), n) for pk, n in refused.items()], ("connection",),
    )  # fmt: skip
    parked = WebhookEvent.objects.filter(status=WebhookEvent.Status.PARKED).count()
    rejected = Effect.objects.filter(state=Effect.State.REJECTED).count()
    yield _gauge(
        "ponte_dead_letters", "Stopped until somebody acts", [(("events",), parked), (("steps",), rejected)], ("kind",)
    )
    gaps = measures.gap_rates(now)
    yield _gauge(
        "ponte_gap_rate_percent", "Changes only polling brought, today and yesterday",
        [((pk,), share.percent if share.whole else None) for pk, share in gaps.items()], ("connection",),
    )  # fmt: skip


def _partners(now: datetime) -> Iterator[Metric]:
    states = Effect.objects.filter(state__in=OPEN).order_by().values("state")
    rows = list(states.annotate(n=Count("pk"), tries=Sum("attempts")))
    yield _gauge("ponte_steps", "Steps of the ledger", [((r["state"],), r["n"]) for r in rows], ("state",))
    yield _gauge("ponte_step_attempts", "Refusals they met", [((r["state"],), r["tries"]) for r in rows], ("state",))
    breakers = Breaker.objects.exclude(partner="ponte").order_by().values("partner", "problem")
    yield _gauge(
        "ponte_breaker_open", "Connections that cannot use a partner",
        [((r["partner"], r["problem"]), r["n"]) for r in breakers.annotate(n=Count("pk"))], ("partner", "problem"),
    )  # fmt: skip
    first = breakers.annotate(first=Min("since"))
    yield _gauge(
        "ponte_breaker_seconds", "For how long",
        [((r["partner"], r["problem"]), (now - r["first"]).total_seconds()) for r in first], ("partner", "problem"),
    )  # fmt: skip
    done = Effect.objects.filter(state=Effect.State.CONFIRMED, confirmed_at__gt=now - HOUR).order_by()
    calls = done.values_list("connection_id").annotate(Sum("calls"))
    yield _gauge("ponte_crm_calls_1h", "Calls to Krayin", [((pk,), n) for pk, n in calls], ("connection",))
    budgets = budgets_of(Connection.objects.values_list("pk", flat=True), now)
    yield _gauge(
        "ponte_crm_budget_left", "Calls possible at once", [((pk,), b.left) for pk, b in budgets.items()],
        ("connection",),
    )  # fmt: skip


def _hosts(now: datetime) -> Iterator[Metric]:
    found = readings.latest(*(name for _metric, _told, name in HOSTS), readings.ALIVE, now=now)
    for metric, told, name in HOSTS:
        yield _gauge(metric, told, [((one.scope,), one.value) for one in found[name]], ("host",))
    kinds: dict[str, int] = {}
    for one in found[readings.ALIVE]:
        kind = one.scope.partition("@")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    yield _gauge("ponte_workers", "Processes that live", [((k,), n) for k, n in kinds.items()], ("kind",))
    delays = measures.replica_delays()
    yield _gauge("ponte_replica_delay_seconds", "Replica behind", [((k,), s) for k, s in delays.items()], ("replica",))
    yield _gauge(
        "ponte_replica_up", "Replica answers", [((k,), float(s is not None)) for k, s in delays.items()], ("replica",)
    )
    ahead = measures.partitions_ahead(now)
    yield _gauge("ponte_partitions_ahead_days", "Days with room", [((k,), d) for k, d in ahead.items()], ("table",))
    ends = readings.latest(readings.CERTIFICATE, now=now, within=readings.KEPT)[readings.CERTIFICATE]
    yield _gauge("ponte_certificate_days", "Days left", [((one.scope,), one.value) for one in ends], ("host",))


def _kept_in_order(now: datetime) -> Iterator[Metric]:
    unsealed = Unsealed.objects.aggregate(first=Min("created_at"), n=Count("pk"))
    delay = (now - unsealed["first"]).total_seconds() if unsealed["first"] else 0.0
    yield _gauge("ponte_audit_seal_delay_seconds", "Age of the oldest line without seal", [((), max(0.0, delay))])
    yield _gauge("ponte_audit_unsealed", "Lines without seal", [((), unsealed["n"])])
    late = [((line.key,), float(line.is_late)) for line in schedule.lines(now)]
    yield _gauge("ponte_scheduled_late", "Scheduled work that missed two periods", late, ("work",))
    ended = RunResult.objects.exclude(name__in=[runs.BACKUP, runs.RESTORE_TEST]).values_list("name", "at")
    yield _gauge(
        "ponte_scheduled_last_run_timestamp_seconds", "End of the last run",
        [((name,), at.timestamp()) for name, at in ended], ("task",),
    )  # fmt: skip
    kept = runs.last(runs.BACKUP, runs.RESTORE_TEST)
    yield _gauge(
        "ponte_backup_age_seconds", "Age of the last good backup, and of the last good restore test",
        [((name,), (now - row.ok_at).total_seconds()) for name, row in kept.items() if row.ok_at], ("kind",),
    )  # fmt: skip
    alerts = Alert.objects.filter(ended_at=None).order_by().values_list("code", "severity").annotate(Count("pk"))
    yield _gauge(
        "ponte_alerts_open", "Alerts that have not ended", [((code, severity), n) for code, severity, n in alerts],
        ("code", "severity"),
    )  # fmt: skip
