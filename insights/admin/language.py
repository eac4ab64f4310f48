"""Language model of a clinic: who may use it, what leaves, what it has cost, and the switches."""

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import models
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from bridge.admin import cells
from bridge.admin.base import OperationAdmin
from bridge.models import ObservedConversation
from bridge.queries.words import Word
from bridge.sync.clock import database_now
from consent.encryption import seal_system
from consent.roles import CAPABILITIES, Capability, Role, roles_with
from consent.scope import ClinicScopedAdmin, has_role, sees_all_clinics, signed_in
from insights import words
from insights.language import budget
from insights.language.answers import Task
from insights.language.asking import SENTENCES, ask, preview, sentence_of
from insights.language.budget import NotAsked
from insights.language.reading import lead_ids
from insights.models import Insight
from insights.models.language import LanguageCall, LanguageSettings, LanguageStop

ON = roles_with(Capability.CLINIC_CHANGE)
OFF = ON | roles_with(Capability.PRIVACY_ACT)
READ = roles_with(Capability.REVEAL_CLINICAL)
LAST = 10
ONLY_SAVE = {"show_save_and_add_another": False, "show_save_and_continue": False}
# Another provider, contract or country is another decision: somebody switches on again.
DECIDED = frozenset({"kind", "base_url", "model", "api_key_new", "contract", "region", "retention_days", "training_off",
                     "transfer_clauses"})  # fmt: skip


