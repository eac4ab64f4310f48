"""What happened about consent, with everything lgpd section 4 asks for; and who said no to marketing for good."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.models.facts import ConsentRecord
from consent.models.staff import Clinic, User
from consent.models.subjects import ContactPoint, DataSubject


class ConsentEvent(models.Model):
    """One event about one purpose. The state is computed from the events; the database refuses changes.

    Acts of the person (and their end by DPO or clinic) each have one row of `consent_records`; a question has none.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("was asked")
        REQUEST_DEFERRED = "request_deferred", _("asked later")
        REFUSED = "refused", _("refused")
        GIVEN = "given", _("given")
        RENEWED = "renewed", _("renewed")
        EXPIRED = "expired", _("no longer valid")
        WITHDRAWN = "withdrawn", _("taken back")
        INVALIDATED = "invalidated", _("invalidated")
        TERMINATED = "terminated", _("ended by the clinic")
        UNKNOWN = "unknown", _("unknown")

    class Channel(models.TextChoices):
        CHAT = "chat", _("conversation")
        PAGE = "page", _("signed page")
        IN_PERSON = "in_person", _("in person")
        PHONE = "phone", _("telephone")
        LETTER = "letter", _("letter or e-mail")
        API = "api", "API"
        STAFF = "staff", _("entered by staff")

    class EventType(models.TextChoices):
        EXPLICIT = "explicit", _("express")
        SPECIFIC = "specific_highlighted", _("specific and highlighted")

    class Evidence(models.TextChoices):
        MESSAGE = "message", _("message")
        FORM = "form", _("form")
        FILE = "file", _("signed file")
        AUDIO = "audio", _("recording")

    class Reason(models.TextChoices):
        """Why a consent was ended without the person."""

        NOT_INFORMED = "not_informed", _("the person was not informed as the law asks")
        NOT_FREE = "not_free", _("it was not given freely")
        WRONG_PERSON = "wrong_person", _("it was another person")
        NO_PROOF = "no_proof", _("the proof does not hold")
        AUTHORITY = "authority", _("order of the authority")
        PURPOSE_ENDED = "purpose_ended", _("the clinic ended the purpose")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("person"), related_name="consent_events", db_index=False
    )
    record = models.OneToOneField(
        ConsentRecord, models.PROTECT, null=True, related_name="event", db_comment="Acts only; a question has none."
    )
    consent_type = models.CharField(_("purpose"), max_length=50, choices=ConsentRecord.Type)
    state = models.CharField(_("state"), max_length=20, choices=State)
    event_time = models.DateTimeField(_("when"), db_comment="When the person acted, not when it was written down.")
    valid_until = models.DateTimeField(_("valid until"), null=True, db_comment="Null: until withdrawn.")
    base = models.CharField(_("legal base"), max_length=10, blank=True)
    event_type = models.CharField(max_length=20, choices=EventType, blank=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    text_version = models.ForeignKey(
        "consent.TextVersion", models.PROTECT, verbose_name=_("text"), null=True, related_name="+", db_index=False
    )
    served = models.ForeignKey(
        "consent.ServedText",
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_comment="The showing of the text, recorded before the answer.",
    )
    evidence_kind = models.CharField(_("evidence"), max_length=8, choices=Evidence, blank=True)
    evidence_ref = models.CharField(max_length=120, blank=True, db_comment="Ids only, e.g. chatwoot:<connection>:<id>.")
    evidence_sha256 = models.BinaryField(null=True, max_length=32)
    actor_type = models.CharField(max_length=8, db_comment="Who wrote it down: person, staff, system, remote.")
    actor_ref = models.CharField(max_length=64, blank=True)
    collected_by = models.ForeignKey(
        User, models.PROTECT, verbose_name=_("collected by"), null=True, related_name="+", db_index=False
    )
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True)
    guardian = models.ForeignKey(
        DataSubject,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_comment="Who acted for a minor (Art. 14).",
    )
    previous = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)
    principal_proofs = ArrayField(
        models.BinaryField(max_length=32),
        default=list,
        db_comment="HMAC under a key of its own over each contact and this id; survives erasure.",
    )
    document = models.TextField(
        blank=True, db_comment="The record of lgpd section 4 in canonical JSON; what is signed."
    )
    record_hash = models.BinaryField(null=True, max_length=32)
    signature = models.BinaryField(null=True, max_length=64)
    key_version = models.PositiveIntegerField(null=True, db_comment="Which receipt key signed it.")
    recorded_at = models.DateTimeField(_("recorded"), db_default=Now(), editable=False)

    class Meta:
        db_table = "consent_events"
        db_table_comment = "LGPD Art. 8 §2: what happened about each consent, with its proof; insert only (R05)."
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes: ClassVar = [
            # The state of one purpose of one person, and the history of both.
            models.Index(fields=["subject", "consent_type", "-recorded_at"], name="idx_consent_events_subject"),
            # Screen C4, newest first.
            models.Index(fields=["-recorded_at", "id"], name="idx_consent_events_recorded"),
        ]
        constraints: ClassVar = [
            # The same message says a thing once, however often it is read.
            models.UniqueConstraint(
                fields=["evidence_ref", "subject", "consent_type", "state"],
                name="uq_consent_events_evidence",
                condition=~models.Q(evidence_ref=""),
            ),
            models.CheckConstraint(
                name="chk_consent_events_type",
                condition=models.Q(consent_type__in=["data_processing", "marketing", "health_data", "language_model"]),
            ),
            models.CheckConstraint(
                name="chk_consent_events_state",
                condition=models.Q(
                    state__in=["refused", "given", "renewed", "withdrawn", "invalidated", "terminated"],
                    record__isnull=False,
                )
                | models.Q(state__in=["requested", "request_deferred", "expired", "unknown"], record__isnull=True),
            ),
            models.CheckConstraint(
                name="chk_consent_events_channel",
                condition=models.Q(channel__in=["chat", "page", "in_person", "phone", "letter", "api", "staff"]),
            ),
            models.CheckConstraint(
                name="chk_consent_events_kind",
                condition=models.Q(event_type__in=["", "explicit", "specific_highlighted"])
                & models.Q(evidence_kind__in=["", "message", "form", "file", "audio"])
                & models.Q(actor_type__in=["person", "staff", "system", "remote"]),
            ),
            # Never only "checked by staff".
            models.CheckConstraint(
                name="chk_consent_events_proved",
                condition=~models.Q(state__in=["refused", "given", "renewed", "withdrawn"])
                | (~models.Q(evidence_kind="") & models.Q(evidence_sha256__isnull=False)),
            ),
            # Nobody agrees to what was not shown.
            models.CheckConstraint(
                name="chk_consent_events_shown",
                condition=~models.Q(state__in=["refused", "given", "renewed"])
                | models.Q(text_version__isnull=False, served__isnull=False),
            ),
            models.CheckConstraint(
                name="chk_consent_events_reasoned",
                condition=~models.Q(state__in=["invalidated", "terminated"]) | ~models.Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.consent_type} {self.state}"


class Suppression(models.Model):
    """A contact that said no to marketing (R04s): asked before any marketing is sent, also after an erasure."""

    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=ContactPoint.Kind)
    digest = models.BinaryField(
        max_length=32, db_comment="Keyed digest of the normalised contact, as in contact_points."
    )
    created_at = models.DateTimeField(db_comment="When the person said no.")

    class Meta:
        db_table = "suppressions"
        db_table_comment = "R04s: keyed digests of contacts that said no; kept while marketing exists."
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints: ClassVar = [
            # Serves the look-up before a send, too.
            models.UniqueConstraint(fields=["clinic", "kind", "digest"], name="uq_suppressions_contact"),
            models.CheckConstraint(
                name="chk_suppressions_kind", condition=models.Q(kind__in=["phone", "email", "identifier"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ConsentLink(models.Model):
    """A signed address for one person and one task: to answer (G4) or to take back (G5). The address itself is kept
    nowhere."""

    class Kind(models.TextChoices):
        ANSWER = "answer", _("answer")
        WITHDRAW = "withdraw", _("take back")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(DataSubject, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    consent_types = ArrayField(models.CharField(max_length=50, choices=ConsentRecord.Type), default=list)
    expires_at = models.DateTimeField()
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, db_comment="Sent by e-mail; null when it was handed over otherwise.")
    sent_ref = models.CharField(max_length=200, blank=True, db_comment="Id of the letter.")
    sent_sha256 = models.CharField(max_length=64, blank=True, db_comment="Of exactly what the letter said.")

    class Meta:
        db_table = "consent_links"
        db_table_comment = "Links of the public consent pages: whose, for what, until when; not the address."
        verbose_name = _("consent link")
        verbose_name_plural = _("consent links")
        constraints: ClassVar = [
            models.CheckConstraint(name="chk_consent_links_kind", condition=models.Q(kind__in=["answer", "withdraw"]))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
