"""Requests of data subjects, their steps and codes; deadlines; the register of officers."""

import uuid

import consent.encryption.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from config.db.operations import SqlFile


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0007_consents"),
        # Makes the function that refuses to empty insert-only tables.
        ("audit", "0003_seals"),
    ]

    operations = [
        migrations.CreateModel(
            name="DataRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "protocol",
                    models.CharField(
                        db_comment="Year and eight random signs.", max_length=14, unique=True, verbose_name="protocol"
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
                    models.DateTimeField(db_comment="Starts every clock; never changes.", verbose_name="received"),
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
                    consent.encryption.fields.SealedField(db_comment="Where the person says to be reached.", null=True),
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
                    models.BinaryField(db_comment="Keyed digest; finds doubles. Null later.", max_length=32, null=True),
                ),
                ("contact_mask", models.CharField(blank=True, max_length=32, verbose_name="contact")),
                ("by_representative", models.BooleanField(default=False, verbose_name="asked by a representative")),
                (
                    "facts_tried",
                    models.PositiveSmallIntegerField(db_comment="Wrong answers to the question of fact.", default=0),
                ),
                ("fact_proved_at", models.DateTimeField(null=True, verbose_name="fact confirmed at")),
                ("seen_in_person_at", models.DateTimeField(null=True, verbose_name="seen in person at")),
            ],
            options={
                "verbose_name": "request of a titular",
                "verbose_name_plural": "requests of titulares",
                "db_table": "data_requests",
                "db_table_comment": "Requests of data subjects (LGPD Art. 18), one row per message (R06).",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RequestItem",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                ("has_health_content", models.BooleanField(default=False, verbose_name="the answer holds health data")),
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
                ("answer", consent.encryption.fields.SealedField(db_comment="What is told to the person.", null=True)),
                ("answer_sha256", models.CharField(blank=True, db_comment="Of the text of the answer.", max_length=64)),
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
                        blank=True, db_comment="Id of the message, of the code, or of the paper.", max_length=200
                    ),
                ),
                (
                    "proof_sha256",
                    models.CharField(blank=True, db_comment="Of exactly what was sent or handed over.", max_length=64),
                ),
            ],
            options={
                "verbose_name": "right asked for",
                "verbose_name_plural": "rights asked for",
                "db_table": "data_request_items",
                "db_table_comment": "One right of a request: its clock, state, decision, answer and proof of sending.",
                "ordering": ["due_at", "right"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RequestStep",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
            name="RequestNote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("about", models.CharField(max_length=40)),
                ("text", consent.encryption.fields.SealedField(null=True)),
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
            name="IdentityCode",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                ("tries", models.PositiveSmallIntegerField(db_comment="Counted before a try is looked at.", default=0)),
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
            },
        ),
        migrations.CreateModel(
            name="RepresentativeDocument",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                ("accepted", models.BooleanField(null=True, verbose_name="accepted")),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "document of a representative",
                "db_table": "representative_documents",
                "db_table_comment": "Documents of representatives: sealed, deleted with the decision, the result kept (R14).",
                "ordering": ["received_at"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DeadlineRegime",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
            },
        ),
        migrations.CreateModel(
            name="DpoDesignation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                        blank=True, help_text="Last day; empty: until it is ended.", null=True, verbose_name="ends on"
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
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
                    ),
                ),
            ],
            options={
                "verbose_name": "designation",
                "verbose_name_plural": "designations",
                "db_table": "dpo_designations",
                "db_table_comment": "Acts of designation of data protection officers and substitutes (Res. CD/ANPD 18/2024).",
                "ordering": ["-starts_on"],
            },
        ),
        migrations.AddField(
            model_name="datarequest",
            name="clinic",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="requests",
                to="consent.clinic",
                verbose_name="clinic",
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="duplicate_of",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="duplicates",
                to="consent.datarequest",
                verbose_name="repeats",
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="holder",
            field=models.OneToOneField(
                db_comment="Nobody's row: only the key that seals this file.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="request_file",
                to="consent.datasubject",
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="owner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="responsible",
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="registered_by",
            field=models.ForeignKey(
                db_comment="Staff who wrote it down.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="seen_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="datarequest",
            name="subject",
            field=models.ForeignKey(
                db_comment="Who asks; null while unknown.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="requests",
                to="consent.datasubject",
                verbose_name="titular",
            ),
        ),
        migrations.AddField(
            model_name="deadlineregime",
            name="clinic",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="regimes",
                to="consent.clinic",
                verbose_name="clinic",
            ),
        ),
        migrations.AddField(
            model_name="deadlineregime",
            name="decided_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="dpodesignation",
            name="clinic",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="designations",
                to="consent.clinic",
                verbose_name="clinic",
            ),
        ),
        migrations.AddField(
            model_name="identitycode",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="codes", to="consent.datarequest"
            ),
        ),
        migrations.AddField(
            model_name="representativedocument",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="representativedocument",
            name="received_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="representativedocument",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="documents", to="consent.datarequest"
            ),
        ),
        migrations.AddField(
            model_name="requestitem",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="requestitem",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="items", to="consent.datarequest"
            ),
        ),
        migrations.AddField(
            model_name="requestnote",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="requestnote",
            name="request",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="notes", to="consent.datarequest"
            ),
        ),
        migrations.AddField(
            model_name="requeststep",
            name="item",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="consent.requestitem"
            ),
        ),
        migrations.AddIndex(
            model_name="datarequest",
            index=models.Index(fields=["clinic", "contact_blind"], name="idx_data_requests_contact"),
        ),
        migrations.AddConstraint(
            model_name="datarequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["form", "chat", "email", "phone", "in_person", "letter"])),
                name="chk_data_requests_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="datarequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("regime__in", ["full", "small"])), name="chk_data_requests_regime"
            ),
        ),
        migrations.AddConstraint(
            model_name="datarequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("seen_in_person_at__isnull", True), ("seen_by__isnull", False), _connector="OR"),
                name="chk_data_requests_seen",
            ),
        ),
        migrations.AddConstraint(
            model_name="deadlineregime",
            constraint=models.CheckConstraint(
                condition=models.Q(("regime__in", ["full", "small"])), name="chk_deadline_regimes_regime"
            ),
        ),
        migrations.AddConstraint(
            model_name="deadlineregime",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="chk_deadline_regimes_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="dpodesignation",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__in", ["dpo", "substitute"])), name="chk_designations_part"
            ),
        ),
        migrations.AddConstraint(
            model_name="dpodesignation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_on__isnull", True), ("ends_on__gte", models.F("starts_on")), _connector="OR"),
                name="chk_designations_dates",
                violation_error_message="It cannot end before it starts.",
            ),
        ),
        migrations.AddConstraint(
            model_name="dpodesignation",
            constraint=models.CheckConstraint(
                condition=models.Q(("act_sha256__regex", "^[0-9a-f]{64}$")), name="chk_designations_act"
            ),
        ),
        migrations.AddConstraint(
            model_name="identitycode",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)), fields=("request",), name="uq_identity_codes_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="identitycode",
            constraint=models.CheckConstraint(condition=models.Q(("tries__lte", 5)), name="chk_identity_codes_tries"),
        ),
        migrations.AddConstraint(
            model_name="identitycode",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("outcome", "")),
                    models.Q(("closed_at__isnull", False), models.Q(("outcome", ""), _negated=True)),
                    _connector="OR",
                ),
                name="chk_identity_codes_closed",
            ),
        ),
        migrations.AddConstraint(
            model_name="representativedocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("accepted__isnull", True), ("decided_at__isnull", True)),
                    models.Q(("accepted__isnull", False), ("content__isnull", True), ("decided_at__isnull", False)),
                    _connector="OR",
                ),
                name="chk_representative_documents_gone",
            ),
        ),
        migrations.AddIndex(
            model_name="requestitem",
            index=models.Index(
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
            ),
        ),
        migrations.AddConstraint(
            model_name="requestitem",
            constraint=models.UniqueConstraint(fields=("request", "right"), name="uq_request_items_right"),
        ),
        migrations.AddConstraint(
            model_name="requestitem",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="requestitem",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="requestitem",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="requestitem",
            constraint=models.CheckConstraint(
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
        ),
        SqlFile("0008_requests.sql"),
    ]
