"""The rights an erasure carries out: T05 and T07 (consent.requests.execution)."""

from datetime import datetime

from consent.erasure import planning
from consent.erasure.answering import RIGHTS, held_answer
from consent.erasure.errors import NotPossible
from consent.models.erasures import Erasure
from consent.models.requests import RequestItem
from consent.requests import answers, execution
from consent.requests.execution import Done
from consent.requests.states import State


def carry_out(item: RequestItem, now: datetime) -> Done:
    """Begin the erasure; it waits for people (C7), and answers when everything was read back."""
    subject = item.request.subject
    if subject is None:
        return Done(State.VERIFYING, answers.confirmation(item, now=now), RequestItem.Verified.NOTHING_DONE)
    if subject.erased_at is not None or _is_under_way(item):
        return Done(State.EXECUTING)
    try:
        erasure = planning.plan(subject, now=now, item=item)
    except NotPossible:
        return Done(State.EXECUTING)
    if erasure.state == Erasure.State.HELD:
        return held_answer(item, now=now)
    return Done(State.EXECUTING)


def _is_under_way(item: RequestItem) -> bool:
    return Erasure.objects.filter(subject=item.request.subject_id, state__in=Erasure.OPEN).exists()


def register() -> None:
    """Called in `ready()`."""
    for right in RIGHTS:
        execution.register(right, carry_out)
