"""Krayin → Chatwoot: hints, flips and stops of fields, settings, and the new kinds of steps."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0006_panel"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FieldFlip",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "field_flips",
                "db_table_comment": "Changes of name, e-mail and phone carried from one side to the other, without values",
            },
        ),
        migrations.CreateModel(
            name="FieldStop",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="since"),
                ),
                ("resumed_at", models.DateTimeField(db_comment="When a person let it go on", null=True)),
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
                ("ref", models.CharField(db_comment="Our reference of the person or opportunity", max_length=80)),
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
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "krayin_hints",
                "db_table_comment": "Records Krayin hinted at and that are not read yet; no personal data",
            },
        ),
        migrations.RemoveConstraint(
            model_name="effect",
            name="effects_kind",
        ),
        migrations.RemoveConstraint(
            model_name="syncedobject",
            name="synced_objects_kind",
        ),
        migrations.AddField(
            model_name="connection",
            name="back_checked_at",
            field=models.DateTimeField(
                db_comment="Last time it was checked that Chatwoot can show the opportunity", editable=False, null=True
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="back_problem",
            field=models.CharField(
                blank=True,
                db_comment="Why Chatwoot cannot show the opportunity; codes of bridge.causes",
                editable=False,
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="email_source",
            field=models.CharField(
                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                default="chatwoot",
                max_length=10,
                verbose_name="e-mail",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="health_pipeline_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                blank=True,
                default=list,
                size=None,
                verbose_name="pipelines that reveal health",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="krayin_to_chatwoot",
            field=models.BooleanField(default=False, verbose_name="show the opportunity in Chatwoot"),
        ),
        migrations.AddField(
            model_name="connection",
            name="leads_read_to",
            field=models.DateTimeField(
                db_comment="Newest updated_at of opportunities a poll has seen, by Krayin's clock",
                editable=False,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="name_source",
            field=models.CharField(
                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                default="chatwoot",
                max_length=10,
                verbose_name="name",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="persons_read_to",
            field=models.DateTimeField(
                db_comment="Newest updated_at of persons a poll has seen, by Krayin's clock", editable=False, null=True
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="phone_source",
            field=models.CharField(
                choices=[("chatwoot", "Chatwoot"), ("krayin", "Krayin"), ("newest", "the newest")],
                default="chatwoot",
                max_length=10,
                verbose_name="phone",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="stage_label",
            field=models.CharField(
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
        migrations.AddField(
            model_name="effect",
            name="absorbed",
            field=models.BooleanField(
                db_comment="Krayin's hint about this very call came and needs no reading",
                db_default=False,
                default=False,
            ),
        ),
        migrations.AddField(
            model_name="observedcontact",
            name="changed_at",
            field=models.DateTimeField(
                db_comment="Chatwoot's own time of the last change of name, e-mail or phone, where a body told it",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="syncedobject",
            name="there",
            field=models.JSONField(
                db_comment="Persons: keyed digest per field as last read; differs from `base` after a change there",
                default=dict,
            ),
        ),
        migrations.AddField(
            model_name="syncedobject",
            name="there_at",
            field=models.DateTimeField(db_comment="When the reading of `there` began, by our clock", null=True),
        ),
        migrations.AddField(
            model_name="syncedobject",
            name="there_version",
            field=models.DateTimeField(db_comment="Krayin's updated_at in that reading", null=True),
        ),
        migrations.AlterField(
            model_name="effect",
            name="kind",
            field=models.CharField(
                choices=[
                    ("create_person", "create person"),
                    ("create_lead", "create opportunity"),
                    ("create_note", "create note"),
                    ("set_person", "update person"),
                    ("set_lead", "update opportunity"),
                    ("set_stage", "move stage"),
                    ("set_note", "update note"),
                    ("show_lead", "show opportunity in Chatwoot"),
                    ("set_contact", "update contact in Chatwoot"),
                    ("set_label", "label in Chatwoot"),
                ],
                db_comment="What is asked of Krayin",
                max_length=20,
                verbose_name="what",
            ),
        ),
        migrations.AlterField(
            model_name="syncedobject",
            name="kind",
            field=models.CharField(
                choices=[
                    ("person", "person"),
                    ("lead", "opportunity"),
                    ("note", "note"),
                    ("contact", "contact in Chatwoot"),
                    ("label", "label in Chatwoot"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("name_source__in", ["chatwoot", "krayin", "newest"])),
                name="connections_name_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("email_source__in", ["chatwoot", "krayin", "newest"])),
                name="connections_email_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("phone_source__in", ["chatwoot", "krayin", "newest"])),
                name="connections_phone_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(("stage_label__in", ["off", "contact", "conversation"])),
                name="connections_stage_label",
            ),
        ),
        migrations.AddConstraint(
            model_name="effect",
            constraint=models.CheckConstraint(
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
                            "set_note",
                            "show_lead",
                            "set_contact",
                            "set_label",
                        ],
                    )
                ),
                name="effects_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="syncedobject",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["person", "lead", "note", "contact", "label"])),
                name="synced_objects_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="fieldflip",
            index=models.Index(fields=["connection", "ref", "at"], name="field_flips_recent"),
        ),
        migrations.AddConstraint(
            model_name="fieldflip",
            constraint=models.CheckConstraint(
                condition=models.Q(("field__in", ["name", "email", "phone"])), name="field_flips_field"
            ),
        ),
        migrations.AddConstraint(
            model_name="fieldflip",
            constraint=models.CheckConstraint(
                condition=models.Q(("direction__in", ["chatwoot", "krayin"])), name="field_flips_direction"
            ),
        ),
        migrations.AddIndex(
            model_name="fieldstop",
            index=models.Index(
                condition=models.Q(("resumed_at__isnull", True)),
                fields=["connection", "stopped_at"],
                name="field_stops_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="fieldstop",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resumed_at__isnull", True)),
                fields=("connection", "ref", "field"),
                name="field_stops_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="fieldstop",
            constraint=models.CheckConstraint(
                condition=models.Q(("field__in", ["name", "email", "phone"])), name="field_stops_field"
            ),
        ),
        migrations.AddIndex(
            model_name="krayinhint",
            index=models.Index(fields=["connection", "lane_key"], name="krayin_hints_lane"),
        ),
    ]
