"""H1 People and permissions: who gets in, with what power, since when, and until when?"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseInlineFormSet, ModelForm
from django.forms import Field as FormField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm

from config.times import ago
from consent.access import elsewhere, invitations, people
from consent.access.recheck import lead_to_check, rechecked
from consent.models import Membership, TotpDevice, User
from consent.roles import SECOND_FACTOR_ROLES, Capability, Role, roles_with
from consent.scope import (
    ClinicScopedAdmin,
    ClinicScopedInline,
    Relation,
    clinic_ids_of,
    sees_all_clinics,
    signed_in,
)

LIST = "admin:consent_user_changelist"
PEOPLE_CHANGE = roles_with(Capability.PEOPLE_CHANGE)
# Permissions come from memberships; Django's groups would only suggest otherwise.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


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
    fk_name = "user"
    fields = ("clinic", "role", "ends_on")

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

    fields = ("user", "clinic", "role", "ends_on", "reviewed_at", "reviewed_by", "created_at")
    list_display = ("user", "clinic", "role", "ends_on", "reviewed_at", "created_at")
    list_filter = ("role", "clinic")
    list_select_related = ("user", "clinic")
    search_fields = ("user__email", "user__name")
    actions = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        fixed = ("reviewed_at", "reviewed_by", "created_at")
        return ("user", "clinic", *fixed) if obj else fixed

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


class InvitationForm(ModelForm):
    """Whom to invite; the password is theirs to set."""

    class Meta:
        model = User
        fields = ("email", "name")

    def save(self, commit: bool = True) -> Any:
        self.instance.set_unusable_password()
        return super().save(commit)


class EndForm(forms.Form):
    """To whom the open items of somebody who leaves go."""

    to = forms.ModelChoiceField(
        User.objects.none(), required=False, label=gettext_lazy("Open items go to"), empty_label=gettext_lazy("nobody")
    )


@admin.register(User)
class UserAdmin(ClinicScopedAdmin, DjangoUserAdmin):  # type: ignore[misc]  # unfold's base has no types
    """Who gets in, with what power, since when?"""

    clinic_lookup = "memberships__clinic"
    view_roles = roles_with(Capability.PEOPLE_VIEW)
    change_roles = PEOPLE_CHANGE

    question = gettext_lazy("Who gets in, with what power, since when?")
    help_text = gettext_lazy(
        "People are invited here and set their own password. A role counts in its clinic only and may have a last day. "
        "Suspending closes the account until somebody opens it again; ending takes roles and second factor away and "
        "hands over what the person had taken on. Every quarter each permission is confirmed or removed."
    )
    list_before_template = "admin/bridge/list_before.html"

    form = ModelForm
    add_form = InvitationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("email", "name", "roles", "state", "second_factor", "last_sign_in", "invited_by", "ends")
    list_filter = ("is_active",)
    list_select_related = ("invited_by",)
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    actions = ()
    actions_list = ("review",)
    actions_detail = ("invite_again", "suspend", "resume", "end", "set_password")
    add_form_template = "admin/change_form.html"
    add_fieldsets = (
        (
            None,
            {
                "fields": ("email", "name"),
                "description": gettext_lazy(
                    "The person gets a link and chooses the password. Where no mail is set up, the link is shown to "
                    "you once."
                ),
            },
        ),
    )
    fieldsets: ClassVar = (
        (None, {"fields": ("email", "name", "is_superuser")}),
        (_("Sign-in"), {"fields": ("state", "second_factor", "last_login", "invited_by", "created_at", "ended_at")}),
    )

    def within(self, clinic_ids: Collection[int]) -> models.Q | models.Exists:
        # Exists instead of a join: a person with two roles is still one row.
        return models.Exists(Membership.objects.filter(user=models.OuterRef("pk"), clinic__in=clinic_ids))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        shown = Membership.objects.select_related("clinic").order_by("clinic__trade_name", "role")
        if not sees_all_clinics(request.user, *self.seeing_roles):
            shown = shown.filter(clinic__in=clinic_ids_of(request.user, *self.seeing_roles))
        own = {"user": models.OuterRef("pk")}
        has_device = models.Exists(TotpDevice.objects.filter(confirmed=True, **own))
        must = models.Exists(Membership.objects.in_force().filter(role__in=SECOND_FACTOR_ROLES, **own))
        rows: models.QuerySet[Any] = super().get_queryset(request)
        rows = rows.annotate(has_device=has_device, must_have_device=must)
        return rows.prefetch_related(models.Prefetch("memberships", shown, to_attr="shown_roles"))

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, row: Any) -> SafeString | str:
        lines = [(str(one),) for one in row.shown_roles]
        return format_html_join("", "<div>{}</div>", lines) or (_("superuser") if row.is_superuser else "—")

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: User) -> str:
        if row.ended_at:
            return _("ended")
        if not row.is_active:
            return _("suspended")
        return _("active") if row.has_usable_password() else _("invited")

    @admin.display(description=gettext_lazy("second factor"))
    def second_factor(self, row: Any) -> str:
        if row.has_device:
            return _("yes")
        is_missing = row.must_have_device or row.is_superuser
        return _("missing: asked for at the next sign-in") if is_missing else _("not needed")

    @admin.display(description=gettext_lazy("last sign-in"), ordering="last_login")
    def last_sign_in(self, row: User) -> str:
        return ago(row.last_login, timezone.now()) if row.last_login else _("never")

    @admin.display(description=gettext_lazy("ends on"))
    def ends(self, row: Any) -> str:
        last = [one.ends_on for one in row.shown_roles if one.ends_on]
        return f"{min(last):%d/%m/%Y}" if last else "—"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": self.summary(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        due = people.due_for_review(self._own_memberships(request), timezone.now()).count()
        if not due:
            return {"word": {"value": "done"}, "sentence": _("Every permission was confirmed within a quarter.")}
        text = ngettext("%(n)d permission waits for its review.", "%(n)d permissions wait for their review.", due)
        return {"word": {"value": "waiting"}, "sentence": text % {"n": due}}

    def _own_memberships(self, request: HttpRequest) -> models.QuerySet[Membership]:
        rows = Membership.objects.exclude(user=request.user.pk).select_related("user", "clinic")
        if not signed_in(request).is_superuser:
            rows = rows.exclude(user__is_superuser=True)
        if sees_all_clinics(request.user, *self.change_roles):
            return rows
        return rows.filter(clinic__in=clinic_ids_of(request.user, *self.change_roles))

    # Permissions ------------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = ("state", "second_factor", "last_login", "invited_by", "created_at", "ended_at")
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

    def _other(self, request: HttpRequest, object_id: str | None) -> User | None:
        """Somebody else's account that the viewer may change; None for any other."""
        row = self.row_of_button(request, object_id) if object_id and object_id.isdecimal() else None
        if not isinstance(row, User) or row.pk == request.user.pk or not self.has_change_permission(request, row):
            return None
        return row

    def has_set_password_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # Setting somebody's password is becoming that person, the DPO included.
        return signed_in(request).is_superuser

    def has_invite_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self._other(request, object_id)
        return row is not None and invitations.may_be_invited(row)

    def has_suspend_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self._other(request, object_id)
        return row is not None and row.is_active

    def has_resume_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self._other(request, object_id)
        return row is not None and not row.is_active and row.ended_at is None

    def has_end_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self._other(request, object_id)
        return row is not None and row.ended_at is None

    def has_review_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.has_add_permission(request)

    # Inviting ---------------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        context = {"title": _("Invite a person"), **only_save, **(extra_context or {})}
        response: HttpResponse = super().add_view(request, form_url, context)
        return response

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        if not change:
            obj.invited_by = signed_in(request)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Invite, now that the roles are saved too."""
        return self._invite(request, obj)

    def _invite(self, request: HttpRequest, row: User) -> HttpResponse:
        """Send the mail, or show the link once where there is no mail, or the mail server is away."""
        try:
            link = invitations.invite(row, by=signed_in(request))
        except OSError:
            messages.warning(request, _("The mail server does not answer: hand the link over yourself."))
            link = invitations.link_for(row)
        if not link:
            messages.success(request, _("Invited by mail. The link works once, for three days."))
            return HttpResponseRedirect(reverse(LIST))
        answer = self.page(
            request, "admin/consent/invited.html", _("The invitation"), link=link, days=invitations.VALID.days, row=row
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @action(description=gettext_lazy("Invite again"), permissions=["invite_again"])  # type: ignore[untyped-decorator]
    def invite_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first: the earlier link stops working."""
        return self._ask(request, object_id, "invite", _("Invite again"))

    # Suspending, ending -----------------------------------------------------------------------------------------------

    @action(description=gettext_lazy("Suspend"), permissions=["suspend"])  # type: ignore[untyped-decorator]
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "suspend", _("Suspend"))

    @action(description=gettext_lazy("Let in again"), permissions=["resume"])  # type: ignore[untyped-decorator]
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "resume", _("Let in again"))

    @action(description=gettext_lazy("End"), permissions=["end"])  # type: ignore[untyped-decorator]
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, "end", _("End"))

    def _ask(self, request: HttpRequest, object_id: str, what: str, title: str) -> HttpResponse:
        row = self._account_or_404(request, object_id)
        items = [(str(one.title), count) for one, count in elsewhere.open_items(row)] if what == "end" else []
        form = EndForm()
        form.fields["to"].queryset = self._heirs(request, row)  # type: ignore[attr-defined]
        back = reverse("admin:consent_user_change", args=[row.pk])
        return self.page(
            request, "admin/consent/account_ask.html", title, row=row, what=what, items=items, form=form, back=back
        )

    def _account_or_404(self, request: HttpRequest, object_id: str) -> User:
        row = self.object_or_404(request, object_id)
        if not isinstance(row, User) or row.pk == request.user.pk or not self.has_change_permission(request, row):
            raise PermissionDenied
        return row

    def _heirs(self, request: HttpRequest, row: User) -> models.QuerySet[User]:
        """Who may take over: active people of the clinics in which the person had a role."""
        clinics = [clinic for clinic, _role in row.grants if clinic]
        rows = User.objects.filter(self.within(clinics)) if clinics else User.objects.all()
        return self.scoped(request, rows, self.change_roles).filter(is_active=True).exclude(pk=row.pk).order_by("name")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("review/", view(self.review_view), name="consent_user_review"),
            path("<int:object_id>/do/<str:what>/", view(self.do_view), name="consent_user_do"),
        ]
        return [*own, *super().get_urls()]

    def do_view(self, request: HttpRequest, object_id: int, what: str) -> HttpResponse:
        """POST from the page that asked: invite, suspend, resume, end."""
        row = self._account_or_404(request, str(object_id))
        back = HttpResponseRedirect(reverse("admin:consent_user_change", args=[row.pk]))
        if request.method != "POST" or not getattr(self, f"has_{ASKED.get(what, what)}_permission", _never)(
            request, str(object_id)
        ):
            return back
        if check := lead_to_check(request, back_to=reverse("admin:consent_user_change", args=[row.pk])):
            return check
        by = signed_in(request)
        if what == "invite":
            return self._invite(request, row)
        if what == "suspend":
            people.suspend(row, by=by)
            messages.success(request, _("Suspended: every sign-in of this account has ended."))
        elif what == "resume":
            people.resume(row, by=by)
            messages.success(request, _("The account is open again."))
        else:
            self._end(request, row)
            return HttpResponseRedirect(reverse(LIST))
        return back

    def _end(self, request: HttpRequest, row: User) -> None:
        form = EndForm(request.POST)
        form.fields["to"].queryset = self._heirs(request, row)  # type: ignore[attr-defined]
        to = form.cleaned_data["to"] if form.is_valid() else None
        moved = people.end(row, by=signed_in(request), to=to, now=timezone.now())
        text = ngettext("Ended; %(n)d open item handed over.", "Ended; %(n)d open items handed over.", moved)
        messages.success(request, text % {"n": moved})

    # The quarterly review ---------------------------------------------------------------------------------------------

    @action(description=gettext_lazy("Quarterly review"), permissions=["review"])  # type: ignore[untyped-decorator]
    def review(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:consent_user_review"))

    def review_view(self, request: HttpRequest) -> HttpResponse:
        """POST `confirm` or `remove` with the ids of `row`; GET lists what nobody confirmed for a quarter."""
        if not self.has_review_permission(request):
            raise PermissionDenied
        rows = people.due_for_review(self._own_memberships(request), timezone.now())
        if request.method == "POST":
            chosen = list(rows.filter(pk__in=[pk for pk in request.POST.getlist("row") if pk.isdecimal()]))
            self._reviewed(request, chosen, timezone.now())
            return HttpResponseRedirect(reverse("admin:consent_user_review"))
        return self.page(request, "admin/consent/review.html", _("Quarterly review"), rows=rows, back=reverse(LIST))

    def _reviewed(self, request: HttpRequest, chosen: list[Membership], now: datetime) -> None:
        if "remove" in request.POST:
            count = people.remove(chosen, by=signed_in(request))
            text = ngettext("%(n)d permission removed.", "%(n)d permissions removed.", count)
        else:
            count = people.confirm(chosen, by=signed_in(request), now=now)
            text = ngettext("%(n)d permission confirmed.", "%(n)d permissions confirmed.", count)
        messages.success(request, text % {"n": count})

    # A superuser's ------------------------------------------------------------------------------------------------------

    @action(description=gettext_lazy("Set a password"), permissions=["set_password"])  # type: ignore[untyped-decorator]
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that sets it."""
        return redirect("admin:auth_user_password_change", object_id)

    @rechecked
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        self.object_or_404(request, id)
        if not self.has_set_password_permission(request, id):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)


# What the page that asked calls it, where the permission has another name.
ASKED = {"invite": "invite_again"}


def _never(request: HttpRequest, object_id: str | None = None) -> bool:
    return False
