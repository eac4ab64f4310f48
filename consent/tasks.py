"""Scheduled work of privacy: call the function, return counts."""

from celery import shared_task
from django.utils import timezone

from consent.export import control, job
from consent.requests import representatives


@shared_task
def run_exports() -> dict[str, int]:
    """Every 30 s: work on the exports that are due; one that is stopped goes on with the next."""
    return {"worked_on": job.run_for()}


@shared_task
def destroy_expired_exports() -> dict[str, int]:
    """Hourly: packages that reached their time (R11)."""
    return {"destroyed": control.destroy_expired(now=timezone.now())}


@shared_task
def forget_documents() -> dict[str, int]:
    """Daily: documents of representatives that nobody decided about in time (R14)."""
    return {"forgotten": representatives.forget_old(timezone.now())}
