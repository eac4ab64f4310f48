"""Clinics (A3, first form) and the people who work in them."""

from collections.abc import Collection
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseInlineFormSet, CharField, ModelForm, Widget
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from consent.models import Clinic, Membership, User
from consent.roles import Capability, Role, roles_with
from consent.scope import (
    ClinicScopedAdmin,
    ClinicScopedInline,
    Relation,
    clinic_ids_of,
    has_role,
    sees_all_clinics,
    signed_in,
)
from consent.validators import cnpj_normalised

PEOPLE_CHANGE = roles_with(Capability.PEOPLE_CHANGE)
PRIVACY_ACT = roles_with(Capability.PRIVACY_ACT)
# Permissions come from memberships; Django's groups would only suggest otherwise.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


class CnpjField(CharField):
    """Takes the CNPJ as people paste it, with its punctuation."""

    def to_python(self, value: str | None) -> str | None:
        return cnpj_normalised(super().to_python(value) or "") or None

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "maxlength": "18"}


@admin.register(Clinic)
class ClinicAdmin(ClinicScopedAdmin):
    """Who answers for the data, and how are they found?"""

    clinic_lookup = "pk"
    view_roles = roles_with(Capability.CLINIC_VIEW)
    change_roles = roles_with(Capability.CLINIC_CHANGE)
    add_roles = frozenset({Role.TECHNICAL_ADMIN})

    list_display = ("trade_name", "cnpj", "dpo_name", "policy_version", "time_zone", "is_example")
    search_fields = ("trade_name", "legal_name", "cnpj")
    list_filter = ("is_example",)
    readonly_fields = ("policy_version", "policy_confirmed_at", "policy_confirmed_by", "is_example", "created_at")
    actions = ("confirm_policy",)
    fieldsets = (
        (None, {"fields": ("trade_name", "legal_name", "cnpj", "address", "time_zone")}),
        (_("Public contact"), {"fields": ("contact_email", "contact_phone")}),
        (_("Data protection officer"), {"fields": ("dpo_name", "dpo_contact")}),
        (_("Policy"), {"fields": ("policy_version", "policy_confirmed_at", "policy_confirmed_by")}),
        (None, {"fields": ("is_example", "created_at")}),
    )

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: object) -> FormField | None:
        if db_field.name == "cnpj":
            kwargs["form_class"] = CnpjField
        formfield: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        return formfield

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Whoever may change some clinics only must not add one that they could not see afterwards.
        return sees_all_clinics(request.user, *self.adding_roles)

    def has_confirm_policy_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *PRIVACY_ACT)

    def actionable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        # The one action here is the DPO's, who may not change the clinic's data.
        return self.scoped(request, queryset, PRIVACY_ACT)

    @admin.action(description=_("Confirm the proposed policy"), permissions=["confirm_policy"])
    def confirm_policy(self, request: HttpRequest, queryset: models.QuerySet[Clinic]) -> None:
        """The DPO accepts the shipped legal bases; from then on connections may write."""
        clinics = list(queryset)
        for clinic in clinics:
            clinic.confirm_policy(by=signed_in(request), now=timezone.now())
        self.message_user(request, _("Policy confirmed for %(count)s clinics.") % {"count": len(clinics)})


def grantable_roles(viewer: User) -> list[tuple[str, Any]]:
    """The roles the viewer may hand out: who sees all clinics any, others all but the technical administrator."""
    if sees_all_clinics(viewer, *PEOPLE_CHANGE):
        return list(Role.choices)
    return [(value, label) for value, label in Role.choices if value != Role.TECHNICAL_ADMIN]


def person_of(obj: models.Model | None) -> User | None:
    """The account a row of these pages is about."""
    if isinstance(obj, Membership):
        return obj.user
    return obj if isinstance(obj, User) else None


def may_grant_to(viewer: User, person: User | None) -> bool:
    """Nobody changes their own roles, and only a superuser those of a superuser."""
    if person is None or viewer.is_superuser:
        return True
    return person.pk != viewer.pk and not person.is_superuser


