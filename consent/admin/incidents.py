"""C10 Incidents: what happened, whom did it hit, how much time is left?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

from config.times import clock
from consent import incidents
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages, form_page
from consent.admin.incident_forms import (
    AuthorityForm,
    CloseForm,
    DecideForm,
    EstimateForm,
    FactsForm,
    OpenForm,
    PersonsForm,
    in_zone,
    shown_in,
)
from consent.admin.incident_page import page_of, timer_lines
from consent.incidents import Facts, Proposal, facts_of
from consent.incidents.estimate import keep
from consent.incidents.facts import Aspect
from consent.incidents.timers import timers_of, with_entries
from consent.models import Clinic, Incident, User
from consent.refusals import Refused
from consent.roles import Capability, roles_with
from consent.scope import signed_in

NAME = "consent_incident"
ONE = f"admin:{NAME}_change"
MOST = 100
TABS = {"": gettext_lazy("Open incidents"), "closed": gettext_lazy("Closed incidents")}
AUDIT = roles_with(Capability.AUDIT_VIEW)


@admin.register(Incident)
class IncidentAdmin(ClinicPages):
    """The register, entering, the facts, and the page on which everything is done."""

    joined = ("clinic", "entered_by")

    question = gettext_lazy("What happened, whom did it hit, how much time is left?")
    help_text = gettext_lazy(
        "Every security incident with personal data stands here, also those that are not reported. The clocks run in "
        "business days from the moment the clinic knows. Each act is one entry of a history that nobody can change; the "
        "register is kept for at least five years."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("of/<int:clinic_id>/new/", view(self.new_view), name=f"{NAME}_new"),
            path("<uuid:pk>/facts/", view(self.facts_view), name=f"{NAME}_facts"),
            path("<uuid:pk>/act/", view(self.act_view), name=f"{NAME}_act"),
        ]
        return [*own, *super().get_urls()]

    # The register -----------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        (clinics, chosen), now = self.choice(request), timezone.now()
        tab = request.GET.get("tab", "")
        tab = tab if tab in TABS else ""
        rows = _rows(chosen, tab) if chosen else []
        proposed = _proposed(chosen) if chosen else None
        word, text = _sentence(chosen, rows, proposed, tab, now)
        return self.page(
            request, "admin/consent/incidents.html", _("Incidents"), word=word, sentence=text, clinics=clinics,
            chosen=chosen, tab=tab, tabs=_tabs(chosen, tab), lines=[_line(row, now) for row in rows], proposal=proposed,
            proposed_at=_clock(chosen, proposed.at, now) if chosen and proposed else "", most=MOST,
            may_act=chosen is not None and self.may_act(request, chosen.pk),
        )  # fmt: skip

    # Entering ---------------------------------------------------------------------------------------------------------

    @rechecked
    def new_view(self, request: HttpRequest, clinic_id: int) -> HttpResponse:
        """GET the form, filled in from a red check of the trail where `?check=` names the one proposed; POST enters."""
        clinic, now = self.one_clinic(request, clinic_id, act=True), timezone.now()
        zone, proposed = ZoneInfo(clinic.time_zone), _proposed(clinic)
        if proposed and request.GET.get("check") != str(proposed.verification_id):
            proposed = None
        form = OpenForm(
            request.POST if request.method == "POST" else None, facts=_first_facts(proposed, zone),
            initial={"known_at": shown_in(now, zone), "source": "audit" if proposed else "people"},
        )  # fmt: skip
        if request.method == "POST" and form.is_valid():
            try:
                made = incidents.open_incident(
                    clinic, form.said, known_at=in_zone(form.cleaned_data["known_at"], zone) or now,
                    source=form.cleaned_data["source"], by=signed_in(request), now=now,
                    verification_id=proposed.verification_id if proposed else None,
                )  # fmt: skip
            except Refused as refused:
                form.add_error(None, refused.text)
            else:
                messages.success(request, _("Entered. Complete the facts, and say whether it is reported."))
                return HttpResponseRedirect(reverse(ONE, args=[made.pk]))
        explain = _(
            "The clocks begin with the moment typed here. What is not known yet is completed later; nothing that was "
            "written goes away."
        )
        return form_page(
            self, request, _("Enter an incident"), form, explain=explain, button=_("Enter"),
            back=self.list_of(clinic.pk), heading=clinic.trade_name,
        )  # fmt: skip

    def facts_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """GET all facts in a form; POST keeps them as one entry."""
        incident = self.one_row(request, pk, act=True)
        back = reverse(ONE, args=[incident.pk])
        form = FactsForm(request.POST if request.method == "POST" else None, facts=facts_of(incident))
        if request.method == "POST" and form.is_valid():
            try:
                incidents.change(incident, form.said, by=signed_in(request), now=timezone.now())
            except Refused as refused:
                form.add_error(None, refused.text)
            else:
                messages.success(request, _("Kept as a new entry of the history."))
                return HttpResponseRedirect(back)
        return form_page(
            self, request, _("Facts of the incident"), form, back=back, button=_("Keep"),
            heading=_("Incident %(n)d") % {"n": incident.number},
            explain=_("What stands here goes to the register, and into the drafts for the ANPD and the people."),
        )  # fmt: skip

    # One incident -----------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._show(request, self.one_row(request, object_id))

    def _show(
        self, request: HttpRequest, incident: Incident, wrong: dict[str, forms.Form] | None = None
    ) -> HttpResponse:
        now = timezone.now()
        incident = with_entries(Incident.objects.filter(pk=incident.pk).select_related("entered_by")).get()
        entries = list(incident.entries.all())
        may_act = self.may_act(request, incident.clinic_id) and incident.closed_at is None
        acts = [_shown(act, incident, wrong or {}) for act in ACTS] if may_act else []
        return self.page(
            request, "admin/consent/incident.html", _("Incident %(n)d") % {"n": incident.number}, incident=incident,
            acts=acts, is_intact=incidents.is_intact(incident, entries), back=self.list_of(incident.clinic_id),
            audit=_trail(incident) if signed_in(request).has_role_in(incident.clinic_id, AUDIT) else "",
            **page_of(incident, entries, facts_of(incident), now),
        )  # fmt: skip

    @rechecked
    def act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `do`: one of ACTS, with its form."""
        incident = self.one_row(request, pk, act=True)
        back = HttpResponseRedirect(reverse(ONE, args=[pk]))
        act = next((one for one in ACTS if one.code == request.POST.get("do")), None)
        if request.method != "POST" or act is None:
            return back
        form = act.form(incident, request)
        if not form.is_valid():
            return self._show(request, incident, {act.code: form})
        try:
            messages.success(request, act.run(incident, form, signed_in(request), timezone.now()))
        except Refused as refused:
            form.add_error(None, refused.text)
            return self._show(request, incident, {act.code: form})
        return back


