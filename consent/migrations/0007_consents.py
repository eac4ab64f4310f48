# What happened about consent, with its proof; contacts that said no; addresses of the public pages.
import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from config.db.operations import SqlFile


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0006_holds"),
        ("audit", "0003_seals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                    models.DateTimeField(db_comment="Null: until withdrawn.", null=True, verbose_name="valid until"),
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
                    models.CharField(db_comment="Who wrote it down: person, staff, system, remote.", max_length=8),
                ),
                ("actor_ref", models.CharField(blank=True, max_length=64)),
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
                ("key_version", models.PositiveIntegerField(db_comment="Which receipt key signed it.", null=True)),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="recorded"
                    ),
                ),
            ],
            options={
                "verbose_name": "consent",
                "verbose_name_plural": "consents",
                "db_table": "consent_events",
                "db_table_comment": "LGPD Art. 8 §2: what happened about each consent, with its proof; insert only (R05).",
            },
        ),
        migrations.CreateModel(
            name="ConsentLink",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("answer", "answer"), ("withdraw", "take back")], max_length=8)),
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
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
            options={
                "verbose_name": "consent link",
                "verbose_name_plural": "consent links",
                "db_table": "consent_links",
                "db_table_comment": "Links of the public consent pages: whose, for what, until when; not the address.",
            },
        ),
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                        db_comment="Keyed digest of the normalised contact, as in contact_points.", max_length=32
                    ),
                ),
                ("created_at", models.DateTimeField(db_comment="When the person said no.")),
            ],
            options={
                "verbose_name": "suppression",
                "verbose_name_plural": "suppressions",
                "db_table": "suppressions",
                "db_table_comment": "R04s: keyed digests of contacts that said no; kept while marketing exists.",
            },
        ),
        migrations.AddField(
            model_name="consentevent",
            name="collected_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="collected by",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="guardian",
            field=models.ForeignKey(
                db_comment="Who acted for a minor (Art. 14).",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consent.datasubject",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="previous",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consent.consentevent",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="record",
            field=models.OneToOneField(
                db_comment="Acts only; a question has none.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="event",
                to="consent.consentrecord",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="served",
            field=models.ForeignKey(
                db_comment="The showing of the text, recorded before the answer.",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consent.servedtext",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="subject",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consent_events",
                to="consent.datasubject",
                verbose_name="person",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="text_version",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="consent.textversion",
                verbose_name="text",
            ),
        ),
        migrations.AddField(
            model_name="consentlink",
            name="made_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consentlink",
            name="subject",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="consent.datasubject"
            ),
        ),
        migrations.AddField(
            model_name="suppression",
            name="clinic",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="consent.clinic"
            ),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["subject", "consent_type", "-recorded_at"], name="idx_consent_events_subject"),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(fields=["-recorded_at", "id"], name="idx_consent_events_recorded"),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("evidence_ref", ""), _negated=True),
                fields=("evidence_ref", "subject", "consent_type", "state"),
                name="uq_consent_events_evidence",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("consent_type__in", ["data_processing", "marketing", "health_data", "language_model"])
                ),
                name="chk_consent_events_type",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("record__isnull", False),
                        ("state__in", ["refused", "given", "renewed", "withdrawn", "invalidated", "terminated"]),
                    ),
                    models.Q(
                        ("record__isnull", True), ("state__in", ["requested", "request_deferred", "expired", "unknown"])
                    ),
                    _connector="OR",
                ),
                name="chk_consent_events_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["chat", "page", "in_person", "phone", "letter", "api", "staff"])),
                name="chk_consent_events_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("event_type__in", ["", "explicit", "specific_highlighted"]),
                    ("evidence_kind__in", ["", "message", "form", "file", "audio"]),
                    ("actor_type__in", ["person", "staff", "system", "remote"]),
                ),
                name="chk_consent_events_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["refused", "given", "renewed", "withdrawn"]), _negated=True),
                    models.Q(models.Q(("evidence_kind", ""), _negated=True), ("evidence_sha256__isnull", False)),
                    _connector="OR",
                ),
                name="chk_consent_events_proved",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["refused", "given", "renewed"]), _negated=True),
                    models.Q(("served__isnull", False), ("text_version__isnull", False)),
                    _connector="OR",
                ),
                name="chk_consent_events_shown",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["invalidated", "terminated"]), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="chk_consent_events_reasoned",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["answer", "withdraw"])), name="chk_consent_links_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(fields=("clinic", "kind", "digest"), name="uq_suppressions_contact"),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["phone", "email", "identifier"])), name="chk_suppressions_kind"
            ),
        ),
        SqlFile("0007_consents.sql"),
    ]
