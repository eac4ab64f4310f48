"""What insights adds to the alerts: AL19, and which clinics are open now."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from bridge.alerts.base import Found, Rule
from bridge.alerts.base import register as add
from bridge.alerts.operation import named, open_clinics, register_hours
from bridge.health.measures import at_work
from bridge.models import Severity
from consent.roles import Role
from insights.models import Unit
from insights.queries.waiting import waits


def register() -> None:
    """Called in `ready()`."""
    register_hours(open_now)
    add(PatientsWait())


class PatientsWait(Rule):
    code = "AL19"
    title = _("Patients wait for an answer")
    sentence = _("%(name)s: %(n)s conversations wait, the longest for %(longest)s min.")
    advice = _("Open Now: it lists who waits, the longest first.")
    audience = (Role.SUPERVISOR,)
    severities = (Severity.MEDIUM,)
    threshold, unit = 30, _("minutes in opening hours")
    page, then = "admin:insights_daycounts_now", Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        rows = at_work()
        is_open = open_clinics({row.clinic_id for row in rows}, now)
        by_id = {row.pk: row for row in rows if row.clinic_id in is_open}
        found: dict[int, list[float]] = {}
        for wait in waits(list(by_id.values()), now) if by_id else []:
            if wait.minutes > threshold:
                found.setdefault(wait.connection_id, []).append(wait.minutes)
        for pk, minutes in found.items():
            facts = {"name": named(by_id[pk]), "n": len(minutes), "longest": round(max(minutes))}
            yield Found(str(pk), by_id[pk].clinic_id, facts=facts)


def open_now(clinic_ids: Collection[int], now: datetime) -> set[int]:
    """Of these clinics those with a unit that is open, and those that entered no hours."""
    units = Unit.objects.filter(clinic__in=clinic_ids).select_related("clinic")
    known = [unit for unit in units.prefetch_related("hours", "closed_days") if unit.hours.all()]
    shut = {unit.clinic_id for unit in known} - {unit.clinic_id for unit in known if is_open(unit, now)}
    return set(clinic_ids) - shut


def is_open(unit: Unit, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(unit.time_zone or unit.clinic.time_zone))
    if any(closed.day == local.date() for closed in unit.closed_days.all()):
        return False
    minute = timedelta(hours=local.hour, minutes=local.minute) // timedelta(minutes=1)
    return any(
        row.weekday == local.isoweekday() and row.opens_min <= minute < row.closes_min for row in unit.hours.all()
    )
