"""Opening a person's health data: one question to the gate and one audit row for all fields of the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from bridge.health.places import note_context, profile_context
from bridge.models import LeadHealthProfile, SensitiveNote
from consent.encryption import Actor, open_for
from consent.models import DataSubject

NOTES_SHOWN = 100


@dataclass(frozen=True)
class HealthRecord:
    """What is kept of a person, sealed."""

    subject: DataSubject
    profile: LeadHealthProfile | None
    notes: Sequence[SensitiveNote]

    @property
    def places(self) -> list[str]:
        """The fields that hold something, as the audit trail names them."""
        held = [f"bridge.LeadHealthProfile.{name}" for name in self.profile.filled] if self.profile else []
        return held + (["bridge.SensitiveNote.sensitive_notes"] if self.notes else [])


@dataclass(frozen=True)
class Opened:
    """The same in clear: texts by field of the profile, and by note. Kept for one answer, never stored."""

    profile: dict[str, str]
    notes: dict[UUID, str]

    def __repr__(self) -> str:
        return f"Opened({len(self.profile)} fields, {len(self.notes)} notes)"


def record_of(subject: DataSubject) -> HealthRecord:
    """Read what is kept, opening nothing."""
    profile = LeadHealthProfile.objects.filter(subject=subject).first()
    notes = SensitiveNote.objects.filter(subject=subject, sensitive_notes__isnull=False).order_by("-created_at")
    return HealthRecord(subject, profile, list(notes.select_related("written_by")[:NOTES_SHOWN]))


@sensitive_variables()
def open_record(held: HealthRecord, *, actor: Actor, purpose: str, reason: str = "") -> Opened:
    """Open everything that is kept of the person. Raises RevealDenied, KeyMissing or Undecryptable."""
    subject = held.subject.pk
    opener = open_for([subject], actor=actor, purpose=purpose, reason=reason, fields=held.places)
    opened = Opened({}, {})
    if held.profile:
        for name in held.profile.filled:
            context = profile_context(held.profile, name)
            opened.profile[name] = opener.text(getattr(held.profile, name), subject=subject, context=context)
    for note in held.notes:
        if note.sensitive_notes:
            opened.notes[note.pk] = opener.text(note.sensitive_notes, subject=subject, context=note_context(note))
    return opened
