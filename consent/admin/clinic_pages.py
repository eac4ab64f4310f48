"""Pages of privacy that are drawn by hand, for one of the viewer's clinics at a time."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from consent.models import Clinic
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, signed_in


class ClinicPages(ClinicScopedAdmin):
    """Who looks after privacy sees, its officers act; Django's own forms add, change and delete nothing.

    A subclass names `joined`, what its pages need of a row besides itself; `act=True` asks for the clinics where the
    viewer may act. What is not the viewer's does not exist.
    """

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = roles_with(Capability.PRIVACY_ACT)
    actions: ClassVar[Sequence[Any]] = ()
    joined: ClassVar[tuple[str, ...]] = ("clinic",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def clinics(self, request: HttpRequest, *, act: bool = False) -> models.QuerySet[Clinic]:
        return clinics_of(signed_in(request), *(self.change_roles if act else self.seeing_roles)).order_by("trade_name")

    def one_clinic(self, request: HttpRequest, pk: int, *, act: bool = False) -> Clinic:
        found = self.clinics(request, act=act).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def choice(self, request: HttpRequest) -> tuple[list[Clinic], Clinic | None]:
        """The viewer's clinics, and the one that was asked for, else the first. Raises PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        clinics, asked = list(self.clinics(request)), request.GET.get("clinic", "")
        return clinics, next((one for one in clinics if str(one.pk) == asked), next(iter(clinics), None))

    def rows(self) -> models.QuerySet[Any]:
        """What these pages are about."""
        rows: models.QuerySet[Any] = self.model._default_manager.all()
        return rows

    def one_row(self, request: HttpRequest, pk: UUID | str, *, act: bool = False) -> Any:
        rows = self.rows().filter(clinic__in=self.clinics(request, act=act).order_by())
        try:
            found = rows.select_related(*self.joined).filter(pk=pk).first()
        except (TypeError, ValueError, ValidationError):
            found = None
        if found is None:
            raise Http404
        return found

    def may_act(self, request: HttpRequest, clinic_id: int) -> bool:
        return signed_in(request).has_role_in(clinic_id, self.change_roles)

    def list_of(self, clinic_id: int) -> str:
        """Address of the list, this clinic chosen."""
        options = self.model._meta
        return f"{reverse(f'admin:{options.app_label}_{options.model_name}_changelist')}?{urlencode({'clinic': clinic_id})}"


def form_page(
    screen: ClinicScopedAdmin, request: HttpRequest, title: str, form: forms.Form, *, explain: str, button: str,
    back: str, heading: str = "", person: str = "",
) -> TemplateResponse:  # fmt: skip
    """One form on a page of its own; `person` is the mask of whom it is about."""
    return screen.page(
        request, "admin/consent/form.html", title, form=form, explain=explain, button=button, back=back,
        heading=heading or _("What will happen"), person=person,
    )  # fmt: skip
