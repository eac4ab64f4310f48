"""What is done with accounts (H1): suspend, let back in, end, review every quarter."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from consent.access import devices, elsewhere, notes
from consent.models import Membership, User

REVIEW_EVERY = timedelta(days=90)


def suspend(user: User, *, by: User) -> None:
    """Nobody signs in with the account until it is let in again; sign-ins end at once."""
    _set_active(user, is_active=False)
    notes.done("account.suspend", user, by=by)


def resume(user: User, *, by: User) -> None:
    _set_active(user, is_active=True)
    notes.done("account.resume", user, by=by)


def _set_active(user: User, *, is_active: bool) -> None:
    with transaction.atomic():
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        devices.end_sign_ins(user)


def end(user: User, *, by: User, to: User | None, now: datetime) -> int:
    """The person has left: no sign-in, no role, no second factor; what they had taken on goes to `to`, or to nobody.

    Returns how many items were handed over. The row stays: the audit trail names it.
    """
    with transaction.atomic():
        moved = elsewhere.hand_over(user, to)
        for membership in user.memberships.all():
            membership.delete()
        user.is_active, user.ended_at = False, now
        user.set_unusable_password()
        user.save(update_fields=["is_active", "ended_at", "password"])
        devices.remove(user)
        notes.done("account.end", user, by=by)
    return moved


def due_for_review(rows: QuerySet[Membership], now: datetime) -> QuerySet[Membership]:
    """Permissions nobody has confirmed for a quarter, oldest first. A new one counts as confirmed by who gave it."""
    before = now - REVIEW_EVERY
    due = Q(reviewed_at__lt=before) | Q(reviewed_at=None, created_at__lt=before)
    return rows.filter(due, user__is_active=True).order_by("reviewed_at", "created_at")


def confirm(rows: Collection[Membership], *, by: User, now: datetime) -> int:
    """They still need it. Each leaves its row in the trail."""
    with transaction.atomic():
        for row in rows:
            row.reviewed_at, row.reviewed_by = now, by
            row.save(update_fields=["reviewed_at", "reviewed_by"])
            notes.done("account.confirm", row.user, by=by, clinic_id=row.clinic_id)
    return len(rows)


def remove(rows: Collection[Membership], *, by: User) -> int:
    """They do not need it any more."""
    with transaction.atomic():
        for row in rows:
            notes.done("account.withdraw", row.user, by=by, clinic_id=row.clinic_id)
            row.delete()
    return len(rows)
