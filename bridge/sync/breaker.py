"""A partner that is away: what needs it waits, without spending attempts; everything else goes on (DESIGN section 6).

One row per connection and partner, only while it is away. Claims bring along what it says (bridge.sync.lanes), so that
asking costs no query. The lane that found out probes; the others are held, and pulled to now when a call goes through.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as db
from django.db.models.functions import Now

from bridge.causes import Cause
from bridge.models import Breaker, Connection, KrayinUser
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim

FIRST_PROBE_S = 5
LONGEST_PROBE_S = 300
OWN_ERROR_S = 60
OWN_ERROR_TOLD_S = 300

Of = Breaker.Of

# Who fails while the breaker is open already was on its way before: that is no further failure.
OPEN = """
INSERT INTO breakers AS b (connection_id, partner, problem, since, failures_in_a_row, paused_until)
VALUES (%(connection)s, %(partner)s, %(problem)s, clock_timestamp(), 1,
        clock_timestamp() + make_interval(secs => %(first)s))
ON CONFLICT (connection_id, partner) DO UPDATE SET problem = excluded.problem,
  failures_in_a_row = b.failures_in_a_row + (b.paused_until <= clock_timestamp())::int,
  paused_until = CASE WHEN b.paused_until > clock_timestamp() THEN b.paused_until ELSE
    clock_timestamp() + make_interval(secs => least(%(first)s * 2 ^ least(b.failures_in_a_row, 20), %(longest)s)) END
RETURNING paused_until
"""

OWN = """
INSERT INTO breakers AS b (connection_id, partner, problem, since, failures_in_a_row, paused_until)
VALUES (%(connection)s, 'ponte', %(problem)s, clock_timestamp(), 1,
        clock_timestamp() + make_interval(secs => %(told)s))
ON CONFLICT (connection_id, partner) DO UPDATE SET paused_until = excluded.paused_until,
  since = CASE WHEN b.paused_until > clock_timestamp() THEN b.since ELSE excluded.since END,
  failures_in_a_row = CASE WHEN b.paused_until > clock_timestamp() THEN b.failures_in_a_row + 1 ELSE 1 END
"""

# A lane that somebody holds gets its time from him. Spread, because all of them ask the same partner.
PULL = """
WITH held AS (
  SELECT connection_id, lane_key FROM lanes
  WHERE connection_id = ANY(%(connections)s) AND NOT leased AND run_at > clock_timestamp() FOR UPDATE SKIP LOCKED
)
UPDATE lanes l SET run_at = clock_timestamp() + make_interval(
  secs => random() * least(%(longest)s, %(each)s * (SELECT count(*) FROM held)))
FROM held WHERE l.connection_id = held.connection_id AND l.lane_key = held.lane_key
"""
SPREAD_S, SPREAD_EACH_S = 60, 0.02


def open_for(connection: Connection, cause: Cause, partner: Breaker.Of = Of.KRAYIN) -> datetime:
    """Let nobody call the partner for this connection: 5 s, doubling up to 5 min. Return when to probe."""
    values: dict[str, Any] = {
        "connection": connection.pk,
        "partner": partner.value,
        "problem": cause.value,
        "first": FIRST_PROBE_S,
        "longest": LONGEST_PROBE_S,
    }
    with db.cursor() as cursor:
        cursor.execute(OPEN, values)
        until: datetime = cursor.fetchone()[0]
        return until


def close(connection: Connection, partner: Breaker.Of = Of.KRAYIN) -> None:
    """A call went through: forget the problem and pull the lanes that wait."""
    gone, _ = Breaker.objects.filter(connection=connection, partner=partner).delete()
    if gone:
        pull_lanes([connection.pk])


def krayin_answered(connection: Connection, claim: Claim) -> None:
    """Close Krayin's breaker if this claim saw one."""
    if claim.is_krayin_away:
        claim.is_krayin_away = False
        close(connection)


def own_error(connection: Connection) -> datetime:
    """Our own defect: this lane waits a minute, the others go on, and people see it."""
    values: dict[str, Any] = {"connection": connection.pk, "problem": Cause.INTERNAL.value, "told": OWN_ERROR_TOLD_S}
    with db.cursor() as cursor:
        cursor.execute(OWN, values)
    return database_now(timedelta(seconds=OWN_ERROR_S))


def probe_now(connection_ids: Collection[int]) -> None:
    """A person does not want to wait for the next probe."""
    Breaker.objects.filter(connection__in=connection_ids).exclude(partner=Of.PONTE).update(paused_until=Now())
    KrayinUser.objects.filter(connections__in=connection_ids, refused_logins__gt=0).update(login_until=Now())
    pull_lanes(connection_ids)


def pull_lanes(connection_ids: Iterable[int]) -> None:
    """Make every waiting lane of the connections due within moments; one that waits for something else waits again."""
    values: dict[str, Any] = {"connections": sorted(connection_ids), "longest": SPREAD_S, "each": SPREAD_EACH_S}
    with db.cursor() as cursor:
        cursor.execute(PULL, values)


def problems(connections: Iterable[Connection]) -> list[Breaker]:
    """What stands in the way of these connections now, the longest first; each with its connection. One query."""
    by_id = {row.pk: row for row in connections}
    rows = Breaker.objects.filter(connection__in=by_id).order_by("since", "pk")
    now = database_now() if by_id else None
    found = [row for row in rows if now and row.is_told(now)]
    for row in found:
        row.connection = by_id[row.connection_id]
    return found
