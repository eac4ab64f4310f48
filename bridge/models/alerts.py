"""What runs by itself and how it went; alerts: rules, alerts, notices (screens B9, B10, B11)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from bridge.models.connections import LONG_AGO, Connection
from consent.encryption import Context, SealedField
from consent.models import Clinic
from consent.roles import Role


class RunResult(models.Model):
    """The last run of one piece of work that runs by itself: a scheduled task, a backup, a restore test."""

    name = models.CharField(_("what"), max_length=60, primary_key=True)
    at = models.DateTimeField(_("last run"), db_comment="End of the last run")
    is_ok = models.BooleanField(_("went well"))
    ok_at = models.DateTimeField(null=True, db_comment="End of the last run that went well")
    problem = models.CharField(max_length=60, blank=True, db_comment="Code of what went wrong, never a text")
    took_ms = models.PositiveIntegerField(null=True, db_comment="Milliseconds")
    counts = models.JSONField(default=dict, db_comment="What it did: numbers by name")

    class Meta:
        db_table = "run_results"
        db_table_comment = "Last result of everything that runs by itself, one row each"
        verbose_name = _("scheduled work")
        verbose_name_plural = _("Scheduled work")

    def __str__(self) -> str:
        return self.name


class Reading(models.Model):
    """One measured number of a host, queue or connection. Alerts about growth need the ones before; kept for hours."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=30, db_comment="What was measured: bridge.health.readings")
    scope = models.CharField(max_length=80, db_comment="Host, connection or group it is about")
    at = models.DateTimeField(db_default=Now())
    value = models.FloatField()

    class Meta:
        db_table = "readings"
        db_table_comment = "Numbers measured every minute, kept for three hours"
        indexes: ClassVar = [models.Index(fields=["name", "scope", "-at"], name="readings_of")]

    def __str__(self) -> str:
        return f"{self.name} {self.scope}"


class Severity(models.TextChoices):
    LOW = "low", _("low")
    MEDIUM = "medium", _("medium")
    HIGH = "high", _("high")
    CRITICAL = "critical", _("critical")


