"""The eight steps of the assistant (A4): what each shows, and what its buttons do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin import cells
from bridge.admin.scope import connections_of
from bridge.admin.setup_forms import (
    NEW,
    AddressForm,
    ChatwootForm,
    KrayinEntryForm,
    SendForm,
    SwitchForm,
)
from bridge.connecting import assistant
from bridge.connecting.access import chatwoot_setup
from bridge.connecting.assistant import KrayinEntry, Prepared
from bridge.connecting.changes import Change, made_for
from bridge.connecting.checks import CHATWOOT, KRAYIN, Finding, State, calls_of, findings_of
from bridge.connecting.checks.listing import ADDRESS, TYPED_CHATWOOT, TYPED_KRAYIN
from bridge.connecting.problems import CannotConnect, problem_of
from bridge.connecting.rows import clinic_for
from bridge.connecting.switching import shadowed, switch
from bridge.errors import PartnerError
from bridge.models import Connection, Krayin, Setup
from bridge.queries import setup_send
from bridge.queries.home import budgets_of
from bridge.queries.words import Word
from consent.models import Clinic, User
from consent.roles import Capability, roles_with
from consent.scope import clinics_of, sees_all_clinics

Step = Setup.Step
CHANGE = roles_with(Capability.CONNECTIONS_CHANGE)
CONFIRM = roles_with(Capability.PRIVACY_ACT)
STEP_URL, FIRST_URL, NEW_URL = "admin:bridge_setup_step", "admin:bridge_setup_first", "admin:bridge_setup_new"
STATE_WORDS = {
    State.OK: Word.DONE, State.WARNING: Word.WAITING, State.FAILED: Word.FAILED, State.UNKNOWN: Word.UNKNOWN,
}  # fmt: skip
INTRO: Mapping[str, Any] = {
    Step.ADDRESS: gettext_lazy("Whose conversations are these, and can Chatwoot reach this installation?"),
    Step.CHATWOOT: gettext_lazy("Where the conversations are. Ponte tries what you type at once, with two calls."),
    Step.KRAYIN: gettext_lazy("Where they go. Ponte signs in and reads pipelines, sources and types: six calls."),
    Step.SEND: gettext_lazy("What leaves the chat, for whose eyes, and on which legal basis?"),
    Step.PREPARE_KRAYIN: gettext_lazy("What Ponte makes in Krayin. All of it can be undone."),
    Step.PREPARE_CHATWOOT: gettext_lazy("What Ponte makes in Chatwoot. All of it can be undone."),
    Step.TEST: gettext_lazy("Does a message arrive? In shadow the connection plans and shows, and writes nothing."),
    Step.SWITCH: gettext_lazy("What will happen with each conversation from now on."),
}


@dataclass
class Visit:
    """One request of one person to one step."""

    request: HttpRequest
    viewer: User
    setup: Setup | None
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> Setup:
        if self.setup is None:
            raise PermissionDenied
        return self.setup

    @property
    def connection(self) -> Connection:
        if self.known.connection is None:
            raise PermissionDenied
        return self.known.connection

    def to(self, step: str, **query: str) -> HttpResponse:
        tail = "?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""
        return HttpResponseRedirect(reverse(STEP_URL, args=[self.known.pk, step]) + tail)

    def next(self, step: Step) -> HttpResponse:
        steps = list(Step)
        return self.to(steps[min(steps.index(step) + 1, len(steps) - 1)].value)

    def told(self, findings: Sequence[Finding]) -> None:
        self.context["findings"] = [finding_line(finding) for finding in findings]


def finding_line(finding: Finding, *, may_fix: bool = False) -> dict[str, Any]:
    check = finding.check
    return {
        "code": finding.code, "title": check.title, "why": check.why, "found": finding.found, "fix": finding.fix,
        "badge": cells.badge(STATE_WORDS[finding.state], str(finding.state.label)), "is_ok": finding.state == State.OK,
        "is_failed": finding.state == State.FAILED, "at": finding.at,
        "repair": check.repair_label if may_fix and check.can_fix and finding.state != State.OK else "",
    }  # fmt: skip


class StepPage:
    """One step: `show` fills the page, `post` acts and answers, or returns None to show the page again."""

    step: Step
    template: str

    def show(self, visit: Visit) -> None:
        """Put what the template needs into `visit.context`; asks no partner."""

    def post(self, visit: Visit) -> HttpResponse | None:
        """Act on the form. Raises PartnerError, CannotConnect: shown as the step's problem."""
        return None


