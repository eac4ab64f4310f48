"""Requests of data subjects: what was asked, each right with its clock and state, how identity was proved (lgpd 5)."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from consent.encryption import Context, SealedField
from consent.models.staff import Clinic
from consent.models.subjects import ContactPoint, DataSubject
from consent.requests.rules import Regime, Right
from consent.requests.states import CLOSED, OPEN_STATES, State


class DataRequest(models.Model):
    """One message of a person. `holder` owns the key of the file: the file outlives the erasure of `subject` (R06)."""

    class Channel(models.TextChoices):
        FORM = "form", _("Privacy page")
        CHAT = "chat", _("Chat")
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Telephone")
        IN_PERSON = "in_person", _("In person")
        LETTER = "letter", _("Letter")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    protocol = models.CharField(_("protocol"), max_length=14, unique=True, db_comment="Year and eight random signs.")
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="requests")
    holder = models.OneToOneField(
        DataSubject,
        models.PROTECT,
        related_name="request_file",
        db_comment="Nobody's row: only the key that seals this file.",
    )
    subject = models.ForeignKey(
        DataSubject,
        models.PROTECT,
        verbose_name=_("titular"),
        null=True,
        related_name="requests",
        db_comment="Who asks; null while unknown.",
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    received_at = models.DateTimeField(_("received"), db_comment="Starts every clock; never changes.")
    regime = models.CharField(_("regime"), max_length=5, choices=Regime)
    rules_version = models.CharField(_("version of the rules"), max_length=20)
    text = SealedField(null=True, db_comment="What the person wrote or said, word for word.")
    contact = SealedField(null=True, db_comment="Where the person says to be reached.")
    contact_kind = models.CharField(max_length=10, choices=ContactPoint.Kind, blank=True)
    contact_blind = models.BinaryField(max_length=32, null=True, db_comment="Keyed digest; finds doubles. Null later.")
    contact_mask = models.CharField(_("contact"), max_length=32, blank=True)
    by_representative = models.BooleanField(_("asked by a representative"), default=False)
    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, verbose_name=_("repeats"), null=True, related_name="duplicates"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, verbose_name=_("responsible"), null=True, related_name="+"
    )
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_comment="Staff who wrote it down."
    )
    evidence_ref = models.CharField(
        max_length=80, blank=True, db_comment="The person's own message that asks: proves control of its channel."
    )
    evidence_sha256 = models.CharField(max_length=64, blank=True, db_comment="Of that message's text.")
    facts_tried = models.PositiveSmallIntegerField(default=0, db_comment="Wrong answers to the question of fact.")
    fact_proved_at = models.DateTimeField(_("fact confirmed at"), null=True)
    seen_in_person_at = models.DateTimeField(_("seen in person at"), null=True)
    seen_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "data_requests"
        db_table_comment = "Requests of data subjects (LGPD Art. 18), one row per message (R06)."
        verbose_name = _("request of a titular")
        verbose_name_plural = _("requests of titulares")
        default_permissions = ()
        indexes: ClassVar = [
            # Has this contact asked the same before?
            models.Index(fields=["clinic", "contact_blind"], name="idx_data_requests_contact"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(channel__in=["form", "chat", "email", "phone", "in_person", "letter"]),
                name="chk_data_requests_channel",
            ),
            models.CheckConstraint(condition=models.Q(regime__in=Regime.values), name="chk_data_requests_regime"),
            models.CheckConstraint(
                condition=models.Q(seen_in_person_at__isnull=True) | models.Q(seen_by__isnull=False),
                name="chk_data_requests_seen",
            ),
        ]

    def __str__(self) -> str:
        return self.protocol

    @property
    def asker(self) -> DataSubject:
        """The person, or the holder of the file while nobody is known: both are treated by the same statements."""
        return self.subject or self.holder

    def place(self, field: str) -> Context:
        return Context("consent.DataRequest", f"request_{field}", str(self.pk))


class RequestItem(models.Model):
    """One right asked for, with its own clock. `due_at` never changes; the database refuses it."""

    class Decision(models.TextChoices):
        GRANT = "grant", _("grant")
        PART = "part", _("grant in part")
        REFUSE = "refuse", _("refuse")

    class Verified(models.TextChoices):
        CHECKED = "checked", _("everything was read back")
        NOTHING_DONE = "nothing_done", _("nothing had to be carried out")
        EXCEPTION = "exception", _("exception of the data protection officer")

    class Route(models.TextChoices):
        CHAT = "chat", _("Chat")
        EMAIL = "email", _("E-mail")
        PAGE = "page", _("Privacy page, after the code")
        PRINT = "print", _("Printed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(DataRequest, models.PROTECT, related_name="items")
    right = models.CharField(_("right"), max_length=3, choices=Right, db_column="right_code")
    state = models.CharField(_("state"), max_length=22, choices=State, default=State.RECEIVED)
    received_at = models.DateTimeField()
    due_at = models.DateTimeField(_("due"))
    has_health_content = models.BooleanField(_("the answer holds health data"), default=False)
    decision = models.CharField(_("decision"), max_length=6, choices=Decision, blank=True)
    refusal_code = models.CharField(_("reason of refusal"), max_length=20, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    verified = models.CharField(max_length=12, choices=Verified, blank=True)
    answer = SealedField(null=True, db_comment="What is told to the person.")
    answer_sha256 = models.CharField(max_length=64, blank=True, db_comment="Of the text of the answer.")
    sent_at = models.DateTimeField(_("answered at"), null=True)
    sent_by_route = models.CharField(max_length=5, choices=Route, blank=True)
    proof = models.CharField(max_length=200, blank=True, db_comment="Id of the message, of the code, or of the paper.")
    proof_sha256 = models.CharField(max_length=64, blank=True, db_comment="Of exactly what was sent or handed over.")

    class Meta:
        db_table = "data_request_items"
        db_table_comment = "One right of a request: its clock, state, decision, answer and proof of sending."
        verbose_name = _("right asked for")
        verbose_name_plural = _("rights asked for")
        default_permissions = ()
        ordering: ClassVar = ["due_at", "right"]
        indexes: ClassVar = [
            # What is due next?
            models.Index(
                fields=["due_at"], name="idx_request_items_open", condition=models.Q(state__in=sorted(OPEN_STATES))
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "right"], name="uq_request_items_right"),
            models.CheckConstraint(condition=models.Q(right__in=Right.values), name="chk_request_items_right"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="chk_request_items_state"),
            models.CheckConstraint(
                condition=~models.Q(state=CLOSED)
                | (models.Q(sent_at__isnull=False) & ~models.Q(proof_sha256="") & ~models.Q(verified="")),
                name="chk_request_items_closed",
            ),
            models.CheckConstraint(
                condition=models.Q(sent_at__isnull=True, proof_sha256="")
                | (models.Q(sent_at__isnull=False) & ~models.Q(answer_sha256="") & ~models.Q(proof_sha256="")),
                name="chk_request_items_proof",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.right} {self.state}"

    def place(self, field: str) -> Context:
        return Context("consent.RequestItem", f"request_{field}", str(self.pk))

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_on_its_way(self) -> bool:
        """Taken over by a way that sends later; nothing proves it yet."""
        return bool(self.sent_by_route) and self.sent_at is None

    def is_overdue(self, now: datetime) -> bool:
        return self.is_open and now > self.due_at


class RequestStep(models.Model):
    """One transition. Insert-only: the database refuses changes."""

    id = models.BigAutoField(primary_key=True)
    item = models.ForeignKey(RequestItem, models.PROTECT, related_name="steps")
    from_state = models.CharField(max_length=22, blank=True)
    to_state = models.CharField(max_length=22, choices=State)
    actor_kind = models.CharField(max_length=6)
    actor_ref = models.CharField(max_length=64)
    reason = models.CharField(max_length=40, blank=True, db_comment="A short code.")
    rules_version = models.CharField(max_length=20)
    at = models.DateTimeField()

    class Meta:
        db_table = "data_request_steps"
        db_table_comment = "Every transition of a right asked for: who, when, why, by which rules. Insert only."
        default_permissions = ()
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class RequestNote(models.Model):
    """Words behind a step: why an exception, why not health data, why this regime. Sealed with the file's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(DataRequest, models.PROTECT, related_name="notes")
    about = models.CharField(max_length=40)
    text = SealedField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "data_request_notes"
        db_table_comment = "Reasons in words given by the data protection officer; sealed."
        default_permissions = ()
        ordering: ClassVar = ["at"]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def text_context(self) -> Context:
        return Context("consent.RequestNote", "request_note", str(self.pk))


