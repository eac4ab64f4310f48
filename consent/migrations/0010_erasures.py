"""Erasures, their nodes, and the ledger that also stands outside the database (lgpd 5.5)."""

import uuid
from datetime import UTC, datetime

import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q
from django.db.models.deletion import CASCADE, PROTECT

from config.db.operations import SqlFile

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
STATES = [
    ("new", "being looked at"),
    ("planned", "waiting for approval"),
    ("approved", "approved"),
    ("running", "being carried out"),
    ("left", "something is left"),
    ("erased", "erased; the key is destroyed later"),
    ("done", "done"),
    ("held", "held back by a legal hold"),
    ("cancelled", "cancelled"),
]
CAUSES = [
    ("request", "request of the titular"),
    ("retention", "end of the retention period"),
    ("order", "order of the authority or a court"),
    ("dpo", "decision of the data protection officer"),
    ("restore", "repeated after a restore"),
]


def somebody(**more: object) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False, null=True, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, **more
    )


ERASURE = migrations.CreateModel(
    name="Erasure",
    fields=[
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        ("cause", models.CharField(choices=CAUSES, default="request", max_length=10, verbose_name="cause")),
        ("state", models.CharField(choices=STATES, default="new", max_length=10, verbose_name="state")),
        (
            "policy_version",
            models.CharField(db_comment="Version of the retention table it was planned with.", max_length=20),
        ),
        ("counts", models.JSONField(db_comment="Found per system and kind: numbers only.", default=dict)),
        (
            "stays",
            models.JSONField(db_comment="What stays: what, count, code, retention code, until.", default=list),
        ),
        (
            "warnings",
            models.JSONField(db_comment="Code and count of what people must look at first.", default=list),
        ),
        ("leftovers", models.JSONField(db_comment="After the run: system, kind, count, code.", default=list)),
        (
            "has_clinical",
            models.BooleanField(db_comment="Two people approve it.", default=False, verbose_name="clinical data"),
        ),
        (
            "keeps_clinical",
            models.BooleanField(db_comment="The person received care: the record stays (R01).", default=False),
        ),
        ("planned_at", models.DateTimeField(verbose_name="begun")),
        ("first_at", models.DateTimeField(null=True)),
        ("approved_at", models.DateTimeField(null=True, verbose_name="approved at")),
        (
            "erased_at",
            models.DateTimeField(db_comment="Everything removed and read back.", null=True, verbose_name="erased at"),
        ),
        (
            "key_due_at",
            models.DateTimeField(db_comment="When the data key is destroyed; null: it is kept.", null=True),
        ),
        ("key_destroyed_at", models.DateTimeField(null=True)),
        (
            "answered_at",
            models.DateTimeField(db_comment="When the answer to the request was ready.", null=True),
        ),
        (
            "not_before",
            models.DateTimeField(db_comment="When the next step is due.", db_default=LONG_AGO, default=LONG_AGO),
        ),
        (
            "lease_until",
            models.DateTimeField(db_comment="Until then a worker has it.", db_default=LONG_AGO, default=LONG_AGO),
        ),
        (
            "token",
            models.BigIntegerField(db_comment="Fencing token: raised by every claim.", db_default=0, default=0),
        ),
        ("approved_by", somebody(verbose_name="approved by")),
        (
            "clinic",
            models.ForeignKey(
                db_index=False, on_delete=PROTECT, related_name="+", to="consent.clinic", verbose_name="clinic"
            ),
        ),
        ("first_by", somebody(db_comment="First of two people.")),
        (
            "item",
            models.ForeignKey(
                db_comment="The right it carries out, if any.",
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to="consent.requestitem",
            ),
        ),
        ("key_kept_by", somebody(db_comment="Who cancelled the destruction of the key.")),
        ("planned_by", somebody(db_comment="Null: a program, for a request that was granted.")),
        (
            "subject",
            models.ForeignKey(
                on_delete=PROTECT, related_name="erasures", to="consent.datasubject", verbose_name="person"
            ),
        ),
    ],
    options={
        "db_table": "erasures",
        "db_table_comment": "Erasures of people: scope, approval, verification, destruction of the key. No personal data.",
        "verbose_name": "erasure",
        "verbose_name_plural": "Erasures",
        "ordering": ["-planned_at"],
        "default_permissions": (),
        "indexes": [
            models.Index(
                condition=Q(("state__in", ["new", "approved", "running", "erased"])),
                fields=["not_before"],
                name="idx_erasures_due",
            ),
            models.Index(fields=["clinic", "-planned_at"], name="idx_erasures_recent"),
        ],
        "constraints": [
            models.UniqueConstraint(
                condition=Q(("state__in", ["new", "planned", "approved", "running", "left"])),
                fields=("subject",),
                name="uq_erasures_open",
            ),
            models.CheckConstraint(
                condition=Q(
                    (
                        "state__in",
                        ["new", "planned", "approved", "running", "left", "erased", "done", "held", "cancelled"],
                    )
                ),
                name="chk_erasures_state",
            ),
            models.CheckConstraint(
                condition=Q(("cause__in", ["request", "retention", "order", "dpo", "restore"])),
                name="chk_erasures_cause",
            ),
            models.CheckConstraint(
                condition=Q(
                    Q(("state__in", ["approved", "running", "erased"]), _negated=True),
                    Q(("approved_at__isnull", False), ("approved_by__isnull", False)),
                    ("cause__in", ["restore", "retention"]),
                    _connector="OR",
                ),
                name="chk_erasures_approved",
            ),
            models.CheckConstraint(
                condition=Q(("key_destroyed_at__isnull", True), ("keeps_clinical", False), _connector="OR"),
                name="chk_erasures_key",
            ),
        ],
    },
)

