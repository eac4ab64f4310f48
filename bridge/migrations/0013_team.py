"""Team: who of Chatwoot is who in Krayin, the rule that gives opportunities to people, and since when one attends."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Q

# Who attended before this was kept has attended for long: nothing moves because of it.
BACKFILL = """
UPDATE observed_conversations SET assignee_since = CASE WHEN assignee_id IS NOT NULL THEN 0 END,
  team_since = CASE WHEN team_id IS NOT NULL THEN 0 END
WHERE assignee_id IS NOT NULL OR team_id IS NOT NULL
"""
KINDS = {
    "create_person": "create person",
    "create_lead": "create opportunity",
    "create_note": "create note",
    "set_person": "update person",
    "set_lead": "update opportunity",
    "set_stage": "move stage",
    "set_owner": "change the owner",
    "set_note": "update note",
    "show_lead": "show opportunity in Chatwoot",
    "set_contact": "update contact in Chatwoot",
    "set_label": "label in Chatwoot",
}
RULES = [
    ("keep", "leave it to Krayin"),
    ("assignee", "who attends the conversation"),
    ("team", "the team of the conversation"),
    ("round_robin", "each in turn"),
]


class Migration(migrations.Migration):
    dependencies = [("bridge", "0012_fields")]

    operations = [
        migrations.CreateModel(
            name="Owner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(db_comment="Krayin's user id", verbose_name="number")),
                (
                    "name",
                    models.CharField(db_comment="As shown in Krayin; no e-mail", max_length=255, verbose_name="name"),
                ),
                ("mask", models.CharField(blank=True, db_comment="What screens show of the e-mail", max_length=20)),
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
                    models.BooleanField(db_comment="Passed over by every rule", default=False, verbose_name="absent"),
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
                ("seen_at", models.DateTimeField(db_comment="Last time Krayin listed the user", editable=False)),
                (
                    "gone_at",
                    models.DateTimeField(
                        db_comment="First time Krayin no longer listed the user", editable=False, null=True
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
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("agent", "person"), ("team", "team")], db_comment="agent or team", max_length=10
                    ),
                ),
                ("key", models.CharField(db_comment="Number of the agent or team in Chatwoot", max_length=255)),
                (
                    "found_by",
                    models.CharField(
                        choices=[("email", "e-mail"), ("manual", "by hand")],
                        db_comment="email or manual",
                        max_length=10,
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
                    "owner",
                    models.ForeignKey(
                        db_comment="Krayin user; null: has none, said by hand",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="bridge.owner",
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
                    models.CheckConstraint(condition=Q(("kind__in", ["agent", "team"])), name="owner_links_kind"),
                    models.CheckConstraint(
                        condition=Q(("found_by__in", ["email", "manual"])), name="owner_links_found_by"
                    ),
                    models.CheckConstraint(
                        condition=Q(("owner__isnull", False), ("found_by", "manual"), _connector="OR"),
                        name="owner_links_owner",
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
                        choices=RULES,
                        db_comment="keep, assignee, team or round_robin",
                        default="keep",
                        max_length=12,
                        verbose_name="owner",
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
            ],
            options={
                "verbose_name": "team",
                "verbose_name_plural": "teams",
                "db_table": "owner_rules",
                "db_table_comment": "Per connection: who gets the opportunities",
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("rule__in", ["keep", "assignee", "team", "round_robin"])), name="owner_rules_rule"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="directoryentry",
            name="mask",
            field=models.CharField(
                blank=True, db_comment="Agents: what screens show of the e-mail", db_default="", max_length=20
            ),
        ),
        migrations.AddField(
            model_name="effect",
            name="owner_id",
            field=models.BigIntegerField(
                db_comment="Creates under round robin: Krayin user whose turn it was, also when it is tried again",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="observedconversation",
            name="assignee_since",
            field=models.BigIntegerField(
                db_comment="Oldest known version that shows the present assignee, with nobody else after it", null=True
            ),
        ),
        migrations.AddField(
            model_name="observedconversation",
            name="team_since",
            field=models.BigIntegerField(db_comment="The same for the present team", null=True),
        ),
        migrations.AlterField(
            model_name="effect",
            name="kind",
            field=models.CharField(
                choices=list(KINDS.items()), db_comment="What is asked of Krayin", max_length=20, verbose_name="what"
            ),
        ),
        migrations.RemoveConstraint(model_name="effect", name="effects_kind"),
        migrations.AddConstraint(
            model_name="effect",
            constraint=models.CheckConstraint(condition=Q(("kind__in", list(KINDS))), name="effects_kind"),
        ),
        migrations.AddIndex(
            model_name="krayinlead",
            index=models.Index(
                condition=Q(("closed_at__isnull", True), ("gone_at__isnull", True)),
                fields=["krayin", "owner_id", "lead_id"],
                name="krayin_leads_open",
            ),
        ),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop, elidable=True),
    ]
