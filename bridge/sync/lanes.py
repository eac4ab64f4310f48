"""Claim, extend and finish lanes (DESIGN section 4; SQL properties from reference/datapath.md).

A claimed lane's `run_at` is the end of its lease, so a lease that ran out is simply due again. Every write that
finishes or extends carries the fencing token: a worker that slept through its lease changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection as db

LANES_PER_CLAIM = 8
LANES_PER_CONNECTION = 2
NEEDED_FOR_A_CALL_S = 30
FAILED = -1  # as `clean`: work is there, whatever `dirty` says

# A partner that is away keeps no lane from being claimed, because its events are to be observed. What needs the partner
# is held until after the next probe, the longer the longer it is away: a long queue must not go round all the time.
HELD = """
CASE WHEN {0}.paused_until > clock_timestamp() THEN {0}.paused_until
  + random() * least(greatest(clock_timestamp() - {0}.since, interval '1 min'), interval '1 h') END
"""

# At most two lanes of a connection per claim, so that a busy clinic does not make the others wait.
CLAIM = f"""
WITH due AS (
  SELECT s.connection_id, s.lane_key FROM connections n CROSS JOIN LATERAL (
    SELECT x.connection_id, x.lane_key FROM lanes x
    WHERE x.connection_id = n.id AND x.run_at <= clock_timestamp()
    ORDER BY x.run_at LIMIT %(each)s FOR UPDATE OF x SKIP LOCKED
  ) s
  WHERE n.id > %(cursor)s AND n.state IN ('shadow', 'active')
    AND (%(only)s::bigint IS NULL OR n.id = %(only)s)
  ORDER BY n.id LIMIT %(limit)s
)
UPDATE lanes l SET leased = true, run_at = clock_timestamp() + make_interval(secs => %(lease)s), token = l.token + 1
FROM due
LEFT JOIN breakers k ON k.connection_id = due.connection_id AND k.partner = 'krayin'
LEFT JOIN breakers c ON c.connection_id = due.connection_id AND c.partner = 'chatwoot'
WHERE l.connection_id = due.connection_id AND l.lane_key = due.lane_key
RETURNING l.connection_id, l.lane_key, l.token, l.dirty, l.clean,
  k.id IS NOT NULL, {HELD.format("k")}, c.id IS NOT NULL, {HELD.format("c")}
"""  # noqa: S608 - constants

# Mostly enough is left, and reading costs no commit.
ENOUGH_LEFT = """
SELECT run_at >= clock_timestamp() + make_interval(secs => %(need)s) FROM lanes
WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND token = %(token)s AND leased
"""

EXTEND = """
UPDATE lanes SET run_at = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND token = %(token)s AND leased
RETURNING run_at
"""

# A wake-up that raced with this claim is in `dirty`: never asked for with NOT EXISTS, which would lose it.
FINISH = """
UPDATE lanes SET leased = false, clean = %(clean)s,
  run_at = CASE WHEN dirty > %(seen)s OR %(more)s OR %(next)s::timestamptz < clock_timestamp()
                THEN clock_timestamp() ELSE %(next)s::timestamptz END
WHERE connection_id = %(connection)s AND lane_key = %(lane)s AND token = %(token)s
RETURNING run_at
"""

# Shared with the intake, which may raise `dirty` meanwhile, but not with a claim, which would raise the token.
STILL_HELD = """
SELECT l.lane_key FROM lanes l
JOIN unnest(%(lanes)s::text[], %(tokens)s::bigint[]) AS c(lane_key, token)
  ON l.lane_key = c.lane_key AND l.token = c.token
