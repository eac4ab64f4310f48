"""People whose period is over and whom an approved retention list handed over: their erasure begins (lgpd 3.3, C8)."""

from datetime import datetime

from django.db.models import F

from consent.erasure import planning
from consent.erasure.errors import NotPossible
from consent.models import Erasure, RetentionCase

MOST = 20  # at once: each is frozen, and counted in every system


def begin_due(*, now: datetime) -> int:
    """Begin the erasures of open cases; people approve each on its page. Return how many began."""
    cases = RetentionCase.objects.filter(kind=RetentionCase.Kind.ERASURE, outcome="", subject__erased_at=None)
    waiting = cases.exclude(subject__erasures__planned_at__gte=F("opened_at")).select_related("subject__clinic")
    begun = 0
    for case in waiting.order_by("opened_at")[:MOST]:
        try:
            planning.plan(case.subject, now=now, cause=Erasure.Cause.RETENTION)
        except NotPossible:
            continue  # one is under way for another reason
        begun += 1
    return begun
