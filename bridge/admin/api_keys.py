"""H3 API keys: which programs may read or write for the clinic, since when, until when?"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from bridge.admin import cells
from bridge.admin.base import OperationAdmin
from bridge.api.keys import LIVE_PER_CLIENT, TooManyKeys, issue, live_keys_of, revoke
from bridge.models import ApiKey, Scope
from bridge.queries.words import Word
from config.env import Malformed, parse_origin
from consent.access.recheck import rechecked
from consent.roles import Capability, roles_with
from consent.scope import clinics_of, signed_in

ENDS_SOON = timedelta(days=30)
MOST_ORIGINS = 10
PERIODS = ((30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (180, gettext_lazy("6 months")),
           (365, gettext_lazy("1 year")))  # fmt: skip
STATE_WORDS = {
    ApiKey.State.LIVE: Word.DONE,
    ApiKey.State.EXPIRED: Word.IGNORED,
    ApiKey.State.REVOKED: Word.BLOCKED,
}


class NewKeyForm(forms.ModelForm):
    """What a new key is for. Keys are never changed: a program that needs more gets a new one."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, label=gettext_lazy("may"), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    days = forms.TypedChoiceField(
        choices=PERIODS, coerce=int, initial=90, label=gettext_lazy("valid for"), widget=UnfoldAdminSelectWidget
    )
    origins = forms.CharField(
        label=gettext_lazy("web sites"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "Only if the program runs inside a web page: the site, such as https://painel.example.com, one per line."
        ),
    )

    class Meta:
        model = ApiKey
        fields = ("client", "clinic", "scopes", "days", "origins")
        help_texts = {
            "client": gettext_lazy("Which program will use it, for example: management dashboard. No person's name."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = capfirst(field.label)

    def clean_client(self) -> str:
        return " ".join(self.cleaned_data["client"].split())

    def clean_origins(self) -> list[str]:
        origins = self.cleaned_data["origins"].split()
        if len(origins) > MOST_ORIGINS:
            raise ValidationError(_("At most %(n)d sites.") % {"n": MOST_ORIGINS})
        return [web_site(text) for text in origins]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        clinic, client = said.get("clinic"), said.get("client")
        if clinic and client and live_keys_of(clinic, client, timezone.now()).count() >= LIVE_PER_CLIENT:
            self.add_error("client", _("This program already has two valid keys. Revoke one of them first."))
        return said


def web_site(text: str) -> str:
    """An origin as browsers send it. Raises ValidationError."""
    try:
        URLValidator(["http", "https"])(text)
        return parse_origin(text).lower()
    except (Malformed, ValidationError):
        raise ValidationError(_("Write only the site, without a path: https://painel.example.com")) from None


@admin.register(ApiKey)
class ApiKeyAdmin(OperationAdmin):
    """Made here, shown once, revoked here; never changed and never deleted."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PEOPLE_VIEW)
    change_roles = roles_with(Capability.PEOPLE_CHANGE)

    question = gettext_lazy("Which programs may read or write for the clinic, and until when?")
    help_text = gettext_lazy(
        "A key lets another program of the clinic use the REST API. It reads masks and numbers, never names, phones or "
        "messages. The key is shown once, when it is made; here only its beginning remains. To change over without a "
        "gap, make a second key for the same program, exchange it there, and revoke the first."
    )
    empty_text = gettext_lazy("No key yet: no other program can read anything here.")

    form = NewKeyForm
    fields = ("client", "clinic", "scopes", "days", "origins")
    list_display = ("client", "begins", "clinic_name", "state", "may", "until", "used", "maker")
    list_select_related = ("clinic", "created_by")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    search_fields = ()
    actions = ("revoke_chosen",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_operate_permission(request)

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        live = ApiKey.objects.live(now).filter(pk__in=self.get_queryset(request).order_by().values("pk"))
        count = live.count()
        if not count:
            return {"word": Word.IGNORED, "sentence": _("No valid key: no other program can read anything here.")}
        ending = live.filter(expires_at__lte=now + ENDS_SOON).count()
        parts = [ngettext("%(n)d valid key", "%(n)d valid keys", count) % {"n": count}]
        if ending:
            parts.append(ngettext("%(n)d ends within 30 days", "%(n)d end within 30 days", ending) % {"n": ending})
        return {"word": Word.WAITING if ending else Word.DONE, "sentence": " · ".join(parts) + "."}

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("begins with"))
    def begins(self, row: ApiKey) -> SafeString:
        return format_html('<code class="ponte-code ponte-id">ponte_{}_…</code>', row.prefix)

    @admin.display(description=gettext_lazy("clinic"))
    def clinic_name(self, row: ApiKey) -> str:
        return row.clinic.trade_name

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: ApiKey) -> SafeString:
        state = row.state(timezone.now())
        return cells.badge(STATE_WORDS[state], str(state.label))

    @admin.display(description=gettext_lazy("may"))
    def may(self, row: ApiKey) -> str:
        """In short; the page of the key lists every permission."""
        writes = any(scope.startswith("write:") for scope in row.scopes)
        many = ngettext("%(n)d permission", "%(n)d permissions", len(row.scopes)) % {"n": len(row.scopes)}
        return f"{_('reads and changes') if writes else _('only reads')} · {many}"

    @admin.display(description=gettext_lazy("valid until"))
    def until(self, row: ApiKey) -> SafeString:
        return cells.since(row.expires_at, _zone(row))

    @admin.display(description=gettext_lazy("last used"))
    def used(self, row: ApiKey) -> SafeString | str:
        return cells.since(row.last_used_at, _zone(row)) if row.last_used_at else _("never")

    @admin.display(description=gettext_lazy("created by"))
    def maker(self, row: ApiKey) -> str:
        return str(row.created_by or cells.NOTHING)

    # Making one -------------------------------------------------------------------------------------------------------

    @rechecked
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        context = {"title": _("New API key"), **only_save, **(extra_context or {})}
        try:
            response: HttpResponse = super().add_view(request, form_url, context)
        except TooManyKeys as error:
            # Somebody else made the second one while this form was sent.
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:bridge_apikey_changelist"))
        return response

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the button *change over* hands on, and the clinic when there is but one."""
        said = {name: request.GET[name] for name in ("client", "clinic", "origins") if name in request.GET}
        own = list(clinics_of(signed_in(request), *self.change_roles).values_list("pk", flat=True)[:2])
        only = {"clinic": own[0]} if len(own) == 1 else {}
        return {**only, "scopes": request.GET.getlist("scopes"), **said}

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: object
    ) -> forms.Field | None:
        formfield: forms.Field | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield is not None and db_field.name == "clinic":
            for wrapped in ("can_add_related", "can_change_related", "can_view_related", "can_delete_related"):
                setattr(formfield.widget, wrapped, False)
        return formfield

    @sensitive_variables("issued")
    def save_model(self, request: HttpRequest, obj: Any, form: NewKeyForm, change: bool) -> None:
        now, said = timezone.now(), form.cleaned_data
        issued = issue(
            clinic=said["clinic"],
            client=said["client"],
            scopes=said["scopes"],
            origins=said["origins"],
            expires_at=now + timedelta(days=said["days"]),
            by=signed_in(request),
            now=now,
        )
        obj.pk, obj.prefix, obj._state.adding = issued.key.pk, issued.key.prefix, False
        obj.token = issued.token

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key, now and never again: it is in no address, no session and no cache."""
        context = {"key": obj, "token": obj.token, "docs": reverse("api-docs"), "base": request.build_absolute_uri("/")}
        response = self.page(request, "admin/bridge/api_key_made.html", _("The new key"), **context)
        response.headers["Cache-Control"] = "no-store"
        return response

    # One key ----------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Any = self.object_or_404(request, object_id, change=False)
        may_act = self.has_any(request, self.change_roles, row)
        context = {
            "key": row,
            "rows": self._facts(row),
            "can_revoke": may_act and row.revoked_at is None,
            "successor": self._address_of_successor(row) if may_act and has_room(row) else "",
            "back": reverse("admin:bridge_apikey_changelist"),
        }
        return self.page(request, "admin/bridge/api_key.html", row.client, **context)

    def _facts(self, row: ApiKey) -> list[tuple[str, Any]]:
        zone, names = _zone(row), dict(Scope.choices)
        facts: list[tuple[str, Any]] = [
            (_("state"), self.state(row)),
            (_("begins with"), self.begins(row)),
            (_("clinic"), self.clinic_name(row)),
            (_("may"), _lines(str(names.get(scope, scope)) for scope in row.scopes)),
            (_("web sites"), _lines(row.origins) if row.origins else _("none")),
            (_("made"), cells.since(row.created_at, zone)),
            (_("created by"), self.maker(row)),
            (_("valid until"), self.until(row)),
            (_("last used"), self.used(row)),
        ]
        return [*facts, (_("revoked"), cells.since(row.revoked_at, zone))] if row.revoked_at else facts

    def _address_of_successor(self, row: ApiKey) -> str:
        same = {"client": row.client, "clinic": row.clinic_id, "scopes": row.scopes, "origins": "\n".join(row.origins)}
        return f"{reverse('admin:bridge_apikey_add')}?{urlencode(same, doseq=True)}"

    # Revoking ---------------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Revoke"), permissions=["operate"])
    def revoke_chosen(self, request: HttpRequest, queryset: models.QuerySet[ApiKey]) -> HttpResponse:
        """Ask first, with names."""
        return self._ask(request, queryset.filter(pk__in=whole_numbers(self.chosen_ids(request))))

    def get_urls(self) -> list[URLPattern]:
        own = path("revoke/", self.admin_site.admin_view(self.revoke_view), name="bridge_apikey_revoke")
        return [own, *super().get_urls()]

    @rechecked
    def revoke_view(self, request: HttpRequest) -> HttpResponse:
        """POST `key` (one or more ids): with `confirmed` they are revoked, without it is asked."""
        ids = whole_numbers(request.POST.getlist("key"))
        rows = self.scoped(request, ApiKey.objects.filter(pk__in=ids), self.change_roles)
        back = HttpResponseRedirect(reverse("admin:bridge_apikey_changelist"))
        if request.method != "POST" or not self.has_operate_permission(request) or not rows.exists():
            return back
        if "confirmed" not in request.POST:
            return self._ask(request, rows)
        count = revoke(rows, by=signed_in(request), now=timezone.now())
        text = ngettext(
            "%(n)d key revoked: it opens nothing any more.", "%(n)d keys revoked: they open nothing any more.", count
        )
        messages.success(request, text % {"n": count})
        return back

    def _ask(self, request: HttpRequest, rows: models.QuerySet[ApiKey]) -> HttpResponse:
        chosen = list(rows.filter(revoked_at=None).select_related("clinic"))
        lines = [(row, self.used(row)) for row in chosen]
        back = reverse("admin:bridge_apikey_changelist")
        return self.page(request, "admin/bridge/api_key_revoke.html", _("Revoke"), lines=lines, back=back)


def has_room(row: ApiKey) -> bool:
    """Whether the program may get another key."""
    return live_keys_of(row.clinic, row.client, timezone.now()).count() < LIVE_PER_CLIENT


def whole_numbers(texts: Iterable[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]


def _zone(row: ApiKey) -> ZoneInfo:
    return ZoneInfo(row.clinic.time_zone)


def _lines(lines: Iterable[str]) -> SafeString:
    return format_html('<ul class="ponte-lines">{}</ul>', format_html_join("", "<li>{}</li>", ((x,) for x in lines)))
