"""Who is waiting for an answer now (screen E1): read from the facts at this moment, longest wait first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as db

from bridge.models import Connection, DirectoryEntry

READ_AT_MOST = 500  # conversations whose last word is the patient's, those without an answer for longest
DAYS_BACK = 7  # older waits are stale: they are a matter of the opportunities, not of this minute

# What can be done: once the window is closed nobody can simply answer.
# Cheap first: whose last word is it? The facts are computed for those conversations only.
WAITS = """
WITH asked AS MATERIALIZED (
  SELECT c.id, c.connection_id, c.chatwoot_conversation_id, c.inbox_id, c.channel, c.assignee_id, p.mask, last.sent_at
  FROM observed_conversations c
  JOIN observed_contacts p ON p.id = c.contact_id
  JOIN data_subjects s ON s.id = p.subject_id AND s.blocked_at IS NULL AND s.erased_at IS NULL
  CROSS JOIN LATERAL (
    SELECT m.direction, m.sent_at FROM observed_messages m
    WHERE m.conversation_id = c.id AND (m.direction = 'incoming' OR m.direction = 'outgoing' AND m.author_kind = 'user')
    ORDER BY m.local_day DESC, m.sent_at DESC, m.chatwoot_message_id DESC LIMIT 1) AS last
  WHERE c.connection_id = ANY(%(connections)s) AND c.gone_at IS NULL AND c.status <> 'resolved'
    AND c.last_activity_at > %(now)s - make_interval(days => %(days)s)
    AND (%(inbox)s::bigint IS NULL OR c.inbox_id = %(inbox)s)
    AND last.direction = 'incoming'
  ORDER BY last.sent_at LIMIT %(most)s
)
SELECT a.connection_id, a.chatwoot_conversation_id, a.inbox_id, a.assignee_id, a.mask, m.krayin_lead_id, f.started_at,
       coalesce(f.business_s, f.calendar_s) / 60.0, f.calendar_s / 60.0, f.business_s IS NOT NULL, w.ends_at,
       (SELECT g.suggestion FROM insight_suggestions(
          %(now)s, round(coalesce(f.business_s, f.calendar_s) / 60.0), f.started_at, w.ends_at,
          CASE WHEN w.ends_at IS NOT NULL AND f.business_s IS NOT NULL
               THEN insight_next_opening(u.unit_id, u.zone, %(now)s) END,
          a.channel, 0, NULL, NULL, NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL) g
        ORDER BY array_position(ARRAY['use_template', 'window_closing', 'reply_now'], g.id) LIMIT 1)
FROM insight_conversation_facts((SELECT array_agg(id) FROM asked), %(now)s) f
JOIN asked a ON a.id = f.conversation_id
CROSS JOIN LATERAL insight_unit(a.connection_id, a.inbox_id) u
CROSS JOIN LATERAL (SELECT CASE WHEN a.channel = 'Channel::Whatsapp' THEN a.sent_at + interval '24 hours' END AS ends_at) w
LEFT JOIN conversation_mappings m ON m.connection_id = a.connection_id
  AND m.chatwoot_conversation_id = a.chatwoot_conversation_id
WHERE f.outcome = 'open' AND f.kind IN ('first_wait', 'reply_wait')
ORDER BY 8 DESC, f.started_at
"""


@dataclass(frozen=True)
class Wait:
    """One open wait. `minutes` by the clock that counts: business where the unit has hours, else calendar."""

    connection_id: int
    conversation: int
    inbox_id: int
    assignee_id: int | None
    mask: str
    lead_id: int | None
    since: datetime
    minutes: float
    calendar_minutes: float
    is_business: bool
    window_ends: datetime | None
    suggestion: dict[str, Any] | None


def waits(connections: Sequence[Connection], now: datetime, inbox_id: int | None = None) -> list[Wait]:
    values: dict[str, Any] = {
        "connections": [row.pk for row in connections], "now": now, "inbox": inbox_id, "days": DAYS_BACK,
        "most": READ_AT_MOST,
    }  # fmt: skip
    with db.cursor() as cursor:
        cursor.execute(WAITS, values)
        return [_wait(row) for row in cursor.fetchall()]


def _wait(row: Sequence[Any]) -> Wait:
    pk, number, inbox, assignee, mask, lead, since, minutes, calendar, is_business, ends, found = row
    told = json.loads(found) if isinstance(found, str) else found
    return Wait(
        pk, number, inbox, assignee, mask, lead, since, float(minutes), float(calendar), is_business, ends, told
    )


def names_of(connections: Sequence[Connection], kind: DirectoryEntry.Kind) -> dict[tuple[int, int], str]:
    """Names of agents or teams by (connection, number), as Chatwoot last told them."""
    rows = DirectoryEntry.objects.filter(connection__in=connections, kind=kind)
    return {
        (pk, int(key)): name for pk, key, name in rows.values_list("connection_id", "key", "name") if key.isdecimal()
    }