class AlertRule(Audited):
    """What people changed about one rule of bridge.alerts. A rule without a row is as shipped."""

    code = models.CharField(_("rule"), max_length=4, primary_key=True)
    is_on = models.BooleanField(_("the rule is on"), default=True)
    threshold = models.FloatField(_("threshold"), null=True, blank=True, db_comment="Null: as shipped")
    severity = models.CharField(
        _("severity"), max_length=8, choices=Severity, blank=True, db_comment="Empty: as shipped"
    )
    by_mail = models.BooleanField(_("by mail"), default=True)
    by_chatwoot = models.BooleanField(_("by private note in Chatwoot"), default=True)
    by_webhook = models.BooleanField(_("by webhook"), default=True)
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("also told"),
        related_name="+",
        db_table="alert_rule_people",
        blank=True,
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True, db_comment="Clock of the clinic")
    quiet_to = models.TimeField(_("quiet until"), null=True, blank=True, db_comment="Clock of the clinic")
    escalate_min = models.PositiveIntegerField(
        _("minutes until the next step"), null=True, blank=True, db_comment="Null: as shipped; 0: no next step"
    )
    escalate_to = models.CharField(
        _("next step: also tell"), max_length=20, choices=Role, blank=True, db_comment="Empty: as shipped"
    )

    class Meta:
        db_table = "alert_rules"
        db_table_comment = "What people changed about alert rules; the rules themselves are code"
        verbose_name = _("alert rule")
        verbose_name_plural = _("Alerts")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="alert_rules_severity", condition=Q(severity__in=["", "low", "medium", "high", "critical"])
            ),
            models.CheckConstraint(
                name="alert_rules_quiet",
                condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class AlertPlace(Audited):
    """Where notices go besides mail: a conversation in Chatwoot for private notes, or a program of the clinic's."""

    class Kind(models.TextChoices):
        CHATWOOT = "chatwoot", _("private note in Chatwoot")
        WEBHOOK = "webhook", _("webhook")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(
        Clinic,
        models.CASCADE,
        verbose_name=_("clinic"),
        null=True,
        related_name="+",
        db_comment="Null: alerts of the whole installation",
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    connection = models.ForeignKey(
        Connection, models.CASCADE, verbose_name=_("connection"), null=True, related_name="+", db_index=False
    )
    conversation_id = models.BigIntegerField(_("conversation"), null=True, db_comment="Chatwoot conversation number")
    url = models.CharField(_("address"), max_length=300, blank=True)
    secret = SealedField(null=True, editable=False, db_comment="Signs what is sent; encrypted with the system key")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "alert_places"
        db_table_comment = "Where alerts go besides mail"
        verbose_name = _("place for alerts")
        verbose_name_plural = _("places for alerts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic", "kind"], name="alert_places_once", nulls_distinct=False),
            models.CheckConstraint(
                name="alert_places_kind",
                condition=Q(kind="chatwoot", connection__isnull=False, conversation_id__isnull=False, url="")
                | (Q(kind="webhook", connection__isnull=True, secret__isnull=False) & ~Q(url="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.clinic_id or ''}"

    @property
    def audited_clinic_id(self) -> int | None:
        return self.clinic_id

    @property
    def secret_context(self) -> Context:
        return Context("bridge.AlertPlace", "secret", str(self.pk))


class Alert(models.Model):
    """Something an alert rule found, from its first sight to its end. At most one is open per rule and scope."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(_("rule"), max_length=4)
    scope = models.CharField(max_length=120, blank=True, db_comment="What it is about, for the rule: ids and codes")
    clinic = models.ForeignKey(Clinic, models.CASCADE, null=True, related_name="+", verbose_name=_("clinic"))
    severity = models.CharField(_("severity"), max_length=8, choices=Severity)
    level = models.SmallIntegerField(
        default=1, db_comment="Raised when it is told again: 1 h, 6 h, 24 h; 50, 80, 100 percent"
    )
    facts = models.JSONField(default=dict, db_comment="Numbers, times and names of systems for the text; nobody's data")
    opened_at = models.DateTimeField(_("raised"))
    ended_at = models.DateTimeField(_("solved"), null=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("seen by"),
    )
    seen_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True, db_comment="When the next step was told, nobody having seen it")

    class Meta:
        db_table = "alerts"
        db_table_comment = "What alert rules found, from first sight to end; kept for a year"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts raised")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "scope"], name="alerts_open", condition=Q(ended_at=None)),
        ]
        indexes: ClassVar = [models.Index(fields=["-opened_at"], name="alerts_recent")]

    def __str__(self) -> str:
        return f"{self.code} {self.scope}"


class Notice(models.Model):
    """One message to one person or place about an alert. The database refuses a second one of the same kind."""

    class Kind(models.TextChoices):
        RAISED = "raised", _("raised")
        AGAIN = "again", _("still open")
        ESCALATED = "escalated", _("next step")
        ENDED = "ended", _("solved")
        TEST = "test", _("test")

    class Channel(models.TextChoices):
        MAIL = "mail", _("mail")
        CHATWOOT = "chatwoot", "Chatwoot"
        WEBHOOK = "webhook", _("webhook")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("in progress")
        SENT = "sent", _("done")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("ignored")  # solved before anybody was told

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(_("rule"), max_length=4)
    alert = models.ForeignKey(Alert, models.CASCADE, null=True, related_name="notices", db_comment="Null: a test")
    kind = models.CharField(_("what"), max_length=9, choices=Kind)
    level = models.SmallIntegerField(default=1)
    channel = models.CharField(_("by"), max_length=8, choices=Channel)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", db_index=False)
    place = models.ForeignKey(AlertPlace, models.CASCADE, null=True, related_name="+", db_index=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    not_before = models.DateTimeField(
        default=LONG_AGO, db_default=LONG_AGO, db_comment="End of quiet hours, or of a wait"
    )
    attempts = models.SmallIntegerField(default=0, db_default=0)
    problem = models.CharField(max_length=60, blank=True, db_comment="Code of the last failure")
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, db_comment="Committed just before sending")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alert_notices"
        db_table_comment = "Messages about alerts: to whom, by which way, what became of them"
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["alert", "kind", "level", "channel", "user", "place"],
                name="alert_notices_once",
                nulls_distinct=False,
                condition=Q(alert__isnull=False),
            ),
            models.CheckConstraint(
                name="alert_notices_to",
                condition=Q(channel="mail", user__isnull=False, place__isnull=True)
                | Q(channel__in=["chatwoot", "webhook"], user__isnull=True, place__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before"], name="alert_notices_due", condition=Q(state__in=["waiting", "sending"]))
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.kind} {self.channel}"
