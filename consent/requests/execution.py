"""Carrying out what was granted, and what happens at once when the person is known.

What is automatic is here; what other packages can do (export, erasure) they register. Everything else a person does,
and says so.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from consent.consents.acts import withdraw_all
from consent.consents.evidence import Evidence, Kind
from consent.encryption import Actor
from consent.holds import blocking
from consent.holds.notes import Refused
from consent.models import ConsentEvent, RequestItem
from consent.policy import Purpose
from consent.requests import answers
from consent.requests.rules import Right, text_of
from consent.requests.states import State

BY = Actor.system("requests")
Verified = RequestItem.Verified
# What the law keeps is kept without being used.
KEPT_BLOCKED = frozenset({"HOLD", "LEGAL_RETENTION"})


@dataclass(frozen=True)
class Done:
    """How far it came: VERIFYING with the answer, EXECUTING while it goes on, WAITING_THIRD_PARTY or FAILED."""

    state: State
    answer: str = ""
    verified: str = ""


Executor = Callable[[RequestItem, datetime], Done]
_executors: dict[str, Executor] = {}


def register(right: str, executor: Executor) -> None:
    """A package carries out this right from now on; called outside of transactions, and maybe again after a failure."""
    _executors[right] = executor


def executor_of(right: str) -> Executor | None:
    """None: a person of the staff carries it out."""
    return _executors.get(right)


def _confirm(item: RequestItem, now: datetime) -> Done:
    return Done(State.VERIFYING, answers.confirmation(item, now=now), Verified.NOTHING_DONE)


def _tell_about_refusing(item: RequestItem, now: datetime) -> Done:
    return Done(State.VERIFYING, answers.on_refusing(item, now=now), Verified.NOTHING_DONE)


def withdraw(item: RequestItem, now: datetime) -> int:
    """Take back every consent of the person and return how many; the request itself is the proof."""
    request = item.request
    if request.subject is None:
        return 0
    digest = hashlib.sha256(f"{request.protocol}|{item.right}|{request.contact_kind}".encode()).digest()
    evidence = Evidence(Kind.FORM, digest, str(item.pk))
    channel = ConsentEvent.Channel.PAGE
    return len(withdraw_all(request.subject, evidence=evidence, channel=channel, actor=BY, now=now))


def _withdraw(item: RequestItem, now: datetime) -> Done:
    return Done(State.VERIFYING, answers.withdrawn(item, withdraw(item, now), now=now), Verified.CHECKED)


# What a granted opposition ends; the contact itself is what the care needs.
OPPOSED = (Purpose.CONVERSATION_SUMMARY, Purpose.MESSAGE_TEXT, Purpose.MARKETING, Purpose.LANGUAGE_MODEL)


def _oppose(item: RequestItem, now: datetime) -> Done:
    """Every use that is not the contact for care stops for good; the blocking while it was decided ends."""
    subject = item.request.subject
    if subject is None:
        return Done(State.VERIFYING, answers.confirmation(item, now=now), Verified.NOTHING_DONE)
    for purpose in OPPOSED:
        blocking.oppose(subject, purpose, by=BY, now=now)
    unblock(item, now)
    told = text_of(item.request.rules_version, "T11").format(purposes=", ".join(str(one.label) for one in OPPOSED))
    return Done(State.VERIFYING, answers.granted(item, told, now=now), Verified.CHECKED)


register(Right.CONFIRMATION, _confirm)
register(Right.REFUSAL, _tell_about_refusing)
register(Right.WITHDRAWAL, _withdraw)
register(Right.OPPOSITION, _oppose)


# At once --------------------------------------------------------------------------------------------------------------

Measure = Callable[[RequestItem, datetime], object]


def block(item: RequestItem, now: datetime) -> None:
    """Suspend all use of the person's data while the request is decided (T05, T11)."""
    if item.request.subject:
        blocking.block(item.request.subject, by=BY, reason=blocking.Reason.REQUEST, now=now)


def unblock(item: RequestItem, now: datetime) -> None:
    """It was refused, or is no longer asked for: the data are used again, unless something else keeps them blocked."""
    subject, rule = item.request.subject, answers.rule_of(item)
    if subject is None or rule.at_once != "block" or item.refusal_code in KEPT_BLOCKED:
        return
    others = RequestItem.objects.filter(request__subject=subject).exclude(pk=item.pk).exclude(state=State.CANCELLED)
    others = others.exclude(Q(decision=RequestItem.Decision.REFUSE) & ~Q(refusal_code__in=KEPT_BLOCKED))
    if any(answers.rule_of(one).at_once == "block" for one in others.select_related("request")):
        return
    try:
        blocking.unblock(subject, by=BY, reason=blocking.Reason.REQUEST, now=now)
    except Refused:
        return  # somebody ended it by hand


_at_once: dict[str, Measure] = {"block": block, "withdraw": withdraw}


def do_at_once(item: RequestItem, now: datetime) -> None:
    """What the right asks for as soon as it is known who asks (lgpd 5.1); nothing for most."""
    if name := answers.rule_of(item).at_once:
        _at_once[name](item, now)
