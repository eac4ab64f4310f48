"""C2 Requests: to whom do I owe an answer, until when, and can I prove it?"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.times import clock
from consent import desk
from consent.access.recheck import rechecked
from consent.admin.request_acts import ACTS, WRONG, Chosen
from consent.admin.request_page import page_of
from consent.encryption import Actor, RevealDenied, Undecryptable
from consent.models import Clinic, DataRequest, RepresentativeDocument, RequestItem
from consent.queries.desk_cards import year
from consent.queries.trail_words import reason_word
from consent.requests import answers, board, filing, package, representatives
from consent.requests.contacts import Contact
from consent.requests.moving import note
from consent.requests.rules import Right, rules
from consent.requests.states import OPEN_STATES
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, signed_in

NAME = "consent_datarequest"
LIST, ONE = f"admin:{NAME}_changelist", f"admin:{NAME}_change"
ACT_ROLES = roles_with(Capability.PRIVACY_ACT)


class FileForm(forms.Form):
    """A request that came in by another way than the privacy page."""

    clinic = forms.ModelChoiceField(label=gettext_lazy("Clinic"), queryset=Clinic.objects.none(), empty_label=None)
    # Nobody else writes for the privacy page.
    channel = forms.ChoiceField(
        label=gettext_lazy("How it came in"),
        choices=[pair for pair in DataRequest.Channel.choices if pair[0] != DataRequest.Channel.FORM],
    )
    received_at = forms.DateTimeField(
        label=gettext_lazy("Received"),
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("The clock begins here, not when you write it down."),
    )
    rights = forms.MultipleChoiceField(label=gettext_lazy("What is asked"), widget=forms.CheckboxSelectMultiple)
    contact = forms.CharField(
        label=gettext_lazy("Telephone or e-mail of the person"),
        max_length=254,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy("Codes and the answer go there. Leave empty if the person gave none."),
    )
    text = forms.CharField(
        label=gettext_lazy("What the person said, word for word"),
        max_length=filing.LONGEST_TEXT,
        widget=forms.Textarea({"rows": 5}),
        help_text=gettext_lazy("Kept encrypted; only the data protection officer reads it."),
    )
    by_representative = forms.BooleanField(
        label=gettext_lazy("Somebody asks on behalf of another person"), required=False
    )

    def __init__(self, *args: Any, clinics: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]
        told = rules().rights
        self.fields["rights"].choices = [(code, f"{code} · {one.name}") for code, one in told.items()]  # type: ignore[attr-defined]

    def clean_contact(self) -> Contact | None:
        typed = self.cleaned_data["contact"]
        contact = Contact.read(typed) if typed else None
        if typed and contact is None:
            raise forms.ValidationError(_("This is no telephone and no e-mail address."))
        return contact

    def clean(self) -> dict[str, Any]:
        """What was typed is the clinic's own time, whatever the zone of the server."""
        said = super().clean() or {}
        clinic, when = said.get("clinic"), said.get("received_at")
        if clinic and when:
            said["received_at"] = when.replace(tzinfo=ZoneInfo(clinic.time_zone))
            if said["received_at"] > timezone.now():
                self.add_error("received_at", _("This lies in the future."))
        return said


