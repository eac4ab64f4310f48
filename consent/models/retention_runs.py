"""Retention: what each clinic chose, what a run was approved to remove, what it did, and what waits for people (lgpd 3)."""

import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.datamap.retention import Period
from consent.models.holds import SHA256
from consent.models.staff import Clinic
from consent.models.subjects import DataSubject

# Periods as columns and in JSON: years, months, days, hours.
UNITS = ("years", "months", "days", "hours")


def units_of(period: Period) -> list[int]:
    return [getattr(period, unit) for unit in UNITS]


class RetentionPeriod(models.Model):
    """A clinic's own maximum for one category, within its bounds; the newest counts, none means ours. Insert only."""

    id = models.BigAutoField(primary_key=True)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="+", db_index=False)
    code = models.CharField(_("data category"), max_length=4, db_comment="Code of the retention table.")
    number = models.PositiveIntegerField(_("version"))
    table_version = models.CharField(max_length=20, db_comment="Retention table whose bounds were checked.")
    years = models.PositiveSmallIntegerField(default=0)
    months = models.PositiveSmallIntegerField(default=0)
    days = models.PositiveSmallIntegerField(default=0)
    hours = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(_("reason"), max_length=300)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("decided by"), related_name="+", db_index=False
    )
    valid_from = models.DateTimeField(_("valid from"))

    class Meta:
        db_table = "retention_periods"
        db_table_comment = "Maximum periods chosen by clinics within the bounds of the retention table. Insert only."
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        default_permissions = ()
        constraints: ClassVar = [
            # Finds the newest choice of each category, too.
            models.UniqueConstraint(fields=["clinic", "code", "number"], name="uq_retention_periods_number"),
            models.CheckConstraint(
                condition=models.Q(years__gt=0) | models.Q(months__gt=0) | models.Q(days__gt=0) | models.Q(hours__gt=0),
                name="chk_retention_periods_length",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.number}"

    @property
    def period(self) -> Period:
        return Period(**{unit: getattr(self, unit) for unit in UNITS})


class RetentionRun(models.Model):
    """One list of what is due, and what became of it. Without clinic: what lies in tables of the whole installation."""

    class State(models.TextChoices):
        PLANNED = "planned", _("waits for approval")
        NOTHING = "nothing", _("nothing is due")
        APPROVED = "approved", _("approved")
        RUNNING = "running", _("in progress")
        DONE = "done", _("done")

    # A clinic has one of them; the daily dry run writes it anew until somebody approves it.
    OPEN: ClassVar = (State.PLANNED, State.NOTHING, State.APPROVED, State.RUNNING)
    DECIDED: ClassVar = (State.APPROVED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(
        Clinic, models.PROTECT, verbose_name=_("clinic"), null=True, related_name="+", db_index=False,
        db_comment="Null: whole partitions and staff accounts, which belong to no single clinic.",
    )  # fmt: skip
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PLANNED)
    table_version = models.CharField(max_length=20, db_comment="Retention table it was planned with.")
    periods = models.JSONField(db_comment="Period by category: years, months, days, hours.", default=dict)
    planned_at = models.DateTimeField(_("planned"), db_comment="What was due then; what became due later waits.")
    plan_hash = models.CharField(
        max_length=64, blank=True, db_comment="SHA-256 chained over the ordered list: sweep and key of each row."
    )
    counts = models.JSONField(db_comment="Rows on the list, by sweep and month in which they became due.", default=dict)
    conflicts = models.JSONField(db_comment="Due rows that stay, by sweep and reason.", default=dict)
    forecast = models.JSONField(db_comment="What becomes due in the next 12 months, by sweep and month.", default=dict)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("approved by"), null=True, related_name="+",
        db_index=False,
    )  # fmt: skip
    approved_at = models.DateTimeField(_("approved"), null=True)
    begin_at = models.DateTimeField(_("begins"), null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    done_chain = models.CharField(
        max_length=64,
        blank=True,
        db_comment="The same chain over the rows carried out so far; equals plan_hash at last.",
    )
    cursor = models.BigIntegerField(default=0, db_comment="Id of the last row of the list that was looked at.")
    done = models.JSONField(db_comment="Rows carried out, by sweep and month in which they became due.", default=dict)
    kept = models.JSONField(db_comment="Rows of the list that stayed, by sweep and reason.", default=dict)
    batches = models.PositiveIntegerField(default=0)
    longest_ms = models.FloatField(default=0, db_comment="Longest time any row was locked, milliseconds.")
    lease_until = models.DateTimeField(null=True, db_comment="Until then a worker has it.")
    token = models.BigIntegerField(default=0, db_comment="Fencing token: raised by every claim.")

    class Meta:
        db_table = "retention_runs"
        db_table_comment = "Retention: dry runs, their approval and what was carried out. Counts only (lgpd 3.3)."
        verbose_name = _("retention run")
        verbose_name_plural = _("retention")
        default_permissions = ()
        indexes: ClassVar = [
            # The runs of a clinic, newest first.
            models.Index(fields=["clinic", "-planned_at"], name="idx_retention_runs_clinic"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic"], name="uq_retention_runs_open", nulls_distinct=False,
                condition=models.Q(state__in=["planned", "nothing", "approved", "running"]),
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["planned", "nothing"], approved_by=None, approved_at=None)
                | models.Q(
                    state__in=["approved", "running", "done"], approved_by__isnull=False, approved_at__isnull=False,
                    begin_at__isnull=False,
                ),
                name="chk_retention_runs_approved",
            ),
            models.CheckConstraint(
                condition=models.Q(plan_hash__regex=SHA256), name="chk_retention_runs_hash"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="done") | models.Q(finished_at__isnull=False), name="chk_retention_runs_done"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def listed(self) -> int:
        return total(self.counts)

    @property
    def is_exact(self) -> bool:
        """Whether exactly the approved list was carried out."""
        return self.state == self.State.DONE and self.done_chain == self.plan_hash

    def period(self, code: str) -> Period:
        return Period(**dict(zip(UNITS, self.periods[code], strict=True)))


def total(counts: Mapping[str, Mapping[str, int]]) -> int:
    """All rows of counts by sweep and month, or by sweep and reason."""
    return sum(n for by in counts.values() for n in by.values())


class RetentionItem(models.Model):
    """One row of a list. Those carried out leave with what they stood for; those that stayed say why."""

    class State(models.TextChoices):
        PLANNED = "planned", _("on the list")
        REMOVING = "removing", _("being removed")
        HELD = "held", _("a legal hold keeps it")
        BLOCKED = "blocked", _("blocked by the data protection officer or an authority")
        CHANGED = "changed", _("no longer due, or gone already")
        NEEDED = "needed", _("still needed by data that are not due")

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(RetentionRun, models.CASCADE, related_name="items", db_index=False)
    sweep = models.CharField(max_length=24, db_comment="Name of the sweep, consent.retention.")
    key = models.CharField(max_length=80, db_comment="Our own id of the row, or the name of a partition.")
    subject = models.UUIDField(null=True, db_comment="DataSubject.id; without constraint: a million rows at once.")
    number = models.CharField(max_length=20, blank=True, db_comment="Number of the conversation, for holds on it.")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.PLANNED)
    was_listed = models.BooleanField(
        default=False, db_default=False, db_comment="On the approved list, and not carried out: a difference to name."
    )

    class Meta:
        db_table = "retention_items"
        db_table_comment = "The rows of retention lists that are not carried out (yet)."
        default_permissions = ()
        indexes: ClassVar = [
            # The list in its order, batch by batch.
            models.Index(fields=["run", "id"], name="idx_retention_items_run"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=["planned", "removing", "held", "blocked", "changed", "needed"]),
                name="chk_retention_items_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sweep} {self.key}"


class RetentionCase(models.Model):
    """A person whose data are due and whom people decide about: a patient's record, or an erasure over both partners."""

    class Kind(models.TextChoices):
        REVIEW = "review", _("review of a patient's record")
        ERASURE = "erasure", _("erasure in Ponte, Chatwoot and Krayin")

    class Outcome(models.TextChoices):
        KEEP = "keep", _("kept; look again later")
        HANDED = "handed", _("handed to the patient")
        RESEARCH = "research", _("kept for research")
        ERASE = "erase", _("to be erased")
        ERASED = "erased", _("erased")
        NOT_DUE = "not_due", _("no longer due")

    # What a person may decide about a record (Lei 13.787 Art. 6 §2 to §4).
    DECISIONS: ClassVar = (Outcome.KEEP, Outcome.HANDED, Outcome.RESEARCH, Outcome.ERASE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("person"), related_name="retention_cases", db_index=False
    )
    kind = models.CharField(_("what"), max_length=7, choices=Kind)
    code = models.CharField(_("data category"), max_length=4)
    table_version = models.CharField(max_length=20)
    anchor_at = models.DateTimeField(db_comment="When the period began to run.")
    due_at = models.DateTimeField(_("due since"))
    opened_at = models.DateTimeField()
    run = models.ForeignKey(RetentionRun, models.SET_NULL, null=True, related_name="cases", db_index=False)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome, blank=True)
    document = models.CharField(_("document"), max_length=120, blank=True, db_comment="Minutes or receipt; no names.")
    again_on = models.DateField(_("look again by"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("decided by"), null=True, related_name="+",
        db_index=False,
    )  # fmt: skip
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        db_table = "retention_cases"
        db_table_comment = "People whose data are due and wait for a decision: records to review, erasures to begin."
        verbose_name = _("retention case")
        verbose_name_plural = _("retention cases")
        default_permissions = ()
        indexes: ClassVar = [
            # What waits, the oldest first.
            models.Index(fields=["kind", "due_at"], name="idx_retention_cases_open", condition=models.Q(outcome="")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "kind"], name="uq_retention_cases_open", condition=models.Q(outcome="")
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["review", "erasure"]), name="chk_retention_cases_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="", decided_at=None)
                | models.Q(
                    outcome__in=["keep", "handed", "research", "erase", "erased", "not_due"], decided_at__isnull=False
                ),
                name="chk_retention_cases_outcome",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)[:8]
