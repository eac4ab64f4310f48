"""Results of what runs by itself, readings; alerts: rules, places, alerts, notices."""

import datetime
import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import consent.encryption.fields

SEVERITIES = [("low", "low"), ("medium", "medium"), ("high", "high"), ("critical", "critical")]
ROLES = [
    ("technical_admin", "Technical administrator"),
    ("clinic_manager", "Clinic management"),
    ("supervisor", "Supervision"),
    ("dpo", "Data protection officer"),
    ("dpo_substitute", "Substitute data protection officer"),
    ("attendant", "Attendant"),
    ("auditor", "Audit (read only)"),
    ("integration", "Integration"),
]
LONG_AGO = datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC)


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0017_request_channels"),
        ("consent", "0002_squashed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RunResult",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False, verbose_name="what")),
                ("at", models.DateTimeField(db_comment="End of the last run", verbose_name="last run")),
                ("is_ok", models.BooleanField(verbose_name="went well")),
                ("ok_at", models.DateTimeField(db_comment="End of the last run that went well", null=True)),
                (
                    "problem",
                    models.CharField(blank=True, db_comment="Code of what went wrong, never a text", max_length=60),
                ),
                ("took_ms", models.PositiveIntegerField(db_comment="Milliseconds", null=True)),
                ("counts", models.JSONField(db_comment="What it did: numbers by name", default=dict)),
            ],
            options={
                "verbose_name": "scheduled work",
                "verbose_name_plural": "Scheduled work",
                "db_table": "run_results",
                "db_table_comment": "Last result of everything that runs by itself, one row each",
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(db_comment="What was measured: bridge.health.readings", max_length=30)),
                ("scope", models.CharField(db_comment="Host, connection or group it is about", max_length=80)),
                ("at", models.DateTimeField(db_default=Now())),
                ("value", models.FloatField()),
            ],
            options={
                "db_table": "readings",
                "db_table_comment": "Numbers measured every minute, kept for three hours",
                "indexes": [models.Index(fields=["name", "scope", "-at"], name="readings_of")],
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                ("code", models.CharField(max_length=4, primary_key=True, serialize=False, verbose_name="rule")),
                ("is_on", models.BooleanField(default=True, verbose_name="the rule is on")),
                (
                    "threshold",
                    models.FloatField(blank=True, db_comment="Null: as shipped", null=True, verbose_name="threshold"),
                ),
                (
                    "severity",
                    models.CharField(
                        blank=True,
                        choices=SEVERITIES,
                        db_comment="Empty: as shipped",
                        max_length=8,
                        verbose_name="severity",
                    ),
                ),
                ("by_mail", models.BooleanField(default=True, verbose_name="by mail")),
                ("by_chatwoot", models.BooleanField(default=True, verbose_name="by private note in Chatwoot")),
                ("by_webhook", models.BooleanField(default=True, verbose_name="by webhook")),
                (
                    "quiet_from",
                    models.TimeField(
                        blank=True, db_comment="Clock of the clinic", null=True, verbose_name="quiet from"
                    ),
                ),
                (
                    "quiet_to",
                    models.TimeField(
                        blank=True, db_comment="Clock of the clinic", null=True, verbose_name="quiet until"
                    ),
                ),
                (
                    "escalate_min",
                    models.PositiveIntegerField(
                        blank=True,
                        db_comment="Null: as shipped; 0: no next step",
                        null=True,
                        verbose_name="minutes until the next step",
                    ),
                ),
                (
                    "escalate_to",
                    models.CharField(
                        blank=True,
                        choices=ROLES,
                        db_comment="Empty: as shipped",
                        max_length=20,
                        verbose_name="next step: also tell",
                    ),
                ),
                (
                    "people",
                    models.ManyToManyField(
                        blank=True,
                        db_table="alert_rule_people",
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="also told",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert rule",
                "verbose_name_plural": "Alerts",
                "db_table": "alert_rules",
                "db_table_comment": "What people changed about alert rules; the rules themselves are code",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["", "low", "medium", "high", "critical"])),
                        name="alert_rules_severity",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("quiet_from__isnull", True), ("quiet_to__isnull", True)),
                            models.Q(("quiet_from__isnull", False), ("quiet_to__isnull", False)),
                            _connector="OR",
                        ),
                        name="alert_rules_quiet",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertPlace",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("chatwoot", "private note in Chatwoot"), ("webhook", "webhook")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "conversation_id",
                    models.BigIntegerField(
                        db_comment="Chatwoot conversation number", null=True, verbose_name="conversation"
                    ),
                ),
                ("url", models.CharField(blank=True, max_length=300, verbose_name="address")),
                (
                    "secret",
                    consent.encryption.fields.SealedField(
                        db_comment="Signs what is sent; encrypted with the system key", editable=False, null=True
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "clinic",
                    models.ForeignKey(
                        db_comment="Null: alerts of the whole installation",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="consent.clinic",
                        verbose_name="clinic",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "place for alerts",
                "verbose_name_plural": "places for alerts",
                "db_table": "alert_places",
                "db_table_comment": "Where alerts go besides mail",
                "constraints": [
                    models.UniqueConstraint(fields=["clinic", "kind"], name="alert_places_once", nulls_distinct=False),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("connection__isnull", False),
                                ("conversation_id__isnull", False),
                                ("kind", "chatwoot"),
                                ("url", ""),
                            ),
                            models.Q(
                                ("connection__isnull", True),
                                ("kind", "webhook"),
                                ("secret__isnull", False),
                                models.Q(("url", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="alert_places_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=4, verbose_name="rule")),
                (
                    "scope",
                    models.CharField(
                        blank=True, db_comment="What it is about, for the rule: ids and codes", max_length=120
                    ),
                ),
                ("severity", models.CharField(choices=SEVERITIES, max_length=8, verbose_name="severity")),
                (
                    "level",
                    models.SmallIntegerField(
                        db_comment="Raised when it is told again: 1 h, 6 h, 24 h; 50, 80, 100 percent", default=1
                    ),
                ),
                (
                    "facts",
                    models.JSONField(
                        db_comment="Numbers, times and names of systems for the text; nobody's data", default=dict
                    ),
                ),
                ("opened_at", models.DateTimeField(verbose_name="raised")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="solved")),
                ("seen_at", models.DateTimeField(null=True)),
                (
                    "escalated_at",
                    models.DateTimeField(db_comment="When the next step was told, nobody having seen it", null=True),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="consent.clinic",
                        verbose_name="clinic",
                    ),
                ),
                (
                    "seen_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="seen by",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts raised",
                "db_table": "alerts",
                "db_table_comment": "What alert rules found, from first sight to end; kept for a year",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=["code", "scope"], name="alerts_open"
                    ),
                ],
                "indexes": [models.Index(fields=["-opened_at"], name="alerts_recent")],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=4, verbose_name="rule")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("raised", "raised"),
                            ("again", "still open"),
                            ("escalated", "next step"),
                            ("ended", "solved"),
                            ("test", "test"),
                        ],
                        max_length=9,
                        verbose_name="what",
                    ),
                ),
                ("level", models.SmallIntegerField(default=1)),
                (
                    "channel",
                    models.CharField(
                        choices=[("mail", "mail"), ("chatwoot", "Chatwoot"), ("webhook", "webhook")],
                        max_length=8,
                        verbose_name="by",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("sending", "in progress"),
                            ("sent", "done"),
                            ("failed", "failed"),
                            ("skipped", "ignored"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "not_before",
                    models.DateTimeField(
                        db_comment="End of quiet hours, or of a wait", db_default=LONG_AGO, default=LONG_AGO
                    ),
                ),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("problem", models.CharField(blank=True, db_comment="Code of the last failure", max_length=60)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("tried_at", models.DateTimeField(db_comment="Committed just before sending", null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        db_comment="Null: a test",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="bridge.alert",
                    ),
                ),
                (
                    "place",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.alertplace",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "db_table": "alert_notices",
                "db_table_comment": "Messages about alerts: to whom, by which way, what became of them",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("alert__isnull", False)),
                        fields=["alert", "kind", "level", "channel", "user", "place"],
                        name="alert_notices_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("channel", "mail"), ("place__isnull", True), ("user__isnull", False)),
                            models.Q(
                                ("channel__in", ["chatwoot", "webhook"]),
                                ("place__isnull", False),
                                ("user__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="alert_notices_to",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "sending"])),
                        fields=["not_before"],
                        name="alert_notices_due",
                    )
                ],
            },
        ),
    ]