class IdentityCode(models.Model):
    """A code sent to a contact. Only its keyed digest is kept; at most one of a request is open."""

    class Outcome(models.TextChoices):
        VERIFIED = "verified", _("typed right")
        EXHAUSTED = "exhausted", _("too many wrong tries")
        REPLACED = "replaced", _("replaced by another code")
        EXPIRED = "expired", _("expired")
        NOT_SENT = "not_sent", _("could not be sent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(DataRequest, models.PROTECT, related_name="codes")
    contact_kind = models.CharField(max_length=10, choices=ContactPoint.Kind)
    contact_blind = models.BinaryField(max_length=32)
    is_registered = models.BooleanField(db_comment="The clinic knew the contact of this person before; told to nobody.")
    digest = models.BinaryField(max_length=32, db_comment="Keyed digest of request and code.")
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    waits = models.BooleanField(default=False, db_comment="To be sent by the chat; no code was made for it yet.")
    tries = models.PositiveSmallIntegerField(default=0, db_comment="Counted before a try is looked at.")
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)

    class Meta:
        db_table = "identity_codes"
        db_table_comment = "Codes by which people prove that they read a contact; digests only."
        default_permissions = ()
        ordering: ClassVar = ["sent_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["request"], name="uq_identity_codes_open", condition=models.Q(closed_at__isnull=True)
            ),
            models.CheckConstraint(condition=models.Q(tries__lte=5), name="chk_identity_codes_tries"),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, outcome="")
                | (models.Q(closed_at__isnull=False) & ~models.Q(outcome="")),
                name="chk_identity_codes_closed",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]


