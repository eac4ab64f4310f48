from django.db import migrations

import config.db.operations


class Migration(migrations.Migration):
    replaces = [
        ("consent", "0002_insert_only"),
        ("consent", "0003_access"),
        ("consent", "0004_audit_key_check"),
        ("consent", "0005_registers"),
        ("consent", "0006_holds"),
        ("consent", "0007_consents"),
        ("consent", "0008_requests"),
        ("consent", "0009_exports"),
    ]

    dependencies = [
        ("audit", "0001_squashed"),
        ("consent", "0001_squashed"),
    ]

    operations = [
        config.db.operations.SqlFile(
            name="0002_insert_only.sql",
        ),
        config.db.operations.SqlFile(
            name="0005_registers.sql",
        ),
        config.db.operations.SqlFile(
            name="0006_holds.sql",
        ),
        config.db.operations.SqlFile(
            name="0007_consents.sql",
        ),
        config.db.operations.SqlFile(
            name="0008_requests.sql",
        ),
    ]
