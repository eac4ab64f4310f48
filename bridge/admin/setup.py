"""The setup assistant's pages (A2, A4, A5): they hang below the connections and are made of steps."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from bridge.admin import cells
from bridge.admin.base import OperationAdmin
from bridge.admin.setup_first import FirstPages
from bridge.admin.setup_steps import (
    CHANGE,
    INTRO,
    NEW_URL,
    PAGES,
    STEP_URL,
    WITH_CONNECTION,
    StepPage,
    Visit,
    act,
    calls_of_all,
    finding_line,
    keep_standing,
)
from bridge.connecting import checks
from bridge.connecting.changes import undo
from bridge.connecting.checks.base import keep
from bridge.connecting.look import Look
from bridge.connecting.problems import CannotConnect, problem_of
from bridge.errors import PartnerError
from bridge.models import Connection, Partner, Setup, SetupMark, SetupObject
from bridge.models.setup import setup_of
from bridge.queries.setup_steps import FirstStep, first_steps, keys_fingerprint
from bridge.queries.words import Word
from consent.access.recheck import lead_to_check
from consent.models import User
from consent.scope import clinic_ids_of, has_role, sees_all_clinics, signed_in

Step = Setup.Step
View = Callable[..., HttpResponse]


class SetupPages(FirstPages, OperationAdmin):
    """Adds the assistant to the connections' page; limited to clinics whose connections the viewer may change."""

    def setup_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        routes: list[tuple[str, View, str]] = [
            ("setup/", self.steps_view, "bridge_setup"),
            ("setup/new/", self.new_view, "bridge_setup_new"),
            ("setup/mark/", self.mark_view, "bridge_setup_mark"),
            ("setup/<uuid:pk>/first/", self.first_view, "bridge_setup_first"),
            ("setup/<uuid:pk>/first/live/", self.live_view, "bridge_setup_live"),
            ("setup/<uuid:pk>/first/act/", self.first_act_view, "bridge_setup_first_act"),
            ("setup/<uuid:pk>/undo/", self.undo_view, "bridge_setup_undo"),
            ("setup/<uuid:pk>/<slug:step>/", self.step_view, "bridge_setup_step"),
            ("<int:pk>/setup/", self.of_connection_view, "bridge_connection_setup"),
            ("<int:pk>/checks/", self.checks_view, "bridge_connection_checks"),
        ]
        return [path(route, view(page), name=name) for route, page, name in routes]

    # Finding what one may set up ----------------------------------------------------------------------------------------

    def setups(self, viewer: User) -> QuerySet[Setup]:
        rows = Setup.objects.select_related("clinic", "connection__clinic", "connection__krayin")
        if sees_all_clinics(viewer, *CHANGE):
            return rows
        return rows.filter(clinic__in=clinic_ids_of(viewer, *CHANGE))

    def setup_or_404(self, request: HttpRequest, pk: UUID) -> Setup:
        found = self.setups(signed_in(request)).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    # A2 -------------------------------------------------------------------------------------------------------------------

    def steps_view(self, request: HttpRequest) -> HttpResponse:
        """What is missing until the first conversation reaches the CRM; set-ups that were left."""
        viewer = signed_in(request)
        if not has_role(viewer, *self.view_roles):
            raise PermissionDenied
        rows = list(self.setups(viewer).order_by("-updated_at")[:50])
        unfinished = [row for row in rows if Step.SWITCH.value not in row.steps]
        return self.page(
            request, "admin/bridge/setup_steps.html", _("First steps"), steps=step_lines(viewer, self.connections(request)),
            unfinished=[self._left(row) for row in unfinished], may_connect=has_role(viewer, *CHANGE),
            new=reverse(NEW_URL),
        )  # fmt: skip

    def _left(self, row: Setup) -> dict[str, Any]:
        step = Setup.Step(row.next_step)
        return {
            "name": row.name, "clinic": row.clinic.trade_name, "step": step.label,
            "at": cells.since(row.updated_at, ZoneInfo(row.clinic.time_zone)),
            "address": reverse(STEP_URL, args=[row.pk, step.value]),
        }  # fmt: skip

    def mark_view(self, request: HttpRequest) -> HttpResponse:
        """POST `code` (and for the keys `typed`): something only a person can confirm."""
        viewer = signed_in(request)
        if request.method != "POST" or not sees_all_clinics(viewer, *CHANGE):
            raise PermissionDenied
        code, detail = request.POST.get("code", ""), ""
        if code not in SetupMark.Code.values:
            raise Http404
        if code == SetupMark.Code.KEYS:
            detail = keys_fingerprint()
            if request.POST.get("typed", "").strip().lower() != detail:
                messages.error(
                    request, _("These are not the first six characters of the fingerprint of the keys in use.")
                )
                return HttpResponseRedirect(reverse("admin:bridge_setup"))
        SetupMark.objects.update_or_create(code=code, defaults={"detail": detail, "done_by": viewer})
        return HttpResponseRedirect(reverse("admin:bridge_setup"))

    # A4 -------------------------------------------------------------------------------------------------------------------

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Step 1 of a connection that does not exist yet."""
        viewer = signed_in(request)
        if not has_role(viewer, *CHANGE):
            raise PermissionDenied
        return self._step(request, PAGES[Step.ADDRESS.value], Visit(request, viewer, None))

    def of_connection_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The assistant of a connection, from its first unfinished step, or from the beginning."""
        row = self.object_or_404(request, str(pk))
        if not isinstance(row, Connection):
            raise Http404
        setup = setup_of(row)
        step = Step.ADDRESS.value if Step.SWITCH.value in setup.steps else setup.next_step
        return HttpResponseRedirect(reverse(STEP_URL, args=[setup.pk, step]))

    def step_view(self, request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
        setup = self.setup_or_404(request, pk)
        page = PAGES.get(step)
        if page is None:
            raise Http404
        if setup.connection is None and step in WITH_CONNECTION:
            return HttpResponseRedirect(reverse(STEP_URL, args=[setup.pk, setup.next_step]))
        if step == Step.KRAYIN.value and Step.CHATWOOT.value not in setup.steps and setup.connection is None:
            return HttpResponseRedirect(reverse(STEP_URL, args=[setup.pk, Step.CHATWOOT.value]))
        return self._step(request, page, Visit(request, signed_in(request), setup))

    def _step(self, request: HttpRequest, page: StepPage, visit: Visit) -> HttpResponse:
        if request.method == "POST":
            entered = any(request.POST.get(name) for name in ("token", "password"))
            if entered and (check := lead_to_check(request)):
                return check
            answer = act(page, visit)
            if answer is not None:
                return answer
        page.show(visit)
        context = {
            "rail": rail(visit.setup, page.step), "step": page.step, "number": list(Step).index(page.step) + 1,
            "intro": INTRO[page.step], "setup": visit.setup, "next": next_address(visit.setup, page.step),
            "back": reverse("admin:bridge_setup"), **visit.context,
        }  # fmt: skip
        return self.page(request, page.template, str(page.step.label), **context)

    def undo_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `object`: take one thing we made at a partner away again."""
        setup = self.setup_or_404(request, pk)
        text = request.POST.get("object", "")
        rows = SetupObject.objects.filter(connection=setup.connection, undone_at=None)
        row = rows.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
        if request.method != "POST" or row is None:
            raise Http404
        step = Step.PREPARE_KRAYIN if row.partner == Partner.KRAYIN else Step.PREPARE_CHATWOOT
        try:
            undo(row, Look(setup.connection))
            keep_standing(setup, step, {})
            messages.success(request, _("Undone: %(name)s.") % {"name": row.name})
        except PartnerError as error:
            messages.error(request, str(problem_of(error)))
        return HttpResponseRedirect(reverse(STEP_URL, args=[setup.pk, step.value]))

    # Checks of a connection -----------------------------------------------------------------------------------------------

    def checks_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: what was found last. POST: check now, or put one thing right (`repair`)."""
        row = self.object_or_404(request, str(pk), change=request.method == "POST")
        if not isinstance(row, Connection):
            raise Http404
        setup = setup_of(row)
        if request.method == "POST":
            self._check(request, row, setup)
            return HttpResponseRedirect(reverse("admin:bridge_connection_checks", args=[pk]))
        may_change = self.has_change_permission(request, row)
        found = checks.findings_of(setup, checks.ALL)
        word, sentence = checks_sentence(found)
        return self.page(
            request, "admin/bridge/connection_checks.html", _("Checks of %(name)s") % {"name": row.name},
            word=word, sentence=sentence, row=row, may_change=may_change, calls=calls_of_all(),
            findings=[finding_line(finding, may_fix=may_change) for finding in found],
            at=cells.since(found[0].at if found else None, cells.zone_of(row)),
            back=reverse("admin:bridge_connection_change", args=[pk]),
        )  # fmt: skip

    def _check(self, request: HttpRequest, row: Connection, setup: Setup) -> None:
        look, code = Look(row), request.POST.get("repair", "")
        if code in checks.BY_CODE and checks.BY_CODE[code].can_fix:
            try:
                checks.BY_CODE[code].repair(look)
                messages.success(request, _("Done: %(what)s.") % {"what": checks.BY_CODE[code].title})
            except PartnerError as error:
                messages.error(request, str(problem_of(error)))
            except CannotConnect as error:
                messages.error(request, str(error))
            setup.refresh_from_db()
            row.refresh_from_db()
            look = Look(row)
        keep(setup, checks.run(checks.ALL, look))


def checks_sentence(found: Sequence[checks.Finding]) -> tuple[Word, str]:
    """The first that must be fixed, else the first that deserves a look."""
    worst = checks.worst(found)
    warned = next((finding for finding in found if finding.state == checks.State.WARNING), None)
    if worst:
        return Word.FAILED, worst.found
    if warned:
        return Word.WAITING, warned.found
    return (Word.DONE, _("Everything is in order.")) if found else (Word.UNKNOWN, _("Nothing was checked yet."))


def rail(setup: Setup | None, current: Step) -> list[dict[str, Any]]:
    """The eight steps with their state; those that can be opened have an address."""
    done = setup.steps if setup else {}
    lines = []
    for number, step in enumerate(Step, start=1):
        is_reached = setup is not None and (setup.connection_id is not None or step.value == setup.next_step)
        may_open = is_reached or step.value in done
        lines.append(
            {
                "number": number, "name": step.label, "is_done": step.value in done, "is_current": step == current,
                "address": reverse(STEP_URL, args=[setup.pk, step.value]) if setup and may_open else "",
            }
        )  # fmt: skip
    return lines


def next_address(setup: Setup | None, step: Step) -> str:
    """Where *Continuar* leads once this step is finished."""
    steps = list(Step)
    if setup is None or step.value not in setup.steps or step == steps[-1]:
        return ""
    return reverse(STEP_URL, args=[setup.pk, steps[steps.index(step) + 1].value])


def step_lines(viewer: User, connections: QuerySet[Connection]) -> list[dict[str, Any]]:
    """The lines of A2 for this person."""
    return [_step_line(line, viewer) for line in first_steps(list(connections[:50]))]


def _step_line(line: FirstStep, viewer: User) -> dict[str, Any]:
    word = Word.DONE if line.is_done else Word.IGNORED if line.is_optional else Word.WAITING
    text = _("optional") if line.is_optional and not line.is_done else None
    return {
        "number": line.number, "text": line.text, "detail": line.detail, "who": line.who, "badge": cells.badge(word, text),
        "is_done": line.is_done, "is_optional": line.is_optional, "button": line.button, "address": address_of(line, viewer),
        "mark": line.mark if sees_all_clinics(viewer, *CHANGE) else "",
    }  # fmt: skip


def address_of(line: FirstStep, viewer: User) -> str:
    """Where the button of a first step leads; empty when this person may not do it."""
    if line.is_done or not has_role(viewer, *line.roles):
        return ""
    if line.setup:
        return reverse(STEP_URL, args=[line.setup.pk, line.step])
    return reverse(line.view) if line.view else ""
