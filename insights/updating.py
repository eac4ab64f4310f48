"""Keeping `ai_insights` up to date: one opportunity, those that changed, all of them. The database computes.

One SQL function does all three (migrations/sql/0003_update.sql), so that none can differ from the others. It takes a
lock per opportunity and leaves one current row each, whoever calls it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from django.db import connection, transaction

from bridge.models import Connection

CHUNK = 250  # opportunities locked and computed in one transaction

REFRESH = "SELECT refresh_insights(%s, %s::bigint[], %s, %s)"
UPDATE = "SELECT update_ai_insights(%s, %s, %s)"
# Opportunities somebody else is computing are left to them.
DUE = """
SELECT DISTINCT connection_id, krayin_lead_id FROM (
  SELECT connection_id, krayin_lead_id FROM insight_marks WHERE due_at <= coalesce(%s, clock_timestamp())
  ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) AS due
ORDER BY connection_id, krayin_lead_id
"""
# Keyset pages: no snapshot is held while the chunks are computed.
NEXT_LEADS = """
SELECT krayin_lead_id FROM (
  (SELECT DISTINCT krayin_lead_id FROM contact_mappings
   WHERE connection_id = %(connection)s AND krayin_lead_id > %(after)s ORDER BY krayin_lead_id LIMIT %(limit)s)
  UNION
  (SELECT DISTINCT krayin_lead_id FROM conversation_mappings
   WHERE connection_id = %(connection)s AND krayin_lead_id > %(after)s ORDER BY krayin_lead_id LIMIT %(limit)s)
  UNION
  (SELECT krayin_lead_id FROM ai_insights WHERE is_current
   AND connection_id = %(connection)s AND krayin_lead_id > %(after)s ORDER BY krayin_lead_id LIMIT %(limit)s)
) AS leads ORDER BY krayin_lead_id LIMIT %(limit)s
"""


def update_ai_insights(connection_id: int, lead_id: int, now: datetime | None = None) -> int | None:
    """Compute one opportunity; return the id of its current row, None where it may not have one (consent withdrawn)."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UPDATE, [connection_id, lead_id, now])
        found: int | None = cursor.fetchone()[0]
    return found


def refresh(
    connection_id: int, lead_ids: Sequence[int], now: datetime | None = None, *, after_erasure: bool = False
) -> int:
    """Compute opportunities of one connection in one transaction; return how many rows were written or closed.

    after_erasure: write every row and say in it that facts were removed.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(REFRESH, [connection_id, list(lead_ids), now, after_erasure])
        written: int = cursor.fetchone()[0]
    return written


def refresh_due(now: datetime | None = None, *, limit: int = CHUNK) -> int:
    """Compute what changed at least half a minute ago; return how many opportunities were looked at.

    Marks go with the transaction that computed them: a crash in between loses none.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DUE, [now, limit])
        due = cursor.fetchall()
        for connection_id, rows in groupby(due, key=lambda row: row[0]):
            refresh(connection_id, [lead for _, lead in rows], now)
    return len(due)


def refresh_all(now: datetime | None = None) -> int:
    """Compute every opportunity of every connection; return how many rows were written or closed."""
    connections = Connection.objects.order_by("pk").values_list("pk", flat=True)
    return sum(refresh(pk, leads, now) for pk in connections for leads in leads_of(pk))


def leads_of(connection_id: int) -> Iterator[list[int]]:
    """The opportunities of a connection that have numbers or should have, in chunks."""
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(NEXT_LEADS, {"connection": connection_id, "after": after, "limit": CHUNK})
            leads = [lead for (lead,) in cursor.fetchall()]
        if not leads:
            return
        yield leads
        after = leads[-1]
