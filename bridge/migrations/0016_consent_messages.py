# Messages of ours to people about consent, and which messages in the conversation were marketing.
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0015_links_by_time"), ("consent", "0007_consents")]

    operations = [
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
                ("reply_to", models.BigIntegerField(db_comment="The person's message that led to it", null=True)),
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
("connection", models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bridge.connection"
            )),
("contact", models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sayings",
                to="bridge.observedcontact",
            )),
("served", models.ForeignKey(
                db_comment="Written before the message is sent",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consent.servedtext",
            )),
            ],
            options={
                "db_table": "sayings",
                "db_table_comment": "Messages of ours to people about consent; their words are those of text_versions",
                "verbose_name": "message about consent",
                "verbose_name_plural": "messages about consent",
"indexes": [models.Index(fields=["contact", "-sent_at"], name="sayings_contact"),
models.Index(
                condition=models.Q(("chatwoot_message_id__isnull", False)),
                fields=["connection", "chatwoot_message_id"],
                name="sayings_message",
            ),],
"constraints": [models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind__in", ["question", "given", "refused"]), models.Q(("consent_type", ""), _negated=True)
                    ),
                    models.Q(("consent_type", ""), ("kind__in", ["cancel_question", "withdrawal"])),
                    _connector="OR",
                ),
                name="sayings_kind",
            ),
models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", ""), ("answered_at__isnull", True)),
                    models.Q(("answer__in", ["yes", "no"]), ("answered_at__isnull", False), ("kind", "question")),
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
            ),],
            },
        ),
        migrations.RemoveConstraint(
            model_name="effect",
            name="effects_kind",
        ),
        migrations.RemoveConstraint(
            model_name="wish",
            name="wishes_kind",
        ),
        migrations.RemoveConstraint(
            model_name="wish",
            name="wishes_via",
        ),
        migrations.AddField(
            model_name="observedmessage",
            name="is_marketing",
            field=models.BooleanField(
                db_comment="Of a campaign or marketing template: CANCELAR next means the messages",
                db_default=False,
                default=False,
            ),
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
        migrations.AlterField(
            model_name="wish",
            name="kind",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="wish",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("moved_by_hand", "Somebody moved the opportunity in Krayin meanwhile."),
                    ("stage_gone", "The stage no longer exists in Krayin."),
                    ("object_gone", "The record no longer exists in Krayin."),
                    ("other_person", "The opportunity belongs to another person in Krayin."),
                    ("taken", "The opportunity already belongs to another contact."),
                    ("window_closed", "The conversation takes no more messages until the person writes again."),
                    ("not_now", "The person may not be asked now, or there is no approved text."),
                ],
                db_comment="Why it was refused",
                max_length=20,
                verbose_name="reason",
            ),
        ),
        migrations.AlterField(
            model_name="wish",
            name="via",
            field=models.CharField(
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
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["stage", "opportunity", "link", "unlink", "keep_back", "note", "sync", "say"])
                ),
                name="wishes_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                condition=models.Q(("via__in", ["panel", "screen", "api", "command", "chat"])), name="wishes_via"
            ),
        ),
    ]
