"""The life of a claim: read events, observe, re-read what is in doubt, plan, carry out, give the lane back."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db import connection as db
from django.utils import timezone

from bridge.causes import Cause
from bridge.errors import PartnerError
from bridge.events import Facts
from bridge.mappers.chatwoot import UnreadableBody, facts_of
from bridge.models import Connection, Effect, WebhookEvent
from bridge.sync import breaker, effects, merges, records, reread
from bridge.sync.carry_out import PartnerAway, carry_out, settle_read_error
from bridge.sync.carry_people import join_lead
from bridge.sync.lanes import Claim, Claims, LeaseLost, mark_dirty, still_held
from bridge.sync.look_up import look_up
from bridge.sync.observe import observe
from bridge.sync.plan import Plan, plan
from bridge.sync.reread import Reading
from bridge.sync.state import load
from bridge.sync.work import Work
from bridge.webhooks.intake import body_context, lane_of
from consent.encryption import Actor, Sealed, Undecryptable, open_day
from consent.policy import PurposeOfUse

logger = logging.getLogger(__name__)

EVENTS_PER_LANE = 200
STEPS_PER_CLAIM = 40
FIRST_IDLE_S, IDLE_S = 0.02, 1.0
CHATWOOT_AWAY = timedelta(seconds=15)

Status = WebhookEvent.Status
# Not our defect and not the lane's: the worker waits for PostgreSQL, and the lane for the end of its lease.
DATABASE_AWAY = (OperationalError, InterfaceError)

WAITING = """
SELECT e.id, e.received_at, e.lane_key, b.row_ref, b.sealed
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


class Worker:
    """Works lanes until nothing is due; several workers, threads and Celery tasks may run side by side."""

    def __init__(self, *, only: int | None = None) -> None:
        self.claims = Claims(only=only, limit=1)

    def run_once(self) -> int:
        """Take one claim and work it; return the number of lanes, 0 when nothing was due."""
        claims = self.claims.take()
        if not claims:
            return 0
        connections = Connection.objects.select_related("clinic", "krayin").in_bulk({c.connection_id for c in claims})
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
    """Observe what waits in one connection's claimed lanes, then work each. One clinic's error never stops another's."""
    try:
        full = take_in(connection, claims)
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception("events not observed: connection=%s", connection.pk)
        for claim in claims:
            claim.finish(next_at=breaker.own_error(connection))
        return
    for claim in claims:
        work_lane(connection, claim, more=claim.lane_key in full)


def take_in(connection: Connection, claims: Sequence[Claim]) -> set[str]:
    """Observe the claims' waiting events, set-based; return the lanes that have more than one helping."""
    now = database_now()
    with transaction.atomic():
        # Another worker may have taken a lane over meanwhile: two must never change its rows side by side.
        waiting = read_waiting(still_held(claims))
        seen = observe(connection, waiting.facts, now)
        merges.ask_about(connection, seen.left)
        wake_others(connection, seen.contacts, claims)
        mark(waiting.events, Status.OBSERVED)
        mark(waiting.parked, Status.PARKED, Cause.UNREADABLE)
    return waiting.full_lanes


def wake_others(connection: Connection, contact_ids: Iterable[int], claims: Sequence[Claim]) -> None:
    """An event read in another contact's lane (a parked one that became readable) is that contact's work, too."""
    claimed = {claim.lane_key for claim in claims}
    for lane_key in sorted({lane_of(contact_id) for contact_id in contact_ids} - claimed):
        mark_dirty(connection.pk, lane_key)


def read_waiting(claims: Sequence[Claim]) -> Waiting:
    values: dict[str, Any] = {
        "connections": [c.connection_id for c in claims],
        "lanes": [c.lane_key for c in claims],
        "limit": EVENTS_PER_LANE,
    }
    with db.cursor() as cursor:
        cursor.execute(WAITING, values)
        rows = cursor.fetchall()
    waiting = Waiting()
    counts = Counter(lane_key for _, _, lane_key, _, _ in rows)
    for event_id, received_at, _, row_ref, sealed in rows:
        try:
            waiting.facts.append(_facts(row_ref, sealed))
            waiting.events.append((event_id, received_at))
        except (UnreadableBody, Undecryptable, ValueError):
            waiting.parked.append((event_id, received_at))
    waiting.full_lanes = {lane for lane, count in counts.items() if count >= EVENTS_PER_LANE}
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


def database_now() -> datetime:
    """The only clock that schedules anything: workers on several hosts must agree."""
    with db.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


# Plan and carry out --------------------------------------------------------------------------------------------------


def work_lane(connection: Connection, claim: Claim, *, more: bool = False) -> None:
    """Bring Krayin in line with one contact as far as possible now, and say when to look again."""
    try:
        next_at = _reconcile(connection, claim)
    except LeaseLost:
        logger.warning("lease lost: connection=%s", claim.connection_id)
        return
    except PartnerAway as away:
        next_at = breaker.open_for(connection, away.cause)
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception("lane failed: connection=%s token=%s", claim.connection_id, claim.token)
        next_at = breaker.own_error(connection)
    claim.finish(next_at=next_at, more=more)


def _reconcile(connection: Connection, claim: Claim) -> datetime | None:
    reading = reread.settle_doubts(connection, claim)
    if reading is Reading.AWAY:
        return timezone.now() + CHATWOOT_AWAY
    work = Work(connection, claim, load(connection, claim.lane_key))
    for step in range(STEPS_PER_CLAIM):
        if step:
            # The same work, so that a titular's fields are opened, and a Krayin user is chosen, once a claim.
            work.loaded, work.calls = load(connection, claim.lane_key), 0
        current = plan(work.loaded.state, database_now())
        rows = effects.intend(connection, claim, current, work.loaded.state.effects)
        if connection.state == Connection.State.SHADOW:
            return current.wake_at
        wait = _one_step(work, current, rows)
        if wait is DONE:
            if work.loaded.contact:
                records.map_conversations(work)
            has_more = reading is Reading.REST and not reread.is_being_created(connection, claim)
            return timezone.now() if has_more else current.wake_at
        if isinstance(wait, datetime):
            return min(wait, current.wake_at or wait)
        breaker.close(connection)
    return timezone.now()


DONE = object()


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
    except PartnerError as error:
        return settle_read_error(error).wait_until
    if current.ready:
        return carry_out(work, current, current.ready[0], rows).wait_until
    return DONE
