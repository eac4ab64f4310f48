"""Celery tasks: load by id, call the function, return counts."""

from celery import shared_task

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
