"""Jobs as screens and commands show them: how far, how fast, how long still, and why they rest (screen B8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.jobs.kinds import KINDS, kind_of
from bridge.models import SyncJob
from bridge.queries.story_lines import cause_text
from bridge.queries.words import Word

State = SyncJob.State

STATE_WORDS: dict[str, tuple[Word, str | Promise]] = {
    State.PLANNED: (Word.POSTPONED, gettext_lazy("dry run")),
    State.WAITING: (Word.WAITING, Word.WAITING.label),
    State.RUNNING: (Word.RUNNING, Word.RUNNING.label),
    State.PAUSED: (Word.POSTPONED, gettext_lazy("paused")),
    State.CANCELLED: (Word.IGNORED, gettext_lazy("cancelled")),
    State.DONE: (Word.DONE, Word.DONE.label),
    State.FAILED: (Word.FAILED, Word.FAILED.label),
}

# What a dry run or a result counted, in words; a kind adds its own here.
COUNT_NAMES: dict[str, str | Promise] = {
    "items": gettext_lazy("items"),
    "people": gettext_lazy("people"),
    "leads": gettext_lazy("opportunities"),
    "notes": gettext_lazy("notes"),
    "conversations": gettext_lazy("conversations"),
    "messages": gettext_lazy("messages"),
    "events": gettext_lazy("events"),
    "steps": gettext_lazy("steps"),
    "calls": gettext_lazy("calls"),
    "without_identifier": gettext_lazy("contacts without phone, e-mail or identifier"),
    "other_inboxes": gettext_lazy("inboxes that belong elsewhere, left out"),
    "persons_in_crm": gettext_lazy("people in Krayin"),
    "persons_read": gettext_lazy("people read in Krayin"),
    "known": gettext_lazy("conversations known before"),
    "adopted": gettext_lazy("people linked"),
    "suggestions": gettext_lazy("possible duplicates for you to decide"),
    "without_match": gettext_lazy("people new to Krayin"),
    "kept": gettext_lazy("contacts that needed no person"),
    "differing": gettext_lazy("records that differ"),
    "gone": gettext_lazy("records that no longer exist"),
    "by_hand": gettext_lazy("stages moved by hand"),
    "missed": gettext_lazy("conversations only the check brought"),
    "kept_back": gettext_lazy("not possible (no longer kept)"),
}


@dataclass(frozen=True)
class Count:
    name: str
    text: str


def recent() -> QuerySet[SyncJob]:
    """Jobs, the newest first, with what a line of the list shows."""
    return SyncJob.objects.select_related("connection__clinic", "created_by").order_by("-pk")


def label_of(job: SyncJob) -> str:
    return str(kind_of(job.kind).label) if job.kind in KINDS else job.kind


def word_of(job: SyncJob) -> tuple[Word, str]:
    """Word and text for the state; a running job that rests says why."""
    if job.state == State.RUNNING and job.hold:
        return Word.WAITING, str(SyncJob.Hold(job.hold).label)
    word, text = STATE_WORDS[job.state]
    return word, str(text)


def percent_of(job: SyncJob) -> int:
    """How much of what the dry run found is behind it; 100 only when it is done."""
    if job.state == State.DONE:
        return 100
    return min(99, 100 * job.seen // job.total) if job.total else 0


def progress_text(job: SyncJob) -> str:
    """`120 de 340 feitos · 3 sem ação · 2 falharam`."""
    parts = [_("%(done)s of %(total)s done") % {"done": number_format(job.done), "total": number_format(job.total)}]
    if job.skipped:
        parts.append(_("%(n)s needed nothing") % {"n": number_format(job.skipped)})
    if job.failed:
        parts.append(_("%(n)s with an error") % {"n": number_format(job.failed)})
    return " · ".join(parts)


def causes_of(job: SyncJob) -> list[Count]:
    """Failed items by cause, the most frequent first."""
    ordered = sorted(job.causes.items(), key=lambda item: (-item[1], item[0]))
    return [Count(cause_text(cause), number_format(count) if count else "") for cause, count in ordered]


def counts_of(found: dict[str, int], *, leave_out: Sequence[str] = ()) -> list[Count]:
    """Counts with their names in words; those of nought are left out."""
    return [
        Count(str(COUNT_NAMES.get(name, name)), number_format(value))
        for name, value in found.items()
        if value and name not in leave_out
    ]


# Time -----------------------------------------------------------------------------------------------------------------


def duration_text(job: SyncJob, *, rate_per_minute: int | None = None) -> str:
    """How long what is left takes: `cerca de 5 h 30 a 60 chamadas/min`."""
    rate = rate_per_minute or job.rate_per_minute
    left = max(job.total - job.seen, 0) * job.calls_per_item
    if not left:
        return _("less than a minute")
    values = {"time": minutes_text(left / max(rate, 1)), "rate": number_format(rate)}
    return _("about %(time)s at %(rate)s calls/min") % values


def minutes_text(minutes: float) -> str:
    whole = max(1, round(minutes))
    if whole < 60:
        return _("%(n)d min") % {"n": whole}
    return _("%(hours)d h %(minutes)02d") % {"hours": whole // 60, "minutes": whole % 60}


def list_sentence(jobs: Sequence[SyncJob]) -> tuple[Word, str]:
    """The answer to the screen's question."""
    active = [job for job in jobs if job.state in {State.WAITING, State.RUNNING}]
    planned = sum(job.state == State.PLANNED for job in jobs)
    if len(active) == 1:
        values = {"what": label_of(active[0]), "percent": percent_of(active[0]), "time": duration_text(active[0])}
        return Word.RUNNING, _("%(what)s: %(percent)d %% done, %(time)s left.") % values
    if active:
        text = ngettext("%(n)d job is running.", "%(n)d jobs are running.", len(active))
        return Word.RUNNING, text % {"n": len(active)}
    if planned:
        text = ngettext("%(n)d dry run waits for your yes.", "%(n)d dry runs wait for your yes.", planned)
        return Word.WAITING, text % {"n": planned}
    return Word.DONE, _("Nothing is running.")
