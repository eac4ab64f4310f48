"""The end of a run: the held are blocked, the trail gets its counts, the next list is written."""

from datetime import datetime

from django.db import transaction

from consent.holds import Refused, block_instead
from consent.models import DataSubject, RetentionItem, RetentionRun
from consent.retention import planning
from consent.retention.notes import SYSTEM, note
from consent.retention.ways import Sweep, listed

State = RetentionRun.State


def finish(run: RetentionRun, *, now: datetime) -> None:
    """Close the run under its token and tell the trail how many rows of which category went."""
    block_held(run, now=now)
    with transaction.atomic():
        rows = RetentionRun.objects.filter(pk=run.pk, token=run.token, state=State.RUNNING)
        if not rows.update(state=State.DONE, finished_at=now, lease_until=None, longest_ms=run.longest_ms):
            return
        run.refresh_from_db()
        reason = "exact" if run.is_exact else "less_than_approved"
        note("retention.run", SYSTEM, clinic_id=run.clinic_id, row=run, reason=reason, fields=counted(run))
    for old in RetentionRun.objects.filter(clinic=run.clinic, state=State.DONE).exclude(pk=run.pk):
        planning.forget_list(old)
    planning.plan(run.clinic, now=now)


def counted(run: RetentionRun) -> list[str]:
    """`R02.1250`: rows per category, for a column that takes names only; then by which methods they became anonymous."""
    sums: dict[str, int] = {}
    ways = {name: listed().get(name) for name in run.done}
    for name, way in ways.items():
        code = way.code if way else name
        sums[code] = sums.get(code, 0) + sum(run.done[name].values())
    methods = {way.method for way in ways.values() if isinstance(way, Sweep) and way.method}
    return [*(f"{code}.{n}" for code, n in sorted(sums.items())), *sorted(methods)]


def block_held(run: RetentionRun, *, now: datetime) -> int:
    """Whose data are due and have to stay is blocked instead (lgpd 3.3, first rule); return how many people."""
    held = RetentionItem.objects.filter(run=run, state=RetentionItem.State.HELD)
    people = DataSubject.objects.filter(pk__in=held.values("subject"))
    return sum(_is_blocked(subject, now) for subject in people.iterator(chunk_size=500))


def _is_blocked(subject: DataSubject, now: datetime) -> bool:
    """False for who is erased: there is nothing left to block."""
    try:
        block_instead(subject, by=SYSTEM, now=now)
    except Refused:
        return False
    return True
