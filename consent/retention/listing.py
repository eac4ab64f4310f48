"""The SQL around a sweep: what is due, what keeps it, and the hash that stands for exactly one ordered list."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consent.datamap.retention import Period
from consent.models import Clinic
from consent.retention.ways import Sweep, interval

DUE = """
SELECT d.key, d.subject, coalesce(d.number, '') AS number, d.anchor, d.anchor + %(period)s::interval AS due_at
FROM ({due}) d WHERE d.anchor + %(period)s::interval <= %(horizon)s
"""
# As consent.holds says it (LegalHold.covers); a hold on a single record keeps the person's rows of every kind.
HELD = """EXISTS (
  SELECT FROM legal_holds h
  WHERE h.released_at IS NULL AND (h.subject_id = {row}.subject OR (h.subject_id IS NULL AND h.clinic_id = %(clinic)s))
    AND (%(is_whole)s OR h.scope IN ('person', 'all', 'object') OR h.category = ANY(%(codes)s::text[])
         OR (h.scope = 'conversation' AND h.object_id = {row}.number))
)"""
# A blocking somebody ordered keeps the data (lgpd 3.3, second rule); those that retention itself caused do not.
BLOCKED = """EXISTS (
  SELECT FROM restrictions b WHERE b.subject_id = {row}.subject AND b.kind = 'block' AND b.ended_at IS NULL
    AND b.reason NOT IN ('hold', 'legal_minimum')
)"""
BEGINNING = hashlib.sha256(b"ponte.retention.v1").hexdigest()


def due_sql(sweep: Sweep, *, of_batch: bool = False) -> str:
    """What of a sweep is due at %(horizon)s; of a batch only its %(keys)s."""
    return DUE.format(due=sweep.due.format(only=sweep.only if of_batch else ""))


def values(sweep: Sweep, clinic: Clinic, period: Period, horizon: datetime) -> dict[str, Any]:
    return {
        "clinic": clinic.pk, "period": interval(period), "horizon": horizon, "is_whole": sweep.is_whole,
        "codes": sweep.held_codes,
    }  # fmt: skip


def chained(chain: str, sweep: str, key: str) -> str:
    """The hash of a list that goes on by one row; the same rows in another order give another."""
    return hashlib.sha256(f"{chain}\n{sweep}:{key}".encode()).hexdigest()


def add(counts: dict[str, dict[str, int]], sweep: str, label: str, n: int = 1) -> None:
    by = counts.setdefault(sweep, {})
    by[label] = by.get(label, 0) + n


def month(when: datetime) -> str:
    return f"{when:%Y-%m}"


def merged(*counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Sums by the inner label over all sweeps."""
    sums: dict[str, int] = {}
    for one in counts:
        for by in one.values():
            for label, n in by.items():
                sums[label] = sums.get(label, 0) + n
    return sums
