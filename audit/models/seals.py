"""What proves the trail whole: a chain over its rows, closed in segments (lgpd 14.1, 14.3). Insert only."""

from abc import abstractmethod
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit import canonical, keys


class Signed(models.Model):
    """What the sealer, the check and retention say, signed with the trail's newest key."""

    key_id = models.CharField(max_length=16)
    mac = models.BinaryField()

    class Meta:
        abstract = True

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What is signed."""

    @property
    def text(self) -> str:
        """The canonical form of the facts, which digest and MAC cover."""
        return canonical.segment_text(self.facts())

    def sign(self) -> None:
        self.key_id, key = keys.newest()
        self.mac = canonical.segment_mac(key, self.text)

    def is_ours(self) -> bool:
        return keys.has_signed(self.key_id, self.text, bytes(self.mac))


class Unsealed(models.Model):
    """A row of the trail that has no place yet. Written by a trigger, so that no way of inserting leaves it out."""

    entry_id = models.BigIntegerField(primary_key=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "audit_unsealed"
        db_table_comment = "Rows of audit_logs that wait for the sealer"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.entry_id)


class Seal(models.Model):
    """The place of one audit row in the chain. `chain` is the head after it: SHA-256(head before, entry_hash)."""

    position = models.BigIntegerField(primary_key=True)
    created_at = models.DateTimeField(db_comment="That of the row: seals and rows share their quarters.")
    entry_id = models.BigIntegerField()
    entry_hash = models.BinaryField()
    chain = models.BinaryField()
    segment = models.BigIntegerField()

    class Meta:
        db_table = "audit_seals"
        db_table_comment = "Chain over audit_logs in order of discovery. Insert only. By quarter of the row."
        default_permissions = ()
        indexes: ClassVar = [
            models.Index(fields=["entry_id"], name="idx_audit_seals_entry"),
            models.Index(fields=["segment"], name="idx_audit_seals_segment"),
        ]

    def __str__(self) -> str:
        return str(self.position)


class Segment(Signed):
    """A closed run of seals of one quarter. `digest` covers the same text as `mac`."""

    number = models.BigIntegerField(primary_key=True)
    quarter = models.DateField(db_comment="First day of the quarter its rows lie in; segments never span two.")
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    merkle_root = models.BinaryField()
    head = models.BinaryField(db_comment="Head of the chain after the last entry.")
    previous = models.BinaryField(db_comment="digest of the segment before; empty for the first.")
    digest = models.BinaryField()
    sealed_at = models.DateTimeField(_("sealed"), db_default=Now())

    class Meta:
        db_table = "audit_segments"
        db_table_comment = "Closed runs of audit_seals with Merkle root and MAC. Insert only; outlive their rows."
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.number)

    def facts(self) -> dict[str, Any]:
        """What the canonical text holds; digests in hexadecimal, times left out (they are not what is proven)."""
        return {
            "number": self.number,
            "quarter": self.quarter.isoformat(),
            "first": self.first_position,
            "last": self.last_position,
            "count": self.last_position - self.first_position + 1,
            "merkle_root": bytes(self.merkle_root).hex(),
            "head": bytes(self.head).hex(),
            "previous": bytes(self.previous).hex(),
            "key_id": self.key_id,
        }


class Drop(Signed):
    """A quarter whose sealed rows were dropped by retention; its segments stay."""

    quarter = models.DateField(primary_key=True)
    first_segment = models.BigIntegerField()
    last_segment = models.BigIntegerField()
    dropped_at = models.DateTimeField(_("dropped"), db_default=Now())

    class Meta:
        db_table = "audit_drops"
        db_table_comment = "Quarters of audit_logs that retention dropped, signed. Insert only."
        default_permissions = ()

    def __str__(self) -> str:
        return self.quarter.isoformat()

    def facts(self) -> dict[str, Any]:
        return {
            "dropped_quarter": self.quarter.isoformat(),
            "first": self.first_segment,
            "last": self.last_segment,
            "key_id": self.key_id,
        }


class Checkpoint(models.Model):
    """How far one place outside the database has been told."""

    place = models.CharField(primary_key=True, max_length=300)
    segment = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "audit_checkpoints"
        db_table_comment = "Up to which segment each place outside the database has been told"
        default_permissions = ()

    def __str__(self) -> str:
        return self.place


class Verification(Signed):
    """The result of one check of the trail. Signed, because the incremental check goes on where it ended."""

    class Mode(models.TextChoices):
        FULL = "full", _("full")
        INCREMENTAL = "incremental", _("since the last one")

    at = models.DateTimeField(_("when"), db_default=Now())
    mode = models.CharField(_("kind"), max_length=12, choices=Mode)
    rows = models.BigIntegerField(_("rows"))
    last_position = models.BigIntegerField()
    last_segment = models.BigIntegerField()
    findings = models.JSONField(_("findings"), default=list)
    seconds = models.FloatField(_("seconds"))

    class Meta:
        db_table = "audit_verifications"
        db_table_comment = "Results of verify_audit. Insert only."
        default_permissions = ("view",)
        verbose_name = _("check of the trail")
        verbose_name_plural = _("checks of the trail")

    def __str__(self) -> str:
        return f"{self.mode} {self.at:%Y-%m-%d %H:%M}"

    def facts(self) -> dict[str, Any]:
        return {
            "last_position": self.last_position,
            "last_segment": self.last_segment,
            "clean": not self.findings,
            "rows": self.rows,
            "key_id": self.key_id,
        }
