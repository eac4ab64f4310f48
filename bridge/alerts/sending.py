"""Carrying out notices: mail, private note in Chatwoot, signed webhook. One at a time, never inside a transaction.

Who was told is committed right after; a process killed in between tells once more ten minutes later, rather than never.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection as db
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from bridge.alerts import outside
from bridge.alerts.base import Rule, rule_of
from bridge.errors import PartnerError
from bridge.models import Connection, Notice, Severity
from bridge.sync.partners import chatwoot_client
from config.times import amount
from consent.encryption import Actor, Undecryptable, open_system
from consent.policy import PurposeOfUse

logger = logging.getLogger(__name__)

Kind, Channel, State = Notice.Kind, Notice.Channel, Notice.State
AT_ONCE = 200  # notices per run; the next minute has its own
FORGOTTEN = timedelta(minutes=10)
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))

CLAIM = """
UPDATE alert_notices SET state = 'sending', tried_at = %(now)s, attempts = attempts + 1 WHERE id = (
  SELECT id FROM alert_notices WHERE state = 'waiting' AND not_before <= %(now)s
    OR state = 'sending' AND tried_at < %(forgotten)s
  ORDER BY not_before, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""


class NotSent(Exception):
    """The message is a code: why it did not go out."""


@dataclass(frozen=True)
class Message:
    """What is told, in the language of the installation."""

    subject: str
    sentence: str
    advice: str
    link: str
    seen: str = ""  # where one says that one looks after it

    @property
    def text(self) -> str:
        lines = [self.subject, self.sentence, self.advice, self.link]
        return "\n\n".join(line for line in lines if line)


def send_due(now: datetime) -> dict[str, int]:
    """Send what is due; return how much was sent and how much failed."""
    counts = {"sent": 0, "failed": 0}
    for _round in range(AT_ONCE):
        notice = _claim(now)
        if notice is None:
            break
        try:
            problem = send(notice, now)
        except KeyError:
            problem = "rule_gone"
        counts["failed" if problem else "sent"] += 1
        _note(notice, problem, now)
    return counts


def send_these(wanted: Iterable[Notice], now: datetime) -> None:
    """Send tests at once, once: somebody waits for the answer."""
    for notice in _whole().filter(pk__in=[one.pk for one in wanted]):
        problem = send(notice, now)
        state, sent_at = (State.FAILED, None) if problem else (State.SENT, now)
        Notice.objects.filter(pk=notice.pk).update(
            state=state, sent_at=sent_at, tried_at=now, problem=problem, attempts=1
        )


def _claim(now: datetime) -> Notice | None:
    with db.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "forgotten": now - FORGOTTEN})
        row = cursor.fetchone()
    return _whole().get(pk=row[0]) if row else None


def _whole() -> QuerySet[Notice]:
    return Notice.objects.select_related("alert__clinic", "user", "place__connection__clinic", "place__clinic")


def _note(notice: Notice, problem: str, now: datetime) -> None:
    rows = Notice.objects.filter(pk=notice.pk)
    if not problem:
        rows.update(state=State.SENT, sent_at=now, problem="")
        return
    logger.warning("alert notice not sent: notice=%s channel=%s %s", notice.pk, notice.channel, problem)
    if notice.attempts > len(WAITS):
        rows.update(state=State.FAILED, problem=problem)
    else:
        rows.update(state=State.WAITING, problem=problem, not_before=now + WAITS[notice.attempts - 1])


def send(notice: Notice, now: datetime) -> str:
    """Send one notice; return a code when it did not go out. Raises KeyError when its rule is gone."""
    with translation.override(settings.LANGUAGE_CODE):
        message = message_of(notice, now)
    try:
        WAYS[Channel(notice.channel)](notice, message, now)
    except (NotSent, outside.NotDelivered) as error:
        return str(error)
    return ""


# Words ------------------------------------------------------------------------------------------------------------------


