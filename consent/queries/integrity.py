"""Is the audit trail whole? What the sealer, the checks and the places outside say of it (screen D3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit import checkpoints
from audit.models import Checkpoint, Segment, Unsealed, Verification
from audit.verifying import Kind, last_clean
from config.times import ago, amount

LATE_AFTER = timedelta(seconds=60)
OLD_AFTER = timedelta(hours=25)
SMALL = 50_000
CHECKS_SHOWN = 10
FINDINGS_SHOWN = 50

KINDS: dict[str, str | Promise] = {
    Kind.MODIFIED: gettext_lazy("changed after it was sealed"),
    Kind.FORGED: gettext_lazy("not written by Ponte"),
    Kind.FOREIGN_KEY: gettext_lazy("signed with an unknown key"),
    Kind.MISSING: gettext_lazy("line gone"),
    Kind.INSERTED: gettext_lazy("put in from outside"),
    Kind.REORDERED: gettext_lazy("order changed"),
    Kind.GAP: gettext_lazy("seal gone"),
    Kind.SEGMENT: gettext_lazy("segment changed or gone"),
    Kind.DROPPED: gettext_lazy("whole segment gone"),
    Kind.CUT: gettext_lazy("end cut off"),
    Kind.REWRITTEN: gettext_lazy("history rewritten"),
    Kind.LATE: gettext_lazy("waiting too long for its seal"),
}


@dataclass(frozen=True)
class Place:
    """One place outside the database, by its number: its address may be nobody's business."""

    number: int
    is_address: bool
    written_at: datetime | None
    untold_since: datetime | None  # when the first segment was sealed that it has not been told of
    problem: str

    def is_old(self, now: datetime) -> bool:
        """Whether something has waited for it for a day. Where nothing happens, an old file is right."""
        return self.untold_since is not None and now - self.untold_since > OLD_AFTER


@dataclass(frozen=True)
class State:
    now: datetime
    sealed_at: datetime | None
    rows: int
    waiting_since: datetime | None
    places: Sequence[Place]
    last: Verification | None
    last_full: Verification | None
    new_rows: int  # since the last clean check

    @property
    def delay(self) -> timedelta:
        """How long the oldest row has waited for its seal."""
        return max(self.now - self.waiting_since, timedelta(0)) if self.waiting_since else timedelta(0)

    @property
    def findings(self) -> list[dict[str, str]]:
        return list(self.last.findings) if self.last else []

    @property
    def problems(self) -> list[str]:
        """Why this is red, in words; none when the trail is whole as far as anybody knows."""
        told = []
        if self.findings:
            n = len(self.findings)
            told.append(
                ngettext("The last check found %(n)d problem.", "The last check found %(n)d problems.", n) % {"n": n}
            )
        if self.delay > LATE_AFTER:
            told.append(_("Rows have waited for their seal for %(time)s.") % {"time": amount(self.delay)})
        for place in self.places:
            if place.is_old(self.now):
                told.append(old_place(place, self.now))
        if len(self.places) < 2:
            told.append(_("Fewer than two places outside the database are told of the trail."))
        return told

    @property
    def is_small(self) -> bool:
        return self.new_rows <= SMALL


def state(*, now: datetime) -> State:
    last_segment = Segment.objects.order_by("-number").first()
    known = {row.place: row for row in Checkpoint.objects.all()}
    checks = Verification.objects.order_by("-pk")
    clean = last_clean()
    rows = last_segment.last_position if last_segment else 0
    return State(
        now=now,
        sealed_at=last_segment.sealed_at if last_segment else None,
        rows=rows,
        waiting_since=Unsealed.objects.aggregate(first=Min("created_at"))["first"],
        places=[place_of(n, place, known.get(place)) for n, place in enumerate(checkpoints.places(), 1)],
        last=checks.first(),
        last_full=checks.filter(mode=Verification.Mode.FULL).first(),
        new_rows=max(0, rows - (clean.last_position if clean else 0)),
    )


