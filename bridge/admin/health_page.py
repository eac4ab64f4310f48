"""B9 Health and B10 Scheduled work: can I trust the system now, and what runs by itself?"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from celery import current_app
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from kombu.exceptions import OperationalError

from audit.services import record
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.cells import badge, since
from bridge.health import lines as health
from bridge.health import schedule
from bridge.health.database import report
from bridge.models import RunResult
from bridge.queries.words import Word
from config.times import ago, amount
from consent.roles import Capability, Role, roles_with
from consent.scope import sees_all_clinics, signed_in

LIST = "admin:bridge_runresult_changelist"
TASKS_QUESTION = gettext_lazy("What runs by itself, when did it run, did it go well?")
TASKS_HELP = gettext_lazy(
    "The scheduler starts this work, a worker for jobs carries it out. Late is what has missed two of its periods: then "
    "look under Health whether both run. When things run is part of the program and cannot be changed here."
)
DATABASE_QUESTION = gettext_lazy("What does the database need?")
DATABASE_HELP = gettext_lazy(
    "PostgreSQL counts all this by itself. Statements are shown without their values, so that nobody's data stand here. "
    "The command under each table is for the person who looks after the server."
)


@admin.register(RunResult)
class HealthAdmin(OperationAdmin):
    """Three pages: health, its tab about the database, scheduled work. Names of connections: the viewer's own."""

    view_roles = roles_with(Capability.OPERATE_ACT)
    change_roles = roles_with(Capability.CONNECTIONS_CHANGE)
    question = gettext_lazy("Can I trust the system now?")
    help_text = gettext_lazy(
        "One line for each thing that can go wrong: how it stands, since when, what it is for, what to do. Nothing here "
        "asks a partner: what is known of them is what our own calls met. The same limits raise the alerts."
    )
    actions = ()

    def within(self, clinic_ids: Collection[int]) -> models.Q:
        """Results belong to no clinic; the pages choose what they show."""
        return models.Q(pk__in=[])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("health/", view(self.health_view), name="bridge_runresult_health"),
            path("health/database/", view(self.database_view), name="bridge_runresult_database"),
            path("run/", view(self.run_view), name="bridge_runresult_run"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A result has no page of its own."""
        raise Http404

    def runs_all(self, request: HttpRequest) -> bool:
        """Whether the viewer looks after the whole installation, not one clinic's connections."""
        return sees_all_clinics(request.user, Role.TECHNICAL_ADMIN)

    # B9 -------------------------------------------------------------------------------------------------------------

    def health_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, zone = timezone.now(), ZoneInfo(settings.TIME_ZONE)
        only = None if self.runs_all(request) else set(self.connections(request).values_list("pk", flat=True))
        found = health.lines(now, only)
        word, sentence = health.worst(found)
        ordered = sorted(found, key=lambda line: ORDER.get(line.word, 2))
        return self.page(
            request, "admin/bridge/health_page.html", _("Health"), word=word, sentence=sentence,
            rows=[
                {
                    "line": line, "state": badge(line.word, WORDS.get(line.word)),
                    "since": since(line.since, zone, now) if line.since else "",
                }
                for line in ordered
            ],
            may_all=self.runs_all(request),
        )  # fmt: skip

    def database_view(self, request: HttpRequest) -> HttpResponse:
        if not self.runs_all(request):
            raise PermissionDenied
        return self.page(
            request, "admin/bridge/health_database.html", _("Health · database"), sections=report(),
            question=DATABASE_QUESTION, help_of_page=DATABASE_HELP,
        )  # fmt: skip

    # B10 ------------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        found = schedule.lines(now)
        word, sentence = answer(found)
        return self.page(
            request, "admin/bridge/schedule.html", _("Scheduled work"), word=word, sentence=sentence,
            rows=[row_of(line, now) for line in found], may_run=self.runs_all(request), question=TASKS_QUESTION,
            help_of_page=TASKS_HELP,
        )  # fmt: skip

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Have one harmless piece of work done now, by a worker."""
        if not self.runs_all(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(reverse(LIST))
        asked = request.POST.get("key", "")
        line = next((one for one in schedule.lines(timezone.now()) if one.key == asked), None)
        if line is None or not line.told.is_harmless:
            raise Http404
        try:
            current_app.send_task(line.task)
        except (OperationalError, OSError):
            messages.error(request, _("The broker does not answer: nothing was started. See Health."))
            return HttpResponseRedirect(reverse(LIST))
        actor = actor_of(request)
        record(
            action="schedule.run", actor_type=actor.kind, actor_id=str(signed_in(request).pk),
            object_type="bridge.RunResult", object_id=line.task,
        )  # fmt: skip
        messages.success(
            request, _("“%(name)s” was started; its result stands here in a moment.") % {"name": line.told.name}
        )
        return HttpResponseRedirect(reverse(LIST))


WORDS = {
    Word.DONE: gettext_lazy("well"), Word.WAITING: gettext_lazy("look at it"), Word.IGNORED: gettext_lazy("not used"),
}  # fmt: skip
ORDER = {Word.FAILED: 0, Word.WAITING: 1, Word.UNKNOWN: 1}


def answer(found: Sequence[schedule.Line]) -> tuple[Word, str]:
    late = [line for line in found if line.is_late]
    failed = [line for line in found if line.result and not line.result.is_ok]
    if late:
        n = len(late)
        return Word.FAILED, ngettext("%(n)d piece of work is late.", "%(n)d pieces of work are late.", n) % {"n": n}
    if failed:
        n = len(failed)
        text = ngettext("%(n)d piece of work failed the last time.", "%(n)d pieces of work failed the last time.", n)
        return Word.WAITING, text % {"n": n}
    return Word.DONE, _("Everything runs when it should.")


def row_of(line: schedule.Line, now: datetime) -> dict[str, Any]:
    zone = ZoneInfo(settings.TIME_ZONE)
    result = line.result
    if line.is_paused:
        word, text = Word.POSTPONED, _("switched off in the scheduler")
    elif line.is_late:
        word, text = Word.FAILED, _("late")
    elif result is None:
        word, text = Word.WAITING, _("has not run yet")
    elif result.is_ok:
        word, text = Word.DONE, _("went well")
    else:
        word, text = Word.FAILED, _("failed: %(problem)s") % {"problem": result.problem}
    counts = (result.counts if result else {}) or {}
    return {
        "line": line,
        "state": badge(word, text),
        "every": amount(line.period),
        "last": since(result.at, zone, now) if result else "",
        "took": took(result),
        "counts": " · ".join(f"{name} {number_format(n)}" for name, n in counts.items() if n),
        "next": ago(line.next_at, now) if line.next_at and line.next_at > now else "",
    }


def took(result: RunResult | None) -> str:
    if result is None or result.took_ms is None:
        return ""
    return f"{number_format(result.took_ms / 1000, 1)} s"
