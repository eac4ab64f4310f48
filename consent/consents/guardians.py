"""A minor's consent is the verified guardian's (Art. 14), unless the person has surely grown up since."""

from datetime import datetime

from django.utils import timezone

from consent.consents.errors import AskGuardian
from consent.decisions import policy_of
from consent.holds.guardians import guardian_of
from consent.models import DataSubject, Minority


def needs_guardian(person: DataSubject, now: datetime) -> bool:
    """Whether the person's own word is not enough yet."""
    if not person.is_minor:
        return False
    row = Minority.objects.filter(subject=person).first()
    return row is None or not row.surely(policy_of(person).guardian_below, timezone.localdate(now))


def refuse_without_guardian(person: DataSubject, guardian: DataSubject | None, now: datetime) -> None:
    """Raises AskGuardian where a minor's consent comes from nobody who may give it."""
    if guardian is None and needs_guardian(person, now):
        raise AskGuardian
    if guardian is not None and guardian_of(person, guardian, now) is None:
        raise AskGuardian
