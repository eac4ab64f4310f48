"""Connection: one clinic, one Chatwoot account with a set of inboxes, one Krayin (DESIGN section 7)."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from consent.encryption import Context, SealedField

LOOK_FIRST_FOR = timedelta(days=90)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
REF_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no look-alikes: the code is read aloud and typed


def new_public_id() -> str:
    """Path token of a connection's webhook addresses: 32 URL-safe characters, 192 bits."""
    return secrets.token_urlsafe(24)


def new_ref_code() -> str:
    """Prefix of our references in Krayin, which compares without case: six lower-case characters."""
    return "".join(secrets.choice(REF_ALPHABET) for _ in range(6))


class Partner(models.TextChoices):
    CHATWOOT = "chatwoot", "Chatwoot"
    KRAYIN = "krayin", "Krayin"


def secret_context(connection_id: int, partner: str) -> Context:
    """Associated data of a stored webhook secret."""
    return Context("bridge.WebhookSecret", "secret", f"{connection_id}/{partner}")


class CallBudget(models.Model):
    """A token bucket shared by all processes: Krayin allows 60 calls a minute per user (contract Krayin 20.10)."""

    name = models.CharField(max_length=200, unique=True)
    capacity = models.PositiveSmallIntegerField(default=10)
    refill_per_minute = models.PositiveIntegerField(default=50)
    tokens = models.FloatField(default=10)
    at = models.DateTimeField(db_default=Now())
    blocked_until = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO)
    # Who finds no call left is told to come back one after the other, as calls come back, and not all at once.
    queued_until = models.DateTimeField(
        default=LONG_AGO, db_default=LONG_AGO, db_comment="Turn of the last one who was told to come back"
    )
    window_until = models.DateTimeField(
        default=LONG_AGO,
        db_default=LONG_AGO,
        db_comment="End of the partner's fixed window, where one was seen to open",
    )

    class Meta:
        db_table = "call_budgets"
        db_table_comment = "Token bucket per Krayin user and per Chatwoot host; one row, one truth for all processes"

    def __str__(self) -> str:
        return self.name


class Krayin(models.Model):
    """One Krayin installation. References and identity claims are unique inside it, whatever the connection."""

    base_url = models.URLField(_("address"), unique=True)
    # After a restore of our database every create looks for its reference first: what it made may be forgotten.
    restored_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "krayins"
        db_table_comment = "Krayin installations"
        verbose_name = _("Krayin installation")
        verbose_name_plural = _("Krayin installations")

    def __str__(self) -> str:
        return self.base_url

    def must_look_first(self, now: datetime) -> bool:
        """Whether a create may be the repetition of one that a restored database has forgotten."""
        return self.restored_at is not None and now < self.restored_at + LOOK_FIRST_FOR


class KrayinUser(models.Model):
    """A Krayin account of the bridge's own. Login revokes every other token of the user (contract Krayin 1)."""

    krayin = models.ForeignKey(Krayin, models.PROTECT, related_name="users")
    email = models.EmailField(_("e-mail"))
    password = SealedField(null=True, editable=False)
    token = SealedField(null=True, editable=False)
    # Held by the one process that is signing in; a lease instead of a lock, because no transaction may stay open.
    login_until = models.DateTimeField(default=LONG_AGO, db_default=LONG_AGO, editable=False)
    refused_logins = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, db_comment="In a row; nobody signs in before login_until"
    )
    budget = models.OneToOneField(CallBudget, models.PROTECT)

    class Meta:
        db_table = "krayin_users"
        db_table_comment = "Krayin accounts the bridge writes with; secrets are encrypted with the system key"
        verbose_name = _("Krayin user")
        verbose_name_plural = _("Krayin users")
        constraints = [models.UniqueConstraint(fields=["krayin", "email"], name="krayin_users_one_per_email")]

    def __str__(self) -> str:
        return f"{self.krayin_id}/{self.pk}"


