"""What there is about one person, by category of the data map: purpose, base, origin, place, period, count (C3)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.models import AuditLog
from consent.datamap import FieldEntry, Processing, Recipient, entries, retention
from consent.datamap import Source as Origin
from consent.datamap.codes import base_name
from consent.datamap.retention import Sensitivity
from consent.datamap.rows import of_people, row_counts
from consent.models import DataSubject
from consent.registers.telling import word

STAFF, TRAIL = "R18", "R09"


@dataclass(frozen=True)
class Held:
    """One category of one person, in words. `count` are records; `sensitivity` as the retention table says it."""

    code: str
    title: str
    sensitivity: str
    purposes: str
    bases: str
    origins: str
    places: str
    until: str
    count: int


def held(subject: DataSubject) -> list[Held]:
    """Two queries: all counts of the tables, and the trail, which knows the person by pseudonym only."""
    found, counts = defaultdict[str, list[FieldEntry]](list), defaultdict[str, int](int)
    stored = row_counts(subject.pk)
    for label in of_people():
        if label not in stored:
            continue
        fields = [one for one in entries()[label].fields.values() if one.is_personal and one.category != STAFF]
        for entry in fields:
            found[entry.category].append(entry)
        for code in {one.category for one in fields}:
            counts[code] += stored[label]
    if subject.pseudonym:
        counts[TRAIL] = AuditLog.objects.filter(subject=subject.pseudonym).count()
        found[TRAIL] = [one for one in entries()["audit.AuditLog"].fields.values() if one.category == TRAIL]
    return [_line(code, found[code], counts[code]) for code in sorted(found) if counts[code]]


def _line(code: str, found: Sequence[FieldEntry], count: int) -> Held:
    rule = retention(code)
    return Held(
        code=code, title=str(rule.title), sensitivity=str(Sensitivity(rule.sensitivity).label),
        purposes=_labels(Processing, (one for entry in found for one in entry.purposes)),
        bases="; ".join(base_name(base) for base in sorted({entry.base for entry in found if entry.base})),
        origins=_labels(Origin, (entry.source for entry in found)),
        places=", ".join(dict.fromkeys([_("Ponte"), *shared_with(found)])),
        until=word("retention", code).partition(": ")[2], count=count,
    )  # fmt: skip


def shared_with(found: Iterable[FieldEntry]) -> list[str]:
    """Systems of others that hold a copy."""
    codes = {one for entry in found for one in entry.recipients}
    return [str(Recipient(code).label) for code in sorted(codes)]


def _labels(words: Any, codes: Iterable[str]) -> str:
    return ", ".join(str(words(code).label) for code in sorted(set(codes)))
