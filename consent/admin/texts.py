"""C5 Texts and notices: what did people read, in which version, approved by whom?"""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.times import clock
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages
from consent.models import Clinic, TextKind, TextVersion
from consent.policy import CONSENT_PURPOSES, Purpose
from consent.queries import people_search
from consent.scope import signed_in
from consent.texts import drafting, plain, withdrawal
from consent.texts.comparing import changed_share, differences
from consent.texts.drafting import Approval, TextRefused
from consent.texts.drawing import blocks
from consent.texts.proposals import proposals
from consent.texts.serving import checked_kind
from consent.texts.values import OPEN_VALUES, fill, places

NAME = "consent_textversion"
ONE = f"admin:{NAME}_change"
MOST_PEOPLE = 50
PREVIEWS = {"chat": gettext_lazy("Chat"), "page": gettext_lazy("Page"), "print": gettext_lazy("Print")}
GROUPS: tuple[tuple[str | Promise, tuple[TextKind, ...]], ...] = (
    (
        gettext_lazy("Notices and pages"),
        (
            TextKind.PRIVACY_NOTICE, TextKind.CHILDREN_NOTICE, TextKind.TRANSFER_PAGE, TextKind.REFUSING, TextKind.HELP,
        ),
    ),
    (gettext_lazy("Consent"), (TextKind.CONSENT,)),
    (
        gettext_lazy("Questions and replies"),
        (
            TextKind.CONSENT_GIVEN, TextKind.CONSENT_REFUSED, TextKind.WITHDRAWAL, TextKind.CANCEL_QUESTION,
            TextKind.CHANGE_NOTICE, TextKind.TURNING_ADULT,
        ),
    ),
    (gettext_lazy("Requests of titulares"), (TextKind.PROTOCOL, TextKind.IDENTITY_CODE, TextKind.ERASED)),
    (gettext_lazy("Coded refusals"), tuple(kind for kind in TextKind if kind.startswith("refusal_"))),
)  # fmt: skip
# What stands in the open places of a preview.
SAMPLES = {
    "protocolo": "2026-000123", "prazo": "06/12/2026", "codigo": "7K2M9QXA", "minutos": "15",
    "endereco": "https://clinica.exemplo/p", "motivo": "…", "mudanca": "…",
}  # fmt: skip
STATE_ICONS = {"draft": "waiting", "approved": "done", "retired": "ignored"}


class DraftForm(forms.Form):
    """The words. Everything else about a version follows from its kind."""

    body = forms.CharField(
        label=gettext_lazy("Text"), widget=forms.Textarea({"rows": 18}), strip=False, max_length=drafting.LONGEST,
        help_text=gettext_lazy("“# ” begins a heading, “- ” a line of a list, *asterisks* make bold."),
    )  # fmt: skip
    consequences = forms.CharField(
        label=gettext_lazy("What happens to who says no"), widget=forms.Textarea({"rows": 3}), strip=False,
        required=False, max_length=2000,
    )  # fmt: skip


class ApprovalForm(forms.Form):
    """What the DPO says when approving."""

    change = forms.ChoiceField(
        label=gettext_lazy("What changed"),
        choices=[
            ("editorial", gettext_lazy("Editorial: the words, not what is done with the data")),
            ("material", gettext_lazy("Material: purpose, form, duration, controller, sharing or rights")),
        ],
        widget=forms.RadioSelect,
    )
    affected = forms.MultipleChoiceField(
        label=gettext_lazy("Purposes that stop until people answer"),
        choices=[(purpose.value, purpose.label) for purpose in sorted(CONSENT_PURPOSES)],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("Only after a material change. Care never stops."),
    )
    valid_from = forms.DateField(
        label=gettext_lazy("Valid from"), required=False, widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("Empty: at once. A later day begins at midnight of the clinic."),
    )  # fmt: skip

    def __init__(self, data: Any, *, version: TextVersion) -> None:
        super().__init__(data)
        self.zone = ZoneInfo(version.clinic.time_zone)
        if version.number == 1:
            del self.fields["change"]
        if version.number == 1 or version.kind == TextKind.CONSENT:
            del self.fields["affected"]

    def approval(self, now: datetime) -> Approval:
        said, day = self.cleaned_data, self.cleaned_data["valid_from"]
        begins = datetime.combine(day, time(), tzinfo=self.zone) if day else None
        if begins and begins < now and day == now.astimezone(self.zone).date():
            begins = None
        return Approval(said.get("change", ""), tuple(said.get("affected", ())), begins)


