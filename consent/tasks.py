"""Scheduled work of privacy: call the function, return counts."""

from celery import shared_task
from django.utils import timezone

from consent.erasure import due
from consent.erasure import running as erasures
from consent.export import control, job
from consent.requests import codes, representatives
from consent.retention import planning, running


@shared_task
def run_exports() -> dict[str, int]:
    """Every 30 s: work on the exports that are due; one that is stopped goes on with the next."""
    return {"worked_on": job.run_for()}


@shared_task
def destroy_expired_exports() -> dict[str, int]:
    """Hourly: packages that reached their time (R11)."""
    return {"destroyed": control.destroy_expired(now=timezone.now())}


@shared_task
def send_codes() -> dict[str, int]:
    """Every 5 s: codes for telephones, by the chat of who is known there."""
    return {"sent": codes.send_waiting(now=timezone.now())}


@shared_task
def forget_documents() -> dict[str, int]:
    """Daily: documents of representatives that nobody decided about in time (R14)."""
    return {"forgotten": representatives.forget_old(timezone.now())}


@shared_task
def run_erasures() -> dict[str, int]:
    """Every 30 s: work on the erasures that are due, one node after the other; keys after their day."""
    return {"begun": due.begin_due(now=timezone.now()), "worked_on": erasures.run_for()}


@shared_task
def verify_erasures() -> dict[str, int]:
    """Hourly: what arrived late about people whose key is still to be destroyed."""
    return {"swept": erasures.sweep(now=timezone.now())}


@shared_task
def plan_retention() -> dict[str, int]:
    """Nightly: what is due now, clinic by clinic; lists nobody approved yet are written anew."""
    return {"lists": len(planning.plan_all(now=timezone.now()))}


@shared_task
def run_retention() -> dict[str, int]:
    """On the first of the month at 02:00, and every five minutes for what was begun or is to begin at once."""
    return {"finished": len(running.run_due(now=timezone.now()))}
