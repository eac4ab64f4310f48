"""D5: opening one person's data beyond one's role, for half an hour, recorded and reviewed by somebody else."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType, Outcome
from audit.services import record
from consent.contacts import opened
from consent.encryption import Actor, Opener, ensure_subject_keys, open_for, seal
from consent.models import DataSubject, ExceptionalAccess, User
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

ASK = roles_with(Capability.EXCEPTIONAL_ASK)
REVIEW = roles_with(Capability.EXCEPTIONAL_REVIEW)
LABEL = "consent.ExceptionalAccess"
SHORTEST = 20  # an explanation somebody can judge


class NotAllowed(Exception):
    """The role does not ask for it, or does not review it; also nobody reviews their own."""


@sensitive_variables("explanation")
def ask(user: User, subject: DataSubject, *, reason: str, explanation: str, now: datetime) -> ExceptionalAccess:
    """Begin the half hour. Raises NotAllowed; the attempt is recorded."""
    if not user.has_role_in(subject.clinic_id, ASK):
        _note("exceptional.ask", user, subject, outcome=Outcome.DENIED, reason="not_permitted", own=True)
        raise NotAllowed
    ensure_subject_keys([subject.pk])
    with transaction.atomic():
        row = ExceptionalAccess(
            user=user,
            clinic=subject.clinic,
            subject=subject,
            reason=ExceptionalAccess.Reason(reason),
            asked_at=now,
            until=now + ExceptionalAccess.LASTS,
        )
        row.explanation = seal(explanation, subject=subject.pk, context=row.explanation_context)
        row.save(force_insert=True)
        _note("exceptional.ask", user, subject, row=row, reason=reason)
    return row


def end(row: ExceptionalAccess, *, now: datetime) -> bool:
    """Give it back before its time; False when it was over."""
    if not ExceptionalAccess.objects.filter(pk=row.pk, until__gt=now).update(until=now):
        return False
    _note("exceptional.end", row.user, row.subject, row=row)
    return True


def review(row: ExceptionalAccess, *, by: User, verdict: str, now: datetime) -> bool:
    """Say whether it was justified; False when somebody was faster. Raises NotAllowed, for one's own always."""
    if by.pk == row.user_id or not by.has_role_in(row.clinic_id, REVIEW):
        _note("exceptional.review", by, row.subject, row=row, outcome=Outcome.DENIED, reason="not_permitted", own=True)
        raise NotAllowed
    with transaction.atomic():
        open_rows = ExceptionalAccess.objects.filter(pk=row.pk, reviewed_at=None, until__lte=now)
        chosen = ExceptionalAccess.Verdict(verdict)
        if not open_rows.update(reviewed_at=now, reviewed_by=by, verdict=chosen):
            return False
        _note("exceptional.review", by, row.subject, row=row, reason=chosen.value)
    return True


@sensitive_variables()
def explanation(row: ExceptionalAccess, *, by: User) -> str:
    """The explanation, for who reviews; a reveal like any other. Raises RevealDenied."""
    place = row.explanation_context
    opener = _open(row, by, [place.place])
    return opener.text(row.explanation, subject=row.subject_id, context=place) if row.explanation else ""


@sensitive_variables()
def contacts(row: ExceptionalAccess, *, by: User) -> list[tuple[str, str]]:
    """Kind and value of every way to reach the person, for who asked, while it lasts. Raises RevealDenied."""
    return opened(row.subject_id, lambda fields: _open(row, by, fields))


def _open(row: ExceptionalAccess, by: User, fields: list[str]) -> Opener:
    purpose = PurposeOfUse.BREAK_GLASS if row.user_id == by.pk else PurposeOfUse.DPO
    return open_for([row.subject_id], actor=Actor.staff(by), purpose=purpose, fields=fields)


def held_until(user: User) -> datetime | None:
    """Until when the person has any exceptional access; None without."""
    row = ExceptionalAccess.active_of(user, timezone.now()).order_by("-until").first()
    return row.until if row else None


def _note(
    action: str,
    by: User,
    subject: DataSubject,
    *,
    row: ExceptionalAccess | None = None,
    outcome: str = Outcome.OK,
    reason: str = "",
    own: bool = False,
) -> None:
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=subject.clinic_id,
        subject=subject.pseudonym,
        object_type=LABEL if row else "",
        object_id=str(row.pk) if row else "",
        purpose=PurposeOfUse.BREAK_GLASS,
        outcome=outcome,
        reason_code=reason,
        own_connection=own,
    )