class AddressStep(StepPage):
    step, template = Step.ADDRESS, "admin/bridge/setup_form.html"

    def form(self, visit: Visit) -> AddressForm:
        setup, clinics = visit.setup, clinics_of(visit.viewer, *CHANGE)
        initial = {"name": _("Reception"), "arrives": "webhook", "clinic": NEW if not clinics else str(clinics[0].pk)}
        if setup:
            arrives = "poll" if setup.polling_only else "webhook"
            initial = {"name": setup.name, "clinic": str(setup.clinic_id), "arrives": arrives}
        data = visit.request.POST if visit.request.method == "POST" else None
        may_add = sees_all_clinics(visit.viewer, *CHANGE)
        return AddressForm(data, initial=initial, clinics=clinics, may_add=may_add, setup=setup)

    def show(self, visit: Visit) -> None:
        visit.context.setdefault("form", self.form(visit))
        visit.context.setdefault("button", _("Save and check the address"))
        if visit.setup:
            visit.told(findings_of(visit.setup, ADDRESS))

    def post(self, visit: Visit) -> HttpResponse | None:
        form = visit.context["form"] = self.form(visit)
        if not form.is_valid():
            return None
        data = form.cleaned_data
        try:
            clinic = form.chosen_clinic() or self._new_clinic(data)
        except ValidationError as error:
            form.add_error("new_clinic", error.messages[0])
            return None
        setup = visit.setup or Setup(clinic=clinic)
        setup.clinic, setup.name = (setup.clinic if setup.connection_id else clinic), data["name"]
        setup.save()
        visit.setup = setup
        if setup.connection:
            setup.connection.name = data["name"]
            setup.connection.save(update_fields=["name", "updated_at"])
        found = assistant.keep_address(setup, is_polling_only=data["arrives"] == "poll")
        if all(finding.state == State.OK for finding in found):
            return visit.next(self.step)
        return visit.to(self.step.value, saved="1")

    def _new_clinic(self, data: Mapping[str, Any]) -> Clinic:
        return clinic_for(
            trade_name=data["new_clinic"], legal_name="", cnpj=data.get("new_cnpj") or "",
            time_zone=data.get("time_zone") or "America/Sao_Paulo",
        )  # fmt: skip


class ChatwootStep(StepPage):
    step, template = Step.CHATWOOT, "admin/bridge/setup_form.html"

    def form(self, visit: Visit) -> ChatwootForm:
        setup = visit.known
        initial = {"address": setup.chatwoot_url, "account": setup.chatwoot_account_id}
        data = visit.request.POST if visit.request.method == "POST" else None
        return ChatwootForm(data, initial=initial, has_token=assistant.has_chatwoot_token(setup))

    def show(self, visit: Visit) -> None:
        setup = visit.known
        visit.context.setdefault("form", self.form(visit))
        visit.context["button"] = _("Try and save · 2 calls")
        visit.told(findings_of(setup, TYPED_CHATWOOT))
        if Step.CHATWOOT.value in setup.steps:
            visit.context["facts"] = [
                (_("account"), f"{setup.chatwoot_account_id} · {setup.chatwoot_account_name}"),
                (_("inboxes found"), ", ".join(inbox["name"] for inbox in setup.inboxes) or cells.NOTHING),
            ]

    def post(self, visit: Visit) -> HttpResponse | None:
        form = visit.context["form"] = self.form(visit)
        if not form.is_valid():
            return None
        data, setup = form.cleaned_data, visit.known
        found = assistant.connect_chatwoot(
            setup, address=data["address"], account_id=data["account"], token=data["token"]
        )
        if any(finding.state != State.OK for finding in found):
            return None
        messages.success(visit.request, _("Chatwoot: account %(name)s, %(n)d inboxes.") % {
            "name": setup.chatwoot_account_name, "n": len(setup.inboxes),
        })  # fmt: skip
        return visit.next(self.step)


