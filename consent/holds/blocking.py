"""Blocking (Art. 5 XIII) and opposition (Art. 18 §2): the data stay, their use stops at the commit.

`DataSubject.blocked_at` and `opposed_purposes` are what the gate reads; the rows of `restrictions` say why, since when and
by whom, and always agree with them.
"""

from datetime import datetime

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.encryption import Actor
from consent.holds.notes import Refused, note, permit
from consent.models.holds import Restriction
from consent.models.subjects import DataSubject
from consent.policy import Purpose
from consent.suppression import suppress_person

Kind, Reason = Restriction.Kind, Restriction.Reason

# What a blocking does, in the order people ask about it.
_EFFECTS: tuple[str | Promise, ...] = (
    _("Nothing more about this person is written to the CRM or to Chatwoot."),
    _("No message is sent to this person by Ponte, except answers to the person's own requests."),
    _("No language model is called, and the person's opportunity is not calculated anew."),
    _("Masked data open only for the data protection officer and for legal purposes; the panel shows nothing."),
    _("All data stay as they are: blocking removes nothing, and what is due for removal waits."),
    _("The conversation in Chatwoot goes on: your team can still answer there."),
)


def block_effects() -> list[str]:
    """What a blocking does, one sentence each."""
    return [str(effect) for effect in _EFFECTS]


def block(subject: DataSubject, *, by: Actor, reason: str, now: datetime) -> Restriction:
    """Suspend all processing of the person's data; again for the same reason changes nothing. Raises Refused.

    Several reasons may block at once; the person is free when none is left.
    """
    return _begin(subject, "block.begin", Restriction(kind=Kind.BLOCK, reason=Reason(reason)), by, now)


def block_instead(subject: DataSubject, *, by: Actor, now: datetime, reason: str = Reason.HOLD) -> Restriction:
    """What is due for removal and has to stay is blocked (lgpd 3.3): by a hold, or by a legal minimum."""
    return block(subject, by=by, reason=reason, now=now)


def unblock(subject: DataSubject, *, by: Actor, reason: str, now: datetime) -> bool:
    """End the blocking for this reason; True when the person is free now. Raises Refused."""
    _end(subject, "block.end", {"kind": Kind.BLOCK, "reason": Reason(reason)}, by, now)
    return subject.blocked_at is None


def oppose(subject: DataSubject, purpose: str, *, by: Actor, now: datetime) -> Restriction:
    """The person objects to a purpose: it stops at the commit. Raises Refused."""
    row = Restriction(kind=Kind.OPPOSITION, reason=Reason.REQUEST, purpose=Purpose(purpose))
    with transaction.atomic():
        began = _begin(subject, "oppose.begin", row, by, now)
        if began.purpose == Purpose.MARKETING:
            suppress_person(subject, now=now)
    return began


def withdraw_opposition(subject: DataSubject, purpose: str, *, by: Actor, now: datetime) -> None:
    """The person objects no longer. Raises Refused."""
    _end(subject, "oppose.end", {"kind": Kind.OPPOSITION, "purpose": Purpose(purpose)}, by, now)


def _begin(subject: DataSubject, action: str, row: Restriction, by: Actor, now: datetime) -> Restriction:
    _permit(action, by, subject)
    with transaction.atomic():
        fresh = _locked(subject)
        if fresh.erased_at is not None:
            raise Refused("erased")
        # Looked up by what it is; made with when and by whom.
        what = {"subject": subject, "kind": row.kind, "reason": row.reason, "purpose": row.purpose, "ended_at": None}
        row, is_new = Restriction.objects.get_or_create(**what, defaults={"began_at": now, "began_by": by.user})
        _agree(subject, row.kind)
        if is_new:
            _note(action, by, subject, row)
    return row


def _end(subject: DataSubject, action: str, what: dict[str, str], by: Actor, now: datetime) -> None:
    _permit(action, by, subject)
    with transaction.atomic():
        _locked(subject)
        row = Restriction.objects.filter(subject=subject, ended_at=None, **what).first()
        if row is None:
            raise Refused("not_begun")
        row.ended_at, row.ended_by = now, by.user
        row.save(update_fields=["ended_at", "ended_by"])
        _agree(subject, row.kind)
        _note(action, by, subject, row)


def _permit(action: str, by: Actor, subject: DataSubject) -> None:
    if by.user is not None:
        permit(action, by.user, subject.clinic_id, subject.pseudonym)


def _locked(subject: DataSubject) -> DataSubject:
    """Two acts on one person follow each other."""
    return DataSubject.objects.select_for_update(of=("self",)).get(pk=subject.pk)


def _agree(subject: DataSubject, kind: str) -> None:
    """What the gate reads, from the rows in force."""
    rows = Restriction.objects.filter(subject=subject, kind=kind, ended_at=None).order_by("began_at")
    if kind == Kind.BLOCK:
        subject.blocked_at = rows.values_list("began_at", flat=True).first()
        DataSubject.objects.filter(pk=subject.pk).update(blocked_at=subject.blocked_at)
    else:
        subject.opposed_purposes = sorted(rows.values_list("purpose", flat=True))
        DataSubject.objects.filter(pk=subject.pk).update(opposed_purposes=subject.opposed_purposes)


def _note(action: str, by: Actor, subject: DataSubject, row: Restriction) -> None:
    note(
        action, by, clinic_id=subject.clinic_id, pseudonym=subject.pseudonym, row=row,
        reason=row.purpose if row.kind == Kind.OPPOSITION else row.reason,
    )  # fmt: skip