def place_of(number: int, place: str, row: Checkpoint | None) -> Place:
    untold = Segment.objects.filter(number__gt=row.segment if row else 0).order_by("number").first()
    return Place(
        number,
        is_address=place.startswith("https://"),
        written_at=row.written_at if row else None,
        untold_since=untold.sealed_at if untold else None,
        problem=row.problem if row else "",
    )


def sentence(state: State) -> str:
    """The answer to the screen's question."""
    if state.problems:
        return _("The trail needs attention. %(why)s") % {"why": state.problems[0]}
    if state.sealed_at is None:
        return _("The trail is still empty.")
    sealed = _("last seal %(ago)s") % {"ago": ago(state.sealed_at, state.now)}
    if state.last is None:
        return _("No sign of a problem, %(sealed)s; nobody has checked all of it yet.") % {"sealed": sealed}
    checked = _("last check %(ago)s") % {"ago": ago(state.last.at, state.now)}
    return _("The trail is whole: %(sealed)s, %(checked)s.") % {"sealed": sealed, "checked": checked}


def old_place(place: Place, now: datetime) -> str:
    if place.written_at is None:
        return _("Place %(n)d outside the database was never told of the trail.") % {"n": place.number}
    time = amount(now - place.written_at)
    return _("Place %(n)d outside the database has heard nothing for %(time)s.") % {"n": place.number, "time": time}


# Findings in words -----------------------------------------------------------------------------------------------------

PLACES: tuple[tuple[re.Pattern[str], str | Promise], ...] = (
    (re.compile(r"row (\d+) at position (\d+)"), gettext_lazy("row %(a)s, position %(b)s")),
    (re.compile(r"row (\d+), not sealed yet"), gettext_lazy("row %(a)s, not sealed yet")),
    (re.compile(r"row (\d+)"), gettext_lazy("row %(a)s")),
    (re.compile(r"(\d+) rows"), gettext_lazy("%(a)s rows")),
    (re.compile(r"position (\d+) is unsigned and follows signed rows"),
     gettext_lazy("position %(a)s is unsigned and follows signed rows")),
    (re.compile(r"segments (\d+) to (\d+) are gone"), gettext_lazy("segments %(a)s to %(b)s are gone")),
    (re.compile(r"segment (\d+) does not continue (\d+)"), gettext_lazy("segment %(a)s does not continue %(b)s")),
    (re.compile(r"segment (\d+) was changed"), gettext_lazy("segment %(a)s was changed")),
    (re.compile(r"segment (\d+): all (\d+) rows are gone"), gettext_lazy("segment %(a)s: all %(b)s rows are gone")),
    (re.compile(r"segment (\d+): the chain does not run through its rows"),
     gettext_lazy("segment %(a)s: the chain does not run through its rows")),
    (re.compile(r"segment (\d+): no seal at (.+)"), gettext_lazy("segment %(a)s: no seal at %(b)s")),
    (re.compile(r"seals of unknown segment (-?\d+)"), gettext_lazy("seals of unknown segment %(a)s")),
    (re.compile(r"checkpoint place (\d+) knows segments (\d+) to (\d+)"),
     gettext_lazy("place %(a)s outside knows segments %(b)s to %(c)s, the database does not")),
    (re.compile(r"checkpoint place (\d+) knows (\d+) segments otherwise"),
     gettext_lazy("place %(a)s outside knows %(b)s segments otherwise")),
)  # fmt: skip


def finding_words(finding: dict[str, Any]) -> tuple[str, str]:
    """What is wrong, and where."""
    return str(KINDS.get(finding.get("kind", ""), finding.get("kind", ""))), where_words(str(finding.get("where", "")))


def where_words(where: str) -> str:
    for pattern, words in PLACES:
        held = pattern.fullmatch(where)
        if held:
            values = dict(zip("abc", held.groups(), strict=False))
            return str(words) % {name: value.replace(" to ", "–") for name, value in values.items()}
    return where
