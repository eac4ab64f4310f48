"""Approving a list: by whom, exactly which, and when it begins."""

from datetime import datetime
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db import transaction

from consent.encryption import Actor
from consent.models import Clinic, RetentionRun, User
from consent.retention.notes import Refused, note, permit

State = RetentionRun.State
# On the first day of the month at this hour, there (seed 000).
MONTHLY_HOUR, MONTHLY_ZONE = 2, ZoneInfo("America/Sao_Paulo")


def next_run(now: datetime) -> datetime:
    """When the monthly run begins next; an approval at that very minute waits for the month after."""
    first = now.astimezone(MONTHLY_ZONE).replace(day=1, hour=MONTHLY_HOUR, minute=0, second=0, microsecond=0)
    following: datetime = first if first > now else first + relativedelta(months=1)
    return following


def approve(clinic: Clinic | None, shown: str, *, by: User, now: datetime, at_once: bool = False) -> RetentionRun:
    """Approve the list whose hash was shown; it begins with the monthly run, or now. Raises Refused.

    The dry run of the night may have written the same list anew: what counts is the hash.
    """
    permit("retention.approve", by, clinic.pk if clinic else None)
    begin_at = now if at_once else next_run(now)
    with transaction.atomic():
        # A list that is just being written anew has another row when this one is free.
        for _again in range(2):
            waiting = RetentionRun.objects.filter(clinic=clinic, state=State.PLANNED, plan_hash=shown)
            if waiting.update(state=State.APPROVED, approved_by=by, approved_at=now, begin_at=begin_at):
                break
        else:
            raise Refused("changed_meanwhile")
        run = RetentionRun.objects.get(clinic=clinic, state=State.APPROVED)
        reason = "at_once" if at_once else "monthly"
        note("retention.approve", Actor.staff(by), clinic_id=run.clinic_id, row=run, reason=reason)
    return run


def take_back(run: RetentionRun, *, by: User, now: datetime) -> None:
    """The approval is taken back before the run began. Raises Refused."""
    permit("retention.take_back", by, run.clinic_id, run)
    with transaction.atomic():
        rows = RetentionRun.objects.filter(pk=run.pk, state=State.APPROVED)
        if not rows.update(state=State.PLANNED, approved_by=None, approved_at=None, begin_at=None):
            raise Refused("begun")
        note("retention.take_back", Actor.staff(by), clinic_id=run.clinic_id, row=run)
    run.refresh_from_db()
