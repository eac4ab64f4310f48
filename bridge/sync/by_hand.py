"""What people change in the ledger: go on with what stopped, give it up, force a create once more (screens B2 and B8).

Going on keeps the step's key, so nothing can be written twice. Giving up and forcing first take the lanes from any
worker that sleeps over them: it could otherwise overwrite what was decided here. Each function runs in the caller's
transaction and locks lanes before steps, in the order workers use.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db import connection as db
from django.db.models import F
from django.db.models.functions import Now

from bridge.causes import Cause
from bridge.mappers import refs
from bridge.models import ActivityKey, ActivityMapping, ConversationDay, Effect, ObservedMessage, SyncedObject

State = Effect.State

STOPPED = (State.REJECTED, State.DENIED)
CREATES = (Effect.Kind.CREATE_PERSON, Effect.Kind.CREATE_LEAD, Effect.Kind.CREATE_NOTE)
# A call under way, or one that was never made, cannot be forced: the first may end well, the second will be made.
FORCEABLE = (State.UNKNOWN, State.REJECTED, State.CONFIRMED, State.DISCARDED)

MAKE_MISSING = """
INSERT INTO lanes (connection_id, lane_key, dirty)
SELECT %(connection)s, lane_key, 0 FROM unnest(%(lanes)s::text[]) AS x(lane_key)
ORDER BY lane_key ON CONFLICT DO NOTHING
"""
# FOR UPDATE waits for who is writing under the lane's fence; the raised token shuts out who held it before. A live
# lease is respected.
TAKE_OVER = """
WITH held AS (
  SELECT lane_key FROM lanes WHERE connection_id = %(connection)s AND lane_key = ANY(%(lanes)s)
    AND (NOT leased OR run_at <= clock_timestamp()) ORDER BY lane_key FOR UPDATE
)
UPDATE lanes l SET token = l.token + 1, leased = false FROM held
WHERE l.connection_id = %(connection)s AND l.lane_key = held.lane_key RETURNING l.lane_key
"""

MARK = """
INSERT INTO lanes (connection_id, lane_key, dirty, run_at)
SELECT %(connection)s, lane_key, 1, clock_timestamp() FROM unnest(%(lanes)s::text[]) AS x(lane_key) ORDER BY lane_key
ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
  run_at = CASE WHEN lanes.leased AND lanes.run_at > clock_timestamp() THEN lanes.run_at
                ELSE least(lanes.run_at, clock_timestamp()) END
"""


class LaneBusy(Exception):
    """A worker has the lane right now: try again in a minute."""


class NotForceable(Exception):
    """The step is no create, or nothing about it is settled yet."""


def take_over(connection_id: int, lane_keys: Collection[str]) -> set[str]:
    """Shut every earlier holder out of these lanes until the transaction ends; return those no worker has now."""
    values: dict[str, Any] = {"connection": connection_id, "lanes": sorted(set(lane_keys))}
    with db.cursor() as cursor:
        cursor.execute(MAKE_MISSING, values)
        cursor.execute(TAKE_OVER, values)
        return {lane_key for (lane_key,) in cursor.fetchall()}


def mark(connection_id: int, lane_keys: Collection[str]) -> None:
    """Ask for another look at several lanes of a connection, as `mark_dirty` does for one."""
    if lane_keys:
        with db.cursor() as cursor:
            cursor.execute(MARK, {"connection": connection_id, "lanes": sorted(set(lane_keys))})


def go_on(effect_ids: Iterable[UUID]) -> int:
    """Make refused steps wanted again; return how many. Their lanes are marked by the caller."""
    rows = Effect.objects.filter(pk__in=list(effect_ids), state__in=STOPPED)
    return rows.update(state=State.INTENDED, attempts=0, not_before=Now(), cause="", detail="", updated_at=Now())


def give_up(connection_id: int, effects: Collection[tuple[UUID, str]]) -> int:
    """Bring refused steps, as (id, lane), to their end: nothing is sent. Return how many; busy lanes are left alone."""
    free = take_over(connection_id, {lane_key for _, lane_key in effects})
    chosen = [pk for pk, lane_key in effects if lane_key in free]
    rows = Effect.objects.filter(pk__in=chosen, state=State.REJECTED)
    return rows.update(state=State.DISCARDED, updated_at=Now())


def force(effect: Effect) -> None:
    """Have a create sent once more although it may have happened: it may double. Raises LaneBusy, NotForceable.

    Person and opportunity are still looked for first where their handlers do so; a note is simply written again.
    """
    if effect.lane_key not in take_over(effect.connection_id, [effect.lane_key]):
        raise LaneBusy(effect.lane_key)
    changed = Effect.objects.filter(pk=effect.pk, kind__in=CREATES, state__in=FORCEABLE).update(
        state=State.INTENDED, attempts=0, not_before=Now(), cause="", detail="", digest="",
        looked_up_at=None, foreign_id=None, confirmed_at=None, updated_at=Now(),
    )  # fmt: skip
    if not changed:
        raise NotForceable(effect.pk)
    _forget(effect)
    mark(effect.connection_id, [effect.lane_key])


def _forget(effect: Effect) -> None:
    """Plan as if the object were not there. Its row stays: the number of its next change must not be used twice."""
    held = SyncedObject.objects.filter(krayin_id=effect.krayin_id, ref=effect.object_ref).first()
    if held is None:
        return
    SyncedObject.objects.filter(pk=held.pk).update(forgotten_at=Now(), gone_at=None)
    if held.kind == SyncedObject.Kind.NOTE:
        _unmap(effect, held)


def _unmap(effect: Effect, note: SyncedObject) -> None:
    """The note's messages belong to no activity until it is written again, and its day is behind, as after a change."""
    day, _, message_id = refs.note_parts_of(effect.object_ref)
    if message_id is not None:
        known = ObservedMessage.objects.filter(connection_id=effect.connection_id, chatwoot_message_id=message_id)
        day = known.values_list("local_day", flat=True).first()
    if day is None or effect.conversation_id is None:
        return
    mapped = ActivityMapping.objects.filter(
        connection_id=effect.connection_id, krayin_activity_id=note.foreign_id, conversation_id=effect.conversation_id
    )
    messages = list(mapped.values_list("chatwoot_message_id", flat=True))
    ActivityKey.objects.filter(connection_id=effect.connection_id, chatwoot_message_id__in=messages).delete()
    mapped.delete()
    ConversationDay.objects.filter(
        conversation__connection_id=effect.connection_id,
        conversation__chatwoot_conversation_id=effect.conversation_id,
        day=day,
    ).update(version=F("version") + 1)


def refused_of(connection_id: int, cause: str | Cause, limit: int) -> list[tuple[UUID, str]]:
    """Refused steps of a group, the oldest first, as (id, lane)."""
    rows = Effect.objects.filter(connection_id=connection_id, state=State.REJECTED, cause=cause)
    return list(rows.order_by("created_at", "pk").values_list("pk", "lane_key")[:limit])
