"""Jobs (screen B8), what people decide about groups of failures (B2), and steps that were given up or forced."""

import datetime

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0002_partitions_and_views")]

    operations = [
        migrations.CreateModel(
            name="SyncJob",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="jobs",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
                ("kind", models.CharField(db_comment="Code of bridge.jobs.kinds", max_length=30, verbose_name="what")),
                (
                    "filter",
                    models.JSONField(
                        db_comment="What it is limited to: ids, codes and times, never personal data", default=dict
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "planned"),
                            ("waiting", "waiting"),
                            ("running", "in progress"),
                            ("paused", "paused"),
                            ("cancelled", "cancelled"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        db_comment="planned, waiting, running, paused, cancelled, done or failed",
                        default="planned",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "hold",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "no"),
                            ("live", "live traffic goes first"),
                            ("partner", "the partner does not answer"),
                            ("connection", "the connection is paused"),
                            ("error", "our error; Ponte tries again"),
                        ],
                        db_comment="Why it rests for a moment: live, partner, connection, error",
                        max_length=10,
                    ),
                ),
                (
                    "estimate",
                    models.JSONField(db_comment="Counts of the dry run: items, people, calls, …", default=dict),
                ),
                (
                    "estimated_calls",
                    models.BigIntegerField(db_comment="Calls to partners, from the dry run", default=0),
                ),
                (
                    "total",
                    models.BigIntegerField(
                        db_comment="Items of the dry run; the work may meet fewer or more", default=0
                    ),
                ),
                ("done", models.BigIntegerField(db_comment="Items carried out", db_default=0, default=0)),
                (
                    "skipped",
                    models.BigIntegerField(
                        db_comment="Items that needed nothing or cannot be done", db_default=0, default=0
                    ),
                ),
                (
                    "failed",
                    models.BigIntegerField(db_comment="Items that failed; `causes` says why", db_default=0, default=0),
                ),
                (
                    "calls",
                    models.BigIntegerField(
                        db_comment="Calls it made or gave rise to, as far as known", db_default=0, default=0
                    ),
                ),
                ("causes", models.JSONField(db_comment="Failed items by code of bridge.causes", default=dict)),
                (
                    "result",
                    models.JSONField(
                        db_comment="Further counts of the kind; a kind says what it makes of them", default=dict
                    ),
                ),
                (
                    "cursor",
                    models.JSONField(
                        db_comment="How far it came, in the kind's own terms; empty at the beginning", default=dict
                    ),
                ),
                (
                    "rate_per_minute",
                    models.PositiveIntegerField(
                        db_comment="Calls per minute it may give rise to, at most 30 percent of the partner's budget",
                        verbose_name="calls per minute",
                    ),
                ),
                (
                    "not_before",
                    models.DateTimeField(
                        db_comment="When the next step is due",
                        db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                        default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                    ),
                ),
                (
                    "lease_until",
                    models.DateTimeField(
                        db_comment="Until then one runner has it",
                        db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                        default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                    ),
                ),
                (
                    "token",
                    models.BigIntegerField(db_comment="Fencing token: raised by every claim", db_default=0, default=0),
                ),
                ("errors_in_a_row", models.PositiveSmallIntegerField(db_default=0, default=0)),
                (
                    "reason",
                    models.CharField(
                        blank=True, db_comment="Code: why it was started, where a reason is needed", max_length=40
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="started by",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="planned"),
                ),
                ("confirmed_at", models.DateTimeField(db_comment="When a person confirmed the dry run", null=True)),
                ("started_at", models.DateTimeField(db_comment="Its first step", null=True)),
                ("finished_at", models.DateTimeField(db_comment="Done, cancelled or failed", null=True)),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "Import and reprocess",
                "db_table": "sync_jobs",
                "db_table_comment": "Long work that people start: dry run, progress, pause, continue, cancel",
            },
        ),
        migrations.AddIndex(
            model_name="syncjob",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "running"])), fields=["not_before"], name="sync_jobs_due"
            ),
        ),
        migrations.AddIndex(
            model_name="syncjob",
            index=models.Index(fields=["connection", "-id"], name="sync_jobs_recent"),
        ),
        migrations.AddConstraint(
            model_name="syncjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["planned", "waiting", "running", "paused", "cancelled", "done", "failed"])
                ),
                name="sync_jobs_state",
            ),
        ),
        migrations.CreateModel(
            name="FailureGroup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="failure_groups",
                        to="bridge.connection",
                    ),
                ),
                ("cause", models.CharField(db_comment="Code of bridge.causes", max_length=40)),
                (
                    "opened_at",
                    models.DateTimeField(
                        db_comment="When the group was first seen, or came back",
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_comment="When it was last seen with something in it",
                        db_default=django.db.models.functions.datetime.Now(),
                    ),
                ),
                (
                    "most",
                    models.BigIntegerField(
                        db_comment="The most events and steps it was seen with", db_default=0, default=0
                    ),
                ),
                (
                    "done_at",
                    models.DateTimeField(
                        db_comment="When it was first seen empty; the row goes 30 days later", null=True
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("owned_at", models.DateTimeField(null=True)),
                (
                    "note",
                    models.CharField(
                        blank=True,
                        db_comment="Staff's note about the matter; numbers and addresses refused",
                        max_length=200,
                    ),
                ),
                (
                    "noted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("noted_at", models.DateTimeField(null=True)),
                (
                    "postponed_until",
                    models.DateTimeField(db_comment="Until then it does not wait for anybody", null=True),
                ),
                ("discarded_at", models.DateTimeField(db_comment="When what was in it was given up", null=True)),
                (
                    "discarded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("discard_reason", models.CharField(blank=True, db_comment="Code: why it was given up", max_length=40)),
                (
                    "discarded",
                    models.BigIntegerField(
                        db_comment="How many events and steps were given up", db_default=0, default=0
                    ),
                ),
            ],
            options={
                "db_table": "failure_groups",
                "db_table_comment": "Owner, note, postponement and end of each group of failures; screen B2",
            },
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(
                condition=models.Q(("done_at__isnull", False)), fields=["done_at"], name="failure_groups_done"
            ),
        ),
        migrations.AddConstraint(
            model_name="failuregroup",
            constraint=models.UniqueConstraint(fields=("connection", "cause"), name="failure_groups_once"),
        ),
        migrations.RemoveConstraint(
            model_name="effect",
            name="effects_state",
        ),
        migrations.RemoveIndex(
            model_name="effect",
            name="effects_open",
        ),
        migrations.AddField(
            model_name="syncedobject",
            name="forgotten_at",
            field=models.DateTimeField(
                db_comment="Staff asked to make it again although it may double: planned as if it were not there",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="effect",
            name="state",
            field=models.CharField(
                choices=[
                    ("shadow", "would be written"),
                    ("intended", "waiting"),
                    ("sent", "in progress"),
                    ("unknown", "unknown"),
                    ("confirmed", "done"),
                    ("rejected", "failed"),
                    ("denied", "blocked"),
                    ("cancelled", "ignored"),
                    ("discarded", "given up"),
                ],
                db_comment="Where the step stands: intended, sent, confirmed, …",
                default="intended",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AddIndex(
            model_name="effect",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["shadow", "intended", "sent", "unknown", "rejected", "denied", "discarded"])
                ),
                fields=["connection", "lane_key"],
                name="effects_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="effect",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "shadow",
                            "intended",
                            "sent",
                            "unknown",
                            "confirmed",
                            "rejected",
                            "denied",
                            "cancelled",
                            "discarded",
                        ],
                    )
                ),
                name="effects_state",
            ),
        ),
    ]
