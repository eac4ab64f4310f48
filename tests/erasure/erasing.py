"""A person of both sandboxes, erased up to where a test says; what the simulators still hold of them."""

import json
from datetime import datetime, timedelta
from typing import Any

import requests
from django.utils import timezone
from factories import user

from bridge.models import CallBudget, ObservedContact
from consent.erasure import planning, running
from consent.models import DataSubject, Erasure, User
from consent.roles import Role
from tests.bridge.connected_clinic import PLENTY, Bridge

NAME, PHONE, TEXT = "Zoraide Quintanilha", "+5511955554321", "Gostaria do orçamento do clareamento"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def writes(
    bridge: Bridge, name: str = NAME, phone: str = PHONE, *, text: str = TEXT, close: bool = True
) -> DataSubject:
    """Somebody writes, is answered, becomes person, opportunity and note in the CRM; the conversation is resolved."""
    with bridge.chatwoot.capture() as deliveries:
        talk = bridge.chatwoot.new_person_writes(text, name=name, phone_number=phone)
        bridge.chatwoot.outgoing(talk.display_id, f"Olá {name}, enviamos amanhã")
        if close:
            bridge.chatwoot.set_status(talk.display_id, "resolved")
    bridge.deliver(deliveries)
    bridge.settle()
    CallBudget.objects.update(**PLENTY)
    number = talk.contact_id
    subject: DataSubject = ObservedContact.objects.get(chatwoot_contact_id=number).subject
    return subject


def officer(bridge: Bridge) -> User:
    return user(Role.DPO, bridge.connection.clinic)


def planned(subject: DataSubject, *, now: datetime, **more: Any) -> Erasure:
    erasure = planning.plan(subject, now=now, **more)
    return running.run(erasure, now=now)


def approved(bridge: Bridge, subject: DataSubject, *, now: datetime, care: bool = False, **more: Any) -> Erasure:
    erasure = planned(subject, now=now, **more)
    planning.approve(erasure, by=officer(bridge), now=now, received_care=care, saw_quotes=True)
    if erasure.state == Erasure.State.PLANNED:
        planning.approve(erasure, by=officer(bridge), now=now)
    return erasure


def worked(bridge: Bridge, erasure: Erasure, *, now: datetime, until: tuple[str, ...], most: int = 30) -> datetime:
    """Let time pass, a worker look at each step, until it is in one of these states; the moment reached."""
    for _step in range(most):
        bridge.chatwoot.wait_idle()
        running.run(erasure, now=now)
        if erasure.state in until:
            return now
        now = max(erasure.not_before, now) + timedelta(seconds=1)
    return now


def erased(bridge: Bridge, subject: DataSubject, **more: Any) -> Erasure:
    """To the end, the key destroyed."""
    now = timezone.now()
    erasure = approved(bridge, subject, now=now, **more)
    now = worked(bridge, erasure, now=now, until=("erased", "done", "left", "held"))
    worked(bridge, erasure, now=now + DAY + HOUR, until=("done",))
    return erasure


def at_the_partners(bridge: Bridge) -> str:
    """Everything both simulators hold, as text; what they log of calls is not theirs to keep."""
    crm = {name: bridge.crm[name] for name in bridge.crm if name not in {"calls", "recent", "faults"}}
    with bridge.chatwoot.store.lock:
        tables = (bridge.chatwoot.store.contacts, bridge.chatwoot.store.conversations, bridge.chatwoot.store.messages)
        chat = " ".join(repr(row) for table in tables for row in table.values())
    return json.dumps(crm, ensure_ascii=False) + chat


def state_of(bridge: Bridge) -> Any:
    return requests.get(f"{bridge.krayin.url}/__state__", timeout=10).json()
