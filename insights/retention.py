"""Numbers about opportunities and conversations leave when those are over (lgpd R02)."""

from django.db import connection as db

from bridge.retention import care, sweeps
from bridge.retention.conversations import Ended, columns, on_end

# Who came to an appointment is a patient. These rows are the sign of it: they leave with the record, not before.
ATTENDED = """
EXISTS (
  SELECT FROM observed_contacts p
  JOIN contact_mappings cm ON cm.connection_id = p.connection_id AND cm.chatwoot_contact_id = p.chatwoot_contact_id
  JOIN appointments v ON v.connection_id = cm.connection_id AND v.krayin_lead_id = cm.krayin_lead_id
  WHERE p.subject_id = {subject} AND v.status = 'attended'
)
"""
# One statement for all: people are locked meanwhile. The change of the links has marked both sides to be computed anew.
FORGET = """
WITH leads AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, lead_id)),
marked AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, lead_id)),
talks AS (
  SELECT o.id FROM unnest(%s::bigint[], %s::bigint[]) AS t(connection_id, number)
  JOIN observed_conversations o ON o.connection_id = t.connection_id AND o.chatwoot_conversation_id = t.number
),
a AS (DELETE FROM ai_insights x USING leads t WHERE x.connection_id = t.connection_id AND x.krayin_lead_id = t.lead_id),
b AS (DELETE FROM insight_reviews x USING leads t
      WHERE x.connection_id = t.connection_id AND x.krayin_lead_id = t.lead_id),
c AS (DELETE FROM suggestion_silences x USING leads t
      WHERE x.connection_id = t.connection_id AND x.krayin_lead_id = t.lead_id),
d AS (DELETE FROM insight_marks x USING marked t
      WHERE x.connection_id = t.connection_id AND x.krayin_lead_id = t.lead_id),
e AS (DELETE FROM conversation_states x USING talks t WHERE x.conversation_id = t.id),
f AS (DELETE FROM survey_answers x USING talks t WHERE x.conversation_id = t.id)
DELETE FROM language_calls x USING talks t WHERE x.conversation_id = t.id
"""


def forget(ended: Ended) -> None:
    """Sums over many people stay: they are about nobody."""
    marked = [*ended.leads, *ended.stand_ins]
    with db.cursor() as cursor:
        cursor.execute(FORGET, [*columns(ended.leads), *columns(marked), *columns(ended.conversations)])


def register() -> None:
    """Called in `ready()`."""
    on_end(forget)
    care.register(ATTENDED)
    sweeps.describe()