NODE = migrations.CreateModel(
    name="ErasureNode",
    fields=[
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        (
            "ordinal",
            models.PositiveIntegerField(db_comment="Order of work; within one system each waits for those before."),
        ),
        (
            "system",
            models.CharField(db_comment="ponte, krayin.<number>, chatwoot.<connection>, recipient.", max_length=60),
        ),
        ("kind", models.CharField(max_length=24)),
        (
            "remote_ids",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_comment="Numbers at the partner; emptied with the key.",
                default=list,
                size=None,
            ),
        ),
        (
            "ref",
            models.CharField(blank=True, db_comment="Of recipients: the entry of the register.", max_length=64),
        ),
        (
            "state",
            models.CharField(
                choices=[
                    ("waiting", "waiting"),
                    ("done", "removed and read back"),
                    ("failed", "failed"),
                    ("stays", "stays"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
        ("tries", models.PositiveSmallIntegerField(default=0)),
        (
            "code",
            models.CharField(blank=True, db_comment="Last answer, or why it stays: a code.", max_length=40),
        ),
        ("not_before", models.DateTimeField(db_default=LONG_AGO, default=LONG_AGO)),
        (
            "checked_at",
            models.DateTimeField(db_comment="When it was read back and was gone.", null=True),
        ),
        (
            "erasure",
            models.ForeignKey(db_index=False, on_delete=CASCADE, related_name="nodes", to="consent.erasure"),
        ),
    ],
    options={
        "db_table": "erasure_nodes",
        "db_table_comment": "What an erasure removes, one row per thing: state, tries, answer, when it was read back.",
        "ordering": ["ordinal"],
        "default_permissions": (),
        "constraints": [
            models.UniqueConstraint(fields=("erasure", "ordinal"), name="uq_erasure_nodes_ordinal"),
            models.CheckConstraint(
                condition=Q(("state__in", ["waiting", "done", "failed", "stays"])), name="chk_erasure_nodes_state"
            ),
            models.CheckConstraint(
                condition=Q(Q(("state", "done"), _negated=True), ("checked_at__isnull", False), _connector="OR"),
                name="chk_erasure_nodes_checked",
            ),
        ],
    },
)

ENTRY = migrations.CreateModel(
    name="ErasureEntry",
    fields=[
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        (
            "erasure_ref",
            models.UUIDField(db_comment="Erasure, without constraint: after a restore there may be none."),
        ),
        (
            "kind",
            models.CharField(
                choices=[
                    ("intent", "intent"),
                    ("results", "results"),
                    ("key", "key destroyed"),
                    ("kept", "key kept"),
                ],
                max_length=8,
            ),
        ),
        ("at", models.DateTimeField()),
        ("line", models.TextField(db_comment="The exact line: JSON with MAC, ids and counts only.")),
        ("digest", models.CharField(db_comment="SHA-256 of the line.", max_length=64, unique=True)),
        (
            "outside_at",
            models.DateTimeField(db_comment="When a place outside the database had it.", null=True),
        ),
    ],
    options={
        "db_table": "erasure_ledger",
        "db_table_comment": "What was and is to be erased; the same lines stand outside the database. Insert only.",
        "ordering": ["pk"],
        "default_permissions": (),
        "constraints": [
            models.CheckConstraint(
                condition=Q(("kind__in", ["intent", "results", "key", "kept"])), name="chk_erasure_ledger_kind"
            ),
        ],
    },
)


class Migration(migrations.Migration):
    dependencies = [("consent", "0009_exports"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [ERASURE, NODE, ENTRY, SqlFile("0010_erasures.sql")]
