# The words of texts, holds, restrictions and guardians; what the database itself refuses stands in the SQL file.
import datetime
import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import consent.encryption.fields
from config.db.operations import SqlFile


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0005_registers"),
        # Makes the functions of insert-only tables.
        ("audit", "0003_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TextVersion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                ("body", models.TextField(db_comment="NFC, lines end in LF. No personal data.", verbose_name="text")),
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
                        choices=[("first", "first version"), ("editorial", "editorial"), ("material", "material")],
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
                    models.DateTimeField(blank=True, db_comment="Exclusive.", null=True, verbose_name="valid to"),
                ),
                ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="approved at")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
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
            ],
            options={
                "verbose_name": "text version",
                "verbose_name_plural": "texts and notices",
                "db_table": "text_versions",
                "db_table_comment": "Texts shown to people, by version (R05). Approved ones keep their words for ever.",
                "ordering": ["kind", "purpose", "language", "-number"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ServedText",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="served",
                        to="consent.textversion",
                        verbose_name="text version",
                    ),
                ),
            ],
            options={
                "verbose_name": "text shown",
                "verbose_name_plural": "texts shown",
                "db_table": "served_texts",
                "db_table_comment": "Who was shown which version of a text, when, on which channel (R05). Insert only.",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="WithdrawalWords",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                ("window_hours", models.PositiveSmallIntegerField(default=72, verbose_name="hours after such a text")),
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
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
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
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "withdrawal words",
                "verbose_name_plural": "withdrawal words",
                "db_table": "withdrawal_words",
                "db_table_comment": "Words with which people withdraw by chat, by clinic and version. Insert only.",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Guardianship",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                    models.CharField(db_comment="Of the paper seen; the paper itself is not kept.", max_length=64),
                ),
                ("verified_at", models.DateTimeField(verbose_name="verified at")),
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
                    "verified_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="verified by",
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
                        condition=models.Q(("minor", models.F("guardian")), _negated=True), name="chk_guardianships_two"
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
            name="LegalHold",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                        db_comment="Number of the order or file; no names.", max_length=120, verbose_name="document"
                    ),
                ),
                (
                    "document_sha256",
                    models.CharField(blank=True, db_comment="Of the file the clinic keeps.", max_length=64),
                ),
                ("placed_at", models.DateTimeField(verbose_name="placed at")),
                (
                    "review_on",
                    models.DateField(db_comment="At most 12 months after the last review.", verbose_name="review by"),
                ),
                (
                    "reviewed_at",
                    models.DateTimeField(
                        db_comment="When it was placed, or last found still needed.", verbose_name="last review"
                    ),
                ),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released at")),
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
                    "placed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="placed by",
                    ),
                ),
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
                    "reviewed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="reviewed by",
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
                        condition=models.Q(("released_at", None)), fields=["subject"], name="idx_legal_holds_subject"
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
                    "asked_at",
                    models.DateTimeField(
                        db_comment="When the person, grown up, was asked for their own will.", null=True
                    ),
                ),
                (
                    "marked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            name="Restriction",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
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
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.UniqueConstraint(
                fields=("clinic", "kind", "purpose", "language", "number"), name="uq_text_versions_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "draft")),
                fields=("clinic", "kind", "purpose", "language"),
                name="uq_text_versions_draft",
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "approved")),
                fields=("clinic", "kind", "purpose", "language"),
                name="uq_text_versions_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved_at", None), ("state", "draft"), ("valid_from", None), ("valid_to", None)),
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
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_to", None), ("valid_to__gte", models.F("valid_from")), _connector="OR"),
                name="chk_text_versions_period",
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "draft"),
                    models.Q(("change", "first"), ("number", 1)),
                    models.Q(("change__in", ["editorial", "material"]), ("number__gt", 1)),
                    _connector="OR",
                ),
                name="chk_text_versions_change",
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "draft"),
                    models.Q(("kind", "consent"), _negated=True),
                    models.Q(models.Q(("layout", ""), _negated=True), models.Q(("consequences", ""), _negated=True)),
                    _connector="OR",
                ),
                name="chk_text_versions_clause",
            ),
        ),
        migrations.AddConstraint(
            model_name="textversion",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddIndex(
            model_name="servedtext",
            index=models.Index(fields=["subject", "-served_at"], name="idx_served_texts_subject"),
        ),
        migrations.AddIndex(
            model_name="servedtext",
            index=models.Index(fields=["version", "subject"], name="idx_served_texts_version"),
        ),
        migrations.AddConstraint(
            model_name="servedtext",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["chat", "page", "api", "email", "print", "desk", "phone"])),
                name="chk_served_texts_channel",
            ),
        ),
        migrations.AddIndex(
            model_name="withdrawalwords",
            index=models.Index(fields=["clinic", "-valid_from"], name="idx_withdrawal_words_clinic"),
        ),
        migrations.AddConstraint(
            model_name="withdrawalwords",
            constraint=models.CheckConstraint(
                condition=models.Q(("window_hours__gte", 1), ("window_hours__lte", 168)),
                name="chk_withdrawal_words_window",
            ),
        ),
        SqlFile("0006_holds.sql"),
    ]
