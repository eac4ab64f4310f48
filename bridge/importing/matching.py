"""Compare everybody in Krayin with the contacts of a job, a page at a time, by blind index.

A search in Krayin compares e-mails with case (contract Krayin 20.1); here both sides are normalised first. Persons are
in memory for the moment of one page; of those who match nobody nothing is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection as db

from bridge.back.fields import UNROUTABLE
from bridge.clients.shapes import Person
from bridge.models import Connection, ContactMapping, ImportedContact, ObservedContact
from bridge.sync.observe import contact_context
from consent.encryption import Actor, RevealDenied, blinds, open_for
from consent.identifiers import email_normalised, names_compatible, phone_e164, phone_forms
from consent.policy import PurposeOfUse

FoundBy = ContactMapping.FoundBy
KIND = {"email": FoundBy.EMAIL, "phone": FoundBy.PHONE}

FIND = """
SELECT i.id, o.id, p.kind, p.blind FROM contact_points p
JOIN observed_contacts o ON o.subject_id = p.subject_id AND o.connection_id = %(connection)s AND o.gone_at IS NULL
JOIN imported_contacts i ON i.job_id = %(job)s AND i.chatwoot_contact_id = o.chatwoot_contact_id AND i.outcome = ''
WHERE p.clinic_id = %(clinic)s AND p.kind = ANY(%(kinds)s) AND p.blind = ANY(%(blinds)s)
"""

Key = tuple[str, bytes]


@dataclass(frozen=True)
class Hit:
    """One contact of the job and one person with an equal value."""

    imported_id: int
    contact_id: UUID
    person: Person
    found_by: FoundBy


def compare(connection: Connection, job_id: int, persons: Sequence[Person]) -> int:
    """Note who of these persons has a value of a waiting contact; return how many pairs. Safe to repeat."""
    hits = find(connection, job_id, persons)
    if not hits:
        return 0
    names = _names(connection, {hit.contact_id for hit in hits})
    found: dict[int, list[list[object]]] = defaultdict(list)
    for hit in hits:
        # Blocked people stay closed: whether the name agrees is not known, so people decide.
        agree = hit.contact_id in names and names_compatible(names[hit.contact_id], hit.person.name)
        found[hit.imported_id].append([hit.person.id, hit.found_by.value, agree])
    rows = ImportedContact.objects.in_bulk(found)
    for pk, row in rows.items():
        row.hits = _merged(row.hits, found[pk])
    ImportedContact.objects.bulk_update(rows.values(), ["hits"])
    return len(hits)


def find(connection: Connection, job_id: int, persons: Sequence[Person]) -> list[Hit]:
    """The pairs, each once; an e-mail counts before a phone."""
    owners: dict[Key, set[int]] = defaultdict(set)
    for person in persons:
        for key in keys_of(person):
            owners[key].add(person.id)
    if not owners:
        return []
    with db.cursor() as cursor:
        cursor.execute(
            FIND,
            {
                "connection": connection.pk, "job": job_id, "clinic": connection.clinic_id,
                "kinds": list(KIND), "blinds": [blind for _, blind in owners],
            },
        )  # fmt: skip
        rows = cursor.fetchall()
    by_id = {person.id: person for person in persons}
    pairs: dict[tuple[int, int], Hit] = {}
    for imported_id, contact_id, kind, blind in sorted(rows, key=lambda row: row[2] != FoundBy.EMAIL):
        for person_id in owners.get((kind, bytes(blind)), ()):
            pairs.setdefault((imported_id, person_id), Hit(imported_id, contact_id, by_id[person_id], KIND[kind]))
    return list(pairs.values())


def keys_of(person: Person) -> Iterable[Key]:
    """The blind keys of every form of a person's values, under every live key."""
    for entry in person.emails:
        email = email_normalised(entry.value)
        if email and not email.endswith(UNROUTABLE):
            yield from (("email", blind) for blind in blinds("email", email))
    for entry in person.phones:
        e164 = phone_e164(entry.value)
        for form in phone_forms(e164) if e164 else ():
            yield from (("phone", blind) for blind in blinds("phone", form))


def _names(connection: Connection, contact_ids: set[UUID]) -> dict[UUID, str]:
    """Names of contacts by row, opened for this comparison; without those of people who are blocked."""
    rows = list(ObservedContact.objects.filter(connection=connection, pk__in=contact_ids))
    try:
        opener = open_for(
            {row.subject_id for row in rows},
            actor=Actor.system("import"),
            purpose=PurposeOfUse.SYSTEM,
            fields=["bridge.ObservedContact"],
        )
    except RevealDenied:
        return {}
    return {
        row.pk: opener.text(row.name, subject=row.subject_id, context=contact_context(row.pk, "name"))
        if row.name
        else ""
        for row in rows
        if row.subject_id not in opener.denied
    }


def _merged(held: Sequence[Sequence[object]], more: Sequence[Sequence[object]]) -> list[list[object]]:
    """Hits by person; the newer reading counts."""
    by_person = {hit[0]: list(hit) for hit in [*held, *more]}
    return sorted(by_person.values(), key=lambda hit: str(hit[0]).zfill(20))
