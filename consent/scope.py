"""Who sees what: every query, choice, autocomplete and action of the admin is limited to the viewer's clinics.

A role counts in the clinic of its membership only: who manages clinic A and answers chats in clinic B manages nothing
in B. Another clinic's object answers 404, as if it did not exist.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.options import Options
from django.forms import BaseFormSet, Form
from django.forms import Field as FormField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction

from consent.models import Clinic, User
from consent.roles import Capability, Role, roles_with

Viewer = User | AnonymousUser
Relation = models.ForeignKey | models.ManyToManyField
ChangeMessage = list[dict[str, dict[str, Any]]]
T = TypeVar("T")


def signed_in(request: HttpRequest) -> User:
    """Return the viewer; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def has_role(user: Viewer, *roles: Role) -> bool:
    """Tell whether the person has one of the roles in any clinic; superusers have every role."""
    if not isinstance(user, User) or not (user.is_active and roles):
        return False
    return user.is_superuser or any(role in roles for _clinic, role in user.grants)


def sees_all_clinics(user: Viewer, *roles: Role) -> bool:
    return isinstance(user, User) and user.is_active and user.has_role_in(None, roles)


def clinic_ids_of(user: Viewer, *roles: Role) -> frozenset[int]:
    """Ids of the clinics in which the person has one of the roles; not those of `sees_all_clinics`."""
    if not isinstance(user, User):
        return frozenset()
    return frozenset(clinic_id for clinic_id, role in user.grants if role in roles and clinic_id is not None)


def clinics_of(user: Viewer, *roles: Role) -> models.QuerySet[Clinic]:
    """The clinics in which the person has one of the roles; any role when none is named."""
    roles = roles or tuple(Role)
    if sees_all_clinics(user, *roles):
        return Clinic.objects.all()
    return Clinic.objects.filter(pk__in=clinic_ids_of(user, *roles))


def once(request: HttpRequest, question: tuple[object, ...], ask: Callable[[], T]) -> T:
    """The answer to a question that a page asks many times: as it was when it was asked first in this request."""
    answers: dict[tuple[object, ...], Any] = request.__dict__.setdefault("ponte_answers", {})
    if question not in answers:
        answers[question] = ask()
    answer: T = answers[question]
    return answer


class ScopedChoices:
    """Limits the choices of relations to rows of the clinics where the viewer may write."""

    admin_site: Any

    def choice_roles(self) -> Collection[Role]:
        raise TypeError(f"{type(self).__name__} does not say whose clinics may be chosen")

    def get_field_queryset(
        self, db: str | None, db_field: Relation, request: HttpRequest
    ) -> models.QuerySet[Any] | None:
        rows: models.QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)  # type: ignore[misc]
        related = db_field.remote_field.model
        related_admin = self.admin_site._registry.get(related)
        if not isinstance(related_admin, ClinicScopedAdmin):
            return rows
        if rows is None:
            rows = related._default_manager.using(db)
        return related_admin.scoped(request, rows, self.choice_roles())


