"""B11 Alerts: who is told, of what, by which way, and when it stays quiet?"""

from collections.abc import Collection
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.services import record
from bridge.admin.alert_forms import PlaceForm, RuleForm
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.cells import badge, since
from bridge.alerts import notices, sending
from bridge.alerts.base import Rule, rule_of
from bridge.alerts.evaluate import see
from bridge.models import Alert, AlertPlace, AlertRule, Connection, Notice, Severity
from bridge.queries import alerts as queries
from bridge.queries.words import Word
from bridge.sync.clock import database_now
from consent.models import Clinic
from consent.roles import Role
from consent.scope import clinic_ids_of, clinics_of, has_role, sees_all_clinics, signed_in

LIST = "admin:bridge_alertrule_changelist"
SEVERITY_WORDS = {
    Severity.LOW: Word.IGNORED,
    Severity.MEDIUM: Word.WAITING,
    Severity.HIGH: Word.FAILED,
    Severity.CRITICAL: Word.FAILED,
}
NOTICE_WORDS = {
    Notice.State.WAITING: Word.WAITING,
    Notice.State.SENDING: Word.RUNNING,
    Notice.State.SENT: Word.DONE,
    Notice.State.FAILED: Word.FAILED,
    Notice.State.SKIPPED: Word.IGNORED,
}


@admin.register(AlertRule)
class AlertsAdmin(OperationAdmin):
    """One page with what is open, the rules and the places; one page per alert and per rule."""

    view_roles = frozenset({Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER, Role.SUPERVISOR, Role.DPO, Role.DPO_SUBSTITUTE})
    change_roles = frozenset({Role.TECHNICAL_ADMIN})
    question = gettext_lazy("Who is told, of what, by which way, and when does it stay quiet?")
    help_text = gettext_lazy(
        "Ponte asks every rule once a minute. There is one notice when something begins and one when it ends, however "
        "long it lasts; some rules tell it again when it gets worse. If nobody says “I look after it”, the next step is "
        "told. In quiet hours notices wait, except critical ones."
    )
    actions = ()

    def within(self, clinic_ids: Collection[int]) -> models.Q:
        """Rules belong to no clinic; what each viewer sees of them is chosen by bridge.queries.alerts."""
        return models.Q(pk__in=[])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("alert/<uuid:pk>/", view(self.alert_view), name="bridge_alertrule_alert"),
            path("rule/<str:code>/", view(self.rule_view), name="bridge_alertrule_rule"),
            path("test/", view(self.test_view), name="bridge_alertrule_test"),
            path("place/", view(self.place_view), name="bridge_alertrule_place"),
            path("place/<uuid:pk>/remove/", view(self.remove_view), name="bridge_alertrule_remove"),
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def runs_all(self, request: HttpRequest) -> bool:
        return sees_all_clinics(request.user, Role.TECHNICAL_ADMIN)

    def may_place(self, request: HttpRequest) -> bool:
        return has_role(request.user, *queries.PLACES)

    # The page ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        user, now = signed_in(request), timezone.now()
        found = queries.open_alerts(user)
        word, sentence = queries.sentence(found, now)
        return self.page(
            request, "admin/bridge/alerts.html", _("Alerts"), word=word, sentence=sentence,
            open=[alert_row(row, now) for row in found], ended=[alert_row(row, now) for row in queries.history(user, now)],
            rules=[rule_row(line) for line in queries.lines(user)], may_change=self.runs_all(request),
            places=queries.places(user) if self.may_place(request) else [], may_place=self.may_place(request),
            has_mail=settings.MAIL_IS_SET_UP,
        )  # fmt: skip

    # One alert ----------------------------------------------------------------------------------------------------------

    def alert_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        user, now = signed_in(request), timezone.now()
        alert = queries.visible(user).filter(pk=pk).first()
        if alert is None:
            raise Http404
        if request.method == "POST":
            see(alert, user.pk, database_now())
            actor = actor_of(request)
            record(
                action="alert.seen", actor_type=actor.kind, actor_id=actor.ref, clinic_id=alert.clinic_id,
                object_type="bridge.Alert", object_id=str(alert.pk), fields=[alert.code],
            )  # fmt: skip
            messages.success(request, _("Noted: you look after it. The next step is not told."))
            return HttpResponseRedirect(request.path)
        rule = rule_if_known(alert.code)
        zone = zone_of(alert)
        told = [
            {
                "notice": row,
                "state": badge(NOTICE_WORDS[Notice.State(row.state)]),
                "when": since(row.created_at, zone, now),
            }
            for row in queries.told(alert)
        ]
        return self.page(
            request, "admin/bridge/alert.html", alert_row(alert, now)["title"], alert=alert, told=told,
            row=alert_row(alert, now), advice=rule.advice if rule else "", back=reverse(LIST),
            screen_of_rule=reverse(rule.page) if rule else "",
        )  # fmt: skip

    # Rules ------------------------------------------------------------------------------------------------------------

    def rule_view(self, request: HttpRequest, code: str) -> HttpResponse:
        rule = rule_if_known(code)
        if rule is None:
            raise Http404
        if not self.runs_all(request):
            raise PermissionDenied
        chosen = AlertRule.objects.filter(pk=code).first() or AlertRule(code=code)
        form = RuleForm(request.POST or None, rule=rule, instance=chosen)
        if request.method == "POST" and form.is_valid():
            form.save()
            messages.success(request, _("Kept; it holds from the next minute on."))
            return HttpResponseRedirect(reverse(LIST))
        return self.page(
            request,
            "admin/bridge/alert_rule.html",
            f"{rule.code} · {rule.title}",
            rule=rule,
            form=form,
            back=reverse(LIST),
        )

    def test_view(self, request: HttpRequest) -> HttpResponse:
        """Send a test to the viewer and to the viewer's places."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(reverse(LIST))
        rule = rule_if_known(request.POST.get("code", ""))
        user = signed_in(request)
        if rule is None or rule not in queries.rules_seen(user):
            raise Http404
        ids = sorted(clinic_ids_of(user, *queries.PLACES))
        made = notices.trial_of(rule, user, ids[0] if ids else None, places=self.may_place(request))
        sending.send_these(made, database_now())
        rows = list(Notice.objects.filter(pk__in=[one.pk for one in made]))
        for row in rows:
            if row.state == Notice.State.SENT:
                messages.success(
                    request, _("%(way)s: sent. Look whether it arrived.") % {"way": row.get_channel_display()}
                )
            else:
                values = {"way": row.get_channel_display(), "problem": row.problem}
                messages.error(request, _("%(way)s: not sent (%(problem)s).") % values)
        if not rows:
            messages.error(request, _("No way is set up: neither mail nor a place for alerts."))
        return HttpResponseRedirect(reverse(LIST))

    # Places -----------------------------------------------------------------------------------------------------------

    def place_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may_place(request):
            raise PermissionDenied
        form = PlaceForm(
            request.POST or None,
            clinics=clinics_of(signed_in(request), *queries.PLACES),
            connections=Connection.objects.filter(clinic__in=self._clinics(request)).exclude(state="off"),
            may_all=self.runs_all(request),
        )
        if request.method == "POST" and form.is_valid():
            place, secret = form.keep()
            if secret:
                return self.page(
                    request, "admin/bridge/alert_place_made.html", _("Place for alerts"), place=place, secret=secret,
                    back=reverse(LIST),
                )  # fmt: skip
            messages.success(request, _("Kept. Send a test to see whether it arrives."))
            return HttpResponseRedirect(reverse(LIST))
        return self.page(
            request, "admin/bridge/alert_place.html", _("New place for alerts"), form=form, back=reverse(LIST)
        )

    def remove_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Only by POST; another clinic's place does not exist."""
        if not self.may_place(request):
            raise PermissionDenied
        place = next((row for row in queries.places(signed_in(request)) if row.pk == pk), None)
        if place is None or request.method != "POST":
            raise Http404
        AlertPlace.objects.get(pk=place.pk).delete()
        messages.success(request, _("Removed. Alerts no longer go there."))
        return HttpResponseRedirect(reverse(LIST))

    def _clinics(self, request: HttpRequest) -> models.QuerySet[Clinic]:
        return clinics_of(signed_in(request), *queries.PLACES)


