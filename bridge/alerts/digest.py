"""Summaries by mail (screens section 12): yesterday for each clinic's management at seven, Mondays the system's health.

Counts only, nobody's data. That one was sent is kept before it goes out: a summary is never sent twice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from bridge.alerts.base import MANAGER, TECHNICAL
from bridge.alerts.notices import people_for
from bridge.health import lines, runs
from bridge.models import Alert, Connection, Effect, ObservedConversation
from bridge.queries.stuck import stuck
from consent.models import Clinic, User

FIRST_HOUR, LAST_HOUR = 7, 12  # later nobody wants yesterday's summary any more
DAY = timedelta(days=1)
Kind = Effect.Kind


@dataclass(frozen=True)
class Digest:
    """One mail: a title, a sentence, numbers with their names, where to look."""

    subject: str
    numbers: Sequence[tuple[str, str]]
    waiting: str
    link: str


def send_due(now: datetime) -> dict[str, int]:
    """Send what is due; return the number of mails. None without a mail server."""
    if not settings.MAIL_IS_SET_UP:
        return {"mails": 0}
    sent = 0
    with translation.override(settings.LANGUAGE_CODE):
        for clinic in Clinic.objects.filter(connections__state__in=["active", "shadow"]).distinct():
            people = people_for(MANAGER, clinic.pk)
            sent += _once(f"digest {clinic.pk}", ZoneInfo(clinic.time_zone), now, people, daily_of(clinic, now))
        if now.astimezone(ZoneInfo(settings.TIME_ZONE)).weekday() == 0:
            everybody = people_for(TECHNICAL, None)
            sent += _once("digest system", ZoneInfo(settings.TIME_ZONE), now, everybody, weekly_of(now))
    return {"mails": sent}


def _once(name: str, zone: ZoneInfo, now: datetime, people: Iterable[User], make: Callable[[], Digest]) -> int:
    local = now.astimezone(zone)
    last = runs.last(name).get(name)
    if not FIRST_HOUR <= local.hour < LAST_HOUR or (last and last.at.astimezone(zone).date() == local.date()):
        return 0
    runs.record(name, True, now)
    digest = make()
    return sum(_mail(person, digest) for person in people)


def _mail(person: User, digest: Digest) -> int:
    mail = EmailMultiAlternatives(
        f"[Ponte] {digest.subject}", render_to_string("alerts/digest.txt", {"digest": digest}), to=[person.email]
    )
    mail.attach_alternative(render_to_string("alerts/digest.html", {"digest": digest}), "text/html")
    try:
        return mail.send()
    except OSError:
        return 0


def daily_of(clinic: Clinic, now: datetime) -> Callable[[], Digest]:
    """Yesterday of a clinic, in five numbers, and what waits."""

    def make() -> Digest:
        zone = ZoneInfo(clinic.time_zone)
        yesterday = now.astimezone(zone).date() - DAY
        rows = Connection.objects.filter(clinic=clinic).select_related("clinic", "krayin")
        connections = list(rows.prefetch_related("breakers"))
        n = stuck(connections, now=now).needs_somebody
        waiting = _("%(n)s matters wait for you.") % {"n": number_format(n)} if n else _("Nothing waits for you.")
        subject = _("%(clinic)s: %(day)s in five numbers") % {
            "clinic": clinic.trade_name, "day": date_format(yesterday, "SHORT_DATE_FORMAT"),
        }  # fmt: skip
        return Digest(
            subject, _numbers(connections, yesterday, zone), waiting, settings.PUBLIC_URL + reverse("admin:index")
        )

    return make


def _numbers(connections: Sequence[Connection], day: date, zone: ZoneInfo) -> list[tuple[str, str]]:
    begins = datetime.combine(day, time(), tzinfo=zone)
    ids, ends = [row.pk for row in connections], datetime.combine(day + DAY, time(), tzinfo=zone)
    started = ObservedConversation.objects.filter(connection__in=ids, started_at__gte=begins, started_at__lt=ends)
    done = Effect.objects.filter(
        connection__in=ids, state=Effect.State.CONFIRMED, confirmed_at__gte=begins, confirmed_at__lt=ends
    )
    counts = done.aggregate(
        people=Count("pk", filter=Q(kind=Kind.CREATE_PERSON)),
        leads=Count("pk", filter=Q(kind=Kind.CREATE_LEAD)),
        notes=Count("pk", filter=Q(kind__in=[Kind.CREATE_NOTE, Kind.SET_NOTE])),
        stages=Count("pk", filter=Q(kind=Kind.SET_STAGE)),
    )
    named = (
        (_("conversations received"), started.count()),
        (_("people created"), counts["people"]),
        (_("opportunities created"), counts["leads"]),
        (_("notes written"), counts["notes"]),
        (_("stages moved"), counts["stages"]),
    )
    return [(name, number_format(n)) for name, n in named]


def weekly_of(now: datetime) -> Callable[[], Digest]:
    """How the system stands, and what happened in the week."""

    def make() -> Digest:
        found = lines.lines(now)
        _word, sentence = lines.worst(found)
        week = Alert.objects.filter(opened_at__gt=now - 7 * DAY)
        numbers = [
            (_("alerts of the week"), number_format(week.count())),
            (_("still open"), number_format(Alert.objects.filter(ended_at=None).count())),
            *((line.title, line.value) for line in found if not line.is_well),
        ]
        link = settings.PUBLIC_URL + reverse("admin:bridge_runresult_health")
        return Digest(_("The week of the system"), numbers, sentence, link)

    return make
