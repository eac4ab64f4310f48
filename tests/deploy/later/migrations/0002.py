"""A column more on the table that every delivery writes to: needs it for itself for a moment."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("later", "0001")]
    operations = [migrations.RunSQL("ALTER TABLE webhook_events ADD COLUMN later_2 integer")]
