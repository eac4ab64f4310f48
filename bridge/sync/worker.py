"""The life of a claim: read events, observe, re-read what is in doubt, plan, carry out, give the lane back."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, ProgrammingError, close_old_connections, transaction
from django.db import connection as db

from bridge.back import lane
from bridge.back.carry import settle_equal
from bridge.causes import Cause
from bridge.errors import PartnerError
from bridge.events import Facts
from bridge.mappers.chatwoot import UnreadableBody, facts_of
from bridge.models import Connection, Effect, WebhookEvent
from bridge.models.connections import LONG_AGO
from bridge.models.inbound import body_context, lane_of
from bridge.sync import breaker, carry_wishes, effects, merges, poison, records, reread
from bridge.sync.carry_out import PartnerAway, carry_out, settle_read_error
from bridge.sync.carry_people import join_lead
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim, Claims, LeaseLost, mark_dirty, still_held
from bridge.sync.look_up import look_up
from bridge.sync.observe import observe
from bridge.sync.plan import IN_CHATWOOT, Plan, plan
from bridge.sync.state import load
from bridge.sync.work import Work
from config.logs import bound, trace_of
from consent.encryption import Actor, Sealed, Undecryptable, open_day
from consent.erasure.gate import gate
from consent.policy import PurposeOfUse

logger = logging.getLogger(__name__)

EVENTS_PER_LANE = 200
TRIES = 2
STEPS_PER_CLAIM = 40
FIRST_IDLE_S, IDLE_S = 0.02, 1.0

Status = WebhookEvent.Status
# Not our defect and not the lane's: the worker waits for PostgreSQL, and the lane for the end of its lease.
DATABASE_AWAY = (OperationalError, InterfaceError)
# Nor the event's: while tables are being migrated all would fail, and all succeed afterwards.
NOT_THE_EVENT = (*DATABASE_AWAY, ProgrammingError, LeaseLost)

WAITING = """
SELECT e.id, e.received_at, e.lane_key, b.row_ref, b.sealed, e.delivery_key
FROM unnest(%(connections)s::bigint[], %(lanes)s::text[]) AS c(connection_id, lane_key)
CROSS JOIN LATERAL (
  SELECT * FROM webhook_events x WHERE x.connection_id = c.connection_id AND x.lane_key = c.lane_key
    AND x.status = 'received' ORDER BY x.id LIMIT %(limit)s
) e
LEFT JOIN webhook_bodies b ON b.event_id = e.id AND b.received_at = e.received_at
"""


@dataclass
class Waiting:
    """Events of one connection's claim that are still to be observed."""

    events: list[tuple[int, datetime]] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    parked: list[tuple[int, datetime]] = field(default_factory=list)
    full_lanes: set[str] = field(default_factory=set)
    traces: dict[str, str] = field(default_factory=dict)  # by lane: what logs call its newest delivery


class Worker:
    """Works lanes until nothing is due; several workers, threads and Celery tasks may run side by side."""

    def __init__(self, *, only: int | None = None) -> None:
        self.claims = Claims(only=only, limit=1)

    def run_once(self) -> int:
        """Take one claim and work it; return the number of lanes, 0 when nothing was due or a restore is not over."""
        if gate.is_closed():
            return 0
        claims = self.claims.take()
        if not claims:
            return 0
        rows = Connection.objects.select_related("clinic", "krayin", "owner_rule", "field_version")
        rows = rows.prefetch_related("stage_rules")
        connections = rows.in_bulk({c.connection_id for c in claims})
        for connection_id, mine in groupby(claims, key=lambda claim: claim.connection_id):
            work_claims(connections[connection_id], list(mine))
        return len(claims)

    def run_until_idle(self) -> int:
        """Work until nothing is due right now; return the number of lanes worked."""
        total = 0
        while lanes := self.run_once():
            total += lanes
        return total

    def run_forever(self, stop: threading.Event) -> None:
        """Work until asked to stop. PostgreSQL is asked every second: no broker is needed (DESIGN section 4).

        Soon after work more is likely to come, so the first looks follow each other closely.
        """
        idle_s = FIRST_IDLE_S
        while not stop.is_set():
            try:
                idle = self.run_once() == 0
            except DATABASE_AWAY as error:
                logger.error("database not usable: %s", type(error).__name__)
                close_old_connections()
                idle, idle_s = True, IDLE_S
            if idle:
                stop.wait(idle_s)
            idle_s = min(2 * idle_s, IDLE_S) if idle else FIRST_IDLE_S


# Observe -------------------------------------------------------------------------------------------------------------


def work_claims(connection: Connection, claims: Sequence[Claim]) -> None:
    """Observe what waits in one connection's claimed lanes, then work each. One lane's error never stops another's."""
    try:
        full = take_in(connection, claims)
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, one event's fault must not be the others'
        logger.warning("events not observed together: connection=%s %s", connection.pk, type(error).__name__)
        for claim in claims:
            work_apart(connection, claim)
        return
    work_lanes(connection, claims, full)


