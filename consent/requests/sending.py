"""Sending the answer, with proof: by chat while its window is open, else by mail, else on paper; or read with a code.

A way that sends later (the chat, through the ledger) has the item on its way until `arrived` or `came_back`: meanwhile
nothing else sends it.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor
from consent.models import DataRequest, RequestItem, User
from consent.requests import answers, identity
from consent.requests.channels import Channel, CouldNotSend, Message, NoWay, Sent, channel, hand_over
from consent.requests.contacts import Contact, is_registered, reachable
from consent.requests.moving import JOINED, move, note
from consent.requests.rules import rules
from consent.requests.states import IllegalTransition, State

Route = RequestItem.Route
BY = Actor.system("requests")


@sensitive_variables()
def registered_contacts(request: DataRequest) -> list[Contact]:
    """Telephones and addresses of the person as the clinic knows them; the request's own first if it is one of them.

    Somebody unknown is written to where they asked to be: the answer then says nothing about anybody. Somebody whose
    data were erased is told so where a code proved, while they were known, that the contact is theirs.
    """
    own = identity.contact_of(request)
    subject = request.subject
    if subject is None:
        return [own] if own else []
    if subject.erased_at is not None:
        return [own] if own and identity.has_proved(request, own) else []
    known = reachable(subject)
    first = [own] if own and is_registered(own, subject) else []
    return [*first, *(one for one in known if one not in first)]


def ways(request: DataRequest, *, now: datetime) -> Iterator[tuple[Channel, Contact]]:
    """What would carry an answer now, the best first."""
    contacts = registered_contacts(request)
    for route in (Route.CHAT, Route.EMAIL):
        way = channel(route.value)
        for contact in contacts:
            if way and way.reaches(contact, request.asker, now=now):
                yield way, contact


@sensitive_variables()
def send(item: RequestItem, route: str, *, by: User, now: datetime) -> Sent | None:
    """Send a ready answer by chat or mail; the proof closes the right. None: it is on its way.

    Raises NoWay, CouldNotSend, IllegalTransition.
    """
    found = next(((way, contact) for way, contact in ways(item.request, now=now) if way.route == route), None)
    if found is None:
        raise NoWay
    return _send(item, *found, by=Actor.staff(by), now=now)


def send_at_once(item: RequestItem, *, now: datetime) -> None:
    """Answer in the conversation the question came from, when it is ready without anybody's judgement."""
    found = next(((way, contact) for way, contact in ways(item.request, now=now) if way.route == Route.CHAT), None)
    if found is None:
        return
    try:
        _send(item, *found, by=BY, now=now)
    except (CouldNotSend, NoWay):
        return  # it stays ready, and the staff send it


@sensitive_variables()
def _send(item: RequestItem, way: Channel, contact: Contact, *, by: Actor, now: datetime) -> Sent | None:
    if item.state != State.READY or item.is_on_its_way:
        raise IllegalTransition(item.state, State.DELIVERED)
    request = item.request
    title = rules(request.rules_version).texts["answer_subject"].format(protocol=request.protocol)
    write = lambda: answers.opened(item, actor=by)  # noqa: E731 - the words are opened where they leave
    sent = hand_over(way, Message(request.clinic, contact, request.asker, title, write, by, item), now=now)
    if sent:
        delivered(item, way.route, sent, actor=by, now=now)
    return sent


@sensitive_variables()
def handed_over(item: RequestItem, paper: str, *, by: User, now: datetime) -> None:
    """The printed answer was handed over or posted: `paper` is the number of the receipt. Raises NoWay without one."""
    if not paper.strip():
        raise NoWay
    text = answers.opened(item, actor=Actor.staff(by))
    delivered(item, Route.PRINT, Sent.of(paper.strip()[:200], text), actor=Actor.staff(by), now=now)


def shown(item: RequestItem, text: str, *, code_id: str, actor: Actor, now: datetime) -> None:
    """The person read it on the privacy page, after typing the code with this id."""
    delivered(item, Route.PAGE, Sent.of(f"código {code_id}", text), actor=actor, now=now)


def delivered(item: RequestItem, route: str, sent: Sent, *, actor: Actor, now: datetime) -> None:
    """Keep the proof and close."""
    move(
        item, State.DELIVERED, State.CLOSED, actor=actor, now=now, reason=str(route), sent_at=now,
        sent_by_route=Route(route).value, proof=sent.ref, proof_sha256=sent.sha256,
    )  # fmt: skip


# On its way -----------------------------------------------------------------------------------------------------------


def sets_off(item: RequestItem, route: str) -> None:
    """In the transaction that takes the answer over: from now on nothing else sends it. Raises IllegalTransition."""
    rows = RequestItem.objects.filter(pk=item.pk, state=State.READY, sent_by_route="", sent_at=None)
    if not rows.update(sent_by_route=Route(route).value):
        raise IllegalTransition(item.state, State.DELIVERED)
    item.sent_by_route = Route(route).value


def arrived(item_id: UUID, ref: str, *, now: datetime) -> None:
    """The way has the proof: what was sent is the stored answer. Nothing where the person read it elsewhere before."""
    item = _joined(item_id)
    if item.state == State.READY:
        delivered(item, item.sent_by_route, Sent(ref, item.answer_sha256), actor=BY, now=now)


def came_back(item_id: UUID, *, reason: str) -> None:
    """It will not be sent by this way; the answer is ready to be sent by another one."""
    item = _joined(item_id)
    if RequestItem.objects.filter(pk=item_id, state=State.READY, sent_at=None).update(sent_by_route=""):
        note(item.request, "request.came_back", actor=BY, reason=reason, item=item)


def take_back(item: RequestItem, *, now: datetime) -> bool:
    """Do not wait for the chat any longer; False when the message may have left already."""
    way = channel(item.sent_by_route) if item.is_on_its_way else None
    if way is None:
        return False
    with transaction.atomic():
        if not way.take_back(item, now=now):
            return False
        came_back(item.pk, reason="taken_back")
    item.sent_by_route = ""
    return True


def _joined(item_id: UUID) -> RequestItem:
    return RequestItem.objects.select_related("request__clinic", *JOINED).get(pk=item_id)
