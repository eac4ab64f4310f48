"""A red check of the audit trail (D3) is an incident until somebody has looked: it proposes one to every clinic."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from audit.models import Verification
from audit.verifying import Kind
from consent.models import Clinic, Incident

LOOKED_AT = 50
# Rows that only wait for their seal were not touched by anybody.
NO_INCIDENT = frozenset({Kind.LATE.value})

Found = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Proposal:
    """A check that found something no incident of the clinic was entered for."""

    verification_id: int
    at: datetime
    findings: int


def proposals(clinics: QuerySet[Clinic]) -> dict[int, Proposal]:
    """The newest by clinic. One query, two more where a check was red."""
    red = [row for row in Verification.objects.exclude(findings=[]).order_by("-pk")[:LOOKED_AT] if findings_of(row)]
    if not red:
        return {}
    ids = list(clinics.order_by().values_list("pk", flat=True))
    rows = Incident.objects.filter(clinic__in=ids, verification_id__isnull=False)
    entered = set(rows.values_list("clinic_id", "verification_id"))
    found = {pk: _newest(red, {check for clinic, check in entered if clinic == pk}) for pk in ids}
    return {pk: one for pk, one in found.items() if one is not None}


def _newest(red: Sequence[Verification], entered: Collection[int | None]) -> Proposal | None:
    """A later check finds the same again until it is mended: that is the same incident."""
    known: Found = frozenset().union(*(findings_of(row) for row in red if row.pk in entered))
    return next((_told(row) for row in red if row.pk not in entered and not findings_of(row) <= known), None)


def findings_of(row: Verification) -> Found:
    return frozenset(
        (str(one.get("kind", "")), str(one.get("where", ""))) for one in row.findings
        if one.get("kind") not in NO_INCIDENT
    )  # fmt: skip


def _told(row: Verification) -> Proposal:
    return Proposal(row.pk, row.at, len(findings_of(row)))
