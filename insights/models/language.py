"""The optional language model of a clinic: who provides it, what it may cost, what was asked; never a text."""

import ipaddress
from decimal import Decimal
from typing import ClassVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from consent.encryption import Context, SealedField
from insights.language.answers import Task

HOME_REGION = "BR"


def is_loopback(address: str) -> bool:
    """Whether an address names this machine."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def validate_address(address: str) -> None:
    """Accept https, and http on this machine only: masked text of patients is still personal data."""
    refused = ValidationError(_("Use an https address; http only for a server on this machine."), code="address")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise refused from None
    plain = parts.scheme == "http" and is_loopback(address)
    if not parts.hostname or parts.username or parts.query or parts.fragment or not (parts.scheme == "https" or plain):
        raise refused


def is_usable(address: str) -> bool:
    """Whether `validate_address` accepts it."""
    try:
        validate_address(address)
    except ValidationError:
        return False
    return True


class LanguageSettings(Audited):
    """A clinic's provider and limits. Off until somebody switches it on."""

    class Kind(models.TextChoices):
        ANTHROPIC = "anthropic", "Anthropic"
        OPENAI = "openai", _("OpenAI or compatible")
        LOCAL = "local", _("own server, compatible with OpenAI")

    clinic = models.OneToOneField(
        "consent.Clinic", models.PROTECT, related_name="language_settings", verbose_name=_("clinic")
    )
    is_on = models.BooleanField(_("switched on"), default=False, editable=False)
    kind = models.CharField(_("provider"), max_length=10, choices=Kind, db_comment="anthropic, openai or local")
    base_url = models.CharField(
        _("address"),
        max_length=200,
        validators=[validate_address],
        help_text=_("For example https://api.anthropic.com or https://api.openai.com/v1"),
    )
    model = models.CharField(_("model"), max_length=100, help_text=_("As the provider writes it, with its version."))
    api_key = SealedField(null=True, editable=False)
    contract = models.CharField(_("contract"), max_length=200, blank=True, help_text=_("Number or date; who signed."))
    region = models.CharField(
        _("country of processing"), max_length=2, blank=True, help_text=_("Two letters, for example BR or US.")
    )
    retention_days = models.PositiveSmallIntegerField(
        _("days the provider keeps what it gets"),
        null=True,
        blank=True,
        help_text=_("As the contract says; 0 for none."),
    )
    training_off = models.BooleanField(_("the contract forbids training with our data"), default=False)
    transfer_clauses = models.CharField(
        _("clauses for the transfer abroad"),
        max_length=200,
        blank=True,
        help_text=_("Needed outside Brazil: ANPD Resolution 19/2024."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    price_in = models.DecimalField(
        _("price of a million tokens sent"), max_digits=9, decimal_places=4, default=Decimal(0),
        validators=[MinValueValidator(0)],
    )  # fmt: skip
    price_out = models.DecimalField(
        _("price of a million tokens answered"), max_digits=9, decimal_places=4, default=Decimal(0),
        validators=[MinValueValidator(0)],
    )  # fmt: skip
    calls_per_day = models.PositiveIntegerField(_("calls a day"), default=50)
    calls_per_month = models.PositiveIntegerField(_("calls a month"), default=500)
    cost_per_day = models.DecimalField(
        _("cost a day"), max_digits=9, decimal_places=2, default=Decimal(2), validators=[MinValueValidator(0)]
    )
    cost_per_month = models.DecimalField(
        _("cost a month"), max_digits=9, decimal_places=2, default=Decimal(20), validators=[MinValueValidator(0)]
    )
    timeout_s = models.PositiveSmallIntegerField(
        _("seconds to wait for an answer"), default=20, validators=[MinValueValidator(2), MaxValueValidator(60)]
    )
    failures = models.PositiveSmallIntegerField(default=0, editable=False, db_comment="In a row")
    paused_until = models.DateTimeField(null=True, editable=False, db_comment="Nobody asks before, after failures")

    class Meta:
        db_table = "language_settings"
        db_table_comment = "Language model of a clinic: provider, contract, limits, breaker; off by default"
        verbose_name = _("language model")
        verbose_name_plural = _("language model")
        ordering: ClassVar = ["clinic__trade_name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="language_settings_kind", condition=Q(kind__in=["anthropic", "openai", "local"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.model}"

    @property
    def audited_clinic_id(self) -> int:
        return self.clinic_id

    @property
    def key_context(self) -> Context:
        return Context("insights.LanguageSettings", "api_key", str(self.clinic_id))

    def missing(self) -> list[str | Promise]:
        """What must be known before anything may leave (reference, section 9); empty when complete."""
        needs: list[tuple[bool, str | Promise]] = [
            (not is_usable(self.base_url), _("address")),
            (not self.model, _("model")),
        ]
        if self.kind != self.Kind.LOCAL:
            needs.append((not self.api_key, _("key")))
            needs.append((self.price_in <= 0 or self.price_out <= 0, _("prices")))
        # The own model on this machine reaches nobody else; anything else on it may only pass things on.
        if self.kind != self.Kind.LOCAL or not is_loopback(self.base_url):
            abroad = self.region.upper() != HOME_REGION
            needs += [
                (not self.contract, _("contract")),
                (not self.region, _("country of processing")),
                (self.retention_days is None, _("days the provider keeps what it gets")),
                (not self.training_off, _("that training is forbidden")),
                (bool(self.region) and abroad and not self.transfer_clauses, _("clauses for the transfer abroad")),
            ]
        return [name for is_missing, name in needs if is_missing]


class LanguageStop(Audited):
    """The kill switch: while its one row exists nothing leaves, from any clinic."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField(db_default=Now(), db_comment="Since when")
    by = models.ForeignKey("consent.User", models.SET_NULL, null=True, db_index=False, related_name="+")

    class Meta:
        db_table = "language_stop"
        db_table_comment = "Kill switch of the language model: a row stops it for every clinic"
        verbose_name = _("stop of the language model")
        constraints: ClassVar = [models.CheckConstraint(name="language_stop_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.at}"


class LanguageCall(models.Model):
    """One question: who, when, what for, to whom, how much, how it ended. Also those that were never sent."""

    class Outcome(models.TextChoices):
        REFUSED = "refused", _("not sent")
        SENT = "sent", _("sent")  # no answer yet, or the process died waiting for it
        ANSWERED = "answered", _("answered")
        FAILED = "failed", _("no usable answer")
        DISCARDED = "discarded", _("answer discarded")

    id = models.BigAutoField(primary_key=True)
    clinic = models.ForeignKey("consent.Clinic", models.PROTECT, db_index=False, related_name="+")
    conversation = models.ForeignKey(
        "bridge.ObservedConversation", models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    by = models.ForeignKey("consent.User", models.SET_NULL, null=True, db_index=False, related_name="+")
    task = models.CharField(max_length=10, choices=Task, db_comment="summary, order or draft")
    asked_at = models.DateTimeField(db_comment="When it was asked")
    sent_at = models.DateTimeField(null=True, db_comment="When it was given to the provider; NULL: nothing left")
    provider = models.CharField(max_length=10, blank=True, db_comment="anthropic, openai or local")
    model = models.CharField(max_length=100, blank=True, db_comment="Model asked")
    prompt_version = models.CharField(max_length=10, db_comment="Version of our own instructions")
    input_digest = models.BinaryField(null=True, db_comment="Keyed digest of the masked input")
    input_chars = models.IntegerField(default=0, db_comment="Length of the masked input")
    tokens_in = models.IntegerField(null=True, db_comment="As the provider counted; NULL: it did not say")
    tokens_out = models.IntegerField(null=True, db_comment="As the provider counted; NULL: it did not say")
    cost = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal(0), db_comment="The worst case until the answer tells"
    )
    outcome = models.CharField(max_length=10, choices=Outcome, db_comment="refused, sent, answered, failed, discarded")
    reason = models.CharField(max_length=40, blank=True, db_comment="Code: why not sent, failed or discarded")

    class Meta:
        db_table = "language_calls"
        db_table_comment = "Questions to language models: sizes, digests, cost, outcome; never a text"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="language_calls_outcome",
                condition=Q(outcome__in=["refused", "sent", "answered", "failed", "discarded"]),
            ),
            models.CheckConstraint(
                name="language_calls_sent",
                condition=Q(outcome="refused", sent_at__isnull=True, cost=0)
                | (~Q(outcome="refused") & Q(sent_at__isnull=False, cost__gte=0)),
            ),
        ]
        indexes: ClassVar = [
            # What a clinic used since some moment; its last questions.
            models.Index(fields=["clinic", "-asked_at"], name="language_calls_clinic"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.outcome}"
