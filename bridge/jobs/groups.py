"""What people decide about a group of failures (screen B2): take on, note, postpone, give up; and what became of it.

A group is everything of one connection that stopped for one cause. How much is in it is always counted; only decisions
are rows. Each act is an audit row in its own transaction.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as db
from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import ActorType
from audit.services import record
from bridge.causes import Cause
from bridge.models import Connection, Effect, FailureGroup
from bridge.queries.stuck import stuck
from bridge.sync import by_hand
from bridge.sync.clock import database_now
from consent.encryption import Actor

OBJECT = "bridge.FailureGroup"
LIMIT = 5000  # given up per call and kind: one short transaction
KEPT = timedelta(days=30)
POSTPONED_AT_MOST = timedelta(days=90)
NOTE_LENGTH = 200

# Seven digits and more, however they are grouped, are a phone or a document; an @ is an address.
LOOKS_PERSONAL = re.compile(r"@|(?:\d[\s().\-/]{0,3}){7,}")

# Giving these up makes no sense: nothing of them is kept, they heal by themselves, or nothing waits.
NOT_DISCARDABLE = frozenset({Cause.SIGNATURE, Cause.KRAYIN_UNCERTAIN, Cause.CHATWOOT_UNCERTAIN})


class DiscardReason(models.TextChoices):
    """Why a group is given up; the code goes into the audit row."""

    ALREADY_THERE = "already_there", _("it was put into the CRM by hand")
    NOT_WANTED = "not_wanted", _("it is not wanted in the CRM")
    TEST = "test", _("it was a test")
    NOT_CURABLE = "not_curable", _("it cannot be corrected")


class ForceReason(models.TextChoices):
    """Why a create is sent once more; the code goes into the audit row."""

    NOT_THERE = "not_there", _("I looked: it is not in the CRM")
    DELETED = "deleted", _("it was deleted there by mistake")
    SUPPORT = "support", _("the technical support asked for it")


class NotRefused(Exception):
    """Nothing of the group can be given up."""


class LooksPersonal(ValueError):
    """The note holds what looks like a number or address of a person."""


@dataclass(frozen=True)
class Discarded:
    """`left`: steps a worker holds just now, and what is beyond the limit; they can be given up next."""

    events: int
    steps: int
    left: int


# Deciding -------------------------------------------------------------------------------------------------------------


def take_on(connection: Connection, cause: str, *, actor: Actor) -> FailureGroup:
    return _decide(connection, cause, "group_taken", actor, owner=actor.user, owned_at=Now())


def hand_back(connection: Connection, cause: str, *, actor: Actor) -> FailureGroup:
    return _decide(connection, cause, "group_handed_back", actor, owner=None, owned_at=None)


def write_note(connection: Connection, cause: str, text: str, *, actor: Actor) -> FailureGroup:
    """Keep a short note about the matter; an empty one removes it. Raises LooksPersonal."""
    note = " ".join(text.split())[:NOTE_LENGTH]
    if LOOKS_PERSONAL.search(note):
        raise LooksPersonal
    return _decide(connection, cause, "group_noted", actor, note=note, noted_by=actor.user, noted_at=Now())


def postpone(connection: Connection, cause: str, until: datetime | None, *, actor: Actor) -> FailureGroup:
    """Let the group wait for nobody until then, at most 90 days; None ends the wait."""
    latest = database_now(POSTPONED_AT_MOST)
    chosen = min(until, latest) if until else None
    return _decide(connection, cause, "group_postponed", actor, postponed_until=chosen)


def discard(connection: Connection, cause: str, reason: DiscardReason, *, actor: Actor) -> Discarded:
    """Give up what is in the group: refused steps come to their end, unread events are ignored; nothing is sent.

    Raises NotRefused when the cause has nothing to give up.
    """
    if cause in NOT_DISCARDABLE:
        raise NotRefused(cause)
    with transaction.atomic():
        steps = by_hand.refused_of(connection.pk, cause, LIMIT)
        ended = by_hand.give_up(connection.pk, steps)
        events = _ignore_events(connection.pk, cause)
        left = Effect.objects.filter(connection=connection, state=Effect.State.REJECTED, cause=cause).count()
        _decide(
            connection, cause, "group_discarded", actor, reason=reason.value,
            discarded_at=Now(), discarded_by=actor.user, discard_reason=reason.value,
            discarded=models.F("discarded") + ended + events,
        )  # fmt: skip
    return Discarded(events=events, steps=ended, left=left)


def force_again(effect: Effect, reason: ForceReason, *, actor: Actor) -> None:
    """Send a create once more although it may double. Raises by_hand.LaneBusy and by_hand.NotForceable."""
    with transaction.atomic():
        by_hand.force(effect)
        record(
            action="force_again",
            actor_type=ActorType.STAFF if actor.user else ActorType.SYSTEM,
            actor_id=actor.ref,
            clinic_id=effect.connection.clinic_id,
            object_type="bridge.Effect",
            object_id=str(effect.pk),
            fields=[effect.kind],
            reason_code=reason.value,
            own_connection=False,
        )


def _ignore_events(connection_id: int, cause: str) -> int:
    sql = """
    UPDATE webhook_events e SET status = 'ignored', observed_at = now() FROM (
      SELECT id, received_at FROM webhook_events
      WHERE connection_id = %s AND cause = %s AND status = 'parked' ORDER BY received_at, id LIMIT %s FOR UPDATE
    ) x
    WHERE e.id = x.id AND e.received_at = x.received_at
    """
    with db.cursor() as cursor:
        cursor.execute(sql, [connection_id, cause, LIMIT])
        ignored: int = cursor.rowcount
        return ignored


def _decide(
    connection: Connection, cause: str, action: str, actor: Actor, *, reason: str = "", **values: object
) -> FailureGroup:
    with transaction.atomic():
        group, _made = FailureGroup.objects.get_or_create(connection=connection, cause=cause)
        FailureGroup.objects.filter(pk=group.pk).update(**values)
        record(
            action=action,
            actor_type=ActorType.STAFF if actor.user else ActorType.SYSTEM,
            actor_id=actor.ref,
            clinic_id=connection.clinic_id,
            object_type=OBJECT,
            object_id=str(group.pk),
            fields=[cause],
            reason_code=reason,
            own_connection=False,
        )
    group.refresh_from_db()
    return group


# Watching -------------------------------------------------------------------------------------------------------------

SEEN = """
INSERT INTO failure_groups AS g (connection_id, cause, most, note, discard_reason)
SELECT x.connection_id, x.cause, x.n, '', '' FROM unnest(%(ids)s::bigint[], %(causes)s::text[], %(sizes)s::bigint[])
  AS x(connection_id, cause, n)
