# Answers to requests of data subjects and identity codes are messages like the others.
from django.db import migrations, models
from django.db.models import Q

import consent.encryption.fields


class Migration(migrations.Migration):
    dependencies = [("bridge", "0001_squashed"), ("consent", "0013_request_channels")]

    operations = [
        migrations.AddField(
            model_name="saying",
            name="about",
            field=models.UUIDField(
                db_comment="ANSWER: id of the right that is answered; CODE: id of the code. Neither keeps words here",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="saying",
            name="kind",
            field=models.CharField(
                choices=[
                    ("question", "question for consent"),
                    ("cancel_question", "question after CANCELAR"),
                    ("given", "reply to a yes"),
                    ("refused", "reply to a no"),
                    ("withdrawal", "reply to a withdrawal"),
                    ("answer", "answer to a request"),
                    ("code", "code that proves who asks"),
                ],
                max_length=15,
                verbose_name="what",
            ),
        ),
        migrations.AddField(
            model_name="wish",
            name="field",
            field=models.CharField(
                blank=True, db_comment="CORRECT: name, email or phone; `text` is the value", default="", max_length=5
            ),
            preserve_default=False,
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
                    ("correct", "correction of a contact field"),
                ],
                db_comment="What is asked for",
                max_length=12,
                verbose_name="what",
            ),
        ),
        migrations.AlterField(
            model_name="wish",
            name="text",
            field=consent.encryption.fields.SealedField(
                db_comment="NOTE, CORRECT: encrypted with the titular's key; emptied once written", null=True
            ),
        ),
        migrations.RemoveConstraint(model_name="wish", name="wishes_kind"),
        migrations.RemoveConstraint(model_name="wish", name="wishes_text"),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                name="wishes_kind",
                condition=Q(kind__in=["stage", "opportunity", "link", "unlink", "keep_back", "note", "sync", "say"])
                | Q(kind="correct", field__in=["name", "email", "phone"]),
            ),
        ),
        migrations.AddConstraint(
            model_name="wish",
            constraint=models.CheckConstraint(
                name="wishes_text", condition=Q(text__isnull=True) | Q(kind__in=["note", "correct"], state="open")
            ),
        ),
        migrations.RemoveConstraint(model_name="saying", name="sayings_kind"),
        migrations.AddConstraint(
            model_name="saying",
            constraint=models.CheckConstraint(
                name="sayings_kind",
                condition=Q(kind__in=["question", "given", "refused"], about__isnull=True) & ~Q(consent_type="")
                | Q(kind__in=["cancel_question", "withdrawal"], consent_type="", about__isnull=True)
                | Q(kind__in=["answer", "code"], consent_type="", about__isnull=False),
            ),
        ),
    ]
