"""What people of the staff do with a request; each verb raises IllegalTransition when the state does not allow it."""

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor, seal
from consent.models import Clinic, DataRequest, DataSubject, DeadlineRegime, RequestItem, RequestNote, User
from consent.requests import answers, execution, following, identity
from consent.requests.filing import add_item
from consent.requests.moving import move, note
from consent.requests.states import IllegalTransition, State

Decision = RequestItem.Decision
Verified = RequestItem.Verified
GRANTED = {Decision.GRANT.value: State.APPROVED, Decision.PART.value: State.PARTIALLY_APPROVED}


class ReasonMissing(Exception):
    """This act needs a reason in words."""


class Settled(Exception):
    """It is known already who asks, or the person is another clinic's."""


@sensitive_variables("detail")
def decide(
    item: RequestItem, decision: str, *, by: User, now: datetime, refusal_code: str = "", detail: str = ""
) -> None:
    """Grant, grant in part or refuse. A refusal is answered with its coded text at once; the rest is carried out.

    Raises KeyError for an unknown code, answers.DetailMissing, IllegalTransition.
    """
    actor, decision = Actor.staff(by), Decision(decision).value
    taken = {"decision": decision, "decided_at": now, "decided_by": by}
    text = ""
    if decision != Decision.GRANT:
        text = answers.refused(item, refusal_code, detail, now=now, in_part=decision == Decision.PART)
        taken["refusal_code"] = refusal_code
    with transaction.atomic():
        if item.state == State.VERIFIED:
            move(item, State.TRIAGE, actor=actor, now=now)
        if decision == Decision.REFUSE:
            _refuse(item, State.REFUSED, text, actor=actor, now=now, reason=refusal_code.lower(), taken=taken)
            execution.unblock(item, now)
            return
        # A hold on a part is a state of its own: it is seen that something is kept, and the person is told.
        held = (State.ON_HOLD,) if refusal_code == "HOLD" else ()
        move(item, GRANTED[decision], *held, actor=actor, now=now, reason=refusal_code.lower(), **taken)
        if text:
            remember(item.request, "part", text, by=by, now=now)
    following.carry_out(item, now=now)


def _refuse(
    item: RequestItem, state: State, text: str, *, actor: Actor, now: datetime, reason: str, taken: dict
) -> None:
    kept = answers.kept(item, text)
    verified = Verified.NOTHING_DONE
    move(item, state, State.READY, actor=actor, now=now, reason=reason, verified=verified, **taken, **kept)


def set_aside(item: RequestItem, state: State, *, by: User, now: datetime, detail: str = "") -> None:
    """Not this clinic's data, or nobody proved who asks: answered with the coded text. Raises answers.DetailMissing."""
    code = {State.NOT_CONTROLLER: "NOT_CONTROLLER", State.NOT_VERIFIED: "IDENTITY"}[state]
    text = answers.refused(item, code, detail, now=now)
    taken = {"decision": Decision.REFUSE.value, "refusal_code": code, "decided_at": now, "decided_by": by}
    _refuse(item, state, text, actor=Actor.staff(by), now=now, reason=code.lower(), taken=taken)


@sensitive_variables("words", "why")
def done(item: RequestItem, words: str, *, by: User, now: datetime, why: str = "") -> None:
    """Somebody carried it out and read it back; with `why` it is the officer's exception from reading back."""
    if not words.strip():
        raise ReasonMissing
    text = answers.carried_out(item, words, now=now)
    if why.strip():
        remember(item.request, "exception", why, by=by, now=now)
    verified = Verified.EXCEPTION if why.strip() else Verified.CHECKED
    reason = "exception" if why.strip() else "by_hand"
    following.finish(item, text, verified=verified, actor=Actor.staff(by), now=now, reason=reason)


def wait(item: RequestItem, *, by: User, now: datetime) -> None:
    """Somebody else has to do something first; the clock runs on."""
    move(item, State.WAITING_THIRD_PARTY, actor=Actor.staff(by), now=now)


def cancel(item: RequestItem, *, actor: Actor, now: datetime) -> None:
    """The person takes it back, before it is carried out."""
    with transaction.atomic():
        move(item, State.CANCELLED, actor=actor, now=now, reason="by_the_person")
        execution.unblock(item, now)


@sensitive_variables("why")
def set_health_content(item: RequestItem, holds_health: bool, *, why: str, by: User, now: datetime) -> None:
    """Whether the answer will hold health data, which asks for two channels or a visit. Less proof needs a reason."""
    if not holds_health and not why.strip():
        raise ReasonMissing
    with transaction.atomic():
        if why.strip():
            remember(item.request, "health_content", why, by=by, now=now)
        row = RequestItem.objects.select_for_update().get(pk=item.pk)
        if row.state not in {State.IDENTITY_PENDING, State.VERIFIED, State.TRIAGE}:
            raise IllegalTransition(row.state, row.state)
        RequestItem.objects.filter(pk=item.pk).update(has_health_content=holds_health)
        item.has_health_content = holds_health
        reason = "health" if holds_health else "no_health"
        note(item.request, "request.health_content", actor=Actor.staff(by), reason=reason, item=item)
        needed = identity.needed(item.request, item.right, has_health_content=holds_health)
        if row.state == State.TRIAGE and needed not in identity.proofs(item.request):
            move(item, State.IDENTITY_PENDING, actor=Actor.staff(by), now=now, reason=reason)
    following.advance(item.request, now=now)


@sensitive_variables("text")
def remember(request: DataRequest, about: str, text: str, *, by: User, now: datetime) -> RequestNote:
    """Keep words of the staff in the file, sealed."""
    row = RequestNote(id=uuid4(), request=request, about=about, by=by, at=now)
    row.text = seal(text.strip(), subject=request.holder_id, context=row.text_context)
    row.save(force_insert=True)
    return row


# The whole request ----------------------------------------------------------------------------------------------------


def split(request: DataRequest, right: str, *, by: User, now: datetime) -> RequestItem:
    """The same message asks for one more right; its clock began with the message."""
    item = add_item(request, right, actor=Actor.staff(by), now=now)
    following.advance(request, now=now)
    return item


def take_on(request: DataRequest, *, by: User) -> None:
    request.owner = by
    with transaction.atomic():
        request.save(update_fields=["owner"])
        note(request, "request.owner", actor=Actor.staff(by))


def say_who(request: DataRequest, subject: DataSubject, *, by: User, now: datetime) -> None:
    """The staff knows who asks. What codes proved before does not count for this person. Raises Settled."""
    if subject.clinic_id != request.clinic_id or request.subject_id not in (None, subject.pk):
        raise Settled
    request.subject = subject
    with transaction.atomic():
        request.save(update_fields=["subject"])
        note(request, "request.subject", actor=Actor.staff(by))
    following.advance(request, now=now)


def choose_regime(clinic: Clinic, regime: str, reason: str, *, by: User, now: datetime) -> DeadlineRegime:
    """From now on new requests get these periods; those already received keep theirs. Raises ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    return DeadlineRegime.objects.create(
        clinic=clinic, regime=regime, reason=reason.strip(), decided_by=by, decided_at=now
    )
