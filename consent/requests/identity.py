"""Who asks, proved without telling anybody who is known (lgpd section 5.3).

A code always goes to the contact the person gave, registered or not: who reads it gets what belongs to that contact,
which may be nothing. So the answer, the statements and the time are the same whether the person exists or not. A try
counts before it is looked at; a code opens once.
"""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from consent.access.lockout import forgive, take_try
from consent.encryption import Actor, blind, blinds, open_for
from consent.models import ContactPoint, DataRequest, IdentityCode, User
from consent.policy import PurposeOfUse
from consent.requests import channels
from consent.requests.contacts import Contact, is_registered
from consent.requests.filing import random_signs
from consent.requests.moving import note, person
from consent.requests.rules import Proof, rules

LENGTH = 8
VALID = timedelta(minutes=15)
TRIES = 5
LONGEST_TYPED = 2000
Outcome = IdentityCode.Outcome
BY = Actor.system("requests")


class TooMany(Exception):
    """This contact, request or address has tried too often; `until` says when it may go on."""

    def __init__(self, until: datetime) -> None:
        super().__init__("locked")
        self.until = until


class CodeOver(Exception):
    """The code was replaced, used or ran out before it was sent."""


class Verdict(Enum):
    RIGHT = "right"
    WRONG = "wrong"  # also: expired, used, replaced, never sent; nobody is told which


# Codes ----------------------------------------------------------------------------------------------------------------


@sensitive_variables()
def send_code(request: DataRequest, *, address: str, now: datetime, contact: Contact | None = None) -> None:
    """Send a new code to the request's own contact, or to another one of the person; the earlier code is worthless.

    Raises TooMany, channels.CouldNotSend. Where nothing can be sent nothing is said either.
    """
    contact = contact or contact_of(request)
    if contact is None:
        return
    _count(f"code|{contact.kind}|{contact.blind.hex()}", address, now)
    # Telephones are reached by the chat of whoever is known there: looked up later, so that here all take as long.
    code = _store(request, contact, now, waits=contact.kind == ContactPoint.Kind.PHONE)
    way = channels.channel("email")
    if code.waits or way is None or not way.reaches(contact, request.asker, now=now):
        return
    try:
        channels.hand_over(way, letter_to(contact, code, by=BY, now=now), now=now)
    except CodeOver:
        return  # Asked for again at the same moment: the newer code is on its way.
    except channels.CouldNotSend:
        close(code, Outcome.NOT_SENT, now)
        raise


def letter_to(contact: Contact, code: IdentityCode, *, by: Actor, now: datetime) -> channels.Message:
    request = code.request
    title = rules(request.rules_version).texts["code_subject"]
    return channels.Message(request.clinic, contact, request.asker, title, lambda: letter(code, now=now), by, code)


@sensitive_variables()
def letter(code: IdentityCode, *, now: datetime) -> str:
    """Make the code and the words that carry it: it exists in clear only in the message. Made again, the earlier one is
    worthless. Raises CodeOver."""
    typed = random_signs(LENGTH)
    rows = IdentityCode.objects.filter(pk=code.pk, closed_at=None, expires_at__gt=now)
    digest = blind("access", _said(code.request, typed))
    if not rows.update(digest=digest, sent_at=now, expires_at=now + VALID):
        raise CodeOver
    body = rules(code.request.rules_version).texts["code_body"]
    return body.format(clinic=code.request.clinic.trade_name, code=f"{typed[:4]}-{typed[4:]}")


def _count(account: str, address: str, now: datetime) -> None:
    if until := take_try(*_keys(account, address), now):
        raise TooMany(until)


def _keys(account: str, address: str) -> tuple[str, str]:
    """Apart from the tries of the staff to sign in: one does not lock the other."""
    return f"titular|{account}", f"titular|{address}"


@sensitive_variables()
def _store(request: DataRequest, contact: Contact, now: datetime, *, waits: bool) -> IdentityCode:
    # Nothing is registered for the holder: asked all the same, so that the same statements run for everybody.
    known = is_registered(contact, request.asker)
    with transaction.atomic():
        DataRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
        IdentityCode.objects.filter(request=request, closed_at=None).update(closed_at=now, outcome=Outcome.REPLACED)
        code = IdentityCode.objects.create(
            request=request,
            contact_kind=contact.kind,
            contact_blind=contact.blind,
            is_registered=known,
            digest=secrets.token_bytes(32),  # of no code: it is made when it leaves
            waits=waits,
            sent_at=now,
            expires_at=now + VALID,
        )
        note(request, "identity.send", actor=person(request), reason=contact.kind)
    return code


def _said(request: DataRequest, typed: str) -> str:
    return f"request|{request.pk}|{typed}"


def normalised(typed: str) -> str:
    return "".join(sign for sign in typed.upper() if sign.isascii() and sign.isalnum())[: 2 * LENGTH]


@sensitive_variables()
def verify_code(request: DataRequest, typed: str, *, address: str, now: datetime) -> Verdict:
    """Whether this is the open code; then it is none any more. Five tries, counted first. Raises TooMany."""
    account = f"verify|{request.pk}"
    _count(account, address, now)
    taken = IdentityCode.objects.filter(request=request, closed_at=None, tries__lt=TRIES).update(tries=F("tries") + 1)
    code = IdentityCode.objects.filter(request=request, closed_at=None).first() if taken else None
    # Computed also when there is nothing to compare with: that takes as long.
    wanted = blinds("access", _said(request, normalised(typed)))
    digest = bytes(code.digest) if code else bytes(32)
    equal = [hmac.compare_digest(digest, one) for one in wanted]
    if code is None:
        return Verdict.WRONG
    if now >= code.expires_at:
        close(code, Outcome.EXPIRED, now)
        return Verdict.WRONG
    if not any(equal):
        return _wrong(request, code, now)
    if not close(code, Outcome.VERIFIED, now):
        return Verdict.WRONG
    note(request, "identity.verified", actor=person(request), reason=code.contact_kind)
    forgive(*_keys(account, address), now)
    return Verdict.RIGHT


