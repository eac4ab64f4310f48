# Answers and codes by chat, requests that come from a conversation, consent links by mail; the gate's purpose for them.
from django.db import migrations, models

PURPOSES = [
    ("care_contact", "Contact and opportunity"),
    ("conversation_summary", "Conversation summary"),
    ("message_text", "Message text"),
    ("marketing", "Marketing"),
    ("language_model", "Language model"),
    ("sharing", "Sharing with others"),
    ("requests", "Answers to the person's requests"),
]


class Migration(migrations.Migration):
    dependencies = [("consent", "0012_incidents")]

    operations = [
        migrations.AddField(
            model_name="datarequest",
            name="evidence_ref",
            field=models.CharField(
                blank=True,
                db_comment="The person's own message that asks: proves control of its channel.",
                default="",
                max_length=80,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="datarequest",
            name="evidence_sha256",
            field=models.CharField(blank=True, db_comment="Of that message's text.", default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="identitycode",
            name="waits",
            field=models.BooleanField(db_comment="To be sent by the chat; no code was made for it yet.", default=False),
        ),
        migrations.AddField(
            model_name="consentlink",
            name="sent_at",
            field=models.DateTimeField(db_comment="Sent by e-mail; null when it was handed over otherwise.", null=True),
        ),
        migrations.AddField(
            model_name="consentlink",
            name="sent_ref",
            field=models.CharField(blank=True, db_comment="Id of the letter.", default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="consentlink",
            name="sent_sha256",
            field=models.CharField(
                blank=True, db_comment="Of exactly what the letter said.", default="", max_length=64
            ),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="decision", name="chk_decisions_purpose"),
        migrations.AlterField(
            model_name="decision",
            name="purpose",
            field=models.CharField(choices=PURPOSES, max_length=32, verbose_name="purpose"),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(purpose__in=[code for code, _name in PURPOSES]), name="chk_decisions_purpose"
            ),
        ),
    ]
