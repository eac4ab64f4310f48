"""How soon an incident is told: versioned data; every incident keeps the version it was entered with (lgpd section 11)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from consent.calendar import CURRENT_HOLIDAYS, BusinessCalendar
from consent.requests.rules import Regime


@dataclass(frozen=True)
class Periods:
    """Business days by regime; from the knowledge (report), from the report (complement), from the end of a public
    notice (statement). A public notice stays for `notice_days` days: three months in the resolution, 90 days elsewhere,
    so the longer."""

    version: str
    report: Mapping[str, int]
    complement: Mapping[str, int]
    statement: Mapping[str, int]
    notice_days: int


_FULL, _SMALL = Regime.FULL.value, Regime.SMALL.value
# Unverified against the official text of Res. CD/ANPD 15/2024; an old version is never edited.
PERIODS: Mapping[str, Periods] = MappingProxyType(
    {
        "1": Periods(
            version="1",
            report=MappingProxyType({_FULL: 3, _SMALL: 6}),
            complement=MappingProxyType({_FULL: 20, _SMALL: 40}),
            statement=MappingProxyType({_FULL: 3, _SMALL: 3}),
            notice_days=92,
        ),
    }
)
CURRENT_PERIODS = "1"
CURRENT_CALENDAR = CURRENT_HOLIDAYS


def calendar_of(version: str) -> BusinessCalendar:
    return BusinessCalendar(version)
