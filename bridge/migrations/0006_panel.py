"""The panel inside Chatwoot: sign-ins, attended inboxes, opportunities as last seen; and what people ask for by hand."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import consent.encryption.fields


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0005_api_keys"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AttendedInboxes",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "inbox_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "chatwoot_user_id",
                    models.BigIntegerField(db_comment="The agent in Chatwoot with the same e-mail", null=True),
                ),
                (
                    "read_at",
                    models.DateTimeField(
                        db_comment="When Chatwoot was last asked", db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.connection",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attended_inboxes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "attended_inboxes",
                "db_table_comment": "Which inboxes each attendant belongs to, read from Chatwoot",
            },
        ),
        migrations.CreateModel(
            name="KrayinLead",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "krayin_id", "lead_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("lead_id", models.BigIntegerField()),
                ("person_id", models.BigIntegerField(db_comment="Krayin person it belongs to", null=True)),
                ("pipeline_id", models.BigIntegerField(null=True)),
                ("stage_id", models.BigIntegerField(null=True)),
                ("value", models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ("owner_id", models.BigIntegerField(db_comment="Krayin user who owns it", null=True)),
                (
                    "owner_name",
                    models.CharField(
                        blank=True, db_comment="Name of that user: staff, never a patient", max_length=255
                    ),
                ),
                ("closed_at", models.DateTimeField(db_comment="Won or lost", null=True)),
                ("changed_at", models.DateTimeField(db_comment="Krayin's own updated_at", null=True)),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_comment="When Krayin showed it so", db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                ("gone_at", models.DateTimeField(db_comment="Deleted in Krayin", null=True)),
                (
                    "krayin",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.krayin",
                    ),
                ),
            ],
            options={
                "db_table": "krayin_leads",
                "db_table_comment": "Opportunities as Krayin last showed them; no personal data, never decided upon",
            },
        ),
        migrations.CreateModel(
            name="PanelToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "digest",
                    models.BinaryField(
                        db_comment="SHA-256 of the token (256 random bits); the token itself is not kept", unique=True
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="signed in"
                    ),
                ),
                ("expires_at", models.DateTimeField(editable=False, verbose_name="ends")),
                ("last_used_at", models.DateTimeField(editable=False, null=True, verbose_name="last used")),
                ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="ended by hand")),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="panel_tokens",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="panel_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "panel sign-in",
                "verbose_name_plural": "panel sign-ins",
                "db_table": "panel_tokens",
                "db_table_comment": "Sign-ins of the panel inside Chatwoot; hashed, at most twelve hours",
            },
        ),
        migrations.CreateModel(
            name="Wish",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("stage", "change the stage"),
                            ("opportunity", "create an opportunity"),
                            ("link", "link"),
                            ("unlink", "unlink"),
                            ("keep_back", "do not send the conversation"),
                            ("note", "note to the CRM"),
                            ("sync", "sync now"),
                        ],
                        db_comment="What is asked for",
                        max_length=12,
                        verbose_name="what",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "waiting"),
                            ("held", "waiting for a decision"),
                            ("done", "done"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                        ],
                        db_comment="open until planning sees it fulfilled",
                        default="open",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("moved_by_hand", "Somebody moved the opportunity in Krayin meanwhile."),
                            ("stage_gone", "The stage no longer exists in Krayin."),
                            ("object_gone", "The record no longer exists in Krayin."),
                            ("other_person", "The opportunity belongs to another person in Krayin."),
                            ("taken", "The opportunity already belongs to another contact."),
                        ],
                        db_comment="Why it was refused",
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                (
                    "lead_number",
                    models.SmallIntegerField(
                        db_comment="Which opportunity of the contact it is about: 1, 2, …", null=True
                    ),
                ),
                ("stage_id", models.BigIntegerField(db_comment="STAGE: the Krayin stage wanted", null=True)),
                (
                    "seen_stage_id",
                    models.BigIntegerField(
                        db_comment="STAGE: what the person saw when asking; another stage found later is a conflict",
                        null=True,
                    ),
                ),
                (
                    "person_id",
                    models.BigIntegerField(db_comment="LINK: Krayin person; UNLINK: the person it was", null=True),
                ),
                ("lead_id", models.BigIntegerField(db_comment="LINK: Krayin opportunity", null=True)),
                (
                    "text",
                    consent.encryption.fields.SealedField(
                        db_comment="NOTE: encrypted with the titular's key; emptied once written", null=True
                    ),
                ),
                (
                    "via",
                    models.CharField(
                        choices=[("panel", "panel"), ("screen", "screen"), ("api", "API"), ("command", "command")],
                        db_comment="Where it was asked: panel, screen, api, command",
                        max_length=8,
                    ),
                ),
                (
                    "asked_by_ref",
                    models.CharField(db_comment="Account id, API key prefix or name of the job", max_length=60),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="asked"),
                ),
                ("settled_at", models.DateTimeField(db_comment="When it was done, refused or withdrawn", null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bridge.connection",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wishes",
                        to="bridge.observedcontact",
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wishes",
                        to="bridge.observedconversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "hand-made action",
                "verbose_name_plural": "hand-made actions",
                "db_table": "wishes",
                "db_table_comment": "What people asked for by hand; planning turns open wishes into steps of the ledger",
            },
        ),
        migrations.RemoveConstraint(
            model_name="stagechangelog",
            name="stage_change_logs_source",
        ),
        migrations.AddField(
            model_name="stagechangelog",
            name="asked_by",
            field=models.ForeignKey(
                db_comment="Who asked for it in Ponte",
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="stagechangelog",
            name="trigger_source",
            field=models.CharField(
                choices=[
                    ("webhook", "rule"),
                    ("manual", "by hand in Krayin"),
                    ("automation", "import"),
                    ("panel", "by hand in Ponte"),
                ],
                db_comment="webhook: a rule; manual: people in Krayin; automation: import; panel: people in Ponte",
                max_length=50,
                verbose_name="cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="stagechangelog",
            constraint=models.CheckConstraint(
                condition=models.Q(("trigger_source__in", ["webhook", "manual", "automation", "panel"])),
                name="stage_change_logs_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="attendedinboxes",
            constraint=models.UniqueConstraint(fields=("connection", "user"), name="attended_inboxes_once"),
        ),
        migrations.AddIndex(
            model_name="krayinlead",
            index=models.Index(fields=["krayin", "person_id"], name="krayin_leads_person"),
        ),
        migrations.AddIndex(
            model_name="paneltoken",
            index=models.Index(fields=["connection", "-created_at"], name="panel_tokens_recent"),
        ),
        migrations.AddIndex(
            model_name="wish",
            index=models.Index(fields=["contact", "-created_at"], name="wishes_contact"),
        ),
        migrations.AddIndex(
            model_name="wish",
            index=models.Index(
                condition=models.Q(("state", "held")), fields=["connection", "created_at"], name="wishes_held"
            ),
        ),
        migrations.AddIndex(
            model_name="wish",
            index=models.Index(
                condition=models.Q(("state", "refused")), fields=["connection", "-settled_at"], name="wishes_refused"
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["stage", "opportunity", "link", "unlink", "keep_back", "note", "sync"])
                ),
                name="wishes_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "held", "done", "refused", "withdrawn"])), name="wishes_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(("via__in", ["panel", "screen", "api", "command"])), name="wishes_via"
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("text__isnull", True), models.Q(("kind", "note"), ("state", "open")), _connector="OR"
                ),
                name="wishes_text",
            ),
        ),
    ]