def work_lanes(connection: Connection, claims: Sequence[Claim], full: Collection[str]) -> None:
    """Work one connection's lanes one after the other; what one finds out about a partner holds the next."""
    krayin_held_until = chatwoot_held_until = None
    for claim in claims:
        claim.krayin_held_until = claim.krayin_held_until or krayin_held_until
        claim.chatwoot_held_until = claim.chatwoot_held_until or chatwoot_held_until
        work_lane(connection, claim, more=claim.lane_key in full)
        krayin_held_until, chatwoot_held_until = claim.krayin_held_until, claim.chatwoot_held_until


def work_apart(connection: Connection, claim: Claim) -> None:
    """Work a lane of which some event may be poison."""
    try:
        more = take_in_singly(connection, claim)
    except DATABASE_AWAY:
        raise
    except LeaseLost:
        logger.warning("lease lost: connection=%s", claim.connection_id)
        return
    except Exception as error:  # noqa: BLE001 - our defect, whatever it is
        logger.error("events not observed: connection=%s %s", connection.pk, poison.trace_of(error))
        claim.finish(next_at=breaker.own_error(connection), failed=True)
        return
    work_lane(connection, claim, more=more)


def take_in_singly(connection: Connection, claim: Claim) -> bool:
    """Observe one event at a time and park those at which that fails; True if there may be more of them."""
    failures = 0
    for _ in range(EVENTS_PER_LANE):
        try:
            if not take_in(connection, [claim], limit=1):
                return False
            failures = 0
        except NOT_THE_EVENT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, people see the event
            failures += 1
            # Two lanes that hear of the same new conversation at once: the second fails, but only once.
            if failures == TRIES:
                logger.error("event parked: connection=%s %s", connection.pk, poison.trace_of(error))
                poison.park_first(claim)
                failures = 0
    return True


def take_in(connection: Connection, claims: Sequence[Claim], *, limit: int = EVENTS_PER_LANE) -> set[str]:
    """Observe the claims' waiting events, set-based; return the lanes that have more than one helping."""
    now = database_now()
    with transaction.atomic():
        # Another worker may have taken a lane over meanwhile: two must never change its rows side by side.
        waiting = read_waiting(still_held(claims), limit=limit)
        for claim in claims:
            claim.trace = waiting.traces.get(claim.lane_key, claim.trace)
        seen = observe(connection, waiting.facts, now)
        merges.ask_about(connection, seen.left)
        # A conversation that moved on to another contact still gets late messages in the old one's lane.
        owners = {row.contact.chatwoot_contact_id for row in seen.conversations.values()}
        wake_others(connection, owners.union(seen.contacts), claims)
        mark(waiting.events, Status.OBSERVED)
        mark(waiting.parked, Status.PARKED, Cause.UNREADABLE)
    return waiting.full_lanes


def wake_others(connection: Connection, contact_ids: Iterable[int], claims: Sequence[Claim]) -> None:
    """An event read in another contact's lane (a parked one that became readable) is that contact's work, too."""
    claimed = {claim.lane_key for claim in claims}
    for lane_key in sorted({lane_of(contact_id) for contact_id in contact_ids} - claimed):
        mark_dirty(connection.pk, lane_key)


def read_waiting(claims: Sequence[Claim], *, limit: int = EVENTS_PER_LANE) -> Waiting:
    values: dict[str, Any] = {
        "connections": [c.connection_id for c in claims],
        "lanes": [c.lane_key for c in claims],
        "limit": limit,
    }
    with db.cursor() as cursor:
        cursor.execute(WAITING, values)
        rows = cursor.fetchall()
    waiting = Waiting()
    counts = Counter(row[2] for row in rows)
    for event_id, received_at, lane_key, row_ref, sealed, delivery_key in rows:
        waiting.traces[lane_key] = trace_of(delivery_key)
        try:
            waiting.facts.append(_facts(row_ref, sealed))
            waiting.events.append((event_id, received_at))
        except (UnreadableBody, Undecryptable, ValueError):
            waiting.parked.append((event_id, received_at))
    waiting.full_lanes = {lane for lane, count in counts.items() if count >= limit}
    return waiting


def _facts(row_ref: UUID, sealed: bytes | None) -> Facts:
    """What a stored body says; nothing when its time to live is over (its facts were observed before)."""
    if sealed is None:
        return Facts()
    raw = open_day(
        Sealed(bytes(sealed)), context=body_context(row_ref), actor=Actor.system("lanes"), purpose=PurposeOfUse.SYSTEM
    )
    return facts_of(json.loads(raw))


