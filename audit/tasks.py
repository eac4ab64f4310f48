"""Scheduled work of the trail."""

from celery import shared_task

from audit.checkpoints import tell_all
from audit.sealing import seal_all
from audit.verifying import check

# Workers of Celery may not start processes of their own; nobody waits for these checks either.
ALONE = 1


@shared_task
def seal() -> dict[str, int]:
    """Every few seconds: give new rows their places and tell the places outside."""
    return {"sealed": seal_all(), "places_that_failed": len(tell_all())}


@shared_task
def verify() -> dict[str, int]:
    """Every hour what is new, on Sundays everything; what it finds stands in D3 and raises an alert."""
    return {"findings": len(check(full=False, processes=ALONE).findings)}


@shared_task
def verify_full() -> dict[str, int]:
    return {"findings": len(check(full=True, processes=ALONE).findings)}
