"""The tables of schema `keys`: wrapped data keys, and what proves that the configured keys are the right ones.

They live in a schema of their own so that dumps of the data leave them out (`pg_dump --exclude-schema=keys`). Django
quotes table names itself; the quotes inside `db_table` make it write "keys"."…".
"""

import uuid

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class DataKey(models.Model):
    """One wrapped data key. Destroying it empties `wrapped`; the row stays, so that no new key takes its place."""

    class Kind(models.TextChoices):
        SUBJECT = "subject", _("Person")
        DAY = "day", _("Day of webhook bodies")
        SYSTEM = "system", _("System")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    ref = models.CharField(max_length=64, db_comment="Person's UUID, ISO date, or the name of a system key.")
    version = models.PositiveIntegerField(db_comment="1, 2, … per person; the day's ordinal number for day keys.")
    wrapped = models.BinaryField(null=True, db_comment="The data key under a master key; null once destroyed.")
    master_key_id = models.CharField(max_length=16, db_comment="Which key of PONTE_MASTER_KEYS wraps it.")
    created_at = models.DateTimeField(db_default=Now())
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'keys"."data_keys'
        db_table_comment = "Data keys, wrapped. Never part of a dump of the data."
        constraints = [
            # Serves the loading of all versions of many owners, too.
            models.UniqueConstraint(fields=["kind", "ref", "version"], name="uq_data_keys_owner_version"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["subject", "day", "system"]), name="chk_data_keys_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(wrapped__isnull=False, destroyed_at__isnull=True)
                | models.Q(wrapped__isnull=True, destroyed_at__isnull=False),
                name="chk_data_keys_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} key {self.id}"


class KeyCheck(models.Model):
    """The fingerprint of one configured key, and for master keys a known text sealed with it."""

    class Kind(models.TextChoices):
        MASTER = "master", _("Master key")
        BLIND = "blind", _("Blind index key")
        AUDIT = "audit", _("Audit key")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    key_id = models.CharField(max_length=16)
    fingerprint = models.BinaryField(db_comment="HMAC of a fixed text; tells keys apart without giving them away.")
    known = models.BinaryField(db_comment="A fixed text sealed (master) or signed (blind, audit) with the key.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = 'keys"."key_checks'
        db_table_comment = "What the keys of the environment must agree with before Ponte starts."
        constraints = [
            models.UniqueConstraint(fields=["kind", "key_id"], name="uq_key_checks_key"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["master", "blind", "audit"]), name="chk_key_checks_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key_id}"
