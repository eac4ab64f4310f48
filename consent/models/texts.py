"""Texts that people read before they answer: notices, consent texts, replies. Each version is fixed by its hash (lgpd 6)."""

import hashlib
import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.models.staff import Clinic
from consent.models.subjects import DataSubject
from consent.policy import POLICY_CHOICES, POLICY_VALUES

PORTUGUESE = "pt-br"
CONSENT_KIND = "consent"


class TextKind(models.TextChoices):
    """What a text is for. Consent texts exist once per purpose, refusals once per code of lgpd 5.4."""

    PRIVACY_NOTICE = "privacy_notice", _("Privacy notice")
    CHILDREN_NOTICE = "children_notice", _("Notice about children and teenagers")
    TRANSFER_PAGE = "transfer_page", _("International transfers")
    CONSENT = CONSENT_KIND, _("Consent text")
    CONSENT_GIVEN = "consent_given", _("Reply to a yes")
    CONSENT_REFUSED = "consent_refused", _("Reply to a no")
    WITHDRAWAL = "withdrawal", _("Reply to a withdrawal")
    CANCEL_QUESTION = "cancel_question", _("Question after CANCELAR")
    CHANGE_NOTICE = "change_notice", _("Message about a changed text")
    TURNING_ADULT = "turning_adult", _("Question to who turned 18")
    PROTOCOL = "protocol", _("Reply with the protocol")
    IDENTITY_CODE = "identity_code", _("Code that proves who asks")
    REFUSING = "refusing", _("Whether one can say no, and what follows")
    ERASED = "erased", _("Reply to an erasure")
    REFUSAL_LEGAL_RETENTION = "refusal_legal_retention", _("Refusal: the law demands keeping")
    REFUSAL_HOLD = "refusal_hold", _("Refusal: legal hold")
    REFUSAL_NOT_CONTROLLER = "refusal_not_controller", _("Refusal: not our data")
    REFUSAL_IMPOSSIBLE = "refusal_impossible", _("Refusal: impossible")
    REFUSAL_NOT_CONSENT_BASED = "refusal_not_consent_based", _("Refusal: not based on consent")
    REFUSAL_ANONYMISED = "refusal_anonymised", _("Refusal: anonymised")
    REFUSAL_IDENTITY = "refusal_identity", _("Refusal: identity not proven")
    REFUSAL_THIRD_PARTY = "refusal_third_party", _("Refusal: about somebody else")
    REFUSAL_SECRET = "refusal_secret", _("Refusal: trade secret")
    HELP = "help", _("Help text")


class Layout(models.TextChoices):
    """How the clause stands apart from other text (Art. 8 §1); the proof names it."""

    BOX_1 = "box-1", _("Own message, own box, heading in bold")


class TextVersionQuerySet(models.QuerySet["TextVersion"]):
    def of_kind(self, clinic: Clinic, kind: str, purpose: str = "", language: str = PORTUGUESE) -> Self:
        return self.filter(clinic=clinic, kind=kind, purpose=purpose, language=language)

    def in_force(self, now: datetime) -> Self:
        """Approved, begun and not over at `now`; also of moments long past."""
        runs = models.Q(valid_to=None) | models.Q(valid_to__gt=now)
        return self.exclude(state=TextVersion.State.DRAFT).filter(runs, valid_from__lte=now)


