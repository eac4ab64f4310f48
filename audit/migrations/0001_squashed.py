import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.db.operations
import config.db.periods


class Migration(migrations.Migration):
    replaces = [("audit", "0001_initial"), ("audit", "0002_insert_only"), ("audit", "0003_seals")]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        config.db.operations.CreateModels(
            operations=[
                migrations.CreateModel(
                    name="Checkpoint",
                    fields=[
                        ("place", models.CharField(max_length=300, primary_key=True, serialize=False)),
                        ("segment", models.BigIntegerField(default=0)),
                        ("written_at", models.DateTimeField(null=True)),
                        ("problem", models.CharField(blank=True, max_length=100)),
                    ],
                    options={
                        "db_table": "audit_checkpoints",
                        "db_table_comment": "Up to which segment each place outside the database has been told",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Drop",
                    fields=[
                        ("key_id", models.CharField(max_length=16)),
                        ("mac", models.BinaryField()),
                        ("quarter", models.DateField(primary_key=True, serialize=False)),
                        ("first_segment", models.BigIntegerField()),
                        ("last_segment", models.BigIntegerField()),
                        (
                            "dropped_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="dropped"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "audit_drops",
                        "db_table_comment": "Quarters of audit_logs that retention dropped, signed. Insert only.",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Segment",
                    fields=[
                        ("key_id", models.CharField(max_length=16)),
                        ("mac", models.BinaryField()),
                        ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                        (
                            "quarter",
                            models.DateField(
                                db_comment="First day of the quarter its rows lie in; segments never span two."
                            ),
                        ),
                        ("first_position", models.BigIntegerField()),
                        ("last_position", models.BigIntegerField()),
                        ("merkle_root", models.BinaryField()),
                        ("head", models.BinaryField(db_comment="Head of the chain after the last entry.")),
                        (
                            "previous",
                            models.BinaryField(db_comment="digest of the segment before; empty for the first."),
                        ),
                        ("digest", models.BinaryField()),
                        (
                            "sealed_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="sealed"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "audit_segments",
                        "db_table_comment": "Closed runs of audit_seals with Merkle root and MAC. Insert only; outlive their rows.",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Unsealed",
                    fields=[
                        ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("created_at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "audit_unsealed",
                        "db_table_comment": "Rows of audit_logs that wait for the sealer",
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Verification",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key_id", models.CharField(max_length=16)),
                        ("mac", models.BinaryField()),
                        (
                            "at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="when"
                            ),
                        ),
                        (
                            "mode",
                            models.CharField(
                                choices=[("full", "full"), ("incremental", "since the last one")],
                                max_length=12,
                                verbose_name="kind",
                            ),
                        ),
                        ("rows", models.BigIntegerField(verbose_name="rows")),
                        ("last_position", models.BigIntegerField()),
                        ("last_segment", models.BigIntegerField()),
                        ("findings", models.JSONField(default=list, verbose_name="findings")),
                        ("seconds", models.FloatField(verbose_name="seconds")),
                    ],
                    options={
                        "verbose_name": "check of the trail",
                        "verbose_name_plural": "checks of the trail",
                        "db_table": "audit_verifications",
                        "db_table_comment": "Results of verify_audit. Insert only.",
                        "default_permissions": ("view",),
                    },
                ),
                config.db.operations.CreatePartitionedModel(
                    name="AccessLog",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="when",
                            ),
                        ),
                        ("user_id", models.BigIntegerField(null=True)),
                        ("ip", models.GenericIPAddressField(null=True)),
                        ("user_agent", models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        "db_table": "access_logs",
                        "db_table_comment": "Address and browser behind audit_logs.access_ref. By month, kept six months.",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["-created_at"], name="idx_access_logs_created_at")],
                    },
                    partition_by="created_at",
                ),
                config.db.operations.CreatePartitionedModel(
                    name="Seal",
                    fields=[
                        ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                        (
                            "created_at",
                            models.DateTimeField(db_comment="That of the row: seals and rows share their quarters."),
                        ),
                        ("entry_id", models.BigIntegerField()),
                        ("entry_hash", models.BinaryField()),
                        ("chain", models.BinaryField()),
                        ("segment", models.BigIntegerField()),
                    ],
                    options={
                        "db_table": "audit_seals",
                        "db_table_comment": "Chain over audit_logs in order of discovery. Insert only. By quarter of the row.",
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["entry_id"], name="idx_audit_seals_entry"),
                            models.Index(fields=["segment"], name="idx_audit_seals_segment"),
                        ],
                    },
                    partition_by="created_at",
                ),
                config.db.operations.CreatePartitionedModel(
                    name="AuditLog",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "timestamp",
                            models.DateTimeField(
                                db_column="created_at",
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="when",
                            ),
                        ),
                        (
                            "action",
                            models.CharField(
                                db_comment="create, update, delete, read, reveal, …",
                                max_length=50,
                                verbose_name="action",
                            ),
                        ),
                        (
                            "actor_type",
                            models.CharField(
                                choices=[
                                    ("staff", "Staff"),
                                    ("system", "System"),
                                    ("remote", "Partner system"),
                                    ("person", "Data subject"),
                                ],
                                max_length=8,
                                verbose_name="kind of actor",
                            ),
                        ),
                        (
                            "actor",
                            models.ForeignKey(
                                db_column="user_id",
                                db_comment="Set for staff; without constraint, because the row outlives the account.",
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="actor",
                            ),
                        ),
                        ("actor_ref", models.CharField(blank=True, max_length=64, verbose_name="actor's id")),
                        (
                            "clinic_id",
                            models.BigIntegerField(
                                db_comment="The controller; without constraint.", null=True, verbose_name="clinic"
                            ),
                        ),
                        (
                            "subject",
                            models.UUIDField(
                                db_comment="Pseudonym of consent.DataSubject, never its id.",
                                null=True,
                                verbose_name="person",
                            ),
                        ),
                        (
                            "object_type",
                            models.CharField(
                                blank=True, db_comment="app.Model", max_length=100, verbose_name="kind of object"
                            ),
                        ),
                        ("object_id", models.CharField(blank=True, max_length=64, verbose_name="object")),
                        (
                            "fields",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=100),
                                db_comment="Names.",
                                default=list,
                                size=None,
                                verbose_name="fields",
                            ),
                        ),
                        ("purpose", models.CharField(blank=True, max_length=32, verbose_name="purpose")),
                        (
                            "outcome",
                            models.CharField(
                                choices=[("ok", "Done"), ("denied", "Denied"), ("failed", "Failed")],
                                max_length=8,
                                verbose_name="outcome",
                            ),
                        ),
                        ("reason_code", models.CharField(blank=True, max_length=64, verbose_name="reason")),
                        ("request_id", models.CharField(blank=True, max_length=64, verbose_name="request")),
                        (
                            "access_ref",
                            models.UUIDField(
                                db_comment="Row of access_logs, which lives six months; no constraint.", null=True
                            ),
                        ),
                        ("version", models.SmallIntegerField(db_comment="Of the canonical form.", default=1)),
                        (
                            "key_id",
                            models.CharField(db_comment="Key of PONTE_AUDIT_KEYS that made row_mac.", max_length=16),
                        ),
                        ("row_mac", models.BinaryField(db_comment="HMAC-SHA-256 over all other columns.")),
                    ],
                    options={
                        "verbose_name": "audit entry",
                        "verbose_name_plural": "audit trail",
                        "db_table": "audit_logs",
                        "db_table_comment": "What happened, by whom. Insert only; no personal data. By quarter of created_at.",
                        "ordering": ["-timestamp"],
                        "get_latest_by": "timestamp",
                        "default_permissions": ("view",),
                        "indexes": [
                            models.Index(fields=["actor", "-timestamp"], name="idx_audit_logs_user"),
                            models.Index(
                                fields=["object_type", "object_id", "-timestamp"], name="idx_audit_logs_model"
                            ),
                            models.Index(fields=["action", "-timestamp"], name="idx_audit_logs_action"),
                            models.Index(fields=["-timestamp"], name="idx_audit_logs_created_at"),
                            models.Index(fields=["clinic_id", "-timestamp"], name="idx_audit_logs_clinic"),
                            models.Index(fields=["subject", "-timestamp"], name="idx_audit_logs_subject"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("actor_type__in", ["staff", "system", "remote", "person"])),
                                name="chk_audit_logs_actor_type",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["ok", "denied", "failed"])),
                                name="chk_audit_logs_outcome",
                            ),
                        ],
                    },
                    partition_by="timestamp",
                ),
            ],
        ),
        config.db.operations.SqlFile(
            name="0002_insert_only.sql",
        ),
        config.db.operations.FirstPartitions(
            table="audit_logs",
            step=config.db.periods.Step["QUARTER"],
        ),
        config.db.operations.FirstPartitions(
            table="access_logs",
            step=config.db.periods.Step["MONTH"],
        ),
        config.db.operations.FirstPartitions(
            table="audit_seals",
            step=config.db.periods.Step["QUARTER"],
        ),
        config.db.operations.SqlFile(
            name="0003_seals.sql",
        ),
    ]
