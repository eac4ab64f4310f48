"""Who may be affected, from the audit trail and the data map: counts, ages, categories, how much lies encrypted."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit.models import AuditLog, Outcome
from consent.datamap import FieldEntry, entries
from consent.holds.guardians import age_band
from consent.incidents import register
from consent.incidents.facts import Facts
from consent.models import Clinic, DataSubject, Incident, IncidentEntry, Minority, User
from consent.queries.trail_words import SEEING

STAFF = "R18"  # category of what is about the clinic's own people


class Reach(StrEnum):
    ALL = "all"  # everybody the clinic keeps data of
    SEEN = "seen"  # whose data were opened, searched or exported in a period


@dataclass(frozen=True)
class Scope:
    """What somebody got at. For SEEN: from when to when, by which account (None: by anybody)."""

    reach: Reach
    since: datetime | None = None
    until: datetime | None = None
    account_id: int | None = None

    def stored(self) -> dict[str, Any]:
        return {
            "reach": self.reach.value, "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "", "account": self.account_id,
        }  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """`unknown_age` are minors whose month of birth nobody knows; they count as children. `fields` and `encrypted`:
    columns of the categories, and how many of them are encrypted with a key of the person."""

    pseudonyms: frozenset[UUID]
    total: int
    children: int
    adolescents: int
    unknown_age: int
    categories: tuple[str, ...]
    fields: int
    encrypted: int

    @property
    def affected(self) -> bytes:
        return b"".join(one.bytes for one in sorted(self.pseudonyms))

    def on(self, facts: Facts) -> Facts:
        """The facts with these numbers. Elderly people stay as they were: Ponte knows nobody's date of birth."""
        return facts.changed(
            people=len(self.pseudonyms), total=self.total, children=self.children, adolescents=self.adolescents,
            categories=tuple(sorted({*facts.categories, *self.categories})),
        )  # fmt: skip


def estimate(clinic: Clinic, scope: Scope, *, now: datetime) -> Estimate:
    """Five queries or fewer."""
    people = DataSubject.objects.titulares().filter(clinic=clinic, erased_at=None, pseudonym__isnull=False)
    if scope.reach == Reach.ALL:
        found, categories = set(people.values_list("pseudonym", flat=True)), all_categories()
    else:
        found, categories = seen(clinic, scope, now)
    ages = ages_of(found, people, now)
    stored = list(fields_of(categories))
    return Estimate(
        pseudonyms=frozenset(one for one in found if one), total=people.count(),
        children=ages["child"] + ages["unknown"], adolescents=ages["adolescent"], unknown_age=ages["unknown"],
        categories=tuple(sorted(categories)), fields=len(stored), encrypted=sum(entry.sealed for entry in stored),
    )  # fmt: skip


def keep(incident: Incident, scope: Scope, found: Estimate, *, by: User, now: datetime) -> IncidentEntry:
    """Write the estimate into the register. Raises Refused."""
    facts = found.on(register.facts_of(incident))
    details = {
        **scope.stored(), "people": len(found.pseudonyms), "fields": found.fields, "encrypted": found.encrypted,
        "unknown_age": found.unknown_age,
    }  # fmt: skip
    return register.estimated(incident, facts, details, found.affected, by=by, now=now)


# What the trail saw ---------------------------------------------------------------------------------------------------


def seen(clinic: Clinic, scope: Scope, now: datetime) -> tuple[set[UUID | None], set[str]]:
    """People whose data were seen, and the categories of the fields that were."""
    rows = AuditLog.objects.filter(
        clinic_id=clinic.pk, action__in=SEEING, outcome=Outcome.OK, subject__isnull=False,
        timestamp__gte=scope.since or clinic.created_at, timestamp__lt=scope.until or now,
    )  # fmt: skip
    if scope.account_id is not None:
        rows = rows.filter(actor_id=scope.account_id)
    shapes = rows.order_by().values_list("fields", "object_type").distinct()
    return set(_subjects(rows)), {code for fields, label in shapes for code in categories_seen(fields, label)}


def _subjects(rows: QuerySet[AuditLog]) -> Iterator[UUID | None]:
    yield from rows.order_by().values_list("subject", flat=True).distinct().iterator(2000)


def categories_seen(names: Iterable[str], label: str) -> Iterator[str]:
    """Categories of fields named as in the trail: `bridge.ObservedContact.name`, or `name` of the row's own model."""
    for name in names:
        place, _dot, short = name.rpartition(".")
        told = entries().get(place or label)
        entry = told.fields.get(short) if told else None
        if entry and entry.is_personal and entry.category != STAFF:
            yield entry.category


# What the map knows ---------------------------------------------------------------------------------------------------


def all_categories() -> set[str]:
    return {entry.category for entry in _personal()}


def fields_of(categories: Collection[str]) -> Iterator[FieldEntry]:
    return (entry for entry in _personal() if entry.category in categories)


def _personal() -> Iterator[FieldEntry]:
    for told in entries().values():
        yield from (entry for entry in told.fields.values() if entry.is_personal and entry.category != STAFF)


def ages_of(found: Collection[UUID | None], people: QuerySet[DataSubject], now: datetime) -> dict[str, int]:
    """Marked minors among them by age; who is not marked counts as grown up."""
    counts = {"child": 0, "adolescent": 0, "adult": 0, "unknown": 0}
    minors = people.filter(is_minor=True).values_list("pk", "pseudonym")
    wanted = [pk for pk, pseudonym in minors if pseudonym in found]
    months = {row.subject_id: row for row in Minority.objects.filter(subject__in=wanted)} if wanted else {}
    today = timezone.localdate(now)
    for pk in wanted:
        counts[age_band(months.get(pk), today)] += 1
    return counts
