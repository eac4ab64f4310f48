"""C7 Erasures: what leaves, what stays and why, and is it really gone?"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.times import clock
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages
from consent.admin.erasure_page import WORDS, page_of, until_words
from consent.admin.holds_person import masks_of
from consent.erasure import finishing, planning
from consent.erasure.notes import OBJECT
from consent.models import Clinic, Erasure, User
from consent.refusals import Refused
from consent.roles import Capability, roles_with
from consent.scope import signed_in

NAME = "consent_erasure"
ONE = f"admin:{NAME}_change"
MOST = 100
AUDIT = roles_with(Capability.AUDIT_VIEW)
State = Erasure.State
TABS = {"": gettext_lazy("Not concluded"), "done": gettext_lazy("Concluded")}
ENDED = (State.DONE, State.HELD, State.CANCELLED)


@admin.register(Erasure)
class ErasureAdmin(ClinicPages):
    """The list, and the page on which an erasure is looked at, approved, followed and concluded."""

    joined = ("clinic", "subject", "item__request", "approved_by", "first_by", "planned_by", "key_kept_by")

    question = gettext_lazy("What leaves, what stays and why, and is it really gone?")
    help_text = gettext_lazy(
        "An erasure begins with a right that was granted in Requests. The person is blocked at once; then what there is "
        "is counted in every system, people approve it, and it is removed piece by piece and read back. The key that "
        "opens what backups hold is destroyed a day later. A legal hold or a period of the law keeps what it must."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [path("<uuid:pk>/act/", view(self.act_view), name=f"{NAME}_act")]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        (clinics, chosen), now = self.choice(request), timezone.now()
        tab = "done" if request.GET.get("tab") == "done" else ""
        rows = _rows(chosen, tab) if chosen else []
        word, text = _sentence(rows, tab)
        return self.page(
            request, "admin/consent/erasures.html", _("Erasures"), word={"value": word}, sentence=text, clinics=clinics,
            chosen=chosen, tab=tab, tabs=_tabs(chosen, tab), lines=list(_lines(rows, now)), most=MOST,
        )  # fmt: skip

    # One erasure ------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row, now = self.one_row(request, object_id), timezone.now()
        user = signed_in(request)
        return self.page(
            request, "admin/consent/erasure.html", _("Erasure"), row=row, back=self.list_of(row.clinic_id),
            act=reverse(f"admin:{NAME}_act", args=[row.pk]),
            audit=_trail(row) if user.has_role_in(row.clinic_id, AUDIT) else "",
            **page_of(row, user, may_act=self.may_act(request, row.clinic_id), now=now),
        )  # fmt: skip

    @rechecked
    def act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `do`: one of ACTS."""
        row = self.one_row(request, pk, act=True)
        act = ACTS.get(request.POST.get("do", ""))
        if request.method == "POST" and act is not None:
            try:
                messages.success(request, act(row, request, signed_in(request), timezone.now()))
            except Refused as refused:
                messages.error(request, refused.text)
        return HttpResponseRedirect(reverse(ONE, args=[pk]))


# Acts -----------------------------------------------------------------------------------------------------------------


def _look(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    planning.look_again(row, by=by, now=now)
    return _("It is counted again in every system.")


def _approve(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    care = {"yes": True, "no": False}.get(request.POST.get("care", ""))
    planning.approve(row, by=by, now=now, received_care=care, saw_quotes=request.POST.get("quotes") == "yes")
    if row.state == State.PLANNED:
        return _("Your approval is kept. A second person must approve it, too.")
    return _("Approved: it is carried out within a minute.")


def _cancel(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    planning.cancel(row, by=by, now=now)
    return _("Cancelled: nothing was removed.")


def _again(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    finishing.try_again(row, by=by)
    return _("It is tried again within a minute.")


def _accept(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    finishing.accept(row, by=by, now=now)
    return _("Kept as your exception; the person is told what is left.")


def _keep_key(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    finishing.keep_key(row, by=by, now=now)
    return _("The key is kept. What backups hold of the person stays readable until they are destroyed.")


def _told(row: Erasure, request: HttpRequest, by: User, now: datetime) -> str:
    node = row.nodes.filter(system=planning.RECIPIENT, pk=request.POST.get("node") or 0).first()
    if node is not None:
        finishing.note_told(node, by=by, now=now)
    return _("Noted that it was told.")


ACTS: dict[str, Callable[[Erasure, HttpRequest, User, datetime], str]] = {
    "look": _look,
    "approve": _approve,
    "cancel": _cancel,
    "again": _again,
    "accept": _accept,
    "keep_key": _keep_key,
    "told": _told,
}


# What the list shows --------------------------------------------------------------------------------------------------


def _rows(clinic: Clinic, tab: str) -> list[Erasure]:
    rows = Erasure.objects.filter(clinic=clinic).select_related("clinic", "subject", "item__request", "approved_by")
    rows = rows.filter(state__in=ENDED) if tab else rows.exclude(state__in=ENDED)
    return list(rows.order_by("-planned_at")[:MOST])


def _lines(rows: list[Erasure], now: datetime) -> Iterator[dict[str, Any]]:
    masks = masks_of([row.subject for row in rows])
    for row in rows:
        yield {
            "address": reverse(ONE, args=[row.pk]), "person": masks[row.subject_id],
            "protocol": row.item.request.protocol if row.item else "—", "word": WORDS[State(row.state)],
            "state": row.get_state_display(), "begun": clock(row.planned_at, ZoneInfo(row.clinic.time_zone), now),
            "approved": str(row.approved_by or "—"), "key": until_words(row, now),
        }  # fmt: skip


def _sentence(rows: list[Erasure], tab: str) -> tuple[str, str]:
    states = [row.state for row in rows]
    if left := states.count(State.LEFT):
        return "failed", ngettext("%(n)d left something behind.", "%(n)d left something behind.", left) % {"n": left}
    if n := states.count(State.PLANNED):
        return "waiting", ngettext("%(n)d waits for approval.", "%(n)d wait for approval.", n) % {"n": n}
    if n := len(rows) if not tab else 0:
        return "running", ngettext("%(n)d is under way.", "%(n)d are under way.", n) % {"n": n}
    return "done", _("No erasure waits for anybody.")


def _tabs(clinic: Clinic | None, tab: str) -> list[dict[str, Any]]:
    base = reverse(f"admin:{NAME}_changelist")
    return [
        {"name": name, "address": f"{base}?clinic={clinic.pk if clinic else ''}&tab={code}", "is_active": code == tab}
        for code, name in TABS.items()
    ]


def _trail(row: Erasure) -> str:
    return f"{reverse('admin:audit_auditlog_changelist')}?object_type={OBJECT}&object_id={row.pk}"