# Acts -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """One thing to do on the page: its heading, its button, its form, what it does and says."""

    code: str
    title: Any
    explain: Any
    button: Any
    form: Callable[[Incident, HttpRequest | None], forms.Form]
    run: Callable[[Incident, Any, User, datetime], str]


def _shown(act: Act, incident: Incident, wrong: dict[str, forms.Form]) -> dict[str, Any]:
    return {"act": act, "form": wrong.get(act.code) or act.form(incident, None), "is_open": act.code in wrong}


def _id(code: str) -> str:
    """Several forms on one page: each with ids of its own."""
    return f"ponte-{code}-%s"


def _estimate_form(incident: Incident, request: HttpRequest | None) -> forms.Form:
    return EstimateForm(request.POST if request else None, incident=incident, auto_id=_id("estimate"))


def _decide_form(incident: Incident, request: HttpRequest | None) -> forms.Form:
    return DecideForm(request.POST if request else None, auto_id=_id("decide"))


def _sent_form(kind: type[AuthorityForm | PersonsForm], code: str) -> Callable[..., forms.Form]:
    def made(incident: Incident, request: HttpRequest | None) -> forms.Form:
        posted = (request.POST, request.FILES) if request else (None, None)
        return kind(*posted, zone=ZoneInfo(incident.clinic.time_zone), auto_id=_id(code))

    return made


def _close_form(incident: Incident, request: HttpRequest | None) -> forms.Form:
    return CloseForm(request.POST if request else None, auto_id=_id("close"))


def _estimate(incident: Incident, form: EstimateForm, by: User, now: datetime) -> str:
    found = incidents.estimate(incident.clinic, form.scope, now=now)
    keep(incident, form.scope, found, by=by, now=now)
    n = len(found.pseudonyms)
    return ngettext("%(n)d person may be affected.", "%(n)d people may be affected.", n) % {"n": n}


def _decide(incident: Incident, form: DecideForm, by: User, now: datetime) -> str:
    said = form.cleaned_data
    incidents.decide(incident, report=said["report"] == "yes", reason=said["reason"], by=by, now=now)
    return _("The decision is kept.")


def _tell_authority(incident: Incident, form: AuthorityForm, by: User, now: datetime) -> str:
    incidents.told_authority(incident, form.sent, by=by, now=now)
    return _("The proof of the report is kept.")


def _tell_persons(incident: Incident, form: PersonsForm, by: User, now: datetime) -> str:
    incidents.told_persons(incident, form.sent, by=by, now=now)
    return _("The proof that the people were told is kept.")


def _close(incident: Incident, form: CloseForm, by: User, now: datetime) -> str:
    incidents.close(incident, outcome=form.cleaned_data["outcome"], reason=form.cleaned_data["reason"], by=by, now=now)
    return _("The incident is closed.")


