"""Conversations whose relation ended years ago: their link becomes anonymous, what hangs on it is removed (lgpd R02, R13).

Only administrative facts are touched. The text of a patient's messages is part of the record (R01) and stays; that of a
lead leaves with the person (R03).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection as db

from consent.retention.ways import Row

# The relation is the person's: one living conversation keeps all of them. Without a person its own messages count.
DUE = """
SELECT m.id::text AS key, c.subject_id AS subject, m.chatwoot_conversation_id::text AS number, r.last_at AS anchor
FROM conversation_mappings m
JOIN connections k ON k.id = m.connection_id AND k.clinic_id = %(clinic)s
LEFT JOIN observed_conversations o
  ON o.connection_id = m.connection_id AND o.chatwoot_conversation_id = m.chatwoot_conversation_id
LEFT JOIN observed_contacts c ON c.id = o.contact_id
CROSS JOIN LATERAL (
  SELECT greatest(coalesce(m.last_message_at, m.created_at), max(coalesce(x.last_activity_at, x.started_at))) AS last_at
  FROM observed_contacts p JOIN observed_conversations x ON x.contact_id = p.id WHERE p.subject_id = c.subject_id
) r
WHERE m.anonymized_at IS NULL AND coalesce(m.last_message_at, m.created_at) + %(period)s::interval <= %(horizon)s {only}
"""
ONLY = "AND m.id = ANY(%(keys)s::bigint[])"

CHOSEN = """
SELECT connection_id, chatwoot_conversation_id, krayin_lead_id, -id FROM conversation_mappings
WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""
LINKS = """
WITH gone AS (
  DELETE FROM activity_mappings a USING unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, number)
  WHERE a.connection_id = t.connection_id AND a.conversation_id = t.number
  RETURNING a.connection_id, a.chatwoot_message_id
)
DELETE FROM activity_keys k USING gone g
WHERE k.connection_id = g.connection_id AND k.chatwoot_message_id = g.chatwoot_message_id
"""
STAGES = """
DELETE FROM stage_change_logs s USING unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, lead_id)
WHERE s.connection_id = t.connection_id AND s.krayin_lead_id = t.lead_id
"""
# No number of either partner is left, times only to the month, counts only in tens (lgpd section 8).
ANONYMISE = """
UPDATE conversation_mappings SET
  chatwoot_conversation_id = -id, krayin_lead_id = -id, message_count = (message_count + 9) / 10 * 10,
  created_at = date_trunc('month', created_at), updated_at = date_trunc('month', updated_at),
  last_message_at = date_trunc('month', last_message_at), first_response_at = date_trunc('month', first_response_at),
  resolved_at = date_trunc('month', resolved_at), anonymized_at = %s
WHERE id = ANY(%s::bigint[])
"""
# Opportunities of which no conversation is left; the others are still somebody's.
ENDED_LEADS = """
SELECT t.connection_id, t.lead_id FROM unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, lead_id)
WHERE NOT EXISTS (
  SELECT FROM conversation_mappings m WHERE m.connection_id = t.connection_id AND m.krayin_lead_id = t.lead_id
)
"""


@dataclass(frozen=True)
class Ended:
    """What ended in one batch, as pairs of connection and number."""

    conversations: Sequence[tuple[int, int]]
    leads: Sequence[tuple[int, int]]  # opportunities without any conversation left
    stand_ins: Sequence[tuple[int, int]]  # what stands in place of the opportunities now


_followers: list[Callable[[Ended], None]] = []


def on_end(follow: Callable[[Ended], None]) -> None:
    """An application above removes what it keeps about them, in the same transaction; called in `ready()`."""
    if follow not in _followers:
        _followers.append(follow)


def anonymise(rows: Sequence[Row], now: datetime) -> None:
    """The remover of the sweep: links, stage changes and numbers go, a row without any reference stays."""
    keys = [row.key for row in rows]
    with db.cursor() as cursor:
        cursor.execute(CHOSEN, [keys])
        found = cursor.fetchall()
        conversations = [(connection, number) for connection, number, _lead, _own in found]
        leads = sorted({(connection, lead) for connection, _number, lead, _own in found})
        cursor.execute(ANONYMISE, [now, keys])
        cursor.execute(LINKS, columns(conversations))
        cursor.execute(ENDED_LEADS, columns(leads))
        ended = Ended(conversations, cursor.fetchall(), [(connection, own) for connection, _n, _l, own in found])
        cursor.execute(STAGES, columns(ended.leads))
    for follow in _followers:
        follow(ended)


def columns(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Pairs as the two arrays that unnest takes."""
    return [[one for one, _other in pairs], [other for _one, other in pairs]]