WHERE l.connection_id = %(connection)s ORDER BY l.lane_key FOR KEY SHARE OF l
"""


class LeaseLost(Exception):
    """Another worker has this lane now: stop, write nothing more for it."""


@dataclass
class Claim:
    """A leased lane. `dirty` is what this claim will have seen when it finishes; `clean` is FAILED after a failure.

    A partner that is away may be asked, as a probe, unless there is a time until which what needs it is held.
    """

    connection_id: int
    lane_key: str
    token: int
    dirty: int
    clean: int = 0
    is_krayin_away: bool = False
    krayin_held_until: datetime | None = None
    is_chatwoot_away: bool = False
    chatwoot_held_until: datetime | None = None
    trace: str = ""  # what logs call the delivery that gave rise to it, if one did

    @property
    def has_failed(self) -> bool:
        return self.clean == FAILED

    def _values(self, **more: object) -> dict[str, Any]:
        return {"connection": self.connection_id, "lane": self.lane_key, "token": self.token, **more}

    def hold(self) -> None:
        """Make sure that enough lease is left for one partner call. Raises LeaseLost."""
        values = self._values(need=NEEDED_FOR_A_CALL_S, lease=max(settings.LEASE_S, 1))
        with db.cursor() as cursor:
            cursor.execute(ENOUGH_LEFT, values)
            if cursor.fetchone() == (True,):
                return
            cursor.execute(EXTEND, values)
            if cursor.fetchone() is None:
                raise LeaseLost(self.lane_key)

    def finish(self, *, next_at: datetime | None, more: bool = False, failed: bool = False) -> bool:
        """Give the lane back; it runs again at `next_at`, at once if work came meanwhile. False if the lease was lost.

        `failed`: by a defect of ours, so that all its work is still to do and the next claim knows of it.
        """
        clean = FAILED if failed else self.dirty
        with db.cursor() as cursor:
            cursor.execute(FINISH, self._values(seen=self.dirty, clean=clean, more=more, next=next_at))
            return cursor.fetchone() is not None


@dataclass
class Claims:
    """Claims in turn over the connections: the cursor moves on, so that none waits behind a busy one.

    Lanes of one claim wait for each other, so a claim is large only while claims come back full.
    """

    cursor: int = 0
    only: int | None = None
    limit: int = LANES_PER_CLAIM

    def take(self) -> list[Claim]:
        """Lease the next due lanes; an empty list when nothing is due anywhere."""
        claims = self._take_after(self.cursor)
        if not claims and self.cursor:
            claims = self._take_after(0)
        is_full = len(claims) == self.limit
        self.cursor = max((c.connection_id for c in claims), default=0)
        self.limit = min(2 * self.limit, LANES_PER_CLAIM) if is_full else max(1, self.limit // 2)
        return sorted(claims, key=lambda c: (c.connection_id, c.lane_key))

    def _take_after(self, cursor_id: int) -> list[Claim]:
        values = {
            "cursor": cursor_id,
            "only": self.only,
            "each": LANES_PER_CONNECTION if self.only is None else self.limit,
            "limit": self.limit,
            "lease": settings.LEASE_S,
        }
        with db.cursor() as cursor:
            cursor.execute(CLAIM, values)
            return [Claim(*row) for row in cursor.fetchall()]


def still_held(claims: Sequence[Claim]) -> list[Claim]:
    """Those of one connection's claims that nobody has taken over, kept from others until this transaction ends."""
    values: dict[str, Any] = {
        "connection": claims[0].connection_id,
        "lanes": [claim.lane_key for claim in claims],
        "tokens": [claim.token for claim in claims],
    }
    with db.cursor() as cursor:
        cursor.execute(STILL_HELD, values)
        held = {lane_key for (lane_key,) in cursor.fetchall()}
    return [claim for claim in claims if claim.lane_key in held]


def fence(claim: Claim) -> None:
    """Keep the lane for this transaction. Raises LeaseLost when another worker has it now."""
    if not still_held([claim]):
        raise LeaseLost(claim.lane_key)


def next_due(connection_id: int | None = None) -> datetime | None:
    """When the next lane of a receiving connection becomes due; None when nothing waits."""
    sql = """
    SELECT min(l.run_at) FROM lanes l JOIN connections n ON n.id = l.connection_id
    WHERE n.state IN ('shadow', 'active') AND (%(only)s::bigint IS NULL OR n.id = %(only)s)
    """
    with db.cursor() as cursor:
        cursor.execute(sql, {"only": connection_id})
        found: datetime | None = cursor.fetchone()[0]
        return found


def mark_dirty(connection_id: int, lane_key: str) -> None:
    """Ask for another look at a lane (sync now, replay, a setting changed)."""
    sql = """
    INSERT INTO lanes (connection_id, lane_key, dirty, run_at) VALUES (%s, %s, 1, clock_timestamp())
    ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
      run_at = CASE WHEN lanes.leased AND lanes.run_at > clock_timestamp() THEN lanes.run_at
                    ELSE least(lanes.run_at, clock_timestamp()) END
    """
    with db.cursor() as cursor:
        cursor.execute(sql, [connection_id, lane_key])
