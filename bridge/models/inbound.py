"""What arrived: events, bodies, delivery keys and the lanes that order the work (DESIGN sections 3 and 4)."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection
from consent.encryption import Context, SealedField

NO_LANE = "-"  # of events that concern no contact


def lane_of(contact_id: int) -> str:
    """The lane of a contact of Chatwoot, until a merge gives it another."""
    return f"c:{contact_id}"


def body_context(row_ref: uuid.UUID) -> Context:
    """Associated data of a stored body."""
    return Context("bridge.WebhookBody", "sealed", str(row_ref))


class WebhookEvent(models.Model):
    """One stored delivery. Partitioned by week; ask with a bound on `received_at`."""

    class Status(models.TextChoices):
        RECEIVED = "received", _("waiting")
        OBSERVED = "observed", _("done")
        IGNORED = "ignored", _("ignored")
        PARKED = "parked", _("failed")

    class ArrivedBy(models.TextChoices):
        WEBHOOK = "webhook", _("webhook")
        POLL = "poll", _("poll")
        SPOOL = "spool", _("contingency")
        REPLAY = "replay", _("replay")
        IMPORT = "import", _("import")
        MANUAL = "manual", _("sync now")

    class Verification(models.TextChoices):
        SIGNED = "signed", _("signed")
        LATE = "late", _("signed, outside the time window")
        TOKEN = "token", _("token")
        INTERNAL = "internal", _("our own")

    id = models.BigAutoField(primary_key=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    connection = models.ForeignKey(Connection, models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False)
    event_type = models.CharField(_("type"), max_length=60, db_comment="Event name of the partner; facts for polls")
    lane_key = models.CharField(max_length=60, db_comment="c:<Chatwoot contact id>; '-' when the event names none")
    occurred_at = models.DateTimeField(null=True, db_comment="Time the partner signed the delivery")
    arrived_at = models.DateTimeField(db_comment="Clock of the web process when the bytes were complete")
    arrived_by = models.CharField(
        _("arrived by"),
        max_length=10,
        choices=ArrivedBy,
        default=ArrivedBy.WEBHOOK,
        db_comment="webhook, poll, spool, replay, import or manual",
    )
    verification = models.CharField(
        _("verification"), max_length=10, choices=Verification, db_comment="signed, late, token or internal"
    )
    status = models.CharField(
        _("state"),
        max_length=10,
        choices=Status,
        default=Status.RECEIVED,
        db_comment="received, observed, ignored or parked",
    )
    delivery_key = models.CharField(max_length=80, blank=True, db_comment="Delivery id of the partner, or a digest")
    conversation_id = models.BigIntegerField(_("conversation"), null=True, db_comment="Chatwoot conversation number")
    contact_id = models.BigIntegerField(_("contact"), null=True, db_comment="Chatwoot contact id")
    cause = models.CharField(
        _("cause"), max_length=40, blank=True, db_comment="Why it is parked; codes of bridge.causes"
    )
    observed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_events"
        db_table_comment = "Every accepted delivery, without its body; partitioned by week"
        verbose_name = _("received event")
        verbose_name_plural = _("received events")
        indexes = [
            # What a claimed lane still has to observe.
            models.Index(
                fields=["connection", "lane_key", "id"], name="webhook_events_waiting", condition=Q(status="received")
            ),
            # Screen B3: newest first inside a connection and period.
            models.Index(fields=["connection", "-received_at"], name="webhook_events_recent"),
            # Screen B1 and `explain`: everything that arrived about one conversation.
            models.Index(fields=["connection", "conversation_id", "received_at"], name="webhook_events_conversation"),
            # Screen B1: what arrived about a contact and names no conversation.
            models.Index(fields=["connection", "lane_key", "received_at"], name="webhook_events_lane"),
            # Screen B2: parked events grouped by cause.
            models.Index(fields=["connection", "cause"], name="webhook_events_parked", condition=Q(status="parked")),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_events_status", condition=Q(status__in=["received", "observed", "ignored", "parked"])
            ),
            models.CheckConstraint(
                name="webhook_events_arrived_by",
                condition=Q(arrived_by__in=["webhook", "poll", "spool", "replay", "import", "manual"]),
            ),
            models.CheckConstraint(
                name="webhook_events_verification",
                condition=Q(verification__in=["signed", "late", "token", "internal"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.pk}"


class WebhookBody(models.Model):
    """The redacted body of an event, sealed with a per-day key; emptied 7 days after being observed."""

    event_id = models.BigIntegerField(primary_key=True)
    received_at = models.DateTimeField()
    row_ref = models.UUIDField(db_comment="Made before the insert: part of the associated data of `sealed`")
    key_day = models.DateField(db_comment="UTC day whose key seals the body")
    headers = models.JSONField(default=dict, db_comment="Chatwoot or content headers; never a secret")
    sealed = SealedField(null=True)
    sha256 = models.BinaryField(db_comment="Digest of the bytes as received")
    length = models.IntegerField(db_comment="Number of bytes as received")

    class Meta:
        db_table = "webhook_bodies"
        db_table_comment = "Redacted, encrypted bodies; partitioned by day, dropped after 30 days"

    def __str__(self) -> str:
        return f"body {self.pk}"


class DeliveryKey(models.Model):
    """Replay guard, 14 days. An optimisation, never a truth: replaying every body must change nothing."""

    pk = models.CompositePrimaryKey("connection_id", "key")
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    key = models.CharField(max_length=80)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "delivery_keys"
        db_table_comment = "Delivery ids seen in the last 14 days"
        indexes = [
            # Daily clean-up of keys older than 14 days.
            models.Index(fields=["received_at"], name="delivery_keys_age")
        ]

    def __str__(self) -> str:
        return self.key


class Lane(models.Model):
    """The work of one contact. Work exists if and only if `dirty > clean`; `run_at` says when, or is null."""

    pk = models.CompositePrimaryKey("connection_id", "lane_key")
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    lane_key = models.CharField(max_length=60)
    dirty = models.BigIntegerField(default=0, db_comment="Raised by every intake")
    clean_to = models.BigIntegerField(
        db_column="clean", default=0, db_default=0, db_comment="`dirty` as seen by the last finished claim"
    )
    run_at = models.DateTimeField(null=True, db_comment="Due time; while leased, the end of the lease")
    leased = models.BooleanField(default=False, db_default=False)
    token = models.BigIntegerField(default=0, db_default=0, db_comment="Fencing token: raised by every claim")

    class Meta:
        db_table = "lanes"
        db_table_comment = "One row per contact with work; claimed with SKIP LOCKED, lease and fencing token"
        indexes = [
            # Claims in global order (who waits longest).
            models.Index(fields=["run_at"], name="lanes_due", condition=Q(run_at__isnull=False)),
            # Claims with the rotating cursor over connections.
            models.Index(
                fields=["connection", "run_at"], name="lanes_due_by_connection", condition=Q(run_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.lane_key}"


class LaneAlias(models.Model):
    """After a merge in Chatwoot: events of the old contact go to the lane of the surviving one."""

    pk = models.CompositePrimaryKey("connection_id", "lane_key")
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    lane_key = models.CharField(max_length=60)
    canonical = models.CharField(max_length=60)

    class Meta:
        db_table = "lane_alias"
        db_table_comment = "Lanes that moved to another lane"

    def __str__(self) -> str:
        return f"{self.lane_key} → {self.canonical}"


class IdentityClaim(models.Model):
    """Held while a person is searched or created in Krayin, so that two lanes cannot make the same one (section 5)."""

    pk = models.CompositePrimaryKey("krayin_id", "kind", "blind")
    krayin = models.ForeignKey("bridge.Krayin", models.CASCADE, db_index=False, related_name="+")
    kind = models.CharField(max_length=10)
    blind = models.BinaryField()
    subject = models.UUIDField()
    until = models.DateTimeField()

    class Meta:
        db_table = "identity_claims"
        db_table_comment = "Who is creating the person with this phone or e-mail right now"

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class IntakeCounter(models.Model):
    """Traffic that left no event: duplicates, foreign inboxes, refused calls. Counts only, nothing personal."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, null=True, related_name="+")
    hour = models.DateTimeField()
    reason = models.CharField(max_length=20)
    count = models.BigIntegerField(default=0)

    class Meta:
        db_table = "intake_counters"
        db_table_comment = "Per hour: deliveries that were repeated, foreign, of an ignored type or refused"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "hour", "reason"], name="intake_counters_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.count}"
