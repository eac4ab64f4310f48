"""What the tests of requests do again and again: file one, read the code from the letter, prove who asks."""

import re
from datetime import datetime
from typing import Any

from django.core import mail
from django.utils import timezone
from factories import EMAIL, PHONE

from consent.models import Clinic, DataRequest, RequestItem, User
from consent.requests import deciding, filing, following, identity
from consent.requests.contacts import Contact
from consent.requests.states import State

HERE = "203.0.113.9"
HOUR = timezone.timedelta(hours=1)


def files(of: Clinic, *rights: str, now: datetime | None = None, contact: str = EMAIL, **more: Any) -> DataRequest:
    """A request by the privacy page."""
    now = now or timezone.now()
    asked = filing.Asked(
        rights=rights or ("T01",), channel="form", received_at=more.pop("received_at", now),
        text=more.pop("text", "Quero saber o que vocês têm sobre mim."), contact=Contact.read(contact) if contact else None,
        by_representative=more.pop("by_representative", False),
    )  # fmt: skip
    return filing.file_request(of, asked, now=now, **more)


def code_in_the_letter() -> str:
    """The code of the last letter."""
    found = re.search(r"\b([A-Z0-9]{4}-[A-Z0-9]{4})\b", str(mail.outbox[-1].body))
    assert found
    return found[1]


def proves(request: DataRequest, *, now: datetime | None = None, fact: str = "") -> None:
    """The person types the code that came by mail, and a fact if told."""
    now = now or timezone.now()
    identity.send_code(request, address=HERE, now=now)
    assert identity.verify_code(request, code_in_the_letter(), address=HERE, now=now) is identity.Verdict.RIGHT
    if fact:
        assert identity.prove_fact(request, fact, address=HERE, now=now) is identity.Verdict.RIGHT
    following.advance(request, now=now)


def item_of(request: DataRequest, right: str) -> RequestItem:
    return RequestItem.objects.select_related("request__holder", "request__subject", "request__clinic").get(
        request=request, right=right
    )


def ready(of: Clinic, dpo: User, right: str = "T04", *, now: datetime | None = None) -> RequestItem:
    """A granted right whose answer waits to be sent."""
    now = now or timezone.now()
    request = files(of, right, now=now)
    proves(request, fact=PHONE, now=now)
    item = item_of(request, right)
    deciding.decide(item, "grant", by=dpo, now=now)
    deciding.done(item, "O telefone foi corrigido nos dois sistemas.", by=dpo, now=now)
    assert item.state == State.READY
    return item
