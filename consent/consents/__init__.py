"""Consent (lgpd section 4): asked, given, refused, withdrawn; always with proof, always for one purpose."""

from consent.consents.acts import grant, invalidate, refuse, request, withdraw, withdraw_all
from consent.consents.errors import (
    ActRefused,
    AskGuardian,
    BringEvidence,
    NewerActExists,
    NotAskedHere,
    PersonClosed,
    ShowTextFirst,
    TextMissing,
)
from consent.consents.evidence import Evidence
from consent.consents.state import Check, MayAsk, check, may_ask, standing

__all__ = [
    "ActRefused",
    "AskGuardian",
    "BringEvidence",
    "Check",
    "Evidence",
    "MayAsk",
    "NewerActExists",
    "NotAskedHere",
    "PersonClosed",
    "ShowTextFirst",
    "TextMissing",
    "check",
    "grant",
    "invalidate",
    "may_ask",
    "refuse",
    "request",
    "standing",
    "withdraw",
    "withdraw_all",
]
