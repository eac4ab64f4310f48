"""Celery tasks: load by id, call the function, return counts."""

from celery import shared_task

from bridge.connecting.refresh import refresh_all
from bridge.reconcile.jobs import nightly, poll_due
from bridge.sync.retention import empty_observed_bodies, forget_delivery_keys
from bridge.sync.worker import Worker


@shared_task
def wake(connection_id: int) -> dict[str, int]:
    """Work a connection's due lanes now instead of at a worker's next look."""
    return {"lanes": Worker(only=connection_id).run_until_idle()}


@shared_task
def empty_old_bodies() -> dict[str, int]:
    """Hourly: bodies of observed events live 7 days, delivery keys 14 (DESIGN section 3)."""
    return {"bodies": empty_observed_bodies(), "keys": forget_delivery_keys()}


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
