"""People: leads who stopped writing are handed over for erasure, records of patients are only reviewed (lgpd R01, R03)."""

from collections.abc import Sequence
from datetime import datetime

from bridge.retention.care import received_care
from consent.retention import cases
from consent.retention.ways import Row

# Last contact by the person; of who never wrote, the last thing that happened, or when Ponte first knew of them. A
# purpose they agreed to, and that runs, keeps them (lgpd 3.3, rule 4).
LEADS = """
SELECT s.id::text AS key, s.id AS subject, '' AS number, coalesce(w.last_at, a.last_at, s.created_at) AS anchor
FROM data_subjects s
CROSS JOIN LATERAL (
  SELECT max(m.sent_at) AS last_at FROM observed_messages m WHERE m.subject_id = s.id AND m.direction = 'incoming'
) w
CROSS JOIN LATERAL (
  SELECT count(*) AS contacts, max(p.last_activity_at) AS last_at FROM observed_contacts p WHERE p.subject_id = s.id
) a
WHERE s.clinic_id = %(clinic)s AND s.erased_at IS NULL AND a.contacts > 0 AND NOT <care>
  AND NOT EXISTS (SELECT FROM retention_cases c WHERE c.subject_id = s.id AND c.kind = 'erasure' AND c.outcome = '')
  AND NOT EXISTS (
    SELECT FROM (
      SELECT r.status, e.valid_until FROM consent_records r LEFT JOIN consent_events e ON e.record_id = r.id
      WHERE r.contact_id = s.id AND r.consent_type = 'marketing' ORDER BY r.created_at DESC LIMIT 1
    ) n WHERE n.status = 'granted' AND coalesce(n.valid_until > %(horizon)s, true)
  ) {only}
"""
# Every text of a patient counts as clinical until somebody says otherwise; each new one moves the whole record.
RECORDS = """
SELECT s.id::text AS key, s.id AS subject, '' AS number, r.last_at AS anchor
FROM data_subjects s
CROSS JOIN LATERAL (
  SELECT greatest(
    (SELECT max(h.updated_at) FROM lead_health_profiles h WHERE h.subject_id = s.id),
    (SELECT max(n.created_at) FROM sensitive_notes n WHERE n.subject_id = s.id),
    (SELECT max(m.sent_at) FROM observed_messages m WHERE m.subject_id = s.id)
  ) AS last_at
) r
WHERE s.clinic_id = %(clinic)s AND s.erased_at IS NULL AND r.last_at IS NOT NULL AND <care> {only}
"""
ONLY = "AND s.id = ANY(%(keys)s::uuid[])"


def leads_sql() -> str:
    return LEADS.replace("<care>", received_care("s.id"))


def records_sql() -> str:
    return RECORDS.replace("<care>", received_care("s.id"))


def hand_over(rows: Sequence[Row], now: datetime) -> None:
    """The remover of the sweep of leads: people begin the erasure, which reaches Chatwoot and Krayin too."""
    cases.open_erasures("R03", rows, now)


def nothing(rows: Sequence[Row], now: datetime) -> None:
    """Records are never on a list."""
