"""Go on at once with a few chosen events and steps, or with one contact; many are a job (bridge.jobs.replay).

Going on is not forcing: the step keeps its key in the ledger, so nothing can be written twice, and the gate is asked
again before it is sent. The same functions serve screens and commands; each writes audit rows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as db
from django.db import transaction
from django.db.models import QuerySet

from audit.models import ActorType
from audit.services import Entry, record_many
from bridge.causes import Cause
from bridge.models import Connection, Effect, WebhookEvent
from bridge.models.inbound import NO_LANE
from bridge.sync import breaker
from bridge.sync.by_hand import STOPPED, go_on, mark
from bridge.sync.lanes import mark_dirty
from consent.encryption import Actor

LIMIT = 5000  # of each kind per call: one short transaction; the rest stays and can be continued next

Lane = tuple[int, str]


@dataclass(frozen=True)
class Selection:
    """What to continue: chosen events and steps of some connections."""

    connections: tuple[int, ...]
    events: tuple[int, ...] = ()
    effects: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Counts:
    """`kept_back`: events whose body is gone (kept 7 days) or was never ours, so that reading again is not possible."""

    events: int = 0
    effects: int = 0
    people: int = 0
    kept_back: int = 0

    @property
    def total(self) -> int:
        return self.events + self.effects


def preview(selection: Selection) -> Counts:
    """What `replay` would do now; changes nothing."""
    events, effects = _readable(selection), list(_effects(selection).values_list("connection_id", "lane_key"))
    return _counts(selection, [(connection_id, lane) for _, _, connection_id, lane in events], effects)


def replay(selection: Selection, *, actor: Actor) -> Counts:
    """Make the selected steps wanted and events unread again; return what was done.

    Lanes are locked before steps, in the order workers use.
    """
    with transaction.atomic():
        events = _readable(selection)
        effects = list(_effects(selection).values_list("pk", "connection_id", "lane_key"))
        lanes = {(c, lane) for _, _, c, lane in events} | {(c, lane) for _, c, lane in effects}
        # Counted first: afterwards what is read again no longer counts as stopped.
        counts = _counts(selection, [(c, lane) for _, _, c, lane in events], [(c, lane) for _, c, lane in effects])
        for connection_id, lane_key in sorted(lanes):
            mark_dirty(connection_id, lane_key)
        read_again([(pk, received_at) for pk, received_at, _, _ in events], status=WebhookEvent.Status.PARKED)
        go_on(pk for pk, _, _ in effects)
        _record("replay", lanes, actor, reason="chosen")
    return counts


def try_now(connections: Collection[Connection], *, actor: Actor) -> None:
    """End the wait for a partner that was away: the next worker asks it again."""
    ids = sorted(row.pk for row in connections)
    with transaction.atomic():
        breaker.probe_now(ids)
        _record("try_now", {(pk, "") for pk in ids}, actor, reason="")


def look_now(connection: Connection, cause: str, *, actor: Actor) -> int:
    """Have the people of a group in doubt looked at again at once; return how many. Never before `settle` has passed."""
    rows = Effect.objects.filter(connection=connection, cause=cause, state=Effect.State.UNKNOWN)
    with transaction.atomic():
        lanes = set(rows.values_list("lane_key", flat=True)[:LIMIT])
        mark(connection.pk, lanes)
        _record("look_now", {(connection.pk, lane_key) for lane_key in lanes}, actor, reason=cause)
    return len(lanes)


# Selecting -----------------------------------------------------------------------------------------------------------


def _events(selection: Selection) -> QuerySet[WebhookEvent]:
    rows = WebhookEvent.objects.filter(connection__in=selection.connections, status=WebhookEvent.Status.PARKED)
    return rows.filter(pk__in=selection.events)


def _effects(selection: Selection) -> QuerySet[Effect]:
    rows = Effect.objects.filter(connection__in=selection.connections, state__in=STOPPED)
    return rows.filter(pk__in=selection.effects).order_by("created_at", "pk")[:LIMIT]


def _readable(selection: Selection) -> list[tuple[int, Any, int, str]]:
    """Parked events that can be read again, as (id, received_at, connection, lane): their body must still be there."""
    rows = _events(selection).exclude(cause=Cause.WRONG_ACCOUNT).order_by("received_at", "pk")[:LIMIT]
    parked = list(rows.values_list("pk", "received_at", "connection_id", "lane_key"))
    if not parked:
        return []
    sql = """
    SELECT x.id FROM unnest(%s::bigint[], %s::timestamptz[]) AS x(id, received_at)
    JOIN webhook_bodies b ON b.event_id = x.id AND b.received_at = x.received_at AND b.sealed IS NOT NULL
    """
    with db.cursor() as cursor:
        cursor.execute(sql, [[row[0] for row in parked], [row[1] for row in parked]])
        kept = {event_id for (event_id,) in cursor.fetchall()}
    return [row for row in parked if row[0] in kept]


def _counts(selection: Selection, events: Collection[Lane], effects: Collection[Lane]) -> Counts:
    people = {lane for lane in (*events, *effects) if lane[1] != NO_LANE}
    held = _events(selection).order_by()[:LIMIT].count() - len(events)
    return Counts(events=len(events), effects=len(effects), people=len(people), kept_back=max(held, 0))


# Changing ------------------------------------------------------------------------------------------------------------


def read_again(events: Collection[tuple[int, datetime]], *, status: str) -> int:
    """Make events, as (id, received_at), unread again where they still have `status`; return how many.

    Their lanes are marked by the caller. The partition key is given too, so that no other partition is visited.
    """
    sql = """
    UPDATE webhook_events e SET status = 'received', arrived_by = 'replay', cause = '', observed_at = NULL
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS x(id, received_at)
    WHERE e.id = x.id AND e.received_at = x.received_at AND e.status = %s
    """
    if not events:
        return 0
    with db.cursor() as cursor:
        cursor.execute(sql, [[pk for pk, _ in events], [received_at for _, received_at in events], status])
        changed: int = cursor.rowcount
        return changed


def _record(action: str, lanes: Iterable[Lane], actor: Actor, *, reason: str) -> None:
    """One row per connection, in the transaction of the change."""
    clinics = dict(Connection.objects.filter(pk__in={c for c, _ in lanes}).values_list("pk", "clinic_id"))
    kind = ActorType.STAFF if actor.user else ActorType.SYSTEM
    record_many(
        [
            Entry(
                action=action,
                actor_type=kind,
                actor_id=actor.ref,
                clinic_id=clinic_id,
                object_type="bridge.Connection",
                object_id=str(connection_id),
                reason_code=reason.lower(),
            )
            for connection_id, clinic_id in sorted(clinics.items())
        ],
        own_connection=False,
    )
