"""What stands between a person's data and their processing or removal: legal holds, blocking, opposition, minority."""

import uuid
from datetime import date, datetime, timedelta
from typing import ClassVar, Self

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.encryption import Context, SealedField
from consent.models.staff import Clinic
from consent.models.subjects import DataSubject
from consent.policy import POLICY_CHOICES, POLICY_VALUES

SHA256 = r"^[0-9a-f]{64}$"
# Twelve months, the longest of them.
LONGEST_REVIEW = timedelta(days=366)


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def active(self) -> Self:
        return self.filter(released_at=None)

    def touching(self, subject: DataSubject) -> Self:
        """Holds on the person or part of their data, and those on a category or everything of the clinic."""
        return self.filter(models.Q(subject=subject) | models.Q(subject=None, clinic=subject.clinic_id))


class LegalHold(models.Model):
    """An order or need to keep data (lgpd 3.4). While it lasts nothing under it is removed, whatever is due or asked."""

    class Scope(models.TextChoices):
        PERSON = "person", _("person")
        CONVERSATION = "conversation", _("conversation")
        OBJECT = "object", _("single record")
        CATEGORY = "category", _("data category")
        ALL = "all", _("all data of the clinic")

    class Reason(models.TextChoices):
        JUDICIAL_ORDER = "judicial_order", _("Order of a court")
        ADMINISTRATIVE_PROCEEDING = "administrative_proceeding", _("Administrative proceeding")
        AUTHORITY_REQUEST = "authority_request", _("Request of an authority")
        OWN_DEFENCE = "own_defence", _("Own defence in a dispute")
        MEDICAL_COMMISSION = "medical_commission", _("Medical records commission")

    class Release(models.TextChoices):
        ORDER_LIFTED = "order_lifted", _("The order was lifted")
        PROCEEDING_OVER = "proceeding_over", _("The proceeding is over")
        CLAIM_EXPIRED = "claim_expired", _("No claim can be made any more")
        REPLACED = "replaced", _("Another hold takes its place")
        MISTAKE = "mistake", _("It was placed by mistake")

    # Somebody else demands it and a paper says so.
    ORDERED: ClassVar = (Reason.JUDICIAL_ORDER, Reason.ADMINISTRATIVE_PROCEEDING, Reason.AUTHORITY_REQUEST)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, verbose_name=_("clinic"), related_name="holds", db_index=False)
    scope = models.CharField(_("what is frozen"), max_length=12, choices=Scope)
    subject = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("person"), null=True, blank=True, related_name="holds",
        db_index=False,
    )  # fmt: skip
    category = models.CharField(
        _("data category"), max_length=4, blank=True, db_comment="Code of the retention table; of scope category."
    )
    object_type = models.CharField(
        max_length=32, blank=True, db_comment="Of scope object: message, lead, quote, file, …"
    )
    object_id = models.CharField(
        _("number"), max_length=64, blank=True, db_comment="Number of the conversation or record at the partner."
    )
    reason = models.CharField(_("reason"), max_length=26, choices=Reason)
    explanation = SealedField(null=True, db_comment="In words; sealed with the person's key.")
    clinic_explanation = SealedField(null=True, db_comment="In words, of holds on no single person; system key.")
    document = models.CharField(_("document"), max_length=120, db_comment="Number of the order or file; no names.")
    document_sha256 = models.CharField(max_length=64, blank=True, db_comment="Of the file the clinic keeps.")
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("placed by"), related_name="+"
    )
    placed_at = models.DateTimeField(_("placed at"))
    review_on = models.DateField(_("review by"), db_comment="At most 12 months after the last review.")
    reviewed_at = models.DateTimeField(_("last review"), db_comment="When it was placed, or last found still needed.")
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("reviewed by"), related_name="+"
    )
    released_at = models.DateTimeField(_("released at"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("released by"), null=True, blank=True, related_name="+"
    )
    release_reason = models.CharField(_("reason of the release"), max_length=15, choices=Release, blank=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        db_table = "legal_holds"
        db_table_comment = "Legal holds: what may not be removed, by whose order, until when to review."
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering: ClassVar = ["review_on", "placed_at"]
        default_permissions = ()
        indexes: ClassVar = [
            # What holds this person's data?
            models.Index(fields=["subject"], name="idx_legal_holds_subject", condition=models.Q(released_at=None)),
            # What is frozen in this clinic, and what is to be reviewed first?
            models.Index(
                fields=["clinic", "review_on"], name="idx_legal_holds_clinic", condition=models.Q(released_at=None)
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(scope="person", subject__isnull=False, category="", object_type="", object_id="")
                | (models.Q(scope="conversation", subject__isnull=False, category="", object_type="")
                   & ~models.Q(object_id=""))
                | (models.Q(scope="object", subject__isnull=False, category="")
                   & ~models.Q(object_type="") & ~models.Q(object_id=""))
                | (models.Q(scope="category", object_type="", object_id="") & ~models.Q(category=""))
                | models.Q(scope="all", subject__isnull=True, category="", object_type="", object_id=""),
                name="chk_legal_holds_scope",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=["judicial_order", "administrative_proceeding", "authority_request", "own_defence",
                                "medical_commission"]
                ),
                name="chk_legal_holds_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=["own_defence", "medical_commission"])
                | models.Q(document_sha256__regex=SHA256),
                name="chk_legal_holds_document",
            ),
            models.CheckConstraint(
                condition=models.Q(review_on__lte=models.F("reviewed_at") + LONGEST_REVIEW),
                name="chk_legal_holds_review",
            ),
            models.CheckConstraint(
                condition=models.Q(released_at=None, released_by=None, release_reason="")
                | (models.Q(released_at__isnull=False, released_by__isnull=False) & ~models.Q(release_reason="")),
                name="chk_legal_holds_release",
            ),
            models.CheckConstraint(
                condition=models.Q(subject=None, explanation__isnull=True)
                | models.Q(subject__isnull=False, clinic_explanation__isnull=True),
                name="chk_legal_holds_explanation",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return str(self.pk)[:8]

    @property
    def explanation_context(self) -> Context:
        return Context("consent.LegalHold", "explanation", str(self.pk))

    @property
    def clinic_explanation_context(self) -> Context:
        return Context("consent.LegalHold", "clinic_explanation", str(self.pk))

    @property
    def is_active(self) -> bool:
        return self.released_at is None

    def covers(self, *, category: str = "", conversation: str = "", record: tuple[str, str] | None = None) -> bool:
        """Whether this part of the person's data lies under the hold; without a part, whether any of it does."""
        is_whole = not (category or conversation or record)
        match LegalHold.Scope(self.scope):
            case LegalHold.Scope.CATEGORY:
                return is_whole or category == self.category
            case LegalHold.Scope.CONVERSATION:
                return is_whole or conversation == self.object_id
            case LegalHold.Scope.OBJECT:
                return is_whole or record == (self.object_type, self.object_id)
            case _:
                return True


class Restriction(models.Model):
    """Blocking (Art. 5 XIII) or opposition to a purpose (Art. 18 §2): the data stay, their use does not. Rows never go."""

    class Kind(models.TextChoices):
        BLOCK = "block", _("blocking")
        OPPOSITION = "opposition", _("opposition")

    class Reason(models.TextChoices):
        REQUEST = "request", _("Request of the titular")
        AUTHORITY = "authority", _("Order of an authority or court")
        DPO = "dpo", _("Decision of the data protection officer")
        ACCURACY = "accuracy", _("Doubt whether the data are right or theirs")
        ERASURE = "erasure", _("An erasure is being prepared")
        HOLD = "hold", _("Removal is due, but a legal hold keeps the data")
        LEGAL_MINIMUM = "legal_minimum", _("Removal is due, but the law demands keeping")
        INCIDENT = "incident", _("A security incident is being examined")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("person"), related_name="restrictions", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    reason = models.CharField(_("reason"), max_length=13, choices=Reason)
    purpose = models.CharField(
        _("purpose"), max_length=32, choices=POLICY_CHOICES, blank=True, db_comment="Of oppositions."
    )
    began_at = models.DateTimeField(_("since"))
    began_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), null=True, related_name="+",
        db_comment="Null: one of our jobs, or the person.",
    )  # fmt: skip
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "restrictions"
        db_table_comment = "Blocking and opposition of people: why, since when, until when, by whom."
        verbose_name = _("restriction")
        verbose_name_plural = _("restrictions")
        default_permissions = ()
        indexes: ClassVar = [
            # What stands in the way of this person's processing, and what did?
            models.Index(fields=["subject", "-began_at"], name="idx_restrictions_subject"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject", "kind", "reason", "purpose"],
                name="uq_restrictions_open",
                condition=models.Q(ended_at=None),
            ),
            models.CheckConstraint(
                condition=models.Q(kind="block", purpose="")
                | models.Q(kind="opposition", reason="request", purpose__in=POLICY_VALUES),
                name="chk_restrictions_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=["request", "authority", "dpo", "accuracy", "erasure", "hold", "legal_minimum",
                                "incident"]
                ),
                name="chk_restrictions_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_by=None) | models.Q(ended_at__gte=models.F("began_at")),
                name="chk_restrictions_end",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.reason}"