class KrayinStep(StepPage):
    step, template = Step.KRAYIN, "admin/bridge/setup_form.html"

    def known_elsewhere(self, visit: Visit) -> list[Krayin]:
        """Installations of connections this person may change."""
        rows = connections_of(visit.viewer, CHANGE)
        return list(Krayin.objects.filter(connections__in=rows).distinct().order_by("base_url"))

    def form(self, visit: Visit) -> KrayinEntryForm:
        connection = visit.known.connection
        user = connection.krayin_users.order_by("pk").first() if connection else None
        initial = {
            "address": connection.krayin.base_url if connection else "", "email": user.email if user else "",
            "keep_password": user is None or user.password is not None,
        }  # fmt: skip
        data = visit.request.POST if visit.request.method == "POST" else None
        return KrayinEntryForm(data, initial=initial, known=self.known_elsewhere(visit), has_access=user is not None)

    def show(self, visit: Visit) -> None:
        visit.context.setdefault("form", self.form(visit))
        visit.context["button"] = _("Sign in and save · 6 calls")
        visit.context["warning"] = _("Signing in ends every other API token of this Krayin user.")
        visit.told(findings_of(visit.known, TYPED_KRAYIN))
        connection = visit.known.connection
        if connection and connection.pipelines:
            visit.context["facts"] = [
                (_("pipeline"), connection.default_pipeline_name), (_("first stage"), connection.default_stage_name),
                (_("source"), connection.default_source_name), (_("type"), connection.default_lead_type_name),
            ]  # fmt: skip

    def post(self, visit: Visit) -> HttpResponse | None:
        form = visit.context["form"] = self.form(visit)
        if not form.is_valid():
            return None
        data = form.cleaned_data
        known = {str(row.pk): row for row in self.known_elsewhere(visit)}
        moved = known.get(data.get("same_as", ""))
        if moved and moved.base_url == data["address"]:
            moved = None
        if moved and Krayin.objects.filter(base_url=data["address"]).exists():
            form.add_error("same_as", _("This address is already known as another installation."))
            return None
        entry = KrayinEntry(data["address"], data["email"], data["password"], data["keep_password"], moved)
        found = assistant.connect_krayin(visit.known, entry)
        if any(finding.state in {State.FAILED, State.UNKNOWN} for finding in found):
            return None
        if moved:
            messages.success(visit.request, _("The same Krayin at its new address: nothing is written twice."))
        return visit.next(self.step)


class SendStep(StepPage):
    step, template = Step.SEND, "admin/bridge/setup_send.html"

    def form(self, visit: Visit) -> SendForm:
        connection = visit.connection
        data = (
            visit.request.POST
            if visit.request.method == "POST" and "confirm_policy" not in visit.request.POST
            else None
        )
        health = list(connection.inboxes.filter(reveals_health=True).values_list("inbox_id", flat=True))
        may_know = sees_all_clinics(visit.viewer, *CHANGE)
        return SendForm(data, instance=connection, initial={"health_ids": health}, may_know_others=may_know)

    def show(self, visit: Visit) -> None:
        form = visit.context.setdefault("form", self.form(visit))
        setup, connection, now = visit.known, visit.connection, timezone.now()
        is_asked = form.is_bound and form.is_valid()
        before = setup_send.choice_of(Connection.objects.get(pk=connection.pk))
        choice = setup_send.choice_from(form.cleaned_data) if is_asked else before
        day = setup_send.last_day(setup, choice, now=now)
        effects = setup_send.effects_of(day, choice) if day.is_known else None
        was = setup_send.effects_of(setup_send.last_day(setup, before, now=now), before) if effects else None
        visit.context.update(
            inboxes=inbox_rows(form, setup), day=day, effects=effects, was=was if is_asked else None,
            categories=[(c, cells.yes_no(c.is_sent)) for c in setup_send.categories(choice, effects)],
            clinic=connection.clinic, may_confirm=visit.viewer.has_role_in(connection.clinic_id, CONFIRM),
            title_reveals=title_reveals(form), share=_share(connection, effects), no_inboxes=not connection.inbox_names,
        )  # fmt: skip

    def post(self, visit: Visit) -> HttpResponse | None:
        if "confirm_policy" in visit.request.POST:
            return self._confirm(visit)
        form = visit.context["form"] = self.form(visit)
        if "count" in visit.request.POST:
            found = chatwoot_setup(visit.connection).conversations_updated_within(24 * 3600)
            setup_send.keep_last_day(visit.known, found)
            return None
        if not form.is_valid() or "preview" in visit.request.POST:
            return None
        with transaction.atomic():
            connection = visit.connection
            connection.save(update_fields=[*SendForm.Meta.fields, "updated_at"])
            assistant.keep_health(connection, visit.known, form.cleaned_data["health_ids"])
        visit.known.finish(self.step)
        return visit.next(self.step)

    def _confirm(self, visit: Visit) -> HttpResponse:
        """The DPO accepts the proposed legal bases, once for the clinic."""
        clinic = visit.connection.clinic
        if not visit.viewer.has_role_in(clinic.pk, CONFIRM):
            raise PermissionDenied
        if not clinic.has_confirmed_policy:
            clinic.confirm_policy(by=visit.viewer, now=timezone.now())
        messages.success(visit.request, _("The legal bases of %(clinic)s are confirmed.") % {"clinic": clinic})
        return visit.to(self.step.value)


