"""Finding people by telephone or e-mail address, exactly, over the blind index; the search itself is audited."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from audit.models import ActorType
from audit.services import Entry, record_many
from consent.encryption import Actor, blinds
from consent.identifiers import email_normalised, phone_e164, phone_forms
from consent.models import Clinic, ContactPoint, DataSubject

LONGEST = 254
MOST = 20


@dataclass(frozen=True)
class Asked:
    """What was typed, as it can be searched; the text itself is not kept."""

    phones: tuple[str, ...] = ()
    email: str = ""

    @property
    def kinds(self) -> list[str]:
        return [name for name, value in (("phone", self.phones), ("email", self.email)) if value]


def read(text: str) -> Asked:
    """Understand what was typed; nothing usable gives an empty question."""
    text = text.strip()[:LONGEST]
    phone = phone_e164(text)
    return Asked(phone_forms(phone) if phone else (), email_normalised(text) or "")


def points(asked: Asked, clinics: QuerySet[Clinic]) -> QuerySet[ContactPoint]:
    """Contact points of these clinics that are the telephone or the e-mail address."""
    wanted = [("phone", form) for form in asked.phones] + ([("email", asked.email)] if asked.email else [])
    if not wanted:
        return ContactPoint.objects.none()
    digests = [digest for kind, form in wanted for digest in blinds(kind, form)]
    own = ContactPoint.objects.filter(clinic__in=clinics.order_by().values("pk"))
    return own.filter(kind__in={kind for kind, _form in wanted}, blind__in=digests)


def find(asked: Asked, clinics: QuerySet[Clinic]) -> list[DataSubject]:
    """People of these clinics who are reached so; several may share a telephone."""
    reached = points(asked, clinics).values("subject_id")
    return list(DataSubject.objects.filter(pk__in=reached, pseudonym__isnull=False).order_by("created_at")[:MOST])


def record(asked: Asked, seen: Collection[tuple[int | None, UUID | None]], actor: Actor, *, object_type: str) -> None:
    """Write down that somebody looked for a person: one row for each clinic and pseudonym seen, one if there is none.

    Names of what was asked, never the text. Raises django.db.DatabaseError: then nothing may be shown.
    """
    record_many(
        [
            Entry(
                action="search",
                actor_type=ActorType.STAFF if actor.user else ActorType.SYSTEM,
                actor_id=actor.ref,
                clinic_id=clinic_id,
                subject=pseudonym,
                object_type=object_type,
                fields=asked.kinds,
                reason_code="found" if seen else "nothing_found",
            )
            for clinic_id, pseudonym in seen or [(None, None)]
        ]
    )


def masks(pseudonyms: Collection[UUID | None]) -> dict[UUID, str]:
    """What may be shown of people known by pseudonym: the masks of their contact points. Opens nothing."""
    wanted = {pseudonym for pseudonym in pseudonyms if pseudonym}
    if not wanted:
        return {}
    rows = ContactPoint.objects.filter(subject__pseudonym__in=wanted).exclude(mask="").order_by("-kind", "created_at")
    told: dict[UUID, list[str]] = {}
    for pseudonym, mask in rows.values_list("subject__pseudonym", "mask"):
        if pseudonym:
            told.setdefault(pseudonym, []).append(mask)
    return {pseudonym: " ".join(dict.fromkeys(parts[:2])) for pseudonym, parts in told.items()}
