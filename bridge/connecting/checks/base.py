"""What a check is, and running several of them over one look at the partners."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.connecting.look import Look
from bridge.connecting.problems import Text, problem_of
from bridge.errors import PartnerError
from bridge.models import Setup


class State(models.TextChoices):
    OK = "ok", gettext_lazy("in order")
    WARNING = "warning", gettext_lazy("attention")
    FAILED = "failed", gettext_lazy("to fix")
    UNKNOWN = "unknown", gettext_lazy("could not be checked")


@dataclass(frozen=True)
class Finding:
    """What one check found at `at`. `fix` is set unless all is well."""

    code: str
    state: State
    found: str
    fix: str = ""
    at: datetime | None = None

    @property
    def check(self) -> "Check":
        # Imported here: the list imports the checks, which import this module.
        from bridge.connecting.checks.listing import BY_CODE

        return BY_CODE[self.code]


class Check(ABC):
    """One thing that fails in practice.

    `reads` names the calls it needs (bridge.connecting.look); `look` may raise PartnerError for those, which becomes
    *could not be checked*, except in checks that explain exactly that error.
    """

    code: ClassVar[str]
    title: ClassVar[Text]
    why: ClassVar[Text]
    fix: ClassVar[Text]
    reads: ClassVar[frozenset[str]] = frozenset()
    repair_label: ClassVar[Text] = ""
    needs_connection: ClassVar[bool] = False

    @abstractmethod
    def look(self, look: Look) -> Finding:
        """Raises PartnerError when a read fails that another check explains."""

    def repair(self, look: Look) -> None:
        """Put it right. Only for checks with a `repair_label`. Raises PartnerError, CannotConnect."""
        raise LookupError(f"{self.code} cannot be put right from here")

    @property
    def can_fix(self) -> bool:
        return bool(self.repair_label)

    def ok(self, found: Text) -> Finding:
        return Finding(self.code, State.OK, str(found))

    def warn(self, found: Text, fix: Text | None = None) -> Finding:
        return Finding(self.code, State.WARNING, str(found), str(self.fix if fix is None else fix))

    def fail(self, found: Text, fix: Text | None = None) -> Finding:
        return Finding(self.code, State.FAILED, str(found), str(self.fix if fix is None else fix))

    def unknown(self, found: Text) -> Finding:
        return Finding(self.code, State.UNKNOWN, str(found))


def run(checks: Iterable[Check], look: Look) -> list[Finding]:
    """Make the checks in order. Never raises for a partner that fails."""
    now = timezone.now()
    return [_at(_one(check, look), now) for check in checks]


def _one(check: Check, look: Look) -> Finding:
    if check.needs_connection and not look.has_connection:
        return check.unknown(_("Only once the connection exists."))
    try:
        return check.look(look)
    except PartnerError as error:
        return check.unknown(problem_of(error).found)


def _at(finding: Finding, now: datetime) -> Finding:
    return Finding(finding.code, finding.state, finding.found, finding.fix, now)


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The first that must be fixed, in the order of the checks; None when nothing must."""
    return next((finding for finding in findings if finding.state == State.FAILED), None)


# Kept on the set-up, so that pages show them without asking anybody --------------------------------------------------


def keep(setup: Setup, findings: Iterable[Finding]) -> None:
    """Remember the newest finding of each check."""
    fresh = {
        f.code: {"state": f.state.value, "found": f.found, "fix": f.fix, "at": f.at.isoformat() if f.at else None}
        for f in findings
    }
    with transaction.atomic():
        row = Setup.objects.select_for_update().only("findings").get(pk=setup.pk)
        row.findings = {**row.findings, **fresh}
        row.save(update_fields=["findings"])
    setup.findings = row.findings


def findings_of(setup: Setup, checks: Iterable[Check]) -> list[Finding]:
    """What was found last, in the order of the checks; checks never made are left out."""
    return [_read(check.code, setup.findings[check.code]) for check in checks if check.code in setup.findings]


def _read(code: str, kept: Mapping[str, Any]) -> Finding:
    at = datetime.fromisoformat(kept["at"]) if kept.get("at") else None
    return Finding(code, State(kept["state"]), kept["found"], kept.get("fix", ""), at)
