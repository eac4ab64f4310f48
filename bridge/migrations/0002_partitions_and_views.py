"""First partitions, the view of failures, and room for updates on the lanes' pages."""

from django.db import migrations

from config.db.operations import FirstPartitions, SqlFile
from config.db.partitions import Step


class Migration(migrations.Migration):
    dependencies = [("bridge", "0001_initial")]

    operations = [
        FirstPartitions("webhook_events", Step.WEEK),
        FirstPartitions("webhook_bodies", Step.DAY),
        FirstPartitions("activity_mappings", Step.MONTH),
        FirstPartitions("stage_change_logs", Step.QUARTER),
        SqlFile("0002_failed_webhooks.sql"),
        # Lanes are updated several times for every event: room in the page keeps those updates off the indexes.
        migrations.RunSQL(
            "ALTER TABLE lanes SET (fillfactor = 70); ALTER TABLE call_budgets SET (fillfactor = 50)",
            "ALTER TABLE lanes RESET (fillfactor); ALTER TABLE call_budgets RESET (fillfactor)",
        ),
    ]
