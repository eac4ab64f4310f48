"""What we want in Krayin, what we asked for, what is known to be there (DESIGN section 6)."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection, Krayin


class SyncedObject(models.Model):
    """One object of ours in Krayin: the last agreement. `seq` is raised by the transaction that confirms a change."""

    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        LEAD = "lead", _("opportunity")
        NOTE = "note", _("note")
        CONTACT = "contact", _("contact in Chatwoot")  # `foreign_id` is Chatwoot's contact
        LABEL = "label", _("label in Chatwoot")  # `foreign_id` is Chatwoot's contact or conversation
        FIELDS = "fields", _("mapped fields")  # of the person or opportunity with this `foreign_id`

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    krayin = models.ForeignKey(Krayin, models.PROTECT, related_name="+", db_index=False)
    lane_key = models.CharField(max_length=60, db_comment="Contact whose lane owns it")
    kind = models.CharField(max_length=10, choices=Kind)
    ref = models.CharField(max_length=80, db_comment="Our reference as written in Krayin")
    foreign_id = models.BigIntegerField(db_comment="Krayin id")
    seq = models.BigIntegerField(default=1, db_comment="Raised by every confirmed change")
    base = models.JSONField(
        default=dict, db_comment="Keyed digest per field as the partner returned it at the agreement"
    )
    stage_id = models.BigIntegerField(
        null=True, db_comment="Leads: stage we last saw or set; never decided upon unread"
    )
    closed_at = models.DateTimeField(null=True, db_comment="Leads: won or lost when last read")
    has_ref = models.BooleanField(
        default=True, db_comment="False for an adopted object until our reference is written on it"
    )
    found_by = models.CharField(
        max_length=12, default="created", db_comment="reference, email, phone, created or manual"
    )
    gone_at = models.DateTimeField(null=True, db_comment="A person deleted it in Krayin: not made again")
    there = models.JSONField(
        default=dict,
        db_comment="Persons: keyed digest per field as last read; differs from `base` after a change there",
    )
    there_at = models.DateTimeField(null=True, db_comment="When the reading of `there` began, by our clock")
    there_version = models.DateTimeField(null=True, db_comment="Krayin's updated_at in that reading")
    forgotten_at = models.DateTimeField(
        null=True, db_comment="Staff asked to make it again although it may double: planned as if it were not there"
    )
    synced_at = models.DateTimeField(db_default=Now(), db_comment="Time of the last agreement")

    class Meta:
        db_table = "synced_objects"
        db_table_comment = "Objects in Krayin that belong to us, as of the last agreement"
        constraints = [
            models.UniqueConstraint(fields=["krayin", "ref"], name="synced_objects_once"),
            models.CheckConstraint(
                name="synced_objects_kind",
                condition=Q(kind__in=["person", "lead", "note", "contact", "label", "fields"]),
            ),
        ]
        indexes = [
            # Planning one lane.
            models.Index(fields=["connection", "lane_key"], name="synced_objects_lane"),
            # A Krayin hint or a poll names the record: which lane is it?
            models.Index(fields=["krayin", "kind", "foreign_id"], name="synced_objects_foreign"),
            # Screen B4: what vanished on one day.
            models.Index(
                fields=["connection", "gone_at"], name="synced_objects_gone", condition=Q(gone_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.ref


class Effect(models.Model):
    """One wanted change of one object: intended → sent → confirmed | rejected | unknown (look before you act)."""

    class Kind(models.TextChoices):
        CREATE_PERSON = "create_person", _("create person")
        CREATE_LEAD = "create_lead", _("create opportunity")
        CREATE_NOTE = "create_note", _("create note")
        SET_PERSON = "set_person", _("update person")
        SET_LEAD = "set_lead", _("update opportunity")
        SET_STAGE = "set_stage", _("move stage")
        SET_OWNER = "set_owner", _("change the owner")
        SET_NOTE = "set_note", _("update note")
        SHOW_LEAD = "show_lead", _("show opportunity in Chatwoot")
        SET_CONTACT = "set_contact", _("update contact in Chatwoot")
        SET_LABEL = "set_label", _("label in Chatwoot")
        SEND_MESSAGE = "send_message", _("message to the person")

    class State(models.TextChoices):
        SHADOW = "shadow", _("would be written")
        INTENDED = "intended", _("waiting")
        SENT = "sent", _("in progress")
        UNKNOWN = "unknown", _("unknown")
        CONFIRMED = "confirmed", _("done")
        REJECTED = "rejected", _("failed")
        DENIED = "denied", _("blocked")
        CANCELLED = "cancelled", _("ignored")  # no longer wanted before it was sent
        DISCARDED = "discarded", _("given up")  # a person gave it up: not sent until people force it

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    krayin = models.ForeignKey(Krayin, models.PROTECT, related_name="+", db_index=False)
    lane_key = models.CharField(max_length=60, db_comment="Contact whose lane carries it out")
    kind = models.CharField(_("what"), max_length=20, choices=Kind, db_comment="What is asked of Krayin")
    object_ref = models.CharField(max_length=80, db_comment="Our reference of the object")
    seq = models.BigIntegerField(default=0, db_comment="0 for creates (one for ever); the object's seq for changes")
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=State,
        default=State.INTENDED,
        db_comment="Where the step stands: intended, sent, confirmed, …",
    )
    digest = models.CharField(
        max_length=64, blank=True, db_comment="What was wanted; a rejected effect waits for another"
    )
    conversation_id = models.BigIntegerField(null=True, db_comment="Chatwoot conversation that led to it")
    trigger = models.CharField(max_length=40, blank=True, db_comment="Rule that asked for it, for the stage log")
    token = models.BigIntegerField(null=True, db_comment="Fencing token of the claim that sent it")
    attempts = models.SmallIntegerField(
        default=0, db_comment="Definite refusals only; waiting for a partner costs none"
    )
    not_before = models.DateTimeField(db_default=Now(), db_comment="Not before this time: waits, retries, settle times")
    sent_at = models.DateTimeField(null=True, db_comment="Committed just before the call")
    looked_up_at = models.DateTimeField(null=True, db_comment="Last time Krayin was asked whether it happened")
    confirmed_at = models.DateTimeField(null=True, db_comment="When the answer or a look-up confirmed it")
    foreign_id = models.BigIntegerField(null=True, db_comment="Krayin id of the object")
    owner_id = models.BigIntegerField(
        null=True, db_comment="Creates under round robin: Krayin user whose turn it was, also when it is tried again"
    )
    absorbed = models.BooleanField(
        default=False, db_default=False, db_comment="Krayin's hint about this very call came and needs no reading"
    )
    calls = models.SmallIntegerField(default=0, db_comment="Calls it took")
    cause = models.CharField(
        _("cause"), max_length=40, blank=True, db_comment="Why it is stopped; codes of bridge.causes"
    )
    detail = models.CharField(max_length=200, blank=True, db_comment="Field keys or status; never values")
    decision = models.ForeignKey("consent.Decision", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        db_table = "effects"
        db_table_comment = "Ledger of everything Ponte wants from Krayin and what became of it"
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(fields=["krayin", "object_ref", "kind", "seq"], name="effects_once"),
            # One unfinished call per object, whoever makes it: the second sender is refused by the database.
            models.UniqueConstraint(
                fields=["krayin", "object_ref"], name="effects_one_in_flight", condition=Q(state__in=["sent", "unknown"])
            ),
            models.CheckConstraint(
                name="effects_state",
                condition=Q(
                    state__in=[
                        "shadow", "intended", "sent", "unknown", "confirmed", "rejected", "denied", "cancelled",
                        "discarded",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="effects_kind",
                condition=Q(
                    kind__in=[
                        "create_person", "create_lead", "create_note",
                        "set_person", "set_lead", "set_stage", "set_owner", "set_note", "show_lead", "set_contact",
                        "set_label", "send_message",
                    ]
                ),
            ),
        ]  # fmt: skip
        indexes = [
            # Planning one lane: what is unfinished or refused there.
            models.Index(
                fields=["connection", "lane_key"],
                name="effects_open",
                condition=Q(state__in=["shadow", "intended", "sent", "unknown", "rejected", "denied", "discarded"]),
            ),
            # Screen B2: refused steps grouped by cause.
            models.Index(
                fields=["connection", "cause"], name="effects_stopped", condition=Q(state__in=["rejected", "unknown"])
            ),
            # Screen A1: last write and today's numbers of a connection.
            models.Index(fields=["connection", "-confirmed_at"], name="effects_done", condition=Q(state="confirmed")),
            # Screen B1 and `explain`: the story of a contact, newest first.
            models.Index(fields=["connection", "lane_key", "-created_at"], name="effects_story"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_ref}"


class Suggestion(models.Model):
    """A person in Krayin who may be this titular. People decide; nothing merges by itself (DESIGN section 5)."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting")
        SAME = "same", _("same person")
        DIFFERENT = "different", _("different people")
        SHARED = "shared", _("shared phone")

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey("bridge.ObservedContact", models.CASCADE, related_name="suggestions")
    krayin_person_id = models.BigIntegerField()
    evidence = models.CharField(max_length=60, db_comment="Which identifiers matched and why it was not adopted")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "suggestions"
        db_table_comment = "Possible same persons, decided by people"
        constraints = [
            models.UniqueConstraint(fields=["contact", "krayin_person_id"], name="suggestions_once"),
            models.CheckConstraint(
                name="suggestions_state", condition=Q(state__in=["open", "same", "different", "shared"])
            ),
        ]
        indexes = [
            # Screen B6: open pairs of a connection.
            models.Index(fields=["connection", "created_at"], name="suggestions_open", condition=Q(state="open"))
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} ~ {self.krayin_person_id}"


class FailedWebhook(models.Model):
    """View `failed_webhooks` of the seed: parked events and refused steps, one shape."""

    id = models.CharField(primary_key=True, max_length=60)
    connection = models.ForeignKey(Connection, models.DO_NOTHING, db_constraint=False, related_name="+")
    webhook_id = models.CharField(max_length=80, null=True)
    event_type = models.CharField(max_length=60)
    lane_key = models.CharField(max_length=60)
    cause = models.CharField(max_length=40)
    error = models.CharField(max_length=200)
    failed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "failed_webhooks"
        verbose_name = _("to solve")
        verbose_name_plural = _("to solve")

    def __str__(self) -> str:
        return f"{self.cause} {self.pk}"
