"""What the intake keeps, and for how long (DESIGN section 3)."""

from django.db import connection as db

BATCH = 5000

EMPTY = """
UPDATE webhook_bodies b SET sealed = NULL, headers = '{}'
FROM (
  SELECT x.event_id, x.received_at FROM webhook_bodies x JOIN webhook_events e
    ON e.id = x.event_id AND e.received_at = x.received_at
  WHERE x.sealed IS NOT NULL AND e.status IN ('observed', 'ignored') AND x.received_at < now() - interval '7 days'
    AND coalesce(e.observed_at, e.received_at) < now() - interval '7 days'
    -- A hold on everything, or on this category as a whole, keeps the clinic's (lgpd 3.3).
    AND NOT EXISTS (
      SELECT FROM connections c JOIN legal_holds h ON h.clinic_id = c.clinic_id
      WHERE c.id = e.connection_id AND h.released_at IS NULL AND h.subject_id IS NULL
        AND (h.scope = 'all' OR h.category = 'R10')
    )
  LIMIT %s
) old
WHERE b.event_id = old.event_id AND b.received_at = old.received_at
"""
FORGET = """
DELETE FROM delivery_keys WHERE (connection_id, key) IN (
  SELECT connection_id, key FROM delivery_keys WHERE received_at < now() - interval '14 days' LIMIT %s)
"""


def _in_batches(sql: str) -> int:
    total = 0
    while True:
        with db.cursor() as cursor:
            cursor.execute(sql, [BATCH])
            changed: int = cursor.rowcount
            total += changed
            if changed < BATCH:
                return total


def empty_observed_bodies() -> int:
    """Empty bodies 7 days after their event was observed; the partition goes after 30. Return how many."""
    return _in_batches(EMPTY)


def forget_delivery_keys() -> int:
    """Delete delivery keys older than 14 days. Return how many."""
    return _in_batches(FORGET)
