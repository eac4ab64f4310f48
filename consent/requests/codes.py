"""Codes for telephones: sent by the chat of whoever is known there, apart from the page that asked for them.

The page does the same for everybody, so that nobody learns from it or from its time who is a patient.
"""

from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from consent.models import IdentityCode
from consent.requests import identity, sending
from consent.requests.channels import CouldNotSend, NoWay, channel, hand_over
from consent.requests.contacts import Contact

AT_ONCE = 100


def send_waiting(*, now: datetime) -> int:
    """Hand the codes that wait to the chat; return how many. Those it does not reach are closed."""
    rows = IdentityCode.objects.filter(waits=True).select_related(
        "request__clinic", "request__subject", "request__holder"
    )
    sent = 0
    for code in rows.order_by("sent_at")[:AT_ONCE]:
        if IdentityCode.objects.filter(pk=code.pk, waits=True).update(waits=False) and code.closed_at is None:
            sent += _send(code, now)
    return sent


@sensitive_variables()
def _send(code: IdentityCode, now: datetime) -> bool:
    contact, way = _contact_of(code), channel("chat")
    if contact and way and way.reaches(contact, code.request.asker, now=now):
        try:
            hand_over(way, identity.letter_to(contact, code, by=identity.BY, now=now), now=now)
            return True
        except (CouldNotSend, NoWay):
            pass  # closed like one that reaches nobody
    identity.close(code, IdentityCode.Outcome.NOT_SENT, now)
    return False


@sensitive_variables()
def _contact_of(code: IdentityCode) -> Contact | None:
    """The contact in clear, of those the clinic knows of the person; None for anybody else's."""
    if not code.is_registered:
        return None
    known = sending.registered_contacts(code.request)
    return next((one for one in known if bytes(code.contact_blind) in one.every_blind), None)
