"""What an alert rule is, and the list of them. Other apps add theirs when they are ready (insights: AL19)."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils.formats import number_format
from django.utils.functional import Promise

from bridge.models import Severity
from config.times import amount
from consent.roles import Role

TECHNICAL = (Role.TECHNICAL_ADMIN,)
MANAGER = (Role.CLINIC_MANAGER,)
DPO = (Role.DPO, Role.DPO_SUBSTITUTE)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Found:
    """One thing a rule finds now. `scope` names it among the rule's findings; a higher `level` is told once more.

    facts: numbers, and names of systems and connections, for the sentence; `since` is an ISO time. Never personal data.
    """

    scope: str
    clinic_id: int | None = None
    level: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)


class Rule(ABC):
    """One alert: what it asks, when it speaks, to whom. `severities` by level; the last one holds for all above."""

    code: ClassVar[str]
    title: ClassVar[str | Promise]
    sentence: ClassVar[str | Promise]  # with %(names)s of the facts, and %(time)s where they have `since`
    advice: ClassVar[str | Promise]
    audience: ClassVar[Collection[Role]]
    severities: ClassVar[tuple[Severity, ...]]
    threshold: ClassVar[float]
    unit: ClassVar[str | Promise]  # of the threshold
    page: ClassVar[str]  # name of the address that shows more
    then: ClassVar[Role | None] = None  # who is told when nobody looks
    then_after_min: ClassVar[int] = 60

    @abstractmethod
    def look(self, now: datetime, threshold: float) -> Iterable[Found]:
        """Ask the database. What is no longer found has ended."""

    def severity(self, level: int) -> Severity:
        return self.severities[min(level, len(self.severities)) - 1]

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        """The sentence, in the language in force."""
        values = {
            name: number_format(value) if isinstance(value, int | float) else value for name, value in facts.items()
        }
        if "since" in facts:
            values["time"] = amount(now - datetime.fromisoformat(facts["since"]))
        return str(self.sentence_for(facts)) % values

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        """Rules that ask several questions have a sentence for each."""
        return self.sentence


_rules: dict[str, Rule] = {}


def register(*rules: Rule) -> None:
    """Called in `AppConfig.ready()`."""
    _rules.update({rule.code: rule for rule in rules})


def all_rules() -> list[Rule]:
    return [_rules[code] for code in sorted(_rules)]


def rule_of(code: str) -> Rule:
    """Raises KeyError for a code no rule has (any more)."""
    return _rules[code]


def clinic_if_one(clinic_ids: Iterable[int]) -> int | None:
    """The clinic of what concerns one clinic only; None for what concerns several or all."""
    ids = set(clinic_ids)
    return ids.pop() if len(ids) == 1 else None