ON CONFLICT (connection_id, cause) DO UPDATE SET seen_at = now(), done_at = NULL,
  opened_at = CASE WHEN g.done_at IS NULL THEN g.opened_at ELSE now() END,
  most = CASE WHEN g.done_at IS NULL THEN greatest(g.most, excluded.most) ELSE excluded.most END,
  owner_id = CASE WHEN g.done_at IS NULL THEN g.owner_id END,
  owned_at = CASE WHEN g.done_at IS NULL THEN g.owned_at END,
  note = CASE WHEN g.done_at IS NULL THEN g.note ELSE '' END,
  noted_by_id = CASE WHEN g.done_at IS NULL THEN g.noted_by_id END,
  noted_at = CASE WHEN g.done_at IS NULL THEN g.noted_at END,
  postponed_until = CASE WHEN g.done_at IS NULL THEN g.postponed_until END,
  discarded_at = CASE WHEN g.done_at IS NULL THEN g.discarded_at END,
  discarded_by_id = CASE WHEN g.done_at IS NULL THEN g.discarded_by_id END,
  discard_reason = CASE WHEN g.done_at IS NULL THEN g.discard_reason ELSE '' END,
  discarded = CASE WHEN g.done_at IS NULL THEN g.discarded ELSE 0 END
"""
EMPTY = """
UPDATE failure_groups g SET done_at = now() WHERE done_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM unnest(%(ids)s::bigint[], %(causes)s::text[]) AS x(connection_id, cause)
  WHERE x.connection_id = g.connection_id AND x.cause = g.cause)
"""


def watch() -> dict[str, int]:
    """Every minute: note which groups there are, which came to their end, and forget what ended 30 days ago.

    A group that comes back after its end is a new matter: without owner, note and postponement.
    """
    found = stuck(list(Connection.objects.select_related("clinic", "krayin").prefetch_related("breakers")))
    groups = {group.key: group.total for group in (*found.failures, *found.postponed)}
    values = _columns((*key, size) for key, size in sorted(groups.items()))
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute(SEEN, values)
        cursor.execute(EMPTY, values)
        ended = cursor.rowcount
    old, _by_model = FailureGroup.objects.filter(done_at__lt=database_now(-KEPT)).delete()
    return {"open": len(groups), "ended": ended, "forgotten": old}


def _columns(rows: Iterable[tuple[int, str, int]]) -> dict[str, list[int] | list[str]]:
    chosen = list(rows)
    return {
        "ids": [connection_id for connection_id, _, _ in chosen],
        "causes": [cause for _, cause, _ in chosen],
        "sizes": [size for _, _, size in chosen],
    }
