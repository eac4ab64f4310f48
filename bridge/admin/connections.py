"""A4 Connections: what is joined, in which state, and what changes when I touch it?"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import actor_of
from bridge.admin.connection_form import (
    BACK_FIELDS,
    STAGE_RULES,
    ConnectionForm,
    is_secret,
    krayin_users_of,
    password_name,
)
from bridge.admin.filters import ProblemFilter
from bridge.admin.setup import SetupPages
from bridge.connecting.rows import keep_secret, webhook_url
from bridge.connecting.switching import wake_shadowed
from bridge.models import Connection, KrayinUser, Partner, WebhookSecret
from bridge.queries import addresses
from bridge.queries.home import STATE_WORDS, ConnectionLine, connection_lines
from bridge.queries.story_lines import cause_text, stage_name
from bridge.queries.words import Word
from bridge.replay import try_now
from bridge.sync.partners import connection_context, may_sign_in, user_context
from consent.access.recheck import lead_to_check
from consent.encryption import seal_system
from consent.roles import Capability, Role, roles_with
from consent.scope import ClinicScopedAdmin, has_role

State = Connection.State
OVERLAP = timedelta(hours=24)  # how long a replaced webhook secret is still accepted
PAUSABLE = (State.ACTIVE, State.SHADOW)
# What who may only look reads in place of Krayin's and Chatwoot's numbers.
READ_AS = {
    "inbox_ids": "inboxes_read", "lead_pipeline_id": "pipeline_read", "lead_pipeline_stage_id": "first_stage_read",
    "lead_source_id": "source_read", "lead_type_id": "type_read", "stage_on_conversation_created": "created_read",
    "stage_on_first_response": "response_read", "stage_on_conversation_resolved": "resolved_read",
}  # fmt: skip


@admin.register(Connection)
class ConnectionAdmin(SetupPages):
    """Made by the assistant or the connect command, changed here, never deleted."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.CONNECTIONS_VIEW)
    change_roles = roles_with(Capability.CONNECTIONS_CHANGE)

    question = gettext_lazy("What is joined, in which state, and what changes when I touch it?")
    help_text = gettext_lazy(
        "A connection joins one clinic, inboxes of one Chatwoot account and one Krayin. Pausing is safe: everything is "
        "received and kept, and written later. Switching off loses the events of that time."
    )
    empty_text = gettext_lazy("No connection yet. “Add connection” opens the assistant: eight steps, each can be left.")

    form = ConnectionForm
    list_display = (
        "name", "clinic_name", "chatwoot", "krayin_address", "state_word", "last_event", "last_write", "calls_left",
        "trouble",
    )  # fmt: skip
    list_filter = (ProblemFilter,)
    list_select_related = ("clinic", "krayin")
    ordering = ("clinic__trade_name", "name")
    sortable_by = ()
    search_fields = ("name", "clinic__trade_name")
    actions = ("pause",)
    actions_detail = ("assistant_one", "checks_one", "pause_one", "audit_one")
    readonly_fields = (
        "clinic_name", "standing", "chatwoot_place", "krayin_place", "inbound_address", "chatwoot_secrets",
        "krayin_secrets", *READ_AS.values(),
    )  # fmt: skip
    warn_unsaved_form = True

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return ClinicScopedAdmin.has_change_permission(self, request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request.user, *self.change_roles)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A connection is made by the assistant."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:bridge_setup_new"))

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        passwords = [password_name(user) for user in krayin_users_of(obj)] if isinstance(obj, Connection) else []
        may_change = self.has_change_permission(request, obj)
        new = ["chatwoot_token_new", "webhook_secret_new", *passwords] if may_change else []
        read = tuple if may_change else _read_names
        joined = ("chatwoot_place", "all_inboxes", "inbox_ids", "krayin_place")
        send = ("preset", "message_text", "note_quiet_s", "note_max_age_s", "sync_to_organization")
        first = ("lead_pipeline_id", "lead_pipeline_stage_id", "lead_source_id", "lead_type_id")
        return (
            (None, {"fields": ("name", "clinic_name", "standing", "state")}),
            (_("What is joined"), {"fields": read(joined)}),
            (_("What to send"), {"fields": send}),
            (_("Opportunity"), {"fields": ("title_template", *read(first), "shared_person")}),
            (_("Stage rules"), {"fields": ("stage_progression_enabled", *read(STAGE_RULES))}),
            (_("From Krayin to Chatwoot"), {"fields": BACK_FIELDS}),
            (_("Secrets"), {"fields": ("inbound_address", "chatwoot_secrets", "krayin_secrets", *new)}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The fields of the passwords are made by the form itself, one for each Krayin user.
        return super().get_form(request, obj, change, **{**kwargs, "fields": self._own_fields(request, obj)})

    def _own_fields(self, request: HttpRequest, obj: Any) -> list[str]:
        if not self.has_change_permission(request, obj):
            return []
        return list(ConnectionForm.Meta.fields)

    # List -------------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("breakers")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        lines = connection_lines(list(changelist.result_list), now=timezone.now())
        by_id = {line.connection.pk: line for line in lines}
        for row in changelist.result_list:
            row.line = by_id[row.pk]
        return changelist

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        return connections_sentence(self.connections(request))

    @admin.display(description=gettext_lazy("clinic"))
    def clinic_name(self, row: Connection) -> str:
        return row.clinic.trade_name

    @admin.display(description="Chatwoot")
    def chatwoot(self, row: Connection) -> str:
        account = _("account %(n)s") % {"n": row.chatwoot_account_id}
        return f"{addresses.host(row.chatwoot_url)} · {account}"

    @admin.display(description="Krayin")
    def krayin_address(self, row: Connection) -> str:
        return addresses.host(row.krayin.base_url)

    @admin.display(description=gettext_lazy("state"))
    def state_word(self, row: Connection) -> SafeString:
        return state_badge(row)

    @admin.display(description=gettext_lazy("last event"))
    def last_event(self, row: Any) -> SafeString:
        return cells.since(row.line.last_event, cells.zone_of(row))

    @admin.display(description=gettext_lazy("last write"))
    def last_write(self, row: Any) -> SafeString:
        return cells.since(row.line.last_write, cells.zone_of(row))

    @admin.display(description=gettext_lazy("calls"))
    def calls_left(self, row: Any) -> str:
        return calls_left(row.line)

    @admin.display(description=gettext_lazy("problem"))
    def trouble(self, row: Connection) -> SafeString | str:
        return cells.badge(Word.FAILED, cause_text(row.problem)) if row.problem else cells.NOTHING

    # One connection ---------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("now"))
    def standing(self, row: Connection) -> SafeString:
        """State, age of the last event and write, what waits."""
        line = detail_of(row).line
        zone = cells.zone_of(row)
        facts = [
            (_("last event"), cells.since(line.last_event, zone)),
            (_("last write"), cells.since(line.last_write, zone)),
            (_("waiting"), str(line.waiting)),
            (_("calls left"), calls_left(line)),
        ]
        facts += [(_("problem"), cells.badge(Word.FAILED, cause_text(row.problem)))] if row.problem else []
        return _facts([(_("state"), state_badge(row)), *facts])

    @admin.display(description="Chatwoot")
    def chatwoot_place(self, row: Connection) -> SafeString:
        return _facts([(_("address"), row.chatwoot_url), (_("account"), str(row.chatwoot_account_id))])

    @admin.display(description="Krayin")
    def krayin_place(self, row: Connection) -> SafeString:
        return _facts([(_("address"), row.krayin.base_url), (_("prefix of our references"), row.ref_code)])

    @admin.display(description=gettext_lazy("webhook address"))
    def inbound_address(self, row: Connection) -> SafeString | str:
        if row.polling_only:
            return _("none: Ponte asks Chatwoot by itself")
        return format_html('<code class="ponte-code">{}</code>', webhook_url(row, Partner.CHATWOOT))

    @admin.display(description=gettext_lazy("Chatwoot's secrets"))
    def chatwoot_secrets(self, row: Connection) -> SafeString:
        lines = [_("Access token kept: %(is_kept)s") % {"is_kept": _yes_no(bool(row.chatwoot_token))}]
        return _lines([*lines, *(secret_line(secret, row) for secret in detail_of(row).secrets_of(Partner.CHATWOOT))])

    @admin.display(description=gettext_lazy("Krayin's secrets"))
    def krayin_secrets(self, row: Connection) -> SafeString:
        lines = [
            _("%(who)s: password kept: %(password)s; token kept: %(token)s")
            % {"who": user.email, "password": _yes_no(bool(user.password)), "token": _yes_no(bool(user.token))}
            for user in krayin_users_of(row)
        ]
        return _lines([*lines, *(secret_line(secret, row) for secret in detail_of(row).secrets_of(Partner.KRAYIN))])

    # For those who may only look: names in place of numbers -----------------------------------------------------------

    @admin.display(description=gettext_lazy("inboxes"))
    def inboxes_read(self, row: Connection) -> str:
        if row.all_inboxes:
            return _("every inbox of the account")
        return ", ".join(str(row.inbox_names.get(str(number), number)) for number in row.inbox_ids) or cells.NOTHING

    @admin.display(description=gettext_lazy("pipeline"))
    def pipeline_read(self, row: Connection) -> str:
        names = {pipeline["id"]: pipeline["name"] for pipeline in row.pipelines}
        return names.get(row.pipeline_id, row.default_pipeline_name) or cells.NOTHING

    @admin.display(description=gettext_lazy("first stage"))
    def first_stage_read(self, row: Connection) -> str:
        return stage_name(row, row.first_stage_id) or cells.NOTHING

    @admin.display(description=gettext_lazy("source"))
    def source_read(self, row: Connection) -> str:
        return row.default_source_name if row.lead_source_id is None else str(row.lead_source_id)

    @admin.display(description=gettext_lazy("type"))
    def type_read(self, row: Connection) -> str:
        return row.default_lead_type_name if row.lead_type_id is None else str(row.lead_type_id)

    @admin.display(description=gettext_lazy("stage when the conversation starts"))
    def created_read(self, row: Connection) -> str:
        return stage_name(row, row.stage_on_conversation_created) or _("does not move")

    @admin.display(description=gettext_lazy("stage after the first response"))
    def response_read(self, row: Connection) -> str:
        return stage_name(row, row.stage_on_first_response) or _("does not move")

    @admin.display(description=gettext_lazy("stage when resolved"))
    def resolved_read(self, row: Connection) -> str:
        return stage_name(row, row.stage_on_conversation_resolved) or _("does not move")

    # Changing ---------------------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Other secrets are taken only from somebody who has just proved who they are."""
        if any(value and is_secret(name) for name, value in request.POST.items()) and (check := lead_to_check(request)):
            return check
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        return response

    def save_model(self, request: HttpRequest, obj: Connection, form: ConnectionForm, change: bool) -> None:
        """Write what changed only: workers write other columns of the row meanwhile."""
        with transaction.atomic():
            changed = [name for name in form.changed_data if name in ConnectionForm.Meta.fields]
            token = form.entered("chatwoot_token_new")
            if token:
                obj.chatwoot_token = seal_system(token.encode(), context=connection_context(obj))
                changed.append("chatwoot_token")
            if changed:
                obj.save(update_fields=[*changed, "updated_at"])
            if "state" in changed and obj.state == State.ACTIVE:
                wake_shadowed(obj)
            secret = form.entered("webhook_secret_new")
            if secret:
                replace_webhook_secret(obj, secret)
            passwords = form.entered_passwords()
            for user, text in passwords:
                replace_password(user, text)
        if token or passwords:
            try_now([obj], actor=actor_of(request))
            messages.info(request, _("The new access is tried at once; if it is refused, it appears under To solve."))
        if obj.state == State.OFF and "state" in changed:
            messages.warning(request, _("Switched off: what Chatwoot sends from now on is lost."))

    # Pausing ----------------------------------------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Pause: receive and keep, write nothing"), permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: models.QuerySet[Connection]) -> HttpResponse:
        """Ask first."""
        ids = [int(pk) for pk in self.chosen_ids(request) if pk.isdecimal()]
        return self._ask_to_pause(request, queryset.filter(pk__in=ids))

    @action(description=gettext_lazy("Pause"), permissions=["pause_one"])  # type: ignore[untyped-decorator]
    def pause_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first: the button is a link, and a link changes nothing."""
        row = self.object_or_404(request, object_id)
        return self._ask_to_pause(request, Connection.objects.filter(pk=row.pk))

    def has_pause_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        if object_id is None or not object_id.isdecimal():
            return self.has_operate_permission(request)
        rows = Connection.objects.filter(pk=object_id, state__in=PAUSABLE)
        return self.scoped(request, rows, self.change_roles).exists()

    def get_urls(self) -> list[URLPattern]:
        own = path("pause/", self.admin_site.admin_view(self.pause_view), name="bridge_connection_pause")
        return [own, *self.setup_urls(), *super().get_urls()]

    # The assistant and the checks -----------------------------------------------------------------------------------------

    @action(description=gettext_lazy("Assistant"), permissions=["change_one"])  # type: ignore[untyped-decorator]
    def assistant_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go through the steps of this connection again."""
        return HttpResponseRedirect(reverse("admin:bridge_connection_setup", args=[object_id]))

    @action(description=gettext_lazy("Checks"), permissions=["see_one"])  # type: ignore[untyped-decorator]
    def checks_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was found last, and the button to check now."""
        return HttpResponseRedirect(reverse("admin:bridge_connection_checks", args=[object_id]))

    @action(description=gettext_lazy("Audit of this item"), permissions=["audit_one"])  # type: ignore[untyped-decorator]
    def audit_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the trail knows of this connection."""
        return HttpResponseRedirect(audit_of(request, self.object_or_404(request, object_id, change=False)))

    def has_audit_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request.user, *roles_with(Capability.AUDIT_VIEW))

    def has_change_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._has_one(request, object_id, self.change_roles)

    def has_see_one_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._has_one(request, object_id, self.seeing_roles)

    def _has_one(self, request: HttpRequest, object_id: str | None, roles: Collection[Role]) -> bool:
        if object_id is None or not object_id.isdecimal() or len(object_id) > 18:
            return has_role(request.user, *roles)
        row = self.row_of_button(request, object_id)
        return row is not None and self.has_any(request, roles, row)

    def pause_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection` (one or more ids), from the page that asked."""
        ids = [int(pk) for pk in request.POST.getlist("connection") if pk.isdecimal() and len(pk) < 19]
        if request.method == "POST" and self.has_operate_permission(request):
            count = pause(self.scoped(request, Connection.objects.filter(pk__in=ids), self.change_roles))
            text = ngettext(
                "%(n)d connection paused: nothing is lost.", "%(n)d connections paused: nothing is lost.", count
            )
            messages.success(request, text % {"n": count})
        return HttpResponseRedirect(reverse("admin:bridge_connection_changelist"))

    def _ask_to_pause(self, request: HttpRequest, rows: models.QuerySet[Connection]) -> HttpResponse:
        chosen = list(rows.filter(state__in=PAUSABLE).select_related("clinic").order_by("name"))
        back = reverse("admin:bridge_connection_changelist")
        return self.page(request, "admin/bridge/confirm_pause.html", _("Pause"), rows=chosen, back=back)


def _read_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(READ_AS.get(name, name) for name in names)


def pause(rows: models.QuerySet[Connection]) -> int:
    """Pause those that write or plan; return how many. Each leaves its audit row."""
    with transaction.atomic():
        chosen = list(rows.filter(state__in=PAUSABLE).select_for_update(of=("self",)))
        for row in chosen:
            row.state = State.PAUSED
            row.save(update_fields=["state", "updated_at"])
    return len(chosen)


def replace_webhook_secret(connection: Connection, secret: str) -> None:
    """Keep the new secret and let the old ones expire: Chatwoot may still deliver with them."""
    live = WebhookSecret.objects.filter(connection=connection, partner=Partner.CHATWOOT, retired_at=None)
    before = set(live.values_list("pk", flat=True))
    keep_secret(connection, Partner.CHATWOOT, secret)
    if set(live.values_list("pk", flat=True)) != before:
        live.filter(pk__in=before).update(retired_at=timezone.now() + OVERLAP)


def replace_password(user: KrayinUser, password: str) -> None:
    """Keep the new password and forget the token, so that the next call signs in."""
    user.password = seal_system(password.encode(), context=user_context(user, "password"))
    user.token = None
    user.save(update_fields=["password", "token"])
    may_sign_in(user)


# What the screen says -------------------------------------------------------------------------------------------------


def state_badge(row: Connection) -> SafeString:
    return cells.badge(STATE_WORDS[State(row.state)], row.get_state_display())


def calls_left(line: ConnectionLine) -> str:
    if line.budget is None:
        return cells.NOTHING
    return _("%(left)d now, %(rate)d/min") % {"left": line.budget.left, "rate": line.budget.per_minute}


def connections_sentence(rows: Iterable[Connection]) -> dict[str, Any]:
    """Whether every connection works."""
    connections = list(rows)
    troubled = [row for row in connections if row.problem]
    if not connections:
        return {}
    if troubled:
        text = ngettext("%(n)d connection has a problem.", "%(n)d connections have a problem.", len(troubled))
        return {"word": Word.FAILED, "sentence": text % {"n": len(troubled)}}
    active = sum(row.state == State.ACTIVE for row in connections)
    if not active:
        return {"word": Word.IGNORED, "sentence": _("No connection is active: nothing is written to Krayin.")}
    text = ngettext("%(n)d active connection, no problem.", "%(n)d active connections, no problem.", active)
    return {"word": Word.DONE, "sentence": text % {"n": active}}


@dataclass(frozen=True)
class Detail:
    """What the page of one connection reads beside its row."""

    line: ConnectionLine
    users: Sequence[KrayinUser]
    secrets: Sequence[WebhookSecret]

    def secrets_of(self, partner: Partner) -> list[WebhookSecret]:
        return [secret for secret in self.secrets if secret.partner == partner]


def detail_of(row: Any) -> Detail:
    """Read once per row object: templates ask for the same cell more than once."""
    if "detail" not in row.__dict__:
        now = timezone.now()
        live = models.Q(retired_at=None) | models.Q(retired_at__gt=now)
        secrets = WebhookSecret.objects.filter(live, connection=row).order_by("created_at").defer("secret")
        row.detail = Detail(
            line=connection_lines([row], now=now)[0],
            users=list(row.krayin_users.order_by("email")),
            secrets=list(secrets),
        )
    kept: Detail = row.detail
    return kept


def secret_line(secret: WebhookSecret, row: Connection) -> SafeString:
    """`definido em … · usado pela última vez …`: never the secret itself."""
    zone = cells.zone_of(row)
    used = cells.since(secret.last_matched_at, zone) if secret.last_matched_at else _("never")
    until = (
        format_html(" · {} {}", _("accepted until"), cells.since(secret.retired_at, zone)) if secret.retired_at else ""
    )
    return format_html(
        "{}: {} {} · {} {}{}",
        _("Webhook secret"), _("set"), cells.since(secret.created_at, zone), _("last used"), used, until,
    )  # fmt: skip


def _yes_no(is_so: bool) -> str:
    return _("yes") if is_so else _("no")


def _lines(lines: Iterable[str | SafeString]) -> SafeString:
    return format_html('<ul class="ponte-lines">{}</ul>', format_html_join("", "<li>{}</li>", ((x,) for x in lines)))


def _facts(pairs: Iterable[tuple[str, str | SafeString]]) -> SafeString:
    rows = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", pairs)
    return format_html('<dl class="ponte-facts">{}</dl>', rows)
