"""Stage rules, and the words they are written with: labels, teams and agents of Chatwoot as last asked for."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from bridge.models.connections import Connection


class StageRule(Audited):
    """When something happens in a conversation, its opportunity moves to a stage. Rules act in the order of `position`.

    The three rules of the connection's own settings (`stage_on_…`) come before all of these.
    """

    class When(models.TextChoices):
        CREATED = "created", _("conversation started")
        FIRST_RESPONSE = "first_response", _("first reply")
        RESOLVED = "resolved", _("conversation resolved")
        LABEL = "label", _("label")
        TEAM = "team", _("team")
        INBOX = "inbox", _("inbox")
        ASSIGNEE = "assignee", _("assignee")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="stage_rules", verbose_name=_("connection"))
    position = models.PositiveSmallIntegerField(db_comment="Place in the connection's list, from 1")
    when = models.CharField(
        _("when"), max_length=20, choices=When, db_column="event", db_comment="What has to happen in a conversation"
    )
    value = models.CharField(
        _("which"),
        max_length=255,
        blank=True,
        db_comment="Title of the label, or number of the team, inbox or agent in Chatwoot; empty for events",
    )
    pipeline_id = models.BigIntegerField(_("pipeline"), db_comment="Pipeline in Krayin")
    stage_id = models.BigIntegerField(_("stage"), db_comment="Stage in Krayin")
    # What was chosen, in words: shown when the partner no longer has it.
    value_name = models.CharField(max_length=255, blank=True, db_comment="Name of the team, inbox or agent as chosen")
    stage_name = models.CharField(max_length=255, db_comment="Name of the stage as chosen")
    is_enabled = models.BooleanField(_("on"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "stage_rules"
        db_table_comment = "Ordered rules that move opportunities; forward only, never out of won or lost"
        verbose_name = _("stage rule")
        verbose_name_plural = _("stage rules")
        ordering = ["connection", "position"]
        constraints = [
            # Moving a rule exchanges two positions in one transaction.
            models.UniqueConstraint(
                fields=["connection", "position"],
                name="stage_rules_one_per_place",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                name="stage_rules_when",
                condition=Q(when__in=["created", "first_response", "resolved", "label", "team", "inbox", "assignee"]),
            ),
            models.CheckConstraint(
                name="stage_rules_value",
                condition=Q(when__in=["created", "first_response", "resolved"], value="")
                | (Q(when__in=["label", "team", "inbox", "assignee"]) & ~Q(value="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_when_display()} {self.value_name or self.value} → {self.stage_name}".replace("  ", " ")

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id


class DirectoryEntry(models.Model):
    """A label, team or agent of Chatwoot as it was when people last asked. Screens choose from these rows."""

    class Kind(models.TextChoices):
        LABEL = "label", _("label")
        TEAM = "team", _("team")
        AGENT = "agent", _("agent")
        # Fields that can be mapped (screen A7).
        CONTACT_FIELD = "contact", _("contact attribute")
        CONVERSATION_FIELD = "talk", _("conversation attribute")
        PERSON_FIELD = "person", _("field of persons")
        LEAD_FIELD = "lead", _("field of opportunities")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="directory", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind, db_comment="label, team, agent, or the owner of a field")
    key = models.CharField(
        max_length=255, db_comment="Title of the label, number of the team or agent, key of the field"
    )
    name = models.CharField(max_length=255, db_comment="As shown in Chatwoot; no e-mail")
    mask = models.CharField(
        max_length=20, blank=True, db_default="", db_comment="Agents: what screens show of the e-mail"
    )
    detail = models.JSONField(default=dict, db_default={}, db_comment="Fields: type, and options by number")
    seen_at = models.DateTimeField(db_comment="Last time it was there")
    gone_at = models.DateTimeField(null=True, db_comment="First time it was no longer there")

    class Meta:
        db_table = "directory_entries"
        db_table_comment = "Labels, teams and agents of Chatwoot as last asked for by people"
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "key"], name="directory_entries_once"),
            models.CheckConstraint(
                name="directory_entries_kind",
                condition=Q(kind__in=["label", "team", "agent", "contact", "talk", "person", "lead"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name
