"""Our objects → Krayin's drafts. Pure. Source: contract Krayin sections 6, 8 and 20.4."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF
from bridge.clients.shapes import Labelled, LeadDraft, Person, PersonDraft
from bridge.mappers.titles import person_name
from consent.identifiers import email_normalised, phone_e164, phone_forms


@dataclass(frozen=True)
class OpenContact:
    """A contact's fields, opened for the moment of writing them."""

    contact_id: int
    ref: str
    name: str
    email: str
    phone: str
    company: str


def synthetic_email(ref: str) -> str:
    """Address nobody can receive at: Krayin accepts only one person with neither phone nor e-mail (contract 20.5)."""
    return f"{ref}@sem-email.invalid"


def person_draft(contact: OpenContact, *, with_company: bool, owner_id: int | None = None) -> PersonDraft:
    """A new person. Krayin needs a label on every entry (contract Krayin 6)."""
    email = contact.email or ("" if contact.phone else synthetic_email(contact.ref))
    return PersonDraft(
        name=person_name(contact.name, contact.phone, contact.contact_id),
        emails=(Labelled(email),) if email else (),
        phones=(Labelled(canonical_phone(contact.phone)),) if contact.phone else (),
        owner_id=owner_id,
        organization_name=contact.company if with_company and contact.company else None,
        attributes={PERSON_REF: contact.ref},
    )


def canonical_phone(phone: str) -> str:
    """Brazilian mobiles with the ninth digit, whatever form WhatsApp used."""
    return phone_forms(phone)[0]


def merged_person(
    current: Person, contact: OpenContact, *, write_name: bool, drop_email: str | None, drop_phone: str | None
) -> PersonDraft:
    """The person as it is in Krayin with our changes; a PUT loses whatever is not sent again (contract Krayin 6.4).

    `drop_email` and `drop_phone` are the values we wrote before, as they stand there, which the new ones replace.
    """
    return PersonDraft(
        name=person_name(contact.name, contact.phone, contact.contact_id) if write_name else current.name,
        emails=_with_email([e for e in current.emails if e.value != drop_email], contact),
        phones=_with_phone([p for p in current.phones if p.value != drop_phone], contact),
        owner_id=current.owner_id,
        job_title=current.job_title,
        organization_id=current.organization_id,
        attributes={PERSON_REF: contact.ref},
    )


def _with_email(kept: Sequence[Labelled], contact: OpenContact) -> tuple[Labelled, ...]:
    known = {email_normalised(e.value) for e in kept}
    if contact.email and contact.email not in known:
        return (*kept, Labelled(contact.email))
    return tuple(kept)


def _with_phone(kept: Sequence[Labelled], contact: OpenContact) -> tuple[Labelled, ...]:
    known = {form for p in kept if (e164 := phone_e164(p.value)) for form in phone_forms(e164)}
    if contact.phone and not known & set(phone_forms(contact.phone)):
        return (*kept, Labelled(canonical_phone(contact.phone)))
    return tuple(kept)


def lead_draft(
    *,
    title: str,
    ref: str,
    stage_id: int,
    source_id: int | None,
    type_id: int | None,
    person_id: int | None,
    person: PersonDraft | None,
    owner_id: int | None = None,
) -> LeadDraft:
    """A new opportunity of an existing or a new person (contract Krayin 8.1, 8.2)."""
    return LeadDraft(
        title=title,
        stage_id=stage_id,
        person_id=person_id,
        person=person,
        source_id=source_id,
        type_id=type_id,
        owner_id=owner_id,
        attributes={LEAD_REF: ref},
    )