def mark(events: Iterable[tuple[int, datetime]], status: Status, cause: str = "") -> None:
    """Set the state of events; the partition key is given too, so that no other partition is visited."""
    rows = list(events)
    if not rows:
        return
    sql = """
    UPDATE webhook_events e SET status = %s, cause = %s, observed_at = now()
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS x(id, received_at)
    WHERE e.id = x.id AND e.received_at = x.received_at
    """
    with db.cursor() as cursor:
        cursor.execute(sql, [status.value, cause, [r[0] for r in rows], [r[1] for r in rows]])


# Plan and carry out --------------------------------------------------------------------------------------------------


def work_lane(connection: Connection, claim: Claim, *, more: bool = False) -> None:
    """Bring Krayin in line with one contact as far as possible now, and say when to look again."""
    with bound(trace=claim.trace or claim.lane_key, connection=claim.connection_id, lane=claim.lane_key):
        _work_lane(connection, claim, more=more)


def _work_lane(connection: Connection, claim: Claim, *, more: bool) -> None:
    failed = claim.has_failed
    try:
        next_at = _reconcile(connection, claim)
        if failed and not claim.krayin_held_until:
            poison.healed(claim)
            failed = False
    except LeaseLost:
        logger.warning("lease lost: connection=%s", claim.connection_id)
        return
    except PartnerAway as away:
        next_at = claim.krayin_held_until = breaker.open_for(connection, away.cause)
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - our defect, whatever it is, and this lane's alone
        logger.error("lane failed: connection=%s %s", claim.connection_id, poison.trace_of(error))
        next_at, failed = breaker.own_error(connection), poison.park_newest(claim)
    claim.finish(next_at=next_at, more=more, failed=failed)


def _reconcile(connection: Connection, claim: Claim) -> datetime | None:
    reading = reread.settle_doubts(connection, claim)
    work = Work(connection, claim, load(connection, claim.lane_key), database_now())
    try:
        hinted_at = lane.begin(work)
    except PartnerError as error:
        hinted_at = settle_read_error(error).wait_until
    for step in range(STEPS_PER_CLAIM):
        if step:
            # The same work, so that a titular's fields are opened, and a Krayin user is chosen, once a claim.
            work.loaded, work.now, work.calls = load(connection, claim.lane_key), database_now(), 0
        settle_equal(work)
        current = plan(work.loaded.state, work.now)
        if hinted_at:
            current.wake(hinted_at)
        if current.fulfilled:
            carry_wishes.fulfil(work, current.fulfilled)
        if current.unlink:
            carry_wishes.unlink(work, current.unlink)
            return AT_ONCE
        rows = effects.intend(connection, claim, current, work.loaded.state.effects, work.now)
        if connection.state == Connection.State.SHADOW:
            carry_wishes.fulfil(work, [current.refresh.id] if current.refresh else [])
            return current.wake_at
        current.ready = [step for step in current.ready if not reading.holds(step)]
        if claim.chatwoot_held_until:
            current.hold(IN_CHATWOOT, claim.chatwoot_held_until)
        if claim.krayin_held_until and (current.look_up or current.undecided or current.ready or current.refresh):
            current.keep_only(Effect.Kind.SEND_MESSAGE, claim.krayin_held_until)
            if not (current.ready or current.look_up):
                return current.wake_at
        wait = _one_step(work, current, rows)
        if wait is DONE:
            if work.loaded.contact:
                records.map_conversations(work)
            has_more = reading.has_rest and not reread.is_being_created(connection, claim)
            return AT_ONCE if has_more else earliest(reading.wait_until, current.wake_at)
        if isinstance(wait, datetime):
            return earliest(wait, current.wake_at)
        if work.has_answer:
            breaker.krayin_answered(connection, claim)
    return AT_ONCE


def earliest(*times: datetime | None) -> datetime | None:
    return min((at for at in times if at), default=None)


DONE = object()
AT_ONCE = LONG_AGO


def _one_step(work: Work, current: Plan, rows: dict[effects.Key, Effect]) -> object:
    """Do the most urgent thing; DONE when there is none, a time when it has to wait, None to look again."""
    try:
        if current.look_up:
            work.claim.hold()
            return look_up(work, current.look_up[0])
        if current.undecided:
            work.claim.hold()
            numbers = [c.lead_number for c in work.loaded.state.conversations if c.lead_number]
            join_lead(work, current.undecided[0].conversation_id, max(numbers))
            return None
        if current.refresh and not current.ready:
            work.claim.hold()
            carry_wishes.refresh(work, current.refresh)
            return None
    except PartnerError as error:
        return settle_read_error(error).wait_until
    if current.ready:
        step = current.ready[0]
        effect = rows.get(effects.key_of(step))
        with bound(effect=str(effect.pk) if effect else ""):
            return carry_out(work, current, step, rows).wait_until
    return DONE