@admin.register(DataRequest)
class DataRequestAdmin(ClinicScopedAdmin):
    """Drawn by hand: overdue rights stay on top whatever is looked for."""

    clinic_lookup = "clinic"
    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = ACT_ROLES
    actions = ()

    question = gettext_lazy("To whom do I owe an answer, until when, and can I prove it?")
    help_text = gettext_lazy(
        "Every request has a protocol, and every right it asks for has its own clock, which begins when the request "
        "comes in and never stops. First it has to be proved who asks; then somebody decides; a right is closed only "
        "when the answer was sent and the proof of sending is kept."
    )
    desk_question = gettext_lazy("What is due, what waits for my decision, what is strange?")
    desk_help = gettext_lazy(
        "Each card counts what waits for the data protection officer and leads to it. What has a date of the law comes "
        "first."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("desk/", view(self.desk_view), name=f"{NAME}_desk"),
            path("<uuid:object_id>/read/", view(self.read_view), name=f"{NAME}_read"),
            path("<uuid:object_id>/act/", view(self.act_view), name=f"{NAME}_act"),
            path("<uuid:object_id>/package/", view(self.package_view), name=f"{NAME}_package"),
            path("<uuid:object_id>/print/<uuid:item_id>/", view(self.print_view), name=f"{NAME}_print"),
            path("<uuid:object_id>/document/<uuid:row_id>/", view(self.document_view), name=f"{NAME}_document"),
        ]
        return [*own, *super().get_urls()]

    def clinics(self, request: HttpRequest) -> Any:
        return clinics_of(signed_in(request), *self.seeing_roles)

    def one(self, request: HttpRequest, object_id: UUID | str, *, act: bool = False) -> DataRequest:
        """Raises Http404 for another clinic's, PermissionDenied for who only looks."""
        row = self.object_or_404(request, str(object_id), change=False)
        if not isinstance(row, DataRequest):
            raise Http404
        if act and not self.has_change_permission(request, row):
            raise PermissionDenied
        return row

    def get_queryset(self, request: HttpRequest) -> Any:
        joined = ("clinic", "subject", "holder", "owner", "seen_by", "duplicate_of")
        return super().get_queryset(request).select_related(*joined)

    # C1 ---------------------------------------------------------------------------------------------------------------

    def desk_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        cards = desk.cards(signed_in(request), self.clinics(request), timezone.now())
        waiting = sum(card.count for card in cards)
        urgent = sum(card.count for card in cards if card.is_urgent)
        text = ngettext("%(n)d item waits for you.", "%(n)d items wait for you.", waiting) % {"n": waiting}
        if not waiting:
            text = _("Nothing waits for you.")
        word = "failed" if urgent else "waiting" if waiting else "done"
        return self.page(
            request, "admin/consent/request_desk.html", _("DPO desk"), cards=cards, sentence=text, word={"value": word},
            year=year(self.clinics(request), timezone.now()),
        )  # fmt: skip

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, clinics = timezone.now(), self.clinics(request)
        tab = request.GET.get("tab", "open")
        tab = tab if tab in board.TABS else "open"
        right = request.GET.get("right", "")
        right = right if right in Right.values else ""
        lines = board.lines(board.chosen(clinics, tab, right, now), now)
        return self.page(
            request, "admin/consent/requests.html", _("Requests"), lines=lines, right=right,
            tabs=[_tab(code, name, tab, right) for code, name in _tab_names()], tab=tab,
            rights=rules().rights.values(), may_file=self.has_add_permission(request), **_sentence(lines),
        )  # fmt: skip

    # One request ------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.one(request, object_id)
        return self._show(request, row)

    def _show(self, request: HttpRequest, row: DataRequest, **more: Any) -> HttpResponse:
        may_act = self.has_change_permission(request, row)
        context = page_of(row, signed_in(request), may_act=may_act, now=timezone.now())
        answer = self.page(
            request, "admin/consent/request.html", _("Request %(protocol)s") % {"protocol": row.protocol},
            back=reverse(LIST), **context, **more,
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def read_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST: show the words of the request; a reveal, written down before."""
        row = self.one(request, object_id, act=True)
        if request.method != "POST":
            return _to(row)
        actor = Actor.staff(signed_in(request))
        return self._opened(request, row, lambda: {"opened": answers.asked(row, actor=actor)})

    def _opened(self, request: HttpRequest, row: DataRequest, look: Callable[[], dict[str, Any]]) -> HttpResponse:
        try:
            note(row, "request.read", actor=Actor.staff(signed_in(request)), own_connection=True)
            return self._show(request, row, **look())
        except RevealDenied as denied:
            messages.error(request, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
        except Undecryptable:
            messages.error(request, _("Not opened: the person's key is gone."))
        return _to(row)

    def act_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `do`, and `item` where it is about one right."""
        row = self.one(request, object_id, act=True)
        act = ACTS.get(request.POST.get("do", "")) if request.method == "POST" else None
        if act is None:
            return _to(row)
        chosen = Chosen(request, row, signed_in(request), _item(row, request.POST.get("item", "")), timezone.now())
        if act.needs_item and chosen.item is None:
            raise Http404
        try:
            messages.success(request, act.run(chosen))
        except tuple(WRONG) as error:
            told = next(tell for kind, tell in WRONG.items() if isinstance(error, kind))
            messages.error(request, told(error))
        return _to(row)

    @rechecked
    def package_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse | StreamingHttpResponse:
        """POST: the package for the authority."""
        row = self.one(request, object_id, act=True)
        if request.method != "POST":
            return _to(row)
        try:
            pieces = package.package(row, by=signed_in(request), now=timezone.now())
        except (RevealDenied, Undecryptable):
            messages.error(request, _("Not opened: the person's key is gone."))
            return _to(row)
        answer = StreamingHttpResponse(pieces, content_type="application/zip")
        answer.headers["Content-Disposition"] = f'attachment; filename="{package.file_name(row)}"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def print_view(self, request: HttpRequest, object_id: UUID, item_id: UUID) -> HttpResponse:
        """POST: one answer on a page for paper."""
        row = self.one(request, object_id, act=True)
        item = _item(row, str(item_id))
        if request.method != "POST" or item is None or item.answer is None:
            return _to(row)
        note(row, "request.read", actor=Actor.staff(signed_in(request)), item=item, own_connection=True)
        try:
            text = answers.opened(item, actor=Actor.staff(signed_in(request)))
        except (RevealDenied, Undecryptable):
            messages.error(request, _("Not opened: the person's key is gone."))
            return _to(row)
        answer = self.page(
            request, "admin/consent/request_print.html", _("Answer %(protocol)s") % {"protocol": row.protocol},
            text=text, item=item, back=reverse(ONE, args=[row.pk]), act=reverse(f"admin:{NAME}_act", args=[row.pk]),
            printed_at=clock(timezone.now(), ZoneInfo(row.clinic.time_zone), timezone.now()),
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def document_view(self, request: HttpRequest, object_id: UUID, row_id: UUID) -> HttpResponse:
        """POST: the document of a representative, as a file that no browser runs."""
        row = self.one(request, object_id, act=True)
        found = RepresentativeDocument.objects.select_related("request").filter(request=row, pk=row_id).first()
        if request.method != "POST" or found is None or found.content is None:
            return _to(row)
        note(row, "request.read", actor=Actor.staff(signed_in(request)), own_connection=True)
        answer = HttpResponse(
            representatives.opened(found, by=signed_in(request)), content_type="application/octet-stream"
        )
        answer.headers["Content-Disposition"] = f'attachment; filename="documento-{row.protocol}.bin"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    # A new one --------------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        clinics = clinics_of(signed_in(request), *self.change_roles)
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()
        form = FileForm(request.POST or None, clinics=clinics, initial={"received_at": timezone.localtime(now)})
        if request.method == "POST" and form.is_valid():
            return self._file(request, form.cleaned_data, now)
        return self.page(request, "admin/consent/request_new.html", _("New request"), form=form, back=reverse(LIST))

    def _file(self, request: HttpRequest, said: dict[str, Any], now: datetime) -> HttpResponse:
        user = signed_in(request)
        asked = filing.Asked(
            rights=said["rights"], channel=said["channel"], received_at=said["received_at"], text=said["text"],
            contact=said["contact"], by_representative=said["by_representative"],
        )  # fmt: skip
        row = filing.file_request(said["clinic"], asked, actor=Actor.staff(user), now=now, registered_by=user)
        messages.success(request, _("Protocol %(protocol)s: tell it to the person now.") % {"protocol": row.protocol})
        return _to(row)


def _to(row: DataRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(ONE, args=[row.pk]))


def _item(row: DataRequest, pk: str) -> RequestItem | None:
    try:
        wanted = UUID(pk)
    except ValueError:
        return None
    found = row.items.filter(pk=wanted).first()
    if found is not None:
        found.request = row
    return found


def _tab_names() -> list[tuple[str, str]]:
    return [("open", _("Open requests")), ("person", _("Waiting for the titular")), ("done", _("Finished requests"))]


def _tab(code: str, name: str, chosen: str, right: str) -> dict[str, Any]:
    return {"name": name, "address": f"?tab={code}" + (f"&right={right}" if right else ""), "is_active": code == chosen}


def _sentence(lines: list[board.Line]) -> dict[str, Any]:
    late = sum(line.is_overdue for line in lines)
    if late:
        text = ngettext(
            "%(n)d right is overdue: answer it first.", "%(n)d rights are overdue: answer them first.", late
        )
        return {"word": {"value": "failed"}, "sentence": text % {"n": late}}
    running = [line for line in lines if line.item.is_open]
    if not running:
        return {"word": {"value": "done"}, "sentence": _("Nothing is overdue.")}
    first = min(running, key=lambda line: line.item.due_at)
    text = _("Nothing is overdue; next: %(protocol)s, %(due)s.")
    return {"word": {"value": "waiting"}, "sentence": text % {"protocol": first.request.protocol, "due": first.due}}


def requests_card(user: Any, clinics: Any, now: datetime) -> desk.Card | None:
    """Requests overdue or due within five days (screens C1)."""
    from_now = now + board.SOON
    due = board.rows(clinics).filter(state__in=OPEN_STATES, due_at__lt=from_now).order_by("due_at")
    dates = list(due.values_list("due_at", flat=True)[: board.MOST])
    late = sum(when < now for when in dates)
    if late:
        text = ngettext("%(n)d is overdue.", "%(n)d are overdue.", late) % {"n": late}
    elif dates:
        text = _("The next is due %(day)s.") % {"day": f"{timezone.localtime(dates[0]):%d/%m}"}
    else:
        text = _("No request is due within five days.")
    return desk.Card(_("Requests due"), len(dates), reverse(LIST), text, _("See requests"), is_urgent=bool(late))


desk.register_card(requests_card, place=10)
