"""Export packages: one per request of a person, with its links; and the keys that sign them (lgpd section 9, R11)."""

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.encryption import Context, SealedField
from consent.models.staff import Clinic
from consent.models.subjects import DataSubject

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class ExportSigningKey(models.Model):
    """Signs packages. One signs at a time; the public halves of all stay."""

    key_id = models.CharField(primary_key=True, max_length=24)
    public_key = models.BinaryField(max_length=32, db_comment="Ed25519, 32 bytes.")
    private = SealedField(null=True, db_comment="Encrypted with the system key; null once retired.")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "export_signing_keys"
        db_table_comment = "Keys that sign export packages, apart from all other keys."
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(retired_at__isnull=True), name="uq_export_signing_keys_one"
            ),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=False) | Q(private__isnull=False), name="chk_export_signing_keys_private"
            ),
        ]

    def __str__(self) -> str:
        return self.key_id

    @property
    def private_context(self) -> Context:
        return Context("consent.ExportSigningKey", "private", self.key_id)


class ExportPackage(models.Model):
    """The copy of one person's data: being collected, ready, released, delivered, destroyed. The manifest's hash stays."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        COLLECTING = "collecting", _("being collected")
        WRITING = "writing", _("being written")
        READY = "ready", _("ready to be released")
        RELEASED = "released", _("released")
        DELIVERED = "delivered", _("delivered")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")
        DESTROYED = "destroyed", _("destroyed")

    RUNNING: ClassVar = (State.WAITING, State.COLLECTING, State.WRITING)
    HAVING_FILE: ClassVar = (State.READY, State.RELEASED, State.DELIVERED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="+", db_index=False)
    subject = models.ForeignKey(DataSubject, models.PROTECT, verbose_name=_("person"), related_name="+")
    protocol = models.CharField(_("protocol"), max_length=40)
    request_ref = models.CharField(max_length=40, blank=True, db_comment="Id of the request it answers, if any.")
    rights = ArrayField(
        models.CharField(max_length=3), verbose_name=_("rights"), default=list, db_comment="T02, T03, T06 (lgpd 5.1)."
    )
    identity_method = models.CharField(max_length=32, blank=True, db_comment="Code: how the person was verified.")
    identity_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    cause = models.CharField(max_length=40, blank=True, db_comment="Code: why it failed.")
    systems = models.JSONField(
        default=list, db_comment="Of each system: name, version, snapshot_at, status, errors. No personal data."
    )
    counts = models.JSONField(default=dict, db_comment="Records per stream, and what the systems counted themselves.")
    exclusions = models.JSONField(default=list, db_comment="What was left out or masked: code, reason, count.")
    is_complete = models.BooleanField(default=False, db_comment="Every system answered and every count agrees.")
    has_health = models.BooleanField(_("health content"), default=False, db_comment="Two people release it.")

    units = models.JSONField(default=list, db_comment="Units to read: source and name, with what each gave.")
    done = models.PositiveIntegerField(default=0, db_comment="Units read.")
    not_before = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="When the next step is due.")
    lease_until = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, db_comment="Until then a worker has it.")
    token = models.BigIntegerField(default=0, db_default=0, db_comment="Fencing token: raised by every claim.")
    errors_in_a_row = models.PositiveSmallIntegerField(default=0, db_default=0)

    key = SealedField(null=True, db_comment="Key of the file, encrypted with the person's; null once destroyed.")
    file_bytes = models.BigIntegerField(_("size"), null=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True, db_comment="Stays when the file is destroyed.")
    signing_key = models.ForeignKey(ExportSigningKey, models.PROTECT, null=True, related_name="+", db_index=False)
    checked_at = models.DateTimeField(null=True, db_comment="Last run of the verifier.")
    check_result = models.CharField(max_length=200, blank=True, db_comment="Empty: right. Names files, no content.")

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("asked by"),
        null=True,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)
    built_at = models.DateTimeField(null=True)
    release_asked_at = models.DateTimeField(
        null=True, db_comment="A clinic with one eligible person waits 24 h from here."
    )
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("released by"), null=True, related_name="+",
        db_index=False,
    )  # fmt: skip
    released_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, db_comment="When the file is destroyed (R11).")
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "export_packages"
        db_table_comment = "Export packages of people: state, manifest hash, release. The file lies outside, encrypted."
        verbose_name = _("export")
        verbose_name_plural = _("Exports")
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            # The worker's claim: what waits longest.
            models.Index(
                fields=["not_before"],
                name="idx_export_packages_due",
                condition=Q(state__in=["waiting", "collecting", "writing"]),
            ),
            # Screen C6: newest first.
            models.Index(fields=["clinic", "-created_at"], name="idx_export_packages_recent"),
            # What must be destroyed.
            models.Index(
                fields=["expires_at"], name="idx_export_packages_expiry", condition=Q(destroyed_at__isnull=True)
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic", "protocol"],
                condition=Q(state__in=["waiting", "collecting", "writing"]),
                name="uq_export_packages_running",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "waiting", "collecting", "writing", "ready", "released", "delivered", "cancelled", "failed",
                        "destroyed",
                    ]
                ),
                name="chk_export_packages_state",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ready", "released", "delivered"])
                | (Q(key__isnull=False) & Q(file_bytes__isnull=False) & ~Q(manifest_sha256="")),
                name="chk_export_packages_file",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "delivered"])
                | Q(is_complete=True, released_at__isnull=False, released_by__isnull=False),
                name="chk_export_packages_released",
            ),
            # The second person: who asked does not release health content, unless 24 hours have gone by.
            models.CheckConstraint(
                condition=Q(released_at__isnull=True)
                | Q(has_health=False)
                | ~Q(released_by=models.F("created_by"))
                | (
                    Q(release_asked_at__isnull=False)
                    & Q(released_at__gte=models.F("release_asked_at") + timedelta(hours=24))
                ),
                name="chk_export_packages_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="destroyed") | Q(key__isnull=True, destroyed_at__isnull=False),
                name="chk_export_packages_destroyed",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.protocol

    @property
    def key_context(self) -> Context:
        return Context("consent.ExportPackage", "key", str(self.pk))

    @property
    def file_name(self) -> str:
        return f"titular-{self.protocol}.zip"

    @property
    def total(self) -> int:
        return len(self.units)


class ExportLink(models.Model):
    """One way to download a package, once. Only digests of its address and its code are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    package = models.ForeignKey(ExportPackage, models.PROTECT, related_name="links")
    token_digest = models.BinaryField(max_length=32, unique=True, db_comment="Keyed digest of the address.")
    code_digest = models.BinaryField(max_length=32, db_comment="Keyed digest of the code that goes by another channel.")
    digest_key = models.CharField(max_length=16, db_comment="Key of PONTE_BLIND_KEYS that made both.")
    channel = models.CharField(max_length=32, db_comment="Code: how the address reaches the person.")
    tries = models.PositiveSmallIntegerField(default=0, db_comment="Wrong codes; five end the link.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, db_comment="The code was right; the download may be resumed since.")
    window_until = models.DateTimeField(null=True, db_comment="Until then an interrupted download may be resumed.")
    sent_bytes = models.BigIntegerField(default=0, db_default=0, db_comment="From the beginning, without a gap.")
    used_at = models.DateTimeField(null=True, db_comment="The last byte was sent: it opens nothing any more.")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "export_links"
        db_table_comment = "Single-use links to export packages; insert, then only used up."
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(window_until__isnull=True) | Q(opened_at__isnull=False), name="chk_export_links_window"
            ),
            models.CheckConstraint(condition=Q(sent_bytes__gte=0), name="chk_export_links_sent"),
            models.CheckConstraint(condition=Q(tries__lte=5), name="chk_export_links_tries"),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    def state(self, now: datetime) -> str:
        """`open`, `used`, `revoked`, `expired` or `locked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.used_at is not None:
            return "used"
        if self.tries >= 5:
            return "locked"
        limit = self.window_until if self.window_until is not None else self.expires_at
        return "open" if now < limit else "expired"
