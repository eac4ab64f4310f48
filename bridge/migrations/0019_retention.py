"""Conversations that retention made anonymous say since when (seed 000)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0018_alerts")]

    operations = [
        migrations.AddField(
            model_name="conversationmapping",
            name="anonymized_at",
            field=models.DateTimeField(
                db_comment=("Retention cut it from conversation and opportunity: the numbers are its own id, negative"),
                null=True,
            ),
        ),
    ]
