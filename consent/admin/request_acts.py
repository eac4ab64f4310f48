"""What the buttons of a request do: each calls one verb of consent.requests and says what happened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.addresses import address_of
from consent.encryption import Actor, RevealDenied, Undecryptable
from consent.export import control
from consent.models import DataRequest, RepresentativeDocument, RequestItem, User
from consent.queries import people_search
from consent.requests import answers, correcting, deciding, following, identity, packages, representatives, sending
from consent.requests.channels import CouldNotSend, NoWay
from consent.requests.rules import Right, rules
from consent.requests.states import IllegalTransition, State
from consent.scope import clinics_of

LACKS = {
    "answer": lambda: _("the answer is not written"),
    "proof": lambda: _("there is no proof of sending"),
    "verification": lambda: _("nobody read back whether it was done"),
    "decision": lambda: _("nobody decided"),
}


class SaidWrong(Exception):
    """What was typed or chosen cannot be used; the text says why."""


@dataclass(frozen=True)
class Chosen:
    """One press of a button."""

    web: HttpRequest
    row: DataRequest
    by: User
    item: RequestItem | None
    now: datetime

    @property
    def one(self) -> RequestItem:
        if self.item is None:
            raise SaidWrong(_("Choose one of the rights."))
        return self.item

    def said(self, name: str) -> str:
        return self.web.POST.get(name, "").strip()


@dataclass(frozen=True)
class Act:
    run: Callable[[Chosen], str]
    needs_item: bool = True


def decide(chosen: Chosen) -> str:
    code, detail = chosen.said("refusal"), chosen.said("detail")
    decision = chosen.said("decision")
    if decision not in RequestItem.Decision.values:
        raise SaidWrong(_("Choose: grant, part or refuse."))
    if decision != RequestItem.Decision.GRANT and code not in rules(chosen.row.rules_version).refusals:
        raise SaidWrong(_("Choose the reason of the refusal."))
    deciding.decide(chosen.one, decision, by=chosen.by, now=chosen.now, refusal_code=code, detail=detail)
    return _("The decision is recorded.")


def done(chosen: Chosen) -> str:
    deciding.done(chosen.one, chosen.said("words"), by=chosen.by, now=chosen.now, why=chosen.said("why"))
    return _("The answer is ready to be sent.")


def send(chosen: Chosen) -> str:
    if sending.send(chosen.one, chosen.said("route"), by=chosen.by, now=chosen.now) is None:
        return _("On its way: the right closes by itself when the chat has taken the message.")
    return _("Sent; the proof is kept and the right is closed.")


def correct(chosen: Chosen) -> str:
    places = correcting.correct(chosen.one, chosen.said("field"), chosen.said("value"), by=chosen.by, now=chosen.now)
    text = ngettext(
        "Asked for in %(n)d place; see below how it stands.",
        "Asked for in %(n)d places; see below how it stands.",
        places,
    )
    return text % {"n": places}


def take_back(chosen: Chosen) -> str:
    if not sending.take_back(chosen.one, now=chosen.now):
        raise SaidWrong(_("It may have left already; look again in a moment."))
    return _("Not sent by chat. Choose another way.")


def handed_over(chosen: Chosen) -> str:
    if not chosen.said("paper"):
        raise SaidWrong(_("Write the number of the receipt or of the posting."))
    sending.handed_over(chosen.one, chosen.said("paper"), by=chosen.by, now=chosen.now)
    return _("Handed over; the proof is kept and the right is closed.")


def not_controller(chosen: Chosen) -> str:
    detail = chosen.said("detail")
    deciding.set_aside(chosen.one, State.NOT_CONTROLLER, by=chosen.by, now=chosen.now, detail=detail)
    return _("The answer is ready to be sent.")


def not_verified(chosen: Chosen) -> str:
    deciding.set_aside(chosen.one, State.NOT_VERIFIED, by=chosen.by, now=chosen.now)
    return _("The answer is ready to be sent.")


def wait(chosen: Chosen) -> str:
    deciding.wait(chosen.one, by=chosen.by, now=chosen.now)
    return _("Noted; the clock runs on.")


def cancel(chosen: Chosen) -> str:
    deciding.cancel(chosen.one, actor=Actor.staff(chosen.by), now=chosen.now)
    return _("The right is no longer asked for.")


def health(chosen: Chosen) -> str:
    holds = chosen.said("health") == "yes"
    deciding.set_health_content(chosen.one, holds, why=chosen.said("why"), by=chosen.by, now=chosen.now)
    return _("Noted.")


def take_on(chosen: Chosen) -> str:
    deciding.take_on(chosen.row, by=chosen.by)
    return _("You are responsible for this request.")


def split(chosen: Chosen) -> str:
    right = chosen.said("right")
    if right not in Right.values:
        raise SaidWrong(_("Choose one of the rights."))
    if chosen.row.items.filter(right=right).exists():
        raise SaidWrong(_("The request asks for this right already."))
    deciding.split(chosen.row, right, by=chosen.by, now=chosen.now)
    return _("The right is added; its clock began when the request came in.")


def send_code(chosen: Chosen) -> str:
    if chosen.row.contact is None:
        raise SaidWrong(_("The request names no contact."))
    identity.send_code(chosen.row, address=address_of(chosen.web.META), now=chosen.now)
    return _("If the contact can be written to, a code is on its way.")


def type_code(chosen: Chosen) -> str:
    address = address_of(chosen.web.META)
    verdict = identity.verify_code(chosen.row, chosen.said("code"), address=address, now=chosen.now)
    if verdict is identity.Verdict.WRONG:
        raise SaidWrong(_("The code is wrong or no longer valid."))
    following.advance(chosen.row, now=chosen.now)
    return _("The code was right.")


def seen(chosen: Chosen) -> str:
    identity.seen_in_person(chosen.row, by=chosen.by, now=chosen.now)
    following.advance(chosen.row, now=chosen.now)
    return _("Recorded: you saw the person and a document.")


def say_who(chosen: Chosen) -> str:
    typed = people_search.read(chosen.said("person"))
    mine = clinics_of(chosen.by).filter(pk=chosen.row.clinic_id)
    found = people_search.find(typed, mine) if typed.kinds else []
    if typed.kinds:
        seen_people = [(one.clinic_id, one.pseudonym) for one in found]
        people_search.record(typed, seen_people, Actor.staff(chosen.by), object_type="consent.DataSubject")
    if len(found) != 1:
        raise SaidWrong(_("Nobody, or more than one person, is reached so."))
    deciding.say_who(chosen.row, found[0], by=chosen.by, now=chosen.now)
    return _("The request belongs to this person now; codes typed before do not count.")


def export(chosen: Chosen) -> str:
    """Have the package made that answers access, copy and portability (C6)."""
    if chosen.row.subject is None:
        raise SaidWrong(_("Nobody the clinic knows asks: there is nothing to hand over."))
    if packages.make(chosen.one, chosen.now, by=Actor.staff(chosen.by)).state != State.EXECUTING:
        raise SaidWrong(_("Another export with this protocol is being made."))
    return _("The package is being made; it is checked and released under Exports.")


def add_document(chosen: Chosen) -> str:
    file, relation = chosen.web.FILES.get("document"), chosen.said("relation")
    if file is None or relation not in RepresentativeDocument.Relation.values:
        raise SaidWrong(_("Choose a file of at most 5 MB and what the person is."))
    if (file.size or 0) > representatives.LARGEST:
        raise SaidWrong(_("Choose a file of at most 5 MB and what the person is."))
    representatives.receive(chosen.row, file.read(), relation=relation, by=chosen.by, now=chosen.now)
    return _("The document is kept encrypted until you decide.")


def decide_document(chosen: Chosen) -> str:
    pk, accepted = chosen.said("document"), chosen.said("accept") == "yes"
    row = next((one for one in chosen.row.documents.all() if str(one.pk) == pk), None)
    if row is None or not representatives.decide(row, accepted=accepted, by=chosen.by, now=chosen.now):
        raise SaidWrong(_("It was decided already."))
    following.advance(chosen.row, now=chosen.now)
    return _("Decided; the document is removed and the result kept.")


ACTS: Mapping[str, Act] = {
    "decide": Act(decide),
    "done": Act(done),
    "send": Act(send),
    "take_back": Act(take_back),
    "correct": Act(correct),
    "handed_over": Act(handed_over),
    "not_controller": Act(not_controller),
    "not_verified": Act(not_verified),
    "wait": Act(wait),
    "cancel": Act(cancel),
    "health": Act(health),
    "export": Act(export),
    "take_on": Act(take_on, needs_item=False),
    "split": Act(split, needs_item=False),
    "send_code": Act(send_code, needs_item=False),
    "type_code": Act(type_code, needs_item=False),
    "seen": Act(seen, needs_item=False),
    "say_who": Act(say_who, needs_item=False),
    "add_document": Act(add_document, needs_item=False),
    "decide_document": Act(decide_document, needs_item=False),
}


def _lacking(error: Any) -> str:
    told = ", ".join(LACKS[code]() for code in error.lacking if code in LACKS)
    return _("Not possible: %(why)s.") % {"why": told} if told else _("Not possible in this state; look again.")


# What may go wrong, and how it is told; the first that fits counts.
WRONG: Mapping[type[Exception], Callable[[Any], str]] = {
    SaidWrong: str,
    IllegalTransition: _lacking,
    answers.DetailMissing: lambda error: _("This refusal needs: %(what)s.") % {"what": error.what},
    deciding.ReasonMissing: lambda error: _("This needs words."),
    identity.TooMany: lambda error: _("Too many tries; wait some minutes."),
    representatives.Unusable: lambda error: _("Choose a file of at most 5 MB and what the person is."),
    control.NotPossible: lambda error: str(error),
    correcting.Unusable: lambda error: _("This is no name, e-mail or telephone."),
    correcting.Nowhere: lambda error: _("No connection that writes holds this person: correct it by hand."),
    CouldNotSend: lambda error: _("It could not be sent now; nothing was changed. Try again in some minutes."),
    NoWay: lambda error: _("This way does not reach the person now."),
    deciding.Settled: lambda error: _("It is settled already who asks."),
    RevealDenied: lambda error: _("The person's data may not be opened for this now."),
    Undecryptable: lambda error: _("Not opened: the person's key is gone."),
}
