"""Signed addresses for one person: to answer (G4) or to take back (G5). Forged, expired and foreign ones look alike."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from audit.services import record
from consent.consents.periods import periods_of
from consent.consents.state import asked_for, asked_types
from consent.decisions import policy_of
from consent.encryption import Actor
from consent.models import ConsentLink, DataSubject

Kind = ConsentLink.Kind
PAGES = {Kind.ANSWER: "consent-answer", Kind.WITHDRAW: "consent-withdraw"}
_signer = Signer(sep=".", salt="ponte.consent.link")


def make_link(
    subject: DataSubject, kind: str, *, by: Actor, now: datetime, consent_types: Sequence[str] = ()
) -> str:  # fmt: skip
    """Make an address that opens for 30 days; every optional purpose unless some are named. Raises NotAskedHere."""
    return address_of(link_for(subject, kind, by=by, now=now, consent_types=consent_types))


def link_for(
    subject: DataSubject, kind: str, *, by: Actor, now: datetime, consent_types: Sequence[str] = ()
) -> ConsentLink:  # fmt: skip
    """The row behind an address; as `make_link`."""
    types = [*consent_types] or asked_types(subject)
    for consent_type in types:
        asked_for(subject, consent_type)
    link = ConsentLink.objects.create(
        subject=subject,
        kind=Kind(kind),
        consent_types=types,
        expires_at=now + periods_of(policy_of(subject).version).link,
        made_by=by.user,
    )
    note(link, "consent.link", by)
    return link


def note(link: ConsentLink, action: str, by: Actor) -> None:
    """One audit row, in the caller's transaction."""
    record(
        action=action,
        actor_type=by.kind,
        actor_id=by.ref,
        clinic_id=link.subject.clinic_id,
        subject=link.subject.pseudonym,
        object_type="consent.ConsentLink",
        object_id=str(link.pk),
        reason_code=link.kind,
        own_connection=False,
    )


def address_of(link: ConsentLink) -> str:
    return f"{settings.PUBLIC_URL}{reverse(PAGES[Kind(link.kind)], args=[token_of(link)])}"


def token_of(link: ConsentLink) -> str:
    return _signer.sign(link.pk.hex)


def read_link(token: str, kind: str, *, now: datetime) -> ConsentLink | None:
    """The link behind a token; None for whatever does not open now, without telling why."""
    try:
        pk = UUID(hex=_signer.unsign(token))
    except (BadSignature, ValueError):
        return None
    rows = ConsentLink.objects.filter(pk=pk, kind=kind, expires_at__gt=now, subject__erased_at=None)
    return rows.select_related("subject__clinic").first()
