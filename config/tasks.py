"""Scheduled jobs of the project itself."""

from celery import shared_task
from django.db import connection

from config.db.catalogue import database_now
from config.db.partitions import apply, plan


@shared_task
def partitions() -> dict[str, int]:
    """Create the coming partitions and drop the expired ones; what a long reader held up fails the task, visibly."""
    actions = plan(database_now(connection))
    apply(actions)
    return {"actions": len(actions)}