class PrepareStep(StepPage):
    """Steps 5 and 6: explained before, shown after, undoable."""

    template = "admin/bridge/setup_prepare.html"
    partner: str

    def changes(self, visit: Visit) -> Sequence[Change]:
        raise LookupError("a step without changes")

    def show(self, visit: Visit) -> None:
        setup = visit.known
        stands = setup.findings.get(f"plan:{self.step.value}", {}).get("stands", {})
        visit.context.update(
            changes=[
                {"change": c, "badge": _standing_badge(stands.get(c.code)), "is_kept": c.is_optional}
                for c in self.changes(visit)
            ],
            calls=sum(c.calls for c in self.changes(visit)) + self.reads, reads=self.reads, partner=self.partner,
            made=[row for row in made_for(visit.connection) if row.partner == self.partner.lower()],
        )  # fmt: skip

    reads: int

    def post(self, visit: Visit) -> HttpResponse | None:
        setup, wanted = visit.known, self.wanted(visit)
        if "look" in visit.request.POST:
            keep_standing(setup, self.step, assistant.look_at(setup, wanted))
            return None
        result = assistant.prepare(setup, wanted, self.step)
        self.tell(visit, result)
        if result.problem:
            visit.context["problem"] = result.problem
            visit.context["cannot_sign"] = result.cannot_sign
            return None
        keep_standing(setup, self.step, {done.change.code: True for done in result.done})
        return visit.to(self.step.value, saved="1")

    def wanted(self, visit: Visit) -> list[Change]:
        chosen = visit.request.POST.getlist("optional")
        return [c for c in self.changes(visit) if not c.is_optional or c.code in chosen]

    def tell(self, visit: Visit, result: Prepared) -> None:
        made = [str(done.change.title) for done in result.done if done.made]
        if made:
            messages.success(visit.request, _("Made: %(names)s.") % {"names": "; ".join(made)})
        elif not result.problem:
            messages.info(visit.request, _("Everything was there already: nothing was made."))


class PrepareKrayinStep(PrepareStep):
    step, partner, reads = Step.PREPARE_KRAYIN, "Krayin", 4

    def changes(self, visit: Visit) -> Sequence[Change]:
        return assistant.krayin_changes(visit.known)


class PrepareChatwootStep(PrepareStep):
    step, partner, reads = Step.PREPARE_CHATWOOT, "Chatwoot", 3

    def changes(self, visit: Visit) -> Sequence[Change]:
        return assistant.chatwoot_plan(visit.known)

    def post(self, visit: Visit) -> HttpResponse | None:
        if "only_polling" in visit.request.POST:
            assistant.keep_address(visit.known, is_polling_only=True)
        return super().post(visit)


