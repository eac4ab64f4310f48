"""Legal holds: placed, reviewed, released; and the question before anything is removed (lgpd 3.3, 3.4)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db import models, transaction
from django.views.decorators.debug import sensitive_variables

from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.encryption import Actor, ensure_subject_keys, open_for, open_system, seal, seal_system
from consent.holds.notes import Refused, note, permit
from consent.models.holds import LegalHold
from consent.models.staff import Clinic, User
from consent.models.subjects import DataSubject
from consent.policy import PurposeOfUse

REVIEW_MONTHS = 12
SOON = timedelta(days=30)
Scope = LegalHold.Scope


@dataclass(frozen=True)
class Part:
    """A part of a person's data: all that is known of it is given, so that every hold on it is found.

    category is a code of the retention table; conversation the partner's number; record a kind and a number, as
    ("lead", "71"). Empty is the whole person, and then a hold on any part counts.
    """

    category: str = ""
    conversation: str = ""
    record: tuple[str, str] | None = None


WHOLE = Part()


class HeldBack(Exception):
    """A legal hold forbids the removal: leave the data, block the person (`block_instead`), tell the person so."""

    def __init__(self, holds: Collection[LegalHold]) -> None:
        super().__init__(f"{len(holds)} legal holds forbid the removal")
        self.holds = tuple(holds)

    @property
    def kinds(self) -> list[str]:
        """The kinds of reason, once each: what the person may be told. Never the case."""
        return list(dict.fromkeys(str(LegalHold.Reason(hold.reason).label) for hold in self.holds))


def holds_on(subject: DataSubject, part: Part = WHOLE) -> list[LegalHold]:
    """The holds in force on this part of the person's data, or on any part. One query."""
    rows = LegalHold.objects.active().touching(subject)
    return [
        hold for hold in rows if hold.covers(category=part.category, conversation=part.conversation, record=part.record)
    ]


def assert_removable(subject: DataSubject, part: Part = WHOLE) -> None:
    """Raises HeldBack while a hold covers it. Ask inside the transaction that removes, right before.

    It locks the person's row until that transaction ends, as placing a hold on a person does: a hold is in force before
    a removal or after it, never beside it.
    """
    DataSubject.objects.select_for_update(of=("self",)).filter(pk=subject.pk).first()
    if holds := holds_on(subject, part):
        raise HeldBack(holds)


def held_among(subjects: Iterable[DataSubject], category: str) -> set[UUID]:
    """Which of the people a hold on their person, on this category or on the whole clinic keeps from removal."""
    people = list(subjects)
    rows = LegalHold.objects.active().filter(
        models.Q(subject__in=people) | models.Q(subject=None, clinic__in={person.clinic_id for person in people}),
        models.Q(scope__in=[Scope.PERSON, Scope.ALL]) | models.Q(scope=Scope.CATEGORY, category=category),
    )
    found = list(rows.values_list("subject_id", "clinic_id"))
    clinics = {clinic for subject, clinic in found if subject is None}
    own = {subject for subject, _clinic in found if subject is not None}
    return own | {person.pk for person in people if person.clinic_id in clinics}


# Placing --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """Why and until when: what the form of C9 asks. document names no person; explanation may and is sealed."""

    reason: str
    document: str
    review_on: date
    document_sha256: str = ""
    explanation: str = ""


@sensitive_variables("order")
def place(
    clinic: Clinic, order: Order, *, scope: str, by: User, now: datetime, subject: DataSubject | None = None,
    part: Part = WHOLE,
) -> LegalHold:  # fmt: skip
    """Freeze: from the commit on nothing under the hold is removed. Raises Refused."""
    permit("hold.place", by, clinic.pk, subject.pseudonym if subject else None)
    refuse_wrong_place(clinic, scope, subject, part)
    refuse_wrong_order(clinic, order, now)
    kind, number = part.record or ("", part.conversation)
    hold = LegalHold(
        clinic=clinic, scope=Scope(scope), subject=subject, category=part.category, object_type=kind, object_id=number,
        reason=LegalHold.Reason(order.reason), document=order.document, document_sha256=order.document_sha256,
        placed_by=by, placed_at=now, review_on=order.review_on, reviewed_at=now, reviewed_by=by,
    )  # fmt: skip
    with transaction.atomic():
        _lock(subject)
        _seal_explanation(hold, order.explanation)
        hold.save(force_insert=True)
        _agree(subject)
        _note("hold.place", hold, by, reason=order.reason)
    return hold


def refuse_wrong_place(clinic: Clinic, scope: str, subject: DataSubject | None, part: Part) -> None:
    if scope not in Scope.values or not _fits(Scope(scope), subject, part):
        raise Refused("scope")
    if subject is not None and subject.clinic_id != clinic.pk:
        raise Refused("other_clinic")
    if subject is not None and subject.erased_at is not None:
        raise Refused("erased")
    if part.category and part.category not in TABLES[CURRENT_RETENTION].rules:
        raise Refused("category")


