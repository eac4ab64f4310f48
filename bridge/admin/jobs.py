"""B8 Import and reprocess: what will happen, how long does it take, can I stop it?"""

import csv
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.scope import connections_of
from bridge.errors import PartnerError
from bridge.jobs import control
from bridge.jobs.kinds import KINDS, FilterForm, Kind, kind_of, kinds
from bridge.models import Connection, SyncJob
from bridge.queries import jobs as told
from consent.roles import Capability, roles_with
from consent.scope import has_role, signed_in

LIST = "admin:bridge_syncjob_changelist"
ONE = "admin:bridge_syncjob_change"
SHOWN = 25

State = SyncJob.State
ACTS = {
    "start": (control.confirm, gettext_lazy("The job has begun.")),
    "pause": (control.pause, gettext_lazy("The job is paused. What is done stays done.")),
    "continue": (control.resume, gettext_lazy("The job goes on where it stopped.")),
    "cancel": (control.cancel, gettext_lazy("The job is cancelled. What is done stays done.")),
}
# Every job is acted upon by who may start its kind.
MAY_ACT = roles_with(Capability.OPERATE_ACT, *(kind.capability for kind in kinds()))


@admin.register(SyncJob)
class JobAdmin(OperationAdmin):
    """All pages are drawn by hand: a job is planned, confirmed and told what to do, never edited."""

    question = gettext_lazy("What will happen, how long does it take, can I stop it?")
    help_text = gettext_lazy(
        "Long work runs here below live traffic: it takes at most 30 % of the calls and rests while people wait. First "
        "comes a dry run that only counts; nothing begins before you confirm. A job can be paused, continued and "
        "cancelled at any time."
    )
    change_roles = MAY_ACT
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_syncjob"
        own = [
            path("live/", view(self.live_list_view), name=f"{name}_live_list"),
            path("new/<str:kind>/", view(self.new_view), name=f"{name}_new"),
            path("<int:pk>/live/", view(self.live_view), name=f"{name}_live"),
            path("<int:pk>/act/", view(self.act_view), name=f"{name}_act"),
            path("<int:pk>/result.csv", view(self.result_view), name=f"{name}_result"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self._list_context(request)
        context["kinds"] = [kind for kind in kinds() if has_role(signed_in(request), *roles_with(kind.capability))]
        context["connections"] = list(self.connections(request))
        context["chosen"] = request.GET.get("connection", "")
        return self.page(request, "admin/bridge/jobs.html", _("Import and reprocess"), **context)

    def live_list_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the list that changes, for HTMX."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponse(render_to_string("admin/bridge/job_list.html", self._list_context(request), request))

    def _list_context(self, request: HttpRequest) -> dict[str, Any]:
        rows = told.recent().filter(connection__in=self.connections(request))
        chosen, before = request.GET.get("connection", ""), request.GET.get("before", "")
        if chosen.isdecimal():
            rows = rows.filter(connection=int(chosen))
        if before.isdecimal():
            rows = rows.filter(pk__lt=int(before))
        found = list(rows[: SHOWN + 1])
        jobs, older = found[:SHOWN], found[SHOWN - 1].pk if len(found) > SHOWN else 0
        word, sentence = told.list_sentence(jobs)
        is_live = any(job.state in {State.WAITING, State.RUNNING} for job in jobs)
        return {
            "word": word,
            "sentence": sentence,
            "jobs": [_line(job) for job in jobs],
            "older": older,
            "is_live": is_live,
            "query": request.GET.urlencode(),
        }

    # Planning ---------------------------------------------------------------------------------------------------------

    def new_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """First the filter; then the dry run, kept as a planned job."""
        found = _kind(kind)
        startable = list(connections_of(signed_in(request), roles_with(found.capability)))
        if not startable:
            raise PermissionDenied if self.has_view_permission(request) else Http404
        connection = _chosen(request, startable)
        form = found.form(request.POST if request.method == "POST" else None, connection=connection)
        if request.method == "POST" and form.is_valid():
            planned = self._plan(request, found, connection, form)
            if planned is not None:
                return HttpResponseRedirect(reverse(ONE, args=[planned.pk]))
        return self.page(
            request,
            "admin/bridge/job_new.html",
            str(found.label),
            kind=found,
            form=form,
            connections=startable,
            chosen=connection.pk,
            back=reverse(LIST),
        )

    def _plan(self, request: HttpRequest, kind: Kind, connection: Connection, form: FilterForm) -> SyncJob | None:
        try:
            return control.plan_job(connection, kind.code, form.filter(), actor=actor_of(request))
        except PartnerError as error:
            messages.error(request, _("%(partner)s does not answer: try the dry run again later.") % {
                "partner": getattr(error, "partner", "") or _("The partner")
            })  # fmt: skip
            return None

    # One job ----------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self._job(request, object_id)
        may_act = self._may_act(request, job)
        kind = kind_of(job.kind) if job.kind in KINDS else None
        highest = control.highest_rate(job.connection) if job.state == State.PLANNED else 0
        context = {
            **_particulars(job),
            "explanation": kind.explanation if kind else "",
            "limits": kind.describe(job.connection, job.filter) if kind else [],
            "may_act": may_act,
            "highest": highest,
            "audit": audit_of(request, job),
            "back": reverse(LIST),
        }
        title = f"{told.label_of(job)} · {job.pk}"
        return self.page(request, "admin/bridge/job.html", title, **context)

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes, for HTMX; a job whose buttons change asks for the whole page."""
        job = self._job(request, str(pk))
        response = HttpResponse(render_to_string("admin/bridge/job_progress.html", _particulars(job), request))
        if request.GET.get("state", job.state) != job.state:
            response["HX-Refresh"] = "true"
        return response

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST `act`: start, pause, continue or cancel."""
        job, act = self._job(request, str(pk)), request.POST.get("act", "")
        if request.method != "POST" or act not in ACTS or not self._may_act(request, job):
            raise Http404
        rate = request.POST.get("rate", "")
        more = {"rate_per_minute": int(rate)} if act == "start" and rate.isdecimal() and len(rate) < 6 else {}
        do, text = ACTS[act]
        try:
            do(job, actor=actor_of(request), **more)  # type: ignore[operator]
            messages.success(request, str(text))
        except control.NotPossible:
            messages.warning(request, _("The job is in another state by now; nothing was changed."))
        return HttpResponseRedirect(reverse(ONE, args=[job.pk]))

    def result_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The result as a file: counts only, nobody is named."""
        job = self._job(request, str(pk))
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="ponte-{job.kind}-{job.pk}.csv"'
        rows = csv.writer(response)
        rows.writerow([_("what"), _("count")])
        for name in ("total", "done", "skipped", "failed", "calls"):
            rows.writerow([name, getattr(job, name)])
        rows.writerows([name, count] for name, count in sorted({**job.result, **job.causes}.items()))
        return response

    def _job(self, request: HttpRequest, object_id: str) -> SyncJob:
        job = self.object_or_404(request, object_id, change=False)
        if not isinstance(job, SyncJob):
            raise TypeError(type(job).__name__)
        return job

    def _may_act(self, request: HttpRequest, job: SyncJob) -> bool:
        """Who may start the kind in the job's clinic may also stop it."""
        capability = kind_of(job.kind).capability if job.kind in KINDS else Capability.OPERATE_ACT
        return signed_in(request).has_role_in(job.connection.clinic_id, roles_with(capability))


# Lines ----------------------------------------------------------------------------------------------------------------


def _kind(code: str) -> Kind:
    if code not in KINDS:
        raise Http404
    return kind_of(code)


def _chosen(request: HttpRequest, startable: list[Connection]) -> Connection:
    """The connection asked for, of those where the viewer may start; the first when none is named."""
    asked = request.POST.get("connection") or request.GET.get("connection") or str(startable[0].pk)
    found = next((row for row in startable if str(row.pk) == asked), None)
    if found is None:
        raise Http404
    return found


def _line(job: SyncJob) -> dict[str, Any]:
    word, text = told.word_of(job)
    zone = cells.zone_of(job.connection)
    return {
        "job": job,
        "address": reverse(ONE, args=[job.pk]),
        "label": told.label_of(job),
        "badge": cells.badge(word, text),
        "percent": told.percent_of(job),
        "progress": told.progress_text(job),
        "duration": told.duration_text(job) if not job.is_over else "",
        "when": cells.since(job.confirmed_at or job.created_at, zone),
        "who": str(job.created_by) if job.created_by else "Ponte",
        "has_begun": job.state != State.PLANNED,
    }


def _particulars(job: SyncJob) -> dict[str, Any]:
    """What the page and its live part show."""
    zone = cells.zone_of(job.connection)
    return {
        **_line(job),
        "connection": job.connection,
        "estimate": told.counts_of(job.estimate, leave_out=("calls", "items")),
        "result": told.counts_of(job.result),
        "causes": told.causes_of(job),
        "started": cells.since(job.started_at, zone) if job.started_at else "",
        "finished": cells.since(job.finished_at, zone) if job.finished_at else "",
        "is_live": job.state in {State.WAITING, State.RUNNING},
        "can_pause": job.state in control.PAUSABLE,
        "can_continue": job.state == State.PAUSED,
        "can_cancel": job.state in control.CANCELLABLE,
        "is_planned": job.state == State.PLANNED,
    }