class ClinicScopedAdmin(ScopedChoices, ModelAdmin):
    """An admin page limited to the viewer's clinics.

    A subclass names `clinic_lookup`, the path from its model to the clinic ("connection__clinic"; "pk" for the clinic
    itself), and the roles; where the path is not to one clinic it overrides `within`. List actions reach only rows of
    clinics where the viewer has one of `change_roles`; actions on one row fetch it by `object_or_404`.
    """

    clinic_lookup: ClassVar[str]
    view_roles: ClassVar[Collection[Role]]
    change_roles: ClassVar[Collection[Role]] = frozenset()
    add_roles: ClassVar[Collection[Role] | None] = None  # None: as change_roles
    delete_roles: ClassVar[Collection[Role]] = frozenset()

    # Scope ------------------------------------------------------------------------------------------------------------

    def within(self, clinic_ids: Collection[int]) -> models.Q | models.Exists:
        """Return the condition for rows of the given clinics."""
        return models.Q(**{f"{self.clinic_lookup}__in": clinic_ids})

    def scoped(
        self, request: HttpRequest, queryset: models.QuerySet[Any], roles: Collection[Role]
    ) -> models.QuerySet[Any]:
        """Limit rows of this model to the clinics where the viewer has one of the roles."""
        if sees_all_clinics(request.user, *roles):
            return queryset
        return queryset.filter(self.within(clinic_ids_of(request.user, *roles)))

    def has_any(self, request: HttpRequest, roles: Collection[Role], obj: models.Model | None) -> bool:
        """Tell whether the viewer has one of the roles, in the object's clinic when there is an object."""
        if not has_role(request.user, *roles):
            return False
        if obj is None or obj._state.adding or sees_all_clinics(request.user, *roles):
            return True
        rows = self.scoped(request, self.model._default_manager.filter(pk=obj.pk), roles)
        return once(request, ("within", type(self), obj.pk, frozenset(roles)), rows.exists)

    def object_or_404(self, request: HttpRequest, object_id: str, *, change: bool = True) -> models.Model:
        """Return an object the viewer may change (or see); raises Http404 as if the others did not exist."""
        obj: models.Model | None = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_any(request, self.change_roles if change else self.seeing_roles, obj):
            raise Http404
        return obj

    def row_of_button(self, request: HttpRequest, object_id: str | None) -> Any:
        """The row that the buttons of a page ask about, fetched once; None where the viewer sees none."""
        if object_id is None:
            return None
        return once(request, ("row", type(self), object_id), lambda: self.get_object(request, unquote(object_id)))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return self.scoped(request, super().get_queryset(request), self.seeing_roles)

    def _get_list_editable_queryset(self, request: HttpRequest, prefix: str) -> models.QuerySet[Any]:
        return self.scoped(request, super()._get_list_editable_queryset(request, prefix), self.change_roles)

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        response: HttpResponse | None = super().response_action(request, self.actionable(request, queryset))
        return response

    def actionable(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Limit the rows a list action may reach."""
        return self.scoped(request, queryset, self.change_roles)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Filters over relations offer only what occurs in the viewer's rows; Django's own would list every clinic."""
        return [self._related_only(item) for item in super().get_list_filter(request)]

    def _related_only(self, item: object) -> object:
        if isinstance(item, str) and get_fields_from_path(self.model, item)[-1].is_relation:
            return item, RelatedOnlyFieldListFilter
        return item

    def choice_roles(self) -> Collection[Role]:
        return frozenset(self.change_roles) | frozenset(self.adding_roles)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Options, object_id: str) -> HttpResponse:
        # Django sends the viewer home with a message; an object of another clinic must look like any wrong address.
        raise Http404

    # Buttons of one row -----------------------------------------------------------------------------------------------

    def get_unfold_action(self, action: str) -> UnfoldAction:
        found = super().get_unfold_action(action)
        return replace(found, method=self._of_a_row(found.method))

    def _of_a_row(self, method: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """For who may not see the row there is no such address; the theme's 403 would tell that the row exists."""

        @wraps(method)
        def of_a_row(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "object_id" in kwargs and self.row_of_button(request, kwargs["object_id"]) is None:
                raise Http404
            return method(request, *args, **kwargs)

        return of_a_row

    # Pages of our own -------------------------------------------------------------------------------------------------

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
        """Draw a page of our own inside the admin; it finds this admin as `screen`."""
        request.current_app = self.admin_site.name
        values = {**self.admin_site.each_context(request), "title": title, "media": self.media, "screen": self}
        return TemplateResponse(request, template, {**values, **context})

    # Permissions ------------------------------------------------------------------------------------------------------

    @property
    def seeing_roles(self) -> frozenset[Role]:
        return frozenset(self.view_roles) | frozenset(self.change_roles)

    @property
    def adding_roles(self) -> Collection[Role]:
        return self.change_roles if self.add_roles is None else self.add_roles

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.seeing_roles)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.has_any(request, self.seeing_roles, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.adding_roles)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.has_any(request, self.change_roles, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.has_any(request, self.delete_roles, obj)

    # History ----------------------------------------------------------------------------------------------------------

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit trail of this object; Django's own log for who may not see the trail."""
        obj = self.object_or_404(request, object_id, change=False)
        if not has_role(request.user, *roles_with(Capability.AUDIT_VIEW)):
            answer: HttpResponse = super().history_view(request, object_id, extra_context)
            return answer
        query = urlencode({"object_type": obj._meta.label, "object_id": str(obj.pk)})
        return HttpResponseRedirect(f"{reverse('admin:audit_auditlog_changelist')}?{query}")

    # Django's own log of the admin, for its history page: nothing in it may name a person ----------------------------

    def construct_change_message(
        self, request: HttpRequest, form: Form, formsets: Sequence[BaseFormSet], add: bool = False
    ) -> ChangeMessage:
        entries = super().construct_change_message(request, form, formsets, add)
        return [{kind: without_object(what) for kind, what in entry.items()} for entry in entries]

    def log_addition(self, request: HttpRequest, obj: models.Model, message: str | ChangeMessage) -> LogEntry:
        return log_acts(request, [obj], ADDITION, message)[0]

    def log_change(self, request: HttpRequest, obj: models.Model, message: str | ChangeMessage) -> LogEntry:
        return log_acts(request, [obj], CHANGE, message)[0]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[models.Model]) -> list[LogEntry]:
        return log_acts(request, queryset, DELETION, "")


class ClinicScopedInline(ScopedChoices, TabularInline):
    """Rows inside a scoped page; who may view and change the page may view and change them."""

    extra = 0

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> FormField | None:
        """A cell of the table has no label of its own: to who does not see it, it says its column's heading."""
        formfield: FormField | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield:
            formfield.widget.attrs.setdefault("aria-label", formfield.label)
        return formfield

    @property
    def page(self) -> ClinicScopedAdmin:
        page = self.admin_site._registry[self.parent_model]
        if not isinstance(page, ClinicScopedAdmin):
            raise TypeError(f"{type(self).__name__} belongs inside a ClinicScopedAdmin")
        return page

    def choice_roles(self) -> Collection[Role]:
        return self.page.choice_roles()

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.page.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.page.has_add_permission(request) if obj is None else self.page.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.page.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.page.has_change_permission(request, obj)


def without_object(what: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in what.items() if key != "object"}


def log_acts(
    request: HttpRequest, objects: Iterable[models.Model], flag: int, message: str | ChangeMessage
) -> list[LogEntry]:
    """Write Django's admin log with model and id in place of the object's text."""
    entries = [
        LogEntry(
            user=signed_in(request),
            content_type=ContentType.objects.get_for_model(obj, for_concrete_model=False),
            object_id=str(obj.pk),
            object_repr=f"{obj._meta.label} {obj.pk}",
            action_flag=flag,
            change_message=message if isinstance(message, str) else json.dumps(message),
        )
        for obj in objects
    ]
    return LogEntry.objects.bulk_create(entries)
