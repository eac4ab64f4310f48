"""Celery tasks: load by id, call the function, return counts."""

from celery import shared_task
from django.utils import timezone

from bridge.alerts import digest, evaluate, sending
from bridge.back import flips
from bridge.backup import daily
from bridge.connecting.reading_back import read_back
from bridge.connecting.refresh import refresh_all
from bridge.health import certificates, readings
from bridge.jobs import groups, runner
from bridge.models import Setup
from bridge.panel import members, tokens
from bridge.reconcile.jobs import nightly, poll_due
from bridge.sync.clock import database_now
from bridge.sync.retention import empty_observed_bodies, forget_delivery_keys
from bridge.sync.worker import Worker


@shared_task
def wake() -> dict[str, int]:
    """Work the due lanes now instead of at a worker's next look."""
    return {"lanes": Worker().run_until_idle()}


@shared_task
def empty_old_bodies() -> dict[str, int]:
    """Hourly: bodies of observed events live 7 days, delivery keys 14 (DESIGN section 3)."""
    return {"bodies": empty_observed_bodies(), "keys": forget_delivery_keys(), "flips": flips.forget_old()}


@shared_task
def refresh_settings() -> dict[str, int]:
    """Hourly: stages, attributes and inbox names of every connection that writes."""
    return refresh_all()


@shared_task
def reconcile() -> dict[str, int]:
    """Every minute: poll what is due, so that a lost webhook costs minutes."""
    return poll_due()


@shared_task
def reconcile_nightly() -> dict[str, int]:
    """Nightly: what vanished at the partners."""
    return nightly()


@shared_task
def run_jobs() -> dict[str, int]:
    """Every 30 s, and when a job is confirmed: do the steps of jobs that are due (bridge.jobs.runner)."""
    return {"steps": runner.run_for(), "old_plans": runner.forget_old_plans()}


@shared_task
def watch_groups() -> dict[str, int]:
    """Every minute: which groups of failures there are and which came to their end (screen B2)."""
    return groups.watch()


@shared_task
def read_back_first(setup_id: str, lane_key: str) -> dict[str, int]:
    """Once a set-up: read what the first conversation wrote from Krayin again (screen A5)."""
    setup = Setup.objects.select_related("connection").get(pk=setup_id)
    return {"found": int(read_back(setup, lane_key))}


@shared_task
def panel() -> dict[str, int]:
    """Hourly: which inboxes attendants belong to; sign-ins that ended long ago."""
    return {**members.refresh_all(), "forgotten": tokens.forget_old(timezone.now())}


@shared_task
def watch_health() -> dict[str, int]:
    """Every minute: measure this host and the queues, ask every alert rule, send what is to be told."""
    now = database_now()
    readings.put(readings.this_host().measure_if_possible(), now)
    evaluate.measure(now)
    return {**evaluate.evaluate(now), **sending.send_due(now)}


@shared_task
def look_at_certificates() -> dict[str, int]:
    """Hourly: until when the certificates of our own address and of the partners hold."""
    return certificates.look(database_now())


@shared_task(time_limit=12 * 3600)
def backup() -> dict[str, int]:
    """Daily at 03:30 in Brasília: a backup, and what has reached its time goes (R15)."""
    return daily.backup(timezone.now())


@shared_task(time_limit=12 * 3600)
def test_restore() -> dict[str, int]:
    """Monthly: the newest backup is restored into a database of its own and looked at."""
    return daily.test_restore(timezone.now())


@shared_task
def digests() -> dict[str, int]:
    """Every ten minutes: summaries by mail whose hour has come."""
    return digest.send_due(database_now())
