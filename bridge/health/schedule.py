"""What runs by itself: in plain words, how often, how the last run went, when the next is due (screen B10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import crontab
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from bridge.health import runs
from bridge.models import RunResult

# Late is who missed two periods; a worker that is just busy with something long is not.
GRACE = timedelta(minutes=1)
SENT_IN_VAIN = 3  # so often asked for, and never once done


@dataclass(frozen=True)
class Told:
    """What a piece of work is called, and what it is for. `is_harmless`: people may start it by hand."""

    name: str | Promise
    what: str | Promise
    is_harmless: bool = True


WORDS: Mapping[str, Told] = {
    "config.tasks.partitions": Told(
        _("Make room"), _("Makes the tables of the coming two weeks, removes expired ones.")
    ),
    "bridge.tasks.refresh_settings": Told(
        _("Read the partners' settings"), _("Stages, attributes and names of inboxes of every connection.")
    ),
    "bridge.tasks.reconcile": Told(_("Poll what is due"), _("Fetches what webhooks missed; costs calls to partners.")),
    "bridge.tasks.reconcile_nightly": Told(
        _("Nightly comparison"), _("Looks for what vanished at the partners; costs many calls."), False
    ),
    "bridge.tasks.run_jobs": Told(_("Imports and reprocessing"), _("Goes on with the jobs people started.")),
    "bridge.tasks.watch_groups": Told(_("Sum up failures"), _("Keeps the groups of the page To solve.")),
    "bridge.tasks.panel": Told(_("Inboxes of attendants"), _("Reads which inboxes people of the panel belong to.")),
    "bridge.tasks.empty_old_bodies": Told(
        _("Empty old bodies"), _("Removes bodies of events seven days after they were read."), False
    ),
    "bridge.tasks.watch_health": Told(_("Health and alerts"), _("Measures, asks every alert rule, sends notices.")),
    "bridge.tasks.look_at_certificates": Told(
        _("Certificates"), _("Asks our own address and those of the partners until when their certificates hold.")
    ),
    "bridge.tasks.backup": Told(
        _("Backup"), _("An encrypted copy of the database, away from this server; old ones go."), False
    ),
    "bridge.tasks.test_restore": Told(
        _("Restore test"), _("Restores the newest backup into a database of its own, and compares."), False
    ),
    "audit.tasks.seal": Told(_("Seal the audit trail"), _("Gives new lines their place in the chain.")),
    "audit.tasks.verify": Told(_("Check the new part of the audit trail"), _("Compares new lines with their seals.")),
    "audit.tasks.verify_full": Told(_("Check the whole audit trail"), _("Reads all of it; takes long."), False),
    "insights.tasks.refresh_changed": Told(_("Numbers of what changed"), _("Brings the numbers up to date.")),
    "insights.tasks.refresh_nightly": Told(_("All numbers anew"), _("Computes every number again; takes long."), False),
    "consent.tasks.run_exports": Told(_("Collect exports"), _("Goes on with copies of people's data.")),
    "consent.tasks.destroy_expired_exports": Told(
        _("Destroy expired exports"), _("Removes packages whose time is over."), False
    ),
    "consent.tasks.send_codes": Told(
        _("Send codes by chat"), _("Codes that prove who asks, to people known by their telephone.")
    ),
    "consent.tasks.plan_retention": Told(_("List what is due"), _("The nightly list of retention; removes nothing.")),
    "consent.tasks.run_retention": Told(
        _("Retention"), _("Carries out lists that were approved, on the first of the month or at once."), False
    ),
    "consent.tasks.run_erasures": Told(_("Erasures"), _("Goes on with erasures that were approved."), False),
    "consent.tasks.verify_erasures": Told(
        _("Check erasures"), _("Looks whether what was erased is still gone, also at the partners.")
    ),
    "bridge.tasks.digests": Told(
        _("Summaries by mail"),
        _("Yesterday for the management at seven, Mondays for the technical administrator."),
        False,
    ),
    "consent.tasks.forget_documents": Told(
        _("Forget documents"), _("Removes documents of representatives once nobody needs them."), False
    ),
}


@dataclass(frozen=True)
class Line:
    """One piece of scheduled work. `next_at` None: it has never run, the next moment is the scheduler's."""

    key: str
    task: str
    told: Told
    period: timedelta
    result: RunResult | None
    next_at: datetime | None
    is_late: bool
    is_paused: bool


def lines(now: datetime) -> list[Line]:
    """Everything in the settings' schedule, in its order, and what else the scheduler's own table holds: two queries."""
    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval", "crontab")}
    more = {
        name: {"task": row.task, "schedule": row.schedule}
        for name, row in sorted(rows.items())
        if name not in settings.CELERY_BEAT_SCHEDULE and (row.interval_id or row.crontab_id)
    }
    entries: Mapping[str, Mapping[str, Any]] = {**settings.CELERY_BEAT_SCHEDULE, **more}
    results = runs.last(*(entry["task"] for entry in entries.values()))
    return [_line(key, entry, results.get(entry["task"]), rows.get(key), now) for key, entry in entries.items()]


def _line(
    key: str, entry: Mapping[str, Any], result: RunResult | None, row: PeriodicTask | None, now: datetime
) -> Line:
    task = entry["task"]
    period, next_at = due(entry["schedule"], result.at if result else now)
    is_paused = row is not None and not row.enabled
    in_vain = result is None and row is not None and row.total_run_count >= SENT_IN_VAIN and period < timedelta(days=1)
    is_late = in_vain or (result is not None and now > result.at + 2 * period + GRACE)
    return Line(
        key, task, WORDS.get(task, Told(key, "", is_harmless=False)), period, result, next_at if result else None,
        is_late and not is_paused, is_paused,
    )  # fmt: skip


def due(schedule: Any, last: datetime) -> tuple[timedelta, datetime]:
    """How long one period after `last` is, and when it ends."""
    if isinstance(schedule, crontab):
        following = _after(schedule, last)
        return _after(schedule, following) - following, following
    period: timedelta = schedule.run_every if hasattr(schedule, "run_every") else timedelta(seconds=float(schedule))
    return period, last + period


def _after(schedule: crontab, last: datetime) -> datetime:
    started, delta, _now = schedule.remaining_delta(last)
    following: datetime = started + delta
    return following