class ProviderForm(forms.ModelForm):
    """Everything about a provider. The key is only ever replaced, never shown."""

    api_key_new = forms.CharField(
        label=gettext_lazy("new key"),
        required=False,
        strip=True,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Empty keeps the present one. It belongs to the present address: another asks for its own."
        ),
    )

    class Meta:
        model = LanguageSettings
        fields: ClassVar = [
            "clinic", "kind", "base_url", "model", "contract", "region", "retention_days", "training_off",
            "transfer_clauses", "currency", "price_in", "price_out", "calls_per_day", "calls_per_month",
            "cost_per_day", "cost_per_month", "timeout_s",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = capfirst(str(field.label))

    def clean_region(self) -> str:
        return str(self.cleaned_data["region"]).upper()


@admin.register(LanguageSettings)
class LanguageSettingsAdmin(OperationAdmin):
    """The technical administrator enters the provider; the clinic decides whether it is used."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.CLINIC_VIEW)
    change_roles = roles_with(Capability.CONNECTIONS_CHANGE)

    question = gettext_lazy("May a language model help here, what leaves for it, and what has it cost?")
    help_text = gettext_lazy(
        "A language model may summarise a conversation, put suggestions in order and draft a reply that a person edits. "
        "It decides nothing and sends nothing. Everything works without it."
    )
    empty_text = gettext_lazy("No provider entered: nothing leaves for any language model.")

    form = ProviderForm
    list_display = ("clinic_name", "switched", "provider")
    list_display_links = ("clinic_name",)
    list_select_related = ("clinic",)
    ordering = ("clinic__trade_name",)
    sortable_by = ()
    actions = ()
    fieldsets = (
        (None, {"fields": ("clinic", "kind", "base_url", "model", "api_key_new", "timeout_s")}),
        (
            gettext_lazy("Contract"),
            {"fields": ("contract", "region", "retention_days", "training_off", "transfer_clauses")},
        ),
        (
            gettext_lazy("Budget"),
            {
                "fields": ("currency", "price_in", "price_out", "calls_per_day", "calls_per_month", "cost_per_day",
                           "cost_per_month")
            },
        ),
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return ClinicScopedAdmin.has_change_permission(self, request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.change_roles)

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        if settings.LANGUAGE_MODEL and not LanguageStop.objects.exists():
            return {}
        reason = "stopped" if settings.LANGUAGE_MODEL else "not_installed"
        return {"word": Word.BLOCKED, "sentence": SENTENCES[reason]}

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("clinic",) if obj else ()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(f"<int:number>/{name}/", self.admin_site.admin_view(view), name=f"insights_languagesettings_{name}")
            for name, view in (("provider", self.provider_view), ("act", self.act_view), ("preview", self.preview_view))
        ]
        return [*own, *super().get_urls()]

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("clinic"))
    def clinic_name(self, row: LanguageSettings) -> str:
        return row.clinic.trade_name

    @admin.display(description=gettext_lazy("switched on"))
    def switched(self, row: LanguageSettings) -> SafeString:
        return cells.yes_no(row.is_on)

    @admin.display(description=gettext_lazy("provider"))
    def provider(self, row: LanguageSettings) -> str:
        return str(row)

    # One clinic -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Any = self.object_or_404(request, object_id, change=False)
        used = budget.used(row, database_now())
        calls = LanguageCall.objects.filter(clinic=row.clinic_id).select_related("by").order_by("-asked_at")[:LAST]
        word, sentence = _standing(row)
        zone = ZoneInfo(row.clinic.time_zone)
        return self.page(
            request,
            "admin/insights/language.html",
            f"{_('Language model')} · {row.clinic.trade_name}",
            row=row,
            word=word,
            sentence=sentence,
            missing=row.missing(),
            who=[role.label for role in Role if Capability.REVEAL_CLINICAL in CAPABILITIES[role]],
            rows=self._facts(row, used),
            calls=[(one, cells.since(one.asked_at, zone), sentence_of(one.reason)) for one in calls],
            is_stopped=LanguageStop.objects.exists(),
            may_change=self.has_change_permission(request, row),
            may_switch=self.has_any(request, OFF if row.is_on else ON, row),
            may_stop=sees_all_clinics(request.user, Role.TECHNICAL_ADMIN),
            may_read=self.has_any(request, READ, row),
            connections=row.clinic.connections.order_by("name"),
            back=reverse("admin:insights_languagesettings_changelist"),
        )

    def _facts(self, row: LanguageSettings, used: budget.Used) -> list[tuple[str, str]]:
        money = _("%(used)s of %(most)s %(currency)s")
        return [
            (_("provider"), str(row)),
            (_("address"), row.base_url),
            (_("calls today"), f"{used.day_calls} / {row.calls_per_day}"),
            (_("calls this month"), f"{used.month_calls} / {row.calls_per_month}"),
            *(
                (
                    name,
                    money % {"used": number_format(spent, 4), "most": number_format(most, 2), "currency": row.currency},
                )
                for name, spent, most in (
                    (_("cost today"), used.day_cost, row.cost_per_day),
                    (_("cost this month"), used.month_cost, row.cost_per_month),
                )
            ),
        ]

    def provider_view(self, request: HttpRequest, number: int) -> HttpResponse:
        self.object_or_404(request, str(number))
        response: HttpResponse = sensitive_post_parameters("api_key_new")(self.changeform_view)(
            request, str(number), "", ONLY_SAVE
        )
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: ProviderForm, change: bool) -> None:
        key = form.cleaned_data["api_key_new"]
        # A key is never sent to an address it was not given for.
        if {"kind", "base_url"} & set(form.changed_data):
            obj.api_key = None
        if key:
            obj.api_key = seal_system(key.encode(), context=obj.key_context)
        if DECIDED & set(form.changed_data):
            obj.is_on = False
        obj.failures, obj.paused_until = 0, None
        super().save_model(request, obj, form, change)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(_page_of(obj))

    response_post_save_add = response_post_save_change

    # Switches ---------------------------------------------------------------------------------------------------------

    def act_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """POST `do`: on, off (this clinic); stop, release (every clinic)."""
        row: Any = self.object_or_404(request, str(number), change=False)
        do = request.POST.get("do", "")
        allowed = {
            "on": self.has_any(request, ON, row) and not row.missing(),
            "off": self.has_any(request, OFF, row),
            "stop": sees_all_clinics(request.user, Role.TECHNICAL_ADMIN),
            "release": sees_all_clinics(request.user, Role.TECHNICAL_ADMIN),
        }
        if request.method != "POST" or not allowed.get(do):
            raise Http404
        if do in ("on", "off"):
            row.is_on = do == "on"
            row.save(update_fields=["is_on"])
        elif do == "stop":
            LanguageStop(at=Now(), by=signed_in(request)).save()
        else:
            for stop in LanguageStop.objects.all():
                stop.delete()
        messages.success(request, _("Done: it holds from now on."))
        return HttpResponseRedirect(_page_of(row))

    # What would leave ---------------------------------------------------------------------------------------------------

    def preview_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """POST `conversation`, `connection`: masked, nothing is sent; with `task` the model is asked."""
        row: Any = self.object_or_404(request, str(number), change=False)
        if request.method != "POST" or not self.has_any(request, READ, row):
            raise Http404
        found = _conversation(row, request.POST.get("connection", ""), request.POST.get("conversation", ""))
        if found is None:
            messages.error(request, _("There is no such conversation in this clinic."))
            return HttpResponseRedirect(_page_of(row))
        by, answer = signed_in(request), None
        if request.POST.get("task") in Task.values:
            answer = ask(found, Task(request.POST["task"]), by=by, offered=_offered(found))
        seen = preview(found, by=by)
        return self.page(
            request,
            "admin/insights/language_preview.html",
            _("What would leave"),
            row=row,
            conversation=found,
            seen=seen,
            answer=answer,
            order=[words.act({"id": one}) for one in answer.ids] if answer else (),
            tasks=Task.choices,
            back=_page_of(row),
        )


def _standing(row: LanguageSettings) -> tuple[Word, str]:
    try:
        budget.check(row, database_now())
    except NotAsked as no:
        return Word.POSTPONED if no.reason == "paused" else Word.BLOCKED, str(SENTENCES[no.reason])
    return Word.DONE, _("Switched on: masked text may leave, after the gate, within the budget.")


def _page_of(row: LanguageSettings) -> str:
    return reverse("admin:insights_languagesettings_change", args=[row.pk])


def _conversation(row: LanguageSettings, connection: str, conversation: str) -> ObservedConversation | None:
    if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in (connection, conversation)):
        return None
    rows = ObservedConversation.objects.select_related("connection__clinic", "contact__subject")
    return rows.filter(
        connection=int(connection), connection__clinic=row.clinic_id, chatwoot_conversation_id=int(conversation)
    ).first()


def _offered(conversation: ObservedConversation) -> list[str]:
    """The ids of what is suggested now for the conversation's opportunities."""
    rows = Insight.objects.filter(
        connection=conversation.connection_id, krayin_lead_id__in=lead_ids(conversation), is_current=True
    )
    return list(dict.fromkeys(one["id"] for row in rows for one in row.suggestions or ()))
