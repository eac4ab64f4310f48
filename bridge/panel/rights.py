"""F2 in the panel: may I send this? Each purpose in a word, and what the attendant may do about it. Plain data.

It is asked for when the attendant opens that part, apart from the rest, and opens no value: a message is chosen by its
time.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from bridge.consents.asking import candidates
from bridge.consents.why_not import WHY
from bridge.models import ObservedConversation, ObservedMessage
from bridge.queries.words import Word
from config.times import clock
from consent.consents.state import NO, YES, Standing, State, WhyNot, asked_for, asked_types, standings
from consent.models import DataSubject, RequestItem, TextKind, TextVersion
from consent.requests import board
from consent.requests.rules import rules
from consent.requests.states import OPEN_STATES
from consent.texts import NoTextInForce, text_in_force

MESSAGES_SHOWN = 15
REQUESTS_SHOWN = 5
WORDS = {**dict.fromkeys(YES, Word.DONE), **dict.fromkeys(NO, Word.BLOCKED), State.EXPIRED: Word.POSTPONED}


def rights_of(row: ObservedConversation, now: datetime) -> dict[str, Any]:
    """What F2 shows of the person of one conversation, whose connection and clinic are at hand."""
    subject = person_of(row)
    types = asked_types(subject)
    found = standings(subject, types, now=now)
    return {
        "state": "ready",
        "purposes": [_purpose(row, subject, kind, found[kind], now) for kind in types],
        "care": _("Contact for care needs no consent; refusing never changes it."),
        "messages": list(_messages(row, now)),
        "rights": [{"code": one.right.value, "text": one.question} for one in rules().rights.values()],
        "requests": list(_requests(subject, now)),
        "is_minor": subject.is_minor,
    }


def person_of(row: ObservedConversation) -> DataSubject:
    """With the clinic that was read along with the connection."""
    subject = row.contact.subject
    subject.clinic = row.connection.clinic
    return subject


def _purpose(
    row: ObservedConversation, subject: DataSubject, kind: str, found: Standing, now: datetime
) -> dict[str, Any]:
    asked = asked_for(subject, kind)
    one = candidates(row.connection, [row.contact], kind, now=now)[0]
    text = _text(subject, asked.purpose, now) if one.why_not != WhyNot.NO_TEXT else None
    return {
        "type": kind,
        "name": str(asked.purpose.label),
        "word": WORDS.get(found.state, Word.WAITING if one.why_not == WhyNot.ASKED else Word.UNKNOWN).value,
        "text": _said(found, one.why_not, ZoneInfo(subject.clinic.time_zone), now),
        "may": not one.why_not,
        "why_not": str(WHY[one.why_not]) if one.why_not else "",
        "preview": {"text": text.body, "consequences": text.consequences} if text else None,
    }


def _said(found: Standing, why_not: str, zone: ZoneInfo, now: datetime) -> str:
    since = clock(found.since, zone, now) if found.since else ""
    until = f"{found.valid_until.astimezone(zone):%d/%m/%Y}" if found.valid_until else ""
    if found.state in YES:
        ends = _("ends %(day)s") % {"day": until} if until else _("until taken back")
        return _("yes, since %(when)s, %(ends)s") % {"when": since, "ends": ends}
    if found.state in NO:
        return _("no, since %(when)s") % {"when": since}
    if found.state == State.EXPIRED:
        return _("no longer: it ended %(day)s") % {"day": until}
    return _("asked, no answer yet") if why_not == WhyNot.ASKED else _("never asked")


def _text(subject: DataSubject, purpose: str, now: datetime) -> TextVersion | None:
    try:
        return text_in_force(subject.clinic, TextKind.CONSENT, purpose=purpose, now=now)
    except NoTextInForce:
        return None


def _messages(row: ObservedConversation, now: datetime) -> Iterator[dict[str, Any]]:
    """The person's last messages, by time: what they say stands in the conversation beside the panel."""
    zone = ZoneInfo(row.connection.clinic.time_zone)
    for message in incoming(row).order_by("-sent_at", "-chatwoot_message_id")[:MESSAGES_SHOWN]:
        yield {"id": message.chatwoot_message_id, "text": clock(message.sent_at, zone, now)}


def incoming(row: ObservedConversation) -> Any:
    return ObservedMessage.objects.filter(
        conversation=row, direction=ObservedMessage.Direction.INCOMING, is_deleted=False, content__isnull=False
    )


def _requests(subject: DataSubject, now: datetime) -> Iterator[dict[str, str]]:
    """What the person waits for."""
    items = RequestItem.objects.filter(request__subject=subject, state__in=OPEN_STATES)
    zone = ZoneInfo(subject.clinic.time_zone)
    for item in items.select_related("request").order_by("due_at")[:REQUESTS_SHOWN]:
        name = rules(item.request.rules_version).rights[item.right].name
        yield {"protocol": item.request.protocol, "text": f"{name} · {board.due_words(item, now, zone)}"}
