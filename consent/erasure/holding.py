"""A legal hold that stands in the way: nothing is removed, the person is blocked and told so (lgpd 3.3, 3.4)."""

from datetime import datetime

from django.db import transaction

from consent.erasure import answering
from consent.erasure.notes import BY, note
from consent.holds import blocking, holds_on
from consent.models.erasures import Erasure
from consent.models.holds import Restriction


def end_as_held(erasure: Erasure, *, now: datetime) -> bool:
    """Asked at every step: a hold placed meanwhile ends the erasure. True when one did."""
    if not holds_on(erasure.subject):
        return False
    with transaction.atomic():
        blocking.block_instead(erasure.subject, by=BY, now=now, reason=Restriction.Reason.HOLD)
        changed = Erasure.objects.filter(pk=erasure.pk, state__in=Erasure.OPEN).update(state=Erasure.State.HELD)
        if changed:
            note("erasure.held", erasure, reason="hold")
            answering.answer_held(erasure, now=now)
    erasure.refresh_from_db()
    return True