class Connection(Audited):
    """What is joined, in which state, and what is sent. Settings keys are those of seed 003."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SHADOW = "shadow", _("shadow")  # plans and shows, writes nothing
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")  # receives and keeps, writes nothing
        OFF = "off", _("off")  # answers 410: events are lost

    class Preset(models.TextChoices):
        CONTACTS = "contacts", _("Contacts and opportunities")
        SUMMARY = "summary", _("+ summary of the conversation")
        TEXT = "text", _("+ text of the messages")

    class MessageText(models.TextChoices):
        OFF = "off", _("no text")
        GROUPED = "grouped", _("one note per conversation and day")
        EACH = "each", _("one note per message")

    class SharedPerson(models.TextChoices):
        HOLD = "hold", _("wait for a person to decide")
        OWN_LEAD = "own_lead", _("own opportunity on the person found")

    class Source(models.TextChoices):
        CHATWOOT = "chatwoot", "Chatwoot"
        KRAYIN = "krayin", "Krayin"
        NEWEST = "newest", _("the newest")  # where both partners tell when; else Chatwoot

    class StageLabel(models.TextChoices):
        OFF = "off", _("no label")
        CONTACT = "contact", _("on the contact")
        CONVERSATION = "conversation", _("on the last conversation")

    clinic = models.ForeignKey("consent.Clinic", models.PROTECT, related_name="connections", verbose_name=_("clinic"))
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.DRAFT, db_comment="draft, shadow, active, paused or off"
    )
    public_id = models.CharField(
        max_length=64,
        unique=True,
        default=new_public_id,
        editable=False,
        db_comment="Path token of the webhook addresses",
    )
    ref_code = models.CharField(
        max_length=8, unique=True, default=new_ref_code, editable=False, db_comment="Prefix of our references in Krayin"
    )
    is_example = models.BooleanField(default=False, editable=False)

    chatwoot_url = models.URLField(_("Chatwoot address"))
    chatwoot_account_id = models.BigIntegerField(_("Chatwoot account number"))
    chatwoot_token = SealedField(null=True, editable=False)
    chatwoot_budget = models.ForeignKey(CallBudget, models.PROTECT, null=True, editable=False, related_name="+")
    all_inboxes = models.BooleanField(_("every inbox of the account"), default=False)
    inbox_ids = ArrayField(models.BigIntegerField(), default=list, blank=True, verbose_name=_("inboxes"))
    inbox_names = models.JSONField(default=dict, blank=True, editable=False)

    krayin = models.ForeignKey(Krayin, models.PROTECT, related_name="connections", verbose_name="Krayin")
    krayin_users = models.ManyToManyField(
        KrayinUser, related_name="connections", verbose_name=_("Krayin users"), db_table="connection_krayin_users"
    )
    # True once the `emails` attribute of persons is optional there (contract Krayin 6.2); learnt by `connect`.
    email_optional = models.BooleanField(default=False, editable=False)
    # [{"id", "name", "stages": [{"id", "code", "name"}]}]: array order is the stage order (contract Krayin 11).
    pipelines = models.JSONField(default=list, blank=True, editable=False)
    # Codes of boolean custom attributes of leads: some calls reset them (contract Krayin 12.6).
    lead_booleans = ArrayField(models.CharField(max_length=100), default=list, blank=True, editable=False)

    default_pipeline_id = models.BigIntegerField(null=True, blank=True, editable=False)
    default_pipeline_name = models.CharField(max_length=255, blank=True, editable=False)
    default_stage_id = models.BigIntegerField(null=True, blank=True, editable=False)
    default_stage_name = models.CharField(max_length=255, blank=True, editable=False)
    default_source_id = models.BigIntegerField(null=True, blank=True, editable=False)
    default_source_name = models.CharField(max_length=255, blank=True, editable=False)
    default_lead_type_id = models.BigIntegerField(null=True, blank=True, editable=False)
    default_lead_type_name = models.CharField(max_length=255, blank=True, editable=False)
    lead_pipeline_id = models.BigIntegerField(_("pipeline"), null=True, blank=True)
    lead_pipeline_stage_id = models.BigIntegerField(_("first stage"), null=True, blank=True)
    lead_source_id = models.BigIntegerField(_("source"), null=True, blank=True)
    lead_type_id = models.BigIntegerField(_("type"), null=True, blank=True)

    preset = models.CharField(_("what to send"), max_length=10, choices=Preset, default=Preset.SUMMARY)
    message_text = models.CharField(_("message text"), max_length=10, choices=MessageText, default=MessageText.OFF)
    sync_to_organization = models.BooleanField(_("write the company"), default=False)
    title_template = models.CharField(_("title of the opportunity"), max_length=120, default="{nome} · {caixa}")
    shared_person = models.CharField(
        _("person already in use"), max_length=10, choices=SharedPerson, default=SharedPerson.HOLD
    )
    stage_progression_enabled = models.BooleanField(_("move the stage"), default=False)
    stage_on_conversation_created = models.BigIntegerField(
        _("stage when the conversation starts"), null=True, blank=True
    )
    stage_on_first_response = models.BigIntegerField(_("stage after the first response"), null=True, blank=True)
    stage_on_conversation_resolved = models.BigIntegerField(_("stage when resolved"), null=True, blank=True)
    note_quiet_s = models.PositiveIntegerField(
        _("note after this quiet time (s)"), default=600, validators=[MaxValueValidator(86400)]
    )
    note_max_age_s = models.PositiveIntegerField(
        _("note at the latest after (s)"), default=1800, validators=[MinValueValidator(60), MaxValueValidator(86400)]
    )

    # Krayin → Chatwoot (DESIGN section 8). Single changes flow both ways; the source decides when both sides changed.
    krayin_to_chatwoot = models.BooleanField(_("show the opportunity in Chatwoot"), default=False)
    name_source = models.CharField(_("name"), max_length=10, choices=Source, default=Source.CHATWOOT)
    email_source = models.CharField(_("e-mail"), max_length=10, choices=Source, default=Source.CHATWOOT)
    phone_source = models.CharField(_("phone"), max_length=10, choices=Source, default=Source.CHATWOOT)
    stage_label = models.CharField(_("label with the stage"), max_length=12, choices=StageLabel, default=StageLabel.OFF)
    health_pipeline_ids = ArrayField(
        models.BigIntegerField(), default=list, blank=True, verbose_name=_("pipelines that reveal health")
    )
    back_checked_at = models.DateTimeField(
        null=True, editable=False, db_comment="Last time it was checked that Chatwoot can show the opportunity"
    )
    back_problem = models.CharField(
        max_length=40,
        blank=True,
        editable=False,
        db_comment="Why Chatwoot cannot show the opportunity; codes of bridge.causes",
    )
    leads_read_to = models.DateTimeField(
        null=True, editable=False, db_comment="Newest updated_at of opportunities a poll has seen, by Krayin's clock"
    )
    persons_read_to = models.DateTimeField(
        null=True, editable=False, db_comment="Newest updated_at of persons a poll has seen, by Krayin's clock"
    )

    # Field mapping (screen A7).
    field_version = models.ForeignKey(
        "bridge.FieldVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("mapped fields"),
    )
    field_keys = ArrayField(
        models.CharField(max_length=140), default=list, blank=True, editable=False,
        db_comment="Fields of Chatwoot whose values are kept: those of the draft and of the published version",
    )  # fmt: skip
    field_gone = ArrayField(
        models.CharField(max_length=140), default=list, blank=True, editable=False,
        db_comment="Mapped fields that a partner no longer has: nothing is written for them",
    )  # fmt: skip

    # No public address, or a Chatwoot too old to sign: only polls bring news (DESIGN section 8).
    polling_only = models.BooleanField(_("only polling"), default=False)
    polled_at = models.DateTimeField(null=True, editable=False, db_comment="Last poll of Chatwoot")

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "connections"
        db_table_comment = "One clinic, one Chatwoot account with a set of inboxes, one Krayin"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.CheckConstraint(
                name="connections_state", condition=Q(state__in=["draft", "shadow", "active", "paused", "off"])
            ),
            models.CheckConstraint(name="connections_preset", condition=Q(preset__in=["contacts", "summary", "text"])),
            models.CheckConstraint(
                name="connections_message_text", condition=Q(message_text__in=["off", "grouped", "each"])
            ),
            models.CheckConstraint(
                name="connections_shared_person", condition=Q(shared_person__in=["hold", "own_lead"])
            ),
            *(
                models.CheckConstraint(
                    name=f"connections_{name}", condition=Q(**{f"{name}__in": ["chatwoot", "krayin", "newest"]})
                )
                for name in ("name_source", "email_source", "phone_source")
            ),
            models.CheckConstraint(
                name="connections_stage_label", condition=Q(stage_label__in=["off", "contact", "conversation"])
            ),
            models.CheckConstraint(
                name="connections_ref_code",
                condition=Q(ref_code__regex=r"^[a-z0-9]{4,8}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audited_clinic_id(self) -> int:
        return self.clinic_id

    @property
    def pipeline_id(self) -> int | None:
        return self.lead_pipeline_id or self.default_pipeline_id

    @property
    def first_stage_id(self) -> int | None:
        return self.lead_pipeline_stage_id or self.default_stage_id

    @property
    def source_id(self) -> int | None:
        return self.lead_source_id or self.default_source_id

    @property
    def type_id(self) -> int | None:
        return self.lead_type_id or self.default_lead_type_id

    @property
    def stages(self) -> list[dict[str, Any]]:
        """Stages of the configured pipeline in their order; empty when the pipeline is not known."""
        return next((p["stages"] for p in self.pipelines if p["id"] == self.pipeline_id), [])

    @property
    def receives(self) -> bool:
        return self.state in {self.State.SHADOW, self.State.ACTIVE, self.State.PAUSED}

    @property
    def troubles(self) -> "list[Breaker]":
        """What stands in the way now, the worst first. Lists prefetch `breakers`."""
        told = [row for row in self.breakers.all() if row.is_told(timezone.now())]
        return sorted(told, key=lambda row: WORST_FIRST.index(Breaker.Of(row.partner)))

    @property
    def problem(self) -> str:
        """Cause of the worst trouble, one of bridge.causes; empty when all is well."""
        return self.troubles[0].problem if self.troubles else ""

    @property
    def problem_since(self) -> datetime | None:
        return self.troubles[0].since if self.troubles else None

    @property
    def paused_until(self) -> datetime:
        """When the partner with the worst trouble is asked again."""
        return self.troubles[0].paused_until if self.troubles else LONG_AGO

    def serves_inbox(self, inbox_id: int | None) -> bool:
        """Whether a conversation of this inbox belongs here; contact events carry no inbox (contract Chatwoot 5.3)."""
        return self.all_inboxes or inbox_id is None or inbox_id in self.inbox_ids


class Breaker(models.Model):
    """A partner that a connection cannot use now (DESIGN section 6). The row exists only as long as the problem does."""

    class Of(models.TextChoices):
        KRAYIN = "krayin", "Krayin"
        CHATWOOT = "chatwoot", "Chatwoot"
        PONTE = "ponte", "Ponte"  # our own defect: stops one lane for a minute, and is told for five

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="breakers")
    partner = models.CharField(max_length=10, choices=Of, db_comment="krayin, chatwoot, or ponte: our own defect")
    problem = models.CharField(max_length=40, db_comment="Why it cannot be used; codes of bridge.causes")
    since = models.DateTimeField(db_comment="First failure of this problem")
    failures_in_a_row = models.PositiveIntegerField(default=1, db_comment="Probes that failed")
    paused_until = models.DateTimeField(
        db_comment="Next probe; until then nobody calls the partner for this connection"
    )

    class Meta:
        db_table = "breakers"
        db_table_comment = "One row per connection and partner that is away; no row means no problem"
        constraints = [
            models.UniqueConstraint(fields=["connection", "partner"], name="breakers_one_per_partner"),
            models.CheckConstraint(name="breakers_partner", condition=Q(partner__in=["krayin", "chatwoot", "ponte"])),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.partner}"

    def is_told(self, now: datetime) -> bool:
        """Our own defects heal without anybody noticing: they are told as long as they are fresh."""
        return self.partner != self.Of.PONTE or self.paused_until > now


WORST_FIRST = [Breaker.Of.KRAYIN, Breaker.Of.CHATWOOT, Breaker.Of.PONTE]


class WebhookSecret(models.Model):
    """A live secret of one direction. Chatwoot makes its own; ours for Krayin travels in a header (contract 13.6)."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="secrets")
    partner = models.CharField(max_length=10, choices=Partner)
    secret = SealedField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    last_matched_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "webhook_secrets"
        db_table_comment = "Secrets that verify incoming webhooks; several may live at once while one replaces another"
        constraints = [
            models.CheckConstraint(name="webhook_secrets_partner", condition=Q(partner__in=["chatwoot", "krayin"]))
        ]

    def __str__(self) -> str:
        return f"{self.partner} {self.pk}"
