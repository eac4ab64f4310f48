"""Stage rules: the ordered list, the directory people choose from, and what conversations ever showed."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What was held until now is the least that was ever seen.
BACKFILL = """
UPDATE observed_conversations SET labels_seen = labels,
  teams_seen = CASE WHEN team_id IS NULL THEN '{}'::jsonb ELSE jsonb_build_object(team_id::text, version) END,
  assignees_seen = CASE WHEN assignee_id IS NULL THEN '{}'::jsonb
                        ELSE jsonb_build_object(assignee_id::text, version) END
WHERE labels <> '{}' OR team_id IS NOT NULL OR assignee_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("bridge", "0008_setup")]

    operations = [
        migrations.AddField(
            model_name="observedconversation",
            name="assignees_seen",
            field=models.JSONField(
                db_comment="Number of every agent any body showed as assignee, with the newest version that did",
                db_default={},
                default=dict,
            ),
        ),
        migrations.AddField(
            model_name="observedconversation",
            name="labels_seen",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=255),
                db_comment="Every label any body showed",
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="observedconversation",
            name="teams_seen",
            field=models.JSONField(
                db_comment="Number of every team any body showed, with the newest version that did",
                db_default={},
                default=dict,
            ),
        ),
        migrations.CreateModel(
            name="DirectoryEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("label", "label"), ("team", "team"), ("agent", "agent")],
                        db_comment="label, team or agent",
                        max_length=10,
                    ),
                ),
                ("key", models.CharField(db_comment="Title of the label, number of the team or agent", max_length=255)),
                ("name", models.CharField(db_comment="As shown in Chatwoot; no e-mail", max_length=255)),
                ("seen_at", models.DateTimeField(db_comment="Last time it was there")),
                ("gone_at", models.DateTimeField(db_comment="First time it was no longer there", null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="directory",
                        to="bridge.connection",
                    ),
                ),
            ],
            options={
                "db_table": "directory_entries",
                "db_table_comment": "Labels, teams and agents of Chatwoot as last asked for by people",
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "kind", "key"), name="directory_entries_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["label", "team", "agent"])), name="directory_entries_kind"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StageRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(db_comment="Place in the connection's list, from 1")),
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
                ("pipeline_id", models.BigIntegerField(db_comment="Pipeline in Krayin", verbose_name="pipeline")),
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
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stage_rules",
                        to="bridge.connection",
                        verbose_name="connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "stage rule",
                "verbose_name_plural": "stage rules",
                "db_table": "stage_rules",
                "db_table_comment": "Ordered rules that move opportunities; forward only, never out of won or lost",
                "ordering": ["connection", "position"],
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=models.Deferrable.DEFERRED,
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
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop, elidable=True),
    ]