class TextVersion(models.Model):
    """One version of a text of a clinic. Once approved its words never change; the database refuses it."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        RETIRED = "retired", _("retired")  # approved, with an end

    class Change(models.TextChoices):
        FIRST = "first", _("first version")
        EDITORIAL = "editorial", _("editorial")
        MATERIAL = "material", _("material")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="texts")
    kind = models.CharField(_("kind of text"), max_length=32, choices=TextKind)
    purpose = models.CharField(
        _("purpose"), max_length=32, choices=POLICY_CHOICES, blank=True, db_comment="Of consent texts; else empty."
    )
    language = models.CharField(_("language"), max_length=10, default=PORTUGUESE)
    number = models.PositiveIntegerField(_("version"), db_comment="Counted per clinic, kind, purpose and language.")
    body = models.TextField(_("text"), db_comment="NFC, lines end in LF. No personal data.")
    consequences = models.TextField(
        _("what happens to who says no"), blank=True, db_comment="Art. 9 §3, 18 VIII; shown after the body."
    )
    layout = models.CharField(
        _("layout"), max_length=16, choices=Layout, blank=True, db_comment="How a consent clause stands apart."
    )
    sha256 = models.CharField(max_length=64, db_comment="Of the exact UTF-8 bytes people see: body and consequences.")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    change = models.CharField(_("change"), max_length=9, choices=Change, blank=True)
    affected_purposes = ArrayField(
        models.CharField(max_length=32, choices=POLICY_CHOICES),
        verbose_name=_("purposes that stop"),
        default=list,
        blank=True,
        db_comment="Of a material change: consents given before valid_from count no longer for these.",
    )
    valid_from = models.DateTimeField(_("valid from"), null=True, blank=True)
    valid_to = models.DateTimeField(_("valid to"), null=True, blank=True, db_comment="Exclusive.")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("approved by"), null=True, blank=True, related_name="+"
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = TextVersionQuerySet.as_manager()

    class Meta:
        db_table = "text_versions"
        db_table_comment = "Texts shown to people, by version (R05). Approved ones keep their words for ever."
        verbose_name = _("text version")
        verbose_name_plural = _("texts and notices")
        ordering: ClassVar = ["kind", "purpose", "language", "-number"]
        default_permissions = ()
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["clinic", "kind", "purpose", "language", "number"], name="uq_text_versions_number"
            ),
            # One draft at a time, and one version without an end.
            models.UniqueConstraint(
                fields=["clinic", "kind", "purpose", "language"],
                name="uq_text_versions_draft",
                condition=models.Q(state="draft"),
            ),
            models.UniqueConstraint(
                fields=["clinic", "kind", "purpose", "language"],
                name="uq_text_versions_open",
                condition=models.Q(state="approved"),
            ),
            models.CheckConstraint(condition=models.Q(kind__in=TextKind.values), name="chk_text_versions_kind"),
            models.CheckConstraint(
                condition=models.Q(kind=CONSENT_KIND, purpose__in=POLICY_VALUES)
                | (~models.Q(kind=CONSENT_KIND) & models.Q(purpose="")),
                name="chk_text_versions_purpose",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", approved_at=None, valid_from=None, valid_to=None)
                | models.Q(state="approved", approved_at__isnull=False, valid_from__isnull=False, valid_to=None)
                | models.Q(
                    state="retired", approved_at__isnull=False, valid_from__isnull=False, valid_to__isnull=False
                ),
                name="chk_text_versions_state",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to=None) | models.Q(valid_to__gte=models.F("valid_from")),
                name="chk_text_versions_period",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft")
                | models.Q(change="first", number=1)
                | models.Q(change__in=["editorial", "material"], number__gt=1),
                name="chk_text_versions_change",
            ),
            # A consent clause stands apart and says what follows a no.
            models.CheckConstraint(
                condition=models.Q(state="draft")
                | ~models.Q(kind=CONSENT_KIND)
                | (~models.Q(layout="") & ~models.Q(consequences="")),
                name="chk_text_versions_clause",
            ),
            models.CheckConstraint(
                condition=models.Q(affected_purposes__contained_by=POLICY_VALUES), name="chk_text_versions_affected"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    @property
    def shown(self) -> str:
        """Exactly what people see: the body, and below it the consequences of saying no."""
        return shown(self.body, self.consequences)

    def is_in_force(self, now: datetime) -> bool:
        begun = self.valid_from is not None and self.valid_from <= now
        return begun and (self.valid_to is None or now < self.valid_to)


def shown(body: str, consequences: str = "") -> str:
    return f"{body}\n\n{consequences}" if consequences else body


def digest(text: str) -> str:
    """SHA-256 of the UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


class ServedText(models.Model):
    """Somebody was shown a version, recorded before any answer (lgpd 4, 6). Insert only."""

    class Channel(models.TextChoices):
        CHAT = "chat", _("chat")
        PAGE = "page", _("public page")
        API = "api", _("API")
        EMAIL = "email", _("e-mail")
        PRINT = "print", _("print")
        DESK = "desk", _("at the desk")
        PHONE = "phone", _("by telephone")

    # With its values filled in; only in memory, right after `consent.texts.serve`.
    shown: str = ""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(
        TextVersion, models.PROTECT, verbose_name=_("text version"), related_name="served", db_index=False
    )
    subject = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("data subject"), related_name="served_texts", db_index=False
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    reference = models.CharField(
        max_length=64, blank=True, db_comment="What carried it: id of a message, effect or form. No personal data."
    )
    sha256 = models.CharField(max_length=64, db_comment="Of the bytes shown, values (protocol, date) filled in.")
    served_at = models.DateTimeField(_("shown at"))
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "served_texts"
        db_table_comment = "Who was shown which version of a text, when, on which channel (R05). Insert only."
        verbose_name = _("text shown")
        verbose_name_plural = _("texts shown")
        default_permissions = ()
        indexes: ClassVar = [
            # What did this person read, newest first?
            models.Index(fields=["subject", "-served_at"], name="idx_served_texts_subject"),
            # To how many was this version shown?
            models.Index(fields=["version", "subject"], name="idx_served_texts_version"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(channel__in=["chat", "page", "api", "email", "print", "desk", "phone"]),
                name="chk_served_texts_channel",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]


class WithdrawalWords(models.Model):
    """With which words people of a clinic withdraw by chat. Rows are versions: the newest begun one counts."""

    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="+", db_index=False)
    words = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("words that withdraw at once"),
        db_comment="Upper case without accents; a message that is only one of them withdraws the optional purposes.",
    )
    asking_words = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("words that withdraw only after a marketing or consent text"),
        db_comment="Else the person is asked what was meant (lgpd 4).",
    )
    window_hours = models.PositiveSmallIntegerField(_("hours after such a text"), default=72)
    bot_words = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("words your bot menus use"),
        default=list,
        blank=True,
        db_comment="For warnings about clashes only.",
    )
    valid_from = models.DateTimeField(_("valid from"))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "withdrawal_words"
        db_table_comment = "Words with which people withdraw by chat, by clinic and version. Insert only."
        verbose_name = _("withdrawal words")
        verbose_name_plural = _("withdrawal words")
        default_permissions = ()
        indexes: ClassVar = [
            # Which words count now?
            models.Index(fields=["clinic", "-valid_from"], name="idx_withdrawal_words_clinic"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(window_hours__gte=1, window_hours__lte=168), name="chk_withdrawal_words_window"
            )
        ]

    def __str__(self) -> str:
        return " ".join(self.words)
