"""Retention: periods chosen by clinics, lists and their approval, people who wait for a decision (lgpd 3.2, 3.3)."""

import uuid

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q
from django.db.models.deletion import CASCADE, PROTECT, SET_NULL

from config.db.operations import SqlFile

SHA256 = "^[0-9a-f]{64}$"

PERIOD = migrations.CreateModel(
    name="RetentionPeriod",
    fields=[
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        (
            "code",
            models.CharField(db_comment="Code of the retention table.", max_length=4, verbose_name="data category"),
        ),
        ("number", models.PositiveIntegerField(verbose_name="version")),
        (
            "table_version",
            models.CharField(db_comment="Retention table whose bounds were checked.", max_length=20),
        ),
        ("years", models.PositiveSmallIntegerField(default=0)),
        ("months", models.PositiveSmallIntegerField(default=0)),
        ("days", models.PositiveSmallIntegerField(default=0)),
        ("hours", models.PositiveSmallIntegerField(default=0)),
        ("reason", models.CharField(max_length=300, verbose_name="reason")),
        ("valid_from", models.DateTimeField(verbose_name="valid from")),
        (
            "chosen_by",
            models.ForeignKey(
                db_index=False,
                on_delete=PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        (
            "clinic",
            models.ForeignKey(
                db_index=False, on_delete=PROTECT, related_name="+", to="consent.clinic", verbose_name="clinic"
            ),
        ),
    ],
    options={
        "verbose_name": "retention period",
        "verbose_name_plural": "retention periods",
        "db_table": "retention_periods",
        "db_table_comment": "Maximum periods chosen by clinics within the bounds of the retention table. Insert only.",
        "default_permissions": (),
        "constraints": [
            models.UniqueConstraint(fields=("clinic", "code", "number"), name="uq_retention_periods_number"),
            models.CheckConstraint(
                condition=Q(("years__gt", 0), ("months__gt", 0), ("days__gt", 0), ("hours__gt", 0), _connector="OR"),
                name="chk_retention_periods_length",
            ),
        ],
    },
)

RUN = migrations.CreateModel(
    name="RetentionRun",
    fields=[
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        (
            "state",
            models.CharField(
                choices=[
                    ("planned", "waits for approval"),
                    ("nothing", "nothing is due"),
                    ("approved", "approved"),
                    ("running", "in progress"),
                    ("done", "done"),
                ],
                default="planned",
                max_length=8,
                verbose_name="state",
            ),
        ),
        ("table_version", models.CharField(db_comment="Retention table it was planned with.", max_length=20)),
        (
            "periods",
            models.JSONField(db_comment="Period by category: years, months, days, hours.", default=dict),
        ),
        (
            "planned_at",
            models.DateTimeField(db_comment="What was due then; what became due later waits.", verbose_name="planned"),
        ),
        (
            "plan_hash",
            models.CharField(
                blank=True,
                db_comment="SHA-256 chained over the ordered list: sweep and key of each row.",
                max_length=64,
            ),
        ),
        (
            "counts",
            models.JSONField(db_comment="Rows on the list, by sweep and month in which they became due.", default=dict),
        ),
        ("conflicts", models.JSONField(db_comment="Due rows that stay, by sweep and reason.", default=dict)),
        (
            "forecast",
            models.JSONField(db_comment="What becomes due in the next 12 months, by sweep and month.", default=dict),
        ),
        ("approved_at", models.DateTimeField(null=True, verbose_name="approved")),
        ("begin_at", models.DateTimeField(null=True, verbose_name="begins")),
        ("started_at", models.DateTimeField(null=True)),
        ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
        (
            "done_chain",
            models.CharField(
                blank=True,
                db_comment="The same chain over the rows carried out so far; equals plan_hash at last.",
                max_length=64,
            ),
        ),
        (
            "cursor",
            models.BigIntegerField(db_comment="Id of the last row of the list that was looked at.", default=0),
        ),
        (
            "done",
            models.JSONField(db_comment="Rows carried out, by sweep and month in which they became due.", default=dict),
        ),
        (
            "kept",
            models.JSONField(db_comment="Rows of the list that stayed, by sweep and reason.", default=dict),
        ),
        ("batches", models.PositiveIntegerField(default=0)),
        (
            "longest_ms",
            models.FloatField(db_comment="Longest time any row was locked, milliseconds.", default=0),
        ),
        ("lease_until", models.DateTimeField(db_comment="Until then a worker has it.", null=True)),
        ("token", models.BigIntegerField(db_comment="Fencing token: raised by every claim.", default=0)),
        (
            "approved_by",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="approved by",
            ),
        ),
        (
            "clinic",
            models.ForeignKey(
                db_comment="Null: whole partitions and staff accounts, which belong to no single clinic.",
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to="consent.clinic",
                verbose_name="clinic",
            ),
        ),
    ],
    options={
        "verbose_name": "retention run",
        "verbose_name_plural": "retention",
        "db_table": "retention_runs",
        "db_table_comment": "Retention: dry runs, their approval and what was carried out. Counts only (lgpd 3.3).",
        "default_permissions": (),
        "indexes": [models.Index(fields=["clinic", "-planned_at"], name="idx_retention_runs_clinic")],
        "constraints": [
            models.UniqueConstraint(
                condition=Q(("state__in", ["planned", "nothing", "approved", "running"])),
                fields=("clinic",),
                name="uq_retention_runs_open",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(
                    Q(("approved_at", None), ("approved_by", None), ("state__in", ["planned", "nothing"])),
                    Q(
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                        ("begin_at__isnull", False),
                        ("state__in", ["approved", "running", "done"]),
                    ),
                    _connector="OR",
                ),
                name="chk_retention_runs_approved",
            ),
            models.CheckConstraint(condition=Q(("plan_hash__regex", SHA256)), name="chk_retention_runs_hash"),
            models.CheckConstraint(
                condition=Q(Q(("state", "done"), _negated=True), ("finished_at__isnull", False), _connector="OR"),
                name="chk_retention_runs_done",
            ),
        ],
    },
)

ITEM = migrations.CreateModel(
    name="RetentionItem",
    fields=[
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        ("sweep", models.CharField(db_comment="Name of the sweep, consent.retention.", max_length=24)),
        (
            "key",
            models.CharField(db_comment="Our own id of the row, or the name of a partition.", max_length=80),
        ),
        (
            "subject",
            models.UUIDField(db_comment="DataSubject.id; without constraint: a million rows at once.", null=True),
        ),
        (
            "number",
            models.CharField(blank=True, db_comment="Number of the conversation, for holds on it.", max_length=20),
        ),
        ("due_at", models.DateTimeField()),
        (
            "state",
            models.CharField(
                choices=[
                    ("planned", "on the list"),
                    ("removing", "being removed"),
                    ("held", "a legal hold keeps it"),
                    ("blocked", "blocked by the data protection officer or an authority"),
                    ("changed", "no longer due, or gone already"),
                    ("needed", "still needed by data that are not due"),
                ],
                default="planned",
                max_length=8,
            ),
        ),
        (
            "was_listed",
            models.BooleanField(
                db_comment="On the approved list, and not carried out: a difference to name.",
                db_default=False,
                default=False,
            ),
        ),
        (
            "run",
            models.ForeignKey(db_index=False, on_delete=CASCADE, related_name="items", to="consent.retentionrun"),
        ),
    ],
    options={
        "db_table": "retention_items",
        "db_table_comment": "The rows of retention lists that are not carried out (yet).",
        "default_permissions": (),
        "indexes": [models.Index(fields=["run", "id"], name="idx_retention_items_run")],
        "constraints": [
            models.CheckConstraint(
                condition=Q(("state__in", ["planned", "removing", "held", "blocked", "changed", "needed"])),
                name="chk_retention_items_state",
            ),
        ],
    },
)

CASE = migrations.CreateModel(
    name="RetentionCase",
    fields=[
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        (
            "kind",
            models.CharField(
                choices=[
                    ("review", "review of a patient's record"),
                    ("erasure", "erasure in Ponte, Chatwoot and Krayin"),
                ],
                max_length=7,
                verbose_name="what",
            ),
        ),
        ("code", models.CharField(max_length=4, verbose_name="data category")),
        ("table_version", models.CharField(max_length=20)),
        ("anchor_at", models.DateTimeField(db_comment="When the period began to run.")),
        ("due_at", models.DateTimeField(verbose_name="due since")),
        ("opened_at", models.DateTimeField()),
        (
            "outcome",
            models.CharField(
                blank=True,
                choices=[
                    ("keep", "kept; look again later"),
                    ("handed", "handed to the patient"),
                    ("research", "kept for research"),
                    ("erase", "to be erased"),
                    ("erased", "erased"),
                    ("not_due", "no longer due"),
                ],
                max_length=8,
                verbose_name="outcome",
            ),
        ),
        (
            "document",
            models.CharField(
                blank=True, db_comment="Minutes or receipt; no names.", max_length=120, verbose_name="document"
            ),
        ),
        ("again_on", models.DateField(null=True, verbose_name="look again by")),
        ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
        (
            "decided_by",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        (
            "run",
            models.ForeignKey(
                db_index=False, null=True, on_delete=SET_NULL, related_name="cases", to="consent.retentionrun"
            ),
        ),
        (
            "subject",
            models.ForeignKey(
                db_index=False,
                on_delete=PROTECT,
                related_name="retention_cases",
                to="consent.datasubject",
                verbose_name="person",
            ),
        ),
    ],
    options={
        "verbose_name": "retention case",
        "verbose_name_plural": "retention cases",
        "db_table": "retention_cases",
        "db_table_comment": "People whose data are due and wait for a decision: records to review, erasures to begin.",
        "default_permissions": (),
        "indexes": [
            models.Index(condition=Q(("outcome", "")), fields=["kind", "due_at"], name="idx_retention_cases_open")
        ],
        "constraints": [
            models.UniqueConstraint(
                condition=Q(("outcome", "")), fields=("subject", "kind"), name="uq_retention_cases_open"
            ),
            models.CheckConstraint(condition=Q(("kind__in", ["review", "erasure"])), name="chk_retention_cases_kind"),
            models.CheckConstraint(
                condition=Q(
                    Q(("decided_at", None), ("outcome", "")),
                    Q(
                        ("decided_at__isnull", False),
                        ("outcome__in", ["keep", "handed", "research", "erase", "erased", "not_due"]),
                    ),
                    _connector="OR",
                ),
                name="chk_retention_cases_outcome",
            ),
        ],
    },
)


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0010_erasures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [PERIOD, RUN, ITEM, CASE, SqlFile("0011_retention.sql")]
