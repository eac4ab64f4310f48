"""What a person gives to be reached, normalised; whose it is, found by blind index only."""

from dataclasses import dataclass
from typing import Self

from consent.encryption import blind, blinds
from consent.identifiers import email_mask, email_normalised, phone_e164, phone_forms, phone_mask
from consent.models import Clinic, ContactPoint, DataSubject

LONGEST = 254


@dataclass(frozen=True)
class Contact:
    """An e-mail address or a telephone. Its text never enters a log, an address or a task."""

    kind: str
    value: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Understand what was typed; None when it is neither an address nor a telephone."""
        text = text.strip()[:LONGEST]
        if email := email_normalised(text):
            return cls(ContactPoint.Kind.EMAIL.value, email)
        phone = phone_e164(text)
        return cls(ContactPoint.Kind.PHONE.value, phone_forms(phone)[0]) if phone else None

    def __repr__(self) -> str:
        return f"Contact({self.mask})"

    @property
    def forms(self) -> tuple[str, ...]:
        return phone_forms(self.value) if self.kind == ContactPoint.Kind.PHONE else (self.value,)

    @property
    def mask(self) -> str:
        return phone_mask(self.value) if self.kind == ContactPoint.Kind.PHONE else email_mask(self.value)

    @property
    def blind(self) -> bytes:
        return blind(self.kind, self.value)

    @property
    def blinds(self) -> list[bytes]:
        """Under every live key, for searching."""
        return blinds(self.kind, self.value)


def whose(contact: Contact, clinic: Clinic) -> DataSubject | None:
    """The one person of the clinic who is reached so; None when nobody or several, whom only people can tell apart."""
    points = ContactPoint.objects.matching(clinic.pk, contact.kind, contact.forms)
    own = points.filter(is_shared=False, subject__erased_at=None).order_by("subject_id").distinct("subject_id")
    found = [point.subject for point in own.select_related("subject")[:2]]
    return found[0] if len(found) == 1 else None


def is_registered(contact: Contact, subject: DataSubject) -> bool:
    """Whether the clinic knew this contact of the person before the request."""
    points = ContactPoint.objects.matching(subject.clinic_id, contact.kind, contact.forms)
    return points.filter(subject=subject, is_shared=False).exists()
