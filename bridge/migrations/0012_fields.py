"""Field mapping (A7): the draft, published versions that nothing changes, and the values of mapped Chatwoot fields."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now

import consent.encryption.fields

KINDS = [
    ("label", "label"), ("team", "team"), ("agent", "agent"), ("contact", "contact attribute"),
    ("talk", "conversation attribute"), ("person", "field of persons"), ("lead", "field of opportunities"),
]  # fmt: skip
SYNCED = [
    ("person", "person"), ("lead", "opportunity"), ("note", "note"), ("contact", "contact in Chatwoot"),
    ("label", "label in Chatwoot"), ("fields", "mapped fields"),
]  # fmt: skip
CONVERSIONS = [
    ("text", "text as it is"), ("digits", "digits only"), ("phone", "phone"), ("email", "e-mail"),
    ("date", "date (31/12/2026)"), ("number", "number (1.234,56)"), ("yes_no", "yes or no"),
    ("option", "option by its name"), ("list", "several options by name"),
]  # fmt: skip
CATEGORIES = [
    ("R01", "Clinical record"), ("R02", "Administrative care"), ("R03", "Unconverted lead"), ("R04", "Marketing"),
]  # fmt: skip

IS_FIELD = Q(("field__in", ["name", "email", "phone"]), ("field__regex", "^[0-9a-f]{8}$"), _connector="OR")

UNCHANGED = """
CREATE FUNCTION refuse_field_version_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a published version is never changed';
END $$;
CREATE TRIGGER field_versions_unchanged BEFORE UPDATE ON field_versions
FOR EACH ROW EXECUTE FUNCTION refuse_field_version_update();
"""
CHANGED = """
DROP TRIGGER field_versions_unchanged ON field_versions;
DROP FUNCTION refuse_field_version_update();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0011_gone"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FieldVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                (
                    "rows",
                    models.JSONField(db_comment="The rows with names, types and options as they were", default=list),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                (
                    "restored_from",
                    models.PositiveIntegerField(db_comment="Number of the version it repeats", null=True),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), verbose_name="published")),
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
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="field_versions",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of the mapped fields",
                "verbose_name_plural": "versions of the mapped fields",
                "db_table": "field_versions",
                "db_table_comment": "Published field mappings, one row per version, never changed",
                "ordering": ["connection", "-number"],
                "constraints": [models.UniqueConstraint(fields=("connection", "number"), name="field_versions_once")],
            },
        ),
        migrations.RunSQL(UNCHANGED, CHANGED),
        migrations.CreateModel(
            name="FieldRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                        db_comment="Code of the attribute in Krayin", max_length=100, verbose_name="field of Krayin"
                    ),
                ),
                ("conversion", models.CharField(choices=CONVERSIONS, max_length=10, verbose_name="conversion")),
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
                        choices=CATEGORIES,
                        db_comment="Of the data map; needed to publish",
                        max_length=3,
                        verbose_name="data category",
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now())),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="field_rows",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
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
                    models.CheckConstraint(condition=Q(("entity__in", ["person", "lead"])), name="field_rows_entity"),
                    models.CheckConstraint(
                        condition=Q(("direction__in", ["krayin", "chatwoot", "both"])), name="field_rows_direction"
                    ),
                    models.CheckConstraint(
                        condition=Q(("winner__in", ["chatwoot", "krayin", "newest"])), name="field_rows_winner"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ObservedValue",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("key", models.CharField(db_comment="As in field_rows.chatwoot", max_length=140)),
                ("value", consent.encryption.fields.SealedField(null=True)),
                (
                    "digest",
                    models.CharField(db_comment="Keyed digest of the value; compares, never opens", max_length=64),
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
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.datasubject",
                    ),
                ),
            ],
            options={
                "db_table": "observed_values",
                "db_table_comment": "Values of mapped Chatwoot fields, encrypted per titular",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("contact", "conversation", "key"), name="observed_values_once", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="connection",
            name="field_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="bridge.fieldversion",
                verbose_name="mapped fields",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="field_keys",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=140),
                blank=True,
                db_comment="Fields of Chatwoot whose values are kept: those of the draft and of the published version",
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="field_gone",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=140),
                blank=True,
                db_comment="Mapped fields that a partner no longer has: nothing is written for them",
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="krayinlead",
            name="fields",
            field=models.JSONField(
                db_comment="Keyed digests of what can be mapped to Chatwoot; compare, never open",
                db_default={},
                default=dict,
            ),
        ),
        migrations.AddField(
            model_name="directoryentry",
            name="detail",
            field=models.JSONField(db_comment="Fields: type, and options by number", db_default={}, default=dict),
        ),
        migrations.AlterField(
            model_name="directoryentry",
            name="kind",
            field=models.CharField(
                choices=KINDS, db_comment="label, team, agent, or the owner of a field", max_length=10
            ),
        ),
        migrations.AlterField(
            model_name="directoryentry",
            name="key",
            field=models.CharField(
                db_comment="Title of the label, number of the team or agent, key of the field", max_length=255
            ),
        ),
        migrations.RemoveConstraint(model_name="directoryentry", name="directory_entries_kind"),
        migrations.AddConstraint(
            model_name="directoryentry",
            constraint=models.CheckConstraint(
                condition=Q(("kind__in", ["label", "team", "agent", "contact", "talk", "person", "lead"])),
                name="directory_entries_kind",
            ),
        ),
        migrations.RemoveConstraint(model_name="fieldflip", name="field_flips_field"),
        migrations.AddConstraint(
            model_name="fieldflip", constraint=models.CheckConstraint(condition=IS_FIELD, name="field_flips_field")
        ),
        migrations.RemoveConstraint(model_name="fieldstop", name="field_stops_field"),
        migrations.AddConstraint(
            model_name="fieldstop", constraint=models.CheckConstraint(condition=IS_FIELD, name="field_stops_field")
        ),
        migrations.AlterField(
            model_name="syncedobject", name="kind", field=models.CharField(choices=SYNCED, max_length=10)
        ),
        migrations.RemoveConstraint(model_name="syncedobject", name="synced_objects_kind"),
        migrations.AddConstraint(
            model_name="syncedobject",
            constraint=models.CheckConstraint(
                condition=Q(("kind__in", ["person", "lead", "note", "contact", "label", "fields"])),
                name="synced_objects_kind",
            ),
        ),
    ]
