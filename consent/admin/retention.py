"""C8 Retention: what falls due, what will be removed, and what does the law tell us to keep?"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.times import hour
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages, form_page
from consent.admin.holds_person import masks_of
from consent.admin.retention_page import (
    MOST,
    forecast,
    lines,
    list_card,
    newest_runs,
    policy,
    result,
    sentence,
    waiting,
)
from consent.datamap.retention import OutOfBounds, Period, retention
from consent.models import Clinic, RetentionCase, RetentionItem, RetentionRun
from consent.retention import approving, cases, periods
from consent.retention.notes import Refused, may_act
from consent.scope import signed_in

NAME = "consent_retentionrun"
LIST = f"admin:{NAME}_changelist"
Kind, Outcome = RetentionCase.Kind, RetentionCase.Outcome
TABS = {
    "": gettext_lazy("List and run"),
    "policy": gettext_lazy("Policy"),
    "conflicts": gettext_lazy("Conflicts"),
    "review": gettext_lazy("Records to review"),
    "erase": gettext_lazy("People to erase"),
}
UNITS = (("years", gettext_lazy("years")), ("months", gettext_lazy("months")), ("days", gettext_lazy("days")))


class PeriodForm(forms.Form):
    amount = forms.IntegerField(label=gettext_lazy("Keep for"), min_value=1, max_value=9999)
    unit = forms.ChoiceField(label=gettext_lazy("Unit of time"), choices=UNITS)
    reason = forms.CharField(
        label=gettext_lazy("Why"), max_length=300, widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Kept with the decision. No names of patients."),
    )  # fmt: skip

    @property
    def period(self) -> Period:
        return Period(**{self.cleaned_data["unit"]: self.cleaned_data["amount"]})


class ReviewForm(forms.Form):
    outcome = forms.ChoiceField(
        label=gettext_lazy("What becomes of the record"), widget=forms.RadioSelect,
        choices=[(one.value, one.label) for one in RetentionCase.DECISIONS],
    )  # fmt: skip
    document = forms.CharField(
        label=gettext_lazy("Document"), max_length=120, required=False,
        help_text=gettext_lazy("Minutes of the commission, or receipt of the patient. Needed to hand over or to erase."),
    )  # fmt: skip
    again_on = forms.DateField(
        label=gettext_lazy("Look again by"), required=False, widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("Needed when the record is kept."),
    )  # fmt: skip


@admin.register(RetentionRun)
class RetentionAdmin(ClinicPages):
    """One page with tabs; the list is approved by its hash, the removal is done by a job."""

    question = gettext_lazy("What falls due, what will be removed, and what does the law tell us to keep?")
    help_text = gettext_lazy(
        "Every night Ponte lists what has passed its period. Nothing leaves before a data protection officer approves "
        "that list; then exactly what is on it leaves, on the first of the month at 02:00 or at once. A legal hold "
        "keeps data until the last moment. Records of patients are never removed by a list: people review each one."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("act/", view(self.act_view), name=f"{NAME}_act"),
            path("of/<int:clinic_id>/period/<str:code>/", view(self.period_view), name=f"{NAME}_period"),
            path("case/<uuid:pk>/", view(self.case_view), name=f"{NAME}_case"),
        ]
        return [*own, *super().get_urls()]

    # The page ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        (clinics, chosen), now = self.choice(request), timezone.now()
        if chosen is None:
            context: dict[str, Any] = {"sentence": _("There is no clinic yet."), "word": {"value": "unknown"}}
            return self.page(request, "admin/consent/retention.html", _("Retention"), **context)
        tab = request.GET.get("tab", "")
        tab = tab if tab in TABS else ""
        run, done = newest_runs(chosen)
        reviews, erasures = (cases.waiting(chosen, kind).count() for kind in (Kind.REVIEW, Kind.ERASURE))
        word, text = sentence(run, reviews, erasures)
        return self.page(
            request, "admin/consent/retention.html", _("Retention"), word=word, sentence=text, clinics=clinics,
            chosen=chosen, tab=tab, tabs=tabs(chosen, tab), most=MOST, may_act=self.may_act(request, chosen.pk),
            **self.of_tab(request, tab, chosen, run, done, now),
        )  # fmt: skip

    def of_tab(
        self, request: HttpRequest, tab: str, clinic: Clinic, run: RetentionRun | None, done: RetentionRun | None,
        now: datetime,
    ) -> dict[str, Any]:  # fmt: skip
        zone = ZoneInfo(clinic.time_zone)
        if tab == "policy":
            return {"policy": list(policy(clinic))}
        if tab == "conflicts":
            kept = RetentionItem.objects.filter(run=run, was_listed=False).exclude(state=RetentionItem.State.PLANNED)
            return {"lines": lines(kept) if run else []}
        if tab in ("review", "erase"):
            return {"waiting": waiting(clinic, Kind.REVIEW if tab == "review" else Kind.ERASURE)}
        shown: dict[str, Any] = {"monthly": hour(approving.next_run(now), zone, now), "cards": []}
        whole, whole_done = newest_runs(None) if may_act(signed_in(request), None) else (None, None)
        for one, is_whole in ((run, False), (whole, True)):
            if one is not None and (one.listed or not is_whole):
                shown["cards"].append({**list_card(one, zone, now), "is_whole": is_whole})
        shown["results"] = [result(one, zone, now) for one in (done, whole_done) if one is not None]
        if run is not None:
            shown["forecast"] = forecast(run, zone)
        return shown

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A list has no page of its own: it stands on its clinic's."""
        return HttpResponseRedirect(self.list_of(self.one_row(request, object_id).clinic_id))

    # Acts -------------------------------------------------------------------------------------------------------------

    @rechecked
    def act_view(self, request: HttpRequest) -> HttpResponse:
        """POST clinic (empty for what belongs to all), hash, `do`: approve, approve_now, take_back."""
        asked = request.POST.get("clinic", "")
        clinic = self.one_clinic(request, int(asked)) if asked.isdecimal() else None
        back = self.list_of(clinic.pk) if clinic else reverse(LIST)
        if request.method != "POST":
            return HttpResponseRedirect(back)
        by, now, do = signed_in(request), timezone.now(), request.POST.get("do", "")
        try:
            if do in ("approve", "approve_now"):
                run = approving.approve(
                    clinic, request.POST.get("hash", ""), by=by, now=now, at_once=do == "approve_now"
                )
                messages.success(request, approved_word(run, do == "approve_now"))
            elif do == "take_back":
                found = RetentionRun.objects.filter(clinic=clinic, state=RetentionRun.State.APPROVED).first()
                if found is None:
                    raise Refused("begun")
                approving.take_back(found, by=by, now=now)
                messages.success(request, _("The approval is taken back: nothing is removed."))
        except Refused as refused:
            messages.error(request, refused.text)
        return HttpResponseRedirect(back)

    @rechecked
    def period_view(self, request: HttpRequest, clinic_id: int, code: str) -> HttpResponse:
        """GET the form, POST the clinic's own period for one category."""
        clinic = self.one_clinic(request, clinic_id, act=True)
        try:
            rule = retention(code)
        except KeyError:
            raise Http404 from None
        back = f"{self.list_of(clinic.pk)}&tab=policy"
        form = PeriodForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                periods.choose(
                    clinic, code, form.period, reason=form.cleaned_data["reason"].strip(), by=signed_in(request),
                    now=timezone.now(),
                )  # fmt: skip
            except (OutOfBounds, Refused) as refused:
                form.add_error(None, refused.text if isinstance(refused, Refused) else str(refused))
            else:
                messages.success(request, _("Kept as a new version. It counts from the next list, tonight."))
                return HttpResponseRedirect(back)
        explain = _("Counted from: %(start)s. A list that is approved already keeps the period it was made with.")
        return form_page(
            self, request, _("Change the period"), form, explain=explain % {"start": rule.anchor.label},
            button=_("Keep this period"), back=back, heading=f"{code} · {rule.title}",
        )  # fmt: skip

    @rechecked
    def case_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """GET the form, POST what becomes of one patient's record."""
        rows = RetentionCase.objects.filter(
            pk=pk, kind=Kind.REVIEW, outcome="", subject__clinic__in=self.clinics(request, act=True).order_by()
        )
        case = rows.select_related("subject__clinic").first()
        if case is None:
            raise Http404
        back = f"{self.list_of(case.subject.clinic_id)}&tab=review"
        form = ReviewForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                cases.decide(
                    case, said["outcome"], by=signed_in(request), now=timezone.now(), document=said["document"].strip(),
                    again_on=said["again_on"],
                )  # fmt: skip
            except Refused as refused:
                form.add_error(None, refused.text)
            else:
                messages.success(request, _("Decided, and kept with your name."))
                return HttpResponseRedirect(back)
        explain = _("Last entry on %(day)s. Nothing is removed here: who is to be erased goes on the list of erasures.")
        return form_page(
            self, request, _("Review a patient's record"), form, explain=explain % {"day": f"{case.anchor_at:%d/%m/%Y}"},
            button=_("Keep this decision"), back=back, person=masks_of([case.subject])[case.subject_id],
        )  # fmt: skip


def approved_word(run: RetentionRun, at_once: bool) -> str:
    if at_once:
        return _("Approved: %(n)d records, within five minutes.") % {"n": run.listed}
    begin = run.begin_at.astimezone(approving.MONTHLY_ZONE) if run.begin_at else None
    return _("Approved: %(n)d records, on %(day)s.") % {"n": run.listed, "day": f"{begin:%d/%m/%Y %H:%M}"}


def tabs(clinic: Clinic, tab: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "is_active": code == tab,
            "address": f"{reverse(LIST)}?{urlencode({'clinic': clinic.pk, **({'tab': code} if code else {})})}",
        }
        for code, name in TABS.items()
    ]  # fmt: skip
