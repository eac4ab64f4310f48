"""Who ever received care: that decides whether somebody is a patient, whose record the law protects for twenty years.

Any sign counts, and none expires before the record was reviewed: a patient taken for a lead would lose the record.
Conditions are SQL with {subject} for the person's id; an application above adds its own in `ready()`.
"""

HEALTH = """
EXISTS (SELECT FROM lead_health_profiles x WHERE x.subject_id = {subject})
OR EXISTS (SELECT FROM sensitive_notes x WHERE x.subject_id = {subject})
"""
# Closed and not lost is won; a stage nobody knows any more counts as won, because that keeps more.
WON = """
EXISTS (
  SELECT FROM observed_contacts p
  JOIN connections k ON k.id = p.connection_id
  JOIN contact_mappings cm ON cm.connection_id = p.connection_id AND cm.chatwoot_contact_id = p.chatwoot_contact_id
  JOIN krayin_leads l ON l.krayin_id = k.krayin_id
    AND (l.lead_id = cm.krayin_lead_id OR l.person_id = cm.krayin_person_id)
  WHERE p.subject_id = {subject} AND l.closed_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(k.pipelines) f, jsonb_array_elements(f -> 'stages') t
    WHERE (t ->> 'id')::bigint = l.stage_id AND t ->> 'code' = 'lost'
  )
)
"""
_signs = [HEALTH, WON]


def register(condition: str) -> None:
    if condition not in _signs:
        _signs.append(condition)


def received_care(subject: str) -> str:
    """Condition: the person is a patient."""
    return f"({' OR '.join(sign.format(subject=subject) for sign in _signs)})"