class TestStep(StepPage):
    step, template = Step.TEST, "admin/bridge/setup_test.html"

    def show(self, visit: Visit) -> None:
        connection = visit.connection
        names = [str(connection.inbox_names.get(str(n), n)) for n in connection.inbox_ids]
        visit.context.update(
            connection=connection, inbox=names[0] if names else _("any inbox"), is_polling=connection.polling_only,
            first=reverse(FIRST_URL, args=[visit.known.pk]),
        )  # fmt: skip

    def post(self, visit: Visit) -> HttpResponse | None:
        connection, setup = visit.connection, visit.known
        if connection.state == Connection.State.DRAFT:
            switch(connection, Connection.State.SHADOW, name_it=sees_all_clinics(visit.viewer, *CHANGE))
        assistant.watch(setup)
        setup.finish(self.step)
        if "harmless" in visit.request.POST:
            assistant.send_harmless_event(setup)
            messages.success(visit.request, _("A contact named “Teste da Ponte” was made and deleted in Chatwoot."))
        return HttpResponseRedirect(reverse(FIRST_URL, args=[setup.pk]))


class SwitchStep(StepPage):
    step, template = Step.SWITCH, "admin/bridge/setup_switch.html"

    def form(self, visit: Visit) -> SwitchForm:
        connection = visit.connection
        is_on = connection.state == Connection.State.ACTIVE
        initial = {"state": Connection.State.ACTIVE if is_on else Connection.State.SHADOW}
        data = visit.request.POST if visit.request.method == "POST" else None
        return SwitchForm(data, initial=initial, connection=connection)

    def show(self, visit: Visit) -> None:
        setup, connection = visit.known, visit.connection
        visit.context.setdefault("form", self.form(visit))
        choice = setup_send.choice_of(connection)
        day = setup_send.last_day(setup, choice, now=timezone.now())
        effects = setup_send.effects_of(day, choice) if day.is_known else None
        found = [f for f in findings_of(setup, (*CHATWOOT, *KRAYIN)) if f.state == State.FAILED]
        visit.told(found)
        visit.context.update(
            lines=summary(connection, choice), effects=effects, share=_share(connection, effects),
            shadowed=shadowed(connection), connection=connection, missing=missing_steps(setup),
            is_confirmed=connection.clinic.has_confirmed_policy,
        )  # fmt: skip

    def post(self, visit: Visit) -> HttpResponse | None:
        form = visit.context["form"] = self.form(visit)
        if not form.is_valid():
            return None
        connection, wanted = visit.connection, form.cleaned_data["state"]
        try:
            switch(connection, wanted, name_it=sees_all_clinics(visit.viewer, *CHANGE))
        except CannotConnect as error:
            form.add_error("state", str(error))
            return None
        visit.known.finish(self.step)
        messages.success(visit.request, _("“%(name)s” is now: %(state)s.") % {
            "name": connection.name, "state": connection.get_state_display(),
        })  # fmt: skip
        if visit.known.watch_from is None or visit.known.read_back_at is None:
            assistant.watch(visit.known)
            return HttpResponseRedirect(reverse(FIRST_URL, args=[visit.known.pk]))
        return HttpResponseRedirect(reverse("admin:bridge_connection_change", args=[connection.pk]))


PAGES: Mapping[str, StepPage] = {
    page.step.value: page
    for page in (
        AddressStep(), ChatwootStep(), KrayinStep(), SendStep(), PrepareKrayinStep(), PrepareChatwootStep(), TestStep(),
        SwitchStep(),
    )
}  # fmt: skip
WITH_CONNECTION = frozenset(
    {Step.SEND.value, Step.PREPARE_KRAYIN.value, Step.PREPARE_CHATWOOT.value, Step.TEST.value, Step.SWITCH.value}
)


def act(page: StepPage, visit: Visit) -> HttpResponse | None:
    """Let a step act; what a partner or a rule refuses becomes the step's problem."""
    try:
        return page.post(visit)
    except PartnerError as error:
        visit.context["problem"] = problem_of(error)
        visit.context["technical"] = str(error)
    except CannotConnect as error:
        visit.context["problem"] = str(error)
    return None


