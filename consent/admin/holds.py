"""C9 Blocks and legal holds: what is frozen, by whose order, until when to review?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_variables

from config.times import clock
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages, form_page
from consent.admin.finding import PersonForm, known_person
from consent.admin.holds_person import PersonPages, file_sha256, mask_of, masks_of
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.encryption import RevealDenied, Undecryptable
from consent.holds import Order, Part, Refused, explanation_of, legal, minors_without_guardian, turning_adult
from consent.models import Clinic, DataSubject, LegalHold, Restriction
from consent.queries import people_search
from consent.queries.trail_words import reason_word
from consent.scope import signed_in

NAME = "consent_legalhold"
ONE, PERSON = f"admin:{NAME}_change", f"admin:{NAME}_person"
MOST = 50
TABS = {
    "": gettext_lazy("Legal holds"), "blocked": gettext_lazy("Blocked people"), "minors": gettext_lazy("Minors"),
    "released": gettext_lazy("Released"),
}  # fmt: skip
RECORDS = [
    ("", "—"), ("message", gettext_lazy("message")), ("file", gettext_lazy("file")), ("note", gettext_lazy("note")),
    ("lead", gettext_lazy("opportunity")), ("quote", gettext_lazy("quote")), ("email", gettext_lazy("e-mail")),
]  # fmt: skip
OF_ONE_PERSON = {LegalHold.Scope.PERSON, LegalHold.Scope.CONVERSATION, LegalHold.Scope.OBJECT}


def category_choices() -> list[tuple[str, str]]:
    rules = TABLES[CURRENT_RETENTION].rules.values()
    return [("", "—"), *((rule.code, f"{rule.code} · {rule.title}") for rule in rules)]


class PlaceForm(PersonForm):
    """What is frozen, by whose order, until when to look again."""

    field_order = ("scope",)

    scope = forms.ChoiceField(
        label=gettext_lazy("What is frozen"), choices=LegalHold.Scope.choices, widget=forms.RadioSelect,
        initial=LegalHold.Scope.PERSON,
    )  # fmt: skip
    person = forms.CharField(
        label=gettext_lazy("Person: phone or e-mail address"), required=False, max_length=people_search.LONGEST,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy("Not for a category of all people, nor for the whole clinic."),
    )  # fmt: skip
    number = forms.CharField(
        label=gettext_lazy("Number of the conversation or record"), required=False, max_length=64,
        widget=forms.TextInput({"autocomplete": "off"}),
    )  # fmt: skip
    record = forms.ChoiceField(label=gettext_lazy("Kind of record"), choices=RECORDS, required=False)
    category = forms.ChoiceField(label=gettext_lazy("Data category"), choices=category_choices, required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=LegalHold.Reason.choices)
    document = forms.CharField(
        label=gettext_lazy("Number of the document"), max_length=120, widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy("Process, order or file number. No names."),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("The document itself"), required=False,
        help_text=gettext_lazy(
            "Only its hash is kept, as proof of which paper it was. Needed for orders of courts and authorities."
        ),
    )  # fmt: skip
    review_on = forms.DateField(
        label=gettext_lazy("Look again by"), widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("At most 12 months ahead."),
    )  # fmt: skip
    explanation = forms.CharField(
        label=gettext_lazy("Why, in words"), required=False, max_length=2000, widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("Kept encrypted; opening it is recorded."),
    )  # fmt: skip

    @property
    def part(self) -> Part:
        said, scope = self.cleaned_data, self.cleaned_data["scope"]
        number = said["number"].strip()
        if scope == LegalHold.Scope.CONVERSATION:
            return Part(conversation=number)
        if scope == LegalHold.Scope.OBJECT:
            return Part(record=(said["record"], number))
        return Part(category=said["category"]) if scope == LegalHold.Scope.CATEGORY else Part()

    @property
    def order(self) -> Order:
        said = self.cleaned_data
        return Order(
            reason=said["reason"], document=said["document"].strip(), document_sha256=file_sha256(said["file"]),
            review_on=said["review_on"], explanation=said["explanation"].strip(),
        )  # fmt: skip


class ReviewForm(forms.Form):
    review_on = forms.DateField(label=gettext_lazy("Look again by"), widget=forms.DateInput({"type": "date"}))


class ReleaseForm(forms.Form):
    reason = forms.ChoiceField(label=gettext_lazy("Why it ends"), choices=LegalHold.Release.choices)


@admin.register(LegalHold)
class LegalHoldAdmin(PersonPages, ClinicPages):
    """The list, placing, one hold; the pages of one person are in PersonPages."""

    joined = ("clinic", "subject", "placed_by", "reviewed_by", "released_by")

    question = gettext_lazy("What is frozen, by whose order, until when to review?")
    help_text = gettext_lazy(
        "A legal hold keeps data from every removal: by request, by retention, by hand. What would be due is blocked "
        "instead. A blocking suspends all use of a person's data without removing anything. Both are placed and lifted "
        "by the data protection officer, and everything is recorded."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("of/<int:clinic_id>/place/", view(self.place_view), name=f"{NAME}_place"),
            path("<uuid:pk>/act/", view(self.act_view), name=f"{NAME}_act"),
            path("person/<uuid:pk>/", view(self.person_view), name=f"{NAME}_person"),
            path("person/<uuid:pk>/act/", view(self.person_act_view), name=f"{NAME}_person_act"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        (clinics, chosen), now = self.choice(request), timezone.now()
        tab = request.GET.get("tab", "")
        tab = tab if tab in TABS else ""
        word, sentence = _sentence(chosen, now)
        return self.page(
            request, "admin/consent/holds.html", _("Blocks and legal holds"), word=word, sentence=sentence,
            clinics=clinics, chosen=chosen, tab=tab, tabs=_tabs(chosen, tab),
            may_act=chosen is not None and self.may_act(request, chosen.pk),
            most=MOST, **(_of_tab(tab, chosen, now) if chosen else {}),
        )  # fmt: skip

    # Placing ----------------------------------------------------------------------------------------------------------

    @rechecked
    @sensitive_variables("form")
    def place_view(self, request: HttpRequest, clinic_id: int) -> HttpResponse:
        """GET the form (`?person=` fills the person in); POST places the hold."""
        clinic = self.one_clinic(request, clinic_id, act=True)
        known = known_person(request, Clinic.objects.filter(pk=clinic.pk))
        form = PlaceForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if known is not None:
            del form.fields["person"]
        if request.method == "POST" and form.is_valid():
            try:
                hold = self._place(request, clinic, form, known)
            except Refused as refused:
                form.add_error(None, refused.text)
            else:
                if hold is not None:
                    messages.success(request, _("Frozen: nothing under this hold is removed from now on."))
                    return HttpResponseRedirect(reverse(ONE, args=[hold.pk]))
        back = reverse(PERSON, args=[known.pk]) if known else self.list_of(clinic.pk)
        explain = _(
            "From now on nothing under the hold is removed: not by request, not by retention, not by hand. What is due is "
            "blocked instead. Use of the data goes on unless the person is blocked, too."
        )
        return form_page(
            self, request, _("Place a legal hold"), form, explain=explain, button=_("Freeze"), back=back,
            heading=clinic.trade_name, person=mask_of(known) if known else "",
        )  # fmt: skip

    def _place(
        self, request: HttpRequest, clinic: Clinic, form: PlaceForm, known: DataSubject | None
    ) -> LegalHold | None:
        """None when the form now says what is missing."""
        scope, subject, typed = form.cleaned_data["scope"], known, form.cleaned_data.get("person", "")
        if subject is None and (scope in OF_ONE_PERSON or (scope == LegalHold.Scope.CATEGORY and typed)):
            subject = form.the_one(request, Clinic.objects.filter(pk=clinic.pk))
            if subject is None:
                return None
        return legal.place(
            clinic, form.order, scope=scope, by=signed_in(request), now=timezone.now(),
            subject=None if scope == LegalHold.Scope.ALL else subject, part=form.part,
        )  # fmt: skip

    # One hold ---------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._show(request, self.one_row(request, object_id))

    def _show(self, request: HttpRequest, hold: LegalHold, **more: Any) -> HttpResponse:
        now, zone = timezone.now(), ZoneInfo(hold.clinic.time_zone)
        context = {
            "hold": hold,
            "facts": _facts(hold, zone, now),
            "has_words": bool(hold.explanation or hold.clinic_explanation),
            "may_act": self.may_act(request, hold.clinic_id),
            "review_form": ReviewForm(),
            "release_form": ReleaseForm(),
            "person": reverse(PERSON, args=[hold.subject_id]) if hold.subject_id else "",
            "back": self.list_of(hold.clinic_id),
            **more,
        }
        answer = self.page(request, "admin/consent/hold.html", _("Legal hold"), **context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `do`: read the words, review, release."""
        hold = self.one_row(request, pk, act=True)
        back, do, by, now = reverse(ONE, args=[pk]), request.POST.get("do", ""), signed_in(request), timezone.now()
        if request.method != "POST":
            return HttpResponseRedirect(back)
        try:
            if do == "read":
                return self._show(request, hold, words=explanation_of(hold, by=by))
            if do == "review" and (review_form := ReviewForm(request.POST)).is_valid():
                legal.review(hold, by=by, review_on=review_form.cleaned_data["review_on"], now=now)
                messages.success(request, _("Reviewed: the hold goes on."))
            elif do == "release" and (release_form := ReleaseForm(request.POST)).is_valid():
                legal.release(hold, by=by, reason=release_form.cleaned_data["reason"], now=now)
                messages.success(request, _("Released: the data follow their usual periods again."))
            else:
                messages.error(request, _("Fill in what is asked; nothing was done."))
        except Refused as refused:
            messages.error(request, refused.text)
        except RevealDenied as denied:
            messages.error(request, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
        except Undecryptable:
            messages.error(request, _("Not opened: the person's key is gone."))
        return HttpResponseRedirect(back)


# What the pages show --------------------------------------------------------------------------------------------------


def _sentence(clinic: Clinic | None, now: datetime) -> tuple[dict[str, str], str]:
    if clinic is None:
        return {"value": "unknown"}, _("There is no clinic yet.")
    own = Clinic.objects.filter(pk=clinic.pk)
    holds = LegalHold.objects.active().filter(clinic=clinic).count()
    due = legal.holds_to_review(own, now).count()
    blocked = DataSubject.objects.filter(clinic=clinic, blocked_at__isnull=False, erased_at=None).count()
    told = [
        ngettext("%(n)d legal hold in force.", "%(n)d legal holds in force.", holds) % {"n": holds},
        ngettext("%(n)d person blocked.", "%(n)d people blocked.", blocked) % {"n": blocked},
    ]
    if due:
        told.insert(1, ngettext("%(n)d waits for its review.", "%(n)d wait for their review.", due) % {"n": due})
    return {"value": "waiting" if due else "done"}, " ".join(told)


def _tabs(clinic: Clinic | None, tab: str) -> list[dict[str, Any]]:
    known = {"clinic": clinic.pk} if clinic else {}
    return [
        {"name": name, "is_active": key == tab, "address": f"?{urlencode({**known, **({'tab': key} if key else {})})}"}
        for key, name in TABS.items()
    ]


def _of_tab(tab: str, clinic: Clinic, now: datetime) -> dict[str, Any]:
    if tab == "blocked":
        return {"people": _blocked(clinic, now)}
    if tab == "minors":
        return _minors(clinic, now)
    rows = LegalHold.objects.filter(clinic=clinic, released_at__isnull=tab != "released")
    rows = rows.select_related("subject", "placed_by").order_by("review_on" if not tab else "-released_at")
    return {"lines": _lines(list(rows[:MOST]), clinic, now)}


def _lines(holds: Sequence[LegalHold], clinic: Clinic, now: datetime) -> list[dict[str, Any]]:
    masks, zone = masks_of([hold.subject for hold in holds if hold.subject]), ZoneInfo(clinic.time_zone)
    return [
        {
            "address": reverse(ONE, args=[hold.pk]), "what": what_is_frozen(hold, masks), "hold": hold,
            "placed": clock(hold.placed_at, zone, now), "by": str(hold.placed_by), **_review(hold, zone, now),
        }
        for hold in holds
    ]  # fmt: skip


def what_is_frozen(hold: LegalHold, masks: dict[UUID, str]) -> str:
    """In words: whose, and which part."""
    parts = [masks[hold.subject_id]] if hold.subject_id and hold.subject_id in masks else []
    if hold.scope == LegalHold.Scope.CATEGORY:
        rule = TABLES[CURRENT_RETENTION].rules.get(hold.category)
        parts.append(f"{hold.category} · {rule.title}" if rule else hold.category)
    elif hold.scope == LegalHold.Scope.CONVERSATION:
        parts.append(_("conversation %(n)s") % {"n": hold.object_id})
    elif hold.scope == LegalHold.Scope.OBJECT:
        kind = dict(RECORDS).get(hold.object_type, hold.object_type)
        parts.append(f"{kind} {hold.object_id}")
    elif hold.scope == LegalHold.Scope.ALL:
        parts.append(_("all data of the clinic"))
    return " · ".join(parts)


def _review(hold: LegalHold, zone: ZoneInfo, now: datetime) -> dict[str, str]:
    """The date with what remains, as word, icon and colour."""
    if hold.released_at is not None:
        return {"review": clock(hold.released_at, zone, now), "icon": "ignored", "state": _("released")}
    left = (hold.review_on - now.astimezone(zone).date()).days
    told = f"{hold.review_on:%d/%m/%Y}"
    if left < 0:
        return {"review": told, "icon": "failed", "state": _("review overdue")}
    if left <= legal.SOON.days:
        days = ngettext("review in %(n)d day", "review in %(n)d days", left) % {"n": left}
        return {"review": told, "icon": "waiting", "state": days}
    return {"review": told, "icon": "done", "state": _("in force")}


def _facts(hold: LegalHold, zone: ZoneInfo, now: datetime) -> list[tuple[str, str]]:
    masks = masks_of([hold.subject]) if hold.subject else {}
    facts = [
        (_("clinic"), str(hold.clinic)),
        (_("what is frozen"), f"{hold.get_scope_display()}: {what_is_frozen(hold, masks)}"),
        (_("reason"), hold.get_reason_display()),
        (_("document"), hold.document),
        ("SHA-256", hold.document_sha256 or "—"),
        (_("placed"), f"{clock(hold.placed_at, zone, now)} · {hold.placed_by}"),
        (_("last review"), f"{clock(hold.reviewed_at, zone, now)} · {hold.reviewed_by}"),
        (_("review by"), f"{hold.review_on:%d/%m/%Y}"),
    ]
    if hold.released_at:
        told = f"{clock(hold.released_at, zone, now)} · {hold.released_by} · {hold.get_release_reason_display()}"
        facts.append((_("released"), told))
    return facts


def _blocked(clinic: Clinic, now: datetime) -> list[dict[str, Any]]:
    rows = DataSubject.objects.filter(clinic=clinic, blocked_at__isnull=False, erased_at=None)
    people, zone = list(rows.order_by("-blocked_at")[:MOST]), ZoneInfo(clinic.time_zone)
    open_rows = Restriction.objects.filter(subject__in=people, kind=Restriction.Kind.BLOCK, ended_at=None)
    reasons: dict[UUID, list[str]] = {}
    for row in open_rows.order_by("began_at"):
        reasons.setdefault(row.subject_id, []).append(row.get_reason_display())
    masks = masks_of(people)
    return [
        {
            "mask": masks[one.pk], "address": reverse(PERSON, args=[one.pk]),
            "since": clock(one.blocked_at, zone, now) if one.blocked_at else "",
            "why": "; ".join(reasons.get(one.pk, [])) or "—",
        }
        for one in people
    ]  # fmt: skip


def _minors(clinic: Clinic, now: datetime) -> dict[str, Any]:
    own = Clinic.objects.filter(pk=clinic.pk)
    alone = list(minors_without_guardian(own, now)[:MOST])
    grown = [row.subject for row in turning_adult(own, now)[:MOST]]
    masks = masks_of([*alone, *grown])

    def told(people: Sequence[DataSubject]) -> list[dict[str, str]]:
        return [{"mask": masks[one.pk], "address": reverse(PERSON, args=[one.pk])} for one in people]

    return {"alone": told(alone), "grown": told(grown)}