def _wrong(request: DataRequest, code: IdentityCode, now: datetime) -> Verdict:
    if code.tries >= TRIES:
        close(code, Outcome.EXHAUSTED, now)
    note(request, "identity.wrong", actor=person(request), reason="wrong_code", outcome="failed")
    return Verdict.WRONG


def close(code: IdentityCode, outcome: str, now: datetime) -> bool:
    return bool(IdentityCode.objects.filter(pk=code.pk, closed_at=None).update(closed_at=now, outcome=outcome))


@sensitive_variables()
def contact_of(request: DataRequest) -> Contact | None:
    """Where the person said to be reached, opened by us, for writing to them."""
    if request.contact is None:
        return None
    place = request.place("contact")
    opener = open_for([request.holder_id], actor=BY, purpose=PurposeOfUse.SYSTEM, fields=[place.place])
    return Contact(request.contact_kind, opener.text(request.contact, subject=request.holder_id, context=place))


# Facts ----------------------------------------------------------------------------------------------------------------

# Does the person know this about themselves? Called with the request and what was typed; must do the same work for
# somebody unknown. Another app may register one it can check.
FactCheck = Callable[[DataRequest, str], bool]
_facts: dict[str, FactCheck] = {}


def register_fact(name: str, check: FactCheck) -> None:
    _facts[name] = check


@sensitive_variables()
def other_contact(request: DataRequest, typed: str) -> bool:
    """Another telephone or address that the clinic knows of the person, not the one the code went to."""
    contact = Contact.read(typed)
    if contact is None:
        return False
    own = ContactPoint.objects.matching(request.clinic_id, contact.kind, contact.forms)
    held = own.filter(subject=request.subject_id or request.holder_id).exists()
    is_same = any(hmac.compare_digest(bytes(request.contact_blind or b""), one) for one in contact.blinds)
    return held and not is_same


register_fact("other_contact", other_contact)


@sensitive_variables()
def prove_fact(request: DataRequest, typed: str, *, address: str, now: datetime) -> Verdict:
    """Whether what was typed is one of the facts we can check. Five tries for the whole request. Raises TooMany."""
    _count(f"fact|{request.pk}", address, now)
    rows = DataRequest.objects.filter(pk=request.pk, facts_tried__lt=TRIES)
    if not rows.update(facts_tried=F("facts_tried") + 1):
        return Verdict.WRONG
    # Every check runs, so that the time says nothing.
    answers = [check(request, typed) for check in _facts.values()]
    if not any(answers) or request.subject_id is None:
        note(request, "identity.wrong", actor=person(request), reason="wrong_fact", outcome="failed")
        return Verdict.WRONG
    DataRequest.objects.filter(pk=request.pk, fact_proved_at=None).update(fact_proved_at=now)
    request.fact_proved_at = request.fact_proved_at or now
    note(request, "identity.verified", actor=person(request), reason="fact")
    return Verdict.RIGHT


def seen_in_person(request: DataRequest, *, by: User, now: datetime) -> None:
    """Somebody of the staff saw the person and a document; nothing of it is copied."""
    request.seen_in_person_at, request.seen_by = now, by
    with transaction.atomic():
        request.save(update_fields=["seen_in_person_at", "seen_by"])
        note(request, "identity.verified", actor=Actor.staff(by), reason="in_person")


# What is proved -------------------------------------------------------------------------------------------------------


def proofs(request: DataRequest) -> frozenset[Proof]:
    """The degrees of proof this request has reached; a representative's count only with an accepted document."""
    if request.by_representative and not request.documents.filter(accepted=True).exists():
        return frozenset()
    if request.seen_in_person_at:
        return frozenset(Proof)
    # The person's own message in a conversation the clinic knows them by.
    spoke = frozenset({Proof.CHANNEL} if request.evidence_ref else ())
    codes = request.codes.filter(outcome=Outcome.VERIFIED)
    if request.subject_id is None:
        # Control of a contact under which nobody is known: enough to be told so, and for nothing else.
        return frozenset({Proof.CHANNEL}) if codes.exists() else frozenset()
    known = channels_proved(request)
    if not known:
        return spoke
    reached = {Proof.CHANNEL}
    if known > 1:
        reached |= {Proof.TWO_CHANNELS, Proof.FACT}
    elif request.fact_proved_at:
        reached.add(Proof.FACT)
    return frozenset(reached)


def channels_proved(request: DataRequest) -> int:
    """How many contacts that the clinic knew of this person were proved by codes."""
    codes = request.codes.filter(outcome=Outcome.VERIFIED, is_registered=True)
    return len({bytes(one) for one in codes.values_list("contact_blind", flat=True)})


def has_proved(request: DataRequest, contact: Contact) -> bool:
    """Whether a code sent there was typed right while the clinic knew the contact as the person's."""
    proved = request.codes.filter(outcome=Outcome.VERIFIED, is_registered=True, contact_blind__in=contact.blinds)
    return proved.exists()


def needed(request: DataRequest, right: str, *, has_health_content: bool) -> Proof:
    return Proof.TWO_CHANNELS if has_health_content else rules(request.rules_version).rights[right].identity
