"""The ledger's transitions: intended → sent → confirmed | rejected | unknown (DESIGN section 6).

Each is one short transaction, never open during a partner call. `sent` is committed before the call; everything written
after it carries the lane's fencing token.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from bridge.causes import Cause
from bridge.models import Connection, Effect, SyncedObject
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim, fence
from bridge.sync.plan import FOR_EVER, EffectState, Plan, Step
from consent.models import Decision

State = Effect.State
Key = tuple[str, str, int]

# Waits after calls that were not executed, ±20 %; after the last one a person must act. Nobody refused them (refusals go
# to people at once), so the first waits are short: four lost in a row still settle within two minutes.
SCHEDULE_S = (5, 15, 30, 60, 120, 600, 1800, 7200, 21600, 43200, 86400)


def key_of(step: Step | EffectState | Effect) -> Key:
    ref = step.object_ref if isinstance(step, Effect) else step.ref
    return (str(step.kind), ref, step.seq)


def intend(
    connection: Connection, claim: Claim, plan: Plan, known: Iterable[EffectState], now: datetime
) -> dict[Key, Effect]:
    """Bring the ledger in line with a plan made `now`, and return the rows of its ready steps.

    What is no longer wanted is cancelled; a refused step that now wants something else waits again.
    """
    shadow = connection.state == Connection.State.SHADOW
    wanted = {key_of(step): step for step in plan.ready}
    held = {key_of(effect): effect for effect in known}
    stale = [
        key for key, e in held.items()
        if e.state in {State.INTENDED, State.SHADOW} and key not in wanted and e.not_before <= now
    ]  # fmt: skip
    fresh = [
        _new(connection, claim, step, now, shadow=shadow)
        for key, step in wanted.items()
        if key not in held or held[key].state == State.SHADOW or held[key].digest != step.digest
    ]
    if stale or fresh:
        with transaction.atomic():
            # What was loaded may be long out of date for a worker that slept: it would undo another's steps.
            fence(claim)
            _cancel(connection, stale)
            _write(_without_finished(connection, claim, fresh))
    rows = Effect.objects.filter(
        krayin_id=connection.krayin_id, object_ref__in=[s.ref for s in plan.ready], state=State.INTENDED
    )
    return {key_of(row): row for row in rows if key_of(row) in wanted}


def _cancel(connection: Connection, keys: Iterable[Key]) -> None:
    for kind, ref, seq in keys:
        Effect.objects.filter(
            krayin_id=connection.krayin_id, kind=kind, object_ref=ref, seq=seq, state__in=[State.INTENDED, State.SHADOW]
        ).update(state=State.CANCELLED)


def _write(fresh: list[Effect]) -> None:
    Effect.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["krayin", "object_ref", "kind", "seq"],
        update_fields=["state", "digest", "conversation_id", "trigger", "not_before", "lane_key", "cause", "detail"],
    )


def _without_finished(connection: Connection, claim: Claim, fresh: list[Effect]) -> list[Effect]:
    """Leave out what is confirmed or under way already: its object came from another lane and now belongs here."""
    if not fresh:
        return fresh
    rows = Effect.objects.filter(
        Q(state__in=[State.CONFIRMED, State.SENT, State.UNKNOWN]) | Q(state=State.DISCARDED, seq=FOR_EVER),
        krayin_id=connection.krayin_id,
        object_ref__in=[effect.object_ref for effect in fresh],
    )
    finished = {key_of(row) for row in rows}
    moved = [effect.object_ref for effect in fresh if key_of(effect) in finished]
    if moved:
        SyncedObject.objects.filter(krayin_id=connection.krayin_id, ref__in=moved).update(lane_key=claim.lane_key)
        Effect.objects.filter(krayin_id=connection.krayin_id, object_ref__in=moved).update(lane_key=claim.lane_key)
    return [effect for effect in fresh if key_of(effect) not in finished]


def _new(connection: Connection, claim: Claim, step: Step, now: datetime, *, shadow: bool) -> Effect:
    return Effect(
        connection=connection,
        krayin_id=connection.krayin_id,
        lane_key=claim.lane_key,
        kind=step.kind,
        object_ref=step.ref,
        seq=step.seq,
        state=State.SHADOW if shadow else State.INTENDED,
        digest=step.digest,
        conversation_id=step.conversation_id,
        trigger=step.rule,
        not_before=now,
    )


def send(claim: Claim, effects: Iterable[Effect], decision: Decision, write: Callable[[], None] | None = None) -> bool:
    """Commit that a call is about to be made, with what `write` adds. False when another call on the object is
    unfinished."""
    now = database_now()
    try:
        with transaction.atomic():
            fence(claim)
            for effect in sorted(effects, key=lambda e: e.object_ref):
                effect.sent_at = now
                rows = Effect.objects.filter(pk=effect.pk, state=State.INTENDED)
                if not rows.update(state=State.SENT, sent_at=now, token=claim.token, decision=decision, absorbed=False):
                    raise IntegrityError("the step was taken by somebody else")
            if write is not None:
                write()
    except IntegrityError:
        return False
    return True


def confirm(claim: Claim, effects: Mapping[Effect, int | None], write: Callable[[], None], *, calls: int = 0) -> None:
    """Commit the outcome and everything that follows from it (`write`) together. Raises LeaseLost."""
    now = database_now()
    with transaction.atomic():
        fence(claim)
        for effect, foreign_id in effects.items():
            Effect.objects.filter(pk=effect.pk).update(
                state=State.CONFIRMED, confirmed_at=now, foreign_id=foreign_id, calls=calls, cause="", detail="",
                updated_at=now,
            )  # fmt: skip
        write()


def put_back(claim: Claim, effect: Effect, *, until: datetime, cause: Cause | None = None) -> None:
    """The call was not executed and nobody is to blame: wait without spending an attempt."""
    _settle(claim, effect, state=State.INTENDED, not_before=until, cause=cause or "")


def doubt(claim: Claim, effect: Effect, *, finished: bool, cause: Cause = Cause.KRAYIN_UNCERTAIN) -> datetime:
    """The call may have been executed: look after `settle`, at once when the partner's code has certainly ended."""
    settle = timedelta(0) if finished else timedelta(seconds=settings.SETTLE_S)
    at = (effect.sent_at or database_now()) + settle
    _settle(claim, effect, state=State.UNKNOWN, not_before=at, cause=cause)
    return at


