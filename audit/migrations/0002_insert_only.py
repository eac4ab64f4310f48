from django.db import migrations

from config.db.operations import FirstPartitions, SqlFile
from config.db.partitions import Step


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        SqlFile("0002_insert_only.sql"),
        FirstPartitions("audit_logs", Step.QUARTER),
    ]
