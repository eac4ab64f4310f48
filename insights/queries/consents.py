"""Consent as the records show it today (screen E5): who may be used for what, what ends soon, what people answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as db

from consent.models import ConsentRecord
from insights.queries.hiding import SMALL_CELL, shown, shown_parts

ACTIVE_DAYS, VALID_DAYS, ENDS_DAYS = 365, 730, 30

# The newest act of a person and purpose is the person's will.
COVERAGE = """
WITH active AS MATERIALIZED (
  SELECT DISTINCT p.subject_id
  FROM observed_conversations c
  JOIN observed_contacts p ON p.id = c.contact_id AND p.gone_at IS NULL
  JOIN data_subjects s ON s.id = p.subject_id AND s.erased_at IS NULL
  WHERE c.connection_id = ANY(%(connections)s) AND c.gone_at IS NULL
    AND c.last_activity_at > %(now)s - make_interval(days => %(active)s)
),
wills AS (
  SELECT DISTINCT ON (r.contact_id, r.consent_type) r.contact_id, r.consent_type, r.status, r.granted_at
  FROM consent_records r JOIN active a ON a.subject_id = r.contact_id
  WHERE r.created_at <= %(now)s ORDER BY r.contact_id, r.consent_type, r.created_at DESC, r.id DESC
)
SELECT (SELECT count(*) FROM active), purpose,
       count(*) FILTER (WHERE w.status = 'granted' AND w.granted_at > %(now)s - make_interval(days => %(valid)s)),
       count(*) FILTER (WHERE w.status = 'granted' AND w.granted_at > %(now)s - make_interval(days => %(valid)s)
                          AND w.granted_at <= %(now)s - make_interval(days => %(valid)s - %(ends)s)),
       count(*) FILTER (WHERE w.status IN ('denied', 'withdrawn'))
FROM unnest(%(purposes)s::text[]) WITH ORDINALITY AS p(purpose, place)
LEFT JOIN wills w ON w.consent_type = p.purpose
GROUP BY purpose, place ORDER BY place
"""
ANSWERS = """
SELECT r.consent_type, r.consent_version, count(DISTINCT r.contact_id) FILTER (WHERE r.status = 'granted'),
       count(DISTINCT r.contact_id) FILTER (WHERE r.status = 'denied'),
       count(DISTINCT r.contact_id) FILTER (WHERE r.status = 'withdrawn')
FROM consent_records r JOIN data_subjects s ON s.id = r.contact_id
WHERE s.clinic_id = ANY(%(clinics)s) AND r.created_at > %(since)s AND r.created_at <= %(now)s
GROUP BY 1, 2 ORDER BY 1, 2 DESC
"""


@dataclass(frozen=True)
class Coverage:
    """One purpose: active people with valid consent; counts below ten people are None."""

    purpose: ConsentRecord.Type
    active: int | None
    valid: int | None
    ending: int | None
    refused: int | None
    share: float | None


@dataclass(frozen=True)
class Answers:
    """What people answered to one version of a text; counts below ten people are None."""

    purpose: ConsentRecord.Type
    version: str
    granted: int | None
    denied: int | None
    withdrawn: int | None
    share: float | None  # of those who answered, percent who said yes


def coverage(connections: Sequence[int], now: datetime) -> list[Coverage]:
    values: dict[str, Any] = {
        "connections": list(connections), "now": now, "active": ACTIVE_DAYS, "valid": VALID_DAYS, "ends": ENDS_DAYS,
        "purposes": ConsentRecord.Type.values,
    }  # fmt: skip
    with db.cursor() as cursor:
        cursor.execute(COVERAGE, values)
        return [_coverage(*row) for row in cursor.fetchall()]


def _coverage(active: int, purpose: str, valid: int, ending: int, refused: int) -> Coverage:
    told = shown_parts({"valid": valid, "refused": refused, "silent": active - valid - refused})
    is_told = active >= SMALL_CELL and told["valid"] is not None
    return Coverage(
        ConsentRecord.Type(purpose),
        shown(active),
        told["valid"],
        shown(ending),
        told["refused"],
        100 * valid / active if is_told else None,
    )


def answers(clinics: Sequence[int], since: datetime, now: datetime) -> list[Answers]:
    with db.cursor() as cursor:
        cursor.execute(ANSWERS, {"clinics": list(clinics), "since": since, "now": now})
        return [_answers(*row) for row in cursor.fetchall()]


def _answers(purpose: str, version: str, granted: int, denied: int, withdrawn: int) -> Answers:
    told = shown_parts({"granted": granted, "denied": denied})
    is_told = granted + denied >= SMALL_CELL and None not in told.values()
    return Answers(
        ConsentRecord.Type(purpose),
        version,
        told["granted"],
        told["denied"],
        shown(withdrawn),
        100 * granted / (granted + denied) if is_told else None,
    )