class Minority(models.Model):
    """A person is a child or an adolescent. Month and year of birth only: no rule needs the day."""

    subject = models.OneToOneField(DataSubject, models.PROTECT, primary_key=True, related_name="minority")
    birth_month = models.DateField(
        _("month of birth"), null=True, blank=True, db_comment="First day of the month; null: not known."
    )
    marked_at = models.DateTimeField(_("marked at"))
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField(null=True, db_comment="When the person, grown up, was asked for their own will.")

    class Meta:
        db_table = "minorities"
        db_table_comment = "Children and adolescents: month of birth, for the rules of Art. 14."
        verbose_name = _("minority")
        verbose_name_plural = _("minorities")
        default_permissions = ()
        indexes: ClassVar = [
            # Who turns 18 next?
            models.Index(fields=["birth_month"], name="idx_minorities_birth_month"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(birth_month=None) | models.Q(birth_month__day=1), name="chk_minorities_month"
            )
        ]

    def __str__(self) -> str:
        return str(self.subject_id)[:8]

    def surely(self, years: int, day: date) -> bool:
        """Whether the person has certainly turned this old: the month of that birthday is over."""
        return self.birth_month is not None and day >= self.birth_month + relativedelta(years=years, months=1)

    def at_most(self, years: int) -> date | None:
        """The first day on which the person may turn this old."""
        return None if self.birth_month is None else self.birth_month + relativedelta(years=years)


