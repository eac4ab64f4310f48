"""C6 Exports: is the package complete, checked, and handed over to the right person?"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from config.times import ago, clock
from consent import desk
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import form_page
from consent.admin.finding import PersonForm, known_person
from consent.admin.holds_person import mask_of
from consent.desk import Card
from consent.encryption import Actor, RevealDenied, Undecryptable
from consent.export import control, printing
from consent.export.job import OBJECT
from consent.export.layout import STREAMS
from consent.export.manifest import exclusions
from consent.export.words import SYSTEM_STATES, cause_word
from consent.models import Clinic, DataSubject, ExportLink, ExportPackage, User
from consent.queries import people_search
from consent.queries.trail_words import reason_word
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, has_role, signed_in

NAME = "consent_exportpackage"
LIST, ONE = f"admin:{NAME}_changelist", f"admin:{NAME}_change"
ACT_ROLES = roles_with(Capability.PRIVACY_ACT)
State = ExportPackage.State
RIGHTS = (
    ("T02", gettext_lazy("Full access")),
    ("T03", gettext_lazy("Full copy")),
    ("T06", gettext_lazy("Portability")),
)
METHODS = (
    ("two_channels", gettext_lazy("codes on two channels")),
    ("in_person", gettext_lazy("in person, with a document")),
    ("fact", gettext_lazy("code and one fact")),
)
CHANNELS = (
    ("in_person", gettext_lazy("handed over in person")),
    ("mail", gettext_lazy("e-mail")),
    ("chat", gettext_lazy("chat")),
    ("letter", gettext_lazy("letter")),
)
# The eight words of the screens, by what a package is doing.
WORDS = {
    State.WAITING: "waiting", State.COLLECTING: "running", State.WRITING: "running", State.READY: "waiting",
    State.RELEASED: "waiting", State.DELIVERED: "done", State.CANCELLED: "ignored", State.FAILED: "failed",
    State.DESTROYED: "ignored",
}  # fmt: skip


class AskForm(PersonForm):
    """Whose data, under which protocol."""

    protocol = forms.CharField(label=gettext_lazy("Protocol"), max_length=40)
    rights = forms.MultipleChoiceField(
        label=gettext_lazy("Rights it answers"), choices=RIGHTS, initial=["T03"], widget=forms.CheckboxSelectMultiple
    )


@admin.register(ExportPackage)
class ExportPackageAdmin(ClinicScopedAdmin):
    """Asked for here or by the API, built in the background, released by a second person, handed over once."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = ACT_ROLES

    question = gettext_lazy("Is the package complete, checked, and handed over to the right person?")
    help_text = gettext_lazy(
        "A package holds everything Ponte, Chatwoot and Krayin know of one person, for the person. It is built in the "
        "background, signed and checked, and lies encrypted until it is handed over: by an address that opens once and "
        "a code that goes another way. With health data a second person releases it; an incomplete one cannot be."
    )
    empty_text = gettext_lazy("Nobody has asked for a copy of their data yet.")
    list_before_template = "admin/bridge/list_before.html"
    list_display = (
        "about",
        "person",
        "answers",
        "condition",
        "whole",
        "size",
        "asker",
        "releaser",
        "link",
        "downloads",
    )
    list_filter = ("state", "clinic")
    list_select_related = ("clinic", "subject", "created_by", "released_by")
    ordering = ("-created_at",)
    sortable_by = ()
    actions = ()
    actions_list = ("ask",)
    list_per_page = 25
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_ask_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request.user, *ACT_ROLES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().get_queryset(request)
        used = Count("links", filter=Q(links__used_at__isnull=False))
        counted: models.QuerySet[Any] = rows.annotate(
            used=used, link_until=models.Max("links__expires_at", filter=open_links())
        )
        return counted

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("protocol"))
    def about(self, row: ExportPackage) -> str:
        return row.protocol

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: ExportPackage) -> str:
        return self._masks(row)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The masks of all shown people with one query."""
        changelist = super().get_changelist_instance(request)
        seen = [row.subject.pseudonym for row in changelist.result_list if row.subject.pseudonym]
        self_masks = people_search.masks(seen) if seen else {}
        for row in changelist.result_list:
            row.mask = self_masks.get(row.subject.pseudonym, "")
        return changelist

    def _masks(self, row: ExportPackage) -> str:
        return getattr(row, "mask", "") or str(row.subject)

    @admin.display(description=gettext_lazy("rights"))
    def answers(self, row: ExportPackage) -> str:
        return ", ".join(row.rights)

    @admin.display(description=gettext_lazy("state"))
    def condition(self, row: ExportPackage) -> SafeString:
        text = str(row.get_state_display())
        if row.state in ExportPackage.RUNNING and row.total:
            text = f"{text} · {row.done}/{row.total}"
        told = {"word": WORDS[State(row.state)], "text": text}
        return render_to_string("admin/consent/request_state.html", told)

    @admin.display(description=gettext_lazy("complete"))
    def whole(self, row: ExportPackage) -> str:
        if row.built_at is None:
            return "—"
        if row.is_complete:
            return _("yes")
        away = [system["name"] for system in row.systems if system["status"] != "ok"]
        return _("no: %(systems)s") % {"systems": ", ".join(away)}

    @admin.display(description=gettext_lazy("size"))
    def size(self, row: ExportPackage) -> str:
        return filesizeformat(row.file_bytes) if row.file_bytes else "—"

    @admin.display(description=gettext_lazy("asked by"))
    def asker(self, row: ExportPackage) -> str:
        return str(row.created_by) if row.created_by else _("program")

    @admin.display(description=gettext_lazy("released by"))
    def releaser(self, row: ExportPackage) -> str:
        return str(row.released_by) if row.released_by else "—"

    @admin.display(description=gettext_lazy("link until"))
    def link(self, row: Any) -> str:
        return _clock(row, row.link_until) if row.link_until else "—"

    @admin.display(description=gettext_lazy("downloads"))
    def downloads(self, row: Any) -> int:
        count: int = row.used
        return count

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": self.summary(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        rows = self.scoped(request, ExportPackage.objects.all(), self.seeing_roles)
        found = rows.aggregate(
            ready=Count("pk", filter=Q(state=State.READY)), bad=Count("pk", filter=Q(state=State.FAILED))
        )
        if found["ready"]:
            text = ngettext(
                "%(n)d package waits to be released.", "%(n)d packages wait to be released.", found["ready"]
            )
            return {"word": {"value": "waiting"}, "sentence": text % {"n": found["ready"]}}
        if found["bad"]:
            text = ngettext("%(n)d package failed.", "%(n)d packages failed.", found["bad"])
            return {"word": {"value": "failed"}, "sentence": text % {"n": found["bad"]}}
        return {"word": {"value": "done"}, "sentence": _("No package waits for anybody.")}

    # Asking -----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("ask/", view(self.ask_view), name=f"{NAME}_ask"),
            path("<uuid:object_id>/act/", view(self.act_view), name=f"{NAME}_act"),
            path("<uuid:object_id>/print/", view(self.print_view), name=f"{NAME}_print"),
        ]
        return [*own, *super().get_urls()]

    @action(description=gettext_lazy("Make a package"), permissions=["ask"])  # type: ignore[untyped-decorator]
    def ask(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{NAME}_ask"))

    @rechecked
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """GET the form; POST finds the person, exactly and audited, and begins."""
        if not self.has_ask_permission(request):
            raise PermissionDenied
        clinics = clinics_of(signed_in(request), *ACT_ROLES)
        form, known = AskForm(request.POST or None), known_person(request, clinics)
        if known is not None:
            del form.fields["person"]
        if request.method == "POST" and form.is_valid():
            person = known or form.the_one(request, clinics)
            made = self._begin(request, person, form) if person is not None else None
            if made is not None:
                return made
        explain = _(
            "Everything Ponte, Chatwoot and Krayin know of this one person is collected, below the live traffic, and "
            "packed. Nothing is handed over yet."
        )
        return form_page(
            self, request, _("Make a package"), form, explain=explain, button=_("Make the package"), back=reverse(LIST),
            person=mask_of(known) if known else "",
        )  # fmt: skip

    def _begin(self, request: HttpRequest, subject: DataSubject, form: AskForm) -> HttpResponse | None:
        said = form.cleaned_data
        try:
            row = control.ask(
                subject, protocol=said["protocol"], rights=said["rights"], actor=Actor.staff(signed_in(request))
            )
        except (control.NotPossible, ValueError) as error:
            form.add_error("protocol", str(error))
            return None
        messages.success(request, _("The package is being made."))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    # One package ------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._show(request, self._row(request, object_id))

    def _row(self, request: HttpRequest, object_id: str | UUID, *, act: bool = False) -> ExportPackage:
        row = self.object_or_404(request, str(object_id), change=False)
        if not isinstance(row, ExportPackage):
            raise Http404
        if act and not signed_in(request).has_role_in(row.clinic_id, ACT_ROLES):
            raise PermissionDenied
        return row

    def _show(self, request: HttpRequest, row: ExportPackage, **more: Any) -> HttpResponse:
        now, user = timezone.now(), signed_in(request)
        may_act = user.has_role_in(row.clinic_id, ACT_ROLES)
        links = list(row.links.all()[:10])
        context = {
            "row": row,
            "state": self.condition(row),
            "facts": self._facts(row),
            "systems": [(s["name"], SYSTEM_STATES[s["status"]], ", ".join(s["errors"])) for s in row.systems],
            "counts": _counts(row),
            "exclusions": exclusions(row),
            "links": [(one, LINK_STATES[one.state(now)], _clock(row, one.expires_at)) for one in links],
            "refresh": row.state in ExportPackage.RUNNING,
            "percent": round(100 * row.done / row.total) if row.total else 0,
            "may": _possible(row, now) if may_act else {},
            "methods": METHODS,
            "channels": CHANNELS,
            "act": reverse(f"admin:{NAME}_act", args=[row.pk]),
            "printed": reverse(f"admin:{NAME}_print", args=[row.pk]),
            "audit": f"{reverse('admin:audit_auditlog_changelist')}?object_type={OBJECT}&object_id={row.pk}"
            if user.has_role_in(row.clinic_id, roles_with(Capability.AUDIT_VIEW))
            else "",
            "back": reverse(LIST),
            **more,
        }
        answer = self.page(
            request, "admin/consent/export.html", _("Export %(protocol)s") % {"protocol": row.protocol}, **context
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _facts(self, row: ExportPackage) -> list[tuple[str, Any]]:
        told = [
            (_("person"), mask_of(row.subject)),
            (_("clinic"), str(row.clinic)),
            (_("rights"), self.answers(row)),
            (_("asked"), f"{_clock(row, row.created_at)} · {self.asker(row)}"),
            (_("identity"), _identity(row)),
            (_("built"), _clock(row, row.built_at) if row.built_at else "—"),
            (_("complete"), self.whole(row)),
            (_("size"), self.size(row)),
            (_("health data"), _("yes: a second person releases it") if row.has_health else _("none found")),
            (_("check"), _check(row)),
            (_("released"), f"{_clock(row, row.released_at)} · {self.releaser(row)}" if row.released_at else "—"),
            (_("delivered"), _clock(row, row.delivered_at) if row.delivered_at else "—"),
            (_("file destroyed"), _destroyed(row)),
        ]
        if row.cause:
            told.append((_("cause"), cause_word(row.cause)))
        if row.manifest_sha256:
            told.append((_("hash of the manifest"), row.manifest_sha256))
        return told

    # Acts -------------------------------------------------------------------------------------------------------------

    @rechecked
    def act_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `do`: one of ACTS."""
        row = self._row(request, object_id, act=True)
        act = ACTS.get(request.POST.get("do", ""))
        if request.method != "POST" or act is None:
            return HttpResponseRedirect(reverse(ONE, args=[row.pk]))
        try:
            more = act(request, row)
        except control.NotPossible as error:
            messages.error(request, str(error))
            more = None
        if more is not None:
            row.refresh_from_db()
            return self._show(request, row, **more)
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    @rechecked
    def print_view(self, request: HttpRequest, object_id: UUID) -> Any:
        """The readable page, to be printed (Art. 19 §2); opened as this person, so that the gate and the trail see it."""
        row = self._row(request, object_id, act=True)
        if request.method != "POST" or row.state not in {State.RELEASED, State.DELIVERED}:
            return HttpResponseRedirect(reverse(ONE, args=[row.pk]))
        try:
            pieces = printing.page(row, actor=Actor.staff(signed_in(request)))
        except RevealDenied as denied:
            messages.error(request, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
        except (Undecryptable, FileNotFoundError):
            messages.error(request, _("There is no file any more."))
        else:
            answer = StreamingHttpResponse(pieces, content_type="text/html; charset=utf-8")
            answer.headers["Cache-Control"] = "no-store"
            answer.headers["Content-Security-Policy"] = printing.POLICY
            return answer
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))