def rule_if_known(code: str) -> Rule | None:
    try:
        return rule_of(code)
    except KeyError:
        return None


def zone_of(alert: Alert) -> ZoneInfo:
    return ZoneInfo(alert.clinic.time_zone if alert.clinic else settings.TIME_ZONE)


def alert_row(alert: Alert, now: Any) -> dict[str, Any]:
    """One alert as tables show it."""
    title, text = queries.words(alert, now)
    severity = Severity(alert.severity)
    zone = zone_of(alert)
    return {
        "alert": alert,
        "title": title,
        "text": text,
        "severity": badge(SEVERITY_WORDS[severity], severity.label),
        "opened": since(alert.opened_at, zone, now),
        "ended": since(alert.ended_at, zone, now) if alert.ended_at else "",
        "seen": since(alert.seen_at, zone, now) if alert.seen_at else "",
        "address": reverse("admin:bridge_alertrule_alert", args=[alert.pk]),
    }


def rule_row(line: queries.RuleLine) -> dict[str, Any]:
    chosen = line.chosen
    ways = [
        name
        for name, is_used in (
            (_("mail"), chosen.by_mail), ("Chatwoot", chosen.by_chatwoot), (_("webhook"), chosen.by_webhook),
        )
        if is_used
    ]  # fmt: skip
    return {
        "line": line,
        "state": badge(Word.FAILED if line.open else Word.DONE, str(line.open) if line.open else _("nothing"))
        if chosen.is_on
        else badge(Word.IGNORED, _("off")),
        "threshold": f"{number_format(line.threshold)} {line.rule.unit}" if line.threshold else "—",
        "severity": ", ".join(line.severities),
        "to": ", ".join(str(role.label) for role in line.rule.audience),
        "ways": ", ".join(ways) or "—",
        "quiet": f"{chosen.quiet_from:%H:%M}-{chosen.quiet_to:%H:%M}" if chosen.quiet_from and chosen.quiet_to else "—",
        "change": reverse("admin:bridge_alertrule_rule", args=[line.rule.code]),
    }
