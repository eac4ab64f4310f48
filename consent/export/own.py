"""What is the person's own: telephones, addresses, documents that must not be masked in the person's texts."""

from collections.abc import Iterator

from django.db.models import QuerySet

from consent.encryption import Undecryptable
from consent.export.sources import Reading
from consent.models.subjects import ContactPoint, DataSubject


def rows(subject: DataSubject) -> QuerySet[ContactPoint]:
    return ContactPoint.objects.filter(subject=subject).order_by("created_at", "pk")


def value(reading: Reading, row: ContactPoint) -> str | None:
    """None when it was emptied or its key is gone."""
    if row.value is None:
        return None
    try:
        return reading.opener.text(row.value, subject=reading.subject.pk, context=row.value_context)
    except Undecryptable:
        return None


def values(reading: Reading) -> Iterator[str]:
    """Every contact point that opens."""
    for row in rows(reading.subject):
        found = value(reading, row)
        if found:
            yield found
