"""Export packages, their links and the keys that sign them (lgpd section 9, R11)."""

import uuid
from datetime import UTC, datetime, timedelta

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.deletion import PROTECT

import consent.encryption.fields

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
STATES = [
    ("waiting", "waiting"),
    ("collecting", "being collected"),
    ("writing", "being written"),
    ("ready", "ready to be released"),
    ("released", "released"),
    ("delivered", "delivered"),
    ("cancelled", "cancelled"),
    ("failed", "failed"),
    ("destroyed", "destroyed"),
]

SIGNING_KEY = migrations.CreateModel(
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
                models.Value(1), condition=Q(("retired_at__isnull", True)), name="uq_export_signing_keys_one"
            ),
            models.CheckConstraint(
                condition=Q(("retired_at__isnull", False), ("private__isnull", False), _connector="OR"),
                name="chk_export_signing_keys_private",
            ),
        ],
    },
)

PACKAGE = migrations.CreateModel(
    name="ExportPackage",
    fields=[
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        ("protocol", models.CharField(max_length=40, verbose_name="protocol")),
        (
            "request_ref",
            models.CharField(blank=True, db_comment="Id of the request it answers, if any.", max_length=40),
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
            models.CharField(blank=True, db_comment="Code: how the person was verified.", max_length=32),
        ),
        ("identity_at", models.DateTimeField(blank=True, null=True)),
        ("state", models.CharField(choices=STATES, default="waiting", max_length=12, verbose_name="state")),
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
            models.JSONField(db_comment="Records per stream, and what the systems counted themselves.", default=dict),
        ),
        (
            "exclusions",
            models.JSONField(db_comment="What was left out or masked: code, reason, count.", default=list),
        ),
        (
            "is_complete",
            models.BooleanField(db_comment="Every system answered and every count agrees.", default=False),
        ),
        (
            "has_health",
            models.BooleanField(db_comment="Two people release it.", default=False, verbose_name="health content"),
        ),
        (
            "units",
            models.JSONField(db_comment="Units to read: source and name, with what each gave.", default=list),
        ),
        ("done", models.PositiveIntegerField(db_comment="Units read.", default=0)),
        (
            "not_before",
            models.DateTimeField(db_comment="When the next step is due.", db_default=LONG_AGO, default=LONG_AGO),
        ),
        (
            "lease_until",
            models.DateTimeField(db_comment="Until then a worker has it.", db_default=LONG_AGO, default=LONG_AGO),
        ),
        (
            "token",
            models.BigIntegerField(db_comment="Fencing token: raised by every claim.", db_default=0, default=0),
        ),
        ("errors_in_a_row", models.PositiveSmallIntegerField(db_default=0, default=0)),
        (
            "key",
            consent.encryption.fields.SealedField(
                db_comment="Key of the file, encrypted with the person's; null once destroyed.", null=True
            ),
        ),
        ("file_bytes", models.BigIntegerField(null=True, verbose_name="size")),
        (
            "manifest_sha256",
            models.CharField(blank=True, db_comment="Stays when the file is destroyed.", max_length=64),
        ),
        ("checked_at", models.DateTimeField(db_comment="Last run of the verifier.", null=True)),
        (
            "check_result",
            models.CharField(blank=True, db_comment="Empty: right. Names files, no content.", max_length=200),
        ),
        (
            "created_at",
            models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="asked"
            ),
        ),
        ("built_at", models.DateTimeField(null=True)),
        (
            "release_asked_at",
            models.DateTimeField(db_comment="A clinic with one eligible person waits 24 h from here.", null=True),
        ),
        ("released_at", models.DateTimeField(null=True)),
        ("delivered_at", models.DateTimeField(null=True)),
        ("expires_at", models.DateTimeField(db_comment="When the file is destroyed (R11).", null=True)),
        ("destroyed_at", models.DateTimeField(null=True)),
        (
            "clinic",
            models.ForeignKey(
                db_index=False, on_delete=PROTECT, related_name="+", to="consent.clinic", verbose_name="clinic"
            ),
        ),
        (
            "created_by",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="asked by",
            ),
        ),
        (
            "released_by",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="released by",
            ),
        ),
        (
            "signing_key",
            models.ForeignKey(
                db_index=False, null=True, on_delete=PROTECT, related_name="+", to="consent.exportsigningkey"
            ),
        ),
        (
            "subject",
            models.ForeignKey(on_delete=PROTECT, related_name="+", to="consent.datasubject", verbose_name="person"),
        ),
    ],
    options={
        "verbose_name": "export",
        "verbose_name_plural": "Exports",
        "db_table": "export_packages",
        "db_table_comment": (
            "Export packages of people: state, manifest hash, release. The file lies outside, encrypted."
        ),
        "ordering": ["-created_at"],
        "indexes": [
            models.Index(
                condition=Q(("state__in", ["waiting", "collecting", "writing"])),
                fields=["not_before"],
                name="idx_export_packages_due",
            ),
            models.Index(fields=["clinic", "-created_at"], name="idx_export_packages_recent"),
            models.Index(
                condition=Q(("destroyed_at__isnull", True)), fields=["expires_at"], name="idx_export_packages_expiry"
            ),
        ],
        "constraints": [
            models.UniqueConstraint(
                condition=Q(("state__in", ["waiting", "collecting", "writing"])),
                fields=("clinic", "protocol"),
                name="uq_export_packages_running",
            ),
            models.CheckConstraint(
                condition=Q(("state__in", [code for code, _name in STATES])), name="chk_export_packages_state"
            ),
            models.CheckConstraint(
                condition=~Q(("state__in", ["ready", "released", "delivered"]))
                | (Q(("key__isnull", False)) & Q(("file_bytes__isnull", False)) & ~Q(("manifest_sha256", ""))),
                name="chk_export_packages_file",
            ),
            models.CheckConstraint(
                condition=~Q(("state__in", ["released", "delivered"]))
                | Q(("is_complete", True), ("released_at__isnull", False), ("released_by__isnull", False)),
                name="chk_export_packages_released",
            ),
            models.CheckConstraint(
                condition=Q(("released_at__isnull", True))
                | Q(("has_health", False))
                | ~Q(("released_by", F("created_by")))
                | (
                    Q(("release_asked_at__isnull", False))
                    & Q(("released_at__gte", F("release_asked_at") + timedelta(hours=24)))
                ),
                name="chk_export_packages_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(("state", "destroyed")) | Q(("destroyed_at__isnull", False), ("key__isnull", True)),
                name="chk_export_packages_destroyed",
            ),
        ],
    },
)

