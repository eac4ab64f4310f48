"""Long work a person starts (seed `sync_jobs`), and what people decide about groups of failures (screens B8 and B2)."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import LONG_AGO, Connection


class SyncJob(models.Model):
    """One piece of long work of one connection: planned, confirmed by a person, carried out in repeatable steps.

    The runner that holds `token` writes; who lost its lease writes nothing. No column holds personal data.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")  # the dry run is done; nobody has confirmed it
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("in progress")
        PAUSED = "paused", _("paused")
        CANCELLED = "cancelled", _("cancelled")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    class Hold(models.TextChoices):
        """Why a running job rests for a moment; it goes on by itself."""

        NONE = "", _("no")
        LIVE = "live", _("live traffic goes first")
        PARTNER = "partner", _("the partner does not answer")
        CONNECTION = "connection", _("the connection is paused")
        ERROR = "error", _("our error; Ponte tries again")

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="jobs", db_index=False, verbose_name=_("connection")
    )
    kind = models.CharField(_("what"), max_length=30, db_comment="Code of bridge.jobs.kinds")
    filter = models.JSONField(
        default=dict, db_comment="What it is limited to: ids, codes and times, never personal data"
    )
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=State,
        default=State.PLANNED,
        db_comment="planned, waiting, running, paused, cancelled, done or failed",
    )
    hold = models.CharField(
        max_length=10,
        choices=Hold,
        blank=True,
        db_comment="Why it rests for a moment: live, partner, connection, error",
    )

    estimate = models.JSONField(default=dict, db_comment="Counts of the dry run: items, people, calls, …")
    estimated_calls = models.BigIntegerField(default=0, db_comment="Calls to partners, from the dry run")
    total = models.BigIntegerField(default=0, db_comment="Items of the dry run; the work may meet fewer or more")
    done = models.BigIntegerField(default=0, db_default=0, db_comment="Items carried out")
    skipped = models.BigIntegerField(default=0, db_default=0, db_comment="Items that needed nothing or cannot be done")
    failed = models.BigIntegerField(default=0, db_default=0, db_comment="Items that failed; `causes` says why")
    calls = models.BigIntegerField(default=0, db_default=0, db_comment="Calls it made or gave rise to, as far as known")
    causes = models.JSONField(default=dict, db_comment="Failed items by code of bridge.causes")
    result = models.JSONField(default=dict, db_comment="Further counts of the kind; a kind says what it makes of them")
    cursor = models.JSONField(
        default=dict, db_comment="How far it came, in the kind's own terms; empty at the beginning"
    )

    rate_per_minute = models.PositiveIntegerField(
        _("calls per minute"),
        db_comment="Calls per minute it may give rise to, at most 30 percent of the partner's budget",
    )
    not_before = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="When the next step is due")
    lease_until = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="Until then one runner has it")
    token = models.BigIntegerField(default=0, db_default=0, db_comment="Fencing token: raised by every claim")
    errors_in_a_row = models.PositiveSmallIntegerField(default=0, db_default=0)

    reason = models.CharField(
        max_length=40, blank=True, db_comment="Code: why it was started, where a reason is needed"
    )
    created_by = models.ForeignKey(
        "consent.User", models.SET_NULL, null=True, related_name="+", verbose_name=_("started by")
    )
    created_at = models.DateTimeField(_("planned"), db_default=Now())
    confirmed_at = models.DateTimeField(null=True, db_comment="When a person confirmed the dry run")
    started_at = models.DateTimeField(null=True, db_comment="Its first step")
    finished_at = models.DateTimeField(null=True, db_comment="Done, cancelled or failed")

    class Meta:
        db_table = "sync_jobs"
        db_table_comment = "Long work that people start: dry run, progress, pause, continue, cancel"
        verbose_name = _("job")
        verbose_name_plural = _("Import and reprocess")
        constraints = [
            models.CheckConstraint(
                name="sync_jobs_state",
                condition=Q(state__in=["planned", "waiting", "running", "paused", "cancelled", "done", "failed"]),
            ),
        ]
        indexes = [
            # The runner's claim: who waits longest.
            models.Index(fields=["not_before"], name="sync_jobs_due", condition=Q(state__in=["waiting", "running"])),
            # Screen B8: newest first.
            models.Index(fields=["connection", "-id"], name="sync_jobs_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def seen(self) -> int:
        """Items it has met."""
        return self.done + self.skipped + self.failed

    @property
    def is_over(self) -> bool:
        return self.state in {self.State.DONE, self.State.CANCELLED, self.State.FAILED}

    @property
    def calls_per_item(self) -> float:
        return self.estimated_calls / self.total if self.total else 0.0

    def limits(self) -> dict[str, Any]:
        """The filter, for kinds: a copy nobody can change by accident."""
        return dict(self.filter)


class FailureGroup(models.Model):
    """What people decided about one group of screen B2. How many are in it is always counted, never stored as truth."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="failure_groups", db_index=False)
    cause = models.CharField(max_length=40, db_comment="Code of bridge.causes")
    opened_at = models.DateTimeField(db_default=Now(), db_comment="When the group was first seen, or came back")
    seen_at = models.DateTimeField(db_default=Now(), db_comment="When it was last seen with something in it")
    most = models.BigIntegerField(default=0, db_default=0, db_comment="The most events and steps it was seen with")
    done_at = models.DateTimeField(null=True, db_comment="When it was first seen empty; the row goes 30 days later")

    owner = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+")
    owned_at = models.DateTimeField(null=True)
    # Short, plain and checked (bridge.jobs.groups): a note about the matter, never about a person.
    note = models.CharField(
        max_length=200, blank=True, db_comment="Staff's note about the matter; numbers and addresses refused"
    )
    noted_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+")
    noted_at = models.DateTimeField(null=True)
    postponed_until = models.DateTimeField(null=True, db_comment="Until then it does not wait for anybody")
    discarded_at = models.DateTimeField(null=True, db_comment="When what was in it was given up")
    discarded_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+")
    discard_reason = models.CharField(max_length=40, blank=True, db_comment="Code: why it was given up")
    discarded = models.BigIntegerField(default=0, db_default=0, db_comment="How many events and steps were given up")

    class Meta:
        db_table = "failure_groups"
        db_table_comment = "Owner, note, postponement and end of each group of failures; screen B2"
        constraints = [models.UniqueConstraint(fields=["connection", "cause"], name="failure_groups_once")]
        indexes = [
            # Which rows are over for 30 days.
            models.Index(fields=["done_at"], name="failure_groups_done", condition=Q(done_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.cause}"
