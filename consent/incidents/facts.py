"""What the register, the ANPD and the people are told of an incident (lgpd section 11): names, codes, who gets which."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.export.masking import Masker


class Aspect(TextChoices):
    CONFIDENTIALITY = "confidentiality", _("confidentiality: somebody saw or took them")
    INTEGRITY = "integrity", _("integrity: they were changed")
    AVAILABILITY = "availability", _("availability: they were lost or out of reach")
    AUTHENTICITY = "authenticity", _("authenticity: nobody knows whose they are")


class Criterion(TextChoices):
    """One of these beside the harm, and the law wants the report."""

    SENSITIVE = "sensitive", _("sensitive data, health included")
    VULNERABLE = "vulnerable", _("children, adolescents or elderly people")
    FINANCIAL = "financial", _("financial data")
    AUTHENTICATION = "authentication", _("data that open accounts")
    SECRECY = "secrecy", _("data under legal, judicial or professional secrecy")
    LARGE_SCALE = "large_scale", _("large scale")


class Answer(TextChoices):
    YES = "yes", _("yes")
    NO = "no", _("no")
    UNKNOWN = "unknown", _("not known yet")


class Risk(TextChoices):
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")


class Report(TextChoices):
    """What the ANPD is sent."""

    COMPLETE = "complete", _("complete")
    PRELIMINARY = "preliminary", _("preliminary: a complement follows")
    COMPLEMENT = "complement", _("complement")
    STATEMENT = "statement", _("statement that the people were told by a public notice")


class Telling(TextChoices):
    """How the people are told."""

    INDIVIDUAL = "individual", _("one by one")
    PUBLIC = "public", _("public notice, because they cannot be told one by one")


@dataclass(frozen=True)
class Facts:
    """Texts are plain and name nobody; numbers are None while nobody knows; `occurred_on` is a day as YYYY-MM-DD."""

    description: str = ""
    occurred_on: str = ""
    cause: str = ""
    aspects: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    people: int | None = None
    children: int | None = None
    adolescents: int | None = None
    elderly: int | None = None
    total: int | None = None
    may_harm: str = ""
    criteria: tuple[str, ...] = ()
    risk: str = ""
    impact: str = ""
    unintelligible: str = ""
    evidence: str = ""
    measures_before: str = ""
    measures_after: str = ""
    mitigation: str = ""
    delay: str = ""
    processor: str = ""

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """From the column of an entry; a name that is gone is left out."""
        known = {one.name for one in fields(cls)}
        listed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**{name: value for name, value in listed.items() if name in known})

    def stored(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def changed(self, **values: Any) -> "Facts":
        return replace(self, **values)

    @property
    def must_be_reported(self) -> bool | None:
        """What follows from the answers given; None while one is missing."""
        if self.may_harm == Answer.NO:
            return False
        if self.may_harm != Answer.YES:
            return None
        return bool(self.criteria)


NAMES: Mapping[str, str | Promise] = {
    "description": _("what happened"),
    "occurred_on": _("day it happened"),
    "cause": _("root cause"),
    "aspects": _("what was hurt"),
    "categories": _("data categories"),
    "people": _("people affected"),
    "children": _("children among them (under 12)"),
    "adolescents": _("teenagers among them (12 to 17)"),
    "elderly": _("elderly among them (60 or older)"),
    "total": _("people in the affected processing"),
    "may_harm": _("may it significantly affect people's interests and rights"),
    "criteria": _("what it involves"),
    "risk": _("risk for the people"),
    "impact": _("possible consequences for the people"),
    "unintelligible": _("were the data unintelligible (encrypted, keys safe)"),
    "evidence": _("evidence of it"),
    "measures_before": _("security measures before"),
    "measures_after": _("security measures since"),
    "mitigation": _("measures that undo or lessen the harm"),
    "delay": _("reasons for a delay"),
    "processor": _("processor concerned"),
}
CHOICES: Mapping[str, type[TextChoices]] = {
    "aspects": Aspect, "criteria": Criterion, "may_harm": Answer, "unintelligible": Answer, "risk": Risk,
}  # fmt: skip
TEXTS = (
    "description", "cause", "impact", "evidence", "measures_before", "measures_after", "mitigation", "delay", "processor",
)  # fmt: skip
COUNTS = ("people", "children", "adolescents", "elderly", "total")
# What is told besides the identity of controller and officer; those a report cannot do without come first.
TO_AUTHORITY = tuple(NAMES)
NEEDED_BY_AUTHORITY = ("description", "aspects", "categories", "people", "total", "measures_before", "measures_after",
                       "impact", "unintelligible", "mitigation")  # fmt: skip
NEEDED_BY_PEOPLE = ("description", "categories", "impact", "measures_after", "mitigation")


def missing(facts: Facts, needed: tuple[str, ...]) -> list[str]:
    """Names in words of what is still empty."""
    return [str(NAMES[name]) for name in needed if getattr(facts, name) in ("", (), None)]


def names_somebody(facts: Facts) -> list[str]:
    """Texts that hold a telephone, an e-mail address or a CPF: none of them belongs in the register."""
    return [name for name in TEXTS if (text := getattr(facts, name)) and Masker().masked(text) != text]
