"""Sending the answer, with proof: by chat while its window is open, else by mail, else on paper; or read with a code."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor, open_for
from consent.models import ContactPoint, DataRequest, RequestItem, User
from consent.policy import PurposeOfUse
from consent.requests import answers, identity
from consent.requests.channels import Channel, Message, NoWay, Sent, channel
from consent.requests.contacts import Contact, is_registered
from consent.requests.moving import move
from consent.requests.rules import rules
from consent.requests.states import IllegalTransition, State

Route = RequestItem.Route


@sensitive_variables()
def registered_contacts(request: DataRequest) -> list[Contact]:
    """Telephones and addresses of the person as the clinic knows them; the request's own first if it is one of them.

    Somebody unknown is written to where they asked to be: the answer then says nothing about anybody.
    """
    own = identity.contact_of(request)
    subject = request.subject
    if subject is None:
        return [own] if own else []
    kinds = [ContactPoint.Kind.EMAIL, ContactPoint.Kind.PHONE]
    points = list(ContactPoint.objects.filter(subject=subject, kind__in=kinds, value__isnull=False, is_shared=False))
    if not points:
        return []
    opener = open_for(
        [subject.pk], actor=Actor.system("requests"), purpose=PurposeOfUse.DPO, fields=[points[0].value_context.place]
    )
    known = [
        Contact(point.kind, opener.text(point.value, subject=subject.pk, context=point.value_context))
        for point in points
        if point.value
    ]
    first = [own] if own and is_registered(own, subject) else []
    return [*first, *(one for one in known if one not in first)]


def ways(request: DataRequest) -> Iterator[tuple[Channel, Contact]]:
    """What would carry an answer now, the best first."""
    contacts = registered_contacts(request)
    for route in (Route.CHAT, Route.EMAIL):
        way = channel(route.value)
        for contact in contacts:
            if way and way.reaches(contact, request.subject):
                yield way, contact


@sensitive_variables()
def send(item: RequestItem, route: str, *, by: User, now: datetime) -> Sent:
    """Send a ready answer by chat or mail; the proof closes the right. Raises NoWay, CouldNotSend, IllegalTransition."""
    if item.state != State.READY:
        raise IllegalTransition(item.state, State.DELIVERED)
    request = item.request
    found = next(((way, contact) for way, contact in ways(request) if way.route == route), None)
    if found is None:
        raise NoWay
    way, contact = found
    title = rules(request.rules_version).texts["answer_subject"].format(protocol=request.protocol)
    text = answers.opened(item, actor=Actor.staff(by))
    sent = way.send(Message(request.clinic, contact, request.subject, title, text))
    delivered(item, route, sent, actor=Actor.staff(by), now=now)
    return sent


@sensitive_variables()
def handed_over(item: RequestItem, paper: str, *, by: User, now: datetime) -> None:
    """The printed answer was handed over or posted: `paper` is the number of the receipt. Raises NoWay without one."""
    if not paper.strip():
        raise NoWay
    text = answers.opened(item, actor=Actor.staff(by))
    sent = Sent(ref=paper.strip()[:200], sha256=hashlib.sha256(text.encode()).hexdigest())
    delivered(item, Route.PRINT, sent, actor=Actor.staff(by), now=now)


def shown(item: RequestItem, text: str, *, code_id: str, actor: Actor, now: datetime) -> None:
    """The person read it on the privacy page, after typing the code with this id."""
    sent = Sent(ref=f"código {code_id}", sha256=hashlib.sha256(text.encode()).hexdigest())
    delivered(item, Route.PAGE, sent, actor=actor, now=now)


def delivered(item: RequestItem, route: str, sent: Sent, *, actor: Actor, now: datetime) -> None:
    """Keep the proof and close."""
    move(
        item, State.DELIVERED, State.CLOSED, actor=actor, now=now, reason=str(route), sent_at=now,
        sent_by_route=Route(route).value, proof=sent.ref, proof_sha256=sent.sha256,
    )  # fmt: skip
