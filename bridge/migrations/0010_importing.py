"""Contacts that a running import compares with the people in Krayin."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bridge", "0009_rules")]

    operations = [
        migrations.CreateModel(
            name="ImportedContact",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("chatwoot_contact_id", models.BigIntegerField(db_comment="Chatwoot contact id")),
                (
                    "hits",
                    models.JSONField(
                        db_comment="[[Krayin person id, email or phone, whether the names agree]]: who has the same value",
                        default=list,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Waiting"),
                            ("adopted", "Adopted"),
                            ("asked", "Asked"),
                            ("own", "Own"),
                            ("kept", "Kept"),
                        ],
                        db_comment="Empty until judged; adopted, asked, own or kept",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.connection",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bridge.syncjob",
                    ),
                ),
            ],
            options={
                "db_table": "imported_contacts",
                "db_table_comment": (
                    "Contacts a running import compares with the people in Krayin; removed when it ends"
                ),
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "")),
                        fields=["connection", "chatwoot_contact_id"],
                        name="imported_contacts_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "chatwoot_contact_id"), name="imported_contacts_once"),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["", "adopted", "asked", "own", "kept"])),
                        name="imported_contacts_outcome",
                    ),
                ],
            },
        ),
    ]
