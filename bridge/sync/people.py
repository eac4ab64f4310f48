"""Is this the same person? Adopt exactly one sure hit, else let people decide (DESIGN section 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection as db
from django.utils import timezone

from bridge.clients.shapes import Person
from bridge.models import Connection, ContactMapping, IdentityClaim, SyncedObject
from consent.encryption import blind
from consent.identifiers import email_normalised, names_compatible, phone_e164, phone_forms

CLAIM_FOR = timedelta(seconds=90)
FoundBy = ContactMapping.FoundBy

TAKE = """
INSERT INTO identity_claims (krayin_id, kind, blind, subject, until)
SELECT %s, k, b, %s, %s FROM unnest(%s::text[], %s::bytea[]) AS t(k, b) ORDER BY k, b
ON CONFLICT (krayin_id, kind, blind) DO UPDATE SET subject = excluded.subject, until = excluded.until
  WHERE identity_claims.until < clock_timestamp() OR identity_claims.subject = excluded.subject
"""


@dataclass(frozen=True)
class Identity:
    """What we know of a contact, opened for the moment of a look-up."""

    ref: str
    name: str
    email: str
    phone: str


@dataclass(frozen=True)
class Match:
    """A person found in Krayin. `is_sure` is False where people must decide; `evidence` says why."""

    person: Person
    found_by: FoundBy
    is_sure: bool
    evidence: str = ""


def keys_of(identity: Identity) -> list[tuple[str, bytes]]:
    """Blind keys of every form of the contact's identifiers, sorted so that two lanes take them in the same order."""
    keys = [("phone", blind("phone", form)) for form in (phone_forms(identity.phone) if identity.phone else ())]
    if identity.email:
        keys.append(("email", blind("email", identity.email)))
    return sorted(keys)


def claim_identity(connection: Connection, identity: Identity, subject: UUID) -> bool:
    """Take every key or none. False while another titular's lane is searching or creating with one of them."""
    keys = keys_of(identity)
    if not keys:
        return True
    with db.cursor() as cursor:
        until = timezone.now() + CLAIM_FOR
        kinds, blinds = [k for k, _ in keys], [b for _, b in keys]
        cursor.execute(TAKE, [connection.krayin_id, subject, until, kinds, blinds])
        if cursor.rowcount == len(keys):
            return True
    release_identity(connection, subject)
    return False


def release_identity(connection: Connection, subject: UUID) -> None:
    IdentityClaim.objects.filter(krayin_id=connection.krayin_id, subject=subject).delete()


def match(connection: Connection, identity: Identity, hits: Sequence[Person]) -> Match | None:
    """Judge the hits of a search by e-mail and phone, which is wider than equality: every value is compared again."""
    same = [(person, how) for person in hits if (how := _how(identity, person))]
    if not same:
        return None
    person, how = min(same, key=lambda pair: pair[0].id)
    return Match(person, how, *_verdict(connection, identity, person, count=len(same)))


def _how(identity: Identity, person: Person) -> FoundBy | None:
    """Which of the contact's values the hit really has; None for a hit of the search's own making."""
    if identity.email and identity.email in {email_normalised(e.value) for e in person.emails}:
        return FoundBy.EMAIL
    if identity.phone and _same_phone(identity.phone, (p.value for p in person.phones)):
        return FoundBy.PHONE
    return None


def _same_phone(phone: str, others: Iterable[str]) -> bool:
    forms = set(phone_forms(phone))
    return any(forms & set(phone_forms(e164)) for other in others if (e164 := phone_e164(other)))


def _verdict(connection: Connection, identity: Identity, person: Person, *, count: int) -> tuple[bool, str]:
    if count > 1:
        return False, "several_hits"
    taken = SyncedObject.objects.filter(
        krayin_id=connection.krayin_id, kind=SyncedObject.Kind.PERSON, foreign_id=person.id, gone_at=None
    ).exclude(ref=identity.ref)
    if taken.exists():
        return False, "linked_to_another"
    # Two clinics in one Krayin: a person there may be the other clinic's (never across CNPJs).
    if Connection.objects.filter(krayin_id=connection.krayin_id).exclude(clinic_id=connection.clinic_id).exists():
        return False, "krayin_of_several_clinics"
    if not names_compatible(identity.name, person.name):
        return False, "another_name"
    return True, ""
