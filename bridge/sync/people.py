"""Is this the same person? Adopt exactly one sure hit, else let people decide (DESIGN section 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection as db

from bridge.clients.shapes import Person
from bridge.models import Connection, ContactMapping, IdentityClaim, ObservedContact, Suggestion, SyncedObject
from consent.encryption import blind
from consent.identifiers import email_normalised, names_compatible, phone_e164, phone_forms

CLAIM_FOR = timedelta(seconds=90)
FoundBy = ContactMapping.FoundBy

TAKE = """
INSERT INTO identity_claims (krayin_id, kind, blind, subject, until)
SELECT %s, k, b, %s, clock_timestamp() + make_interval(secs => %s)
FROM unnest(%s::text[], %s::bytea[]) AS t(k, b) ORDER BY k, b
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
        kinds, blinds = [k for k, _ in keys], [b for _, b in keys]
        cursor.execute(TAKE, [connection.krayin_id, subject, CLAIM_FOR.total_seconds(), kinds, blinds])
        if cursor.rowcount == len(keys):
            return True
    release_identity(connection, subject)
    return False


def release_identity(connection: Connection, subject: UUID) -> None:
    IdentityClaim.objects.filter(krayin_id=connection.krayin_id, subject=subject).delete()


def not_denied(contact: ObservedContact, hits: Sequence[Person]) -> Sequence[Person]:
    """The hits without those of whom people said that they are somebody else."""
    if not hits:
        return hits
    kept_apart = [Suggestion.State.DIFFERENT, Suggestion.State.SHARED]
    rows = Suggestion.objects.filter(contact=contact, state__in=kept_apart)
    denied = set(rows.values_list("krayin_person_id", flat=True))
    return [person for person in hits if person.id not in denied]


def proposed_to(contact: ObservedContact) -> set[int]:
    """Persons that were proposed and about whom nobody has decided yet."""
    rows = Suggestion.objects.filter(contact=contact, state=Suggestion.State.OPEN)
    return set(rows.values_list("krayin_person_id", flat=True)[:50])


def is_called_shared(connection_id: int, person_id: int) -> bool:
    """Whether people said that somebody else uses this person's phone, too: whose its fields are cannot be told."""
    rows = Suggestion.objects.filter(krayin_person_id=person_id, state=Suggestion.State.SHARED)
    return rows.filter(connection=connection_id).exists()


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
    agree = names_compatible(identity.name, person.name)
    evidence = why_unsure(connection, identity.ref, person.id, count=count, names_agree=agree)
    return not evidence, evidence


def why_unsure(connection: Connection, ref: str, person_id: int, *, count: int, names_agree: bool) -> str:
    """Why a person with an equal value is not simply the contact `ref` (DESIGN section 5); empty when it surely is.

    `count` is how many persons have one of the contact's values.
    """
    if count > 1:
        return "several_hits"
    taken = SyncedObject.objects.filter(
        krayin_id=connection.krayin_id, kind=SyncedObject.Kind.PERSON, foreign_id=person_id, gone_at=None
    ).exclude(ref=ref)
    if taken.exists():
        return "linked_to_another"
    # Two clinics in one Krayin: a person there may be the other clinic's (never across CNPJs).
    if Connection.objects.filter(krayin_id=connection.krayin_id).exclude(clinic_id=connection.clinic_id).exists():
        return "krayin_of_several_clinics"
    return "" if names_agree else "another_name"
