"""Holidays that the law sets for the whole country; states', municipalities' and own closures are entered."""

from datetime import date, timedelta

from django.db import transaction

from insights.models import ClosedDay, Unit

# Laws 662/1949, 6.802/1980 and 14.759/2023 (20 November, since 2024).
FIXED = {
    (1, 1): "Confraternização Universal",
    (4, 21): "Tiradentes",
    (5, 1): "Dia do Trabalho",
    (9, 7): "Independência do Brasil",
    (10, 12): "Nossa Senhora Aparecida",
    (11, 2): "Finados",
    (11, 15): "Proclamação da República",
    (12, 25): "Natal",
}
BLACK_AWARENESS_SINCE = 2024


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def national_holidays(year: int) -> dict[date, str]:
    days = {date(year, month, day): name for (month, day), name in FIXED.items()}
    days[easter(year) - timedelta(days=2)] = "Sexta-feira Santa"
    if year >= BLACK_AWARENESS_SINCE:
        days[date(year, 11, 20)] = "Consciência Negra"
    return days


@transaction.atomic
def close_on_national_holidays(unit: Unit, year: int) -> int:
    """Add the year's national holidays to the closed days of a unit; days already there stay as they are."""
    days = [
        ClosedDay(unit=unit, day=day, kind=ClosedDay.Kind.NATIONAL, name=name)
        for day, name in national_holidays(year).items()
    ]
    before = unit.closed_days.count()
    ClosedDay.objects.bulk_create(days, ignore_conflicts=True)
    return unit.closed_days.count() - before
