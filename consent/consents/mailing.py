"""A consent link by e-mail: the letter says whose it is, what it is for and who to write to; its id and hash are proof."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from consent.consents.errors import ActRefused
from consent.consents.links import Kind, address_of, link_for, note
from consent.consents.state import asked_types, may_ask
from consent.designations import officer_of
from consent.encryption import Actor
from consent.models import ConsentLink, DataSubject
from consent.policy import Purpose
from consent.requests.channels import Message, NoWay, channel, hand_over
from consent.requests.contacts import reachable
from consent.requests.rules import rules


class NotNow(ActRefused):
    """Nobody is asked again before the period is over, and nothing is asked of blocked people or without a text."""

    code = "not_now"
    text = _("The person may not be asked now: there is a valid answer, a recent no, an open question, or no text.")


@sensitive_variables()
def mail_link(subject: DataSubject, kind: str, *, by: Actor, now: datetime) -> ConsentLink:
    """Make a link and send it to the person's e-mail. Raises NotNow, channels.NoWay, channels.CouldNotSend."""
    way = channel("email")
    found = (one for one in reachable(subject) if way and way.reaches(one, subject, now=now))
    contact = next(found, None)
    types = [one for one in asked_types(subject) if kind != Kind.ANSWER or may_ask(subject, one, now=now)]
    if not types:
        raise NotNow
    if way is None or contact is None:
        raise NoWay
    link = link_for(subject, kind, by=by, now=now, consent_types=types)
    purpose = Purpose.CARE_CONTACT if kind == Kind.ANSWER else Purpose.REQUESTS
    title = rules().texts["link_subject"]
    message = Message(subject.clinic, contact, subject, title, lambda: _letter(link, now), by, purpose=purpose)
    sent = hand_over(way, message, now=now)
    if sent is not None:
        link.sent_at, link.sent_ref, link.sent_sha256 = now, sent.ref[:200], sent.sha256
        with transaction.atomic():
            link.save(update_fields=["sent_at", "sent_ref", "sent_sha256"])
            note(link, "consent.link_sent", by)
    return link


def _letter(link: ConsentLink, now: datetime) -> str:
    clinic = link.subject.clinic
    officer, until = officer_of(clinic, now), link.expires_at.astimezone(ZoneInfo(clinic.time_zone))
    return rules().texts[f"link_{link.kind}"].format(
        clinic=clinic.trade_name, until=f"{until:%d/%m/%Y}", address=address_of(link), dpo=officer.name,
        contact=officer.contact,
    )  # fmt: skip