# C1 -------------------------------------------------------------------------------------------------------------------


def exports_card(user: User, clinics: models.QuerySet[Clinic], now: datetime) -> Card | None:
    """Packages that wait to be released, and those that failed."""
    found = ExportPackage.objects.filter(clinic__in=clinics).aggregate(
        ready=Count("pk", filter=Q(state=State.READY)), bad=Count("pk", filter=Q(state=State.FAILED))
    )
    if found["ready"]:
        text = ngettext("%(n)d package waits to be released.", "%(n)d packages wait to be released.", found["ready"])
        sentence = text % {"n": found["ready"]}
    else:
        sentence = _("No package waits for anybody.")
    return Card(
        title=_("Exports"),
        count=found["ready"],
        address=reverse(LIST),
        sentence=sentence,
        button=_("See the exports"),
        is_urgent=bool(found["bad"]),
    )


desk.register_card(exports_card, place=30)

# What can be done -----------------------------------------------------------------------------------------------------

More = dict[str, Any] | None


def _release(request: HttpRequest, row: ExportPackage) -> More:
    try:
        control.release(row, by=signed_in(request), now=timezone.now())
    except control.MustWait as wait:
        messages.warning(request, f"{wait} {_clock(row, wait.until)}")
        return None
    messages.success(request, _("The package is released: it can be handed over."))
    return None


