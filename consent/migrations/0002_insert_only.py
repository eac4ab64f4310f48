from django.db import migrations

from config.db.operations import SqlFile


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0001_initial"),
        # Makes the function the trigger calls.
        ("audit", "0002_insert_only"),
    ]

    operations = [SqlFile("0002_insert_only.sql")]
