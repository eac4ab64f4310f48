"""The register of incidents (lgpd section 11, R07)."""

import uuid

import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.deletion import PROTECT

import consent.encryption.fields
from config.db.operations import SqlFile

SOURCES = [
    ("people", "noticed by people"),
    ("processor", "told by a processor"),
    ("audit", "proposed by the check of the audit trail"),
]
OUTCOMES = [
    ("reported", "reported"),
    ("not_reported", "kept in the register, not reported"),
    ("no_incident", "examined: no incident"),
]
KINDS = [
    ("opened", "entered in the register"),
    ("changed", "facts completed"),
    ("estimated", "affected people estimated"),
    ("decided", "decided whether to report"),
    ("told_authority", "told to the ANPD"),
    ("told_persons", "told to the people"),
    ("closed", "closed"),
]
SHA256 = r"^[0-9a-f]{64}$"


def account() -> models.ForeignKey:
    return models.ForeignKey(on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)


def key() -> models.UUIDField:
    return models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("consent", "0011_retention")]
    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", key()),
                ("number", models.PositiveIntegerField(db_comment="Counted per clinic.", verbose_name="number")),
                (
                    "known_at",
                    models.DateTimeField(
                        db_comment="When the controller learned that personal data were affected; starts the clocks.",
                        verbose_name="known since",
                    ),
                ),
                ("source", models.CharField(choices=SOURCES, max_length=10, verbose_name="how it was noticed")),
                (
                    "verification_id",
                    models.BigIntegerField(
                        db_comment="The check of the audit trail that proposed it; no key, that row may be dropped.",
                        null=True,
                    ),
                ),
                (
                    "regime",
                    models.CharField(
                        choices=[("full", "full"), ("small", "small processing entity")],
                        max_length=5,
                        verbose_name="regime",
                    ),
                ),
                ("rules_version", models.CharField(max_length=20, verbose_name="version of the periods")),
                ("calendar_version", models.CharField(max_length=20, verbose_name="version of the holidays")),
                (
                    "entered_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="entered"
                    ),
                ),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                ("outcome", models.CharField(blank=True, choices=OUTCOMES, max_length=12, verbose_name="outcome")),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=PROTECT, related_name="incidents", to="consent.clinic", verbose_name="clinic"
                    ),
                ),
                ("entered_by", account()),
            ],
            options={
                "verbose_name": "incident",
                "verbose_name_plural": "incidents",
                "db_table": "incidents",
                "db_table_comment": (
                    "Register of security incidents (Res. CD/ANPD 15/2024); closed once, otherwise insert only."
                ),
                "ordering": ["-known_at"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("clinic", "number"), name="uq_incidents_number"),
                    models.CheckConstraint(condition=Q(("known_at__lte", F("entered_at"))), name="chk_incidents_known"),
                    models.CheckConstraint(
                        condition=Q(("source__in", ["people", "processor", "audit"])), name="chk_incidents_source"
                    ),
                    models.CheckConstraint(condition=Q(("regime__in", ["full", "small"])), name="chk_incidents_regime"),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("closed_at__isnull", True), ("outcome", "")),
                            Q(
                                ("closed_at__isnull", False),
                                ("outcome__in", ["reported", "not_reported", "no_incident"]),
                            ),
                            _connector="OR",
                        ),
                        name="chk_incidents_outcome",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentEntry",
            fields=[
                ("id", key()),
                ("number", models.PositiveIntegerField()),
                ("kind", models.CharField(choices=KINDS, max_length=14)),
                ("facts", models.JSONField(db_comment="What is known after the act: consent.incidents.facts.")),
                (
                    "details",
                    models.JSONField(db_comment="Of the act: decision, proof of sending, scope of an estimate."),
                ),
                (
                    "affected",
                    consent.encryption.fields.SealedField(
                        db_comment="Pseudonyms of the people found, 16 bytes each; system key.", null=True
                    ),
                ),
                ("at", models.DateTimeField()),
                ("previous_hash", models.CharField(blank=True, db_comment="Empty in the first entry.", max_length=64)),
                (
                    "entry_hash",
                    models.CharField(
                        db_comment="SHA-256 over all other columns; also in the audit trail.", max_length=64
                    ),
                ),
                ("by", account()),
                (
                    "incident",
                    models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="entries", to="consent.incident"),
                ),
            ],
            options={
                "db_table": "incident_entries",
                "db_table_comment": "History of the incidents: every act with the facts as known then. Insert only.",
                "ordering": ["number"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "number"), name="uq_incident_entries_number"),
                    models.CheckConstraint(
                        condition=Q(("kind__in", [code for code, _name in KINDS])), name="chk_incident_entries_kind"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("entry_hash__regex", SHA256),
                            Q(
                                Q(("number", 1), ("previous_hash", "")),
                                Q(("number__gt", 1), ("previous_hash__regex", SHA256)),
                                _connector="OR",
                            ),
                        ),
                        name="chk_incident_entries_hash",
                    ),
                ],
            },
        ),
        SqlFile("0012_incidents.sql"),
    ]
