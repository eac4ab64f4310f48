"""Everything that computes, in SQL: one implementation for one opportunity and for all of them."""

from django.db import migrations

from config.db.operations import SqlFile


class Migration(migrations.Migration):
    # The last one whose columns the functions read.
    dependencies = [("insights", "0002_facts"), ("bridge", "0007_back"), ("consent", "0001_initial")]

    operations = [
        SqlFile("0003_conversation_facts.sql"),
        SqlFile("0003_score.sql"),
        SqlFile("0003_update.sql"),
        SqlFile("0003_marks.sql"),
        SqlFile("0003_days.sql"),
    ]
