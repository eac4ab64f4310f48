"""The list of all links begins with the last synced one, without sorting every link."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0014_health")]

    operations = [
        migrations.AddIndex(
            model_name="contactmapping",
            index=models.Index(fields=["-updated_at"], name="contact_mappings_latest"),
        ),
    ]
