"""The one way a right asked for changes its state: checked, written down as a step, audited, in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from audit.services import record
from consent.encryption import Actor
from consent.models import DataRequest, RequestItem, RequestStep
from consent.requests.states import IllegalTransition, State, check

LABEL = "consent.RequestItem"
# Both always: for somebody unknown the same statements run as for a patient.
JOINED = ("request__holder", "request__subject")


def person(request: DataRequest) -> Actor:
    """The person behind a request, as the trail names people: by pseudonym."""
    return Actor("person", str(request.asker.pseudonym))


def move(
    item: RequestItem, *states: State, actor: Actor, now: datetime, reason: str = "", **fields: object
) -> RequestItem:
    """Take the item through the states, one step each; `fields` are set with the last. Returns the fresh row.

    Raises IllegalTransition, with nothing changed, for a step the machine does not know or for which something lacks.
    """
    with transaction.atomic():
        row = RequestItem.objects.select_for_update(of=("self",)).select_related(*JOINED).get(pk=item.pk)
        for name, value in fields.items():
            setattr(row, name, value)
        for state in states:
            _step(row, state, actor=actor, now=now, reason=reason)
        row.save(update_fields=["state", *fields])
    for name in ("state", *fields):
        setattr(item, name, getattr(row, name))
    return row


def _step(row: RequestItem, state: State, *, actor: Actor, now: datetime, reason: str) -> None:
    check(row.state, state)
    if lacking := tuple(lacks(row, state)):
        raise IllegalTransition(row.state, state, lacking)
    write_step(row, row.state, state, actor=actor, now=now, reason=reason)
    row.state = state


def lacks(row: RequestItem, state: State) -> Iterable[str]:
    """What is missing for a step, as codes; the screen says them in words."""
    if state == State.READY and not row.answer_sha256:
        yield "answer"
    if state in {State.DELIVERED, State.CLOSED} and not (row.sent_at and row.proof_sha256):
        yield "proof"
    if state == State.CLOSED and not row.verified:
        yield "verification"
    if state in {State.APPROVED, State.PARTIALLY_APPROVED, State.REFUSED} and not row.decision:
        yield "decision"


def write_step(row: RequestItem, before: str, after: str, *, actor: Actor, now: datetime, reason: str) -> None:
    request = row.request
    RequestStep.objects.create(
        item=row, from_state=before, to_state=after, actor_kind=actor.kind, actor_ref=actor.ref, reason=reason,
        rules_version=request.rules_version, at=now,
    )  # fmt: skip
    note(request, f"request.{after}", actor=actor, reason=reason, item=row)


def note(
    request: DataRequest,
    action: str,
    *,
    actor: Actor,
    reason: str = "",
    item: RequestItem | None = None,
    outcome: str = "ok",
    own_connection: bool = False,
) -> None:
    """One audit row about a request; in the caller's transaction unless told otherwise."""
    subject = request.asker
    record(
        action=action,
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=request.clinic_id,
        subject=subject.pseudonym,
        object_type=LABEL if item else "consent.DataRequest",
        object_id=str((item or request).pk),
        purpose="dpo",
        outcome=outcome,
        reason_code=reason,
        own_connection=own_connection,
    )