def _identity_proved(request: HttpRequest, row: ExportPackage) -> More:
    method = request.POST.get("method", "")
    if method in dict(METHODS):
        control.verify_identity(row, method=method, actor=_actor(request), now=timezone.now())
        messages.success(request, _("It is noted how the person was verified."))
    return None


def _link(request: HttpRequest, row: ExportPackage) -> More:
    channel = request.POST.get("channel", "")
    if channel not in dict(CHANNELS):
        return None
    issued = control.issue_link(row, channel=channel, actor=_actor(request), now=timezone.now())
    address = request.build_absolute_uri(reverse("export-enter", args=[issued.token]))
    return {"issued": {"address": address, "code": f"{issued.code[:4]} {issued.code[4:]}", "link": issued.link}}


def _revoke(request: HttpRequest, row: ExportPackage) -> More:
    count = control.revoke_links(row, actor=_actor(request), now=timezone.now())
    messages.success(request, ngettext("%(n)d link ended.", "%(n)d links ended.", count) % {"n": count})
    return None


def _verify(request: HttpRequest, row: ExportPackage) -> More:
    wrong = control.check(row, actor=_actor(request), now=timezone.now())
    if wrong:
        messages.error(request, _("The package is not right: %(what)s") % {"what": wrong})
    else:
        messages.success(request, _("Structure, checksums, signature, schemas and counts are right."))
    return None


