"""C3 Titular: what do we have about this person, why, until when, and who saw it?"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.access import exceptional
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages
from consent.admin.finding import find, nobody_or_several
from consent.admin.holds_person import facts_of, masks_of
from consent.admin.person_reveal import RevealForm
from consent.admin.person_tabs import AUDIT, TABS, Looked
from consent.contacts import opened
from consent.encryption import Actor, RevealDenied, Undecryptable, open_for
from consent.holds import person_state
from consent.models import Clinic, DataSubject
from consent.queries.trail_words import reason_word
from consent.roles import Capability, roles_with
from consent.scope import signed_in

NAME = "consent_datasubject"
LIST, ONE = f"admin:{NAME}_changelist", f"admin:{NAME}_change"
PAGE, MOST_COUNTED = 50, 1000
REVEAL = roles_with(Capability.REVEAL_CONTACT)


@admin.register(DataSubject)
class PersonAdmin(ClinicPages):
    """A search, the newest people, and one page per person with seven tabs."""

    question = gettext_lazy("What do we have about this person, why, until when, and who saw it?")
    help_text = gettext_lazy(
        "One page per person of the clinic, made from the data map: what is stored, on which legal base, until when, "
        "with whom it is shared, who saw it. Everything is masked; opening the real contact data asks what for and is "
        "recorded. Requests, blocking, guardians and copies begin from here."
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("find/", view(self.find_view), name=f"{NAME}_find"),
            path("<uuid:pk>/reveal/", view(self.reveal_view), name=f"{NAME}_reveal"),
        ]
        return [*own, *super().get_urls()]

    def rows(self) -> models.QuerySet[Any]:
        return DataSubject.objects.titulares()

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The newest people first; `before` is the last one of the page before."""
        return self._list(request)

    def _list(self, request: HttpRequest, wrong: str = "", text: str = "") -> HttpResponse:
        (clinics, chosen), now = self.choice(request), timezone.now()
        rows = list(_page(chosen, request.GET.get("before", ""))) if chosen else []
        shown = rows[:PAGE]
        word, sentence = _sentence(chosen)
        older = {"clinic": chosen.pk, "before": shown[-1].pk} if chosen and len(rows) > PAGE else {}
        return self.page(
            request, "admin/consent/persons.html", _("Data subjects"), word={"value": word}, sentence=sentence,
            clinics=clinics, chosen=chosen, lines=_lines(shown, now), wrong=wrong, text=text,
            older=f"?{urlencode(older)}" if older else "",
        )  # fmt: skip

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """POST `q`: the page of the one person reached so; posted, so that no address holds what was typed."""
        if request.method != "POST":
            return HttpResponseRedirect(reverse(LIST))
        text = request.POST.get("q", "")
        found = find(request, text, self.clinics(request))
        if len(found) == 1:
            return HttpResponseRedirect(reverse(ONE, args=[found[0].pk]))
        return self._list(request, nobody_or_several(found), text)

    # One person -------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._show(request, self.one_row(request, object_id))

    def _show(self, request: HttpRequest, subject: DataSubject, **more: Any) -> HttpResponse:
        viewer, now = signed_in(request), timezone.now()
        chosen = request.GET.get("tab", "")
        chosen = chosen if chosen in TABS else ""
        looked = Looked(person_state(subject, now), viewer, now)
        kin = [row.guardian for row in looked.state.guardians] + [row.minor for row in looked.state.wards]
        masks = masks_of([subject, *kin])
        may_reveal = viewer.has_role_in(subject.clinic_id, REVEAL) and not subject.erased_at
        context = {
            "subject": subject, "mask": masks[subject.pk], "state": looked.state, "facts": facts_of(looked.state),
            "tab": chosen, "tabs": _tabs(chosen), "relations": list(_relations(looked, masks)),
            "reveal": RevealForm(auto_id="ponte-%s") if may_reveal else None,
            "acts": list(self._acts(request, subject)), "back": self.list_of(subject.clinic_id),
            "audit": _trail_of(subject) if viewer.has_role_in(subject.clinic_id, AUDIT) else "",
            **TABS[chosen].shows(looked),
        }  # fmt: skip
        title = _("Titular %(who)s") % {"who": masks[subject.pk]}
        answer = self.page(request, "admin/consent/person.html", title, **{**context, **more})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _acts(self, request: HttpRequest, subject: DataSubject) -> Iterator[tuple[str, str]]:
        """Where what can be done with the person is done."""
        viewer, known = signed_in(request), f"?person={subject.pk}"
        restrictions = reverse("admin:consent_legalhold_person", args=[subject.pk])
        if not self.may_act(request, subject.clinic_id) or subject.erased_at:
            yield _("Restrictions of a person"), restrictions
            return
        yield _("Register a request"), reverse("admin:consent_datarequest_add")
        yield _("Block, object, minor and guardians"), restrictions
        yield _("Register an answer"), reverse("admin:consent_consentevent_register") + known
        yield _("Make a package"), reverse("admin:consent_exportpackage_ask") + known
        yield _("Place a legal hold"), reverse("admin:consent_legalhold_place", args=[subject.clinic_id]) + known
        if viewer.has_role_in(subject.clinic_id, exceptional.ASK):
            yield _("Exceptional access"), reverse("admin:consent_exceptionalaccess_ask") + known

    @rechecked
    def reveal_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `purpose` and `reason`: the page with the contact data in clear, once; written down before."""
        subject = self.one_row(request, pk)
        if request.method != "POST":
            return HttpResponseRedirect(reverse(ONE, args=[pk]))
        form, actor = RevealForm(request.POST, auto_id="ponte-%s"), Actor.staff(signed_in(request))
        if not form.is_valid():
            return self._show(request, subject, reveal=form)
        said = form.cleaned_data
        try:
            shown = opened(subject.pk, lambda fields: open_for([subject.pk], actor=actor, fields=fields, **said))
        except RevealDenied as denied:
            messages.error(request, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
        except Undecryptable:
            messages.error(request, _("Not opened: the person's key is gone."))
        else:
            return self._show(request, subject, opened=shown)
        return HttpResponseRedirect(reverse(ONE, args=[pk]))


# What the pages show --------------------------------------------------------------------------------------------------


def _tabs(chosen: str) -> list[dict[str, Any]]:
    return [
        {"name": tab.name, "is_active": code == chosen, "address": f"?tab={code}" if code else "?"}
        for code, tab in TABS.items()
    ]


def _trail_of(subject: DataSubject) -> str:
    return f"{reverse('admin:audit_auditlog_changelist')}?person={subject.pseudonym}" if subject.pseudonym else ""


def _relations(looked: Looked, masks: dict[UUID, str]) -> Iterator[dict[str, Any]]:
    """Guardians and dependants, each with the page."""
    for row in looked.state.guardians:
        yield {
            "what": _("%(relation)s, verified guardian") % {"relation": row.get_relation_display()},
            "mask": masks[row.guardian_id], "address": reverse(ONE, args=[row.guardian_id]),
        }  # fmt: skip
    for row in looked.state.wards:
        yield {"what": _("depends on this person"), "mask": masks[row.minor_id],
               "address": reverse(ONE, args=[row.minor_id])}  # fmt: skip


def _page(clinic: Clinic, before: str) -> models.QuerySet[DataSubject]:
    """One more than a page: the newest, or those older than the one named."""
    rows = DataSubject.objects.titulares().filter(clinic=clinic)
    try:
        last = rows.filter(pk=before).first() if before else None
    except ValueError:
        last = None
    if last is not None:
        older = models.Q(created_at__lt=last.created_at) | models.Q(created_at=last.created_at, pk__lt=last.pk)
        rows = rows.filter(older)
    return rows.order_by("-created_at", "-pk")[: PAGE + 1]


def _lines(people: list[DataSubject], now: datetime) -> list[dict[str, Any]]:
    masks = masks_of(people)
    return [
        {"mask": masks[one.pk], "address": reverse(ONE, args=[one.pk]), "marks": ", ".join(_marks(one)) or "—",
         "since": f"{one.created_at:%d/%m/%Y}"}
        for one in people
    ]  # fmt: skip


def _marks(person: DataSubject) -> Iterator[str]:
    told = (
        (person.erased_at, _("erased")), (person.blocked_at, _("blocked")), (person.has_hold, _("legal hold")),
        (person.opposed_purposes, _("opposition")), (person.is_minor, _("minor")),
    )  # fmt: skip
    yield from (word for is_so, word in told if is_so)


def _sentence(clinic: Clinic | None) -> tuple[str, str]:
    if clinic is None:
        return "unknown", _("There is no clinic yet.")
    count = DataSubject.objects.titulares().filter(clinic=clinic, erased_at=None)[: MOST_COUNTED + 1].count()
    if count > MOST_COUNTED:
        return "done", _("Data of more than %(n)d people are kept.") % {"n": MOST_COUNTED}
    return "done", ngettext("Data of %(n)d person are kept.", "Data of %(n)d people are kept.", count) % {"n": count}
