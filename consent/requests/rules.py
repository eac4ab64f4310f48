"""What each right is: article, period, identity, texts. Versioned data; every request stores its version (lgpd 1.3, 5.1).

A version is one file `rules_<version>.json`, in the language of the people who read it; an old one is never edited.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from consent.calendar import due_after_days

CURRENT_RULES = "2"


class Right(TextChoices):
    """The rights of lgpd section 5.1."""

    CONFIRMATION = "T01", _("Confirmation")
    ACCESS = "T02", _("Full access")
    COPY = "T03", _("Full copy")
    CORRECTION = "T04", _("Correction")
    UNLAWFUL = "T05", _("Anonymisation, blocking or erasure")
    PORTABILITY = "T06", _("Portability")
    ERASURE = "T07", _("Erasure of consented data")
    SHARING = "T08", _("Information on sharing")
    REFUSAL = "T09", _("Information on refusing")
    WITHDRAWAL = "T10", _("Withdrawal of consent")
    OPPOSITION = "T11", _("Opposition")
    REVIEW = "T12", _("Review of an automated decision")
    CLAUSES = "T13", _("Transfer clauses")
    COMPLAINT = "T14", _("Complaint to the data protection officer")


class Regime(TextChoices):
    FULL = "full", _("full")
    SMALL = "small", _("small processing entity")


class Proof(TextChoices):
    """How sure it has to be who asks (lgpd section 5.3), weakest first."""

    CHANNEL = "channel", _("control of the channel")
    FACT = "fact", _("control of the channel and one fact")
    TWO_CHANNELS = "two_channels", _("two channels, or in person")


@dataclass(frozen=True)
class RightRule:
    """`at_once`: what happens as soon as the person is known, before the decision; `health`: content may be clinical;
    `steps`: what people of the clinic do where no program carries it out."""

    right: Right
    name: str
    question: str
    article: str
    periods: Mapping[str, timedelta]
    nature: str
    identity: Proof
    automatic: bool = False
    health: bool = False
    at_once: str = ""
    steps: str = ""

    def due_at(self, received_at: datetime, regime: str, zone: ZoneInfo) -> datetime:
        """Days end with their last second; periods of hours run from the minute the request came in."""
        period = self.periods[regime]
        if period % timedelta(days=1) or period == timedelta(days=1):
            return received_at + period
        return due_after_days(received_at, period.days, zone)


@dataclass(frozen=True)
class Refusal:
    """A coded reason; `detail` says what the data protection officer must add, empty when nothing."""

    code: str
    name: str
    article: str
    text: str
    detail: str


@dataclass(frozen=True)
class Rules:
    version: str
    rights: Mapping[str, RightRule]
    refusals: Mapping[str, Refusal]
    texts: Mapping[str, str]


@cache
def rules(version: str = CURRENT_RULES) -> Rules:
    """Raises FileNotFoundError for a version that was never shipped."""
    told = json.loads((Path(__file__).parent / f"rules_{version}.json").read_text(encoding="utf-8"))
    return Rules(
        version=told["version"],
        rights={code: _right(code, one) for code, one in told["rights"].items()},
        refusals={code: Refusal(code, **one) for code, one in told["refusals"].items()},
        texts=told["texts"],
    )


def text_of(version: str, name: str) -> str:
    """A ready text of the request's own version; of today's where that one did not have it yet."""
    return rules(version).texts.get(name) or rules().texts[name]


def _right(code: str, told: dict) -> RightRule:
    return RightRule(
        right=Right(code),
        name=told["name"],
        question=told["question"],
        article=told["article"],
        periods={regime: timedelta(**told[regime]) for regime in Regime.values},
        nature=told["nature"],
        identity=Proof(told["identity"]),
        automatic=told.get("automatic", False),
        health=told.get("health", False),
        at_once=told.get("at_once", ""),
        steps=told.get("steps", ""),
    )