class GrantForm:
    """Role choices of a membership form, and the clinic required unless the viewer works for all clinics."""

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: object) -> FormField | None:
        if db_field.name == "role":
            kwargs["choices"] = grantable_roles(signed_in(request))
        formfield: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if formfield and db_field.name == "clinic" and not sees_all_clinics(request.user, *PEOPLE_CHANGE):
            formfield.required = True
        return formfield


class MembershipInline(GrantForm, ClinicScopedInline):
    model = Membership
    fields = ("clinic", "role")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return (
            rows
            if sees_all_clinics(request.user, *PEOPLE_CHANGE)
            else rows.filter(clinic__in=clinic_ids_of(request.user, *PEOPLE_CHANGE))
        )

    def get_min_num(self, request: HttpRequest, obj: models.Model | None = None, **kwargs: object) -> int:
        # An account in no clinic would vanish from its maker's list.
        return 1 if obj is None and not sees_all_clinics(request.user, *PEOPLE_CHANGE) else 0

    def get_formset(
        self, request: HttpRequest, obj: models.Model | None = None, **kwargs: object
    ) -> type[BaseInlineFormSet]:
        formset: type[BaseInlineFormSet] = super().get_formset(request, obj, **{**kwargs, "validate_min": True})
        return formset

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_add_permission(request, obj) and may_grant_to(signed_in(request), person_of(obj))

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_grant_to(signed_in(request), person_of(obj))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_grant_to(signed_in(request), person_of(obj))


@admin.register(Membership)
class MembershipAdmin(GrantForm, ClinicScopedAdmin):
    """Who may do what in which clinic?"""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PEOPLE_VIEW)
    change_roles = PEOPLE_CHANGE
    delete_roles = PEOPLE_CHANGE

    list_display = ("user", "clinic", "role", "created_at")
    list_filter = ("role", "clinic")
    list_select_related = ("user", "clinic")
    search_fields = ("user__email", "user__name")
    autocomplete_fields = ("user",)
    actions = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return ("user", "clinic", "created_at") if obj else ("created_at",)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_grant_to(signed_in(request), person_of(obj))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_grant_to(signed_in(request), person_of(obj))

    def get_field_queryset(
        self, db: str | None, db_field: Relation, request: HttpRequest
    ) -> models.QuerySet[Any] | None:
        rows = super().get_field_queryset(db, db_field, request)
        if db_field.name == "user" and rows is not None and not signed_in(request).is_superuser:
            return rows.exclude(pk=request.user.pk).exclude(is_superuser=True)
        return rows


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserAdmin(ClinicScopedAdmin, DjangoUserAdmin):  # type: ignore[misc]  # unfold's base has no types
    """Who works here?"""

    clinic_lookup = "memberships__clinic"
    view_roles = roles_with(Capability.PEOPLE_VIEW)
    change_roles = PEOPLE_CHANGE

    form = ModelForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    actions = ()
    actions_detail = ("set_password",)
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)
    fieldsets: ClassVar = (
        (None, {"fields": ("email", "name", "is_active", "is_superuser")}),
        (_("Sign-in"), {"fields": ("last_login", "created_at")}),
    )

    def within(self, clinic_ids: Collection[int]) -> models.Q | models.Exists:
        # Exists instead of a join: a person with two roles is still one row.
        return models.Exists(Membership.objects.filter(user=models.OuterRef("pk"), clinic__in=clinic_ids))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = ("last_login", "created_at")
        # Another address or superuser flag would hand the account over.
        return fixed if signed_in(request).is_superuser or obj is None else (*fixed, "email", "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Accounts reaching into other clinics, and superusers', are changed by those who see all clinics."""
        if not super().has_change_permission(request, obj):
            return False
        if not isinstance(obj, User) or signed_in(request).is_superuser:
            return True
        if obj.is_superuser:
            return False
        own = clinic_ids_of(request.user, *self.change_roles)
        return sees_all_clinics(request.user, *self.change_roles) or all(
            clinic_id in own for clinic_id, _role in obj.grants
        )

    def has_set_password_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # Setting somebody's password is becoming that person, the DPO included.
        return signed_in(request).is_superuser

    @action(description=_("Set a password"), permissions=["set_password"])  # type: ignore[untyped-decorator]
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that sets it."""
        return redirect("admin:auth_user_password_change", object_id)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        self.object_or_404(request, id)
        if not self.has_set_password_permission(request, id):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)
