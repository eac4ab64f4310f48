"""Minors and their guardians (Art. 14): who is a minor until when, who may consent for them, and who turns 18."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.db import models, transaction
from django.utils import timezone

from consent.encryption import Actor
from consent.holds.notes import Refused, note, permit
from consent.models.facts import ConsentRecord
from consent.models.holds import Guardianship, Minority
from consent.models.staff import Clinic, User
from consent.models.subjects import DataSubject
from consent.policy import ADOLESCENT, ADULT, Policy

# Marking -------------------------------------------------------------------------------------------------------------


def mark_minor(subject: DataSubject, *, birth_month: date | None, by: User, now: datetime) -> Minority:
    """The person is a child or an adolescent, born in this month if it is known; again corrects the month.

    birth_month is any day of the month; the day is not kept. Raises Refused.
    """
    permit("minor.mark", by, subject.clinic_id, subject.pseudonym)
    month = birth_month.replace(day=1) if birth_month else None
    today = timezone.localdate(now)
    if month and month > today:
        raise Refused("birth_month")
    with transaction.atomic():
        DataSubject.objects.select_for_update(of=("self",)).get(pk=subject.pk)
        row = Minority.objects.filter(subject=subject).first() or Minority(subject=subject)
        row.birth_month, row.marked_at, row.marked_by = month, now, by
        if row.surely(ADULT, today):
            raise Refused("grown_up")
        row.save()
        _set_minor(subject, is_minor=True)
        _note("minor.mark", by, subject, row)
    return row


def report_minor(subject: DataSubject, *, by: User, now: datetime) -> None:
    """Somebody who talks to the person says that a minor is concerned: from now on nothing optional goes on without a
    verified guardian, until the officer verifies one or ends the mark. Again changes nothing. Raises Refused.
    """
    with transaction.atomic():
        fresh = DataSubject.objects.select_for_update(of=("self",)).get(pk=subject.pk)
        if fresh.erased_at is not None:
            raise Refused("erased")
        if fresh.is_minor:
            return
        row = Minority.objects.filter(subject=subject).first() or Minority(subject=subject)
        row.birth_month, row.marked_at, row.marked_by = None, now, by
        row.save()
        _set_minor(subject, is_minor=True)
        _note("minor.report", by, subject, row)


def end_minority(subject: DataSubject, *, by: User, now: datetime) -> None:
    """The person is an adult, or the mark was wrong: from now on only their own consent counts. Raises Refused."""
    permit("minor.end", by, subject.clinic_id, subject.pseudonym)
    with transaction.atomic():
        fresh = DataSubject.objects.select_for_update(of=("self",)).get(pk=subject.pk)
        if not fresh.is_minor:
            raise Refused("not_minor")
        _set_minor(subject, is_minor=False)
        open_rows = Guardianship.objects.filter(minor=subject, ended_at=None)
        open_rows.update(ended_at=now, ended_by=by)
        _note("minor.end", by, subject)


def _set_minor(subject: DataSubject, *, is_minor: bool) -> None:
    subject.is_minor = is_minor
    DataSubject.objects.filter(pk=subject.pk).update(is_minor=is_minor)


# Guardians -----------------------------------------------------------------------------------------------------------


def verify_guardian(
    minor: DataSubject, guardian: DataSubject, *, relation: str, method: str, evidence_sha256: str, by: User,
    now: datetime,
) -> Guardianship:  # fmt: skip
    """Record that the relation was verified; there is no unverified one. evidence_sha256: of the paper. Raises Refused."""
    permit("guardian.verify", by, minor.clinic_id, minor.pseudonym)
    with transaction.atomic():
        rows = DataSubject.objects.select_for_update(of=("self",)).filter(pk__in=[minor.pk, guardian.pk])
        fresh = {row.pk: row for row in rows.order_by("pk")}
        refuse_wrong_pair(fresh[minor.pk], fresh[guardian.pk])
        if not evidence_sha256:
            raise Refused("evidence_missing")
        if Guardianship.objects.filter(minor=minor, guardian=guardian, ended_at=None).exists():
            raise Refused("already_guardian")
        row = Guardianship.objects.create(
            minor=minor, guardian=guardian, relation=Guardianship.Relation(relation),
            method=Guardianship.Method(method), evidence_sha256=evidence_sha256, verified_at=now, verified_by=by,
        )  # fmt: skip
        _note("guardian.verify", by, minor, row, reason=row.relation)
    return row


def refuse_wrong_pair(minor: DataSubject, guardian: DataSubject) -> None:
    if minor.pk == guardian.pk:
        raise Refused("same_person")
    if minor.clinic_id != guardian.clinic_id:
        raise Refused("other_clinic")
    if not minor.is_minor:
        raise Refused("not_minor")
    if guardian.is_minor:
        raise Refused("guardian_is_minor")
    if minor.erased_at or guardian.erased_at:
        raise Refused("erased")


def end_guardianship(row: Guardianship, *, by: User, now: datetime) -> None:
    """The relation is over: what this guardian consented to counts no longer. Raises Refused."""
    permit("guardian.end", by, row.minor.clinic_id, row.minor.pseudonym)
    with transaction.atomic():
        if not Guardianship.objects.filter(pk=row.pk, ended_at=None).update(ended_at=now, ended_by=by):
            raise Refused("not_begun")
        _note("guardian.end", by, row.minor, row, reason=row.relation)


def guardian_of(minor: DataSubject, guardian: DataSubject, now: datetime) -> Guardianship | None:
    """The verified relation of the two in force at `now`; None: this person may not consent for the minor."""
    return Guardianship.objects.in_force(now).filter(minor=minor, guardian=guardian).first()


# What the gate asks --------------------------------------------------------------------------------------------------


class Minors:
    """Of the minors among some people: may a consent carry a purpose for them now? Two queries for all."""

    def __init__(self, subjects: Iterable[DataSubject], policy_of: Mapping[UUID, Policy], now: datetime) -> None:
        minors = [subject.pk for subject in subjects if subject.is_minor]
        self.now, self.today, self.policies = now, timezone.localdate(now), policy_of
        self.months = {row.subject_id: row for row in Minority.objects.filter(subject__in=minors)} if minors else {}
        pairs = Guardianship.objects.in_force(now).filter(minor__in=minors).values_list("minor_id", "guardian_id")
        self.guardians = frozenset(pairs) if minors else frozenset()

    def is_covered(self, subject: DataSubject, consent: ConsentRecord | None) -> bool:
        """Whether the newest act is one that may count: the verified guardian's, or their own at an age that allows.

        A guardian's consent runs until the person turns 18, and some days more in which the person is asked.
        """
        row, policy = self.months.get(subject.pk), self.policies[subject.pk]
        if consent is None:
            return any(minor == subject.pk for minor, _guardian in self.guardians)
        given = timezone.localdate(consent.granted_at) if consent.granted_at else self.today
        guardian = getattr(consent, "guardian_id", None)
        if guardian is None:
            return row is not None and row.surely(policy.guardian_below, given)
        grown_up = row.at_most(ADULT) if row else None
        is_late = grown_up is not None and self.today >= grown_up + policy.guardian_grace
        return not is_late and (subject.pk, guardian) in self.guardians


# What waits for people -----------------------------------------------------------------------------------------------


def minors_without_guardian(clinics: models.QuerySet[Clinic], now: datetime) -> models.QuerySet[DataSubject]:
    """Minors of these clinics nobody was verified for (C1)."""
    verified = Guardianship.objects.in_force(now).filter(minor=models.OuterRef("pk"))
    rows = DataSubject.objects.titulares().filter(clinic__in=clinics, is_minor=True, erased_at=None)
    return rows.filter(~models.Exists(verified)).order_by("created_at")


def turning_adult(clinics: models.QuerySet[Clinic], now: datetime) -> models.QuerySet[Minority]:
    """Minors who turned 18 or do this month, and were not asked yet for their own will (C1)."""
    latest = (timezone.localdate(now) - relativedelta(years=ADULT)).replace(day=1)
    rows = Minority.objects.filter(subject__clinic__in=clinics, subject__is_minor=True, birth_month__lte=latest)
    return rows.filter(asked_at=None).select_related("subject").order_by("birth_month")


def asked_own_will(subject: DataSubject, *, now: datetime) -> None:
    """The person was asked, on turning 18: the task is done."""
    Minority.objects.filter(subject=subject, asked_at=None).update(asked_at=now)


def age_band(row: Minority | None, today: date) -> str:
    """`child`, `adolescent`, `adult`, or `unknown`, which counts as a child."""
    if row is None or row.birth_month is None:
        return "unknown"
    if row.surely(ADULT, today):
        return "adult"
    return "adolescent" if row.surely(ADOLESCENT, today) else "child"


def _note(action: str, by: User, subject: DataSubject, row: models.Model | None = None, *, reason: str = "") -> None:
    note(action, Actor.staff(by), clinic_id=subject.clinic_id, pseudonym=subject.pseudonym, row=row, reason=reason)
