"""Associated data of the encrypted health fields."""

from bridge.models.health import LeadHealthProfile, SensitiveNote
from consent.encryption import Context


def profile_context(profile: LeadHealthProfile, field: str) -> Context:
    return Context("bridge.LeadHealthProfile", field, str(profile.pk))


def note_context(note: SensitiveNote) -> Context:
    return Context("bridge.SensitiveNote", "sensitive_notes", str(note.pk))
