"""The register of incidents: entering, clocks in business days, who is affected, telling with proof (lgpd 11; C10)."""

from consent.incidents.estimate import Estimate, Reach, Scope, estimate
from consent.incidents.facts import Facts
from consent.incidents.proposals import Proposal, proposals
from consent.incidents.register import (
    Refused,
    ToAuthority,
    ToPersons,
    change,
    close,
    decide,
    facts_of,
    is_intact,
    open_incident,
    told_authority,
    told_persons,
)
from consent.incidents.timers import Clock, Timer, open_timers, timers_of

__all__ = [
    "Clock",
    "Estimate",
    "Facts",
    "Proposal",
    "Reach",
    "Refused",
    "Scope",
    "Timer",
    "ToAuthority",
    "ToPersons",
    "change",
    "close",
    "decide",
    "estimate",
    "facts_of",
    "is_intact",
    "open_incident",
    "open_timers",
    "proposals",
    "timers_of",
    "told_authority",
    "told_persons",
]
