"""The setup assistant: where it stands, what it made at partners, what people confirmed, which inboxes reveal health."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import consent.encryption.fields


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0007_back"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Setup",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("polling_only", models.BooleanField(default=False, verbose_name="only polling")),
                ("chatwoot_url", models.URLField(blank=True, verbose_name="Chatwoot address")),
                ("chatwoot_account_id", models.BigIntegerField(null=True, verbose_name="Chatwoot account number")),
                ("chatwoot_account_name", models.CharField(blank=True, max_length=200)),
                ("chatwoot_token", consent.encryption.fields.SealedField(null=True)),
                ("inboxes", models.JSONField(db_comment="[{id, name, channel}] as Chatwoot listed them", default=list)),
                (
                    "crm_lists",
                    models.JSONField(db_comment="{sources, types}: [{id, name}] as Krayin listed them", default=dict),
                ),
                (
                    "crm_facts",
                    models.JSONField(db_comment="What Krayin told about itself: call limit, time zone", default=dict),
                ),
                ("steps", models.JSONField(db_comment="{step: time it was finished}", default=dict)),
                (
                    "findings",
                    models.JSONField(
                        db_comment="{check: {state, found, at}} of the last time it was made", default=dict
                    ),
                ),
                (
                    "last_day",
                    models.JSONField(db_comment="Conversations of 24 h per inbox, counted in Chatwoot", default=dict),
                ),
                (
                    "watch_from",
                    models.DateTimeField(db_comment="Screen A5 follows the first message after this time", null=True),
                ),
                (
                    "read_back_at",
                    models.DateTimeField(db_comment="When what was written was read again from Krayin", null=True),
                ),
                ("read_back_asked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.clinic"
                    ),
                ),
                (
                    "connection",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="setup",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "setups",
                "db_table_comment": "Runs of the setup assistant: one per connection, or one on its way to a connection",
            },
        ),
        migrations.CreateModel(
            name="ConnectionInbox",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("inbox_id", models.BigIntegerField()),
                ("channel", models.CharField(blank=True, db_comment="Channel class of Chatwoot", max_length=60)),
                ("reveals_health", models.BooleanField(default=False, verbose_name="reveals health")),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="inboxes",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "connection_inboxes",
                "db_table_comment": "Inboxes of a connection and whether their name reveals health",
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "inbox_id"), name="connection_inboxes_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SetupMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "code",
                    models.CharField(
                        choices=[
                            ("keys", "keys kept outside the server"),
                            ("restore", "backup restored as a test"),
                            ("import", "history imported or not wanted"),
                        ],
                        max_length=20,
                        unique=True,
                    ),
                ),
                (
                    "detail",
                    models.CharField(
                        blank=True, db_comment="Fingerprint of the keys that were confirmed", max_length=64
                    ),
                ),
                ("done_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "done_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "setup_marks",
                "db_table_comment": "First steps that only a person can confirm",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__in", ["keys", "restore", "import"])), name="setup_marks_code"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SetupObject",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("partner", models.CharField(choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin")], max_length=10)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("attribute", "field"),
                            ("optional_email", "e-mail made optional"),
                            ("source", "source"),
                            ("webhook", "webhook"),
                            ("workflow", "workflow"),
                            ("panel", "panel"),
                        ],
                        max_length=20,
                    ),
                ),
                ("foreign_id", models.BigIntegerField(db_comment="Number of the object at the partner")),
                ("name", models.CharField(db_comment="Its code or name there", max_length=255)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="made",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "setup_objects",
                "db_table_comment": "What setting up made at Chatwoot and Krayin, so that it can be undone",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "partner", "kind", "foreign_id"), name="setup_objects_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("partner__in", ["chatwoot", "krayin"])), name="setup_objects_partner"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["attribute", "optional_email", "source", "webhook", "workflow", "panel"])
                        ),
                        name="setup_objects_kind",
                    ),
                ],
            },
        ),
    ]