class GuardianshipQuerySet(models.QuerySet["Guardianship"]):
    def in_force(self, now: datetime) -> Self:
        return self.filter(models.Q(ended_at=None) | models.Q(ended_at__gt=now), verified_at__lte=now)


class Guardianship(models.Model):
    """Somebody was verified to be the guardian of a minor (Art. 14 §1, §5). There is no row before the verification."""

    class Relation(models.TextChoices):
        MOTHER = "mother", _("mother")
        FATHER = "father", _("father")
        TUTOR = "tutor", _("legal guardian by court")
        CUSTODY = "custody", _("custody by court")
        CARER = "carer", _("institution in charge")

    class Method(models.TextChoices):
        BIRTH_CERTIFICATE = "birth_certificate", _("birth certificate or identity card seen")
        COURT_PAPER = "court_paper", _("court paper seen")
        CLINIC_RECORD = "clinic_record", _("already guardian in the clinic's record, confirmed in person")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    minor = models.ForeignKey(
        DataSubject, models.PROTECT, verbose_name=_("minor"), related_name="guardianships", db_index=False
    )
    guardian = models.ForeignKey(DataSubject, models.PROTECT, verbose_name=_("guardian"), related_name="wardships")
    relation = models.CharField(_("relation"), max_length=8, choices=Relation)
    method = models.CharField(_("how it was verified"), max_length=17, choices=Method)
    evidence_sha256 = models.CharField(max_length=64, db_comment="Of the paper seen; the paper itself is not kept.")
    verified_at = models.DateTimeField(_("verified at"))
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("verified by"), related_name="+"
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = GuardianshipQuerySet.as_manager()

    class Meta:
        db_table = "guardianships"
        db_table_comment = "Verified guardians of minors: relation, method, hash of the evidence."
        verbose_name = _("guardianship")
        verbose_name_plural = _("guardianships")
        default_permissions = ()
        indexes: ClassVar = [
            # Who may consent for this minor?
            models.Index(fields=["minor", "-verified_at"], name="idx_guardianships_minor"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["minor", "guardian"], name="uq_guardianships_open", condition=models.Q(ended_at=None)
            ),
            models.CheckConstraint(condition=~models.Q(minor=models.F("guardian")), name="chk_guardianships_two"),
            models.CheckConstraint(
                condition=models.Q(evidence_sha256__regex=SHA256), name="chk_guardianships_evidence"
            ),
            models.CheckConstraint(
                condition=models.Q(relation__in=["mother", "father", "tutor", "custody", "carer"]),
                name="chk_guardianships_relation",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ended_by=None) | models.Q(ended_at__gte=models.F("verified_at")),
                name="chk_guardianships_end",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)[:8]