def _destroy(request: HttpRequest, row: ExportPackage) -> More:
    control.destroy(row, actor=_actor(request), now=timezone.now())
    messages.success(request, _("The file is destroyed. The hash of its manifest stays."))
    return None


def _cancel(request: HttpRequest, row: ExportPackage) -> More:
    control.cancel(row, actor=_actor(request))
    messages.success(request, _("It is cancelled; what was read is removed."))
    return None


ACTS: dict[str, Callable[[HttpRequest, ExportPackage], More]] = {
    "release": _release,
    "identity": _identity_proved,
    "link": _link,
    "revoke": _revoke,
    "check": _verify,
    "destroy": _destroy,
    "cancel": _cancel,
}
LINK_STATES = {
    "open": gettext_lazy("open"), "used": gettext_lazy("used"), "revoked": gettext_lazy("ended by the clinic"),
    "expired": gettext_lazy("over"), "locked": gettext_lazy("five wrong codes"),
}  # fmt: skip


def open_links() -> Q:
    return Q(links__revoked_at=None, links__used_at=None, links__expires_at__gt=timezone.now(), links__tries__lt=5)


def _possible(row: ExportPackage, now: Any) -> dict[str, bool]:
    has_file, handed = row.state in ExportPackage.HAVING_FILE, row.state in {State.RELEASED, State.DELIVERED}
    return {
        "release": row.state == State.READY and row.is_complete,
        "incomplete": row.state == State.READY and not row.is_complete,
        "identity": row.identity_at is None and row.state not in {State.CANCELLED, State.FAILED, State.DESTROYED},
        "link": handed and row.identity_at is not None,
        "revoke": ExportLink.objects.filter(package=row, revoked_at=None, used_at=None, expires_at__gt=now).exists(),
        "check": has_file,
        "print": handed,
        "destroy": has_file,
        "cancel": row.state in ExportPackage.RUNNING,
    }


