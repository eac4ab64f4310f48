"""How people of the staff prove who they are: second factors, wrong tries, exceptional access."""

import hmac
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from consent.encryption import Actor, Context, SealedField, blind, blinds, open_system, seal_system
from consent.models.staff import Clinic, User
from consent.models.subjects import DataSubject
from consent.policy import PurposeOfUse

STEP_S = 30
STEPS_OFF = 1  # a phone's clock may be half a minute wrong
DIGITS = 6


class TotpDevice(ThrottlingMixin, Device):
    """An authenticator app. As django-otp's own device, except that its key is sealed: a dump makes no codes.

    A row that is not confirmed is an enrolment under way; it opens nothing.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    ref = models.UUIDField(
        default=uuid.uuid4, editable=False, unique=True, db_comment="Part of what the key is tied to."
    )
    secret = SealedField(db_comment="The key shared with the app; encrypted with the system key.")
    last_t = models.BigIntegerField(
        default=-1, db_comment="Time step of the last code; none of it or before opens again."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "totp_devices"
        db_table_comment = "Authenticator apps of the staff; the key is sealed."
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        default_permissions = ()
        constraints: ClassVar = [
            # One in use, and at most one being set up.
            models.UniqueConstraint(fields=["user", "confirmed"], name="uq_totp_devices_user")
        ]

    def __str__(self) -> str:
        return str(self.ref)[:8]

    @property
    def context(self) -> Context:
        return Context("consent.TotpDevice", "secret", str(self.ref))

    def keep(self, key: bytes) -> None:
        """Seal the key; the row is not saved."""
        self.secret = seal_system(key, context=self.context)

    def key(self) -> bytes:
        """The key, for the check of a code and for the picture shown while enrolling."""
        return open_system(
            self.secret, context=self.context, actor=Actor.system("sign_in"), purpose=PurposeOfUse.SYSTEM
        )

    def verify_token(self, token: str) -> bool:
        """Whether this is the code of now. Call with the row locked: a code opens once, also for two at a time."""
        allowed, _why = self.verify_is_allowed()
        if not allowed:
            return False
        totp = TOTP(self.key(), STEP_S, 0, DIGITS)
        totp.time = time.time()
        if not (token.isascii() and token.isdecimal() and totp.verify(int(token), STEPS_OFF, self.last_t + 1)):
            self.throttle_increment(commit=True)
            return False
        self.last_t = totp.t()
        self.throttle_reset(commit=False)
        self.save(update_fields=["last_t", "throttling_failure_timestamp", "throttling_failure_count"])
        return True

    def get_throttle_factor(self) -> int:
        return 1


class RecoveryCodes(ThrottlingMixin, Device):
    """Codes on paper for the day the phone is gone. Each opens once; only keyed digests are kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digests = ArrayField(models.BinaryField(max_length=32), default=list, db_comment="Of the codes not used yet.")
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "recovery_codes"
        db_table_comment = "Recovery codes of the staff: keyed digests of those left."
        verbose_name = _("recovery codes")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints: ClassVar = [models.UniqueConstraint(fields=["user"], name="uq_recovery_codes_user")]

    def __str__(self) -> str:
        return str(self.pk)

    def keep(self, codes: Sequence[str]) -> None:
        """Take these in place of all others; the row is not saved."""
        self.digests = [blind("access", self._told(code)) for code in codes]

    def verify_token(self, token: str) -> bool:
        """Whether the code is one of those left; then it is none any more. Call with the row locked."""
        allowed, _why = self.verify_is_allowed()
        if not allowed or not token:
            return False
        wanted = blinds("access", self._told(token))
        left = [bytes(one) for one in self.digests if not any(hmac.compare_digest(bytes(one), each) for each in wanted)]
        if len(left) == len(self.digests):
            self.throttle_increment(commit=True)
            return False
        self.digests = left
        self.throttle_reset(commit=False)
        self.save(update_fields=["digests", "throttling_failure_timestamp", "throttling_failure_count"])
        return True

    def _told(self, code: str) -> str:
        return f"recovery|{self.user_id}|{code}"

    def get_throttle_factor(self) -> int:
        return 1