class RepresentativeDocument(models.Model):
    """What a representative showed (R14): sealed until somebody decides, gone after, the result stays."""

    class Relation(models.TextChoices):
        ATTORNEY = "attorney", _("holder of a power of attorney")
        GUARDIAN = "guardian", _("parent or legal guardian")
        HEIR = "heir", _("heir or executor")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(DataRequest, models.PROTECT, related_name="documents")
    relation = models.CharField(_("relation"), max_length=8, choices=Relation)
    content = SealedField(null=True, db_comment="The document in Base64; null from the decision on.")
    sha256 = models.CharField(max_length=64, db_comment="Of the document.")
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    accepted = models.BooleanField(_("accepted"), null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "representative_documents"
        db_table_comment = "Documents of representatives: sealed, deleted with the decision, the result kept (R14)."
        verbose_name = _("document of a representative")
        default_permissions = ()
        ordering: ClassVar = ["received_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(decided_at__isnull=True, accepted__isnull=True)
                | models.Q(decided_at__isnull=False, accepted__isnull=False, content__isnull=True),
                name="chk_representative_documents_gone",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def content_context(self) -> Context:
        return Context("consent.RepresentativeDocument", "request_document", str(self.pk))


class DeadlineRegime(models.Model):
    """The clinic's regime of deadlines, decided by the data protection officer; the newest counts, none means full."""

    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="regimes")
    regime = models.CharField(_("regime"), max_length=5, choices=Regime)
    reason = models.CharField(_("reason"), max_length=500)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(_("decided at"), db_default=Now())

    class Meta:
        db_table = "deadline_regimes"
        verbose_name = _("deadlines of requests")
        verbose_name_plural = _("deadlines of requests")
        db_table_comment = "Res. CD/ANPD 2/2022: full or small regime, with the recorded reason. Insert only."
        default_permissions = ()
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(regime__in=Regime.values), name="chk_deadline_regimes_regime"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="chk_deadline_regimes_reason"),
        ]

    def __str__(self) -> str:
        return self.regime
