"""The trail (D1), who saw whom (D2), integrity (D3). Read only; names of fields, never their values."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from audit.models import AuditLog, Outcome, Verification
from audit.tasks import verify_full
from audit.verifying import check
from config.times import ago, amount, clock
from consent.access.recheck import lead_to_check
from consent.encryption import Actor
from consent.models import Clinic, User
from consent.policy import PurposeOfUse
from consent.queries import integrity, people_search, trail
from consent.queries import trail_words as words
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, sees_all_clinics, signed_in

TRAIL = "admin:audit_auditlog_changelist"
ENTRY = "admin:audit_auditlog_change"
WHO = "admin:audit_auditlog_who"
INTEGRITY = "admin:audit_verification_changelist"
STAFF_SHOWN = 500
WHO_DAYS = 30
# State of an act, with icon and colour of the operation's states.
OUTCOME_ICONS = {Outcome.OK: "done", Outcome.DENIED: "blocked", Outcome.FAILED: "failed"}

# django-auditlog registers a page of its own for the model.
if admin.site.is_registered(AuditLog):
    admin.site.unregister(AuditLog)


class AuditPages(ClinicScopedAdmin):
    """Pages of the audit: for those who look after it, in their clinics."""

    view_roles = roles_with(Capability.AUDIT_VIEW)
    question: ClassVar[str | Promise]
    help_text: ClassVar[str | Promise]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def clinics(self, request: HttpRequest) -> models.QuerySet[Clinic]:
        return clinics_of(signed_in(request), *self.seeing_roles).order_by("trade_name")

    def own_clinic_ids(self, request: HttpRequest) -> list[int] | None:
        """Those the viewer's looking concerns; None for who sees all."""
        if sees_all_clinics(signed_in(request), *self.seeing_roles):
            return None
        return [clinic.pk for clinic in self.clinics(request)]

    def permit(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def zone_for(clinics: Sequence[Clinic]) -> ZoneInfo:
    """The viewer's own clinic's; of several the first, so that one page has one clock."""
    return ZoneInfo(clinics[0].time_zone if clinics else settings.TIME_ZONE)


@admin.register(AuditLog)
class AuditTrailAdmin(AuditPages):
    """D1: who did what, when, what for? D2: who saw whom?"""

    clinic_lookup = "clinic_id"
    question = gettext_lazy("Who did what, when, and what for?")
    help_text = gettext_lazy(
        "Each act of people and programs on personal data, settings and permissions leaves a line here that nobody can "
        "change. Lines hold the names of fields, never what stood in them. Looking at this page, searching and "
        "exporting are recorded as well."
    )
    who_question = gettext_lazy("Who saw this person's data? What did this member of staff see?")
    who_help = gettext_lazy(
        "Choose a person or a member of staff. Each line is one day, one purpose and the same fields, with how often. "
        "Lists show masks and open nothing, so they do not count here; opening the real value does, and searching for "
        "the person."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("who/", view(self.who_view), name="audit_auditlog_who"),
            path("person/", view(self.person_view), name="audit_auditlog_person"),
            path("export/", view(self.export_view), name="audit_auditlog_export"),
        ]
        return [*own, *super().get_urls()]

    # D1 ---------------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.permit(request)
        return self.trail_page(request, request.GET)

    def trail_page(self, request: HttpRequest, values: QueryDict, **more: Any) -> TemplateResponse:
        now, clinics = timezone.now(), list(self.clinics(request))
        zone = zone_for(clinics)
        asked = trail.read(values, zone=zone, now=now)
        trail.note_view(signed_in(request), "trail", self.own_clinic_ids(request), now=now)
        page = trail.page(trail.matching(self.get_queryset(request), asked), values.get("after", ""))
        masks = people_search.masks([row.subject for row in page.rows] + list(asked.people))
        return self.page(
            request,
            "admin/audit/trail.html",
            _("Trail"),
            asked=asked,
            lines=list(lines_of(page.rows, masks, clinics, zone, now)),
            has_clinics=len(clinics) > 1,
            people=[{"pseudonym": one, "mask": masks.get(one, str(one)[:8])} for one in asked.people],
            next=f"?{urlencode({**asked.query(), 'after': page.next}, doseq=True)}" if page.next else "",
            is_first="after" not in values,
            hidden=hidden(asked),
            choices=self.choices(request, asked),
            reasons=[(code, words.REASONS[code]) for code in words.EXPORT_REASONS],
            most=trail.MOST_EXPORTED,
            everything=asked.query().keys() <= {"from", "to"},
            **more,
        )

    def choices(self, request: HttpRequest, asked: trail.Asked) -> dict[str, Any]:
        """What the selects offer; each with what is chosen."""
        objects = [
            m._meta.label for m in self.admin_site._registry if m._meta.app_label in ("audit", "bridge", "consent")
        ]
        return {
            "staff": self.staff(request),
            "actions": sorted(((code, str(word)) for code, word in words.ACTIONS.items()), key=lambda pair: pair[1]),
            "purposes": PurposeOfUse.choices,
            "outcomes": Outcome.choices,
            "objects": words.object_choices({*objects, *([asked.object_type] if asked.object_type else [])}),
        }

    def staff(self, request: HttpRequest) -> list[tuple[int, str]]:
        """Accounts of the viewer's clinics, those without access any more too while they are members."""
        accounts = User.objects.order_by("name", "email")
        if not sees_all_clinics(signed_in(request), *self.seeing_roles):
            accounts = accounts.filter(memberships__clinic__in=self.clinics(request).order_by()).distinct()
        return [(account.pk, str(account)) for account in accounts[:STAFF_SHOWN]]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One act with everything that is known of it."""
        row = self.object_or_404(request, object_id, change=False)
        if not isinstance(row, AuditLog):
            raise TypeError(type(row).__name__)
        now, clinics = timezone.now(), list(self.clinics(request))
        trail.note_view(signed_in(request), "trail", self.own_clinic_ids(request), now=now)
        masks = people_search.masks([row.subject])
        (line,) = lines_of([row], masks, clinics, zone_for(clinics), now)
        same = {"object_type": row.object_type, "object_id": row.object_id}
        return self.page(
            request,
            "admin/audit/entry.html",
            _("Act %(id)s") % {"id": row.pk},
            row=row,
            line=line,
            back=reverse(TRAIL),
            of_object=f"{reverse(TRAIL)}?{urlencode(same)}" if row.object_id else "",
            of_person=f"{reverse(TRAIL)}?{urlencode({'person': row.subject})}" if row.subject else "",
            saw_person=f"{reverse(WHO)}?{urlencode({'person': row.subject})}" if row.subject else "",
            technical=technical(row),
        )

    # Finding a person -------------------------------------------------------------------------------------------------

    def person_view(self, request: HttpRequest) -> HttpResponse:
        """POST `q` and the filters: look for a person and show the trail, or who saw them, narrowed to that person.

        Posted, so that no address holds what was typed.
        """
        self.permit(request)
        is_who = request.POST.get("screen") == "who"
        target = WHO if is_who else TRAIL
        if request.method != "POST":
            return HttpResponseRedirect(reverse(target))
        text = request.POST.get("q", "")
        typed = people_search.read(text)
        show = self.who_page if is_who else self.trail_page
        if not typed.kinds:
            return show(request, request.POST, text=text, is_unusable=True)
        found = people_search.find(typed, self.clinics(request))
        seen = [(person.clinic_id, person.pseudonym) for person in found]
        people_search.record(typed, seen, Actor.staff(signed_in(request)), object_type="consent.DataSubject")
        if not found:
            return show(request, request.POST, text=text, is_nobody=True)
        zone = zone_for(list(self.clinics(request)))
        asked = trail.read(request.POST, zone=zone, now=timezone.now(), days=WHO_DAYS if is_who else trail.DEFAULT_DAYS)
        query = asked.of(tuple(row.pseudonym for row in found if row.pseudonym)).query()
        if is_who:
            query.pop("staff", None)
        return HttpResponseRedirect(f"{reverse(target)}?{urlencode(query, doseq=True)}")

    # Export -----------------------------------------------------------------------------------------------------------

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """POST the filters and a `reason`: the rows as JSON lines, after the audit row of the export."""
        self.permit(request)
        reason = request.POST.get("reason", "")
        if request.method != "POST":
            return HttpResponseRedirect(reverse(TRAIL))
        if reason not in words.EXPORT_REASONS:
            return self.trail_page(request, request.POST, needs_reason=True)
        now = timezone.now()
        asked = trail.read(request.POST, zone=zone_for(list(self.clinics(request))), now=now)
        if check := lead_to_check(request, back_to=f"{reverse(TRAIL)}?{urlencode(asked.query(), doseq=True)}"):
            return check
        trail.note_act(
            signed_in(request), "audit.export", self.own_clinic_ids(request), fields=["trail"], reason=reason
        )
        rows = trail.exported(trail.matching(self.get_queryset(request), asked))
        answer = StreamingHttpResponse(
            (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows),
            content_type="application/jsonl; charset=utf-8",
        )
        answer["Content-Disposition"] = f'attachment; filename="trilha-{now:%Y-%m-%d}.jsonl"'
        answer["Cache-Control"] = "no-store"
        return answer

    # D2 ---------------------------------------------------------------------------------------------------------------

    def who_view(self, request: HttpRequest) -> HttpResponse:
        self.permit(request)
        return self.who_page(request, request.GET)

    def who_page(self, request: HttpRequest, values: QueryDict, **more: Any) -> TemplateResponse:
        now, clinics = timezone.now(), list(self.clinics(request))
        asked = trail.read(values, zone=zone_for(clinics), now=now, days=WHO_DAYS)
        asked = trail.Asked(asked.period, people=asked.people, staff=None if asked.people else asked.staff)
        staff = self.staff(request)
        found: dict[str, Any] = {}
        if asked.names_somebody:
            trail.note_view(signed_in(request), "who_saw_whom", self.own_clinic_ids(request), now=now)
            found = self.who_found(request, asked, dict(staff))
        return self.page(
            request,
            "admin/audit/who.html",
            _("Who saw whom"),
            asked=asked,
            staff=staff,
            hidden=hidden(asked),
            **found,
            **more,
        )

    def who_found(self, request: HttpRequest, asked: trail.Asked, staff: dict[int, str]) -> dict[str, Any]:
        rows = self.get_queryset(request)
        seen, total = trail.seen(rows, asked), trail.total(rows, asked)
        accounts = {one.actor for one in seen if one.actor not in staff and one.actor is not None}
        names = staff | {account.pk: str(account) for account in User.objects.filter(pk__in=accounts)}
        masks = people_search.masks([one.subject for one in seen] + list(asked.people))
        return {
            "groups": [
                {
                    "day": one.day,
                    "who": names.get(one.actor or 0, _("account that no longer exists (%(id)s)") % {"id": one.actor}),
                    "person": person_word(one.subject, masks),
                    "did": words.action_word(one.action),
                    "purpose": words.purpose_word(one.purpose),
                    "fields": words.fields_told(one.fields, one.object_type),
                    "count": one.count,
                }
                for one in seen
            ],
            "is_cut": len(seen) == trail.MOST_GROUPS,
            "total": total,
            "people": [person_word(one, masks) for one in asked.people],
            "member": names.get(asked.staff or 0, ""),
        }


def lines_of(
    rows: Sequence[AuditLog], masks: dict[UUID, str], clinics: Sequence[Clinic], zone: ZoneInfo, now: datetime
) -> Iterator[dict[str, Any]]:
    """Rows in words."""
    names = {clinic.pk: clinic.trade_name for clinic in clinics}
    for row in rows:
        yield {
            "address": reverse(ENTRY, args=[row.pk]),
            "at": row.timestamp,
            "when": clock(row.timestamp, zone, now),
            "who": words.actor_word(row),
            "did": words.action_word(row.action),
            "person": person_word(row.subject, masks),
            "object": words.object_word(row.object_type),
            "object_id": row.object_id[:8],
            "fields": words.field_words(row),
            "purpose": words.purpose_word(row.purpose),
            "outcome": words.outcome_word(row.outcome),
            "icon": OUTCOME_ICONS[Outcome(row.outcome)],
            "reason": words.reason_word(row.reason_code),
            "clinic": names.get(row.clinic_id or 0, ""),
        }


def person_word(pseudonym: UUID | None, masks: dict[UUID, str]) -> str:
    """The mask; of somebody without contact data, or erased, the beginning of the pseudonym."""
    return masks.get(pseudonym, str(pseudonym)[:8]) if pseudonym else ""


def technical(row: AuditLog) -> list[tuple[str, Any]]:
    """Codes and ids as stored, for whoever compares with an export."""
    columns = row.columns()
    return [(name, columns[name]) for name in sorted(columns) if columns[name] not in (None, "", [])]


def hidden(asked: trail.Asked) -> list[tuple[str, Any]]:
    """The filters as hidden fields, to keep them from one form to the next."""
    pairs: list[tuple[str, Any]] = []
    for name, value in asked.query().items():
        pairs += [(name, one) for one in value] if isinstance(value, list) else [(name, value)]
    return pairs


# D3 -------------------------------------------------------------------------------------------------------------------


@admin.register(Verification)
class IntegrityAdmin(AuditPages):
    """Is the trail whole? It is one trail for all clinics; what is told of it are positions and counts."""

    clinic_lookup = "pk"
    question = gettext_lazy("Is the audit trail whole?")
    help_text = gettext_lazy(
        "Every few seconds the new lines of the trail are sealed into one chain, and the chain's state is written to "
        "places outside the database. A check recomputes every seal: a line that was changed, removed, put in or moved "
        "is named. A red answer is an incident: keep the server as it is and call whoever looks after it."
    )

    def within(self, clinic_ids: Any) -> models.Q | models.Exists:
        return models.Q()

    def get_urls(self) -> list[URLPattern]:
        own = path("now/", self.admin_site.admin_view(self.now_view), name="audit_verification_now")
        return [own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self.permit(request)
        now, zone = timezone.now(), zone_for(list(self.clinics(request)))
        state = integrity.state(now=now)
        return self.page(
            request,
            "admin/audit/integrity.html",
            _("Integrity"),
            state=state,
            sentence=integrity.sentence(state),
            word={"value": answer_icon(state)},
            findings=[integrity.finding_words(one) for one in state.findings[: integrity.FINDINGS_SHOWN]],
            places=[place_line(place, zone, now) for place in state.places],
            checks=[
                check_line(row, zone, now) for row in Verification.objects.order_by("-pk")[: integrity.CHECKS_SHOWN]
            ],
            sealed=clock(state.sealed_at, zone, now) if state.sealed_at else "",
            delay=amount(state.delay) if state.waiting_since else "",
            last_full=clock(state.last_full.at, zone, now) if state.last_full else "",
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.object_or_404(request, object_id, change=False)
        return HttpResponseRedirect(reverse(INTEGRITY))

    def now_view(self, request: HttpRequest) -> HttpResponse:
        """POST: check what is new at once; when that is much, have everything checked in the background."""
        self.permit(request)
        if request.method == "POST":
            trail.note_act(signed_in(request), "audit.verify", None)
            self.check_now(request)
        return HttpResponseRedirect(reverse(INTEGRITY))

    def check_now(self, request: HttpRequest) -> None:
        if not integrity.state(now=timezone.now()).is_small:
            try:
                verify_full.apply_async(retry=False)
            except OperationalError:
                messages.error(
                    request, _("The check could not be started: the queue does not answer. Try again later.")
                )
                return
            messages.info(request, _("The check of everything has begun; its result appears here in a few minutes."))
            return
        checked = check(full=False, processes=1)
        if checked.findings:
            messages.error(request, _("The check found problems; they stand below."))
        else:
            messages.success(request, _("Checked %(n)d new rows: everything is whole.") % {"n": checked.rows})


def answer_icon(state: integrity.State) -> str:
    if state.problems:
        return "failed"
    return "done" if state.last else "unknown"


def place_line(place: integrity.Place, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "name": _("Place %(n)d") % {"n": place.number},
        "kind": _("address of another server") if place.is_address else _("folder outside the database"),
        "told": ago(place.written_at, now) if place.written_at else _("never"),
        "when": clock(place.written_at, zone, now) if place.written_at else "",
        "icon": "failed" if place.is_old(now) else "waiting" if place.problem else "done",
        "state": _("stands still") if place.is_old(now) else _("does not answer") if place.problem else _("up to date"),
    }


def check_line(row: Verification, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "when": clock(row.at, zone, now),
        "kind": row.get_mode_display(),
        "rows": row.rows,
        "seconds": row.seconds,
        "findings": len(row.findings),
        "icon": "failed" if row.findings else "done",
    }
