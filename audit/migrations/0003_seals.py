"""Signed rows, the chain over them, and where acts of people came from."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models

from config.db.operations import CreatePartitionedModel, FirstPartitions, SqlFile
from config.db.partitions import Step

NOW = django.db.models.functions.datetime.Now()


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_insert_only")]

    operations = [
        migrations.AddField(
            "auditlog",
            "access_ref",
            models.UUIDField(db_comment="Row of access_logs, which lives six months; no constraint.", null=True),
        ),
        # Rows written before this migration keep version 0: the chain protects them, no MAC does.
        migrations.AddField(
            "auditlog",
            "key_id",
            models.CharField(db_comment="Key of PONTE_AUDIT_KEYS that made row_mac.", default="", max_length=16),
            preserve_default=False,
        ),
        migrations.AddField(
            "auditlog",
            "row_mac",
            models.BinaryField(db_comment="HMAC-SHA-256 over all other columns.", default=b""),
            preserve_default=False,
        ),
        migrations.AddField(
            "auditlog",
            "version",
            models.SmallIntegerField(db_comment="Of the canonical form.", default=0),
            preserve_default=False,
        ),
        migrations.AlterField(
            "auditlog", "version", models.SmallIntegerField(db_comment="Of the canonical form.", default=1)
        ),
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
                ("quarter", models.DateField(primary_key=True, serialize=False)),
                ("first_segment", models.BigIntegerField()),
                ("last_segment", models.BigIntegerField()),
                ("dropped_at", models.DateTimeField(db_default=NOW, verbose_name="dropped")),
                ("key_id", models.CharField(max_length=16)),
                ("mac", models.BinaryField()),
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
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "quarter",
                    models.DateField(db_comment="First day of the quarter its rows lie in; segments never span two."),
                ),
                ("first_position", models.BigIntegerField()),
                ("last_position", models.BigIntegerField()),
                ("merkle_root", models.BinaryField()),
                ("head", models.BinaryField(db_comment="Head of the chain after the last entry.")),
                ("previous", models.BinaryField(db_comment="digest of the segment before; empty for the first.")),
                ("digest", models.BinaryField()),
                ("key_id", models.CharField(max_length=16)),
                ("mac", models.BinaryField()),
                ("sealed_at", models.DateTimeField(db_default=NOW, verbose_name="sealed")),
            ],
            options={
                "db_table": "audit_segments",
                "db_table_comment": "Closed runs of audit_seals with Merkle root and MAC. Insert only; outlive their rows.",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=NOW, verbose_name="when")),
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
                ("key_id", models.CharField(max_length=16)),
                ("mac", models.BinaryField()),
            ],
            options={
                "verbose_name": "check of the trail",
                "verbose_name_plural": "checks of the trail",
                "db_table": "audit_verifications",
                "db_table_comment": "Results of verify_audit. Insert only.",
                "default_permissions": ("view",),
            },
        ),
        CreatePartitionedModel(
            name="AccessLog",
            partition_by="created_at",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(db_default=NOW, editable=False, verbose_name="when")),
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
        ),
        CreatePartitionedModel(
            name="Seal",
            partition_by="created_at",
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
        FirstPartitions("access_logs", Step.MONTH),
        FirstPartitions("audit_seals", Step.QUARTER),
        SqlFile("0003_seals.sql"),
    ]
