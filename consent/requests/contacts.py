"""What a person gives to be reached, normalised; whose it is, found by blind index only."""

from dataclasses import dataclass
from typing import Self

from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor, blind, blinds, open_for
from consent.identifiers import email_mask, email_normalised, phone_e164, phone_forms, phone_mask
from consent.models import Clinic, ContactPoint, DataSubject
from consent.policy import PurposeOfUse

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

    @property
    def every_blind(self) -> list[bytes]:
        """Of every form it is written in."""
        return [one for form in self.forms for one in blinds(self.kind, form)]


@sensitive_variables()
def reachable(subject: DataSubject) -> list[Contact]:
    """Telephones and addresses of the person as the clinic knows them, opened by us for writing to them."""
    kinds = [ContactPoint.Kind.EMAIL, ContactPoint.Kind.PHONE]
    points = list(ContactPoint.objects.filter(subject=subject, kind__in=kinds, value__isnull=False, is_shared=False))
    if not points:
        return []
    opener = open_for(
        [subject.pk], actor=Actor.system("requests"), purpose=PurposeOfUse.DPO, fields=[points[0].value_context.place]
    )
    return [
        Contact(point.kind, opener.text(point.value, subject=subject.pk, context=point.value_context))
        for point in points
        if point.value
    ]


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
