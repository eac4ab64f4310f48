import datetime
import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import bridge.models.connections
import config.db.operations
import config.db.periods
import consent.encryption.fields


class Migration(migrations.Migration):
    replaces = [
        ("bridge", "0001_initial"),
        ("bridge", "0002_partitions_and_views"),
        ("bridge", "0003_jobs"),
        ("bridge", "0004_breakers"),
        ("bridge", "0005_api_keys"),
        ("bridge", "0006_panel"),
        ("bridge", "0007_back"),
        ("bridge", "0008_setup"),
        ("bridge", "0009_rules"),
        ("bridge", "0010_importing"),
        ("bridge", "0011_gone"),
        ("bridge", "0012_fields"),
        ("bridge", "0013_team"),
        ("bridge", "0014_health"),
        ("bridge", "0015_links_by_time"),
        ("bridge", "0016_consent_messages"),
    ]

    initial = True

    dependencies = [
        ("consent", "0001_squashed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        config.db.operations.CreateModels(
            operations=[
                migrations.CreateModel(
                    name="FailedWebhook",
                    fields=[
                        ("id", models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ("webhook_id", models.CharField(max_length=80, null=True)),
                        ("event_type", models.CharField(max_length=60)),
                        ("lane_key", models.CharField(max_length=60)),
                        ("cause", models.CharField(max_length=40)),
                        ("error", models.CharField(max_length=200)),
                        ("failed_at", models.DateTimeField()),
                    ],
                    options={
                        "verbose_name": "to solve",
                        "verbose_name_plural": "to solve",
                        "db_table": "failed_webhooks",
                        "managed": False,
                    },
                ),
                migrations.CreateModel(
                    name="CallBudget",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=200, unique=True)),
                        ("capacity", models.PositiveSmallIntegerField(default=10)),
                        ("refill_per_minute", models.PositiveIntegerField(default=50)),
                        ("tokens", models.FloatField(default=10)),
                        ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        (
                            "blocked_until",
                            models.DateTimeField(
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "queued_until",
                            models.DateTimeField(
                                db_comment="Turn of the last one who was told to come back",
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "window_until",
                            models.DateTimeField(
                                db_comment="End of the partner's fixed window, where one was seen to open",
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                    ],
                    options={
                        "db_table": "call_budgets",
                        "db_table_comment": "Token bucket per Krayin user and per Chatwoot host; one row, one truth for all processes",
                    },
                ),
                migrations.CreateModel(
                    name="Connection",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="connections",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        ("name", models.CharField(max_length=120, verbose_name="name")),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("draft", "draft"),
                                    ("shadow", "shadow"),
                                    ("active", "active"),
                                    ("paused", "paused"),
                                    ("off", "off"),
                                ],
                                db_comment="draft, shadow, active, paused or off",
                                default="draft",
                                max_length=10,
                                verbose_name="state",
                            ),
                        ),
                        (
                            "public_id",
                            models.CharField(
                                db_comment="Path token of the webhook addresses",
                                default=bridge.models.connections.new_public_id,
                                editable=False,
                                max_length=64,
                                unique=True,
                            ),
                        ),
                        (
                            "ref_code",
                            models.CharField(
                                db_comment="Prefix of our references in Krayin",
                                default=bridge.models.connections.new_ref_code,
                                editable=False,
                                max_length=8,
                                unique=True,
                            ),
                        ),
                        ("is_example", models.BooleanField(default=False, editable=False)),
                        ("chatwoot_url", models.URLField(verbose_name="Chatwoot address")),
                        ("chatwoot_account_id", models.BigIntegerField(verbose_name="Chatwoot account number")),
                        ("chatwoot_token", consent.encryption.fields.SealedField(null=True)),
                        (
                            "chatwoot_budget",
                            models.ForeignKey(
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="bridge.callbudget",
                            ),
                        ),
                        ("all_inboxes", models.BooleanField(default=False, verbose_name="every inbox of the account")),
                        (
                            "inbox_ids",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.BigIntegerField(),
                                blank=True,
                                default=list,
                                size=None,
                                verbose_name="inboxes",
                            ),
                        ),
                        ("inbox_names", models.JSONField(blank=True, default=dict, editable=False)),
                        (
                            "krayin",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="connections",
                                to="bridge.krayin",
                                verbose_name="Krayin",
                            ),
                        ),
                        ("email_optional", models.BooleanField(default=False, editable=False)),
                        ("pipelines", models.JSONField(blank=True, default=list, editable=False)),
                        (
                            "lead_booleans",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=100),
                                blank=True,
                                default=list,
                                editable=False,
                                size=None,
                            ),
                        ),
                        ("default_pipeline_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                        ("default_pipeline_name", models.CharField(blank=True, editable=False, max_length=255)),
                        ("default_stage_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                        ("default_stage_name", models.CharField(blank=True, editable=False, max_length=255)),
                        ("default_source_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                        ("default_source_name", models.CharField(blank=True, editable=False, max_length=255)),
                        ("default_lead_type_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                        ("default_lead_type_name", models.CharField(blank=True, editable=False, max_length=255)),
                        ("lead_pipeline_id", models.BigIntegerField(blank=True, null=True, verbose_name="pipeline")),
                        (
                            "lead_pipeline_stage_id",
                            models.BigIntegerField(blank=True, null=True, verbose_name="first stage"),
                        ),
                        ("lead_source_id", models.BigIntegerField(blank=True, null=True, verbose_name="source")),
                        ("lead_type_id", models.BigIntegerField(blank=True, null=True, verbose_name="type")),
                        (
                            "preset",
                            models.CharField(
                                choices=[
                                    ("contacts", "Contacts and opportunities"),
                                    ("summary", "+ summary of the conversation"),
                                    ("text", "+ text of the messages"),
                                ],
                                default="summary",
                                max_length=10,
                                verbose_name="what to send",
                            ),
                        ),
                        (
                            "message_text",
                            models.CharField(
                                choices=[
                                    ("off", "no text"),
                                    ("grouped", "one note per conversation and day"),
                                    ("each", "one note per message"),
                                ],
                                default="off",
                                max_length=10,
                                verbose_name="message text",
                            ),
                        ),
                        ("sync_to_organization", models.BooleanField(default=False, verbose_name="write the company")),
                        (
                            "title_template",
                            models.CharField(
                                default="{nome} · {caixa}", max_length=120, verbose_name="title of the opportunity"
                            ),
                        ),
                        (
                            "shared_person",
                            models.CharField(
                                choices=[
                                    ("hold", "wait for a person to decide"),
                                    ("own_lead", "own opportunity on the person found"),
                                ],
                                default="hold",
                                max_length=10,
                                verbose_name="person already in use",
                            ),
                        ),
                        (
                            "stage_progression_enabled",
                            models.BooleanField(default=False, verbose_name="move the stage"),
                        ),
                        (
                            "stage_on_conversation_created",
                            models.BigIntegerField(
                                blank=True, null=True, verbose_name="stage when the conversation starts"
                            ),
                        ),
                        (
                            "stage_on_first_response",
                            models.BigIntegerField(
                                blank=True, null=True, verbose_name="stage after the first response"
                            ),
                        ),
                        (
                            "stage_on_conversation_resolved",
                            models.BigIntegerField(blank=True, null=True, verbose_name="stage when resolved"),
                        ),
                        (
                            "note_quiet_s",
                            models.PositiveIntegerField(
                                default=600,
                                validators=[django.core.validators.MaxValueValidator(86400)],
                                verbose_name="note after this quiet time (s)",
                            ),
                        ),
                        (
                            "note_max_age_s",
                            models.PositiveIntegerField(
                                default=1800,
                                validators=[
                                    django.core.validators.MinValueValidator(60),
                                    django.core.validators.MaxValueValidator(86400),
                                ],
                                verbose_name="note at the latest after (s)",
                            ),
                        ),
                        (
                            "krayin_to_chatwoot",
                            models.BooleanField(default=False, verbose_name="show the opportunity in Chatwoot"),
                        ),
                        (
                            "name_source",
                            models.CharField(
                                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                                default="chatwoot",
                                max_length=10,
                                verbose_name="name",
                            ),
                        ),
                        (
                            "email_source",
                            models.CharField(
                                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                                default="chatwoot",
                                max_length=10,
                                verbose_name="e-mail",
                            ),
                        ),
                        (
                            "phone_source",
                            models.CharField(
                                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                                default="chatwoot",
                                max_length=10,
                                verbose_name="phone",
                            ),
                        ),
                        (
                            "stage_label",
                            models.CharField(
                                choices=[
                                    ("off", "no label"),
                                    ("contact", "on the contact"),
                                    ("conversation", "on the last conversation"),
                                ],
                                default="off",
                                max_length=12,
                                verbose_name="label with the stage",
                            ),
                        ),
                        (
                            "health_pipeline_ids",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.BigIntegerField(),
                                blank=True,
                                default=list,
                                size=None,
                                verbose_name="pipelines that reveal health",
                            ),
                        ),
                        (
                            "back_checked_at",
                            models.DateTimeField(
                                db_comment="Last time it was checked that Chatwoot can show the opportunity",
                                editable=False,
                                null=True,
                            ),
                        ),
                        (
                            "back_problem",
                            models.CharField(
                                blank=True,
                                db_comment="Why Chatwoot cannot show the opportunity; codes of bridge.causes",
                                editable=False,
                                max_length=40,
                            ),
                        ),
                        (
                            "leads_read_to",
                            models.DateTimeField(
                                db_comment="Newest updated_at of opportunities a poll has seen, by Krayin's clock",
                                editable=False,
                                null=True,
                            ),
                        ),
                        (
                            "persons_read_to",
                            models.DateTimeField(
                                db_comment="Newest updated_at of persons a poll has seen, by Krayin's clock",
                                editable=False,
                                null=True,
                            ),
                        ),
                        (
                            "field_version",
                            models.ForeignKey(
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="bridge.fieldversion",
                                verbose_name="mapped fields",
                            ),
                        ),
                        (
                            "field_keys",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=140),
                                blank=True,
                                db_comment="Fields of Chatwoot whose values are kept: those of the draft and of the published version",
                                default=list,
                                editable=False,
                                size=None,
                            ),
                        ),
                        (
                            "field_gone",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=140),
                                blank=True,
                                db_comment="Mapped fields that a partner no longer has: nothing is written for them",
                                default=list,
                                editable=False,
                                size=None,
                            ),
                        ),
                        ("polling_only", models.BooleanField(default=False, verbose_name="only polling")),
                        (
                            "polled_at",
                            models.DateTimeField(db_comment="Last poll of Chatwoot", editable=False, null=True),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "krayin_users",
                            models.ManyToManyField(
                                db_table="connection_krayin_users",
                                related_name="connections",
                                to="bridge.krayinuser",
                                verbose_name="Krayin users",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "connection",
                        "verbose_name_plural": "connections",
                        "db_table": "connections",
                        "db_table_comment": "One clinic, one Chatwoot account with a set of inboxes, one Krayin",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["draft", "shadow", "active", "paused", "off"])),
                                name="connections_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("preset__in", ["contacts", "summary", "text"])),
                                name="connections_preset",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("message_text__in", ["off", "grouped", "each"])),
                                name="connections_message_text",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("shared_person__in", ["hold", "own_lead"])),
                                name="connections_shared_person",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("name_source__in", ["chatwoot", "krayin", "newest"])),
                                name="connections_name_source",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("email_source__in", ["chatwoot", "krayin", "newest"])),
                                name="connections_email_source",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("phone_source__in", ["chatwoot", "krayin", "newest"])),
                                name="connections_phone_source",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("stage_label__in", ["off", "contact", "conversation"])),
                                name="connections_stage_label",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("ref_code__regex", "^[a-z0-9]{4,8}$")), name="connections_ref_code"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Krayin",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("base_url", models.URLField(unique=True, verbose_name="address")),
                        ("restored_at", models.DateTimeField(editable=False, null=True)),
                    ],
                    options={
                        "verbose_name": "Krayin installation",
                        "verbose_name_plural": "Krayin installations",
                        "db_table": "krayins",
                        "db_table_comment": "Krayin installations",
                    },
                ),
                migrations.CreateModel(
                    name="Wish",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                                    ("say", "message to the person"),
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
                                    (
                                        "window_closed",
                                        "The conversation takes no more messages until the person writes again.",
                                    ),
                                    ("not_now", "The person may not be asked now, or there is no approved text."),
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
                            models.BigIntegerField(
                                db_comment="LINK: Krayin person; UNLINK: the person it was", null=True
                            ),
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
                                choices=[
                                    ("panel", "panel"),
                                    ("screen", "screen"),
                                    ("api", "API"),
                                    ("command", "command"),
                                    ("chat", "conversation"),
                                ],
                                db_comment="Where it was asked: panel, screen, api, command, chat",
                                max_length=8,
                            ),
                        ),
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
                            "asked_by_ref",
                            models.CharField(db_comment="Account id, API key prefix or name of the job", max_length=60),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="asked"
                            ),
                        ),
                        (
                            "settled_at",
                            models.DateTimeField(db_comment="When it was done, refused or withdrawn", null=True),
                        ),
                    ],
                    options={
                        "verbose_name": "hand-made action",
                        "verbose_name_plural": "hand-made actions",
                        "db_table": "wishes",
                        "db_table_comment": "What people asked for by hand; planning turns open wishes into steps of the ledger",
                        "indexes": [
                            models.Index(fields=["contact", "-created_at"], name="wishes_contact"),
                            models.Index(
                                condition=models.Q(("state", "held")),
                                fields=["connection", "created_at"],
                                name="wishes_held",
                            ),
                            models.Index(
                                condition=models.Q(("state", "refused")),
                                fields=["connection", "-settled_at"],
                                name="wishes_refused",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["stage", "opportunity", "link", "unlink", "keep_back", "note", "sync", "say"],
                                    )
                                ),
                                name="wishes_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "held", "done", "refused", "withdrawn"])),
                                name="wishes_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("via__in", ["panel", "screen", "api", "command", "chat"])),
                                name="wishes_via",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("text__isnull", True),
                                    models.Q(("kind", "note"), ("state", "open")),
                                    _connector="OR",
                                ),
                                name="wishes_text",
                            ),
                        ],
                    },
                ),
                config.db.operations.CreatePartitionedModel(
                    name="WebhookBody",
                    fields=[
                        ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("received_at", models.DateTimeField()),
                        (
                            "row_ref",
                            models.UUIDField(
                                db_comment="Made before the insert: part of the associated data of `sealed`"
                            ),
                        ),
                        ("key_day", models.DateField(db_comment="UTC day whose key seals the body")),
                        (
                            "headers",
                            models.JSONField(db_comment="Chatwoot or content headers; never a secret", default=dict),
                        ),
                        ("sealed", consent.encryption.fields.SealedField(null=True)),
                        ("sha256", models.BinaryField(db_comment="Digest of the bytes as received")),
                        ("length", models.IntegerField(db_comment="Number of bytes as received")),
                    ],
                    options={
                        "db_table": "webhook_bodies",
                        "db_table_comment": "Redacted, encrypted bodies; partitioned by day, dropped after 30 days",
                    },
                    partition_by="received_at",
                ),
                migrations.CreateModel(
                    name="ActivityKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id",
                                "chatwoot_message_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
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
                        ("chatwoot_message_id", models.BigIntegerField()),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_comment="Partition key of the mapping, so that it is found without a scan"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "activity_keys",
                        "db_table_comment": "One row per mapped message, over all partitions",
                    },
                ),
                migrations.CreateModel(
                    name="FieldVersion",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="field_versions",
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        ("number", models.PositiveIntegerField(verbose_name="version")),
                        (
                            "rows",
                            models.JSONField(
                                db_comment="The rows with names, types and options as they were", default=list
                            ),
                        ),
                        ("reason", models.CharField(max_length=200, verbose_name="reason")),
                        (
                            "author",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "restored_from",
                            models.PositiveIntegerField(db_comment="Number of the version it repeats", null=True),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="published"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "version of the mapped fields",
                        "verbose_name_plural": "versions of the mapped fields",
                        "db_table": "field_versions",
                        "db_table_comment": "Published field mappings, one row per version, never changed",
                        "ordering": ["connection", "-number"],
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "number"), name="field_versions_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="IntakeCounter",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("hour", models.DateTimeField()),
                        ("reason", models.CharField(max_length=20)),
                        ("count", models.BigIntegerField(default=0)),
                    ],
                    options={
                        "db_table": "intake_counters",
                        "db_table_comment": "Per hour: deliveries that were repeated, foreign, of an ignored type or refused",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "hour", "reason"),
                                name="intake_counters_once",
                                nulls_distinct=False,
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="IdentityClaim",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "krayin_id",
                                "kind",
                                "blind",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        (
                            "krayin",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.krayin",
                            ),
                        ),
                        ("kind", models.CharField(max_length=10)),
                        ("blind", models.BinaryField()),
                        ("subject", models.UUIDField()),
                        ("until", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "identity_claims",
                        "db_table_comment": "Who is creating the person with this phone or e-mail right now",
                    },
                ),
                migrations.CreateModel(
                    name="Effect",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                            "krayin",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="bridge.krayin",
                            ),
                        ),
                        ("lane_key", models.CharField(db_comment="Contact whose lane carries it out", max_length=60)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("create_person", "create person"),
                                    ("create_lead", "create opportunity"),
                                    ("create_note", "create note"),
                                    ("set_person", "update person"),
                                    ("set_lead", "update opportunity"),
                                    ("set_stage", "move stage"),
                                    ("set_owner", "change the owner"),
                                    ("set_note", "update note"),
                                    ("show_lead", "show opportunity in Chatwoot"),
                                    ("set_contact", "update contact in Chatwoot"),
                                    ("set_label", "label in Chatwoot"),
                                    ("send_message", "message to the person"),
                                ],
                                db_comment="What is asked of Krayin",
                                max_length=20,
                                verbose_name="what",
                            ),
                        ),
                        ("object_ref", models.CharField(db_comment="Our reference of the object", max_length=80)),
                        (
                            "seq",
                            models.BigIntegerField(
                                db_comment="0 for creates (one for ever); the object's seq for changes", default=0
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
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
                        (
                            "digest",
                            models.CharField(
                                blank=True,
                                db_comment="What was wanted; a rejected effect waits for another",
                                max_length=64,
                            ),
                        ),
                        (
                            "conversation_id",
                            models.BigIntegerField(db_comment="Chatwoot conversation that led to it", null=True),
                        ),
                        (
                            "trigger",
                            models.CharField(
                                blank=True, db_comment="Rule that asked for it, for the stage log", max_length=40
                            ),
                        ),
                        (
                            "token",
                            models.BigIntegerField(db_comment="Fencing token of the claim that sent it", null=True),
                        ),
                        (
                            "attempts",
                            models.SmallIntegerField(
                                db_comment="Definite refusals only; waiting for a partner costs none", default=0
                            ),
                        ),
                        (
                            "not_before",
                            models.DateTimeField(
                                db_comment="Not before this time: waits, retries, settle times",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        ("sent_at", models.DateTimeField(db_comment="Committed just before the call", null=True)),
                        (
                            "looked_up_at",
                            models.DateTimeField(
                                db_comment="Last time Krayin was asked whether it happened", null=True
                            ),
                        ),
                        (
                            "confirmed_at",
                            models.DateTimeField(db_comment="When the answer or a look-up confirmed it", null=True),
                        ),
                        ("foreign_id", models.BigIntegerField(db_comment="Krayin id of the object", null=True)),
                        (
                            "owner_id",
                            models.BigIntegerField(
                                db_comment="Creates under round robin: Krayin user whose turn it was, also when it is tried again",
                                null=True,
                            ),
                        ),
                        (
                            "absorbed",
                            models.BooleanField(
                                db_comment="Krayin's hint about this very call came and needs no reading",
                                db_default=False,
                                default=False,
                            ),
                        ),
                        ("calls", models.SmallIntegerField(db_comment="Calls it took", default=0)),
                        (
                            "cause",
                            models.CharField(
                                blank=True,
                                db_comment="Why it is stopped; codes of bridge.causes",
                                max_length=40,
                                verbose_name="cause",
                            ),
                        ),
                        (
                            "detail",
                            models.CharField(
                                blank=True, db_comment="Field keys or status; never values", max_length=200
                            ),
                        ),
                        (
                            "decision",
                            models.ForeignKey(
                                db_constraint=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="consent.decision",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                            ),
                        ),
                        ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                    ],
                    options={
                        "verbose_name": "step",
                        "verbose_name_plural": "steps",
                        "db_table": "effects",
                        "db_table_comment": "Ledger of everything Ponte wants from Krayin and what became of it",
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        ["shadow", "intended", "sent", "unknown", "rejected", "denied", "discarded"],
                                    )
                                ),
                                fields=["connection", "lane_key"],
                                name="effects_open",
                            ),
                            models.Index(
                                condition=models.Q(("state__in", ["rejected", "unknown"])),
                                fields=["connection", "cause"],
                                name="effects_stopped",
                            ),
                            models.Index(
                                condition=models.Q(("state", "confirmed")),
                                fields=["connection", "-confirmed_at"],
                                name="effects_done",
                            ),
                            models.Index(fields=["connection", "lane_key", "-created_at"], name="effects_story"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("krayin", "object_ref", "kind", "seq"), name="effects_once"
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["sent", "unknown"])),
                                fields=("krayin", "object_ref"),
                                name="effects_one_in_flight",
                            ),
                            models.CheckConstraint(
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
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        [
                                            "create_person",
                                            "create_lead",
                                            "create_note",
                                            "set_person",
                                            "set_lead",
                                            "set_stage",
                                            "set_owner",
                                            "set_note",
                                            "show_lead",
                                            "set_contact",
                                            "set_label",
                                            "send_message",
                                        ],
                                    )
                                ),
                                name="effects_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="KrayinHint",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id", "ref", blank=True, editable=False, primary_key=True, serialize=False
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
                            "ref",
                            models.CharField(db_comment="Our reference of the person or opportunity", max_length=80),
                        ),
                        ("lane_key", models.CharField(db_comment="Contact whose lane reads it", max_length=60)),
                        (
                            "at",
                            models.DateTimeField(
                                db_comment="Last hint: a reading begun before it does not settle it",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        (
                            "not_before",
                            models.DateTimeField(
                                db_comment="Deletions are announced before they happen: read a moment later",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                    ],
                    options={
                        "db_table": "krayin_hints",
                        "db_table_comment": "Records Krayin hinted at and that are not read yet; no personal data",
                        "indexes": [models.Index(fields=["connection", "lane_key"], name="krayin_hints_lane")],
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
                        (
                            "krayin",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.krayin",
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
                            "fields",
                            models.JSONField(
                                db_comment="Keyed digests of what can be mapped to Chatwoot; compare, never open",
                                db_default={},
                                default=dict,
                            ),
                        ),
                        (
                            "seen_at",
                            models.DateTimeField(
                                db_comment="When Krayin showed it so",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        ("gone_at", models.DateTimeField(db_comment="Deleted in Krayin", null=True)),
                    ],
                    options={
                        "db_table": "krayin_leads",
                        "db_table_comment": "Opportunities as Krayin last showed them; no personal data, never decided upon",
                        "indexes": [
                            models.Index(fields=["krayin", "person_id"], name="krayin_leads_person"),
                            models.Index(
                                condition=models.Q(("closed_at__isnull", True), ("gone_at__isnull", True)),
                                fields=["krayin", "owner_id", "lead_id"],
                                name="krayin_leads_open",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="KrayinUser",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "krayin",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="users", to="bridge.krayin"
                            ),
                        ),
                        ("email", models.EmailField(max_length=254, verbose_name="e-mail")),
                        ("password", consent.encryption.fields.SealedField(null=True)),
                        ("token", consent.encryption.fields.SealedField(null=True)),
                        (
                            "login_until",
                            models.DateTimeField(
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                editable=False,
                            ),
                        ),
                        (
                            "refused_logins",
                            models.PositiveSmallIntegerField(
                                db_comment="In a row; nobody signs in before login_until",
                                db_default=0,
                                default=0,
                                editable=False,
                            ),
                        ),
                        (
                            "budget",
                            models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to="bridge.callbudget"),
                        ),
                    ],
                    options={
                        "verbose_name": "Krayin user",
                        "verbose_name_plural": "Krayin users",
                        "db_table": "krayin_users",
                        "db_table_comment": "Krayin accounts the bridge writes with; secrets are encrypted with the system key",
                        "constraints": [
                            models.UniqueConstraint(fields=("krayin", "email"), name="krayin_users_one_per_email")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Lane",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id",
                                "lane_key",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
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
                        ("lane_key", models.CharField(max_length=60)),
                        ("dirty", models.BigIntegerField(db_comment="Raised by every intake", default=0)),
                        (
                            "clean_to",
                            models.BigIntegerField(
                                db_column="clean",
                                db_comment="`dirty` as seen by the last finished claim",
                                db_default=0,
                                default=0,
                            ),
                        ),
                        (
                            "run_at",
                            models.DateTimeField(db_comment="Due time; while leased, the end of the lease", null=True),
                        ),
                        ("leased", models.BooleanField(db_default=False, default=False)),
                        (
                            "token",
                            models.BigIntegerField(
                                db_comment="Fencing token: raised by every claim", db_default=0, default=0
                            ),
                        ),
                    ],
                    options={
                        "db_table": "lanes",
                        "db_table_comment": "One row per contact with work; claimed with SKIP LOCKED, lease and fencing token",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("run_at__isnull", False)), fields=["run_at"], name="lanes_due"
                            ),
                            models.Index(
                                condition=models.Q(("run_at__isnull", False)),
                                fields=["connection", "run_at"],
                                name="lanes_due_by_connection",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LaneAlias",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id",
                                "lane_key",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
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
                        ("lane_key", models.CharField(max_length=60)),
                        ("canonical", models.CharField(max_length=60)),
                    ],
                    options={
                        "db_table": "lane_alias",
                        "db_table_comment": "Lanes that moved to another lane",
                    },
                ),
                migrations.CreateModel(
                    name="LeadHealthProfile",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "subject",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        (
                            "medical_notes",
                            consent.encryption.fields.SealedField(null=True, verbose_name="clinical notes"),
                        ),
                        (
                            "health_conditions",
                            consent.encryption.fields.SealedField(null=True, verbose_name="health problems"),
                        ),
                        (
                            "medications",
                            consent.encryption.fields.SealedField(null=True, verbose_name="medicines in use"),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                auto_now=True, db_comment="Last time somebody wrote", verbose_name="changed"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "health data",
                        "verbose_name_plural": "health data",
                        "db_table": "lead_health_profiles",
                        "db_table_comment": "Health data of people, encrypted with the titular's key; never part of what is synced",
                        "indexes": [models.Index(fields=["-updated_at"], name="lead_health_profiles_recent")],
                    },
                ),
                migrations.CreateModel(
                    name="ObservedContact",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contacts",
                                to="bridge.connection",
                            ),
                        ),
                        ("chatwoot_contact_id", models.BigIntegerField()),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.datasubject"
                            ),
                        ),
                        (
                            "mask",
                            models.CharField(
                                blank=True,
                                db_comment="Initials and last four digits",
                                max_length=40,
                                verbose_name="person",
                            ),
                        ),
                        ("name", consent.encryption.fields.SealedField(null=True)),
                        ("email", consent.encryption.fields.SealedField(null=True)),
                        ("phone", consent.encryption.fields.SealedField(null=True)),
                        ("company", consent.encryption.fields.SealedField(null=True)),
                        ("has_email", models.BooleanField(default=False)),
                        ("has_phone", models.BooleanField(default=False)),
                        ("has_identifier", models.BooleanField(default=False)),
                        (
                            "digests",
                            models.JSONField(
                                db_comment="Keyed digest per field as last seen: name, email, phone, company; compares, never opens",
                                default=dict,
                            ),
                        ),
                        (
                            "needs_read",
                            models.BooleanField(
                                db_comment="A body differed and neither has a version: read the contact over REST",
                                default=False,
                            ),
                        ),
                        ("seen_at", models.DateTimeField(auto_now=True)),
                        ("last_activity_at", models.DateTimeField(null=True)),
                        ("read_at", models.DateTimeField(db_comment="Last time it was read over REST", null=True)),
                        (
                            "changed_at",
                            models.DateTimeField(
                                db_comment="Chatwoot's own time of the last change of name, e-mail or phone, where a body told it",
                                null=True,
                            ),
                        ),
                        (
                            "ref_contact_id",
                            models.BigIntegerField(
                                db_comment="Contact number inside our references, when it took over a merged contact's person",
                                null=True,
                            ),
                        ),
                        ("gone_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "observed_contacts",
                        "db_table_comment": "Chatwoot contacts as last observed; personal fields encrypted per titular",
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    ("gone_at__isnull", True),
                                    ("has_email", False),
                                    ("has_identifier", False),
                                    ("has_phone", False),
                                ),
                                fields=["connection"],
                                name="observed_contacts_unnamed",
                            ),
                            models.Index(
                                condition=models.Q(("gone_at__isnull", False)),
                                fields=["connection", "gone_at"],
                                name="observed_contacts_gone",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_contact_id"), name="observed_contacts_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ObservedConversation",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conversations",
                                to="bridge.connection",
                            ),
                        ),
                        ("chatwoot_conversation_id", models.BigIntegerField()),
                        (
                            "contact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conversations",
                                to="bridge.observedcontact",
                            ),
                        ),
                        (
                            "moved_from",
                            models.ForeignKey(
                                db_comment="Contact it left; set until it is known whether that one was merged",
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="bridge.observedcontact",
                            ),
                        ),
                        ("inbox_id", models.BigIntegerField()),
                        ("channel", models.CharField(blank=True, max_length=60)),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("open", "open"),
                                    ("resolved", "resolved"),
                                    ("pending", "pending"),
                                    ("snoozed", "snoozed"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("version", models.BigIntegerField()),
                        (
                            "version_digest",
                            models.BinaryField(db_comment="Breaks ties between equal versions the same way everywhere"),
                        ),
                        (
                            "labels",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=255), default=list, size=None
                            ),
                        ),
                        ("assignee_id", models.BigIntegerField(null=True)),
                        ("team_id", models.BigIntegerField(null=True)),
                        (
                            "labels_seen",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=255),
                                db_comment="Every label any body showed",
                                db_default=[],
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "teams_seen",
                            models.JSONField(
                                db_comment="Number of every team any body showed, with the newest version that did",
                                db_default={},
                                default=dict,
                            ),
                        ),
                        (
                            "assignees_seen",
                            models.JSONField(
                                db_comment="Number of every agent any body showed as assignee, with the newest version that did",
                                db_default={},
                                default=dict,
                            ),
                        ),
                        (
                            "assignee_since",
                            models.BigIntegerField(
                                db_comment="Oldest known version that shows the present assignee, with nobody else after it",
                                null=True,
                            ),
                        ),
                        ("team_since", models.BigIntegerField(db_comment="The same for the present team", null=True)),
                        ("started_at", models.DateTimeField()),
                        (
                            "first_reply_at",
                            models.DateTimeField(db_comment="Earliest first reply any body showed", null=True),
                        ),
                        (
                            "resolved_at",
                            models.DateTimeField(db_comment="Earliest time any body showed it resolved", null=True),
                        ),
                        ("last_activity_at", models.DateTimeField(null=True)),
                        (
                            "lead_number",
                            models.SmallIntegerField(
                                db_comment="Which opportunity of the contact this conversation belongs to: 1, 2, …",
                                null=True,
                            ),
                        ),
                        (
                            "polled_version",
                            models.BigIntegerField(
                                db_comment="`version` up to which a poll has read the messages; moved only by polls",
                                db_default=0,
                                default=0,
                            ),
                        ),
                        ("gone_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "observed_conversations",
                        "db_table_comment": "Chatwoot conversations as last observed; no personal fields",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_conversation_id"), name="observed_conversations_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["open", "resolved", "pending", "snoozed"])),
                                name="observed_conversations_status",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConversationDay",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "conversation",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="days",
                                to="bridge.observedconversation",
                            ),
                        ),
                        ("day", models.DateField()),
                        (
                            "version",
                            models.BigIntegerField(
                                db_comment="Raised by every new, edited or deleted message", default=1
                            ),
                        ),
                        (
                            "written",
                            models.BigIntegerField(db_comment="`version` that the note in Krayin shows", default=0),
                        ),
                        (
                            "first_change_at",
                            models.DateTimeField(db_comment="Oldest change the note does not show yet", null=True),
                        ),
                        ("last_change_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "conversation_days",
                        "db_table_comment": "Days of conversations and whether their note is up to date",
                        "constraints": [
                            models.UniqueConstraint(fields=("conversation", "day"), name="conversation_days_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ObservedMessage",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                            "conversation",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="messages",
                                to="bridge.observedconversation",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.datasubject"
                            ),
                        ),
                        ("chatwoot_message_id", models.BigIntegerField()),
                        (
                            "direction",
                            models.CharField(
                                choices=[("incoming", "incoming"), ("outgoing", "outgoing"), ("template", "template")],
                                max_length=10,
                            ),
                        ),
                        ("author_kind", models.CharField(blank=True, max_length=20)),
                        ("sent_at", models.DateTimeField()),
                        (
                            "local_day",
                            models.DateField(db_comment="Day in the clinic's zone: the note this message belongs to"),
                        ),
                        (
                            "content",
                            consent.encryption.fields.SealedField(
                                db_comment="JSON: text, author, attachment types", null=True
                            ),
                        ),
                        ("digest", models.BinaryField(db_comment="Keyed digest of the content; compares, never opens")),
                        (
                            "version",
                            models.BigIntegerField(
                                db_comment="Partner's updated_at in microseconds where a body told it", default=0
                            ),
                        ),
                        (
                            "is_deleted",
                            models.BooleanField(db_comment="Absorbing: once deleted, deleted for ever", default=False),
                        ),
                        ("needs_read", models.BooleanField(default=False)),
                        (
                            "is_marketing",
                            models.BooleanField(
                                db_comment="Of a campaign or marketing template: CANCELAR next means the messages",
                                db_default=False,
                                default=False,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "observed_messages",
                        "db_table_comment": "Public Chatwoot messages as last observed; content encrypted per titular",
                        "indexes": [
                            models.Index(
                                fields=["conversation", "local_day", "sent_at", "chatwoot_message_id"],
                                name="observed_messages_day",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_message_id"), name="observed_messages_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("direction__in", ["incoming", "outgoing", "template"])),
                                name="observed_messages_direction",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ObservedValue",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="values",
                                to="bridge.observedcontact",
                            ),
                        ),
                        (
                            "conversation",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="values",
                                to="bridge.observedconversation",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.datasubject"
                            ),
                        ),
                        ("key", models.CharField(db_comment="As in field_rows.chatwoot", max_length=140)),
                        ("value", consent.encryption.fields.SealedField(null=True)),
                        (
                            "digest",
                            models.CharField(
                                db_comment="Keyed digest of the value; compares, never opens", max_length=64
                            ),
                        ),
                        (
                            "mask",
                            models.CharField(db_comment="First character at most: what screens show", max_length=8),
                        ),
                        (
                            "version",
                            models.BigIntegerField(db_comment="Version of the conversation that showed it", default=0),
                        ),
                        ("changed_at", models.DateTimeField(db_comment="When this value was first seen")),
                    ],
                    options={
                        "db_table": "observed_values",
                        "db_table_comment": "Values of mapped Chatwoot fields, encrypted per titular",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("contact", "conversation", "key"),
                                name="observed_values_once",
                                nulls_distinct=False,
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Owner",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="owners",
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        ("number", models.BigIntegerField(db_comment="Krayin's user id", verbose_name="number")),
                        (
                            "name",
                            models.CharField(
                                db_comment="As shown in Krayin; no e-mail", max_length=255, verbose_name="name"
                            ),
                        ),
                        (
                            "mask",
                            models.CharField(blank=True, db_comment="What screens show of the e-mail", max_length=20),
                        ),
                        ("is_active", models.BooleanField(db_comment="May sign in to Krayin", default=True)),
                        (
                            "takes_turns",
                            models.BooleanField(
                                db_comment="Gets opportunities under the rule round robin",
                                default=False,
                                verbose_name="in the rotation",
                            ),
                        ),
                        (
                            "is_absent",
                            models.BooleanField(
                                db_comment="Passed over by every rule", default=False, verbose_name="absent"
                            ),
                        ),
                        (
                            "absent_until",
                            models.DateField(
                                blank=True,
                                db_comment="Last day of the absence in the clinic's zone; null: open",
                                null=True,
                                verbose_name="absent until",
                            ),
                        ),
                        (
                            "last_turn",
                            models.BigIntegerField(
                                db_comment="Counter of the connection's rule at this person's last turn",
                                default=0,
                                editable=False,
                            ),
                        ),
                        (
                            "seen_at",
                            models.DateTimeField(db_comment="Last time Krayin listed the user", editable=False),
                        ),
                        (
                            "gone_at",
                            models.DateTimeField(
                                db_comment="First time Krayin no longer listed the user", editable=False, null=True
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "Krayin user",
                        "verbose_name_plural": "Krayin users",
                        "db_table": "owners",
                        "db_table_comment": "Krayin users as last read: who may own opportunities",
                        "ordering": ["name", "pk"],
                        "constraints": [models.UniqueConstraint(fields=("connection", "number"), name="owners_once")],
                    },
                ),
                migrations.CreateModel(
                    name="OwnerLink",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="owner_links",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("agent", "person"), ("team", "team")],
                                db_comment="agent or team",
                                max_length=10,
                            ),
                        ),
                        ("key", models.CharField(db_comment="Number of the agent or team in Chatwoot", max_length=255)),
                        (
                            "owner",
                            models.ForeignKey(
                                db_comment="Krayin user; null: has none, said by hand",
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="links",
                                to="bridge.owner",
                            ),
                        ),
                        (
                            "found_by",
                            models.CharField(
                                choices=[("email", "e-mail"), ("manual", "by hand")],
                                db_comment="email or manual",
                                max_length=10,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "pair",
                        "verbose_name_plural": "pairs",
                        "db_table": "owner_links",
                        "db_table_comment": "Which person or team of Chatwoot is which user of Krayin",
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "kind", "key"), name="owner_links_once"),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["agent", "team"])), name="owner_links_kind"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("found_by__in", ["email", "manual"])), name="owner_links_found_by"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("owner__isnull", False), ("found_by", "manual"), _connector="OR"),
                                name="owner_links_owner",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="PanelToken",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                        (
                            "digest",
                            models.BinaryField(
                                db_comment="SHA-256 of the token (256 random bits); the token itself is not kept",
                                unique=True,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="signed in",
                            ),
                        ),
                        ("expires_at", models.DateTimeField(editable=False, verbose_name="ends")),
                        ("last_used_at", models.DateTimeField(editable=False, null=True, verbose_name="last used")),
                        ("revoked_at", models.DateTimeField(editable=False, null=True, verbose_name="ended by hand")),
                    ],
                    options={
                        "verbose_name": "panel sign-in",
                        "verbose_name_plural": "panel sign-ins",
                        "db_table": "panel_tokens",
                        "db_table_comment": "Sign-ins of the panel inside Chatwoot; hashed, at most twelve hours",
                        "indexes": [models.Index(fields=["connection", "-created_at"], name="panel_tokens_recent")],
                    },
                ),
                migrations.CreateModel(
                    name="ReconcileDay",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="reconcile_days",
                                to="bridge.connection",
                            ),
                        ),
                        ("day", models.DateField()),
                        (
                            "listed",
                            models.IntegerField(db_comment="Conversations listed as changed", db_default=0, default=0),
                        ),
                        (
                            "missed",
                            models.IntegerField(
                                db_comment="Changes only a poll brought: the gap rate's top", db_default=0, default=0
                            ),
                        ),
                        (
                            "gone",
                            models.IntegerField(
                                db_comment="Objects that no longer exist at a partner", db_default=0, default=0
                            ),
                        ),
                        (
                            "by_hand",
                            models.IntegerField(db_comment="Stages people moved in Krayin", db_default=0, default=0),
                        ),
                    ],
                    options={
                        "db_table": "reconcile_days",
                        "db_table_comment": "Per connection and day: what polling listed, knew and found",
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "day"), name="reconcile_days_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Saying",
                    fields=[
                        (
                            "wish",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="saying",
                                serialize=False,
                                to="bridge.wish",
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
                                related_name="sayings",
                                to="bridge.observedcontact",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("question", "question for consent"),
                                    ("cancel_question", "question after CANCELAR"),
                                    ("given", "reply to a yes"),
                                    ("refused", "reply to a no"),
                                    ("withdrawal", "reply to a withdrawal"),
                                ],
                                max_length=15,
                                verbose_name="what",
                            ),
                        ),
                        (
                            "consent_type",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("data_processing", "Data processing"),
                                    ("marketing", "Marketing"),
                                    ("health_data", "Health data"),
                                    ("language_model", "Language model"),
                                ],
                                max_length=50,
                                verbose_name="purpose",
                            ),
                        ),
                        (
                            "reply_to",
                            models.BigIntegerField(db_comment="The person's message that led to it", null=True),
                        ),
                        (
                            "served",
                            models.ForeignKey(
                                db_comment="Written before the message is sent",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.servedtext",
                            ),
                        ),
                        ("chatwoot_message_id", models.BigIntegerField(db_comment="Once Chatwoot has it", null=True)),
                        ("sent_at", models.DateTimeField(db_comment="Committed just before the call", null=True)),
                        (
                            "answer",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("yes", "yes"),
                                    ("no", "no"),
                                    ("appointment", "the appointment was meant"),
                                    ("messages", "the messages were meant"),
                                ],
                                max_length=11,
                            ),
                        ),
                        ("answered_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "verbose_name": "message about consent",
                        "verbose_name_plural": "messages about consent",
                        "db_table": "sayings",
                        "db_table_comment": "Messages of ours to people about consent; their words are those of text_versions",
                        "indexes": [
                            models.Index(fields=["contact", "-sent_at"], name="sayings_contact"),
                            models.Index(
                                condition=models.Q(("chatwoot_message_id__isnull", False)),
                                fields=["connection", "chatwoot_message_id"],
                                name="sayings_message",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("kind__in", ["question", "given", "refused"]),
                                        models.Q(("consent_type", ""), _negated=True),
                                    ),
                                    models.Q(("consent_type", ""), ("kind__in", ["cancel_question", "withdrawal"])),
                                    _connector="OR",
                                ),
                                name="sayings_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("answer", ""), ("answered_at__isnull", True)),
                                    models.Q(
                                        ("answer__in", ["yes", "no"]),
                                        ("answered_at__isnull", False),
                                        ("kind", "question"),
                                    ),
                                    models.Q(
                                        ("answer__in", ["appointment", "messages"]),
                                        ("answered_at__isnull", False),
                                        ("kind", "cancel_question"),
                                    ),
                                    _connector="OR",
                                ),
                                name="sayings_answer",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("reply_to__isnull", False)),
                                fields=("connection", "reply_to", "kind", "consent_type"),
                                name="sayings_reply_once",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SensitiveNote",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bridge.connection"
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "chatwoot_conversation_id",
                            models.BigIntegerField(db_comment="Conversation it is about, if any", null=True),
                        ),
                        (
                            "krayin_activity_id",
                            models.BigIntegerField(db_comment="Note in Krayin it goes with, if any", null=True),
                        ),
                        (
                            "sensitive_notes",
                            consent.encryption.fields.SealedField(
                                db_comment="Encrypted with the titular's key; null once removed",
                                null=True,
                                verbose_name="sensitive note",
                            ),
                        ),
                        (
                            "written_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="written",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "sensitive note",
                        "verbose_name_plural": "sensitive notes",
                        "db_table": "sensitive_notes",
                        "db_table_comment": "Clinical notes on activities, encrypted with the titular's key; never sent to a partner",
                        "indexes": [models.Index(fields=["subject", "-created_at"], name="sensitive_notes_person")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("krayin_activity_id__isnull", True),
                                    ("chatwoot_conversation_id__isnull", False),
                                    _connector="OR",
                                ),
                                name="sensitive_notes_activity",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Setup",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.clinic"
                            ),
                        ),
                        ("name", models.CharField(max_length=120, verbose_name="name")),
                        (
                            "connection",
                            models.OneToOneField(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="setup",
                                to="bridge.connection",
                            ),
                        ),
                        ("polling_only", models.BooleanField(default=False, verbose_name="only polling")),
                        ("chatwoot_url", models.URLField(blank=True, verbose_name="Chatwoot address")),
                        (
                            "chatwoot_account_id",
                            models.BigIntegerField(null=True, verbose_name="Chatwoot account number"),
                        ),
                        ("chatwoot_account_name", models.CharField(blank=True, max_length=200)),
                        ("chatwoot_token", consent.encryption.fields.SealedField(null=True)),
                        (
                            "inboxes",
                            models.JSONField(db_comment="[{id, name, channel}] as Chatwoot listed them", default=list),
                        ),
                        (
                            "crm_lists",
                            models.JSONField(
                                db_comment="{sources, types}: [{id, name}] as Krayin listed them", default=dict
                            ),
                        ),
                        (
                            "crm_facts",
                            models.JSONField(
                                db_comment="What Krayin told about itself: call limit, time zone", default=dict
                            ),
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
                            models.JSONField(
                                db_comment="Conversations of 24 h per inbox, counted in Chatwoot", default=dict
                            ),
                        ),
                        (
                            "watch_from",
                            models.DateTimeField(
                                db_comment="Screen A5 follows the first message after this time", null=True
                            ),
                        ),
                        (
                            "read_back_at",
                            models.DateTimeField(
                                db_comment="When what was written was read again from Krayin", null=True
                            ),
                        ),
                        ("read_back_asked_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                    ],
                    options={
                        "db_table": "setups",
                        "db_table_comment": "Runs of the setup assistant: one per connection, or one on its way to a connection",
                    },
                ),
                migrations.CreateModel(
                    name="SetupMark",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
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
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="made",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "partner",
                            models.CharField(choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin")], max_length=10),
                        ),
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
                    ],
                    options={
                        "db_table": "setup_objects",
                        "db_table_comment": "What setting up made at Chatwoot and Krayin, so that it can be undone",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "partner", "kind", "foreign_id"), name="setup_objects_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("partner__in", ["chatwoot", "krayin"])),
                                name="setup_objects_partner",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        ["attribute", "optional_email", "source", "webhook", "workflow", "panel"],
                                    )
                                ),
                                name="setup_objects_kind",
                            ),
                        ],
                    },
                ),
                config.db.operations.CreatePartitionedModel(
                    name="StageChangeLog",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "krayin_lead_id",
                            models.BigIntegerField(db_comment="Opportunity", verbose_name="opportunity"),
                        ),
                        (
                            "previous_stage",
                            models.CharField(
                                db_comment="Name of the stage before; null when it was made in new_stage",
                                max_length=100,
                                null=True,
                                verbose_name="from",
                            ),
                        ),
                        (
                            "new_stage",
                            models.CharField(
                                db_comment="Name of the stage asked for or seen", max_length=100, verbose_name="to"
                            ),
                        ),
                        (
                            "trigger_source",
                            models.CharField(
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
                        (
                            "rule",
                            models.CharField(
                                blank=True,
                                db_comment="Settings key of the rule that asked for it",
                                max_length=40,
                                verbose_name="rule",
                            ),
                        ),
                        (
                            "result",
                            models.CharField(
                                choices=[
                                    ("moved", "moved"),
                                    ("closed", "not moved: won or lost"),
                                    ("ahead", "not moved: already further"),
                                    ("conflict", "not moved: changed by hand"),
                                    ("gone", "not moved: the stage no longer exists"),
                                ],
                                db_comment="moved, or why not",
                                default="moved",
                                max_length=10,
                                verbose_name="result",
                            ),
                        ),
                        (
                            "chatwoot_conversation_id",
                            models.BigIntegerField(
                                db_comment="Conversation that fulfilled the rule",
                                null=True,
                                verbose_name="conversation",
                            ),
                        ),
                        ("chatwoot_status", models.CharField(db_comment="Its status then", max_length=50, null=True)),
                        (
                            "changed_by_user_id",
                            models.BigIntegerField(db_comment="Krayin user, where known", null=True),
                        ),
                        (
                            "asked_by",
                            models.ForeignKey(
                                db_comment="Who asked for it in Ponte",
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="when"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "stage change",
                        "verbose_name_plural": "stage changes",
                        "db_table": "stage_change_logs",
                        "db_table_comment": "Stage changes of opportunities (partitioned by quarter)",
                        "indexes": [
                            models.Index(
                                fields=["connection", "krayin_lead_id", "-created_at"], name="stage_change_logs_lead"
                            ),
                            models.Index(fields=["connection", "-created_at"], name="stage_change_logs_recent"),
                            models.Index(fields=["trigger_source", "-created_at"], name="stage_change_logs_source"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("trigger_source__in", ["webhook", "manual", "automation", "panel"])
                                ),
                                name="stage_change_logs_source",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("result__in", ["moved", "closed", "ahead", "conflict", "gone"])),
                                name="stage_change_logs_result",
                            ),
                        ],
                    },
                    partition_by="created_at",
                ),
                migrations.CreateModel(
                    name="StageRule",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="stage_rules",
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        (
                            "position",
                            models.PositiveSmallIntegerField(db_comment="Place in the connection's list, from 1"),
                        ),
                        (
                            "when",
                            models.CharField(
                                choices=[
                                    ("created", "conversation started"),
                                    ("first_response", "first reply"),
                                    ("resolved", "conversation resolved"),
                                    ("label", "label"),
                                    ("team", "team"),
                                    ("inbox", "inbox"),
                                    ("assignee", "assignee"),
                                ],
                                db_column="event",
                                db_comment="What has to happen in a conversation",
                                max_length=20,
                                verbose_name="when",
                            ),
                        ),
                        (
                            "value",
                            models.CharField(
                                blank=True,
                                db_comment="Title of the label, or number of the team, inbox or agent in Chatwoot; empty for events",
                                max_length=255,
                                verbose_name="which",
                            ),
                        ),
                        (
                            "pipeline_id",
                            models.BigIntegerField(db_comment="Pipeline in Krayin", verbose_name="pipeline"),
                        ),
                        ("stage_id", models.BigIntegerField(db_comment="Stage in Krayin", verbose_name="stage")),
                        (
                            "value_name",
                            models.CharField(
                                blank=True, db_comment="Name of the team, inbox or agent as chosen", max_length=255
                            ),
                        ),
                        ("stage_name", models.CharField(db_comment="Name of the stage as chosen", max_length=255)),
                        ("is_enabled", models.BooleanField(default=True, verbose_name="on")),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "verbose_name": "stage rule",
                        "verbose_name_plural": "stage rules",
                        "db_table": "stage_rules",
                        "db_table_comment": "Ordered rules that move opportunities; forward only, never out of won or lost",
                        "ordering": ["connection", "position"],
                        "constraints": [
                            models.UniqueConstraint(
                                deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                                fields=("connection", "position"),
                                name="stage_rules_one_per_place",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "when__in",
                                        ["created", "first_response", "resolved", "label", "team", "inbox", "assignee"],
                                    )
                                ),
                                name="stage_rules_when",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("value", ""), ("when__in", ["created", "first_response", "resolved"])),
                                    models.Q(
                                        ("when__in", ["label", "team", "inbox", "assignee"]),
                                        models.Q(("value", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="stage_rules_value",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Suggestion",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="suggestions",
                                to="bridge.observedcontact",
                            ),
                        ),
                        ("krayin_person_id", models.BigIntegerField()),
                        (
                            "evidence",
                            models.CharField(
                                db_comment="Which identifiers matched and why it was not adopted", max_length=60
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("open", "waiting"),
                                    ("same", "same person"),
                                    ("different", "different people"),
                                    ("shared", "shared phone"),
                                ],
                                default="open",
                                max_length=10,
                            ),
                        ),
                        (
                            "decided_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("decided_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "suggestions",
                        "db_table_comment": "Possible same persons, decided by people",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "open")),
                                fields=["connection", "created_at"],
                                name="suggestions_open",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("contact", "krayin_person_id"), name="suggestions_once"),
                            models.CheckConstraint(
                                condition=models.Q(("state__in", ["open", "same", "different", "shared"])),
                                name="suggestions_state",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SyncedObject",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                            "krayin",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="bridge.krayin",
                            ),
                        ),
                        ("lane_key", models.CharField(db_comment="Contact whose lane owns it", max_length=60)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("person", "person"),
                                    ("lead", "opportunity"),
                                    ("note", "note"),
                                    ("contact", "contact in Chatwoot"),
                                    ("label", "label in Chatwoot"),
                                    ("fields", "mapped fields"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("ref", models.CharField(db_comment="Our reference as written in Krayin", max_length=80)),
                        ("foreign_id", models.BigIntegerField(db_comment="Krayin id")),
                        ("seq", models.BigIntegerField(db_comment="Raised by every confirmed change", default=1)),
                        (
                            "base",
                            models.JSONField(
                                db_comment="Keyed digest per field as the partner returned it at the agreement",
                                default=dict,
                            ),
                        ),
                        (
                            "stage_id",
                            models.BigIntegerField(
                                db_comment="Leads: stage we last saw or set; never decided upon unread", null=True
                            ),
                        ),
                        ("closed_at", models.DateTimeField(db_comment="Leads: won or lost when last read", null=True)),
                        (
                            "has_ref",
                            models.BooleanField(
                                db_comment="False for an adopted object until our reference is written on it",
                                default=True,
                            ),
                        ),
                        (
                            "found_by",
                            models.CharField(
                                db_comment="reference, email, phone, created or manual",
                                default="created",
                                max_length=12,
                            ),
                        ),
                        (
                            "gone_at",
                            models.DateTimeField(db_comment="A person deleted it in Krayin: not made again", null=True),
                        ),
                        (
                            "there",
                            models.JSONField(
                                db_comment="Persons: keyed digest per field as last read; differs from `base` after a change there",
                                default=dict,
                            ),
                        ),
                        (
                            "there_at",
                            models.DateTimeField(
                                db_comment="When the reading of `there` began, by our clock", null=True
                            ),
                        ),
                        (
                            "there_version",
                            models.DateTimeField(db_comment="Krayin's updated_at in that reading", null=True),
                        ),
                        (
                            "forgotten_at",
                            models.DateTimeField(
                                db_comment="Staff asked to make it again although it may double: planned as if it were not there",
                                null=True,
                            ),
                        ),
                        (
                            "synced_at",
                            models.DateTimeField(
                                db_comment="Time of the last agreement",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                    ],
                    options={
                        "db_table": "synced_objects",
                        "db_table_comment": "Objects in Krayin that belong to us, as of the last agreement",
                        "indexes": [
                            models.Index(fields=["connection", "lane_key"], name="synced_objects_lane"),
                            models.Index(fields=["krayin", "kind", "foreign_id"], name="synced_objects_foreign"),
                            models.Index(
                                condition=models.Q(("gone_at__isnull", False)),
                                fields=["connection", "gone_at"],
                                name="synced_objects_gone",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("krayin", "ref"), name="synced_objects_once"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("kind__in", ["person", "lead", "note", "contact", "label", "fields"])
                                ),
                                name="synced_objects_kind",
                            ),
                        ],
                    },
                ),
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
                        (
                            "kind",
                            models.CharField(
                                db_comment="Code of bridge.jobs.kinds", max_length=30, verbose_name="what"
                            ),
                        ),
                        (
                            "filter",
                            models.JSONField(
                                db_comment="What it is limited to: ids, codes and times, never personal data",
                                default=dict,
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
                            models.BigIntegerField(
                                db_comment="Items that failed; `causes` says why", db_default=0, default=0
                            ),
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
                                db_comment="How far it came, in the kind's own terms; empty at the beginning",
                                default=dict,
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
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "lease_until",
                            models.DateTimeField(
                                db_comment="Until then one runner has it",
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "token",
                            models.BigIntegerField(
                                db_comment="Fencing token: raised by every claim", db_default=0, default=0
                            ),
                        ),
                        ("errors_in_a_row", models.PositiveSmallIntegerField(db_default=0, default=0)),
                        (
                            "reason",
                            models.CharField(
                                blank=True,
                                db_comment="Code: why it was started, where a reason is needed",
                                max_length=40,
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
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="planned"
                            ),
                        ),
                        (
                            "confirmed_at",
                            models.DateTimeField(db_comment="When a person confirmed the dry run", null=True),
                        ),
                        ("started_at", models.DateTimeField(db_comment="Its first step", null=True)),
                        ("finished_at", models.DateTimeField(db_comment="Done, cancelled or failed", null=True)),
                    ],
                    options={
                        "verbose_name": "job",
                        "verbose_name_plural": "Import and reprocess",
                        "db_table": "sync_jobs",
                        "db_table_comment": "Long work that people start: dry run, progress, pause, continue, cancel",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ["waiting", "running"])),
                                fields=["not_before"],
                                name="sync_jobs_due",
                            ),
                            models.Index(fields=["connection", "-id"], name="sync_jobs_recent"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        ["planned", "waiting", "running", "paused", "cancelled", "done", "failed"],
                                    )
                                ),
                                name="sync_jobs_state",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ImportedContact",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "job",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.syncjob",
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
                        ("chatwoot_contact_id", models.BigIntegerField(db_comment="Chatwoot contact id")),
                        (
                            "hits",
                            models.JSONField(
                                db_comment="[[Krayin person id, email or phone, whether the names agree]]: who has the same value",
                                default=list,
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Waiting"),
                                    ("adopted", "Adopted"),
                                    ("asked", "Asked"),
                                    ("own", "Own"),
                                    ("kept", "Kept"),
                                ],
                                db_comment="Empty until judged; adopted, asked, own or kept",
                                max_length=10,
                            ),
                        ),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "imported_contacts",
                        "db_table_comment": "Contacts a running import compares with the people in Krayin; removed when it ends",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("outcome", "")),
                                fields=["connection", "chatwoot_contact_id"],
                                name="imported_contacts_waiting",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("job", "chatwoot_contact_id"), name="imported_contacts_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("outcome__in", ["", "adopted", "asked", "own", "kept"])),
                                name="imported_contacts_outcome",
                            ),
                        ],
                    },
                ),
                config.db.operations.CreatePartitionedModel(
                    name="WebhookEvent",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "received_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="received"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "event_type",
                            models.CharField(
                                db_comment="Event name of the partner; facts for polls",
                                max_length=60,
                                verbose_name="type",
                            ),
                        ),
                        (
                            "lane_key",
                            models.CharField(
                                db_comment="c:<Chatwoot contact id>; '-' when the event names none", max_length=60
                            ),
                        ),
                        (
                            "occurred_at",
                            models.DateTimeField(db_comment="Time the partner signed the delivery", null=True),
                        ),
                        (
                            "arrived_at",
                            models.DateTimeField(db_comment="Clock of the web process when the bytes were complete"),
                        ),
                        (
                            "arrived_by",
                            models.CharField(
                                choices=[
                                    ("webhook", "webhook"),
                                    ("poll", "poll"),
                                    ("spool", "contingency"),
                                    ("replay", "replay"),
                                    ("import", "import"),
                                    ("manual", "sync now"),
                                ],
                                db_comment="webhook, poll, spool, replay, import or manual",
                                default="webhook",
                                max_length=10,
                                verbose_name="arrived by",
                            ),
                        ),
                        (
                            "verification",
                            models.CharField(
                                choices=[
                                    ("signed", "signed"),
                                    ("late", "signed, outside the time window"),
                                    ("token", "token"),
                                    ("internal", "our own"),
                                ],
                                db_comment="signed, late, token or internal",
                                max_length=10,
                                verbose_name="verification",
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("received", "waiting"),
                                    ("observed", "done"),
                                    ("ignored", "ignored"),
                                    ("parked", "failed"),
                                ],
                                db_comment="received, observed, ignored or parked",
                                default="received",
                                max_length=10,
                                verbose_name="state",
                            ),
                        ),
                        (
                            "delivery_key",
                            models.CharField(
                                blank=True, db_comment="Delivery id of the partner, or a digest", max_length=80
                            ),
                        ),
                        (
                            "conversation_id",
                            models.BigIntegerField(
                                db_comment="Chatwoot conversation number", null=True, verbose_name="conversation"
                            ),
                        ),
                        (
                            "contact_id",
                            models.BigIntegerField(db_comment="Chatwoot contact id", null=True, verbose_name="contact"),
                        ),
                        (
                            "cause",
                            models.CharField(
                                blank=True,
                                db_comment="Why it is parked; codes of bridge.causes",
                                max_length=40,
                                verbose_name="cause",
                            ),
                        ),
                        ("observed_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "verbose_name": "received event",
                        "verbose_name_plural": "received events",
                        "db_table": "webhook_events",
                        "db_table_comment": "Every accepted delivery, without its body; partitioned by week",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("status", "received")),
                                fields=["connection", "lane_key", "id"],
                                name="webhook_events_waiting",
                            ),
                            models.Index(fields=["connection", "-received_at"], name="webhook_events_recent"),
                            models.Index(
                                fields=["connection", "conversation_id", "received_at"],
                                name="webhook_events_conversation",
                            ),
                            models.Index(fields=["connection", "lane_key", "received_at"], name="webhook_events_lane"),
                            models.Index(
                                condition=models.Q(("status", "parked")),
                                fields=["connection", "cause"],
                                name="webhook_events_parked",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["received", "observed", "ignored", "parked"])),
                                name="webhook_events_status",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("arrived_by__in", ["webhook", "poll", "spool", "replay", "import", "manual"])
                                ),
                                name="webhook_events_arrived_by",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("verification__in", ["signed", "late", "token", "internal"])),
                                name="webhook_events_verification",
                            ),
                        ],
                    },
                    partition_by="received_at",
                ),
                migrations.CreateModel(
                    name="WebhookSecret",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="secrets",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "partner",
                            models.CharField(choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin")], max_length=10),
                        ),
                        ("secret", consent.encryption.fields.SealedField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("retired_at", models.DateTimeField(blank=True, null=True)),
                        ("last_matched_at", models.DateTimeField(editable=False, null=True)),
                    ],
                    options={
                        "db_table": "webhook_secrets",
                        "db_table_comment": "Secrets that verify incoming webhooks; several may live at once while one replaces another",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("partner__in", ["chatwoot", "krayin"])),
                                name="webhook_secrets_partner",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ApiKey",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="api_keys",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "client",
                            models.CharField(
                                db_comment="Name of the program that uses the key",
                                max_length=80,
                                verbose_name="program",
                            ),
                        ),
                        (
                            "prefix",
                            models.CharField(
                                db_comment="Public part of the key", max_length=12, unique=True, verbose_name="prefix"
                            ),
                        ),
                        (
                            "digest",
                            models.BinaryField(
                                db_comment="HMAC-SHA-256 of prefix and secret; the secret is kept nowhere"
                            ),
                        ),
                        (
                            "digest_key",
                            models.CharField(db_comment="Which of PONTE_BLIND_KEYS made `digest`", max_length=16),
                        ),
                        (
                            "scopes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                db_comment="What it may do: bridge.models.Scope",
                                size=None,
                                verbose_name="may",
                            ),
                        ),
                        (
                            "origins",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=200),
                                blank=True,
                                db_comment="Web sites whose pages may use the key from a browser (CORS)",
                                default=list,
                                size=None,
                                verbose_name="web sites",
                            ),
                        ),
                        (
                            "expires_at",
                            models.DateTimeField(
                                db_comment="From then on the key is refused", verbose_name="valid until"
                            ),
                        ),
                        (
                            "last_used_at",
                            models.DateTimeField(
                                db_comment="Written at most once a minute", null=True, verbose_name="last used"
                            ),
                        ),
                        (
                            "revoked_at",
                            models.DateTimeField(
                                db_comment="From then on the key is refused", null=True, verbose_name="revoked"
                            ),
                        ),
                        (
                            "revoked_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="created by",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "API key",
                        "verbose_name_plural": "API keys",
                        "db_table": "api_keys",
                        "db_table_comment": "Keys of the REST API: prefix and keyed hash, never the key",
                        "indexes": [models.Index(fields=["clinic", "-created_at"], name="api_keys_of_clinic")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("prefix__regex", "^[a-z0-9]{10}$")), name="api_keys_prefix"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("scopes__len__gt", 0)), name="api_keys_some_scope"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OwnerRule",
                    fields=[
                        (
                            "connection",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="owner_rule",
                                serialize=False,
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        (
                            "rule",
                            models.CharField(
                                choices=[
                                    ("keep", "leave it to Krayin"),
                                    ("assignee", "who attends the conversation"),
                                    ("team", "the team of the conversation"),
                                    ("round_robin", "each in turn"),
                                ],
                                db_comment="keep, assignee, team or round_robin",
                                default="keep",
                                max_length=12,
                                verbose_name="owner",
                            ),
                        ),
                        (
                            "default_owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="bridge.owner",
                                verbose_name="default owner",
                            ),
                        ),
                        (
                            "since",
                            models.DateTimeField(
                                db_comment="Only what happens in Chatwoot after this time moves an owner",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        (
                            "turn",
                            models.BigIntegerField(
                                db_comment="Turns given so far: the counter of round robin", default=0, editable=False
                            ),
                        ),
                        (
                            "read_at",
                            models.DateTimeField(
                                db_comment="When both lists of people were last read", editable=False, null=True
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "team",
                        "verbose_name_plural": "teams",
                        "db_table": "owner_rules",
                        "db_table_comment": "Per connection: who gets the opportunities",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("rule__in", ["keep", "assignee", "team", "round_robin"])),
                                name="owner_rules_rule",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Breaker",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="breakers",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "partner",
                            models.CharField(
                                choices=[("krayin", "Krayin"), ("chatwoot", "Chatwoot"), ("ponte", "Ponte")],
                                db_comment="krayin, chatwoot, or ponte: our own defect",
                                max_length=10,
                            ),
                        ),
                        (
                            "problem",
                            models.CharField(db_comment="Why it cannot be used; codes of bridge.causes", max_length=40),
                        ),
                        ("since", models.DateTimeField(db_comment="First failure of this problem")),
                        ("failures_in_a_row", models.PositiveIntegerField(db_comment="Probes that failed", default=1)),
                        (
                            "paused_until",
                            models.DateTimeField(
                                db_comment="Next probe; until then nobody calls the partner for this connection"
                            ),
                        ),
                    ],
                    options={
                        "db_table": "breakers",
                        "db_table_comment": "One row per connection and partner that is away; no row means no problem",
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "partner"), name="breakers_one_per_partner"),
                            models.CheckConstraint(
                                condition=models.Q(("partner__in", ["krayin", "chatwoot", "ponte"])),
                                name="breakers_partner",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="AttendedInboxes",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                                db_comment="When Chatwoot was last asked",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                    ],
                    options={
                        "db_table": "attended_inboxes",
                        "db_table_comment": "Which inboxes each attendant belongs to, read from Chatwoot",
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "user"), name="attended_inboxes_once")
                        ],
                    },
                ),
                config.db.operations.CreatePartitionedModel(
                    name="ActivityMapping",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("chatwoot_message_id", models.BigIntegerField(db_comment="Message")),
                        ("krayin_activity_id", models.BigIntegerField(db_comment="Note that shows it")),
                        ("conversation_id", models.BigIntegerField(db_comment="Chatwoot conversation number")),
                        ("message_type", models.CharField(db_comment="incoming, outgoing or template", max_length=20)),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "activity_mappings",
                        "db_table_comment": "Maps Chatwoot messages to Krayin activities (partitioned by month)",
                        "indexes": [
                            models.Index(
                                fields=["connection", "chatwoot_message_id"], name="activity_mappings_message"
                            ),
                            models.Index(
                                fields=["connection", "krayin_activity_id"], name="activity_mappings_activity"
                            ),
                            models.Index(
                                fields=["connection", "conversation_id", "-created_at"],
                                name="activity_mappings_conversation",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("message_type__in", ["incoming", "outgoing", "template"])),
                                name="activity_mappings_type",
                            )
                        ],
                    },
                    partition_by="created_at",
                ),
                migrations.CreateModel(
                    name="ConnectionInbox",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="inboxes",
                                to="bridge.connection",
                            ),
                        ),
                        ("inbox_id", models.BigIntegerField()),
                        (
                            "channel",
                            models.CharField(blank=True, db_comment="Channel class of Chatwoot", max_length=60),
                        ),
                        ("reveals_health", models.BooleanField(default=False, verbose_name="reveals health")),
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
                    name="ContactMapping",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="contact_mappings",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "chatwoot_contact_id",
                            models.BigIntegerField(db_comment="Chatwoot contact id", verbose_name="contact"),
                        ),
                        (
                            "krayin_lead_id",
                            models.BigIntegerField(
                                db_comment="Current opportunity, if any", null=True, verbose_name="opportunity"
                            ),
                        ),
                        (
                            "krayin_person_id",
                            models.BigIntegerField(db_comment="Person, if any", null=True, verbose_name="person"),
                        ),
                        (
                            "found_by",
                            models.CharField(
                                choices=[
                                    ("reference", "reference"),
                                    ("email", "e-mail"),
                                    ("phone", "phone"),
                                    ("created", "created"),
                                    ("manual", "by hand"),
                                ],
                                db_comment="How the person was found",
                                default="created",
                                max_length=12,
                                verbose_name="found by",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_comment="Last sync",
                                db_default=django.db.models.functions.datetime.Now(),
                                verbose_name="last sync",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "link",
                        "verbose_name_plural": "links",
                        "db_table": "contact_mappings",
                        "db_table_comment": "Maps Chatwoot contacts to Krayin persons and opportunities",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("krayin_lead_id__isnull", False)),
                                fields=["connection", "krayin_lead_id", "chatwoot_contact_id"],
                                name="contact_mappings_lead",
                            ),
                            models.Index(
                                condition=models.Q(("krayin_person_id__isnull", False)),
                                fields=["connection", "krayin_person_id"],
                                name="contact_mappings_person",
                            ),
                            models.Index(fields=["connection", "-updated_at"], name="contact_mappings_recent"),
                            models.Index(fields=["-updated_at"], name="contact_mappings_latest"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_contact_id"), name="contact_mappings_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("krayin_lead_id__isnull", False),
                                    ("krayin_person_id__isnull", False),
                                    _connector="OR",
                                ),
                                name="chk_contact_mappings_has_mapping",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("found_by__in", ["reference", "email", "phone", "created", "manual"])
                                ),
                                name="contact_mappings_found_by",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConversationMapping",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="conversation_mappings",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "chatwoot_conversation_id",
                            models.BigIntegerField(
                                db_comment="Number shown in Chatwoot (display id)", verbose_name="conversation"
                            ),
                        ),
                        (
                            "krayin_lead_id",
                            models.BigIntegerField(
                                db_comment="Opportunity the conversation belongs to", verbose_name="opportunity"
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                db_comment="open, resolved, pending or snoozed", default="open", max_length=50
                            ),
                        ),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        (
                            "message_count",
                            models.IntegerField(db_comment="Public messages observed", db_default=0, default=0),
                        ),
                        ("last_message_at", models.DateTimeField(db_comment="Newest public message", null=True)),
                        ("first_response_at", models.DateTimeField(db_comment="Earliest first reply", null=True)),
                        ("resolved_at", models.DateTimeField(db_comment="Earliest resolution", null=True)),
                    ],
                    options={
                        "db_table": "conversation_mappings",
                        "db_table_comment": "Maps Chatwoot conversations to Krayin opportunities",
                        "indexes": [
                            models.Index(
                                fields=["connection", "krayin_lead_id", "status"], name="conversation_mappings_lead"
                            ),
                            models.Index(
                                fields=["connection", "krayin_lead_id", "-updated_at"],
                                name="conversation_mappings_updated",
                            ),
                            models.Index(fields=["status", "-updated_at"], name="conversation_mappings_status"),
                            models.Index(
                                condition=models.Q(("status", "open")),
                                fields=["connection", "krayin_lead_id", "-updated_at"],
                                name="conversation_mappings_open",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_conversation_id"), name="conversation_mappings_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["open", "resolved", "pending", "snoozed"])),
                                name="conversation_mappings_status",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DeliveryKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "connection_id", "key", blank=True, editable=False, primary_key=True, serialize=False
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
                        ("key", models.CharField(max_length=80)),
                        ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "delivery_keys",
                        "db_table_comment": "Delivery ids seen in the last 14 days",
                        "indexes": [models.Index(fields=["received_at"], name="delivery_keys_age")],
                    },
                ),
                migrations.CreateModel(
                    name="DirectoryEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="directory",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("label", "label"),
                                    ("team", "team"),
                                    ("agent", "agent"),
                                    ("contact", "contact attribute"),
                                    ("talk", "conversation attribute"),
                                    ("person", "field of persons"),
                                    ("lead", "field of opportunities"),
                                ],
                                db_comment="label, team, agent, or the owner of a field",
                                max_length=10,
                            ),
                        ),
                        (
                            "key",
                            models.CharField(
                                db_comment="Title of the label, number of the team or agent, key of the field",
                                max_length=255,
                            ),
                        ),
                        ("name", models.CharField(db_comment="As shown in Chatwoot; no e-mail", max_length=255)),
                        (
                            "mask",
                            models.CharField(
                                blank=True,
                                db_comment="Agents: what screens show of the e-mail",
                                db_default="",
                                max_length=20,
                            ),
                        ),
                        (
                            "detail",
                            models.JSONField(
                                db_comment="Fields: type, and options by number", db_default={}, default=dict
                            ),
                        ),
                        ("seen_at", models.DateTimeField(db_comment="Last time it was there")),
                        ("gone_at", models.DateTimeField(db_comment="First time it was no longer there", null=True)),
                    ],
                    options={
                        "db_table": "directory_entries",
                        "db_table_comment": "Labels, teams and agents of Chatwoot as last asked for by people",
                        "ordering": ["name", "pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "kind", "key"), name="directory_entries_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("kind__in", ["label", "team", "agent", "contact", "talk", "person", "lead"])
                                ),
                                name="directory_entries_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="EqualTitle",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("ref", models.CharField(max_length=80)),
                        (
                            "foreign_ids",
                            django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                        ),
                        ("found_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("solved_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "equal_titles",
                        "db_table_comment": "Pairs of Krayin records with the same reference, for people to join",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("solved_at__isnull", True)),
                                fields=["connection"],
                                name="equal_titles_open",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "ref"), name="equal_titles_once")
                        ],
                    },
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
                        (
                            "discarded_at",
                            models.DateTimeField(db_comment="When what was in it was given up", null=True),
                        ),
                        (
                            "discarded_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "discard_reason",
                            models.CharField(blank=True, db_comment="Code: why it was given up", max_length=40),
                        ),
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
                        "indexes": [
                            models.Index(
                                condition=models.Q(("done_at__isnull", False)),
                                fields=["done_at"],
                                name="failure_groups_done",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "cause"), name="failure_groups_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FieldFlip",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("ref", models.CharField(db_comment="Our reference of the person", max_length=80)),
                        (
                            "field",
                            models.CharField(
                                choices=[("name", "name"), ("email", "e-mail"), ("phone", "phone")],
                                db_comment="name, email or phone",
                                max_length=10,
                            ),
                        ),
                        (
                            "direction",
                            models.CharField(
                                choices=[("chatwoot", "→ Chatwoot"), ("krayin", "→ Krayin")],
                                db_comment="Side that was written",
                                max_length=10,
                            ),
                        ),
                        ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": "field_flips",
                        "db_table_comment": "Changes of name, e-mail and phone carried from one side to the other, without values",
                        "indexes": [models.Index(fields=["connection", "ref", "at"], name="field_flips_recent")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("field__in", ["name", "email", "phone"]),
                                    ("field__regex", "^[0-9a-f]{8}$"),
                                    _connector="OR",
                                ),
                                name="field_flips_field",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("direction__in", ["chatwoot", "krayin"])),
                                name="field_flips_direction",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FieldRow",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="field_rows",
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        (
                            "chatwoot",
                            models.CharField(
                                db_comment="contact.name, contact.custom.<key>, conversation.custom.<key> …",
                                max_length=140,
                                verbose_name="field of Chatwoot",
                            ),
                        ),
                        (
                            "entity",
                            models.CharField(
                                choices=[("person", "person"), ("lead", "opportunity")],
                                db_comment="person or lead",
                                max_length=10,
                                verbose_name="record in Krayin",
                            ),
                        ),
                        (
                            "code",
                            models.CharField(
                                db_comment="Code of the attribute in Krayin",
                                max_length=100,
                                verbose_name="field of Krayin",
                            ),
                        ),
                        (
                            "conversion",
                            models.CharField(
                                choices=[
                                    ("text", "text as it is"),
                                    ("digits", "digits only"),
                                    ("phone", "phone"),
                                    ("email", "e-mail"),
                                    ("date", "date (31/12/2026)"),
                                    ("number", "number (1.234,56)"),
                                    ("yes_no", "yes or no"),
                                    ("option", "option by its name"),
                                    ("list", "several options by name"),
                                ],
                                max_length=10,
                                verbose_name="conversion",
                            ),
                        ),
                        (
                            "direction",
                            models.CharField(
                                choices=[("krayin", "to Krayin"), ("chatwoot", "to Chatwoot"), ("both", "both ways")],
                                default="krayin",
                                max_length=10,
                                verbose_name="direction",
                            ),
                        ),
                        (
                            "winner",
                            models.CharField(
                                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                                db_comment="Side whose value counts when both changed",
                                default="chatwoot",
                                max_length=10,
                                verbose_name="who wins",
                            ),
                        ),
                        (
                            "category",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("R01", "Clinical record"),
                                    ("R02", "Administrative care"),
                                    ("R03", "Unconverted lead"),
                                    ("R04", "Marketing"),
                                ],
                                db_comment="Of the data map; needed to publish",
                                max_length=3,
                                verbose_name="data category",
                            ),
                        ),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "verbose_name": "mapped field",
                        "verbose_name_plural": "mapped fields",
                        "db_table": "field_rows",
                        "db_table_comment": "Draft of each connection's field mapping",
                        "ordering": ["connection", "pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot", "entity", "code"), name="field_rows_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("entity__in", ["person", "lead"])), name="field_rows_entity"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("direction__in", ["krayin", "chatwoot", "both"])),
                                name="field_rows_direction",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("winner__in", ["chatwoot", "krayin", "newest"])),
                                name="field_rows_winner",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FieldStop",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                                verbose_name="connection",
                            ),
                        ),
                        ("lane_key", models.CharField(db_comment="Contact whose field it is", max_length=60)),
                        ("ref", models.CharField(db_comment="Our reference of the person", max_length=80)),
                        (
                            "field",
                            models.CharField(
                                choices=[("name", "name"), ("email", "e-mail"), ("phone", "phone")],
                                db_comment="name, email or phone",
                                max_length=10,
                                verbose_name="field",
                            ),
                        ),
                        (
                            "stopped_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="since"
                            ),
                        ),
                        ("resumed_at", models.DateTimeField(db_comment="When a person let it go on", null=True)),
                        (
                            "resumed_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "stopped field",
                        "verbose_name_plural": "stopped fields",
                        "db_table": "field_stops",
                        "db_table_comment": "Fields that changed back and forth too often and wait for a person",
                        "indexes": [
                            models.Index(
                                condition=models.Q(("resumed_at__isnull", True)),
                                fields=["connection", "stopped_at"],
                                name="field_stops_open",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("resumed_at__isnull", True)),
                                fields=("connection", "ref", "field"),
                                name="field_stops_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("field__in", ["name", "email", "phone"]),
                                    ("field__regex", "^[0-9a-f]{8}$"),
                                    _connector="OR",
                                ),
                                name="field_stops_field",
                            ),
                        ],
                    },
                ),
            ],
        ),
        config.db.operations.FirstPartitions(
            table="webhook_events",
            step=config.db.periods.Step["WEEK"],
        ),
        config.db.operations.FirstPartitions(
            table="webhook_bodies",
            step=config.db.periods.Step["DAY"],
        ),
        config.db.operations.FirstPartitions(
            table="activity_mappings",
            step=config.db.periods.Step["MONTH"],
        ),
        config.db.operations.FirstPartitions(
            table="stage_change_logs",
            step=config.db.periods.Step["QUARTER"],
        ),
        config.db.operations.SqlFile(
            name="0002_failed_webhooks.sql",
        ),
        migrations.RunSQL(
            sql="ALTER TABLE lanes SET (fillfactor = 70); ALTER TABLE call_budgets SET (fillfactor = 50)",
            reverse_sql="ALTER TABLE lanes RESET (fillfactor); ALTER TABLE call_budgets RESET (fillfactor)",
        ),
        migrations.RunSQL(
            sql="\nCREATE FUNCTION refuse_field_version_update() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  RAISE EXCEPTION 'a published version is never changed';\nEND $$;\nCREATE TRIGGER field_versions_unchanged BEFORE UPDATE ON field_versions\nFOR EACH ROW EXECUTE FUNCTION refuse_field_version_update();\n",
            reverse_sql="\nDROP TRIGGER field_versions_unchanged ON field_versions;\nDROP FUNCTION refuse_field_version_update();\n",
        ),
    ]