class SignInTries(models.Model):
    """Wrong tries at one thing: an account from one address, an account, an address. Digests only, kept two days."""

    class Kind(models.TextChoices):
        PAIR = "pair", _("account and address")
        ACCOUNT = "account", _("account")
        ADDRESS = "address", _("address")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=7, choices=Kind)
    digest = models.BinaryField(max_length=32, db_comment="Keyed digest: says neither who nor where.")
    account = models.BinaryField(
        max_length=32, null=True, db_comment="Digest of the account, for unlocking it; null for an address."
    )
    count = models.PositiveIntegerField(
        default=0, db_comment="Tries since the last good one, those under way included."
    )
    last_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "sign_in_tries"
        db_table_comment = "Wrong tries to sign in, for locking; no names, no addresses."
        default_permissions = ()
        constraints: ClassVar = [models.UniqueConstraint(fields=["digest"], name="uq_sign_in_tries_digest")]
        indexes: ClassVar = [
            # What is old enough to go?
            models.Index(fields=["last_at"], name="idx_sign_in_tries_last"),
            # Which locks belong to this account?
            models.Index(fields=["account"], name="idx_sign_in_tries_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ExceptionalAccess(models.Model):
    """Somebody opened the data of one person beyond their role, for half an hour, with a reason that is reviewed (D5)."""

    LASTS = timedelta(minutes=30)
    REVIEW_WITHIN = timedelta(days=7)

    class Reason(models.TextChoices):
        RISK = "risk_to_the_person", _("Risk to the person's life or health")
        REQUEST = "titular_request", _("Request of the titular that cannot be answered otherwise")
        AUTHORITY = "authority", _("Order of an authority or court")
        INCIDENT = "incident", _("Examining a security incident")
        REPAIR = "repair", _("Repairing wrong or mixed-up data of this person")

    class Verdict(models.TextChoices):
        JUSTIFIED = "justified", _("justified")
        UNJUSTIFIED = "unjustified", _("not justified")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("who"), related_name="exceptional_accesses"
    )
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="+")
    subject = models.ForeignKey(DataSubject, models.PROTECT, verbose_name=_("person"), related_name="+")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    explanation = SealedField(null=True, db_comment="Why, in words; sealed with the person's key.")
    asked_at = models.DateTimeField(_("asked at"), db_comment="When it began.")
    until = models.DateTimeField(_("until"), db_comment="At most 30 minutes later; earlier when ended by hand.")
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("reviewed by"), null=True, related_name="+"
    )
    verdict = models.CharField(_("review"), max_length=11, choices=Verdict, blank=True)

    class Meta:
        db_table = "exceptional_accesses"
        db_table_comment = "Break-glass access to one person's data: who, why, until when, reviewed by whom."
        verbose_name = _("exceptional access")
        verbose_name_plural = _("exceptional accesses")
        ordering: ClassVar = ["-asked_at"]
        default_permissions = ()
        indexes: ClassVar = [
            # Does this person of the staff have access to this person now?
            models.Index(fields=["user", "until"], name="idx_exceptional_user"),
            # What waits for its review?
            models.Index(
                fields=["asked_at"], name="idx_exceptional_open", condition=models.Q(reviewed_at__isnull=True)
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(until__gte=models.F("asked_at")), name="chk_exceptional_until"),
            models.CheckConstraint(
                condition=models.Q(reviewed_by__isnull=True) | ~models.Q(reviewed_by=models.F("user")),
                name="chk_exceptional_other_reviewer",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def explanation_context(self) -> Context:
        return Context("consent.ExceptionalAccess", "explanation", str(self.pk))

    @property
    def review_by(self) -> datetime:
        return self.asked_at + self.REVIEW_WITHIN

    def is_active(self, now: datetime) -> bool:
        return self.until > now

    @staticmethod
    def active_of(user: User, now: datetime) -> models.QuerySet["ExceptionalAccess"]:
        """Those in force for this person of the staff."""
        return ExceptionalAccess.objects.filter(user=user, until__gt=now)
