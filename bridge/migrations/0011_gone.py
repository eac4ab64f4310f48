"""What vanished is found by its day without reading every record of a connection (screen B4)."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("bridge", "0010_importing")]

    operations = [
        migrations.AddIndex(
            model_name="syncedobject",
            index=models.Index(
                fields=["connection", "gone_at"], name="synced_objects_gone", condition=Q(gone_at__isnull=False)
            ),
        ),
        migrations.AddIndex(
            model_name="observedcontact",
            index=models.Index(
                fields=["connection", "gone_at"], name="observed_contacts_gone", condition=Q(gone_at__isnull=False)
            ),
        ),
    ]