def message_of(notice: Notice, now: datetime) -> Message:
    """The text of a notice. Raises KeyError when its rule is gone."""
    rule = rule_of(notice.code)
    link = settings.PUBLIC_URL + reverse(rule.page)
    if notice.alert is None:
        subject = _("Test: %(title)s") % {"title": rule.title}
        return Message(subject, _("This is only a test. The way works; nothing has happened."), "", link)
    alert = notice.alert
    seen = settings.PUBLIC_URL + reverse("admin:bridge_alertrule_alert", args=[alert.pk])
    where = f"{alert.clinic.trade_name} · " if alert.clinic else ""
    if notice.kind == Kind.ENDED:
        lasted = amount((alert.ended_at or now) - alert.opened_at)
        subject = _("Solved: %(title)s") % {"title": rule.title}
        return Message(where + subject, _("It lasted %(time)s.") % {"time": lasted}, "", seen)
    return Message(
        where + _subject(notice, rule, alert.severity), rule.text(alert.facts, now), str(rule.advice), link, seen
    )


def _subject(notice: Notice, rule: Rule, severity: str) -> str:
    if notice.kind == Kind.AGAIN:
        return _("Still: %(title)s") % {"title": rule.title}
    if notice.kind == Kind.ESCALATED:
        return _("Nobody has looked yet: %(title)s") % {"title": rule.title}
    return _("%(severity)s: %(title)s") % {
        "severity": str(Severity(severity).label).capitalize(), "title": rule.title,
    }  # fmt: skip


# Ways ---------------------------------------------------------------------------------------------------------------------


def by_mail(notice: Notice, message: Message, now: datetime) -> None:
    if not settings.MAIL_IS_SET_UP:
        raise NotSent("no_mail")
    if notice.user is None or not notice.user.is_active:
        raise NotSent("account_ended")
    text = render_to_string("alerts/notice.txt", {"message": message})
    mail = EmailMultiAlternatives(f"[Ponte] {message.subject}", text, to=[notice.user.email])
    mail.attach_alternative(render_to_string("alerts/notice.html", {"message": message}), "text/html")
    try:
        mail.send()
    except OSError:
        raise NotSent("mail_server") from None


def by_chatwoot(notice: Notice, message: Message, now: datetime) -> None:
    place = notice.place
    if place is None or place.connection is None or place.conversation_id is None:
        raise NotSent("no_place")
    if place.connection.state == Connection.State.OFF:
        raise NotSent("connection_off")
    try:
        chatwoot_client(place.connection).private_note(place.conversation_id, message.text)
    except PartnerError as error:
        raise NotSent(error.code or "chatwoot") from None


def by_webhook(notice: Notice, message: Message, now: datetime) -> None:
    place = notice.place
    if place is None or place.secret is None:
        raise NotSent("no_place")
    try:
        secret = open_system(
            place.secret, context=place.secret_context, actor=Actor.system("alerts"), purpose=PurposeOfUse.SYSTEM
        )
    except Undecryptable:
        raise NotSent("secret") from None
    body = json.dumps(_told(notice, message), ensure_ascii=False).encode()
    outside.post(place.url, body, secret=secret, delivery=str(notice.pk), timestamp=int(now.timestamp()))


def _told(notice: Notice, message: Message) -> Mapping[str, object]:
    """What a program gets. Names of fields are part of the interface: add, never change."""
    alert = notice.alert
    return {
        "event": notice.kind,
        "code": notice.code,
        "alert": str(alert.pk) if alert else None,
        "severity": alert.severity if alert else None,
        "level": notice.level,
        "clinic": alert.clinic_id if alert else None,
        "opened_at": alert.opened_at.isoformat() if alert else None,
        "ended_at": alert.ended_at.isoformat() if alert and alert.ended_at else None,
        "title": message.subject,
        "text": message.sentence,
        "link": message.link,
    }


WAYS: Mapping[Notice.Channel, Callable[[Notice, Message, datetime], None]] = {
    Channel.MAIL: by_mail,
    Channel.CHATWOOT: by_chatwoot,
    Channel.WEBHOOK: by_webhook,
}
