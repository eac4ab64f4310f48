"""The registers: operations (insert only), processors, transfers abroad, assessments."""

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from config.db.operations import SqlFile

OPERATIONS = [
    ("care_contact", "Contact and opportunity"),
    ("conversation_summary", "Conversation summary"),
    ("message_text", "Message text"),
    ("marketing", "Marketing"),
    ("language_model", "Language model"),
    ("sharing", "Sharing with others"),
    ("health_notes", "Health notes"),
    ("service_quality", "Quality of service"),
    ("rights", "Rights of data subjects"),
    ("accountability", "Audit and evidence"),
    ("staff_access", "Access of the staff"),
    ("reliability", "Receiving, repeating and restoring"),
]
RISKS = [("low", "low"), ("medium", "medium"), ("high", "high")]
DIGEST = "^[0-9a-f]{64}$"
COUNTRY = "^[A-Z]{2}$"


def kept() -> list[tuple[str, models.Field]]:
    """The fields the three lists kept by hand share."""
    return [
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        (
            "document",
            models.CharField(
                blank=True,
                help_text="Where the clinic keeps it, and how it is called.",
                max_length=300,
                verbose_name="document",
            ),
        ),
        (
            "document_sha256",
            models.CharField(
                blank=True,
                max_length=64,
                validators=[
                    django.core.validators.RegexValidator(
                        DIGEST, "64 characters, 0 to 9 and a to f, as sha256sum prints them."
                    )
                ],
                verbose_name="hash of the document (SHA-256)",
            ),
        ),
        (
            "created_at",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
            ),
        ),
    ]


def clinic() -> tuple[str, models.Field]:
    return (
        "clinic",
        models.ForeignKey(
            on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.clinic", verbose_name="clinic"
        ),
    )


def country(**options: object) -> tuple[str, models.Field]:
    validators = [django.core.validators.RegexValidator(COUNTRY, "Two capital letters, as in BR, US or PT.")]
    return "country", models.CharField(max_length=2, validators=validators, verbose_name="country", **options)


def dates() -> list[tuple[str, models.Field]]:
    return [
        ("started_on", models.DateField(verbose_name="since")),
        ("ended_on", models.DateField(blank=True, null=True, verbose_name="until")),
    ]


