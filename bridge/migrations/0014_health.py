"""Health data of people and sensitive notes of activities, encrypted with the titular's key."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import consent.encryption.fields


class Migration(migrations.Migration):
    dependencies = [
        ("bridge", "0013_team"),
        ("consent", "0002_insert_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LeadHealthProfile",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "medical_notes",
                    consent.encryption.fields.SealedField(editable=False, null=True, verbose_name="clinical notes"),
                ),
                (
                    "health_conditions",
                    consent.encryption.fields.SealedField(editable=False, null=True, verbose_name="health problems"),
                ),
                (
                    "medications",
                    consent.encryption.fields.SealedField(editable=False, null=True, verbose_name="medicines in use"),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False, verbose_name="created")),
                (
                    "updated_at",
                    models.DateTimeField(auto_now=True, db_comment="Last time somebody wrote", verbose_name="changed"),
                ),
                (
                    "subject",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.datasubject",
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "health data",
                "verbose_name_plural": "health data",
                "db_table": "lead_health_profiles",
                "db_table_comment": (
                    "Health data of people, encrypted with the titular's key; never part of what is synced"
                ),
                "indexes": [models.Index(fields=["-updated_at"], name="lead_health_profiles_recent")],
            },
        ),
        migrations.CreateModel(
            name="SensitiveNote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "chatwoot_conversation_id",
                    models.BigIntegerField(db_comment="Conversation it is about, if any", null=True),
                ),
                (
                    "krayin_activity_id",
                    models.BigIntegerField(db_comment="Note in Krayin it goes with, if any", null=True),
                ),
                (
                    "sensitive_notes",
                    consent.encryption.fields.SealedField(
                        db_comment="Encrypted with the titular's key; null once removed",
                        editable=False,
                        null=True,
                        verbose_name="sensitive note",
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False, verbose_name="written")),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bridge.connection"
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.datasubject",
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "sensitive note",
                "verbose_name_plural": "sensitive notes",
                "db_table": "sensitive_notes",
                "db_table_comment": (
                    "Clinical notes on activities, encrypted with the titular's key; never sent to a partner"
                ),
                "indexes": [models.Index(fields=["subject", "-created_at"], name="sensitive_notes_person")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("krayin_activity_id__isnull", True),
                            ("chatwoot_conversation_id__isnull", False),
                            _connector="OR",
                        ),
                        name="sensitive_notes_activity",
                    )
                ],
            },
        ),
    ]
