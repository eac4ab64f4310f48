"""Celery tasks: call the function, return counts."""

from celery import shared_task
from django.utils import timezone

from insights import rollups, updating


@shared_task
def refresh_changed() -> dict[str, int]:
    """Every 15 s: the opportunities whose facts changed; marks are half a minute old, so bursts are computed once."""
    total = 0
    while (looked := updating.refresh_due()) > 0:
        total += looked
    return {"opportunities": total}


@shared_task
def refresh_nightly() -> dict[str, int]:
    """Nightly: every opportunity, because age changes numbers too, and the days that may still move."""
    return {"rows": updating.refresh_all(), "days": rollups.rebuild_recent(timezone.now())}