def ends_after_start(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(("ended_on__isnull", True), ("ended_on__gte", F("started_on")), _connector="OR"),
        name=name,
        violation_error_message="It cannot end before it starts.",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0004_audit_key_check"),
        # Makes the functions the triggers call.
        ("audit", "0003_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OperationVersion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("operation", models.CharField(choices=OPERATIONS, max_length=32, verbose_name="operation")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                (
                    "is_in_use",
                    models.BooleanField(
                        db_comment="False: the version with which the operation ended.", verbose_name="in use"
                    ),
                ),
                ("content", models.JSONField(db_comment="What the data map and the settings said, in codes.")),
                (
                    "digest",
                    models.CharField(db_comment="SHA-256 of `content` in canonical form.", max_length=64),
                ),
                ("notes", models.TextField(blank=True, max_length=4000, verbose_name="notes")),
                ("risk", models.CharField(blank=True, choices=RISKS, max_length=8, verbose_name="risk")),
                (
                    "volume",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("hundreds", "up to 1,000 people"),
                            ("thousands", "1,000 to 10,000 people"),
                            ("tens", "10,000 to 100,000 people"),
                            ("more", "more than 100,000 people"),
                        ],
                        max_length=10,
                        verbose_name="people concerned",
                    ),
                ),
                (
                    "valid_from",
                    models.DateTimeField(db_comment="Until the next version's.", verbose_name="valid from"),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="approved by",
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.clinic",
                    ),
                ),
            ],
            options={
                "verbose_name": "register of operations",
                "verbose_name_plural": "registers",
                "db_table": "operation_versions",
                "db_table_comment": "Register of processing operations (LGPD Art. 37), approved versions. Insert only.",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("clinic", "operation", "number"), name="uq_operation_versions_number"
                    ),
                    models.CheckConstraint(
                        condition=Q(("digest__regex", DIGEST)), name="chk_operation_versions_digest"
                    ),
                    models.CheckConstraint(
                        condition=Q(("risk__in", ["", "low", "medium", "high"])), name="chk_operation_versions_risk"
                    ),
                    models.CheckConstraint(
                        condition=Q(("volume__in", ["", "hundreds", "thousands", "tens", "more"])),
                        name="chk_operation_versions_volume",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Processor",
            fields=[
                *kept(),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("bridge", "runs Ponte"),
                            ("hosting", "hosting"),
                            ("chat", "chat (Chatwoot)"),
                            ("crm", "CRM (Krayin)"),
                            ("messaging", "messaging channel"),
                            ("mail", "mail"),
                            ("language_model", "language model"),
                            ("other", "other"),
                        ],
                        max_length=16,
                        verbose_name="what for",
                    ),
                ),
                country(default="BR"),
                ("contact", models.CharField(blank=True, max_length=200, verbose_name="contact")),
                (
                    "instructions",
                    models.TextField(
                        blank=True,
                        help_text="What it may do with the data, and what not (Art. 39).",
                        max_length=4000,
                        verbose_name="instructions of the clinic",
                    ),
                ),
                *dates(),
                clinic(),
            ],
            options={
                "verbose_name": "processor",
                "verbose_name_plural": "processors",
                "db_table": "processors",
                "db_table_comment": "Processors (operadores) of a clinic: hosting, chat, CRM, messaging, mail.",
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(condition=Q(("country__regex", COUNTRY)), name="chk_processors_country"),
                    models.CheckConstraint(
                        condition=Q(
                            (
                                "kind__in",
                                ["bridge", "hosting", "chat", "crm", "messaging", "mail", "language_model", "other"],
                            )
                        ),
                        name="chk_processors_kind",
                    ),
                    ends_after_start("chk_processors_dates"),
                ],
            },
        ),
        migrations.CreateModel(
            name="InternationalTransfer",
            fields=[
                *kept(),
                ("importer", models.CharField(max_length=200, verbose_name="who receives them")),
                country(),
                (
                    "operations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(choices=OPERATIONS, max_length=32),
                        size=None,
                        verbose_name="for which operations",
                    ),
                ),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=4), size=None, verbose_name="data categories"
                    ),
                ),
                (
                    "mechanism",
                    models.CharField(
                        choices=[
                            ("ADEQUACY", "adequate country (Art. 33, I)"),
                            ("SCC", "standard clauses (Art. 33, II, b)"),
                            ("SPECIFIC", "specific clauses (Art. 33, II, a)"),
                            ("BCR", "global corporate rules (Art. 33, II, c)"),
                            ("SEAL", "seal or certificate (Art. 33, II, d)"),
                            ("LIFE", "protection of life (Art. 33, IV)"),
                            ("AUTHORISED", "authorised by the ANPD (Art. 33, V)"),
                            ("CONSENT", "specific and highlighted consent (Art. 33, VIII)"),
                            ("LEGAL", "legal duty (Art. 33, IX)"),
                            ("CONTRACT", "contract with the person (Art. 33, IX)"),
                            ("RIGHTS", "exercise of rights (Art. 33, IX)"),
                        ],
                        max_length=10,
                        verbose_name="mechanism",
                    ),
                ),
                (
                    "onward",
                    models.TextField(
                        blank=True,
                        help_text="To whom it may pass the data on, and where.",
                        max_length=2000,
                        verbose_name="onward transfers",
                    ),
                ),
                *dates(),
                ("review_on", models.DateField(verbose_name="review on")),
                clinic(),
                (
                    "processor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="consent.processor",
                        verbose_name="processor",
                    ),
                ),
            ],
            options={
                "verbose_name": "international transfer",
                "verbose_name_plural": "international transfers",
                "db_table": "international_transfers",
                "db_table_comment": "Transfers of personal data abroad (LGPD Art. 33-36, Res. CD/ANPD 19/2024).",
                "ordering": ["importer"],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("country__regex", COUNTRY), Q(("country", "BR"), _negated=True)),
                        name="chk_transfers_country",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            (
                                "mechanism__in",
                                [
                                    "ADEQUACY",
                                    "SCC",
                                    "SPECIFIC",
                                    "BCR",
                                    "SEAL",
                                    "LIFE",
                                    "AUTHORISED",
                                    "CONSENT",
                                    "LEGAL",
                                    "CONTRACT",
                                    "RIGHTS",
                                ],
                            )
                        ),
                        name="chk_transfers_mechanism",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("mechanism__in", ["SCC", "SPECIFIC", "BCR", "SEAL", "AUTHORISED"]), _negated=True),
                            Q(Q(("document", ""), _negated=True), ("document_sha256__regex", DIGEST)),
                            _connector="OR",
                        ),
                        name="chk_transfers_paper",
                    ),
                    ends_after_start("chk_transfers_dates"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Assessment",
            fields=[
                *kept(),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("impact", "impact report (RIPD)"),
                            ("balancing", "balancing test of legitimate interest"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("operation", models.CharField(choices=OPERATIONS, max_length=32, verbose_name="operation")),
                ("title", models.CharField(max_length=200, verbose_name="title")),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("approved", "the processing goes on"),
                            ("refused", "the processing stops"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="decision",
                    ),
                ),
                ("decided_on", models.DateField(blank=True, null=True, verbose_name="decided on")),
                ("review_on", models.DateField(verbose_name="review on")),
                ("risk", models.CharField(blank=True, choices=RISKS, max_length=8, verbose_name="risk")),
                clinic(),
            ],
            options={
                "verbose_name": "assessment",
                "verbose_name_plural": "impact reports and balancing tests",
                "db_table": "assessments",
                "db_table_comment": "Impact reports and balancing tests (LGPD Art. 10 and 38): document, decision, review.",
                "ordering": ["review_on"],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("kind__in", ["impact", "balancing"])), name="chk_assessments_kind"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            Q(("decided_on__isnull", True), ("decision", "open")),
                            Q(("decided_on__isnull", False), ("decision__in", ["approved", "refused"])),
                            _connector="OR",
                        ),
                        name="chk_assessments_decision",
                        violation_error_message="A decision needs its date, and a date its decision.",
                    ),
                    models.CheckConstraint(
                        condition=Q(("risk__in", ["", "low", "medium", "high"])), name="chk_assessments_risk"
                    ),
                ],
            },
        ),
        SqlFile("0005_registers.sql"),
    ]
