"""B2 To solve: what stands still, why, and what do I do? Groups, never single rows."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import to_solve_cards as cards
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin, actor_of
from bridge.admin.fixes import Leads, can_reprocess, fix_of
from bridge.admin.scope import connections_of
from bridge.admin.to_solve_cards import DONE, GROUP, LIST, NOT_SENT, POSTPONED, STOPPED, Rights
from bridge.causes import Cause
from bridge.jobs import control, groups
from bridge.jobs.groups import DiscardReason, ForceReason, LooksPersonal
from bridge.models import Connection, Effect, FailedWebhook, FailureGroup
from bridge.queries.story_lines import cause_text, effect_text
from bridge.queries.stuck import Group, stuck
from bridge.queries.stuck_groups import Wanted, done_groups, history_of
from bridge.queries.stuck_people import PEOPLE_SHOWN, people_in
from bridge.replay import look_now, try_now
from bridge.sync.by_hand import CREATES, FORCEABLE, LaneBusy, NotForceable
from consent.roles import Capability, Role, roles_with
from consent.scope import ClinicScopedAdmin, signed_in

VIEWS = (STOPPED, POSTPONED, NOT_SENT, DONE)
AGES = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
OWNERS = ("me", "nobody")
POSTPONE_DAYS = (1, 3, 7, 30)

DISCARD = roles_with(Capability.OPERATE_DISCARD)
FORCE = roles_with(Capability.OPERATE_FORCE)


@admin.register(FailedWebhook)
class ToSolveAdmin(OperationAdmin):
    """The list is drawn by hand: what Django would list here are single events and steps."""

    question = gettext_lazy("What is stopped, why, and what do I do?")
    help_text = gettext_lazy(
        "Everything that stopped for the same reason in one connection is one line. Nothing here is lost: after the "
        "fix, reprocess the group. What heals by itself says so, and needs nobody."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_failedwebhook"
        own = [
            path("group/<int:connection_id>/<str:cause>/", view(self.group_view), name=f"{name}_group"),
            path("group/<int:connection_id>/<str:cause>/act/", view(self.act_view), name=f"{name}_act"),
            path("force/<uuid:effect_id>/", view(self.force_view), name=f"{name}_force"),
            path("reprocess/", view(self.reprocess_view), name=f"{name}_reprocess"),
            path("try-now/", view(self.try_now_view), name=f"{name}_try_now"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own, now = list(self.connections(request)), timezone.now()
        query = {name: request.GET[name] for name in ("connection", "cause", "owner", "age") if request.GET.get(name)}
        shown = [row for row in own if query.get("connection") in (None, str(row.pk))]
        if "connection" in query and not shown:
            raise Http404
        view = request.GET.get("view", STOPPED)
        found, rights = stuck(shown, now=now), self._rights(request)
        keys = {group.key for group in (*found.failures, *found.postponed)}
        done = done_groups(shown, keys, now)
        wanted = _wanted(query, rights.viewer_id)
        listed = {POSTPONED: found.postponed, NOT_SENT: found.not_sent, DONE: ()}.get(view, found.failures)
        word, sentence = cards.sentence_of(found)
        return self.page(
            request,
            "admin/bridge/to_solve.html",
            _("To solve"),
            word=word,
            sentence=sentence,
            view=view if view in VIEWS else STOPPED,
            tabs=cards.tabs_of(found, done, view, query),
            connections=own,
            causes=sorted({(group.cause, cause_text(group.cause)) for group in _all(found)}),
            query=query,
            is_filtered=bool(query),
            may_act=bool(rights.act),
            away=[] if view or set(query) - {"connection"} else [cards.away_line(line, rights) for line in found.away],
            cards=[cards.card_of(group, rights) for group in listed if wanted.fits(group, now)],
            done=[cards.done_line(group, now) for group in done] if view == DONE else [],
            suggestions=0 if view else found.suggestions,
        )

    def _rights(self, request: HttpRequest) -> Rights:
        may_open = self.admin_site._registry[Connection]
        seeing = may_open.seeing_roles if isinstance(may_open, ClinicScopedAdmin) else frozenset()
        return Rights(
            viewer_id=signed_in(request).pk,
            act=self._ids(request, self.change_roles),
            discard=self._ids(request, DISCARD),
            force=self._ids(request, FORCE),
            settings=self._ids(request, seeing),
        )

    def _ids(self, request: HttpRequest, roles: Collection[Role]) -> frozenset[int]:
        return frozenset(connections_of(signed_in(request), roles).order_by().values_list("pk", flat=True))

    # One group --------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One event or step has no page here; its group has."""
        row: Any = self.object_or_404(request, object_id, change=False)
        return HttpResponseRedirect(reverse(GROUP, args=[row.connection_id, row.cause]))

    def group_view(self, request: HttpRequest, connection_id: int, cause: str) -> HttpResponse:
        """One line for each person; a group that is empty by now says so."""
        connection = self.connections(request).filter(pk=connection_id).first()
        if connection is None:
            raise Http404
        found, rights = stuck([connection]), self._rights(request)
        group = next((one for one in _all(found) if one.cause == cause), None)
        if group is None and cause not in Cause.values:
            raise Http404
        decided = group.decided if group else None
        decided = decided or FailureGroup.objects.filter(connection=connection, cause=cause).first()
        people = people_in(connection, cause) if group else []
        may_force = connection.pk in rights.force
        return self.page(
            request,
            "admin/bridge/to_solve_group.html",
            cause_text(cause),
            connection=connection,
            card=cards.card_of(group, rights) if group else None,
            act=reverse("admin:bridge_failedwebhook_act", args=[connection.pk, cause]),
            days=POSTPONE_DAYS,
            note_length=groups.NOTE_LENGTH,
            people=[cards.person_line(connection, person, may_force=may_force) for person in people],
            shown=PEOPLE_SHOWN,
            refused=cards.refused_calls(connection) if cause == Cause.SIGNATURE else [],
            history=cards.history_lines(connection, history_of(connection, cause, decided)),
            audit=audit_of(request, decided),
            back=reverse(LIST),
        )

    # Deciding about a group -------------------------------------------------------------------------------------------

    def act_view(self, request: HttpRequest, connection_id: int, cause: str) -> HttpResponse:
        """POST `act`: take, hand_back, note, postpone, discard or check."""
        act = request.POST.get("act", "")
        roles = DISCARD if act == "discard" else self.change_roles
        connection = connections_of(signed_in(request), roles).filter(pk=connection_id).first()
        if request.method != "POST" or connection is None or cause not in Cause.values:
            raise Http404
        acts = {
            "take": self._take,
            "hand_back": self._hand_back,
            "note": self._note,
            "postpone": self._postpone,
            "discard": self._discard,
            "check": self._check,
        }
        if act not in acts:
            raise Http404
        acts[act](request, connection, cause)
        return HttpResponseRedirect(reverse(GROUP, args=[connection.pk, cause]))

    def _take(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        groups.take_on(connection, cause, actor=actor_of(request))
        messages.success(request, _("The group is yours now."))

    def _hand_back(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        groups.hand_back(connection, cause, actor=actor_of(request))
        messages.success(request, _("The group belongs to nobody now."))

    def _note(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        try:
            groups.write_note(connection, cause, request.POST.get("note", ""), actor=actor_of(request))
            messages.success(request, _("The note is kept."))
        except LooksPersonal:
            messages.error(
                request, _("The note was not kept: it holds a number or address of a person. Write about the matter.")
            )

    def _postpone(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        days = request.POST.get("days", "")
        chosen = int(days) if days.isdecimal() and int(days) in POSTPONE_DAYS else 0
        until = timezone.now() + timedelta(days=chosen) if chosen else None
        groups.postpone(connection, cause, until, actor=actor_of(request))
        text = ngettext("The group waits for %(n)d day.", "The group waits for %(n)d days.", chosen) % {"n": chosen}
        messages.success(request, text if chosen else _("The group waits no longer."))

    def _discard(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        reason = request.POST.get("reason", "")
        if reason not in DiscardReason.values or "sure" not in request.POST:
            messages.error(request, _("Nothing was given up: choose a reason and tick that you are sure."))
            return
        try:
            ended = groups.discard(connection, cause, DiscardReason(reason), actor=actor_of(request))
        except groups.NotRefused:
            messages.warning(request, _("Nothing of this group can be given up."))
            return
        messages.success(
            request, _("Given up: %(what)s. Nothing of it is sent.")
            % {"what": cards.counts_text(ended.events, ended.steps, 0) or _("nothing")},
        )  # fmt: skip
        if ended.left:
            text = ngettext(
                "%(n)s step is being worked on or is left over; repeat in a minute.",
                "%(n)s steps are being worked on or are left over; repeat in a minute.",
                ended.left,
            )
            messages.warning(request, text % {"n": number_format(ended.left)})

    def _check(self, request: HttpRequest, connection: Connection, cause: str) -> None:
        if fix_of(cause).leads is not Leads.CHECK:
            raise Http404
        people = look_now(connection, cause, actor=actor_of(request))
        text = ngettext("Ponte looks now, for %(n)d person.", "Ponte looks now, for %(n)d people.", people)
        messages.success(request, text % {"n": people})

    # Acting on what is in it ------------------------------------------------------------------------------------------

    def reprocess_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection` and `cause`: makes the dry run of a job for the group, which a person then confirms (B8)."""
        connection, cause = self._posted_connection(request), request.POST.get("cause", "")
        if cause not in Cause.values or not can_reprocess(cause):
            raise Http404
        job = control.plan_job(connection, "replay", {"what": "stopped", "cause": cause}, actor=actor_of(request))
        return HttpResponseRedirect(reverse("admin:bridge_syncjob_change", args=[job.pk]))

    def try_now_view(self, request: HttpRequest) -> HttpResponse:
        """POST `connection` (one or more): end their wait for a partner that was away."""
        if request.method != "POST":
            raise Http404
        ids = [int(pk) for pk in request.POST.getlist("connection") if pk.isdecimal() and len(pk) < 19]
        rows = list(self.connections(request, act=True).filter(pk__in=ids))
        if not rows:
            raise Http404
        try_now(rows, actor=actor_of(request))
        text = ngettext(
            "Ponte asks again now, for %(n)d connection.", "Ponte asks again now, for %(n)d connections.", len(rows)
        )
        messages.success(request, text % {"n": len(rows)})
        return HttpResponseRedirect(reverse(LIST))

    def force_view(self, request: HttpRequest, effect_id: UUID) -> HttpResponse:
        """The page that warns of doubles; POST with `reason` and `sure` sends the create once more."""
        allowed = connections_of(signed_in(request), FORCE)
        row = Effect.objects.select_related("connection__clinic").filter(pk=effect_id, connection__in=allowed).first()
        if row is None or row.kind not in CREATES:
            raise Http404
        reason = request.POST.get("reason", "")
        if request.method == "POST" and reason in ForceReason.values and "sure" in request.POST:
            return self._force(request, row, ForceReason(reason))
        return self.page(
            request,
            "admin/bridge/to_solve_force.html",
            _("Force once more"),
            step=effect_text(row),
            state=row.get_state_display(),
            is_possible=row.state in FORCEABLE,
            was_asked=request.method == "POST",
            reasons=ForceReason.choices,
            audit=audit_of(request, row),
            back=self._back_of(row),
        )

    def _force(self, request: HttpRequest, row: Effect, reason: ForceReason) -> HttpResponse:
        try:
            with transaction.atomic():
                groups.force_again(row, reason, actor=actor_of(request))
            messages.success(request, _("It is sent once more, in a moment. The trail keeps who asked for it and why."))
        except LaneBusy:
            messages.warning(request, _("Ponte is working on this person right now: try again in a minute."))
        except NotForceable:
            messages.warning(request, _("This step is under way or waits for its turn: there is nothing to force."))
        return HttpResponseRedirect(self._back_of(row))

    def _back_of(self, row: Effect) -> str:
        return reverse(GROUP, args=[row.connection_id, row.cause]) if row.cause else reverse(LIST)

    def _posted_connection(self, request: HttpRequest) -> Connection:
        """The connection to act upon, of those where the viewer may act; anything else does not exist."""
        pk = request.POST.get("connection", "")
        rows = self.connections(request, act=True)
        row = rows.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
        if request.method != "POST" or row is None:
            raise Http404
        return row


def _wanted(query: dict[str, str], viewer_id: int) -> Wanted:
    """The filters as they were asked for; what does not exist is no filter."""
    owner = query.get("owner", "")
    return Wanted(
        cause=query.get("cause", ""),
        owner=owner if owner in OWNERS else "",
        viewer_id=viewer_id,
        older_than=AGES.get(query.get("age", "")),
    )


def _all(found: Any) -> list[Group]:
    return [*found.failures, *found.postponed, *found.not_sent]