ACTS: tuple[Act, ...] = (
    Act(
        "estimate",
        gettext_lazy("Estimate who is affected"),
        gettext_lazy(
            "Counted from the audit trail and the data map; minors as they are marked. Elderly people are typed by hand: "
            "Ponte keeps nobody's date of birth. The list of the people stays encrypted in the register."
        ),
        gettext_lazy("Estimate"),
        _estimate_form,
        _estimate,
    ),
    Act(
        "decide",
        gettext_lazy("Decide whether to report"),
        gettext_lazy("A no stops the clocks and stays with its reason; another decision may follow it."),
        gettext_lazy("Decide"),
        _decide_form,
        _decide,
    ),
    Act(
        "tell_authority",
        gettext_lazy("Told to the ANPD"),
        gettext_lazy("Send it on the site of the ANPD, then keep the proof here."),
        gettext_lazy("Keep the proof"),
        _sent_form(AuthorityForm, "authority"),
        _tell_authority,
    ),
    Act(
        "tell_persons",
        gettext_lazy("Told to the people"),
        gettext_lazy("One by one wherever possible; a public notice stays for at least three months."),
        gettext_lazy("Keep the proof"),
        _sent_form(PersonsForm, "persons"),
        _tell_persons,
    ),
    Act(
        "close",
        gettext_lazy("Close"),
        gettext_lazy("Once everything was told or decided. A closed incident stays as it is."),
        gettext_lazy("Close the incident"),
        _close_form,
        _close,
    ),
)


# What the list shows --------------------------------------------------------------------------------------------------


def _rows(clinic: Clinic, tab: str) -> Sequence[Incident]:
    rows = Incident.objects.filter(clinic=clinic, closed_at__isnull=tab != "closed")
    return list(with_entries(rows)[:MOST])


def _proposed(clinic: Clinic) -> Proposal | None:
    return incidents.proposals(Clinic.objects.filter(pk=clinic.pk)).get(clinic.pk)


def _first_facts(proposed: Proposal | None, zone: ZoneInfo) -> Facts:
    if proposed is None:
        return Facts()
    text = ngettext(
        "The check of the audit trail on %(day)s found %(n)d problem.",
        "The check of the audit trail on %(day)s found %(n)d problems.",
        proposed.findings,
    ) % {"n": proposed.findings, "day": f"{proposed.at.astimezone(zone):%d/%m/%Y %H:%M}"}
    return Facts(description=text, aspects=(Aspect.INTEGRITY.value,))


def _line(incident: Incident, now: datetime) -> dict[str, Any]:
    facts = facts_of(incident)
    return {
        "address": reverse(ONE, args=[incident.pk]), "number": incident.number, "what": facts.description,
        "known": _clock(incident.clinic, incident.known_at, now), "people": "—" if facts.people is None else facts.people,
        "timers": timer_lines(timers_of(incident, incident.entries.all(), now)),
        "outcome": incident.get_outcome_display(),
    }  # fmt: skip


def _sentence(
    clinic: Clinic | None, rows: Sequence[Incident], proposed: Proposal | None, tab: str, now: datetime
) -> tuple[dict[str, str], str]:
    if clinic is None:
        return {"value": "unknown"}, _("There is no clinic yet.")
    if tab:
        rows = _rows(clinic, "")
    running = [one for row in rows for one in timers_of(row, row.entries.all(), now) if one.is_open]
    if running:
        first = min(running, key=lambda one: one.due_at)
        (line,) = timer_lines([first])
        told = _("Incident %(n)d: %(what)s, %(due)s.") % {"n": first.number, "what": line["name"], "due": line["due"]}
        return {"value": "failed" if first.days_left <= 1 else "waiting"}, told
    if proposed:
        return {"value": "failed"}, _("A check of the audit trail was red: say whether it is an incident.")
    if rows:
        text = ngettext("%(n)d incident can be closed.", "%(n)d incidents can be closed.", len(rows))
        return {"value": "waiting"}, text % {"n": len(rows)}
    return {"value": "done"}, _("No incident is open.")


def _tabs(clinic: Clinic | None, tab: str) -> list[dict[str, Any]]:
    known = {"clinic": clinic.pk} if clinic else {}
    return [
        {"name": name, "is_active": key == tab, "address": f"?{urlencode({**known, **({'tab': key} if key else {})})}"}
        for key, name in TABS.items()
    ]


def _clock(clinic: Clinic, when: datetime, now: datetime) -> str:
    return clock(when, ZoneInfo(clinic.time_zone), now)


def _trail(incident: Incident) -> str:
    query = {
        "from": f"{incident.entered_at:%Y-%m-%d}", "object_type": "consent.Incident", "object_id": str(incident.pk)
    }  # fmt: skip
    return f"{reverse('admin:audit_auditlog_changelist')}?{urlencode(query)}"
