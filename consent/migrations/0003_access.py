"""How staff prove who they are: second factors, wrong tries, invitations, reviews; exceptional access (D5)."""

import consent.encryption.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0002_insert_only"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="ends_on",
            field=models.DateField(
                blank=True, help_text="Last day; empty: until somebody ends it.", null=True, verbose_name="ends on"
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="reviewed_at",
            field=models.DateTimeField(
                db_comment="When the quarterly review last confirmed it.",
                editable=False,
                null=True,
                verbose_name="confirmed at",
            ),
        ),
        migrations.AddField(
            model_name="membership",
            name="reviewed_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="confirmed by",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="access_stamp",
            field=models.UUIDField(
                db_comment="A new one ends every sign-in and every invitation.", default=uuid.uuid4, editable=False
            ),
        ),
        # One stamp for all would let one account's invitation be guessed from another's.
        migrations.RunSQL("UPDATE users SET access_stamp = gen_random_uuid()", migrations.RunSQL.noop, elidable=True),
        migrations.AddField(
            model_name="user",
            name="ended_at",
            field=models.DateTimeField(
                db_comment="The person left; inactive without it is a suspension.",
                editable=False,
                null=True,
                verbose_name="ended",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="invited_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="invited by",
            ),
        ),
        migrations.CreateModel(
            name="SignInTries",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("pair", "account and address"), ("account", "account"), ("address", "address")],
                        max_length=7,
                    ),
                ),
                ("digest", models.BinaryField(db_comment="Keyed digest: says neither who nor where.", max_length=32)),
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
            name="ExceptionalAccess",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
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
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("justified", "justified"), ("unjustified", "not justified")],
                        max_length=11,
                        verbose_name="review",
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
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consent.datasubject",
                        verbose_name="person",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exceptional_accesses",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
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
            name="RecoveryCodes",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                    "digests",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BinaryField(max_length=32),
                        db_comment="Of the codes not used yet.",
                        default=list,
                        size=None,
                    ),
                ),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
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
            name="TotpDevice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                    "ref",
                    models.UUIDField(
                        db_comment="Part of what the key is tied to.", default=uuid.uuid4, editable=False, unique=True
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "authenticator",
                "verbose_name_plural": "authenticators",
                "db_table": "totp_devices",
                "db_table_comment": "Authenticator apps of the staff; the key is sealed.",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user", "confirmed"), name="uq_totp_devices_user")],
            },
        ),
    ]
