"""What setting a connection up leaves behind: where the assistant stands, what we made at partners, what was confirmed."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from bridge.models.connections import Connection, Partner
from consent.encryption import SealedField


class Setup(models.Model):
    """One run of the assistant; a connection has one for ever, which can be gone through again.

    Until both partners are known there is no connection yet: what was entered waits here.
    """

    class Step(models.TextChoices):
        """In the order of screen A4."""

        ADDRESS = "address", _("Public address")
        CHATWOOT = "chatwoot", "Chatwoot"
        KRAYIN = "krayin", "Krayin"
        SEND = "send", _("What to send")
        PREPARE_KRAYIN = "prepare-krayin", _("Prepare Krayin")
        PREPARE_CHATWOOT = "prepare-chatwoot", _("Prepare Chatwoot")
        TEST = "test", _("Test")
        SWITCH = "switch", _("Switch on")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey("consent.Clinic", models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    connection = models.OneToOneField(Connection, models.CASCADE, null=True, related_name="setup")
    polling_only = models.BooleanField(_("only polling"), default=False)
    chatwoot_url = models.URLField(_("Chatwoot address"), blank=True)
    chatwoot_account_id = models.BigIntegerField(_("Chatwoot account number"), null=True)
    chatwoot_account_name = models.CharField(max_length=200, blank=True)
    chatwoot_token = SealedField(null=True, editable=False)
    inboxes = models.JSONField(default=list, db_comment="[{id, name, channel}] as Chatwoot listed them")
    crm_lists = models.JSONField(default=dict, db_comment="{sources, types}: [{id, name}] as Krayin listed them")
    crm_facts = models.JSONField(default=dict, db_comment="What Krayin told about itself: call limit, time zone")
    steps = models.JSONField(default=dict, db_comment="{step: time it was finished}")
    findings = models.JSONField(default=dict, db_comment="{check: {state, found, at}} of the last time it was made")
    last_day = models.JSONField(default=dict, db_comment="Conversations of 24 h per inbox, counted in Chatwoot")
    watch_from = models.DateTimeField(null=True, db_comment="Screen A5 follows the first message after this time")
    read_back_at = models.DateTimeField(null=True, db_comment="When what was written was read again from Krayin")
    read_back_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "setups"
        db_table_comment = "Runs of the setup assistant: one per connection, or one on its way to a connection"

    def __str__(self) -> str:
        return self.name

    @property
    def next_step(self) -> str:
        """The first step that is not finished; the last one when all are."""
        return next((step.value for step in self.Step if step.value not in self.steps), self.Step.SWITCH.value)

    def finish(self, step: "Setup.Step") -> None:
        self.steps = {**self.steps, step.value: timezone.now().isoformat(timespec="seconds")}
        self.save(update_fields=["steps", "updated_at"])

    def finished_at(self, step: str) -> datetime | None:
        told = self.steps.get(step)
        return datetime.fromisoformat(told) if told else None


class SetupObject(models.Model):
    """Something we made or changed at a partner while setting up: the list from which it can be undone."""

    class Kind(models.TextChoices):
        ATTRIBUTE = "attribute", _("field")
        OPTIONAL_EMAIL = "optional_email", _("e-mail made optional")
        SOURCE = "source", _("source")
        WEBHOOK = "webhook", _("webhook")
        WORKFLOW = "workflow", _("workflow")
        PANEL = "panel", _("panel")

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="made", db_index=False)
    partner = models.CharField(max_length=10, choices=Partner)
    kind = models.CharField(max_length=20, choices=Kind)
    foreign_id = models.BigIntegerField(db_comment="Number of the object at the partner")
    name = models.CharField(max_length=255, db_comment="Its code or name there")
    made_at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "setup_objects"
        db_table_comment = "What setting up made at Chatwoot and Krayin, so that it can be undone"
        constraints = [
            models.UniqueConstraint(fields=["connection", "partner", "kind", "foreign_id"], name="setup_objects_once"),
            models.CheckConstraint(name="setup_objects_partner", condition=Q(partner__in=["chatwoot", "krayin"])),
            models.CheckConstraint(
                name="setup_objects_kind",
                condition=Q(kind__in=["attribute", "optional_email", "source", "webhook", "workflow", "panel"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner} {self.kind} {self.name}"


class SetupMark(models.Model):
    """Something about the whole installation that a person confirmed (screen A2)."""

    class Code(models.TextChoices):
        KEYS = "keys", _("keys kept outside the server")
        RESTORE = "restore", _("backup restored as a test")
        IMPORT = "import", _("history imported or not wanted")

    code = models.CharField(max_length=20, unique=True, choices=Code)
    detail = models.CharField(max_length=64, blank=True, db_comment="Fingerprint of the keys that were confirmed")
    done_at = models.DateTimeField(db_default=Now())
    done_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "setup_marks"
        db_table_comment = "First steps that only a person can confirm"
        constraints = [
            models.CheckConstraint(name="setup_marks_code", condition=Q(code__in=["keys", "restore", "import"]))
        ]

    def __str__(self) -> str:
        return self.code


class ConnectionInbox(Audited):
    """What a person said about an inbox: whether its name alone reveals health (an oncology inbox does)."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="inboxes", db_index=False)
    inbox_id = models.BigIntegerField()
    channel = models.CharField(max_length=60, blank=True, db_comment="Channel class of Chatwoot")
    reveals_health = models.BooleanField(_("reveals health"), default=False)

    class Meta:
        db_table = "connection_inboxes"
        db_table_comment = "Inboxes of a connection and whether their name reveals health"
        constraints = [models.UniqueConstraint(fields=["connection", "inbox_id"], name="connection_inboxes_once")]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.inbox_id}"

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id


def setup_of(connection: Connection) -> Setup:
    """The set-up of a connection; made from what the row knows when there is none (connected before, or by bench)."""
    found = Setup.objects.filter(connection=connection).first()
    if found:
        return found
    values: dict[str, Any] = {
        "clinic_id": connection.clinic_id, "name": connection.name, "polling_only": connection.polling_only,
        "chatwoot_url": connection.chatwoot_url, "chatwoot_account_id": connection.chatwoot_account_id,
        "inboxes": [{"id": int(n), "name": name, "channel": ""} for n, name in connection.inbox_names.items()],
    }  # fmt: skip
    return Setup.objects.get_or_create(connection=connection, defaults=values)[0]
