"""Times as screens show them: short ages, clocks in the clinic's zone (screens section 1, rule 7)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def amount(age: timedelta) -> str:
    """A length of time in its largest unit: `12 s`, `14 min`, `5 h`, `3 dias`."""
    age = max(age, timedelta(0))
    if age < MINUTE:
        return _("%(n)d s") % {"n": age.seconds}
    if age < HOUR:
        return _("%(n)d min") % {"n": age // MINUTE}
    if age < 2 * DAY:
        return _("%(n)d h") % {"n": age // HOUR}
    return _("%(n)d days") % {"n": age // DAY}


def ago(when: datetime, now: datetime) -> str:
    """`há 14 min`, or `em 14 min` for what is still to come."""
    if when > now:
        return _("in %(time)s") % {"time": amount(when - now)}
    return _("%(time)s ago") % {"time": amount(now - when)}


def clock(when: datetime, zone: ZoneInfo, now: datetime) -> str:
    """The full time in the clinic's zone: `20/11 19:40:05`; with the year when it is not this one."""
    local = when.astimezone(zone)
    is_this_year = local.year == now.astimezone(zone).year
    return local.strftime("%d/%m %H:%M:%S" if is_this_year else "%d/%m/%Y %H:%M:%S")


def hour(when: datetime, zone: ZoneInfo, now: datetime) -> str:
    """A time in a sentence: `19:40` today, else `20/11 19:40`."""
    local = when.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    return local.strftime("%H:%M" if is_today else "%d/%m %H:%M")
