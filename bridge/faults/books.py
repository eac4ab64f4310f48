"""What Ponte's own database says: read with plain SQL, from outside, like a person with psql would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bridge.sandbox.krayin import BRIDGE

# So much that the run is about correctness, not about pace.
PLENTY = {"capacity": 10_000, "refill": 600_000}
# Made before connecting, so that connecting does not wait for its own pace either.
RAISE_KRAYIN = """
WITH k AS (INSERT INTO krayins (base_url) VALUES (%(url)s) RETURNING id)
INSERT INTO call_budgets (name, capacity, refill_per_minute, tokens)
SELECT 'krayin:' || id || ':' || %(user)s, %(capacity)s, %(refill)s, %(capacity)s FROM k
"""
RAISE_ALL = "UPDATE call_budgets SET capacity = %(capacity)s, refill_per_minute = %(refill)s, tokens = %(capacity)s"

# A lane with a time ahead waits for something: a quiet moment, another attempt, a partner that is away.
LEFT = """
SELECT (SELECT count(*) FROM webhook_events WHERE status = 'received'),
       (SELECT count(*) FROM lanes WHERE dirty > clean OR leased OR run_at IS NOT NULL),
       (SELECT count(*) FROM effects WHERE state IN ('sent', 'unknown')),
       (SELECT count(*) FROM effects WHERE state IN ('shadow', 'intended')),
       (SELECT coalesce(extract(epoch FROM min(run_at) - clock_timestamp()), 0)::float8 FROM lanes)
"""
LONGEST_START = """
SELECT coalesce(max(extract(epoch FROM observed_at - received_at)), 0)::float8 FROM webhook_events
WHERE status = 'observed'
"""
ARRIVED_BY = "SELECT arrived_by, count(*) FROM webhook_events GROUP BY 1"
KEPT = "SELECT key FROM delivery_keys"
OPEN_STEPS = """
SELECT kind, state, object_ref, cause, detail, attempts FROM effects WHERE state NOT IN ('confirmed', 'cancelled')
ORDER BY object_ref
"""
UNFINISHED_EVENTS = (
    "SELECT status, cause, count(*) FROM webhook_events WHERE status IN ('received', 'parked') GROUP BY 1, 2"
)
CONTACTS = "SELECT chatwoot_contact_id, krayin_person_id, krayin_lead_id FROM contact_mappings"
CONVERSATIONS = """
SELECT chatwoot_conversation_id, krayin_lead_id, status, message_count, first_response_at, resolved_at
FROM conversation_mappings
"""
MESSAGES = "SELECT chatwoot_message_id, krayin_activity_id FROM activity_mappings"
OBJECTS = "SELECT ref, kind, foreign_id, has_ref, gone_at FROM synced_objects"
PROBLEM = "SELECT problem FROM breakers WHERE partner <> 'ponte' OR paused_until > clock_timestamp()"


@dataclass(frozen=True)
class Left:
    """What is still to be done; `next_s`: seconds until the first lane is due."""

    events: int
    lanes: int
    in_flight: int
    intended: int
    next_s: float

    @property
    def is_nothing(self) -> bool:
        return not (self.events or self.lanes or self.in_flight)


@dataclass(frozen=True)
class Books:
    """Mappings and ledger at the end. Rows are keyed by the partner's own numbers."""

    contacts: Mapping[int, tuple[int | None, int | None]] = field(default_factory=dict)
    conversations: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    messages: list[tuple[int, int]] = field(default_factory=list)
    objects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    open_steps: Sequence[Mapping[str, Any]] = field(default_factory=list)
    unfinished_events: list[tuple[str, str, int]] = field(default_factory=list)
    problem: str = ""


def raise_krayin_budget(url: str, krayin_url: str) -> None:
    with _connected(url) as database:
        database.execute(RAISE_KRAYIN, {"url": krayin_url, "user": BRIDGE.email, **PLENTY})


def raise_budgets(url: str) -> None:
    with _connected(url) as database:
        database.execute(RAISE_ALL, PLENTY)


def left(url: str) -> Left:
    """Raises psycopg.OperationalError while the database is away."""
    with _connected(url) as database:
        return Left(*database.execute(LEFT).fetchone())  # type: ignore[misc]


def longest_start_s(url: str) -> float:
    """Longest time from an event's arrival until a lane had taken it in."""
    with _connected(url) as database:
        row = database.execute(LONGEST_START).fetchone()
        return float(row[0]) if row else 0.0


def arrived_by(url: str) -> dict[str, int]:
    """Events by the way they came: webhook, spool, poll."""
    with _connected(url) as database:
        return {row[0]: row[1] for row in database.execute(ARRIVED_BY)}


def kept(url: str) -> set[str]:
    """Ids of every delivery that ever was stored."""
    with _connected(url) as database:
        return {row[0] for row in database.execute(KEPT)}


def read(url: str) -> Books:
    with _connected(url) as database:
        conversations = _rows(database, CONVERSATIONS)
        problem = database.execute(PROBLEM).fetchone()
        return Books(
            contacts={row[0]: (row[1], row[2]) for row in database.execute(CONTACTS)},
            conversations={row["chatwoot_conversation_id"]: row for row in conversations},
            messages=[(row[0], row[1]) for row in database.execute(MESSAGES)],
            objects={row["ref"]: row for row in _rows(database, OBJECTS)},
            open_steps=_rows(database, OPEN_STEPS),
            unfinished_events=[(row[0], row[1], row[2]) for row in database.execute(UNFINISHED_EVENTS)],
            problem=problem[0] if problem else "",
        )


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def _rows(database: psycopg.Connection, sql: str) -> list[dict[str, Any]]:
    with database.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(sql).fetchall()
