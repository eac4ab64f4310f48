"""Taking a request in: protocol at once, the clock from receipt, doubles linked and never dropped (lgpd 5.1, 5.2)."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from consent.consents.evidence import Evidence
from consent.encryption import Actor, ensure_subject_keys, seal
from consent.models import Clinic, DataRequest, DataSubject, DeadlineRegime, RequestItem, User
from consent.requests.contacts import Contact, whose
from consent.requests.moving import move, note, write_step
from consent.requests.rules import Regime, Right, rules
from consent.requests.states import OPEN_STATES, State

# No signs that are read or heard as another one.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LONGEST_TEXT = 8000


class NotFiled(Exception):
    """The request cannot be taken in as it is: `code` is no_right, unknown_right, too_long or in_the_future."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Asked:
    """What came in: which rights, in which words, by which way, from whom as far as they say."""

    rights: Collection[str]
    channel: str
    received_at: datetime
    text: str = ""
    contact: Contact | None = None
    by_representative: bool = False
    evidence: Evidence | None = None  # the person's own message, in a conversation the clinic knows them by


def random_signs(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def new_protocol(year: int) -> str:
    signs = random_signs(8)
    return f"{year}-{signs[:4]}-{signs[4:]}"


def read_protocol(text: str) -> str:
    """A protocol as people type it, in our writing; whatever else stays unknown."""
    signs = "".join(sign for sign in text.upper() if sign.isascii() and sign.isalnum())[:12]
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def regime_of(clinic: Clinic) -> str:
    newest = DeadlineRegime.objects.filter(clinic=clinic).first()
    return newest.regime if newest else Regime.FULL.value


@sensitive_variables("asked")
def file_request(
    clinic: Clinic,
    asked: Asked,
    *,
    actor: Actor | None = None,
    now: datetime,
    registered_by: User | None = None,
    subject: DataSubject | None = None,
) -> DataRequest:
    """Store a request and return it. The same statements run whether the person is known or not.

    `subject`: who it is, when the channel already knows (a chat conversation). Raises NotFiled.
    """
    wanted = _checked(asked, now)
    found = whose(asked.contact, clinic) if asked.contact else None
    with transaction.atomic():
        request = _request(clinic, asked, subject or found, registered_by)
        request.duplicate_of = _first_of_doubles(request, asked, wanted)
        request.save(force_insert=True)
        filed_by = actor or Actor("person", str((request.subject or request.holder).pseudonym))
        note(request, "request.file", actor=filed_by, reason="duplicate" if request.duplicate_of_id else "")
        for right in wanted:
            add_item(request, right, actor=filed_by, now=now)
    return request


def _checked(asked: Asked, now: datetime) -> list[str]:
    wanted = list(dict.fromkeys(asked.rights))
    if not wanted:
        raise NotFiled("no_right")
    if not set(wanted) <= set(Right.values):
        raise NotFiled("unknown_right")
    if len(asked.text) > LONGEST_TEXT:
        raise NotFiled("too_long")
    if asked.received_at > now:
        raise NotFiled("in_the_future")
    return wanted


def _request(clinic: Clinic, asked: Asked, subject: DataSubject | None, registered_by: User | None) -> DataRequest:
    holder = DataSubject.objects.create(clinic=clinic)
    ensure_subject_keys([holder.pk])
    request = DataRequest(
        protocol=new_protocol(asked.received_at.astimezone(ZoneInfo(clinic.time_zone)).year),
        clinic=clinic,
        holder=holder,
        subject=subject,
        channel=DataRequest.Channel(asked.channel),
        received_at=asked.received_at,
        regime=regime_of(clinic),
        rules_version=rules().version,
        by_representative=asked.by_representative,
        registered_by=registered_by,
    )
    if asked.evidence and subject:
        request.evidence_ref, request.evidence_sha256 = asked.evidence.ref, asked.evidence.sha256.hex()
    if asked.text:
        request.text = seal(asked.text, subject=holder.pk, context=request.place("text"))
    if asked.contact:
        request.contact = seal(asked.contact.value, subject=holder.pk, context=request.place("contact"))
        request.contact_kind, request.contact_mask = asked.contact.kind, asked.contact.mask
        request.contact_blind = asked.contact.blind
    return request


def _first_of_doubles(request: DataRequest, asked: Asked, wanted: list[str]) -> DataRequest | None:
    """The earliest open request of the same contact or person for one of the same rights."""
    same = Q(contact_blind__in=asked.contact.blinds) if asked.contact else Q(pk=None)
    if request.subject_id:
        same |= Q(subject=request.subject_id)
    rows = DataRequest.objects.filter(same, clinic=request.clinic_id, duplicate_of=None)
    return rows.filter(items__right__in=wanted, items__state__in=OPEN_STATES).order_by("received_at").first()


def add_item(request: DataRequest, right: str, *, actor: Actor, now: datetime) -> RequestItem:
    """One right of a request, also one found in its words later: its clock began when the request came in."""
    rule = rules(request.rules_version).rights[right]
    zone = ZoneInfo(request.clinic.time_zone)
    item = RequestItem(
        request=request,
        right=right,
        received_at=request.received_at,
        due_at=rule.due_at(request.received_at, request.regime, zone),
        has_health_content=rule.health,
    )
    with transaction.atomic():
        item.save(force_insert=True)
        write_step(item, "", State.RECEIVED, actor=actor, now=now, reason="")
        return move(item, State.IDENTITY_PENDING, actor=actor, now=now)
