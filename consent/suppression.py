"""The suppression list (R04s): contacts that said no to marketing, as keyed digests, asked before any marketing send.

Entries are those of the blind index, so that the question is one query and opens nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.views.decorators.debug import sensitive_variables

from consent.contacts import Contact, contacts_of
from consent.encryption import blinds
from consent.identifiers import phone_forms
from consent.models import ContactPoint, DataSubject, Suppression


@sensitive_variables()
def suppress(clinic_id: int, contacts: Iterable[Contact], *, now: datetime) -> None:
    """Enter every form of the contacts; who is entered already stays with the later date."""
    rows = [
        Suppression(clinic_id=clinic_id, kind=kind, digest=digest, created_at=now)
        for kind, digest in sorted(set(digests_of(contacts)))
    ]
    Suppression.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["clinic", "kind", "digest"], update_fields=["created_at"]
    )


def suppress_person(subject: DataSubject, *, now: datetime) -> None:
    """Enter everything the person is reached under."""
    suppress(subject.clinic_id, contacts_of(subject.pk), now=now)


@sensitive_variables()
def lift(clinic_id: int, contacts: Iterable[Contact]) -> None:
    """The person now agrees: take the contacts off, except those that several people share."""
    digests = {digest for _kind, digest in digests_of(contacts)}
    shared = ContactPoint.objects.filter(clinic_id=clinic_id, blind__in=digests, is_shared=True)
    kept = {bytes(digest) for digest in shared.values_list("blind", flat=True) if digest}
    Suppression.objects.filter(clinic_id=clinic_id, digest__in=digests - kept).delete()


def digests_of(contacts: Iterable[Contact]) -> list[tuple[str, bytes]]:
    """The digests of every form under every live key."""
    return [
        (kind, digest)
        for kind, value in contacts
        for form in (phone_forms(value) if kind == ContactPoint.Kind.PHONE else (value,))
        for digest in blinds(kind, form)
    ]


def suppressed(subjects: Collection[UUID], *, since: datetime | None = None) -> set[UUID]:
    """Those of the people who are reached under a contact that said no, at any time or since then."""
    entries = Suppression.objects.filter(
        clinic=OuterRef("clinic"), kind=OuterRef("contact_points__kind"), digest=OuterRef("contact_points__blind")
    )
    if since is not None:
        entries = entries.filter(created_at__gt=since)
    rows = DataSubject.objects.filter(Exists(entries), pk__in=list(subjects))
    return set(rows.values_list("pk", flat=True))
