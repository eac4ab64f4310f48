"""Checks: one small class for each thing that fails in practice, with what it found, why it matters and the fix."""

from bridge.connecting.checks.base import Check, Finding, State, findings_of, run, worst
from bridge.connecting.checks.listing import ALL, BY_CODE, CHATWOOT, KRAYIN, OWN, calls_of

__all__ = [
    "ALL",
    "BY_CODE",
    "CHATWOOT",
    "KRAYIN",
    "OWN",
    "Check",
    "Finding",
    "State",
    "calls_of",
    "findings_of",
    "run",
    "worst",
]
