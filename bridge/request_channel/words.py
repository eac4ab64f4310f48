"""What a message of a request says, and what follows from its fate."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.views.decorators.debug import sensitive_variables

from bridge.models import Saying
from bridge.sync.work import Later
from consent.models import IdentityCode, RequestItem
from consent.requests import answers, identity, sending
from consent.requests.states import State

ABOUT_REQUESTS = frozenset({Saying.Kind.ANSWER, Saying.Kind.CODE})
OF_ITEM = ("request__clinic", "request__holder", "request__subject")


@sensitive_variables("text")
def words_of(saying: Saying, now: datetime) -> Callable[[], str] | None:
    """What makes the words in the transaction that commits *sent*; None when nobody waits for them any more."""
    if saying.kind == Saying.Kind.CODE:
        code = IdentityCode.objects.select_related(*OF_ITEM).get(pk=str(saying.about))
        is_over = code.closed_at is not None or now >= code.expires_at
        return None if is_over else partial(_made, saying, code, now)
    item = RequestItem.objects.select_related(*OF_ITEM).get(pk=str(saying.about))
    if item.state != State.READY or not item.is_on_its_way:
        return None
    # Opened before, because opening is written down apart from the transaction.
    text = answers.opened(item, actor=sending.BY)
    return partial(_noted, saying, text, now)


def _made(saying: Saying, code: IdentityCode, now: datetime) -> str:
    try:
        return _noted(saying, identity.letter(code, now=now), now)
    except identity.CodeOver:
        raise Later(now) from None


def _noted(saying: Saying, text: str, now: datetime) -> str:
    Saying.objects.filter(pk=saying.pk).update(sent_at=now)
    return text


def arrived(saying: Saying, message_id: int, now: datetime) -> None:
    """Chatwoot has it: the message's id is the proof that closes the right."""
    if saying.kind == Saying.Kind.ANSWER and saying.about:
        sending.arrived(saying.about, f"chatwoot:{saying.connection_id}:{message_id}", now=now)


def came_back(saying: Saying, reason: str, now: datetime) -> None:
    """The conversation did not take it: the answer waits for another way, a code is over."""
    if saying.kind == Saying.Kind.ANSWER and saying.about:
        sending.came_back(saying.about, reason=reason)
    elif saying.kind == Saying.Kind.CODE:
        identity.close(IdentityCode.objects.get(pk=str(saying.about)), IdentityCode.Outcome.NOT_SENT, now)