LINK = migrations.CreateModel(
    name="ExportLink",
    fields=[
        ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
        (
            "token_digest",
            models.BinaryField(db_comment="Keyed digest of the address.", max_length=32, unique=True),
        ),
        (
            "code_digest",
            models.BinaryField(db_comment="Keyed digest of the code that goes by another channel.", max_length=32),
        ),
        ("digest_key", models.CharField(db_comment="Key of PONTE_BLIND_KEYS that made both.", max_length=16)),
        ("channel", models.CharField(db_comment="Code: how the address reaches the person.", max_length=32)),
        ("tries", models.PositiveSmallIntegerField(db_comment="Wrong codes; five end the link.", default=0)),
        (
            "created_at",
            models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        ("expires_at", models.DateTimeField()),
        (
            "opened_at",
            models.DateTimeField(db_comment="The code was right; the download may be resumed since.", null=True),
        ),
        (
            "window_until",
            models.DateTimeField(db_comment="Until then an interrupted download may be resumed.", null=True),
        ),
        (
            "sent_bytes",
            models.BigIntegerField(db_comment="From the beginning, without a gap.", db_default=0, default=0),
        ),
        (
            "used_at",
            models.DateTimeField(db_comment="The last byte was sent: it opens nothing any more.", null=True),
        ),
        ("revoked_at", models.DateTimeField(null=True)),
        (
            "created_by",
            models.ForeignKey(
                db_index=False, null=True, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        (
            "package",
            models.ForeignKey(on_delete=PROTECT, related_name="links", to="consent.exportpackage"),
        ),
    ],
    options={
        "db_table": "export_links",
        "db_table_comment": "Single-use links to export packages; insert, then only used up.",
        "ordering": ["-created_at"],
        "constraints": [
            models.CheckConstraint(
                condition=Q(("window_until__isnull", True), ("opened_at__isnull", False), _connector="OR"),
                name="chk_export_links_window",
            ),
            models.CheckConstraint(condition=Q(("sent_bytes__gte", 0)), name="chk_export_links_sent"),
            models.CheckConstraint(condition=Q(("tries__lte", 5)), name="chk_export_links_tries"),
        ],
    },
)


class Migration(migrations.Migration):
    dependencies = [("consent", "0008_requests")]

    operations = [SIGNING_KEY, PACKAGE, LINK]