def look_later(claim: Claim, effect: Effect, *, until: datetime) -> None:
    """The partner could not be asked what became of it: nothing is known more than before."""
    _settle(claim, effect, not_before=until)


def try_again(claim: Claim, effect: Effect, cause: Cause, detail: str = "") -> datetime | None:
    """The call was not executed: spend an attempt and wait; None when they are used up and a person must act."""
    if effect.attempts >= len(SCHEDULE_S):
        reject(claim, effect, cause, detail)
        return None
    wait_s = SCHEDULE_S[effect.attempts] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
    at = database_now(timedelta(seconds=wait_s))
    _settle(
        claim, effect, state=State.INTENDED, attempts=effect.attempts + 1, not_before=at, cause=cause,
        detail=detail[:200],
    )  # fmt: skip
    return at


def reject(claim: Claim, effect: Effect, cause: Cause, detail: str = "") -> None:
    """A person must act; the step stays refused until it wants something else or somebody replays it."""
    _settle(claim, effect, state=State.REJECTED, cause=cause, detail=detail[:200])


def deny(claim: Claim, effect: Effect, decision: Decision, cause: Cause) -> None:
    """The gate said no (DESIGN section 9): not a failure, shown apart."""
    _settle(claim, effect, state=State.DENIED, cause=cause, detail=decision.reason[:200], decision=decision)


def _settle(claim: Claim, effect: Effect, **values: object) -> None:
    """Write what became of a step. A worker that slept through its lease must not: another has judged it since."""
    with transaction.atomic():
        fence(claim)
        Effect.objects.filter(pk=effect.pk).update(**values, updated_at=Now())