# What the pages say ---------------------------------------------------------------------------------------------------


def inbox_rows(form: forms.ModelForm, setup: Setup) -> list[dict[str, Any]]:
    """One row per inbox: name, channel, send, reveals health."""
    channels = {inbox["id"]: str(inbox.get("channel", "")).removeprefix("Channel::") for inbox in setup.inboxes}
    sent = {str(value) for value in form["inbox_ids"].value() or ()}
    health = {str(value) for value in form["health_ids"].value() or ()}
    names = dict(form.fields["inbox_ids"].choices)  # type: ignore[attr-defined]
    return [
        {
            "id": str(n),
            "name": name,
            "channel": channels.get(int(n), ""),
            "send": str(n) in sent,
            "health": str(n) in health,
        }
        for n, name in names.items()
    ]


def title_reveals(form: forms.ModelForm) -> bool:
    """Whether the title would carry the name of an inbox that reveals health."""
    health = {str(value) for value in form["health_ids"].value() or ()}
    sent = {str(value) for value in form["inbox_ids"].value() or ()}
    is_all = bool(form["all_inboxes"].value())
    return "{caixa}" in str(form["title_template"].value()) and bool(health if is_all else health & sent)


def summary(connection: Connection, choice: setup_send.Choice) -> list[str]:
    """Everything that happens with a conversation, one sentence each."""
    lines = [
        _("A new contact becomes a person in Krayin; one that exists there is found by phone or e-mail."),
        _("The first conversation makes an opportunity in “%(pipeline)s”, stage “%(stage)s”.") % {
            "pipeline": _pipeline_name(connection), "stage": _stage_name(connection),
        },
    ]  # fmt: skip
    if choice.has_text:
        lines.append(_("The text of the messages is written as a note of the opportunity."))
    elif choice.has_notes:
        lines.append(_("A note with number, inbox, times and state is written, without any text of the messages."))
    else:
        lines.append(_("No note is written."))
    if choice.rules:
        lines.append(_("The stage moves by itself: only forward, never after a person moved it."))
    if connection.krayin_to_chatwoot:
        lines.append(_("Stage, value and owner appear beside the conversation in Chatwoot."))
    return lines


def _pipeline_name(connection: Connection) -> str:
    names = {p["id"]: p["name"] for p in connection.pipelines}
    return str(names.get(connection.pipeline_id, connection.default_pipeline_name))


def _stage_name(connection: Connection) -> str:
    names = {s["id"]: s["name"] for s in connection.stages}
    return str(names.get(connection.first_stage_id, connection.default_stage_name))


def missing_steps(setup: Setup) -> list[dict[str, str]]:
    """Steps that were left out, with their pages."""
    return [
        {"name": str(step.label), "address": reverse(STEP_URL, args=[setup.pk, step.value])}
        for step in Step
        if step.value not in setup.steps and step not in {Step.TEST, Step.SWITCH}
    ]


def _share(connection: Connection, effects: setup_send.Effects | None) -> str:
    """`7 chamadas por dia, 0,1 % do que o Krayin permite`."""
    if effects is None:
        return ""
    budget = budgets_of([connection.pk], timezone.now()).get(connection.pk)
    share = setup_send.share_of_budget(effects.calls, budget.per_minute if budget else 50)
    percent = "< 1" if share < 1 else f"{share:.0f}"
    return _("about %(n)d calls a day, %(percent)s %% of what Krayin allows") % {"n": effects.calls, "percent": percent}


def _standing_badge(stands: bool | None) -> Any:
    if stands is None:
        return cells.badge(Word.UNKNOWN, _("not looked yet"))
    return cells.badge(Word.DONE, _("is there")) if stands else cells.badge(Word.WAITING, _("to be made"))


def keep_standing(setup: Setup, step: Step, stands: Mapping[str, bool]) -> None:
    """Remember which changes stand, for the page of the step; empty when somebody undid one."""
    setup.findings = {**setup.findings, f"plan:{step.value}": {"stands": dict(stands)}}
    setup.save(update_fields=["findings", "updated_at"])


def calls_of_all() -> int:
    return calls_of((*CHATWOOT, *KRAYIN))
