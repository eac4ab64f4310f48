"""Who is told of an alert, by which way, and when: rows that bridge.alerts.sending carries out."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from bridge.alerts.base import Rule
from bridge.models import Alert, AlertPlace, AlertRule, Notice, Severity
from consent.models import Membership, User

Kind, Channel, State = Notice.Kind, Notice.Channel, Notice.State


def about(
    alert: Alert, kind: Notice.Kind, rule: Rule, chosen: AlertRule, now: datetime, *, roles: Collection[str] = ()
) -> None:
    """Note whom to tell. `roles`: instead of the rule's own audience and people (the next step)."""
    people = people_for(roles or rule.audience, alert.clinic_id)
    if not roles:
        people |= chosen_people(chosen)
    _write(alert, kind, people, chosen, not_before(alert, chosen, now))


def drop(alert: Alert) -> None:
    """What has not been told yet is told no more."""
    Notice.objects.filter(alert=alert, state__in=[State.WAITING, State.FAILED]).update(state=State.SKIPPED)


def about_end(alert: Alert, chosen: AlertRule, now: datetime) -> None:
    """Tell the end to whoever was told of the beginning; who was not yet is told nothing at all."""
    drop(alert)
    rows = Notice.objects.filter(alert=alert)
    told = rows.filter(state__in=[State.SENT, State.SENDING]).values_list("channel", "user_id", "place_id").distinct()
    when = not_before(alert, chosen, now)
    Notice.objects.bulk_create(
        Notice(
            code=alert.code, alert=alert, kind=Kind.ENDED, level=alert.level, channel=channel, user_id=user,
            place_id=place, not_before=when,
        )
        for channel, user, place in told
    )  # fmt: skip


def trial_of(rule: Rule, user: User, clinic_id: int | None, *, places: bool) -> list[Notice]:
    """Notices that only show that the ways work: to the person who asks, and to the clinic's places."""
    every = _ways({user}, AlertRule(code=rule.code), clinic_id)
    ways = [way for way in every if places or way[0] == Channel.MAIL]
    return Notice.objects.bulk_create(
        Notice(
            code=rule.code, kind=Kind.TEST, channel=channel, user=person, place=place, state=State.SENDING
        )  # no run of the minute may take it up, too: `tried_at` is empty
        for channel, person, place in ways
    )


def _write(alert: Alert, kind: Notice.Kind, people: Iterable[User], chosen: AlertRule, when: datetime) -> None:
    Notice.objects.bulk_create(
        (
            Notice(
                code=alert.code, alert=alert, kind=kind, level=alert.level, channel=channel, user=person, place=place,
                not_before=when,
            )
            for channel, person, place in _ways(people, chosen, alert.clinic_id)
        ),
        ignore_conflicts=True,
    )  # fmt: skip


def _ways(
    people: Iterable[User], chosen: AlertRule, clinic_id: int | None
) -> Iterator[tuple[Notice.Channel, User | None, AlertPlace | None]]:
    """Mail to each person; the clinic's own places, else those of the installation. Without mail Chatwoot is used."""
    if chosen.by_mail and settings.MAIL_IS_SET_UP:
        for person in sorted(people, key=lambda one: one.pk):
            yield Channel.MAIL, person, None
    wanted = {Channel.CHATWOOT: chosen.by_chatwoot or not settings.MAIL_IS_SET_UP, Channel.WEBHOOK: chosen.by_webhook}
    places = AlertPlace.objects.filter(Q(clinic=clinic_id) | Q(clinic=None)).order_by("clinic_id")  # nulls come last
    used: set[str] = set()
    for place in places:
        if wanted[Channel(place.kind)] and place.kind not in used:
            used.add(place.kind)
            yield Channel(place.kind), None, place


def people_for(roles: Collection[str], clinic_id: int | None) -> set[User]:
    """Active people with one of the roles in the clinic; in any clinic for what concerns all."""
    rows = Membership.objects.in_force().filter(role__in=list(roles), user__is_active=True)
    if clinic_id is not None:
        rows = rows.filter(Q(clinic=clinic_id) | Q(clinic=None))
    return {row.user for row in rows.select_related("user")}


def chosen_people(chosen: AlertRule) -> set[User]:
    """Who was added by hand; none for a rule nobody has changed."""
    return set() if chosen._state.adding else {person for person in chosen.people.all() if person.is_active}


# Quiet hours -----------------------------------------------------------------------------------------------------------


def not_before(alert: Alert, chosen: AlertRule, now: datetime) -> datetime:
    """Now, or the end of the quiet hours by the clinic's clock. What is critical waits for nobody's sleep."""
    if chosen.quiet_from is None or chosen.quiet_to is None or alert.severity == Severity.CRITICAL:
        return now
    zone = ZoneInfo(alert.clinic.time_zone if alert.clinic else settings.TIME_ZONE)
    local = now.astimezone(zone)
    if not is_quiet(local.time(), chosen.quiet_from, chosen.quiet_to):
        return now
    day = local.date() + timedelta(days=local.time() >= chosen.quiet_to)
    return datetime.combine(day, chosen.quiet_to, tzinfo=zone)


def is_quiet(at: time, begins: time, ends: time) -> bool:
    """Whether the time lies in the hours, also in those over midnight."""
    if begins <= ends:
        return begins <= at < ends
    return at >= begins or at < ends
