"""What Chatwoot told us, merged: newest wins, deletion absorbs, sets by union (DESIGN section 2)."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection
from consent.encryption import SealedField


class ObservedContact(models.Model):
    """A Chatwoot contact. Personal fields are sealed with the titular's key; lists show `mask`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="contacts", db_index=False)
    chatwoot_contact_id = models.BigIntegerField()
    subject = models.ForeignKey("consent.DataSubject", models.PROTECT, related_name="+")
    mask = models.CharField(_("person"), max_length=40, blank=True, db_comment="Initials and last four digits")
    name = SealedField(null=True)
    email = SealedField(null=True)
    phone = SealedField(null=True)
    company = SealedField(null=True)
    has_email = models.BooleanField(default=False)
    has_phone = models.BooleanField(default=False)
    has_identifier = models.BooleanField(default=False)
    digests = models.JSONField(
        default=dict,
        db_comment="Keyed digest per field as last seen: name, email, phone, company; compares, never opens",
    )
    needs_read = models.BooleanField(
        default=False, db_comment="A body differed and neither has a version: read the contact over REST"
    )
    seen_at = models.DateTimeField(auto_now=True)
    last_activity_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True, db_comment="Last time it was read over REST")
    changed_at = models.DateTimeField(
        null=True, db_comment="Chatwoot's own time of the last change of name, e-mail or phone, where a body told it"
    )
    ref_contact_id = models.BigIntegerField(
        null=True, db_comment="Contact number inside our references, when it took over a merged contact's person"
    )
    gone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "observed_contacts"
        db_table_comment = "Chatwoot contacts as last observed; personal fields encrypted per titular"
        constraints = [
            models.UniqueConstraint(fields=["connection", "chatwoot_contact_id"], name="observed_contacts_once")
        ]
        indexes = [
            # Screen B2: contacts kept and not sent because nothing identifies them.
            models.Index(
                fields=["connection"],
                name="observed_contacts_unnamed",
                condition=Q(has_email=False, has_phone=False, has_identifier=False, gone_at__isnull=True),
            ),
            # Screen B4: what vanished on one day.
            models.Index(
                fields=["connection", "gone_at"], name="observed_contacts_gone", condition=Q(gone_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.mask or f"{self.chatwoot_contact_id}"

    @property
    def ref_id(self) -> int:
        """The contact number that our references in Krayin carry."""
        return self.ref_contact_id or self.chatwoot_contact_id


class ObservedConversation(models.Model):
    """A Chatwoot conversation. `version` orders its bodies: `updated_at` in microseconds (contract Chatwoot 3)."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        RESOLVED = "resolved", _("resolved")
        PENDING = "pending", _("pending")
        SNOOZED = "snoozed", _("snoozed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="conversations", db_index=False)
    chatwoot_conversation_id = models.BigIntegerField()
    contact = models.ForeignKey(ObservedContact, models.PROTECT, related_name="conversations")
    moved_from = models.ForeignKey(
        ObservedContact,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_comment="Contact it left; set until it is known whether that one was merged",
    )
    inbox_id = models.BigIntegerField()
    channel = models.CharField(max_length=60, blank=True)
    status = models.CharField(max_length=10, choices=Status)
    version = models.BigIntegerField()
    version_digest = models.BinaryField(db_comment="Breaks ties between equal versions the same way everywhere")
    labels = ArrayField(models.CharField(max_length=255), default=list)
    assignee_id = models.BigIntegerField(null=True)
    team_id = models.BigIntegerField(null=True)
    # Stage rules ask what ever was, so that their answer does not depend on the order of the bodies.
    labels_seen = ArrayField(
        models.CharField(max_length=255), default=list, db_default=[], db_comment="Every label any body showed"
    )
    teams_seen = models.JSONField(
        default=dict, db_default={}, db_comment="Number of every team any body showed, with the newest version that did"
    )
    assignees_seen = models.JSONField(
        default=dict,
        db_default={},
        db_comment="Number of every agent any body showed as assignee, with the newest version that did",
    )
    # A change of assignee must not undo what people decided later in Krayin (bridge.team).
    assignee_since = models.BigIntegerField(
        null=True, db_comment="Oldest known version that shows the present assignee, with nobody else after it"
    )
    team_since = models.BigIntegerField(null=True, db_comment="The same for the present team")
    started_at = models.DateTimeField()
    first_reply_at = models.DateTimeField(null=True, db_comment="Earliest first reply any body showed")
    resolved_at = models.DateTimeField(null=True, db_comment="Earliest time any body showed it resolved")
    last_activity_at = models.DateTimeField(null=True)
    lead_number = models.SmallIntegerField(
        null=True, db_comment="Which opportunity of the contact this conversation belongs to: 1, 2, …"
    )
    polled_version = models.BigIntegerField(
        default=0, db_default=0, db_comment="`version` up to which a poll has read the messages; moved only by polls"
    )
    gone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "observed_conversations"
        db_table_comment = "Chatwoot conversations as last observed; no personal fields"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "chatwoot_conversation_id"], name="observed_conversations_once"
            ),
            models.CheckConstraint(
                name="observed_conversations_status",
                condition=Q(status__in=["open", "resolved", "pending", "snoozed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_conversation_id}"


class ObservedMessage(models.Model):
    """A public message. Private notes are never stored. Text, author and attachment names are sealed together."""

    class Direction(models.TextChoices):
        INCOMING = "incoming", _("incoming")
        OUTGOING = "outgoing", _("outgoing")
        TEMPLATE = "template", _("template")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(ObservedConversation, models.PROTECT, related_name="messages", db_index=False)
    subject = models.ForeignKey("consent.DataSubject", models.PROTECT, related_name="+")
    chatwoot_message_id = models.BigIntegerField()
    direction = models.CharField(max_length=10, choices=Direction)
    author_kind = models.CharField(max_length=20, blank=True)
    sent_at = models.DateTimeField()
    local_day = models.DateField(db_comment="Day in the clinic's zone: the note this message belongs to")
    content = SealedField(null=True, db_comment="JSON: text, author, attachment types")
    digest = models.BinaryField(db_comment="Keyed digest of the content; compares, never opens")
    version = models.BigIntegerField(default=0, db_comment="Partner's updated_at in microseconds where a body told it")
    is_deleted = models.BooleanField(default=False, db_comment="Absorbing: once deleted, deleted for ever")
    needs_read = models.BooleanField(default=False)
    is_marketing = models.BooleanField(
        default=False,
        db_default=False,
        db_comment="Of a campaign or marketing template: CANCELAR next means the messages",
    )

    class Meta:
        db_table = "observed_messages"
        db_table_comment = "Public Chatwoot messages as last observed; content encrypted per titular"
        constraints = [
            models.UniqueConstraint(fields=["connection", "chatwoot_message_id"], name="observed_messages_once"),
            models.CheckConstraint(
                name="observed_messages_direction", condition=Q(direction__in=["incoming", "outgoing", "template"])
            ),
        ]
        indexes = [
            # The messages of one note, in the order they are shown.
            models.Index(
                fields=["conversation", "local_day", "sent_at", "chatwoot_message_id"], name="observed_messages_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chatwoot_message_id}"


class ConversationDay(models.Model):
    """One note's worth of a conversation. Behind its note while `version > written`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(ObservedConversation, models.PROTECT, related_name="days", db_index=False)
    day = models.DateField()
    version = models.BigIntegerField(default=1, db_comment="Raised by every new, edited or deleted message")
    written = models.BigIntegerField(default=0, db_comment="`version` that the note in Krayin shows")
    first_change_at = models.DateTimeField(null=True, db_comment="Oldest change the note does not show yet")
    last_change_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "conversation_days"
        db_table_comment = "Days of conversations and whether their note is up to date"
        constraints = [models.UniqueConstraint(fields=["conversation", "day"], name="conversation_days_once")]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.day}"
