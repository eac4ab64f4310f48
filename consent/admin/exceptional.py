"""D5 Exceptional access: who opened what their role does not open, why, and was it reviewed?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from config.theme import Band, register_band
from config.times import ago, clock
from consent.access import exceptional, sessions
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import form_page
from consent.admin.finding import PersonForm, known_person
from consent.admin.holds_person import mask_of
from consent.encryption import RevealDenied, Undecryptable
from consent.models import DataSubject, ExceptionalAccess
from consent.queries.trail_words import reason_word
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, has_role, signed_in

NAME = "consent_exceptionalaccess"
LIST = f"admin:{NAME}_changelist"
ONE = f"admin:{NAME}_change"


class AskForm(PersonForm):
    """Whose data, why."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=ExceptionalAccess.Reason.choices)
    explanation = forms.CharField(
        label=gettext_lazy("What happened, and what you need to see"),
        min_length=exceptional.SHORTEST,
        max_length=2000,
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("Kept encrypted with the person's key; whoever reviews the access reads it."),
    )


@admin.register(ExceptionalAccess)
class ExceptionalAccessAdmin(ClinicScopedAdmin):
    """Asked for here, shown on every page while it lasts, reviewed by somebody else."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.EXCEPTIONAL_REVIEW, Capability.AUDIT_VIEW)
    change_roles = exceptional.ASK | exceptional.REVIEW

    question = gettext_lazy("Who opened what their role does not open, why, and was it reviewed?")
    help_text = gettext_lazy(
        "In an emergency somebody may open the data of one person for half an hour, beyond what their role allows. "
        "The reason is asked first, everything opened is recorded with it, a band shows on every page while it lasts, "
        "and somebody else reviews it within seven days."
    )
    list_before_template = "admin/bridge/list_before.html"
    list_display = ("asked", "who", "clinic", "person", "why", "lasts", "reviewed")
    list_filter = ("verdict", "clinic")
    list_select_related = ("user", "clinic", "subject", "reviewed_by")
    ordering = ("-asked_at",)
    sortable_by = ()
    actions = ()
    actions_list = ("ask",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_ask_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request.user, *exceptional.ASK)

    def scoped(self, request: HttpRequest, queryset: models.QuerySet[Any], roles: Any) -> models.QuerySet[Any]:
        """Who reviews or audits sees the clinic's; who only may ask sees their own."""
        seen = super().scoped(request, queryset, frozenset(self.view_roles))
        return (seen | queryset.filter(user=signed_in(request))).distinct()

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("asked"))
    def asked(self, row: ExceptionalAccess) -> SafeString:
        now = timezone.now()
        return format_html(
            '<span class="ponte-time" title="{}">{}</span>', _clock(row, row.asked_at), ago(row.asked_at, now)
        )

    @admin.display(description=gettext_lazy("who"))
    def who(self, row: ExceptionalAccess) -> str:
        return str(row.user)

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: ExceptionalAccess) -> str:
        return mask_of(row.subject)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, row: ExceptionalAccess) -> str:
        return row.get_reason_display()

    @admin.display(description=gettext_lazy("lasts"))
    def lasts(self, row: ExceptionalAccess) -> str:
        return _("until %(time)s") % {"time": _clock(row, row.until)} if row.is_active(timezone.now()) else _("over")

    @admin.display(description=gettext_lazy("review"))
    def reviewed(self, row: ExceptionalAccess) -> str:
        if row.reviewed_at:
            return f"{row.get_verdict_display()} · {row.reviewed_by}"
        late = timezone.now() > row.review_by
        told = _clock(row, row.review_by)
        return (_("overdue since %(time)s") if late else _("due %(time)s")) % {"time": told}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(
            request, {"summary": self.summary(request), **(extra_context or {})}
        )
        return response

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        count = self.get_queryset(request).filter(reviewed_at=None).count()
        if not count:
            return {"word": {"value": "done"}, "sentence": _("No exceptional access waits for its review.")}
        text = ngettext(
            "%(n)d exceptional access waits for its review.", "%(n)d exceptional accesses wait for their review.", count
        )
        return {"word": {"value": "waiting"}, "sentence": text % {"n": count}}

    # Asking -----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("ask/", view(self.ask_view), name=f"{NAME}_ask"),
            path("<uuid:object_id>/open/", view(self.open_view), name=f"{NAME}_open"),
            path("<uuid:object_id>/end/", view(self.end_view), name=f"{NAME}_end"),
            path("<uuid:object_id>/review/", view(self.review_view), name=f"{NAME}_review"),
        ]
        return [*own, *super().get_urls()]

    @action(description=gettext_lazy("Ask for access"), permissions=["ask"])  # type: ignore[untyped-decorator]
    def ask(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{NAME}_ask"))

    @rechecked
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """GET the form; POST finds the person, exactly and audited, and begins the half hour."""
        if not self.has_ask_permission(request):
            raise PermissionDenied
        clinics = clinics_of(signed_in(request), *exceptional.ASK)
        form, known = AskForm(request.POST or None), known_person(request, clinics)
        if known is not None:
            del form.fields["person"]
        if request.method == "POST" and form.is_valid():
            person = known or form.the_one(request, clinics)
            if person is not None:
                return self._begin(request, person, form.cleaned_data)
        explain = _(
            "For half an hour this one person's data open to you. Each opening is recorded with this reason, and "
            "somebody else reviews it within seven days."
        )
        return form_page(
            self, request, _("Ask for access"), form, explain=explain, button=_("Open for half an hour"),
            back=reverse(LIST), person=mask_of(known) if known else "",
        )  # fmt: skip

    def _begin(self, request: HttpRequest, subject: DataSubject, said: dict[str, Any]) -> HttpResponse:
        row = exceptional.ask(
            signed_in(request),
            subject,
            reason=said["reason"],
            explanation=said["explanation"],
            now=timezone.now(),
        )
        request.session[sessions.EXCEPTIONAL] = int(row.until.timestamp())
        messages.warning(request, _("For half an hour this person's data are open to you. Everything is recorded."))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    # One access -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._show(request, self._row(request, object_id))

    def _row(self, request: HttpRequest, object_id: str | UUID) -> ExceptionalAccess:
        row = self.get_object(request, str(object_id))
        if not isinstance(row, ExceptionalAccess):
            raise Http404
        return row

    def _show(self, request: HttpRequest, row: ExceptionalAccess, **more: Any) -> HttpResponse:
        now, user = timezone.now(), signed_in(request)
        is_mine, is_active = row.user_id == user.pk, row.is_active(now)
        context = {
            "row": row,
            "facts": [
                (_("who"), self.who(row)),
                (_("clinic"), str(row.clinic)),
                (_("person"), self.person(row)),
                (_("reason"), self.why(row)),
                (_("asked"), self.asked(row)),
                (_("lasts"), self.lasts(row)),
                (_("review"), self.reviewed(row)),
            ],
            "is_active": is_active,
            "may_open": is_mine and is_active,
            "may_review": not is_mine and user.has_role_in(row.clinic_id, exceptional.REVIEW),
            "trail": f"{reverse('admin:audit_auditlog_changelist')}?object_type={exceptional.LABEL}&object_id={row.pk}"
            if user.has_role_in(row.clinic_id, roles_with(Capability.AUDIT_VIEW))
            else "",
            "back": reverse(LIST),
            **more,
        }
        answer = self.page(request, "admin/consent/exceptional.html", _("Exceptional access"), **context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def open_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST: show how the person is reached (who asked, while it lasts), or the explanation (who reviews)."""
        row, user = self._row(request, object_id), signed_in(request)
        if request.method != "POST":
            return HttpResponseRedirect(reverse(ONE, args=[row.pk]))
        try:
            if row.user_id == user.pk:
                return self._show(request, row, opened=exceptional.contacts(row, by=user))
            if not user.has_role_in(row.clinic_id, exceptional.REVIEW):
                raise PermissionDenied
            return self._show(request, row, explained=exceptional.explanation(row, by=user))
        except RevealDenied as denied:
            messages.error(request, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
        except Undecryptable:
            messages.error(request, _("Not opened: the person's key is gone."))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    def end_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST by who asked: it is needed no longer."""
        row = self._row(request, object_id)
        if request.method == "POST" and row.user_id == request.user.pk:
            exceptional.end(row, now=timezone.now())
            until = exceptional.held_until(signed_in(request))
            request.session[sessions.EXCEPTIONAL] = int(until.timestamp()) if until else 0
            messages.success(request, _("The access has ended."))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    @rechecked
    def review_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `verdict`."""
        row = self._row(request, object_id)
        verdict = request.POST.get("verdict", "")
        if request.method == "POST" and verdict in ExceptionalAccess.Verdict.values:
            try:
                done = exceptional.review(row, by=signed_in(request), verdict=verdict, now=timezone.now())
            except exceptional.NotAllowed:
                raise PermissionDenied from None
            if done:
                messages.success(request, _("The review is recorded."))
            else:
                messages.error(request, _("It still lasts, or was reviewed already."))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))


def _clock(row: ExceptionalAccess, when: Any) -> str:
    return clock(when, ZoneInfo(row.clinic.time_zone), timezone.now())


def in_force(request: HttpRequest) -> Iterator[Band]:
    """The band while it lasts; the session knows until when, so that it costs no query."""
    until = request.session.get(sessions.EXCEPTIONAL, 0) if hasattr(request, "session") else 0
    if until > time():
        clock_time = timezone.localtime(datetime.fromtimestamp(until, UTC))
        yield Band(
            text=_("Exceptional access until %(time)s: everything you open is recorded and will be reviewed.")
            % {"time": f"{clock_time:%H:%M}"},
            address=reverse(LIST),
            link=_("See it or end it"),
            is_alarm=True,
        )


register_band(in_force)
