"""Clinics (controllers) and the people who work in them."""

import uuid
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from consent.policy import CURRENT_POLICY, POLICIES
from consent.roles import SCREEN_ROLES, SECOND_FACTOR_ROLES, Role
from consent.validators import cnpj_normalised, validate_cnpj, validate_time_zone


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, password: str | None = None, *, name: str = "", is_superuser: bool = False
    ) -> "User":
        """Create an account; without password it cannot sign in until one is set."""
        user = self.model(email=account_email(email), name=name, is_superuser=is_superuser)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, *, name: str = "") -> "User":
        return self.create_user(email, password, name=name, is_superuser=True)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=account_email(username or ""))


def account_email(text: str) -> str:
    return text.strip().lower()


class User(Audited, AbstractBaseUser):
    """A member of staff. What the person may do comes from memberships; superusers exist for emergencies."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Instead of deleting an account."))
    is_superuser = models.BooleanField(_("superuser"), default=False, help_text=_("For emergencies only."))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    invited_by = models.ForeignKey(
        "self", models.SET_NULL, verbose_name=_("invited by"), null=True, editable=False, related_name="+"
    )
    ended_at = models.DateTimeField(
        _("ended"), null=True, editable=False, db_comment="The person left; inactive without it is a suspension."
    )
    access_stamp = models.UUIDField(
        default=uuid.uuid4, editable=False, db_comment="A new one ends every sign-in and every invitation."
    )

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        db_table_comment = "Staff accounts. Never patients."
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints: ClassVar = [
            # Two writings of one address must not become two accounts.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="chk_users_email_lower")
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = account_email(self.email)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What ties a session to this account as it is now: another password or second factor ends it."""
        salt = "consent.models.User.session"
        return salted_hmac(salt, f"{self.password}|{self.access_stamp}", secret=secret, algorithm="sha256").hexdigest()

    @property
    def must_have_second_factor(self) -> bool:
        """Whether one of the roles opens people's data, now or by exceptional access."""
        return self.is_superuser or any(role in SECOND_FACTOR_ROLES for _clinic, role in self.grants)

    @property
    def is_staff(self) -> bool:
        """Whether the admin opens for this person: attendants have the panel, integrations the API."""
        return self.is_superuser or any(role in SCREEN_ROLES for _clinic, role in self.grants)

    @cached_property
    def grants(self) -> frozenset[tuple[int | None, Role]]:
        """The person's (clinic id, role) pairs; None is every clinic. Read once per object, that is, per request."""
        if self.pk is None or not self.is_active:
            return frozenset()
        pairs = self.memberships.in_force().values_list("clinic_id", "role")
        return frozenset((clinic_id, Role(role)) for clinic_id, role in pairs)

    def has_role_in(self, clinic_id: int | None, roles: Collection[Role]) -> bool:
        """Tell whether the person has one of the roles in the clinic; clinic None asks for all clinics.

        Superusers have every role; what no role may do, they may not either.
        """
        if not (self.is_active and roles):
            return False
        return self.is_superuser or any(role in roles and clinic in (None, clinic_id) for clinic, role in self.grants)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's model permissions are not used: only superusers pass (screens of other packages)."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Collection[str], obj: object = None) -> bool:
        return self.has_perm("", obj)

    def has_module_perms(self, app_label: str) -> bool:
        return self.has_perm("")


