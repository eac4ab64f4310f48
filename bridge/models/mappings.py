"""Which Chatwoot object is which Krayin object: the tables of seed 002, with the corrections of DESIGN section 16."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection


class ContactMapping(models.Model):
    """A Chatwoot contact and its person and current opportunity in Krayin."""

    class FoundBy(models.TextChoices):
        REFERENCE = "reference", _("reference")
        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("phone")
        CREATED = "created", _("created")
        MANUAL = "manual", _("by hand")

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="contact_mappings", db_index=False)
    chatwoot_contact_id = models.BigIntegerField(_("contact"), db_comment="Chatwoot contact id")
    krayin_lead_id = models.BigIntegerField(_("opportunity"), null=True, db_comment="Current opportunity, if any")
    krayin_person_id = models.BigIntegerField(_("person"), null=True, db_comment="Person, if any")
    found_by = models.CharField(
        _("found by"), max_length=12, choices=FoundBy, default=FoundBy.CREATED, db_comment="How the person was found"
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("last sync"), db_default=Now(), db_comment="Last sync")

    class Meta:
        db_table = "contact_mappings"
        db_table_comment = "Maps Chatwoot contacts to Krayin persons and opportunities"
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(fields=["connection", "chatwoot_contact_id"], name="contact_mappings_once"),
            models.CheckConstraint(
                name="chk_contact_mappings_has_mapping",
                condition=Q(krayin_lead_id__isnull=False) | Q(krayin_person_id__isnull=False),
            ),
            models.CheckConstraint(
                name="contact_mappings_found_by",
                condition=Q(found_by__in=["reference", "email", "phone", "created", "manual"]),
            ),
        ]
        indexes = [
            # Which contact is this opportunity's? (Krayin hints, panel)
            models.Index(
                fields=["connection", "krayin_lead_id", "chatwoot_contact_id"],
                name="contact_mappings_lead",
                condition=Q(krayin_lead_id__isnull=False),
            ),
            # Which contacts share this person? (families, suggestions)
            models.Index(
                fields=["connection", "krayin_person_id"],
                name="contact_mappings_person",
                condition=Q(krayin_person_id__isnull=False),
            ),
            # Screen B5: last synced first, of one connection and of all.
            models.Index(fields=["connection", "-updated_at"], name="contact_mappings_recent"),
            models.Index(fields=["-updated_at"], name="contact_mappings_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_contact_id}"


class ConversationMapping(models.Model):
    """A Chatwoot conversation and its opportunity; counters are set when messages are observed, not by trigger."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="conversation_mappings", db_index=False)
    chatwoot_conversation_id = models.BigIntegerField(
        _("conversation"), db_comment="Number shown in Chatwoot (display id)"
    )
    krayin_lead_id = models.BigIntegerField(_("opportunity"), db_comment="Opportunity the conversation belongs to")
    status = models.CharField(max_length=50, default="open", db_comment="open, resolved, pending or snoozed")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    message_count = models.IntegerField(default=0, db_default=0, db_comment="Public messages observed")
    last_message_at = models.DateTimeField(null=True, db_comment="Newest public message")
    first_response_at = models.DateTimeField(null=True, db_comment="Earliest first reply")
    resolved_at = models.DateTimeField(null=True, db_comment="Earliest resolution")
    anonymized_at = models.DateTimeField(
        null=True, db_comment="Retention cut it from conversation and opportunity: the numbers are its own id, negative"
    )

    class Meta:
        db_table = "conversation_mappings"
        db_table_comment = "Maps Chatwoot conversations to Krayin opportunities"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "chatwoot_conversation_id"], name="conversation_mappings_once"
            ),
            models.CheckConstraint(
                name="conversation_mappings_status", condition=Q(status__in=["open", "resolved", "pending", "snoozed"])
            ),
        ]
        indexes = [
            # Conversations of an opportunity in one state.
            models.Index(fields=["connection", "krayin_lead_id", "status"], name="conversation_mappings_lead"),
            # Conversations of an opportunity, newest first.
            models.Index(fields=["connection", "krayin_lead_id", "-updated_at"], name="conversation_mappings_updated"),
            # Everything in one state, newest first.
            models.Index(fields=["status", "-updated_at"], name="conversation_mappings_status"),
            # Open conversations of an opportunity (panel).
            models.Index(
                fields=["connection", "krayin_lead_id", "-updated_at"],
                name="conversation_mappings_open",
                condition=Q(status="open"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_conversation_id}"


class ActivityMapping(models.Model):
    """Every message that is in Krayin and the note that shows it. Partitioned by month."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False)
    chatwoot_message_id = models.BigIntegerField(db_comment="Message")
    krayin_activity_id = models.BigIntegerField(db_comment="Note that shows it")
    conversation_id = models.BigIntegerField(db_comment="Chatwoot conversation number")
    message_type = models.CharField(max_length=20, db_comment="incoming, outgoing or template")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "activity_mappings"
        db_table_comment = "Maps Chatwoot messages to Krayin activities (partitioned by month)"
        constraints = [
            models.CheckConstraint(
                name="activity_mappings_type", condition=Q(message_type__in=["incoming", "outgoing", "template"])
            )
        ]
        indexes = [
            # The note of one message.
            models.Index(fields=["connection", "chatwoot_message_id"], name="activity_mappings_message"),
            # Messages shown by one note.
            models.Index(fields=["connection", "krayin_activity_id"], name="activity_mappings_activity"),
            # Messages of a conversation, newest first.
            models.Index(
                fields=["connection", "conversation_id", "-created_at"], name="activity_mappings_conversation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_message_id} → {self.krayin_activity_id}"


class ActivityKey(models.Model):
    """What makes a message unique over all partitions of `activity_mappings`; written in the same statement."""

    pk = models.CompositePrimaryKey("connection_id", "chatwoot_message_id")
    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="+")
    chatwoot_message_id = models.BigIntegerField()
    created_at = models.DateTimeField(db_comment="Partition key of the mapping, so that it is found without a scan")

    class Meta:
        db_table = "activity_keys"
        db_table_comment = "One row per mapped message, over all partitions"

    def __str__(self) -> str:
        return f"{self.chatwoot_message_id}"


class StageChangeLog(models.Model):
    """Who or what moved an opportunity, or why it was not moved. Partitioned by quarter."""

    class Trigger(models.TextChoices):
        WEBHOOK = "webhook", _("rule")
        MANUAL = "manual", _("by hand in Krayin")
        AUTOMATION = "automation", _("import")
        PANEL = "panel", _("by hand in Ponte")  # panel, screens or API: `asked_by` is who

    class Result(models.TextChoices):
        MOVED = "moved", _("moved")
        CLOSED = "closed", _("not moved: won or lost")
        AHEAD = "ahead", _("not moved: already further")
        CONFLICT = "conflict", _("not moved: changed by hand")
        GONE = "gone", _("not moved: the stage no longer exists")

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False)
    krayin_lead_id = models.BigIntegerField(_("opportunity"), db_comment="Opportunity")
    previous_stage = models.CharField(
        _("from"), max_length=100, null=True, db_comment="Name of the stage before; null when it was made in new_stage"
    )
    new_stage = models.CharField(_("to"), max_length=100, db_comment="Name of the stage asked for or seen")
    trigger_source = models.CharField(
        _("cause"),
        max_length=50,
        choices=Trigger,
        db_comment="webhook: a rule; manual: people in Krayin; automation: import; panel: people in Ponte",
    )
    rule = models.CharField(
        _("rule"), max_length=40, blank=True, db_comment="Settings key of the rule that asked for it"
    )
    result = models.CharField(
        _("result"), max_length=10, choices=Result, default=Result.MOVED, db_comment="moved, or why not"
    )
    chatwoot_conversation_id = models.BigIntegerField(
        _("conversation"), null=True, db_comment="Conversation that fulfilled the rule"
    )
    chatwoot_status = models.CharField(max_length=50, null=True, db_comment="Its status then")
    changed_by_user_id = models.BigIntegerField(null=True, db_comment="Krayin user, where known")
    asked_by = models.ForeignKey(
        "consent.User", models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+",
        db_comment="Who asked for it in Ponte",
    )  # fmt: skip
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        db_table = "stage_change_logs"
        db_table_comment = "Stage changes of opportunities (partitioned by quarter)"
        verbose_name = _("stage change")
        verbose_name_plural = _("stage changes")
        constraints = [
            models.CheckConstraint(
                name="stage_change_logs_source",
                condition=Q(trigger_source__in=["webhook", "manual", "automation", "panel"]),
            ),
            models.CheckConstraint(
                name="stage_change_logs_result",
                condition=Q(result__in=["moved", "closed", "ahead", "conflict", "gone"]),
            ),
        ]
        indexes = [
            # The history of one opportunity, newest first.
            models.Index(fields=["connection", "krayin_lead_id", "-created_at"], name="stage_change_logs_lead"),
            # Screen B7: newest first in a period.
            models.Index(fields=["connection", "-created_at"], name="stage_change_logs_recent"),
            # Screen B7: filtered by cause.
            models.Index(fields=["trigger_source", "-created_at"], name="stage_change_logs_source"),
        ]

    def __str__(self) -> str:
        return f"{self.krayin_lead_id}: {self.new_stage}"
