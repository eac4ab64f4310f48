import datetime
import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import config.db.operations
import consent.encryption.fields
import consent.validators


class Migration(migrations.Migration):
    replaces = [("consent", "0001_initial")]

    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(
            sql="CREATE SCHEMA IF NOT EXISTS keys",
            reverse_sql="DROP SCHEMA IF EXISTS keys",
        ),
        config.db.operations.CreateModels(
            operations=[
                migrations.CreateModel(
                    name="DataSubject",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="subjects",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "pseudonym",
                            models.UUIDField(
                                db_comment="In audit rows; null after erasure.",
                                default=uuid.uuid4,
                                editable=False,
                                null=True,
                                unique=True,
                            ),
                        ),
                        (
                            "blocked_at",
                            models.DateTimeField(
                                blank=True, db_comment="LGPD Art. 5 XIII.", null=True, verbose_name="blocked since"
                            ),
                        ),
                        (
                            "has_hold",
                            models.BooleanField(
                                db_comment="Nothing may be removed.", default=False, verbose_name="legal hold"
                            ),
                        ),
                        (
                            "opposed_purposes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("care_contact", "Contact and opportunity"),
                                        ("conversation_summary", "Conversation summary"),
                                        ("message_text", "Message text"),
                                        ("marketing", "Marketing"),
                                        ("language_model", "Language model"),
                                        ("sharing", "Sharing with others"),
                                    ],
                                    max_length=32,
                                ),
                                blank=True,
                                db_comment="LGPD Art. 18 §2.",
                                default=list,
                                size=None,
                                verbose_name="opposed purposes",
                            ),
                        ),
                        ("is_minor", models.BooleanField(default=False, verbose_name="minor")),
                        (
                            "erased_at",
                            models.DateTimeField(
                                blank=True, db_comment="The row stays, empty.", null=True, verbose_name="erased at"
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "data subject",
                        "verbose_name_plural": "data subjects",
                        "db_table": "data_subjects",
                        "db_table_comment": "Data subjects (titulares), one row per person and clinic. No identifying data.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "opposed_purposes__contained_by",
                                        [
                                            "care_contact",
                                            "conversation_summary",
                                            "message_text",
                                            "marketing",
                                            "language_model",
                                            "sharing",
                                        ],
                                    )
                                ),
                                name="chk_data_subjects_opposed",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="User",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("password", models.CharField(max_length=128, verbose_name="password")),
                        ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                        ("email", models.EmailField(max_length=254, unique=True, verbose_name="e-mail")),
                        ("name", models.CharField(blank=True, max_length=150, verbose_name="name")),
                        (
                            "is_active",
                            models.BooleanField(
                                default=True, help_text="Instead of deleting an account.", verbose_name="active"
                            ),
                        ),
                        (
                            "is_superuser",
                            models.BooleanField(
                                default=False, help_text="For emergencies only.", verbose_name="superuser"
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                        (
                            "invited_by",
                            models.ForeignKey(
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="invited by",
                            ),
                        ),
                        (
                            "ended_at",
                            models.DateTimeField(
                                db_comment="The person left; inactive without it is a suspension.",
                                editable=False,
                                null=True,
                                verbose_name="ended",
                            ),
                        ),
                        (
                            "access_stamp",
                            models.UUIDField(
                                db_comment="A new one ends every sign-in and every invitation.",
                                default=uuid.uuid4,
                                editable=False,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "user",
                        "verbose_name_plural": "users",
                        "db_table": "users",
                        "db_table_comment": "Staff accounts. Never patients.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                                name="chk_users_email_lower",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Clinic",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("legal_name", models.CharField(max_length=200, verbose_name="legal name")),
                        ("trade_name", models.CharField(max_length=200, verbose_name="trade name")),
                        (
                            "cnpj",
                            models.CharField(
                                blank=True,
                                max_length=14,
                                null=True,
                                validators=[consent.validators.validate_cnpj],
                                verbose_name="CNPJ",
                            ),
                        ),
                        (
                            "time_zone",
                            models.CharField(
                                default="America/Sao_Paulo",
                                max_length=64,
                                validators=[consent.validators.validate_time_zone],
                                verbose_name="time zone",
                            ),
                        ),
                        ("address", models.CharField(blank=True, max_length=300, verbose_name="address")),
                        ("contact_email", models.EmailField(blank=True, max_length=254, verbose_name="contact e-mail")),
                        (
                            "contact_phone",
                            models.CharField(blank=True, max_length=32, verbose_name="contact telephone"),
                        ),
                        (
                            "dpo_name",
                            models.CharField(blank=True, max_length=200, verbose_name="data protection officer"),
                        ),
                        (
                            "dpo_contact",
                            models.CharField(
                                blank=True, max_length=200, verbose_name="contact of the data protection officer"
                            ),
                        ),
                        (
                            "policy_version",
                            models.CharField(
                                blank=True,
                                db_comment="Version of consent.policy; empty: not confirmed.",
                                max_length=20,
                                verbose_name="confirmed policy",
                            ),
                        ),
                        (
                            "policy_confirmed_at",
                            models.DateTimeField(blank=True, null=True, verbose_name="policy confirmed at"),
                        ),
                        (
                            "policy_confirmed_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="policy confirmed by",
                            ),
                        ),
                        (
                            "is_example",
                            models.BooleanField(
                                db_comment="Removable; screens carry a band.",
                                default=False,
                                verbose_name="example data",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "clinic",
                        "verbose_name_plural": "clinics",
                        "db_table": "clinics",
                        "db_table_comment": "Controllers (LGPD Art. 5 VI): one row per clinic.",
                        "ordering": ["trade_name"],
                        "constraints": [
                            models.UniqueConstraint(fields=("cnpj",), name="uq_clinics_cnpj"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("cnpj__isnull", True), ("cnpj__regex", "^[0-9A-Z]{12}[0-9]{2}$"), _connector="OR"
                                ),
                                name="chk_clinics_cnpj",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("policy_confirmed_at", None),
                                        ("policy_confirmed_by", None),
                                        ("policy_version", ""),
                                    ),
                                    models.Q(
                                        models.Q(("policy_version", ""), _negated=True),
                                        ("policy_confirmed_at__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_clinics_policy",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Assessment",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
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
                                        "^[0-9a-f]{64}$", "64 characters, 0 to 9 and a to f, as sha256sum prints them."
                                    )
                                ],
                                verbose_name="hash of the document (SHA-256)",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
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
                        (
                            "operation",
                            models.CharField(
                                choices=[
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
                                ],
                                max_length=32,
                                verbose_name="operation",
                            ),
                        ),
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
                        (
                            "risk",
                            models.CharField(
                                blank=True,
                                choices=[("low", "low"), ("medium", "medium"), ("high", "high")],
                                max_length=8,
                                verbose_name="risk",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "assessment",
                        "verbose_name_plural": "impact reports and balancing tests",
                        "db_table": "assessments",
                        "db_table_comment": "Impact reports and balancing tests (LGPD Art. 10 and 38): document, decision, review.",
                        "ordering": ["review_on"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["impact", "balancing"])), name="chk_assessments_kind"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("decided_on__isnull", True), ("decision", "open")),
                                    models.Q(("decided_on__isnull", False), ("decision__in", ["approved", "refused"])),
                                    _connector="OR",
                                ),
                                name="chk_assessments_decision",
                                violation_error_message="A decision needs its date, and a date its decision.",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("risk__in", ["", "low", "medium", "high"])),
                                name="chk_assessments_risk",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DataKey",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.CharField(
                                choices=[("subject", "Person"), ("day", "Day of webhook bodies"), ("system", "System")],
                                max_length=8,
                            ),
                        ),
                        (
                            "ref",
                            models.CharField(
                                db_comment="Person's UUID, ISO date, or the name of a system key.", max_length=64
                            ),
                        ),
                        (
                            "version",
                            models.PositiveIntegerField(
                                db_comment="1, 2, … per person; the day's ordinal number for day keys."
                            ),
                        ),
                        (
                            "wrapped",
                            models.BinaryField(
                                db_comment="The data key under a master key; null once destroyed.", null=True
                            ),
                        ),
                        (
                            "master_key_id",
                            models.CharField(db_comment="Which key of PONTE_MASTER_KEYS wraps it.", max_length=16),
                        ),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ("destroyed_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": 'keys"."data_keys',
                        "db_table_comment": "Data keys, wrapped. Never part of a dump of the data.",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("kind", "ref", "version"), name="uq_data_keys_owner_version"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["subject", "day", "system"])),
                                name="chk_data_keys_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("destroyed_at__isnull", True), ("wrapped__isnull", False)),
                                    models.Q(("destroyed_at__isnull", False), ("wrapped__isnull", True)),
                                    _connector="OR",
                                ),
                                name="chk_data_keys_destroyed",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Minority",
                    fields=[
                        (
                            "subject",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                primary_key=True,
                                related_name="minority",
                                serialize=False,
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "birth_month",
                            models.DateField(
                                blank=True,
                                db_comment="First day of the month; null: not known.",
                                null=True,
                                verbose_name="month of birth",
                            ),
                        ),
                        ("marked_at", models.DateTimeField(verbose_name="marked at")),
                        (
                            "marked_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "asked_at",
                            models.DateTimeField(
                                db_comment="When the person, grown up, was asked for their own will.", null=True
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "minority",
                        "verbose_name_plural": "minorities",
                        "db_table": "minorities",
                        "db_table_comment": "Children and adolescents: month of birth, for the rules of Art. 14.",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["birth_month"], name="idx_minorities_birth_month")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("birth_month", None), ("birth_month__day", 1), _connector="OR"),
                                name="chk_minorities_month",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DataRequest",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "protocol",
                            models.CharField(
                                db_comment="Year and eight random signs.",
                                max_length=14,
                                unique=True,
                                verbose_name="protocol",
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="requests",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "holder",
                            models.OneToOneField(
                                db_comment="Nobody's row: only the key that seals this file.",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="request_file",
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                db_comment="Who asks; null while unknown.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="requests",
                                to="consent.datasubject",
                                verbose_name="titular",
                            ),
                        ),
                        (
                            "channel",
                            models.CharField(
                                choices=[
                                    ("form", "Privacy page"),
                                    ("chat", "Chat"),
                                    ("email", "E-mail"),
                                    ("phone", "Telephone"),
                                    ("in_person", "In person"),
                                    ("letter", "Letter"),
                                ],
                                max_length=10,
                                verbose_name="channel",
                            ),
                        ),
                        (
                            "received_at",
                            models.DateTimeField(
                                db_comment="Starts every clock; never changes.", verbose_name="received"
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
                        ("rules_version", models.CharField(max_length=20, verbose_name="version of the rules")),
                        (
                            "text",
                            consent.encryption.fields.SealedField(
                                db_comment="What the person wrote or said, word for word.", null=True
                            ),
                        ),
                        (
                            "contact",
                            consent.encryption.fields.SealedField(
                                db_comment="Where the person says to be reached.", null=True
                            ),
                        ),
                        (
                            "contact_kind",
                            models.CharField(
                                blank=True,
                                choices=[("phone", "Telephone"), ("email", "E-mail"), ("identifier", "Identifier")],
                                max_length=10,
                            ),
                        ),
                        (
                            "contact_blind",
                            models.BinaryField(
                                db_comment="Keyed digest; finds doubles. Null later.", max_length=32, null=True
                            ),
                        ),
                        ("contact_mask", models.CharField(blank=True, max_length=32, verbose_name="contact")),
                        (
                            "by_representative",
                            models.BooleanField(default=False, verbose_name="asked by a representative"),
                        ),
                        (
                            "duplicate_of",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="duplicates",
                                to="consent.datarequest",
                                verbose_name="repeats",
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="responsible",
                            ),
                        ),
                        (
                            "registered_by",
                            models.ForeignKey(
                                db_comment="Staff who wrote it down.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "facts_tried",
                            models.PositiveSmallIntegerField(
                                db_comment="Wrong answers to the question of fact.", default=0
                            ),
                        ),
                        ("fact_proved_at", models.DateTimeField(null=True, verbose_name="fact confirmed at")),
                        ("seen_in_person_at", models.DateTimeField(null=True, verbose_name="seen in person at")),
                        (
                            "seen_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "request of a titular",
                        "verbose_name_plural": "requests of titulares",
                        "db_table": "data_requests",
                        "db_table_comment": "Requests of data subjects (LGPD Art. 18), one row per message (R06).",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["clinic", "contact_blind"], name="idx_data_requests_contact")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("channel__in", ["form", "chat", "email", "phone", "in_person", "letter"])
                                ),
                                name="chk_data_requests_channel",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("regime__in", ["full", "small"])), name="chk_data_requests_regime"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("seen_in_person_at__isnull", True), ("seen_by__isnull", False), _connector="OR"
                                ),
                                name="chk_data_requests_seen",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ContactPoint",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="contact_points",
                                to="consent.datasubject",
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
                        (
                            "kind",
                            models.CharField(
                                choices=[("phone", "Telephone"), ("email", "E-mail"), ("identifier", "Identifier")],
                                max_length=10,
                            ),
                        ),
                        (
                            "blind",
                            models.BinaryField(
                                db_comment="Keyed digest of the normalised value.", max_length=32, null=True
                            ),
                        ),
                        (
                            "blind_version",
                            models.CharField(
                                blank=True, db_comment="Which key of PONTE_BLIND_KEYS made it.", max_length=16
                            ),
                        ),
                        (
                            "value",
                            consent.encryption.fields.SealedField(
                                db_comment="Encrypted; null after erasure.", null=True
                            ),
                        ),
                        ("mask", models.CharField(blank=True, db_comment="What lists show.", max_length=32)),
                        (
                            "is_shared",
                            models.BooleanField(
                                db_comment="Used by several people: never identifies one alone.", default=False
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "contact point",
                        "verbose_name_plural": "contact points",
                        "db_table": "contact_points",
                        "db_table_comment": "How people are reached; values encrypted, found by blind index.",
                        "indexes": [models.Index(fields=["clinic", "kind", "blind"], name="idx_contact_points_blind")],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("subject", "kind", "blind"), name="uq_contact_points_subject"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["phone", "email", "identifier"])),
                                name="chk_contact_points_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConsentRecord",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                db_column="contact_id",
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="consent_records",
                                to="consent.datasubject",
                                verbose_name="data subject",
                            ),
                        ),
                        ("chatwoot_contact_id", models.BigIntegerField(blank=True, null=True)),
                        ("krayin_lead_id", models.BigIntegerField(blank=True, null=True)),
                        (
                            "consent_type",
                            models.CharField(
                                choices=[
                                    ("data_processing", "Data processing"),
                                    ("marketing", "Marketing"),
                                    ("health_data", "Health data"),
                                    ("language_model", "Language model"),
                                ],
                                max_length=50,
                                verbose_name="type",
                            ),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[("granted", "Granted"), ("denied", "Denied"), ("withdrawn", "Withdrawn")],
                                max_length=20,
                                verbose_name="status",
                            ),
                        ),
                        ("granted_at", models.DateTimeField(blank=True, null=True, verbose_name="granted at")),
                        ("withdrawn_at", models.DateTimeField(blank=True, null=True, verbose_name="withdrawn at")),
                        (
                            "ip_address",
                            models.CharField(
                                blank=True,
                                db_comment="Id of the access log row that holds the address, never the address: it must expire after 6 months.",
                                max_length=45,
                                null=True,
                            ),
                        ),
                        (
                            "user_agent",
                            models.CharField(
                                blank=True,
                                db_comment="Id of the access log row that holds it, never the text.",
                                max_length=45,
                                null=True,
                            ),
                        ),
                        (
                            "consent_text",
                            models.TextField(
                                db_comment="Exactly as shown; no personal data.", verbose_name="text shown"
                            ),
                        ),
                        ("consent_version", models.CharField(max_length=20, verbose_name="version of the text")),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="recorded at",
                            ),
                        ),
                        (
                            "updated_at",
                            models.DateTimeField(
                                db_comment="Equals created_at: rows never change.",
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "consent record",
                        "verbose_name_plural": "consent records",
                        "db_table": "consent_records",
                        "db_table_comment": "LGPD Art. 8: every act about consent, one row each, insert only (R05).",
                        "get_latest_by": "created_at",
                        "indexes": [
                            models.Index(
                                fields=["subject", "consent_type", "-created_at"], name="idx_consent_contact_type"
                            ),
                            models.Index(
                                condition=models.Q(("chatwoot_contact_id__isnull", False)),
                                fields=["chatwoot_contact_id"],
                                name="idx_consent_chatwoot_contact",
                            ),
                            models.Index(fields=["status", "consent_type"], name="idx_consent_status"),
                            models.Index(fields=["-created_at"], name="idx_consent_created_at"),
                            models.Index(
                                condition=models.Q(("status", "granted"), ("withdrawn_at__isnull", True)),
                                fields=["subject", "consent_type"],
                                name="idx_consent_valid",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "consent_type__in",
                                        ["data_processing", "marketing", "health_data", "language_model"],
                                    )
                                ),
                                name="chk_consent_type",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("granted_at__isnull", False),
                                        ("status", "granted"),
                                        ("withdrawn_at__isnull", True),
                                    ),
                                    models.Q(("status", "withdrawn"), ("withdrawn_at__isnull", False)),
                                    models.Q(
                                        ("granted_at__isnull", True),
                                        ("status", "denied"),
                                        ("withdrawn_at__isnull", True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_consent_status_dates",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("withdrawn_at__isnull", True),
                                    ("granted_at__isnull", True),
                                    ("withdrawn_at__gte", models.F("granted_at")),
                                    _connector="OR",
                                ),
                                name="chk_consent_dates_order",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("ip_address__isnull", True),
                                        ("ip_address__regex", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
                                        _connector="OR",
                                    ),
                                    models.Q(
                                        ("user_agent__isnull", True),
                                        ("user_agent__regex", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
                                        _connector="OR",
                                    ),
                                ),
                                name="chk_consent_references",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConsentLink",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(choices=[("answer", "answer"), ("withdraw", "take back")], max_length=8),
                        ),
                        (
                            "consent_types",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("data_processing", "Data processing"),
                                        ("marketing", "Marketing"),
                                        ("health_data", "Health data"),
                                        ("language_model", "Language model"),
                                    ],
                                    max_length=50,
                                ),
                                default=list,
                                size=None,
                            ),
                        ),
                        ("expires_at", models.DateTimeField()),
                        (
                            "made_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "consent link",
                        "verbose_name_plural": "consent links",
                        "db_table": "consent_links",
                        "db_table_comment": "Links of the public consent pages: whose, for what, until when; not the address.",
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["answer", "withdraw"])), name="chk_consent_links_kind"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DeadlineRegime",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="regimes",
                                to="consent.clinic",
                                verbose_name="clinic",
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
                        ("reason", models.CharField(max_length=500, verbose_name="reason")),
                        (
                            "decided_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "decided_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(), verbose_name="decided at"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "deadlines of requests",
                        "verbose_name_plural": "deadlines of requests",
                        "db_table": "deadline_regimes",
                        "db_table_comment": "Res. CD/ANPD 2/2022: full or small regime, with the recorded reason. Insert only.",
                        "ordering": ["-pk"],
                        "default_permissions": (),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("regime__in", ["full", "small"])),
                                name="chk_deadline_regimes_regime",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("reason", ""), _negated=True), name="chk_deadline_regimes_reason"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Decision",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="decisions",
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "connection_id",
                            models.BigIntegerField(db_comment="bridge.Connection; without constraint.", null=True),
                        ),
                        (
                            "purpose",
                            models.CharField(
                                choices=[
                                    ("care_contact", "Contact and opportunity"),
                                    ("conversation_summary", "Conversation summary"),
                                    ("message_text", "Message text"),
                                    ("marketing", "Marketing"),
                                    ("language_model", "Language model"),
                                    ("sharing", "Sharing with others"),
                                ],
                                max_length=32,
                                verbose_name="purpose",
                            ),
                        ),
                        (
                            "category",
                            models.CharField(
                                choices=[
                                    ("R01", "Clinical record"),
                                    ("R02", "Administrative care"),
                                    ("R03", "Unconverted lead"),
                                    ("R04", "Marketing"),
                                ],
                                max_length=8,
                                verbose_name="category",
                            ),
                        ),
                        (
                            "action",
                            models.CharField(
                                choices=[
                                    ("preview", "Show what would be written"),
                                    ("push", "Write to a partner"),
                                    ("send", "Send a message"),
                                    ("model", "Call a language model"),
                                    ("erase", "Erase"),
                                ],
                                max_length=16,
                                verbose_name="action",
                            ),
                        ),
                        ("allowed", models.BooleanField(verbose_name="allowed")),
                        ("base", models.CharField(max_length=10, verbose_name="legal base")),
                        ("policy_version", models.CharField(max_length=20, verbose_name="policy")),
                        (
                            "reason",
                            models.CharField(
                                choices=[
                                    ("allowed", "Allowed"),
                                    ("erased", "The person's data are erased"),
                                    ("blocked", "The person's data are blocked"),
                                    ("hold", "A legal hold forbids removal"),
                                    ("opposed", "The person objected to this purpose"),
                                    ("minor", "The person is a minor"),
                                    ("policy_not_confirmed", "The clinic's policy is not confirmed"),
                                    ("switched_off", "The connection's setting is off"),
                                    ("no_consent", "There is no valid consent"),
                                    ("refused", "The policy refuses this purpose"),
                                ],
                                max_length=32,
                                verbose_name="reason",
                            ),
                        ),
                        ("decided_at", models.DateTimeField(verbose_name="decided at")),
                    ],
                    options={
                        "verbose_name": "decision",
                        "verbose_name_plural": "decisions",
                        "db_table": "decisions",
                        "db_table_comment": "Answers of the decision gate: who, for what, on which base, by which policy.",
                        "indexes": [
                            models.Index(fields=["subject", "-decided_at"], name="idx_decisions_subject"),
                            models.Index(
                                condition=models.Q(("allowed", False)),
                                fields=["connection_id", "-decided_at"],
                                name="idx_decisions_refused",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "purpose__in",
                                        [
                                            "care_contact",
                                            "conversation_summary",
                                            "message_text",
                                            "marketing",
                                            "language_model",
                                            "sharing",
                                        ],
                                    )
                                ),
                                name="chk_decisions_purpose",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("category__in", ["R01", "R02", "R03", "R04"])),
                                name="chk_decisions_category",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("action__in", ["preview", "push", "send", "model", "erase"])),
                                name="chk_decisions_action",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "reason__in",
                                        [
                                            "allowed",
                                            "erased",
                                            "blocked",
                                            "hold",
                                            "opposed",
                                            "minor",
                                            "policy_not_confirmed",
                                            "switched_off",
                                            "no_consent",
                                            "refused",
                                        ],
                                    )
                                ),
                                name="chk_decisions_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("allowed", True), ("reason", "allowed")),
                                    models.Q(("allowed", False), models.Q(("reason", "allowed"), _negated=True)),
                                    _connector="OR",
                                ),
                                name="chk_decisions_allowed",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DpoDesignation",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="designations",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "part",
                            models.CharField(
                                choices=[("dpo", "Data protection officer"), ("substitute", "Substitute")],
                                max_length=10,
                                verbose_name="part",
                            ),
                        ),
                        ("name", models.CharField(max_length=200, verbose_name="name of the person or company")),
                        (
                            "responsible_person",
                            models.CharField(
                                blank=True,
                                help_text="When a company is designated.",
                                max_length=200,
                                verbose_name="responsible person",
                            ),
                        ),
                        (
                            "contact",
                            models.CharField(
                                help_text="E-mail or telephone that is published on the privacy page.",
                                max_length=200,
                                verbose_name="contact",
                            ),
                        ),
                        ("starts_on", models.DateField(verbose_name="starts on")),
                        (
                            "ends_on",
                            models.DateField(
                                blank=True,
                                help_text="Last day; empty: until it is ended.",
                                null=True,
                                verbose_name="ends on",
                            ),
                        ),
                        ("act_signed_on", models.DateField(verbose_name="act signed on")),
                        (
                            "act_sha256",
                            models.CharField(editable=False, max_length=64, verbose_name="hash of the act (SHA-256)"),
                        ),
                        ("act_name", models.CharField(editable=False, max_length=120, verbose_name="file of the act")),
                        (
                            "publication_address",
                            models.CharField(
                                blank=True,
                                help_text="Empty: only the privacy page made by Ponte.",
                                max_length=200,
                                validators=[django.core.validators.URLValidator(["https", "http"])],
                                verbose_name="publication address",
                            ),
                        ),
                        (
                            "conflict_statement",
                            models.TextField(
                                help_text="Other tasks of the person in the clinic, and why they are no conflict.",
                                max_length=2000,
                                verbose_name="statement on conflicts of interest",
                            ),
                        ),
                        ("attributions", models.TextField(blank=True, max_length=2000, verbose_name="attributions")),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "designation",
                        "verbose_name_plural": "designations",
                        "db_table": "dpo_designations",
                        "db_table_comment": "Acts of designation of data protection officers and substitutes (Res. CD/ANPD 18/2024).",
                        "ordering": ["-starts_on"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("part__in", ["dpo", "substitute"])), name="chk_designations_part"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("ends_on__isnull", True), ("ends_on__gte", models.F("starts_on")), _connector="OR"
                                ),
                                name="chk_designations_dates",
                                violation_error_message="It cannot end before it starts.",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("act_sha256__regex", "^[0-9a-f]{64}$")), name="chk_designations_act"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ExceptionalAccess",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="exceptional_accesses",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="who",
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                choices=[
                                    ("risk_to_the_person", "Risk to the person's life or health"),
                                    ("titular_request", "Request of the titular that cannot be answered otherwise"),
                                    ("authority", "Order of an authority or court"),
                                    ("incident", "Examining a security incident"),
                                    ("repair", "Repairing wrong or mixed-up data of this person"),
                                ],
                                max_length=20,
                                verbose_name="reason",
                            ),
                        ),
                        (
                            "explanation",
                            consent.encryption.fields.SealedField(
                                db_comment="Why, in words; sealed with the person's key.", null=True
                            ),
                        ),
                        ("asked_at", models.DateTimeField(db_comment="When it began.", verbose_name="asked at")),
                        (
                            "until",
                            models.DateTimeField(
                                db_comment="At most 30 minutes later; earlier when ended by hand.", verbose_name="until"
                            ),
                        ),
                        ("reviewed_at", models.DateTimeField(null=True, verbose_name="reviewed at")),
                        (
                            "reviewed_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="reviewed by",
                            ),
                        ),
                        (
                            "verdict",
                            models.CharField(
                                blank=True,
                                choices=[("justified", "justified"), ("unjustified", "not justified")],
                                max_length=11,
                                verbose_name="review",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "exceptional access",
                        "verbose_name_plural": "exceptional accesses",
                        "db_table": "exceptional_accesses",
                        "db_table_comment": "Break-glass access to one person's data: who, why, until when, reviewed by whom.",
                        "ordering": ["-asked_at"],
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["user", "until"], name="idx_exceptional_user"),
                            models.Index(
                                condition=models.Q(("reviewed_at__isnull", True)),
                                fields=["asked_at"],
                                name="idx_exceptional_open",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("until__gte", models.F("asked_at"))), name="chk_exceptional_until"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("reviewed_by__isnull", True),
                                    models.Q(("reviewed_by", models.F("user")), _negated=True),
                                    _connector="OR",
                                ),
                                name="chk_exceptional_other_reviewer",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ExportPackage",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        ("protocol", models.CharField(max_length=40, verbose_name="protocol")),
                        (
                            "request_ref",
                            models.CharField(
                                blank=True, db_comment="Id of the request it answers, if any.", max_length=40
                            ),
                        ),
                        (
                            "rights",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=3),
                                db_comment="T02, T03, T06 (lgpd 5.1).",
                                default=list,
                                size=None,
                                verbose_name="rights",
                            ),
                        ),
                        (
                            "identity_method",
                            models.CharField(
                                blank=True, db_comment="Code: how the person was verified.", max_length=32
                            ),
                        ),
                        ("identity_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "waiting"),
                                    ("collecting", "being collected"),
                                    ("writing", "being written"),
                                    ("ready", "ready to be released"),
                                    ("released", "released"),
                                    ("delivered", "delivered"),
                                    ("cancelled", "cancelled"),
                                    ("failed", "failed"),
                                    ("destroyed", "destroyed"),
                                ],
                                default="waiting",
                                max_length=12,
                                verbose_name="state",
                            ),
                        ),
                        ("cause", models.CharField(blank=True, db_comment="Code: why it failed.", max_length=40)),
                        (
                            "systems",
                            models.JSONField(
                                db_comment="Of each system: name, version, snapshot_at, status, errors. No personal data.",
                                default=list,
                            ),
                        ),
                        (
                            "counts",
                            models.JSONField(
                                db_comment="Records per stream, and what the systems counted themselves.", default=dict
                            ),
                        ),
                        (
                            "exclusions",
                            models.JSONField(
                                db_comment="What was left out or masked: code, reason, count.", default=list
                            ),
                        ),
                        (
                            "is_complete",
                            models.BooleanField(
                                db_comment="Every system answered and every count agrees.", default=False
                            ),
                        ),
                        (
                            "has_health",
                            models.BooleanField(
                                db_comment="Two people release it.", default=False, verbose_name="health content"
                            ),
                        ),
                        (
                            "units",
                            models.JSONField(
                                db_comment="Units to read: source and name, with what each gave.", default=list
                            ),
                        ),
                        ("done", models.PositiveIntegerField(db_comment="Units read.", default=0)),
                        (
                            "not_before",
                            models.DateTimeField(
                                db_comment="When the next step is due.",
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "lease_until",
                            models.DateTimeField(
                                db_comment="Until then a worker has it.",
                                db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                            ),
                        ),
                        (
                            "token",
                            models.BigIntegerField(
                                db_comment="Fencing token: raised by every claim.", db_default=0, default=0
                            ),
                        ),
                        ("errors_in_a_row", models.PositiveSmallIntegerField(db_default=0, default=0)),
                        (
                            "key",
                            consent.encryption.fields.SealedField(
                                db_comment="Key of the file, encrypted with the person's; null once destroyed.",
                                null=True,
                            ),
                        ),
                        ("file_bytes", models.BigIntegerField(null=True, verbose_name="size")),
                        (
                            "manifest_sha256",
                            models.CharField(blank=True, db_comment="Stays when the file is destroyed.", max_length=64),
                        ),
                        (
                            "signing_key",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.exportsigningkey",
                            ),
                        ),
                        ("checked_at", models.DateTimeField(db_comment="Last run of the verifier.", null=True)),
                        (
                            "check_result",
                            models.CharField(
                                blank=True, db_comment="Empty: right. Names files, no content.", max_length=200
                            ),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="asked by",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="asked",
                            ),
                        ),
                        ("built_at", models.DateTimeField(null=True)),
                        (
                            "release_asked_at",
                            models.DateTimeField(
                                db_comment="A clinic with one eligible person waits 24 h from here.", null=True
                            ),
                        ),
                        (
                            "released_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="released by",
                            ),
                        ),
                        ("released_at", models.DateTimeField(null=True)),
                        ("delivered_at", models.DateTimeField(null=True)),
                        ("expires_at", models.DateTimeField(db_comment="When the file is destroyed (R11).", null=True)),
                        ("destroyed_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "verbose_name": "export",
                        "verbose_name_plural": "Exports",
                        "db_table": "export_packages",
                        "db_table_comment": "Export packages of people: state, manifest hash, release. The file lies outside, encrypted.",
                        "ordering": ["-created_at"],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state__in", ["waiting", "collecting", "writing"])),
                                fields=["not_before"],
                                name="idx_export_packages_due",
                            ),
                            models.Index(fields=["clinic", "-created_at"], name="idx_export_packages_recent"),
                            models.Index(
                                condition=models.Q(("destroyed_at__isnull", True)),
                                fields=["expires_at"],
                                name="idx_export_packages_expiry",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state__in", ["waiting", "collecting", "writing"])),
                                fields=("clinic", "protocol"),
                                name="uq_export_packages_running",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "waiting",
                                            "collecting",
                                            "writing",
                                            "ready",
                                            "released",
                                            "delivered",
                                            "cancelled",
                                            "failed",
                                            "destroyed",
                                        ],
                                    )
                                ),
                                name="chk_export_packages_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["ready", "released", "delivered"]), _negated=True),
                                    models.Q(
                                        ("key__isnull", False),
                                        ("file_bytes__isnull", False),
                                        models.Q(("manifest_sha256", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_export_packages_file",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["released", "delivered"]), _negated=True),
                                    models.Q(
                                        ("is_complete", True),
                                        ("released_at__isnull", False),
                                        ("released_by__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_export_packages_released",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("released_at__isnull", True),
                                    ("has_health", False),
                                    models.Q(("released_by", models.F("created_by")), _negated=True),
                                    models.Q(
                                        ("release_asked_at__isnull", False),
                                        (
                                            "released_at__gte",
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("release_asked_at"),
                                                "+",
                                                models.Value(datetime.timedelta(days=1)),
                                            ),
                                        ),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_export_packages_second_person",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "destroyed"), _negated=True),
                                    models.Q(("destroyed_at__isnull", False), ("key__isnull", True)),
                                    _connector="OR",
                                ),
                                name="chk_export_packages_destroyed",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ExportLink",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "package",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="links",
                                to="consent.exportpackage",
                            ),
                        ),
                        (
                            "token_digest",
                            models.BinaryField(db_comment="Keyed digest of the address.", max_length=32, unique=True),
                        ),
                        (
                            "code_digest",
                            models.BinaryField(
                                db_comment="Keyed digest of the code that goes by another channel.", max_length=32
                            ),
                        ),
                        (
                            "digest_key",
                            models.CharField(db_comment="Key of PONTE_BLIND_KEYS that made both.", max_length=16),
                        ),
                        (
                            "channel",
                            models.CharField(db_comment="Code: how the address reaches the person.", max_length=32),
                        ),
                        (
                            "tries",
                            models.PositiveSmallIntegerField(db_comment="Wrong codes; five end the link.", default=0),
                        ),
                        (
                            "created_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                        ("expires_at", models.DateTimeField()),
                        (
                            "opened_at",
                            models.DateTimeField(
                                db_comment="The code was right; the download may be resumed since.", null=True
                            ),
                        ),
                        (
                            "window_until",
                            models.DateTimeField(
                                db_comment="Until then an interrupted download may be resumed.", null=True
                            ),
                        ),
                        (
                            "sent_bytes",
                            models.BigIntegerField(
                                db_comment="From the beginning, without a gap.", db_default=0, default=0
                            ),
                        ),
                        (
                            "used_at",
                            models.DateTimeField(
                                db_comment="The last byte was sent: it opens nothing any more.", null=True
                            ),
                        ),
                        ("revoked_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "export_links",
                        "db_table_comment": "Single-use links to export packages; insert, then only used up.",
                        "ordering": ["-created_at"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("window_until__isnull", True), ("opened_at__isnull", False), _connector="OR"
                                ),
                                name="chk_export_links_window",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("sent_bytes__gte", 0)), name="chk_export_links_sent"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("tries__lte", 5)), name="chk_export_links_tries"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ExportSigningKey",
                    fields=[
                        ("key_id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                        ("public_key", models.BinaryField(db_comment="Ed25519, 32 bytes.", max_length=32)),
                        (
                            "private",
                            consent.encryption.fields.SealedField(
                                db_comment="Encrypted with the system key; null once retired.", null=True
                            ),
                        ),
                        ("created_at", models.DateTimeField()),
                        ("retired_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "export_signing_keys",
                        "db_table_comment": "Keys that sign export packages, apart from all other keys.",
                        "constraints": [
                            models.UniqueConstraint(
                                models.Value(1),
                                condition=models.Q(("retired_at__isnull", True)),
                                name="uq_export_signing_keys_one",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("retired_at__isnull", False), ("private__isnull", False), _connector="OR"
                                ),
                                name="chk_export_signing_keys_private",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Guardianship",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "minor",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="guardianships",
                                to="consent.datasubject",
                                verbose_name="minor",
                            ),
                        ),
                        (
                            "guardian",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="wardships",
                                to="consent.datasubject",
                                verbose_name="guardian",
                            ),
                        ),
                        (
                            "relation",
                            models.CharField(
                                choices=[
                                    ("mother", "mother"),
                                    ("father", "father"),
                                    ("tutor", "legal guardian by court"),
                                    ("custody", "custody by court"),
                                    ("carer", "institution in charge"),
                                ],
                                max_length=8,
                                verbose_name="relation",
                            ),
                        ),
                        (
                            "method",
                            models.CharField(
                                choices=[
                                    ("birth_certificate", "birth certificate or identity card seen"),
                                    ("court_paper", "court paper seen"),
                                    ("clinic_record", "already guardian in the clinic's record, confirmed in person"),
                                ],
                                max_length=17,
                                verbose_name="how it was verified",
                            ),
                        ),
                        (
                            "evidence_sha256",
                            models.CharField(
                                db_comment="Of the paper seen; the paper itself is not kept.", max_length=64
                            ),
                        ),
                        ("verified_at", models.DateTimeField(verbose_name="verified at")),
                        (
                            "verified_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="verified by",
                            ),
                        ),
                        ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                        (
                            "ended_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "guardianship",
                        "verbose_name_plural": "guardianships",
                        "db_table": "guardianships",
                        "db_table_comment": "Verified guardians of minors: relation, method, hash of the evidence.",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["minor", "-verified_at"], name="idx_guardianships_minor")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("minor", "guardian"),
                                name="uq_guardianships_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("minor", models.F("guardian")), _negated=True),
                                name="chk_guardianships_two",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("evidence_sha256__regex", "^[0-9a-f]{64}$")),
                                name="chk_guardianships_evidence",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("relation__in", ["mother", "father", "tutor", "custody", "carer"])),
                                name="chk_guardianships_relation",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("ended_at", None), ("ended_by", None)),
                                    ("ended_at__gte", models.F("verified_at")),
                                    _connector="OR",
                                ),
                                name="chk_guardianships_end",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="IdentityCode",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="codes",
                                to="consent.datarequest",
                            ),
                        ),
                        (
                            "contact_kind",
                            models.CharField(
                                choices=[("phone", "Telephone"), ("email", "E-mail"), ("identifier", "Identifier")],
                                max_length=10,
                            ),
                        ),
                        ("contact_blind", models.BinaryField(max_length=32)),
                        (
                            "is_registered",
                            models.BooleanField(
                                db_comment="The clinic knew the contact of this person before; told to nobody."
                            ),
                        ),
                        ("digest", models.BinaryField(db_comment="Keyed digest of request and code.", max_length=32)),
                        ("sent_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        (
                            "tries",
                            models.PositiveSmallIntegerField(
                                db_comment="Counted before a try is looked at.", default=0
                            ),
                        ),
                        ("closed_at", models.DateTimeField(null=True)),
                        (
                            "outcome",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("verified", "typed right"),
                                    ("exhausted", "too many wrong tries"),
                                    ("replaced", "replaced by another code"),
                                    ("expired", "expired"),
                                    ("not_sent", "could not be sent"),
                                ],
                                max_length=9,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "identity_codes",
                        "db_table_comment": "Codes by which people prove that they read a contact; digests only.",
                        "ordering": ["sent_at"],
                        "default_permissions": (),
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("closed_at__isnull", True)),
                                fields=("request",),
                                name="uq_identity_codes_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("tries__lte", 5)), name="chk_identity_codes_tries"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("closed_at__isnull", True), ("outcome", "")),
                                    models.Q(("closed_at__isnull", False), models.Q(("outcome", ""), _negated=True)),
                                    _connector="OR",
                                ),
                                name="chk_identity_codes_closed",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="KeyCheck",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("master", "Master key"),
                                    ("blind", "Blind index key"),
                                    ("audit", "Audit key"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("key_id", models.CharField(max_length=16)),
                        (
                            "fingerprint",
                            models.BinaryField(
                                db_comment="HMAC of a fixed text; tells keys apart without giving them away."
                            ),
                        ),
                        (
                            "known",
                            models.BinaryField(
                                db_comment="A fixed text sealed (master) or signed (blind, audit) with the key."
                            ),
                        ),
                        ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ],
                    options={
                        "db_table": 'keys"."key_checks',
                        "db_table_comment": "What the keys of the environment must agree with before Ponte starts.",
                        "constraints": [
                            models.UniqueConstraint(fields=("kind", "key_id"), name="uq_key_checks_key"),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["master", "blind", "audit"])),
                                name="chk_key_checks_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LegalHold",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="holds",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "scope",
                            models.CharField(
                                choices=[
                                    ("person", "person"),
                                    ("conversation", "conversation"),
                                    ("object", "single record"),
                                    ("category", "data category"),
                                    ("all", "all data of the clinic"),
                                ],
                                max_length=12,
                                verbose_name="what is frozen",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="holds",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        (
                            "category",
                            models.CharField(
                                blank=True,
                                db_comment="Code of the retention table; of scope category.",
                                max_length=4,
                                verbose_name="data category",
                            ),
                        ),
                        (
                            "object_type",
                            models.CharField(
                                blank=True, db_comment="Of scope object: message, lead, quote, file, …", max_length=32
                            ),
                        ),
                        (
                            "object_id",
                            models.CharField(
                                blank=True,
                                db_comment="Number of the conversation or record at the partner.",
                                max_length=64,
                                verbose_name="number",
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                choices=[
                                    ("judicial_order", "Order of a court"),
                                    ("administrative_proceeding", "Administrative proceeding"),
                                    ("authority_request", "Request of an authority"),
                                    ("own_defence", "Own defence in a dispute"),
                                    ("medical_commission", "Medical records commission"),
                                ],
                                max_length=26,
                                verbose_name="reason",
                            ),
                        ),
                        (
                            "explanation",
                            consent.encryption.fields.SealedField(
                                db_comment="In words; sealed with the person's key.", null=True
                            ),
                        ),
                        (
                            "clinic_explanation",
                            consent.encryption.fields.SealedField(
                                db_comment="In words, of holds on no single person; system key.", null=True
                            ),
                        ),
                        (
                            "document",
                            models.CharField(
                                db_comment="Number of the order or file; no names.",
                                max_length=120,
                                verbose_name="document",
                            ),
                        ),
                        (
                            "document_sha256",
                            models.CharField(blank=True, db_comment="Of the file the clinic keeps.", max_length=64),
                        ),
                        (
                            "placed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="placed by",
                            ),
                        ),
                        ("placed_at", models.DateTimeField(verbose_name="placed at")),
                        (
                            "review_on",
                            models.DateField(
                                db_comment="At most 12 months after the last review.", verbose_name="review by"
                            ),
                        ),
                        (
                            "reviewed_at",
                            models.DateTimeField(
                                db_comment="When it was placed, or last found still needed.", verbose_name="last review"
                            ),
                        ),
                        (
                            "reviewed_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="reviewed by",
                            ),
                        ),
                        ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released at")),
                        (
                            "released_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="released by",
                            ),
                        ),
                        (
                            "release_reason",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("order_lifted", "The order was lifted"),
                                    ("proceeding_over", "The proceeding is over"),
                                    ("claim_expired", "No claim can be made any more"),
                                    ("replaced", "Another hold takes its place"),
                                    ("mistake", "It was placed by mistake"),
                                ],
                                max_length=15,
                                verbose_name="reason of the release",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "legal hold",
                        "verbose_name_plural": "legal holds",
                        "db_table": "legal_holds",
                        "db_table_comment": "Legal holds: what may not be removed, by whose order, until when to review.",
                        "ordering": ["review_on", "placed_at"],
                        "default_permissions": (),
                        "indexes": [
                            models.Index(
                                condition=models.Q(("released_at", None)),
                                fields=["subject"],
                                name="idx_legal_holds_subject",
                            ),
                            models.Index(
                                condition=models.Q(("released_at", None)),
                                fields=["clinic", "review_on"],
                                name="idx_legal_holds_clinic",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("category", ""),
                                        ("object_id", ""),
                                        ("object_type", ""),
                                        ("scope", "person"),
                                        ("subject__isnull", False),
                                    ),
                                    models.Q(
                                        ("category", ""),
                                        ("object_type", ""),
                                        ("scope", "conversation"),
                                        ("subject__isnull", False),
                                        models.Q(("object_id", ""), _negated=True),
                                    ),
                                    models.Q(
                                        ("category", ""),
                                        ("scope", "object"),
                                        ("subject__isnull", False),
                                        models.Q(("object_type", ""), _negated=True),
                                        models.Q(("object_id", ""), _negated=True),
                                    ),
                                    models.Q(
                                        ("object_id", ""),
                                        ("object_type", ""),
                                        ("scope", "category"),
                                        models.Q(("category", ""), _negated=True),
                                    ),
                                    models.Q(
                                        ("category", ""),
                                        ("object_id", ""),
                                        ("object_type", ""),
                                        ("scope", "all"),
                                        ("subject__isnull", True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_legal_holds_scope",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "reason__in",
                                        [
                                            "judicial_order",
                                            "administrative_proceeding",
                                            "authority_request",
                                            "own_defence",
                                            "medical_commission",
                                        ],
                                    )
                                ),
                                name="chk_legal_holds_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("reason__in", ["own_defence", "medical_commission"]),
                                    ("document_sha256__regex", "^[0-9a-f]{64}$"),
                                    _connector="OR",
                                ),
                                name="chk_legal_holds_document",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "review_on__lte",
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("reviewed_at"), "+", models.Value(datetime.timedelta(days=366))
                                        ),
                                    )
                                ),
                                name="chk_legal_holds_review",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("release_reason", ""), ("released_at", None), ("released_by", None)),
                                    models.Q(
                                        ("released_at__isnull", False),
                                        ("released_by__isnull", False),
                                        models.Q(("release_reason", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_legal_holds_release",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("explanation__isnull", True), ("subject", None)),
                                    models.Q(("clinic_explanation__isnull", True), ("subject__isnull", False)),
                                    _connector="OR",
                                ),
                                name="chk_legal_holds_explanation",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Membership",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="person",
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                blank=True,
                                help_text="Empty means all clinics, for technical administrators only.",
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "role",
                            models.CharField(
                                choices=[
                                    ("technical_admin", "Technical administrator"),
                                    ("clinic_manager", "Clinic management"),
                                    ("supervisor", "Supervision"),
                                    ("dpo", "Data protection officer"),
                                    ("dpo_substitute", "Substitute data protection officer"),
                                    ("attendant", "Attendant"),
                                    ("auditor", "Audit (read only)"),
                                    ("integration", "Integration"),
                                ],
                                max_length=20,
                                verbose_name="role",
                            ),
                        ),
                        (
                            "ends_on",
                            models.DateField(
                                blank=True,
                                help_text="Last day; empty: until somebody ends it.",
                                null=True,
                                verbose_name="ends on",
                            ),
                        ),
                        (
                            "reviewed_at",
                            models.DateTimeField(
                                db_comment="When the quarterly review last confirmed it.",
                                editable=False,
                                null=True,
                                verbose_name="confirmed at",
                            ),
                        ),
                        (
                            "reviewed_by",
                            models.ForeignKey(
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="confirmed by",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "membership",
                        "verbose_name_plural": "memberships",
                        "db_table": "memberships",
                        "db_table_comment": "Who may do what in which clinic.",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("user", "clinic", "role"), name="uq_memberships_grant", nulls_distinct=False
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "role__in",
                                        [
                                            "technical_admin",
                                            "clinic_manager",
                                            "supervisor",
                                            "dpo",
                                            "dpo_substitute",
                                            "attendant",
                                            "auditor",
                                            "integration",
                                        ],
                                    )
                                ),
                                name="chk_memberships_role",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("clinic__isnull", False), ("role", "technical_admin"), _connector="OR"
                                ),
                                name="chk_memberships_all_clinics",
                                violation_error_message="Only a technical administrator may have no clinic.",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OperationVersion",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                            ),
                        ),
                        (
                            "operation",
                            models.CharField(
                                choices=[
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
                                ],
                                max_length=32,
                                verbose_name="operation",
                            ),
                        ),
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
                        (
                            "risk",
                            models.CharField(
                                blank=True,
                                choices=[("low", "low"), ("medium", "medium"), ("high", "high")],
                                max_length=8,
                                verbose_name="risk",
                            ),
                        ),
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
                                condition=models.Q(("digest__regex", "^[0-9a-f]{64}$")),
                                name="chk_operation_versions_digest",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("risk__in", ["", "low", "medium", "high"])),
                                name="chk_operation_versions_risk",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("volume__in", ["", "hundreds", "thousands", "tens", "more"])),
                                name="chk_operation_versions_volume",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Processor",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
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
                                        "^[0-9a-f]{64}$", "64 characters, 0 to 9 and a to f, as sha256sum prints them."
                                    )
                                ],
                                verbose_name="hash of the document (SHA-256)",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
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
                        (
                            "country",
                            models.CharField(
                                default="BR",
                                max_length=2,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "^[A-Z]{2}$", "Two capital letters, as in BR, US or PT."
                                    )
                                ],
                                verbose_name="country",
                            ),
                        ),
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
                        ("started_on", models.DateField(verbose_name="since")),
                        ("ended_on", models.DateField(blank=True, null=True, verbose_name="until")),
                    ],
                    options={
                        "verbose_name": "processor",
                        "verbose_name_plural": "processors",
                        "db_table": "processors",
                        "db_table_comment": "Processors (operadores) of a clinic: hosting, chat, CRM, messaging, mail.",
                        "ordering": ["name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="chk_processors_country"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        [
                                            "bridge",
                                            "hosting",
                                            "chat",
                                            "crm",
                                            "messaging",
                                            "mail",
                                            "language_model",
                                            "other",
                                        ],
                                    )
                                ),
                                name="chk_processors_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("ended_on__isnull", True),
                                    ("ended_on__gte", models.F("started_on")),
                                    _connector="OR",
                                ),
                                name="chk_processors_dates",
                                violation_error_message="It cannot end before it starts.",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="InternationalTransfer",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
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
                                        "^[0-9a-f]{64}$", "64 characters, 0 to 9 and a to f, as sha256sum prints them."
                                    )
                                ],
                                verbose_name="hash of the document (SHA-256)",
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
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
                        ("importer", models.CharField(max_length=200, verbose_name="who receives them")),
                        (
                            "country",
                            models.CharField(
                                max_length=2,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "^[A-Z]{2}$", "Two capital letters, as in BR, US or PT."
                                    )
                                ],
                                verbose_name="country",
                            ),
                        ),
                        (
                            "operations",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
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
                                    ],
                                    max_length=32,
                                ),
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
                        ("started_on", models.DateField(verbose_name="since")),
                        ("ended_on", models.DateField(blank=True, null=True, verbose_name="until")),
                        ("review_on", models.DateField(verbose_name="review on")),
                    ],
                    options={
                        "verbose_name": "international transfer",
                        "verbose_name_plural": "international transfers",
                        "db_table": "international_transfers",
                        "db_table_comment": "Transfers of personal data abroad (LGPD Art. 33-36, Res. CD/ANPD 19/2024).",
                        "ordering": ["importer"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("country__regex", "^[A-Z]{2}$"), models.Q(("country", "BR"), _negated=True)
                                ),
                                name="chk_transfers_country",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
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
                                condition=models.Q(
                                    models.Q(
                                        ("mechanism__in", ["SCC", "SPECIFIC", "BCR", "SEAL", "AUTHORISED"]),
                                        _negated=True,
                                    ),
                                    models.Q(
                                        models.Q(("document", ""), _negated=True),
                                        ("document_sha256__regex", "^[0-9a-f]{64}$"),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_transfers_paper",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("ended_on__isnull", True),
                                    ("ended_on__gte", models.F("started_on")),
                                    _connector="OR",
                                ),
                                name="chk_transfers_dates",
                                violation_error_message="It cannot end before it starts.",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RecoveryCodes",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(help_text="The human-readable name of this device.", max_length=64)),
                        ("confirmed", models.BooleanField(default=True, help_text="Is this device ready for use?")),
                        (
                            "throttling_failure_timestamp",
                            models.DateTimeField(
                                blank=True,
                                default=None,
                                help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                                null=True,
                            ),
                        ),
                        (
                            "throttling_failure_count",
                            models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "digests",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.BinaryField(max_length=32),
                                db_comment="Of the codes not used yet.",
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "made_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "recovery codes",
                        "verbose_name_plural": "recovery codes",
                        "db_table": "recovery_codes",
                        "db_table_comment": "Recovery codes of the staff: keyed digests of those left.",
                        "default_permissions": (),
                        "constraints": [models.UniqueConstraint(fields=("user",), name="uq_recovery_codes_user")],
                    },
                ),
                migrations.CreateModel(
                    name="RepresentativeDocument",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="documents",
                                to="consent.datarequest",
                            ),
                        ),
                        (
                            "relation",
                            models.CharField(
                                choices=[
                                    ("attorney", "holder of a power of attorney"),
                                    ("guardian", "parent or legal guardian"),
                                    ("heir", "heir or executor"),
                                ],
                                max_length=8,
                                verbose_name="relation",
                            ),
                        ),
                        (
                            "content",
                            consent.encryption.fields.SealedField(
                                db_comment="The document in Base64; null from the decision on.", null=True
                            ),
                        ),
                        ("sha256", models.CharField(db_comment="Of the document.", max_length=64)),
                        ("received_at", models.DateTimeField()),
                        (
                            "received_by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("accepted", models.BooleanField(null=True, verbose_name="accepted")),
                        ("decided_at", models.DateTimeField(null=True)),
                        (
                            "decided_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "document of a representative",
                        "db_table": "representative_documents",
                        "db_table_comment": "Documents of representatives: sealed, deleted with the decision, the result kept (R14).",
                        "ordering": ["received_at"],
                        "default_permissions": (),
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("accepted__isnull", True), ("decided_at__isnull", True)),
                                    models.Q(
                                        ("accepted__isnull", False),
                                        ("content__isnull", True),
                                        ("decided_at__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_representative_documents_gone",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RequestItem",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="items",
                                to="consent.datarequest",
                            ),
                        ),
                        (
                            "right",
                            models.CharField(
                                choices=[
                                    ("T01", "Confirmation"),
                                    ("T02", "Full access"),
                                    ("T03", "Full copy"),
                                    ("T04", "Correction"),
                                    ("T05", "Anonymisation, blocking or erasure"),
                                    ("T06", "Portability"),
                                    ("T07", "Erasure of consented data"),
                                    ("T08", "Information on sharing"),
                                    ("T09", "Information on refusing"),
                                    ("T10", "Withdrawal of consent"),
                                    ("T11", "Opposition"),
                                    ("T12", "Review of an automated decision"),
                                    ("T13", "Transfer clauses"),
                                    ("T14", "Complaint to the data protection officer"),
                                ],
                                db_column="right_code",
                                max_length=3,
                                verbose_name="right",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("received", "received"),
                                    ("identity_pending", "waiting for identity"),
                                    ("not_verified", "identity not confirmed"),
                                    ("not_controller", "another controller"),
                                    ("verified", "identity confirmed"),
                                    ("triage", "being examined"),
                                    ("approved", "granted"),
                                    ("partially_approved", "granted in part"),
                                    ("refused", "refused"),
                                    ("on_hold", "held back by a legal hold"),
                                    ("executing", "being carried out"),
                                    ("waiting_third_party", "waiting for somebody else"),
                                    ("failed", "failed, tried again"),
                                    ("verifying", "being checked"),
                                    ("ready", "answer ready"),
                                    ("delivered", "answer sent"),
                                    ("closed", "closed"),
                                    ("cancelled_by_subject", "withdrawn by the titular"),
                                ],
                                default="received",
                                max_length=22,
                                verbose_name="state",
                            ),
                        ),
                        ("received_at", models.DateTimeField()),
                        ("due_at", models.DateTimeField(verbose_name="due")),
                        (
                            "has_health_content",
                            models.BooleanField(default=False, verbose_name="the answer holds health data"),
                        ),
                        (
                            "decision",
                            models.CharField(
                                blank=True,
                                choices=[("grant", "grant"), ("part", "grant in part"), ("refuse", "refuse")],
                                max_length=6,
                                verbose_name="decision",
                            ),
                        ),
                        ("refusal_code", models.CharField(blank=True, max_length=20, verbose_name="reason of refusal")),
                        ("decided_at", models.DateTimeField(null=True)),
                        (
                            "decided_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "verified",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("checked", "everything was read back"),
                                    ("nothing_done", "nothing had to be carried out"),
                                    ("exception", "exception of the data protection officer"),
                                ],
                                max_length=12,
                            ),
                        ),
                        (
                            "answer",
                            consent.encryption.fields.SealedField(db_comment="What is told to the person.", null=True),
                        ),
                        (
                            "answer_sha256",
                            models.CharField(blank=True, db_comment="Of the text of the answer.", max_length=64),
                        ),
                        ("sent_at", models.DateTimeField(null=True, verbose_name="answered at")),
                        (
                            "sent_by_route",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("chat", "Chat"),
                                    ("email", "E-mail"),
                                    ("page", "Privacy page, after the code"),
                                    ("print", "Printed"),
                                ],
                                max_length=5,
                            ),
                        ),
                        (
                            "proof",
                            models.CharField(
                                blank=True,
                                db_comment="Id of the message, of the code, or of the paper.",
                                max_length=200,
                            ),
                        ),
                        (
                            "proof_sha256",
                            models.CharField(
                                blank=True, db_comment="Of exactly what was sent or handed over.", max_length=64
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "right asked for",
                        "verbose_name_plural": "rights asked for",
                        "db_table": "data_request_items",
                        "db_table_comment": "One right of a request: its clock, state, decision, answer and proof of sending.",
                        "ordering": ["due_at", "right"],
                        "default_permissions": (),
                        "indexes": [
                            models.Index(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "approved",
                                            "delivered",
                                            "executing",
                                            "failed",
                                            "identity_pending",
                                            "not_controller",
                                            "not_verified",
                                            "on_hold",
                                            "partially_approved",
                                            "ready",
                                            "received",
                                            "refused",
                                            "triage",
                                            "verified",
                                            "verifying",
                                            "waiting_third_party",
                                        ],
                                    )
                                ),
                                fields=["due_at"],
                                name="idx_request_items_open",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("request", "right"), name="uq_request_items_right"),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "right__in",
                                        [
                                            "T01",
                                            "T02",
                                            "T03",
                                            "T04",
                                            "T05",
                                            "T06",
                                            "T07",
                                            "T08",
                                            "T09",
                                            "T10",
                                            "T11",
                                            "T12",
                                            "T13",
                                            "T14",
                                        ],
                                    )
                                ),
                                name="chk_request_items_right",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "state__in",
                                        [
                                            "received",
                                            "identity_pending",
                                            "not_verified",
                                            "not_controller",
                                            "verified",
                                            "triage",
                                            "approved",
                                            "partially_approved",
                                            "refused",
                                            "on_hold",
                                            "executing",
                                            "waiting_third_party",
                                            "failed",
                                            "verifying",
                                            "ready",
                                            "delivered",
                                            "closed",
                                            "cancelled_by_subject",
                                        ],
                                    )
                                ),
                                name="chk_request_items_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state", "closed"), _negated=True),
                                    models.Q(
                                        ("sent_at__isnull", False),
                                        models.Q(("proof_sha256", ""), _negated=True),
                                        models.Q(("verified", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_request_items_closed",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("proof_sha256", ""), ("sent_at__isnull", True)),
                                    models.Q(
                                        ("sent_at__isnull", False),
                                        models.Q(("answer_sha256", ""), _negated=True),
                                        models.Q(("proof_sha256", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_request_items_proof",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="RequestNote",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "request",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="notes",
                                to="consent.datarequest",
                            ),
                        ),
                        ("about", models.CharField(max_length=40)),
                        ("text", consent.encryption.fields.SealedField(null=True)),
                        (
                            "by",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "data_request_notes",
                        "db_table_comment": "Reasons in words given by the data protection officer; sealed.",
                        "ordering": ["at"],
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="RequestStep",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "item",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="steps",
                                to="consent.requestitem",
                            ),
                        ),
                        ("from_state", models.CharField(blank=True, max_length=22)),
                        (
                            "to_state",
                            models.CharField(
                                choices=[
                                    ("received", "received"),
                                    ("identity_pending", "waiting for identity"),
                                    ("not_verified", "identity not confirmed"),
                                    ("not_controller", "another controller"),
                                    ("verified", "identity confirmed"),
                                    ("triage", "being examined"),
                                    ("approved", "granted"),
                                    ("partially_approved", "granted in part"),
                                    ("refused", "refused"),
                                    ("on_hold", "held back by a legal hold"),
                                    ("executing", "being carried out"),
                                    ("waiting_third_party", "waiting for somebody else"),
                                    ("failed", "failed, tried again"),
                                    ("verifying", "being checked"),
                                    ("ready", "answer ready"),
                                    ("delivered", "answer sent"),
                                    ("closed", "closed"),
                                    ("cancelled_by_subject", "withdrawn by the titular"),
                                ],
                                max_length=22,
                            ),
                        ),
                        ("actor_kind", models.CharField(max_length=6)),
                        ("actor_ref", models.CharField(max_length=64)),
                        ("reason", models.CharField(blank=True, db_comment="A short code.", max_length=40)),
                        ("rules_version", models.CharField(max_length=20)),
                        ("at", models.DateTimeField()),
                    ],
                    options={
                        "db_table": "data_request_steps",
                        "db_table_comment": "Every transition of a right asked for: who, when, why, by which rules. Insert only.",
                        "ordering": ["pk"],
                        "default_permissions": (),
                    },
                ),
                migrations.CreateModel(
                    name="Restriction",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="restrictions",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("block", "blocking"), ("opposition", "opposition")],
                                max_length=10,
                                verbose_name="kind",
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                choices=[
                                    ("request", "Request of the titular"),
                                    ("authority", "Order of an authority or court"),
                                    ("dpo", "Decision of the data protection officer"),
                                    ("accuracy", "Doubt whether the data are right or theirs"),
                                    ("erasure", "An erasure is being prepared"),
                                    ("hold", "Removal is due, but a legal hold keeps the data"),
                                    ("legal_minimum", "Removal is due, but the law demands keeping"),
                                    ("incident", "A security incident is being examined"),
                                ],
                                max_length=13,
                                verbose_name="reason",
                            ),
                        ),
                        (
                            "purpose",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("care_contact", "Contact and opportunity"),
                                    ("conversation_summary", "Conversation summary"),
                                    ("message_text", "Message text"),
                                    ("marketing", "Marketing"),
                                    ("language_model", "Language model"),
                                    ("sharing", "Sharing with others"),
                                ],
                                db_comment="Of oppositions.",
                                max_length=32,
                                verbose_name="purpose",
                            ),
                        ),
                        ("began_at", models.DateTimeField(verbose_name="since")),
                        (
                            "began_by",
                            models.ForeignKey(
                                db_comment="Null: one of our jobs, or the person.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="by",
                            ),
                        ),
                        ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                        (
                            "ended_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "restriction",
                        "verbose_name_plural": "restrictions",
                        "db_table": "restrictions",
                        "db_table_comment": "Blocking and opposition of people: why, since when, until when, by whom.",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["subject", "-began_at"], name="idx_restrictions_subject")],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("subject", "kind", "reason", "purpose"),
                                name="uq_restrictions_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("kind", "block"), ("purpose", "")),
                                    models.Q(
                                        ("kind", "opposition"),
                                        (
                                            "purpose__in",
                                            [
                                                "care_contact",
                                                "conversation_summary",
                                                "message_text",
                                                "marketing",
                                                "language_model",
                                                "sharing",
                                            ],
                                        ),
                                        ("reason", "request"),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_restrictions_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "reason__in",
                                        [
                                            "request",
                                            "authority",
                                            "dpo",
                                            "accuracy",
                                            "erasure",
                                            "hold",
                                            "legal_minimum",
                                            "incident",
                                        ],
                                    )
                                ),
                                name="chk_restrictions_reason",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("ended_at", None), ("ended_by", None)),
                                    ("ended_at__gte", models.F("began_at")),
                                    _connector="OR",
                                ),
                                name="chk_restrictions_end",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SignInTries",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("pair", "account and address"),
                                    ("account", "account"),
                                    ("address", "address"),
                                ],
                                max_length=7,
                            ),
                        ),
                        (
                            "digest",
                            models.BinaryField(db_comment="Keyed digest: says neither who nor where.", max_length=32),
                        ),
                        (
                            "account",
                            models.BinaryField(
                                db_comment="Digest of the account, for unlocking it; null for an address.",
                                max_length=32,
                                null=True,
                            ),
                        ),
                        (
                            "count",
                            models.PositiveIntegerField(
                                db_comment="Tries since the last good one, those under way included.", default=0
                            ),
                        ),
                        ("last_at", models.DateTimeField(null=True)),
                        ("locked_until", models.DateTimeField(null=True)),
                    ],
                    options={
                        "db_table": "sign_in_tries",
                        "db_table_comment": "Wrong tries to sign in, for locking; no names, no addresses.",
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["last_at"], name="idx_sign_in_tries_last"),
                            models.Index(fields=["account"], name="idx_sign_in_tries_account"),
                        ],
                        "constraints": [models.UniqueConstraint(fields=("digest",), name="uq_sign_in_tries_digest")],
                    },
                ),
                migrations.CreateModel(
                    name="Suppression",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
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
                        (
                            "kind",
                            models.CharField(
                                choices=[("phone", "Telephone"), ("email", "E-mail"), ("identifier", "Identifier")],
                                max_length=10,
                            ),
                        ),
                        (
                            "digest",
                            models.BinaryField(
                                db_comment="Keyed digest of the normalised contact, as in contact_points.",
                                max_length=32,
                            ),
                        ),
                        ("created_at", models.DateTimeField(db_comment="When the person said no.")),
                    ],
                    options={
                        "verbose_name": "suppression",
                        "verbose_name_plural": "suppressions",
                        "db_table": "suppressions",
                        "db_table_comment": "R04s: keyed digests of contacts that said no; kept while marketing exists.",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("clinic", "kind", "digest"), name="uq_suppressions_contact"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["phone", "email", "identifier"])),
                                name="chk_suppressions_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TextVersion",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="texts",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("privacy_notice", "Privacy notice"),
                                    ("children_notice", "Notice about children and teenagers"),
                                    ("transfer_page", "International transfers"),
                                    ("consent", "Consent text"),
                                    ("consent_given", "Reply to a yes"),
                                    ("consent_refused", "Reply to a no"),
                                    ("withdrawal", "Reply to a withdrawal"),
                                    ("cancel_question", "Question after CANCELAR"),
                                    ("change_notice", "Message about a changed text"),
                                    ("turning_adult", "Question to who turned 18"),
                                    ("protocol", "Reply with the protocol"),
                                    ("identity_code", "Code that proves who asks"),
                                    ("refusing", "Whether one can say no, and what follows"),
                                    ("erased", "Reply to an erasure"),
                                    ("refusal_legal_retention", "Refusal: the law demands keeping"),
                                    ("refusal_hold", "Refusal: legal hold"),
                                    ("refusal_not_controller", "Refusal: not our data"),
                                    ("refusal_impossible", "Refusal: impossible"),
                                    ("refusal_not_consent_based", "Refusal: not based on consent"),
                                    ("refusal_anonymised", "Refusal: anonymised"),
                                    ("refusal_identity", "Refusal: identity not proven"),
                                    ("refusal_third_party", "Refusal: about somebody else"),
                                    ("refusal_secret", "Refusal: trade secret"),
                                    ("help", "Help text"),
                                ],
                                max_length=32,
                                verbose_name="kind of text",
                            ),
                        ),
                        (
                            "purpose",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("care_contact", "Contact and opportunity"),
                                    ("conversation_summary", "Conversation summary"),
                                    ("message_text", "Message text"),
                                    ("marketing", "Marketing"),
                                    ("language_model", "Language model"),
                                    ("sharing", "Sharing with others"),
                                ],
                                db_comment="Of consent texts; else empty.",
                                max_length=32,
                                verbose_name="purpose",
                            ),
                        ),
                        ("language", models.CharField(default="pt-br", max_length=10, verbose_name="language")),
                        (
                            "number",
                            models.PositiveIntegerField(
                                db_comment="Counted per clinic, kind, purpose and language.", verbose_name="version"
                            ),
                        ),
                        (
                            "body",
                            models.TextField(db_comment="NFC, lines end in LF. No personal data.", verbose_name="text"),
                        ),
                        (
                            "consequences",
                            models.TextField(
                                blank=True,
                                db_comment="Art. 9 §3, 18 VIII; shown after the body.",
                                verbose_name="what happens to who says no",
                            ),
                        ),
                        (
                            "layout",
                            models.CharField(
                                blank=True,
                                choices=[("box-1", "Own message, own box, heading in bold")],
                                db_comment="How a consent clause stands apart.",
                                max_length=16,
                                verbose_name="layout",
                            ),
                        ),
                        (
                            "sha256",
                            models.CharField(
                                db_comment="Of the exact UTF-8 bytes people see: body and consequences.", max_length=64
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[("draft", "draft"), ("approved", "approved"), ("retired", "retired")],
                                default="draft",
                                max_length=8,
                                verbose_name="state",
                            ),
                        ),
                        (
                            "change",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("first", "first version"),
                                    ("editorial", "editorial"),
                                    ("material", "material"),
                                ],
                                max_length=9,
                                verbose_name="change",
                            ),
                        ),
                        (
                            "affected_purposes",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(
                                    choices=[
                                        ("care_contact", "Contact and opportunity"),
                                        ("conversation_summary", "Conversation summary"),
                                        ("message_text", "Message text"),
                                        ("marketing", "Marketing"),
                                        ("language_model", "Language model"),
                                        ("sharing", "Sharing with others"),
                                    ],
                                    max_length=32,
                                ),
                                blank=True,
                                db_comment="Of a material change: consents given before valid_from count no longer for these.",
                                default=list,
                                size=None,
                                verbose_name="purposes that stop",
                            ),
                        ),
                        ("valid_from", models.DateTimeField(blank=True, null=True, verbose_name="valid from")),
                        (
                            "valid_to",
                            models.DateTimeField(
                                blank=True, db_comment="Exclusive.", null=True, verbose_name="valid to"
                            ),
                        ),
                        (
                            "approved_by",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="approved by",
                            ),
                        ),
                        ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="approved at")),
                        (
                            "created_by",
                            models.ForeignKey(
                                blank=True,
                                editable=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="created",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "text version",
                        "verbose_name_plural": "texts and notices",
                        "db_table": "text_versions",
                        "db_table_comment": "Texts shown to people, by version (R05). Approved ones keep their words for ever.",
                        "ordering": ["kind", "purpose", "language", "-number"],
                        "default_permissions": (),
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("clinic", "kind", "purpose", "language", "number"),
                                name="uq_text_versions_number",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "draft")),
                                fields=("clinic", "kind", "purpose", "language"),
                                name="uq_text_versions_draft",
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("state", "approved")),
                                fields=("clinic", "kind", "purpose", "language"),
                                name="uq_text_versions_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "kind__in",
                                        [
                                            "privacy_notice",
                                            "children_notice",
                                            "transfer_page",
                                            "consent",
                                            "consent_given",
                                            "consent_refused",
                                            "withdrawal",
                                            "cancel_question",
                                            "change_notice",
                                            "turning_adult",
                                            "protocol",
                                            "identity_code",
                                            "refusing",
                                            "erased",
                                            "refusal_legal_retention",
                                            "refusal_hold",
                                            "refusal_not_controller",
                                            "refusal_impossible",
                                            "refusal_not_consent_based",
                                            "refusal_anonymised",
                                            "refusal_identity",
                                            "refusal_third_party",
                                            "refusal_secret",
                                            "help",
                                        ],
                                    )
                                ),
                                name="chk_text_versions_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("kind", "consent"),
                                        (
                                            "purpose__in",
                                            [
                                                "care_contact",
                                                "conversation_summary",
                                                "message_text",
                                                "marketing",
                                                "language_model",
                                                "sharing",
                                            ],
                                        ),
                                    ),
                                    models.Q(models.Q(("kind", "consent"), _negated=True), ("purpose", "")),
                                    _connector="OR",
                                ),
                                name="chk_text_versions_purpose",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("approved_at", None),
                                        ("state", "draft"),
                                        ("valid_from", None),
                                        ("valid_to", None),
                                    ),
                                    models.Q(
                                        ("approved_at__isnull", False),
                                        ("state", "approved"),
                                        ("valid_from__isnull", False),
                                        ("valid_to", None),
                                    ),
                                    models.Q(
                                        ("approved_at__isnull", False),
                                        ("state", "retired"),
                                        ("valid_from__isnull", False),
                                        ("valid_to__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_text_versions_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("valid_to", None), ("valid_to__gte", models.F("valid_from")), _connector="OR"
                                ),
                                name="chk_text_versions_period",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state", "draft"),
                                    models.Q(("change", "first"), ("number", 1)),
                                    models.Q(("change__in", ["editorial", "material"]), ("number__gt", 1)),
                                    _connector="OR",
                                ),
                                name="chk_text_versions_change",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("state", "draft"),
                                    models.Q(("kind", "consent"), _negated=True),
                                    models.Q(
                                        models.Q(("layout", ""), _negated=True),
                                        models.Q(("consequences", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_text_versions_clause",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "affected_purposes__contained_by",
                                        [
                                            "care_contact",
                                            "conversation_summary",
                                            "message_text",
                                            "marketing",
                                            "language_model",
                                            "sharing",
                                        ],
                                    )
                                ),
                                name="chk_text_versions_affected",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ServedText",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "version",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="served",
                                to="consent.textversion",
                                verbose_name="text version",
                            ),
                        ),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="served_texts",
                                to="consent.datasubject",
                                verbose_name="data subject",
                            ),
                        ),
                        (
                            "channel",
                            models.CharField(
                                choices=[
                                    ("chat", "chat"),
                                    ("page", "public page"),
                                    ("api", "API"),
                                    ("email", "e-mail"),
                                    ("print", "print"),
                                    ("desk", "at the desk"),
                                    ("phone", "by telephone"),
                                ],
                                max_length=8,
                                verbose_name="channel",
                            ),
                        ),
                        (
                            "reference",
                            models.CharField(
                                blank=True,
                                db_comment="What carried it: id of a message, effect or form. No personal data.",
                                max_length=64,
                            ),
                        ),
                        (
                            "sha256",
                            models.CharField(
                                db_comment="Of the bytes shown, values (protocol, date) filled in.", max_length=64
                            ),
                        ),
                        ("served_at", models.DateTimeField(verbose_name="shown at")),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "text shown",
                        "verbose_name_plural": "texts shown",
                        "db_table": "served_texts",
                        "db_table_comment": "Who was shown which version of a text, when, on which channel (R05). Insert only.",
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["subject", "-served_at"], name="idx_served_texts_subject"),
                            models.Index(fields=["version", "subject"], name="idx_served_texts_version"),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("channel__in", ["chat", "page", "api", "email", "print", "desk", "phone"])
                                ),
                                name="chk_served_texts_channel",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConsentEvent",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        (
                            "subject",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="consent_events",
                                to="consent.datasubject",
                                verbose_name="person",
                            ),
                        ),
                        (
                            "record",
                            models.OneToOneField(
                                db_comment="Acts only; a question has none.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="event",
                                to="consent.consentrecord",
                            ),
                        ),
                        (
                            "consent_type",
                            models.CharField(
                                choices=[
                                    ("data_processing", "Data processing"),
                                    ("marketing", "Marketing"),
                                    ("health_data", "Health data"),
                                    ("language_model", "Language model"),
                                ],
                                max_length=50,
                                verbose_name="purpose",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("requested", "was asked"),
                                    ("request_deferred", "asked later"),
                                    ("refused", "refused"),
                                    ("given", "given"),
                                    ("renewed", "renewed"),
                                    ("expired", "no longer valid"),
                                    ("withdrawn", "taken back"),
                                    ("invalidated", "invalidated"),
                                    ("terminated", "ended by the clinic"),
                                    ("unknown", "unknown"),
                                ],
                                max_length=20,
                                verbose_name="state",
                            ),
                        ),
                        (
                            "event_time",
                            models.DateTimeField(
                                db_comment="When the person acted, not when it was written down.", verbose_name="when"
                            ),
                        ),
                        (
                            "valid_until",
                            models.DateTimeField(
                                db_comment="Null: until withdrawn.", null=True, verbose_name="valid until"
                            ),
                        ),
                        ("base", models.CharField(blank=True, max_length=10, verbose_name="legal base")),
                        (
                            "event_type",
                            models.CharField(
                                blank=True,
                                choices=[("explicit", "express"), ("specific_highlighted", "specific and highlighted")],
                                max_length=20,
                            ),
                        ),
                        (
                            "channel",
                            models.CharField(
                                choices=[
                                    ("chat", "conversation"),
                                    ("page", "signed page"),
                                    ("in_person", "in person"),
                                    ("phone", "telephone"),
                                    ("letter", "letter or e-mail"),
                                    ("api", "API"),
                                    ("staff", "entered by staff"),
                                ],
                                max_length=10,
                                verbose_name="channel",
                            ),
                        ),
                        (
                            "text_version",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.textversion",
                                verbose_name="text",
                            ),
                        ),
                        (
                            "served",
                            models.ForeignKey(
                                db_comment="The showing of the text, recorded before the answer.",
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.servedtext",
                            ),
                        ),
                        (
                            "evidence_kind",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("message", "message"),
                                    ("form", "form"),
                                    ("file", "signed file"),
                                    ("audio", "recording"),
                                ],
                                max_length=8,
                                verbose_name="evidence",
                            ),
                        ),
                        (
                            "evidence_ref",
                            models.CharField(
                                blank=True, db_comment="Ids only, e.g. chatwoot:<connection>:<id>.", max_length=120
                            ),
                        ),
                        ("evidence_sha256", models.BinaryField(max_length=32, null=True)),
                        (
                            "actor_type",
                            models.CharField(
                                db_comment="Who wrote it down: person, staff, system, remote.", max_length=8
                            ),
                        ),
                        ("actor_ref", models.CharField(blank=True, max_length=64)),
                        (
                            "collected_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                                verbose_name="collected by",
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("not_informed", "the person was not informed as the law asks"),
                                    ("not_free", "it was not given freely"),
                                    ("wrong_person", "it was another person"),
                                    ("no_proof", "the proof does not hold"),
                                    ("authority", "order of the authority"),
                                    ("purpose_ended", "the clinic ended the purpose"),
                                ],
                                max_length=20,
                                verbose_name="reason",
                            ),
                        ),
                        (
                            "guardian",
                            models.ForeignKey(
                                db_comment="Who acted for a minor (Art. 14).",
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.datasubject",
                            ),
                        ),
                        (
                            "previous",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.consentevent",
                            ),
                        ),
                        (
                            "principal_proofs",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.BinaryField(max_length=32),
                                db_comment="HMAC under a key of its own over each contact and this id; survives erasure.",
                                default=list,
                                size=None,
                            ),
                        ),
                        (
                            "document",
                            models.TextField(
                                blank=True, db_comment="The record of lgpd section 4 in canonical JSON; what is signed."
                            ),
                        ),
                        ("record_hash", models.BinaryField(max_length=32, null=True)),
                        ("signature", models.BinaryField(max_length=64, null=True)),
                        (
                            "key_version",
                            models.PositiveIntegerField(db_comment="Which receipt key signed it.", null=True),
                        ),
                        (
                            "recorded_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now(),
                                editable=False,
                                verbose_name="recorded",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "consent",
                        "verbose_name_plural": "consents",
                        "db_table": "consent_events",
                        "db_table_comment": "LGPD Art. 8 §2: what happened about each consent, with its proof; insert only (R05).",
                        "indexes": [
                            models.Index(
                                fields=["subject", "consent_type", "-recorded_at"], name="idx_consent_events_subject"
                            ),
                            models.Index(fields=["-recorded_at", "id"], name="idx_consent_events_recorded"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("evidence_ref", ""), _negated=True),
                                fields=("evidence_ref", "subject", "consent_type", "state"),
                                name="uq_consent_events_evidence",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "consent_type__in",
                                        ["data_processing", "marketing", "health_data", "language_model"],
                                    )
                                ),
                                name="chk_consent_events_type",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("record__isnull", False),
                                        (
                                            "state__in",
                                            ["refused", "given", "renewed", "withdrawn", "invalidated", "terminated"],
                                        ),
                                    ),
                                    models.Q(
                                        ("record__isnull", True),
                                        ("state__in", ["requested", "request_deferred", "expired", "unknown"]),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_consent_events_state",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("channel__in", ["chat", "page", "in_person", "phone", "letter", "api", "staff"])
                                ),
                                name="chk_consent_events_channel",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("event_type__in", ["", "explicit", "specific_highlighted"]),
                                    ("evidence_kind__in", ["", "message", "form", "file", "audio"]),
                                    ("actor_type__in", ["person", "staff", "system", "remote"]),
                                ),
                                name="chk_consent_events_kind",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(
                                        ("state__in", ["refused", "given", "renewed", "withdrawn"]), _negated=True
                                    ),
                                    models.Q(
                                        models.Q(("evidence_kind", ""), _negated=True),
                                        ("evidence_sha256__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="chk_consent_events_proved",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["refused", "given", "renewed"]), _negated=True),
                                    models.Q(("served__isnull", False), ("text_version__isnull", False)),
                                    _connector="OR",
                                ),
                                name="chk_consent_events_shown",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("state__in", ["invalidated", "terminated"]), _negated=True),
                                    models.Q(("reason", ""), _negated=True),
                                    _connector="OR",
                                ),
                                name="chk_consent_events_reasoned",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TotpDevice",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(help_text="The human-readable name of this device.", max_length=64)),
                        ("confirmed", models.BooleanField(default=True, help_text="Is this device ready for use?")),
                        (
                            "throttling_failure_timestamp",
                            models.DateTimeField(
                                blank=True,
                                default=None,
                                help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                                null=True,
                            ),
                        ),
                        (
                            "throttling_failure_count",
                            models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "ref",
                            models.UUIDField(
                                db_comment="Part of what the key is tied to.",
                                default=uuid.uuid4,
                                editable=False,
                                unique=True,
                            ),
                        ),
                        (
                            "secret",
                            consent.encryption.fields.SealedField(
                                db_comment="The key shared with the app; encrypted with the system key."
                            ),
                        ),
                        (
                            "last_t",
                            models.BigIntegerField(
                                db_comment="Time step of the last code; none of it or before opens again.", default=-1
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "authenticator",
                        "verbose_name_plural": "authenticators",
                        "db_table": "totp_devices",
                        "db_table_comment": "Authenticator apps of the staff; the key is sealed.",
                        "default_permissions": (),
                        "constraints": [
                            models.UniqueConstraint(fields=("user", "confirmed"), name="uq_totp_devices_user")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WithdrawalWords",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        (
                            "words",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                db_comment="Upper case without accents; a message that is only one of them withdraws the optional purposes.",
                                size=None,
                                verbose_name="words that withdraw at once",
                            ),
                        ),
                        (
                            "asking_words",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                db_comment="Else the person is asked what was meant (lgpd 4).",
                                size=None,
                                verbose_name="words that withdraw only after a marketing or consent text",
                            ),
                        ),
                        (
                            "window_hours",
                            models.PositiveSmallIntegerField(default=72, verbose_name="hours after such a text"),
                        ),
                        (
                            "bot_words",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.CharField(max_length=40),
                                blank=True,
                                db_comment="For warnings about clashes only.",
                                default=list,
                                size=None,
                                verbose_name="words your bot menus use",
                            ),
                        ),
                        ("valid_from", models.DateTimeField(verbose_name="valid from")),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                        ),
                    ],
                    options={
                        "verbose_name": "withdrawal words",
                        "verbose_name_plural": "withdrawal words",
                        "db_table": "withdrawal_words",
                        "db_table_comment": "Words with which people withdraw by chat, by clinic and version. Insert only.",
                        "default_permissions": (),
                        "indexes": [models.Index(fields=["clinic", "-valid_from"], name="idx_withdrawal_words_clinic")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("window_hours__gte", 1), ("window_hours__lte", 168)),
                                name="chk_withdrawal_words_window",
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
