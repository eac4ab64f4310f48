"""Erasures: what leaves, node by node, what stays and why, and the ledger that survives a restore (lgpd 5.5, screen C7)."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from consent.models.exports import LONG_AGO
from consent.models.requests import RequestItem
from consent.models.staff import Clinic
from consent.models.subjects import DataSubject


class Erasure(models.Model):
    """The erasure of one person: frozen, looked at, approved, carried out, verified; the key goes a day later."""

    class State(models.TextChoices):
        NEW = "new", _("being looked at")
        PLANNED = "planned", _("waiting for approval")
        APPROVED = "approved", _("approved")
        RUNNING = "running", _("being carried out")
        LEFT = "left", _("something is left")
        ERASED = "erased", _("erased; the key is destroyed later")
        DONE = "done", _("done")
        HELD = "held", _("held back by a legal hold")
        CANCELLED = "cancelled", _("cancelled")

    class Cause(models.TextChoices):
        REQUEST = "request", _("request of the titular")
        RETENTION = "retention", _("end of the retention period")
        ORDER = "order", _("order of the authority or a court")
        DPO = "dpo", _("decision of the data protection officer")
        RESTORE = "restore", _("repeated after a restore")

    OPEN: ClassVar = (State.NEW, State.PLANNED, State.APPROVED, State.RUNNING, State.LEFT)
    WORKED_ON: ClassVar = (State.NEW, State.APPROVED, State.RUNNING, State.ERASED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="+", db_index=False)
    subject = models.ForeignKey(DataSubject, models.PROTECT, verbose_name=_("person"), related_name="erasures")
    item = models.ForeignKey(
        RequestItem, models.PROTECT, null=True, related_name="+", db_comment="The right it carries out, if any."
    )
    cause = models.CharField(_("cause"), max_length=10, choices=Cause, default=Cause.REQUEST)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.NEW)
    policy_version = models.CharField(max_length=20, db_comment="Version of the retention table it was planned with.")

    counts = models.JSONField(default=dict, db_comment="Found per system and kind: numbers only.")
    stays = models.JSONField(default=list, db_comment="What stays: what, count, code, retention code, until.")
    warnings = models.JSONField(default=list, db_comment="Code and count of what people must look at first.")
    leftovers = models.JSONField(default=list, db_comment="After the run: system, kind, count, code.")
    has_clinical = models.BooleanField(_("clinical data"), default=False, db_comment="Two people approve it.")
    keeps_clinical = models.BooleanField(default=False, db_comment="The person received care: the record stays (R01).")

    planned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False,
        db_comment="Null: a program, for a request that was granted.",
    )  # fmt: skip
    planned_at = models.DateTimeField(_("begun"))
    first_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False,
        db_comment="First of two people.",
    )  # fmt: skip
    first_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("approved by"), null=True, related_name="+",
        db_index=False,
    )  # fmt: skip
    approved_at = models.DateTimeField(_("approved at"), null=True)
    erased_at = models.DateTimeField(_("erased at"), null=True, db_comment="Everything removed and read back.")
    key_due_at = models.DateTimeField(null=True, db_comment="When the data key is destroyed; null: it is kept.")
    key_kept_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False,
        db_comment="Who cancelled the destruction of the key.",
    )  # fmt: skip
    key_destroyed_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True, db_comment="When the answer to the request was ready.")

    not_before = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="When the next step is due.")
    lease_until = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="Until then a worker has it.")
    token = models.BigIntegerField(default=0, db_default=0, db_comment="Fencing token: raised by every claim.")

    class Meta:
        db_table = "erasures"
        db_table_comment = (
            "Erasures of people: scope, approval, verification, destruction of the key. No personal data."
        )
        verbose_name = _("erasure")
        verbose_name_plural = _("Erasures")
        default_permissions = ()
        ordering: ClassVar = ["-planned_at"]
        indexes: ClassVar = [
            # The worker's claim: what waits longest.
            models.Index(
                fields=["not_before"],
                name="idx_erasures_due",
                condition=Q(state__in=["new", "approved", "running", "erased"]),
            ),
            # Screen C7: newest first.
            models.Index(fields=["clinic", "-planned_at"], name="idx_erasures_recent"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject"],
                name="uq_erasures_open",
                condition=Q(state__in=["new", "planned", "approved", "running", "left"]),
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "new", "planned", "approved", "running", "left", "erased", "done", "held", "cancelled",
                    ]
                ),
                name="chk_erasures_state",
            ),
            models.CheckConstraint(
                condition=Q(cause__in=["request", "retention", "order", "dpo", "restore"]), name="chk_erasures_cause"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "running", "erased"])
                | Q(approved_at__isnull=False, approved_by__isnull=False)
                | Q(cause__in=["restore", "retention"]),
                name="chk_erasures_approved",
            ),
            # The key of who must be kept is kept.
            models.CheckConstraint(
                condition=Q(key_destroyed_at__isnull=True) | Q(keeps_clinical=False), name="chk_erasures_key"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)[:8]

    def may_cancel_key(self, now: datetime) -> bool:
        return self.state == self.State.ERASED and self.key_due_at is not None and self.key_destroyed_at is None


class ErasureNode(models.Model):
    """One thing to remove in one system, with what became of it. The numbers of partners go with the person's key."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("removed and read back")
        FAILED = "failed", _("failed")
        STAYS = "stays", _("stays")

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="nodes", db_index=False)
    ordinal = models.PositiveIntegerField(db_comment="Order of work; within one system each waits for those before.")
    system = models.CharField(max_length=60, db_comment="ponte, krayin.<number>, chatwoot.<connection>, recipient.")
    kind = models.CharField(max_length=24)
    remote_ids = ArrayField(
        models.BigIntegerField(), default=list, db_comment="Numbers at the partner; emptied with the key."
    )
    ref = models.CharField(max_length=64, blank=True, db_comment="Of recipients: the entry of the register.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True, db_comment="Last answer, or why it stays: a code.")
    not_before = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO)
    checked_at = models.DateTimeField(null=True, db_comment="When it was read back and was gone.")

    class Meta:
        db_table = "erasure_nodes"
        db_table_comment = "What an erasure removes, one row per thing: state, tries, answer, when it was read back."
        default_permissions = ()
        ordering: ClassVar = ["ordinal"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["erasure", "ordinal"], name="uq_erasure_nodes_ordinal"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "done", "failed", "stays"]), name="chk_erasure_nodes_state"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(checked_at__isnull=False), name="chk_erasure_nodes_checked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.kind} {self.state}"


class ErasureEntry(models.Model):
    """One line of the ledger of erasures. The same line stands outside the database. The database refuses changes."""

    class Kind(models.TextChoices):
        INTENT = "intent", _("intent")
        RESULTS = "results", _("results")
        KEY = "key", _("key destroyed")
        KEPT = "kept", _("key kept")

    id = models.BigAutoField(primary_key=True)
    erasure_ref = models.UUIDField(db_comment="Erasure, without constraint: after a restore there may be none.")
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    line = models.TextField(db_comment="The exact line: JSON with MAC, ids and counts only.")
    digest = models.CharField(max_length=64, unique=True, db_comment="SHA-256 of the line.")
    outside_at = models.DateTimeField(null=True, db_comment="When a place outside the database had it.")

    class Meta:
        db_table = "erasure_ledger"
        db_table_comment = "What was and is to be erased; the same lines stand outside the database. Insert only."
        default_permissions = ()
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["intent", "results", "key", "kept"]), name="chk_erasure_ledger_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.erasure_ref}"
