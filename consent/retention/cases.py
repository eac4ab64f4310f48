"""What people decide one by one: patients' records whose legal minimum is over, and people to erase over both partners.

Erasures are only asked for here: whoever carries them out takes the open cases of kind ERASURE. A case ends by itself
when its person is erased.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as db
from django.db import transaction
from django.db.models import QuerySet

from consent.datamap.retention import CURRENT_RETENTION
from consent.encryption import Actor
from consent.holds import HeldBack, assert_removable
from consent.models import Clinic, RetentionCase, RetentionRun, User
from consent.retention.listing import due_sql
from consent.retention.notes import Refused, note, permit
from consent.retention.ways import Row, Sweep

Kind, Outcome = RetentionCase.Kind, RetentionCase.Outcome
LONGEST_WAIT = timedelta(days=5 * 366)

OPEN_REVIEWS = """
INSERT INTO retention_cases (id, subject_id, kind, code, table_version, anchor_at, due_at, opened_at, run_id, outcome,
                             document)
SELECT gen_random_uuid(), d.subject, 'review', %(code)s, %(version)s, d.anchor, d.due_at, %(now)s, %(run)s, '', ''
FROM ({due}) d
WHERE NOT EXISTS (
  SELECT FROM retention_cases c WHERE c.subject_id = d.subject AND c.kind = 'review'
    AND (c.outcome IN ('', 'handed', 'erase') OR c.again_on > %(now)s::date)
)
"""
NO_LONGER_DUE = """
UPDATE retention_cases c SET outcome = 'not_due', decided_at = %(now)s
FROM data_subjects s
WHERE s.id = c.subject_id AND s.clinic_id = %(clinic)s AND c.kind = 'review' AND c.outcome = '' AND c.code = %(code)s
  AND NOT EXISTS (SELECT FROM ({due}) d WHERE d.subject = c.subject_id)
"""
# A person who is on the list already stays where they are.
OPEN_ERASURES = """
INSERT INTO retention_cases (id, subject_id, kind, code, table_version, anchor_at, due_at, opened_at, outcome, document)
SELECT gen_random_uuid(), x.subject, 'erasure', %(code)s, %(version)s, x.anchor, x.due_at, %(now)s, '', ''
FROM unnest(%(subjects)s::uuid[], %(anchors)s::timestamptz[], %(due)s::timestamptz[]) AS x(subject, anchor, due_at)
ON CONFLICT DO NOTHING
"""


def open_reviews(run: RetentionRun, sweep: Sweep, asked: Mapping[str, Any]) -> None:
    """Patients whose record became due appear; those who wrote or came again, or are no longer due, leave the list."""
    known = {**asked, "code": sweep.code, "version": CURRENT_RETENTION}
    with db.cursor() as cursor:
        cursor.execute(NO_LONGER_DUE.format(due=due_sql(sweep)), known)
        cursor.execute(OPEN_REVIEWS.format(due=due_sql(sweep)), known)


def open_erasures(code: str, rows: Sequence[Row], now: datetime) -> None:
    """People of a list are handed over: who erases begins with a preview and asks for the approvals that takes."""
    asked: dict[str, Any] = {
        "code": code, "version": CURRENT_RETENTION, "now": now, "subjects": [row.subject for row in rows],
        "anchors": [row.anchor for row in rows], "due": [row.due_at for row in rows],
    }  # fmt: skip
    with db.cursor() as cursor:
        cursor.execute(OPEN_ERASURES, asked)


def waiting(clinic: Clinic, kind: str) -> QuerySet[RetentionCase]:
    """Open cases of a clinic, the longest due first."""
    rows = RetentionCase.objects.filter(subject__clinic=clinic, kind=kind, outcome="").select_related("subject")
    return rows.order_by("due_at", "pk")


def decide(
    case: RetentionCase, outcome: str, *, by: User, now: datetime, document: str = "", again_on: date | None = None
) -> RetentionCase:
    """What becomes of a record (Lei 13.787 Art. 6): kept, kept for research, handed over, erased. Raises Refused.

    Erased or handed over, the person is put on the list of erasures; nothing is removed here.
    """
    clinic = case.subject.clinic
    permit("retention.review", by, clinic.pk, case)
    chosen = Outcome(outcome)
    if chosen not in RetentionCase.DECISIONS or case.kind != Kind.REVIEW:
        raise Refused("decided")
    stays = chosen in (Outcome.KEEP, Outcome.RESEARCH)
    today = now.astimezone(ZoneInfo(clinic.time_zone)).date()
    if stays and (again_on is None or not today < again_on <= today + LONGEST_WAIT):
        raise Refused("again_on")
    if not stays and not document:
        raise Refused("document")
    with transaction.atomic():
        if not stays:
            _assert_not_held(case)
        values = {
            "outcome": chosen, "decided_by": by, "decided_at": now, "document": document,
            "again_on": again_on if stays else None,
        }  # fmt: skip
        if not RetentionCase.objects.filter(pk=case.pk, outcome="").update(**values):
            raise Refused("decided")
        if not stays:
            open_erasures(case.code, [Row("", case.subject_id, case.anchor_at, case.due_at)], now)
        note(
            "retention.review", Actor.staff(by), clinic_id=clinic.pk, row=case, reason=chosen,
            pseudonym=case.subject.pseudonym,
        )  # fmt: skip
    case.refresh_from_db()
    return case


def _assert_not_held(case: RetentionCase) -> None:
    try:
        assert_removable(case.subject)
    except HeldBack as held:
        raise Refused("held") from held


def end_erased(clinic: Clinic, *, now: datetime) -> None:
    """Whoever was erased meanwhile waits no longer."""
    rows = RetentionCase.objects.filter(subject__clinic=clinic, subject__erased_at__isnull=False, outcome="")
    rows.update(outcome=Outcome.ERASED, decided_at=now)