class WordsForm(forms.Form):
    """Words apart by commas or lines; case and accents do not matter."""

    words = forms.CharField(
        label=gettext_lazy("Words that withdraw at once"), widget=forms.Textarea({"rows": 3}), max_length=600,
        help_text=gettext_lazy("A message that is only one of them withdraws all optional purposes, never care."),
    )  # fmt: skip
    asking_words = forms.CharField(
        label=gettext_lazy("Words that withdraw only after a marketing or consent text"),
        widget=forms.Textarea({"rows": 2}), max_length=300, required=False,
        help_text=gettext_lazy("At other times the person is asked: the appointment, or the messages?"),
    )  # fmt: skip
    window_hours = forms.IntegerField(
        label=gettext_lazy("For how many hours after such a text"), min_value=1, max_value=168
    )
    bot_words = forms.CharField(
        label=gettext_lazy("Words your bot and your reminders ask people to write"),
        widget=forms.Textarea({"rows": 3}), max_length=600, required=False,
        help_text=gettext_lazy("Only for the warning about clashes."),
    )  # fmt: skip


@admin.register(TextVersion)
class TextVersionAdmin(ClinicPages):
    """All pages are drawn by hand: a text is read, not filled into columns."""

    joined = ("clinic", "approved_by")

    question = gettext_lazy("What did people read, in which version, approved by whom?")
    help_text = gettext_lazy(
        "Every text that people are shown before they answer: notices, consent texts, replies. The data protection "
        "officer approves each version; from then on its words never change, and its hash proves it. Without an "
        "approved text nothing is asked and nobody is answered with it."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("of/<int:clinic_id>/propose/", view(self.propose_view), name=f"{NAME}_propose"),
            path("of/<int:clinic_id>/words/", view(self.words_view), name=f"{NAME}_words"),
            path("of/<int:clinic_id>/<slug:kind>/", view(self.kind_view), name=f"{NAME}_kind"),
            path("<uuid:pk>/edit/", view(self.edit_view), name=f"{NAME}_edit"),
            path("<uuid:pk>/approve/", view(self.approve_view), name=f"{NAME}_approve"),
            path("<uuid:pk>/end/", view(self.end_view), name=f"{NAME}_end"),
            path("<uuid:pk>/people/", view(self.people_view), name=f"{NAME}_people"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        clinics, chosen = self.choice(request)
        groups = _groups(chosen, timezone.now()) if chosen else []
        word, sentence = _sentence(groups)
        return self.page(
            request, "admin/consent/texts.html", _("Texts and notices"), word=word, sentence=sentence, clinics=clinics,
            chosen=chosen, groups=groups, may_act=chosen is not None and self.may_act(request, chosen.pk),
            missing=sum(1 for group in groups for line in group["lines"] if line["is_missing"]),
            words=withdrawal.words_in_force(chosen, timezone.now()) if chosen else None,
        )  # fmt: skip

    def propose_view(self, request: HttpRequest, clinic_id: int) -> HttpResponse:
        """POST: a draft from the shipped proposal for every text there is none of."""
        clinic = self.one_clinic(request, clinic_id, act=True)
        if request.method == "POST":
            count = drafting.propose_all(clinic, by=signed_in(request))
            text = ngettext("%(n)d draft made.", "%(n)d drafts made.", count) % {"n": count}
            messages.success(request, f"{text} {_('Read each one, then approve it.')}")
        return HttpResponseRedirect(self.list_of(clinic.pk))

    # One text ---------------------------------------------------------------------------------------------------------

    def kind_view(self, request: HttpRequest, clinic_id: int, kind: str) -> HttpResponse:
        """GET all versions of one text; POST begins a draft."""
        clinic = self.one_clinic(request, clinic_id, act=request.method == "POST")
        purpose = request.GET.get("purpose", "")
        try:
            checked_kind(kind, purpose)
        except ValueError:
            raise Http404 from None
        if request.method == "POST":
            draft = drafting.begin_draft(clinic, kind, purpose=purpose, by=signed_in(request))
            return HttpResponseRedirect(reverse(f"admin:{NAME}_edit", args=[draft.pk]))
        rows = TextVersion.objects.filter(clinic=clinic, kind=kind, purpose=purpose).select_related("approved_by")
        versions, now = list(rows.order_by("-number")), timezone.now()
        counts = drafting.shown_counts(versions)
        return self.page(
            request, "admin/consent/text_kind.html", text_title(kind, purpose), clinic=clinic,
            lines=[_line(row, clinic, now, counts.get(row.pk, 0)) for row in versions],
            may_act=self.may_act(request, clinic.pk), has_draft=any(row.state == "draft" for row in versions),
            is_proposed=(kind, purpose) in proposals(), back=self.list_of(clinic.pk),
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One version: how it reads, what differs from the one before, what can be done with it."""
        version, now = self.one_row(request, object_id), timezone.now()
        before = _before(version)
        shape = request.GET.get("as", "")
        shape = shape if shape in PREVIEWS else "chat" if version.kind in plain.CHAT_KINDS else "page"
        line = _line(version, version.clinic, now, drafting.shown_counts([version]).get(version.pk, 0))
        return self.page(
            request, "admin/consent/text.html", f"{text_title(version.kind, version.purpose)} · {version.number}",
            version=version, line=line, facts=_facts(version, line), shape=shape,
            previews=[(key, word, f"?as={key}", key == shape) for key, word in PREVIEWS.items()],
            blocks=blocks(_sample(version.body)), after=blocks(_sample(version.consequences)),
            pieces=differences(before.shown, version.shown) if before else [], before=before,
            hints=plain.hints(version.kind, version.shown) if line["is_draft"] else [], ease=plain.ease(version.shown),
            may_act=self.may_act(request, version.clinic_id), is_open=version.state == "approved",
            to_inform=drafting.people_to_inform(version).count() if version.change == "material" else 0,
            stopped=[Purpose(purpose).label for purpose in version.affected_purposes],
            back=_kind_of(version),
        )  # fmt: skip

    def edit_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """GET the draft in a form; POST keeps the words, and shows what could be plainer."""
        draft = self.one_row(request, pk, act=True)
        if draft.state != TextVersion.State.DRAFT:
            return HttpResponseRedirect(reverse(ONE, args=[draft.pk]))
        kept = {"body": draft.body, "consequences": draft.consequences}
        form = DraftForm(posted(request), initial=kept)
        if draft.kind != TextKind.CONSENT:
            del form.fields["consequences"]
        if request.method == "POST" and form.is_valid():
            said = {"consequences": "", **form.cleaned_data}
            try:
                drafting.change_draft(draft, **said, by=signed_in(request))
            except TextRefused as refused:
                form.add_error("body", refused.text)
            else:
                messages.success(request, _("The draft is kept."))
                ahead = reverse(ONE, args=[draft.pk]) if "done" in request.POST else request.path
                return HttpResponseRedirect(ahead)
        return self.page(
            request, "admin/consent/text_edit.html", f"{text_title(draft.kind, draft.purpose)} · {draft.number}",
            form=form, hints=plain.hints(draft.kind, draft.shown), ease=plain.ease(draft.shown),
            places=sorted(OPEN_VALUES.get(draft.kind, ())), back=reverse(ONE, args=[draft.pk]),
        )  # fmt: skip

    @rechecked
    def approve_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """GET what approval means; POST approves."""
        draft, now = self.one_row(request, pk, act=True), timezone.now()
        if draft.state != TextVersion.State.DRAFT:
            return HttpResponseRedirect(reverse(ONE, args=[draft.pk]))
        form = ApprovalForm(posted(request), version=draft)
        if request.method == "POST" and form.is_valid():
            try:
                drafting.approve(draft, form.approval(now), by=signed_in(request), now=now)
            except TextRefused as refused:
                form.add_error(None, refused.text)
            else:
                return self._approved(request, draft)
        before = _before(draft)
        return self.page(
            request, "admin/consent/text_approve.html", _("Approve"), form=form, version=draft, before=before,
            pieces=differences(before.shown, draft.shown) if before else [],
            share=round(100 * changed_share(before.shown, draft.shown)) if before else 0,
            hints=plain.missing_contents(draft.kind, draft.shown),
            name=text_title(draft.kind, draft.purpose), back=reverse(ONE, args=[draft.pk]),
        )  # fmt: skip

    def _approved(self, request: HttpRequest, version: TextVersion) -> HttpResponse:
        messages.success(request, _("Approved. From now on these words do not change."))
        count = drafting.people_to_inform(version).count()
        if not count:
            return HttpResponseRedirect(reverse(ONE, args=[version.pk]))
        text = ngettext("%(n)d person has to be told.", "%(n)d people have to be told.", count) % {"n": count}
        messages.warning(request, text)
        return HttpResponseRedirect(reverse(f"admin:{NAME}_people", args=[version.pk]))

    def end_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `do`: discard a draft, or retire an approved version."""
        version = self.one_row(request, pk, act=True)
        back = _kind_of(version)
        if request.method == "POST":
            try:
                if request.POST.get("do") == "discard":
                    drafting.discard_draft(version, by=signed_in(request))
                    messages.success(request, _("The draft is gone."))
                elif request.POST.get("do") == "retire":
                    drafting.retire(version, by=signed_in(request), now=timezone.now())
                    messages.success(request, _("Retired: nothing is asked or answered with this text any more."))
            except TextRefused as refused:
                messages.error(request, refused.text)
        return HttpResponseRedirect(back)

    def people_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Whom a material change concerns, by mask, and what stops until they answer."""
        version = self.one_row(request, pk)
        people = drafting.people_to_inform(version)
        shown = list(people.order_by("created_at")[:MOST_PEOPLE])
        masks = people_search.masks([one.pseudonym for one in shown])
        return self.page(
            request, "admin/consent/text_people.html", _("People to inform"), version=version,
            name=text_title(version.kind, version.purpose), count=people.count(),
            masks=[masks.get(one.pseudonym, str(one)) if one.pseudonym else str(one) for one in shown],
            stopped=[Purpose(purpose).label for purpose in version.affected_purposes],
            most=MOST_PEOPLE, back=reverse(ONE, args=[version.pk]),
        )  # fmt: skip

    # Words ------------------------------------------------------------------------------------------------------------

    def words_view(self, request: HttpRequest, clinic_id: int) -> HttpResponse:
        """GET the words with which people withdraw; POST a new version of them."""
        clinic, now = self.one_clinic(request, clinic_id, act=request.method == "POST"), timezone.now()
        row = withdrawal.words_in_force(clinic, now)
        form = WordsForm(posted(request), initial=_typed(row))
        if request.method == "POST" and form.is_valid() and self._change_words(request, clinic, form, now):
            return HttpResponseRedirect(request.path)
        return self.page(
            request, "admin/consent/words.html", _("Withdrawal words"), form=form, clinic=clinic, row=row,
            clashes=withdrawal.clashes(row.words, row.asking_words, row.bot_words),
            may_act=self.may_act(request, clinic.pk), back=self.list_of(clinic.pk),
        )  # fmt: skip

    def _change_words(self, request: HttpRequest, clinic: Clinic, form: WordsForm, now: datetime) -> bool:
        row = withdrawal.shipped(clinic, now)
        for name in ("words", "asking_words", "bot_words"):
            setattr(row, name, withdrawal.read_words(form.cleaned_data[name]))
        row.window_hours = form.cleaned_data["window_hours"]
        try:
            withdrawal.change_words(row, by=signed_in(request))
        except withdrawal.WordsRefused as refused:
            form.add_error("words", WORDS_REFUSED[refused.reason])
            return False
        messages.success(request, _("The words count from now on."))
        return True


WORDS_REFUSED = {
    "none_left": gettext_lazy("At least one word has to withdraw at once."),
    "too_long": gettext_lazy("A word has at most 40 characters."),
    "asks_first": gettext_lazy("CANCELAR is the usual answer to a reminder: it may only ask, not withdraw at once."),
}


# What the pages show --------------------------------------------------------------------------------------------------


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: everything that was posted, and be it nothing."""
    return request.POST if request.method == "POST" else None


def text_title(kind: str, purpose: str = "") -> str:
    label = str(TextKind(kind).label)
    return f"{label}: {Purpose(purpose).label}" if purpose else label


def _groups(clinic: Clinic, now: datetime) -> list[dict[str, Any]]:
    rows = list(TextVersion.objects.filter(clinic=clinic).select_related("approved_by").order_by("number"))
    counts = drafting.shown_counts(rows)
    return [
        {"title": title, "lines": [_text_line(clinic, key, rows, counts, now) for key in _keys(kinds)]}
        for title, kinds in GROUPS
    ]


def _keys(kinds: Iterable[TextKind]) -> list[tuple[str, str]]:
    keys = [(kind.value, "") for kind in kinds if kind != TextKind.CONSENT]
    return keys or [(TextKind.CONSENT.value, purpose.value) for purpose in sorted(CONSENT_PURPOSES)]


def _text_line(
    clinic: Clinic, key: tuple[str, str], rows: Sequence[TextVersion], counts: dict[Any, int], now: datetime
) -> dict[str, Any]:
    """One text of the list: the version in force, and what waits."""
    own = [row for row in rows if (row.kind, row.purpose) == key]
    current = next((row for row in own if row.is_in_force(now)), None)
    draft = next((row for row in own if row.state == TextVersion.State.DRAFT), None)
    waiting = next((row for row in own if row.valid_from and row.valid_from > now and row.state == "approved"), None)
    told = _line(current, clinic, now, counts.get(current.pk, 0)) if current else None
    return {
        "title": text_title(*key), "address": _address_of(clinic, *key), "current": told,
        "is_missing": not own, "draft": reverse(ONE, args=[draft.pk]) if draft else "",
        "waiting": _clock(waiting.valid_from, clinic, now) if waiting else "",
        "icon": "done" if current else "waiting" if own else "blocked",
        "state": _("in force") if current else _("waits for approval") if draft else _("none in force"),
    }  # fmt: skip


def _line(row: TextVersion, clinic: Clinic, now: datetime, count: int) -> dict[str, Any]:
    is_coming = row.state == "approved" and row.valid_from is not None and row.valid_from > now
    word = _("begins later") if is_coming else _("in force") if row.is_in_force(now) else row.get_state_display()
    return {
        "number": row.number, "address": reverse(ONE, args=[row.pk]), "state": word,
        "icon": "postponed" if is_coming else STATE_ICONS[row.state if not row.is_in_force(now) else "approved"],
        "is_draft": row.state == "draft", "change": row.get_change_display() if row.change else "—",
        "valid_from": _clock(row.valid_from, clinic, now), "valid_to": _clock(row.valid_to, clinic, now),
        "approved_by": str(row.approved_by or "—"), "hash": row.sha256[:12], "count": count,
        "language": row.language,
    }  # fmt: skip


def _clock(when: datetime | None, clinic: Clinic, now: datetime) -> str:
    return clock(when, ZoneInfo(clinic.time_zone), now) if when else "—"


def _sentence(groups: Sequence[dict[str, Any]]) -> tuple[dict[str, str], str]:
    lines = [line for group in groups for line in group["lines"]]
    current, drafts = sum(1 for line in lines if line["current"]), sum(1 for line in lines if line["draft"])
    if not lines:
        return {"value": "unknown"}, _("There is no clinic yet.")
    told = _("%(n)d of %(all)d texts are in force.") % {"n": current, "all": len(lines)}
    if drafts:
        waits = ngettext("%(n)d draft waits for approval.", "%(n)d drafts wait for approval.", drafts) % {"n": drafts}
        told = f"{told} {waits}"
    return {"value": "done" if current == len(lines) else "waiting"}, told


def _facts(version: TextVersion, line: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (_("clinic"), str(version.clinic)),
        (_("state"), line["state"]),
        (_("language"), line["language"]),
        (_("change"), line["change"]),
        (_("valid from"), line["valid_from"]),
        (_("valid to"), line["valid_to"]),
        (_("approved by"), line["approved_by"]),
        (_("shown to"), _people(line["count"])),
        ("SHA-256", version.sha256),
    ]


def _people(count: int) -> str:
    return ngettext("%(n)d person", "%(n)d people", count) % {"n": count} if count else _("nobody yet")


def _before(version: TextVersion) -> TextVersion | None:
    rows = TextVersion.objects.of_kind(version.clinic, version.kind, version.purpose, version.language)
    return rows.filter(number__lt=version.number).order_by("-number").first()


def _sample(text: str) -> str:
    """With examples in the open places; one that nobody knows stays as it is."""
    known = {name: SAMPLES.get(name, "{" + name + "}") for name in places(text)}
    return fill(text, known)


def _typed(row: Any) -> dict[str, Any]:
    lists = {name: ", ".join(getattr(row, name)) for name in ("words", "asking_words", "bot_words")}
    return {**lists, "window_hours": row.window_hours}


def _kind_of(version: TextVersion) -> str:
    return _address_of(version.clinic, version.kind, version.purpose)


def _address_of(clinic: Clinic, kind: str, purpose: str) -> str:
    address = reverse(f"admin:{NAME}_kind", args=[clinic.pk, kind])
    return f"{address}?{urlencode({'purpose': purpose})}" if purpose else address