def _actor(request: HttpRequest) -> Actor:
    return Actor.staff(signed_in(request))


def _counts(row: ExportPackage) -> list[tuple[Any, int, str]]:
    read = row.counts.get("read", {})
    told = row.counts.get("systems", {}).values()
    return [
        (
            stream.title,
            read.get(stream.code, 0),
            _agrees(row, stream.code, [c[stream.code] for c in told if stream.code in c]),
        )
        for stream in STREAMS
        if read.get(stream.code) or any(c.get(stream.code) for c in told)
    ]


def _agrees(row: ExportPackage, code: str, counted: list[int]) -> str:
    differs = any(f"count_{code}" in system["errors"] for system in row.systems)
    if not counted:
        return "—"
    return _("differs") if differs else _("agrees")


def _identity(row: ExportPackage) -> str:
    if row.identity_at is None:
        return _("not verified yet")
    method = dict(METHODS).get(row.identity_method, row.identity_method)
    return f"{method} · {_clock(row, row.identity_at)}"


def _check(row: ExportPackage) -> str:
    if row.checked_at is None:
        return "—"
    result = _("not right: %(what)s") % {"what": row.check_result} if row.check_result else _("everything is right")
    return f"{result} · {ago(row.checked_at, timezone.now())}"


def _destroyed(row: ExportPackage) -> str:
    if row.destroyed_at:
        return _clock(row, row.destroyed_at)
    return _("on %(time)s") % {"time": _clock(row, row.expires_at)} if row.expires_at else "—"


def _clock(row: ExportPackage, when: Any) -> str:
    return clock(when, ZoneInfo(row.clinic.time_zone), timezone.now())