class Clinic(Audited):
    """One controller. Its DPO confirms a version of the policy once; until then nothing is written to partners."""

    legal_name = models.CharField(_("legal name"), max_length=200)
    trade_name = models.CharField(_("trade name"), max_length=200)
    cnpj = models.CharField(_("CNPJ"), max_length=14, null=True, blank=True, validators=[validate_cnpj])
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="America/Sao_Paulo", validators=[validate_time_zone]
    )
    address = models.CharField(_("address"), max_length=300, blank=True)
    contact_email = models.EmailField(_("contact e-mail"), blank=True)
    contact_phone = models.CharField(_("contact telephone"), max_length=32, blank=True)
    dpo_name = models.CharField(_("data protection officer"), max_length=200, blank=True)
    dpo_contact = models.CharField(_("contact of the data protection officer"), max_length=200, blank=True)
    policy_version = models.CharField(
        _("confirmed policy"), max_length=20, blank=True, db_comment="Version of consent.policy; empty: not confirmed."
    )
    policy_confirmed_at = models.DateTimeField(_("policy confirmed at"), null=True, blank=True)
    policy_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("policy confirmed by"),
        null=True,
        blank=True,
        related_name="+",
    )
    is_example = models.BooleanField(_("example data"), default=False, db_comment="Removable; screens carry a band.")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        db_table = "clinics"
        db_table_comment = "Controllers (LGPD Art. 5 VI): one row per clinic."
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering: ClassVar = ["trade_name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["cnpj"], name="uq_clinics_cnpj"),
            models.CheckConstraint(
                condition=models.Q(cnpj__isnull=True) | models.Q(cnpj__regex=r"^[0-9A-Z]{12}[0-9]{2}$"),
                name="chk_clinics_cnpj",
            ),
            models.CheckConstraint(
                condition=models.Q(policy_version="", policy_confirmed_at=None, policy_confirmed_by=None)
                | (~models.Q(policy_version="") & models.Q(policy_confirmed_at__isnull=False)),
                name="chk_clinics_policy",
            ),
        ]

    def __str__(self) -> str:
        return self.trade_name

    def clean(self) -> None:
        super().clean()
        self.cnpj = cnpj_normalised(self.cnpj or "") or None

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        # Before the validators see it: people paste the CNPJ with its punctuation.
        self.cnpj = cnpj_normalised(self.cnpj or "") or None
        super().clean_fields(exclude=exclude)

    @property
    def audited_clinic_id(self) -> int:
        return self.pk

    @property
    def has_confirmed_policy(self) -> bool:
        return self.policy_version in POLICIES

    def confirm_policy(self, *, by: User, now: datetime) -> None:
        """The DPO accepts the shipped legal bases; from then on connections of the clinic may write."""
        self.policy_version, self.policy_confirmed_at, self.policy_confirmed_by = CURRENT_POLICY, now, by
        self.save(update_fields=["policy_version", "policy_confirmed_at", "policy_confirmed_by"])


class MembershipQuerySet(models.QuerySet["Membership"]):
    def in_force(self) -> "MembershipQuerySet":
        """Without those whose last day is over."""
        return self.filter(models.Q(ends_on=None) | models.Q(ends_on__gte=timezone.localdate()))


class Membership(Audited):
    """Ties a person, a clinic and a role. A technical administrator's may name no clinic and then means all."""

    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("person"), related_name="memberships")
    clinic = models.ForeignKey(
        Clinic,
        models.CASCADE,
        verbose_name=_("clinic"),
        related_name="memberships",
        null=True,
        blank=True,
        help_text=_("Empty means all clinics, for technical administrators only."),
    )
    role = models.CharField(_("role"), max_length=20, choices=Role)
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("Last day; empty: until somebody ends it.")
    )
    reviewed_at = models.DateTimeField(
        _("confirmed at"), null=True, editable=False, db_comment="When the quarterly review last confirmed it."
    )
    reviewed_by = models.ForeignKey(
        User, models.SET_NULL, verbose_name=_("confirmed by"), null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "memberships"
        db_table_comment = "Who may do what in which clinic."
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "clinic", "role"], name="uq_memberships_grant", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="chk_memberships_role"),
            models.CheckConstraint(
                condition=models.Q(clinic__isnull=False) | models.Q(role=Role.TECHNICAL_ADMIN),
                name="chk_memberships_all_clinics",
                violation_error_message=_("Only a technical administrator may have no clinic."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} · {self.clinic or _('all clinics')}"

    @property
    def audited_clinic_id(self) -> int | None:
        return self.clinic_id
