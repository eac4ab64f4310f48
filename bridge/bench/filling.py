"""Rows in bulk, written set-based: lanes with waiting events, links, messages, opportunities with their numbers."""

from __future__ import annotations

from typing import Any

from django.db import connection

LANES = """
INSERT INTO lanes (connection_id, lane_key, dirty, run_at)
SELECT c.id, 'c:' || n, %(events)s, clock_timestamp() FROM unnest(%(connections)s::bigint[]) AS c(id),
  generate_series(1, %(lanes)s) AS n
"""
EVENTS = """
INSERT INTO webhook_events (received_at, connection_id, event_type, lane_key, arrived_at, arrived_by, verification,
                            status, cause, delivery_key)
SELECT now(), l.connection_id, 'message_created', l.lane_key, now(), 'webhook', 'signed', 'received', '', ''
FROM lanes l, generate_series(1, %(events)s) WHERE l.connection_id = ANY(%(connections)s)
"""
DEEP = """
INSERT INTO lanes (connection_id, lane_key, dirty, run_at) VALUES (%(connection)s, 'c:0', %(events)s, clock_timestamp());
INSERT INTO webhook_events (received_at, connection_id, event_type, lane_key, arrived_at, arrived_by, verification,
                            status, cause, delivery_key)
SELECT now(), %(connection)s, 'message_created', 'c:0', now(), 'webhook', 'signed', 'received', '', ''
FROM generate_series(1, %(events)s)
"""

# One contact, one conversation and one opportunity under each number; the connection follows from the number.
CONTACTS = """
INSERT INTO contact_mappings (connection_id, chatwoot_contact_id, krayin_lead_id, krayin_person_id, found_by,
                              created_at, updated_at)
SELECT (%(connections)s::bigint[])[n %% %(count)s + 1], n, n, n, 'created', now(), now() - n * interval '1 second'
FROM generate_series(1, %(contacts)s) AS n
"""
CONVERSATIONS = """
INSERT INTO conversation_mappings (connection_id, chatwoot_conversation_id, krayin_lead_id, status, created_at,
                                   updated_at, message_count, last_message_at)
SELECT (%(connections)s::bigint[])[n %% %(count)s + 1], n, n,
       (ARRAY['open', 'resolved', 'pending', 'resolved'])[n %% 4 + 1], now(),
       now() - n * interval '1 second', %(messages)s, now()
FROM generate_series(1, %(contacts)s) AS n
"""
INSIGHTS = """
INSERT INTO ai_insights (connection_id, krayin_lead_id, total_conversations, resolved_conversations,
  pending_conversations, resolution_rate, total_messages, performance_score, engagement_level, trend, is_current,
  calculated_at, valid_from, created_at)
SELECT (%(connections)s::bigint[])[n %% %(count)s + 1], n, 1, 1, 0, 100, %(messages)s, (n %% 100) / 10.0,
  (ARRAY['low', 'medium', 'high'])[n %% 3 + 1], (ARRAY['improving', 'stable', 'declining'])[n %% 3 + 1], true,
  now() - interval '1 day', now() - interval '1 day', now()
FROM generate_series(1, %(contacts)s) AS n
"""
STAGES = """
INSERT INTO stage_change_logs (connection_id, krayin_lead_id, new_stage, trigger_source, rule, result, created_at)
SELECT (%(connections)s::bigint[])[n %% %(count)s + 1], n, 'Prospect', 'webhook', '', 'moved', now()
FROM generate_series(1, %(contacts)s, 10) AS n
"""
# Spread over the months, newest first, so that every partition holds a share.
MESSAGES = """
INSERT INTO activity_mappings (connection_id, chatwoot_message_id, krayin_activity_id, conversation_id, message_type,
                               created_at)
SELECT (%(connections)s::bigint[])[n %% %(count)s + 1], n::bigint * %(messages)s + m, n, n,
       (ARRAY['incoming', 'outgoing'])[m %% 2 + 1],
       now() - (n %% (%(months)s * 28 - 28)) * interval '1 day' - m * interval '1 minute'
FROM generate_series(1, %(contacts)s) AS n, generate_series(1, %(messages)s) AS m
"""


def lanes(connection_ids: list[int], *, lanes_each: int, events_each: int) -> None:
    """Due lanes with waiting events, without bodies: what claiming costs does not depend on them."""
    values: dict[str, Any] = {"connections": connection_ids, "lanes": lanes_each, "events": events_each}
    with connection.cursor() as cursor:
        cursor.execute(LANES, values)
        cursor.execute(EVENTS, values)


def deep_lane(connection_id: int, *, events: int) -> None:
    """One contact who wrote without end."""
    with connection.cursor() as cursor:
        for statement in DEEP.split(";"):
            cursor.execute(statement, {"connection": connection_id, "events": events})


def links(connection_ids: list[int], *, contacts: int, messages_each: int, months: int) -> None:
    """Contacts 1 to `contacts`, each with a conversation, an opportunity and its numbers, and so many messages."""
    values: dict[str, Any] = {
        "connections": connection_ids, "count": len(connection_ids), "contacts": contacts,
        "messages": messages_each, "months": months,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (CONTACTS, CONVERSATIONS, INSIGHTS, STAGES, MESSAGES):
            cursor.execute(statement, values)


def settled() -> None:
    """What autovacuum would have done by now: counts for the planner, visibility for index scans."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