def _fits(scope: Scope, subject: DataSubject | None, part: Part) -> bool:
    """Whether exactly what the scope needs is given."""
    given = (subject is not None, bool(part.category), bool(part.conversation), bool(part.record and all(part.record)))
    return (
        given
        in {
            Scope.PERSON: [(True, False, False, False)],
            Scope.CONVERSATION: [(True, False, True, False)],
            Scope.OBJECT: [(True, False, False, True)],
            Scope.CATEGORY: [(True, True, False, False), (False, True, False, False)],
            Scope.ALL: [(False, False, False, False)],
        }[scope]
    )


def refuse_wrong_order(clinic: Clinic, order: Order, now: datetime) -> None:
    if order.reason not in LegalHold.Reason.values:
        raise Refused("scope")
    if not order.document or (order.reason in LegalHold.ORDERED and not order.document_sha256):
        raise Refused("document_missing")
    refuse_wrong_review(clinic, order.review_on, now)


def refuse_wrong_review(clinic: Clinic, review_on: date, now: datetime) -> None:
    today = now.astimezone(ZoneInfo(clinic.time_zone)).date()
    if not today < review_on <= latest_review(today):
        raise Refused("review_date")


def latest_review(today: date) -> date:
    latest: date = today + relativedelta(months=REVIEW_MONTHS)
    return latest


def _lock(subject: DataSubject | None) -> None:
    """Two acts on one person follow each other: the flag of the second counts what the first did."""
    if subject is not None:
        DataSubject.objects.select_for_update(of=("self",)).get(pk=subject.pk)


def _agree(subject: DataSubject | None) -> None:
    """`has_hold` says whether the whole person is held: what the gate reads without asking this table."""
    if subject is not None:
        subject.has_hold = LegalHold.objects.active().filter(subject=subject, scope=Scope.PERSON).exists()
        DataSubject.objects.filter(pk=subject.pk).update(has_hold=subject.has_hold)


@sensitive_variables("text")
def _seal_explanation(hold: LegalHold, text: str) -> None:
    if not text:
        return
    if hold.subject_id is None:
        hold.clinic_explanation = seal_system(text.encode(), context=hold.clinic_explanation_context)
        return
    ensure_subject_keys([hold.subject_id])
    hold.explanation = seal(text, subject=hold.subject_id, context=hold.explanation_context)


# Reviewing and releasing ----------------------------------------------------------------------------------------------


def review(hold: LegalHold, *, by: User, review_on: date, now: datetime) -> None:
    """It is still needed: look again by another date. Raises Refused."""
    permit("hold.review", by, hold.clinic_id, _pseudonym(hold))
    refuse_wrong_review(hold.clinic, review_on, now)
    _change(hold, "hold.review", by, {"review_on": review_on, "reviewed_at": now, "reviewed_by": by})


def release(hold: LegalHold, *, by: User, reason: str, now: datetime) -> None:
    """The data follow their usual periods again; a blocking stays until somebody lifts it. Raises Refused."""
    permit("hold.release", by, hold.clinic_id, _pseudonym(hold))
    chosen = LegalHold.Release(reason)
    _change(hold, "hold.release", by, {"released_at": now, "released_by": by, "release_reason": chosen}, reason=chosen)


def _change(hold: LegalHold, action: str, by: User, values: dict[str, Any], reason: str = "") -> None:
    with transaction.atomic():
        _lock(hold.subject)
        if not LegalHold.objects.active().filter(pk=hold.pk).update(**values):
            raise Refused("already_released")
        _agree(hold.subject)
        _note(action, hold, by, reason=reason)
    hold.refresh_from_db()


@sensitive_variables()
def explanation_of(hold: LegalHold, *, by: User) -> str:
    """The reason in words; a reveal like any other, on record before it is shown. Raises RevealDenied, Refused."""
    permit("hold.read", by, hold.clinic_id, _pseudonym(hold))
    if hold.explanation and hold.subject_id:
        place_ = hold.explanation_context
        opener = open_for([hold.subject_id], actor=Actor.staff(by), purpose=PurposeOfUse.DPO, fields=[place_.place])
        return opener.text(hold.explanation, subject=hold.subject_id, context=place_)
    if not hold.clinic_explanation:
        return ""
    context = hold.clinic_explanation_context
    note("reveal", Actor.staff(by), clinic_id=hold.clinic_id, row=hold, fields=(context.place,), at_once=True)
    opened = open_system(
        hold.clinic_explanation, context=context, actor=Actor.system("holds"), purpose=PurposeOfUse.SYSTEM
    )
    return opened.decode()


def holds_to_review(clinics: models.QuerySet[Clinic], now: datetime) -> models.QuerySet[LegalHold]:
    """Holds whose review is due within 30 days or overdue, the most urgent first (C1)."""
    rows = LegalHold.objects.active().filter(clinic__in=clinics, review_on__lte=(now + SOON).date())
    return rows.order_by("review_on")


def _pseudonym(hold: LegalHold) -> UUID | None:
    return hold.subject.pseudonym if hold.subject else None


def _note(action: str, hold: LegalHold, by: User, *, reason: str = "") -> None:
    note(action, Actor.staff(by), clinic_id=hold.clinic_id, pseudonym=_pseudonym(hold), row=hold, reason=reason)
