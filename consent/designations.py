"""Who is the data protection officer on a day, and days without one (lgpd section 13)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from consent.models import Clinic, DpoDesignation

ONE_DAY = timedelta(days=1)
Part = DpoDesignation.Part


@dataclass(frozen=True)
class Officer:
    """Who answers for the clinic, as it is published."""

    name: str
    contact: str
    is_substitute: bool = False
    publication_address: str = ""


@dataclass(frozen=True)
class Gap:
    """Days on which nobody was designated, both included; `ends` None: until further notice."""

    begins: date
    ends: date | None


def on_day(rows: Iterable[DpoDesignation], day: date) -> DpoDesignation | None:
    """The officer of the day, else the substitute."""
    held = [row for row in rows if row.starts_on <= day and (row.ends_on is None or day <= row.ends_on)]
    return min(held, key=lambda row: (row.part != Part.DPO, -row.starts_on.toordinal()), default=None)


def today_of(clinic: Clinic, now: datetime) -> date:
    return now.astimezone(ZoneInfo(clinic.time_zone)).date()


def officer_of(clinic: Clinic, now: datetime) -> Officer:
    """From the register; what the clinic's form says where the register is empty."""
    row = on_day(clinic.designations.all(), today_of(clinic, now))
    if row is None:
        return Officer(clinic.dpo_name, clinic.dpo_contact or clinic.contact_email)
    name = f"{row.name} ({row.responsible_person})" if row.responsible_person else row.name
    return Officer(name, row.contact, row.part == Part.SUBSTITUTE, row.publication_address)


def gaps(rows: Sequence[DpoDesignation], today: date) -> list[Gap]:
    """Days since the first designation, and from today on, that no officer and no substitute covers."""
    if not rows:
        return [Gap(today, None)]
    found, covered_to = [], min(row.starts_on for row in rows) - ONE_DAY
    for row in sorted(rows, key=lambda one: one.starts_on):
        if row.starts_on > covered_to + ONE_DAY:
            found.append(Gap(covered_to + ONE_DAY, row.starts_on - ONE_DAY))
        if row.ends_on is None:
            return found
        covered_to = max(covered_to, row.ends_on)
    return [*found, Gap(covered_to + ONE_DAY, None)]
