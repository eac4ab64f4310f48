"""Scheduled jobs of the project itself."""

from celery import shared_task
from django.conf import settings
from django.db import connections

from config.db.catalogue import database_now
from config.db.partitions import apply, plan


@shared_task
def partitions() -> dict[str, int]:
    """Create the coming partitions and drop the expired ones; what a long reader held up fails the task, visibly."""
    using = settings.MAINTENANCE
    actions = plan(database_now(connections[using]), using=using)
    apply(actions, using=using)
    return {"actions": len(actions)}
