"""C4 Ask who is missing: who would be asked for a consent, who not and why, and the question sent to a few at a time."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin.base import PerConnectionAdmin, actor_of
from bridge.consents.asking import Candidate, NotAsked, ask, candidates
from bridge.consents.why_not import WHY
from bridge.models import Connection, ObservedContact, Saying, Wish
from bridge.queries.words import Word
from consent.consents import NotAskedHere
from consent.consents.state import asked_for, asked_types
from consent.models import DataSubject
from consent.roles import Capability, roles_with

LIST = "admin:bridge_saying_changelist"
LOOKED_AT = 200
ACTIVE_WITHIN = timedelta(days=30)
PACES = (5, 20, 50)


@admin.register(Saying)
class AskingAdmin(PerConnectionAdmin):
    """One page for each connection and purpose. Looking sends nothing."""

    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = roles_with(Capability.PRIVACY_ACT)
    question = gettext_lazy("Whom could we ask now, whom not, and why?")
    help_text = gettext_lazy(
        "Ponte looks at the people of this connection who wrote in the last 30 days, the latest first. The question goes "
        "through the conversation, with the approved text and two buttons; only while the conversation takes messages. "
        "Saying no never affects care, and who said no is not asked again for 90 days."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        send = self.admin_site.admin_view(self.send_view)
        return [path("of/<int:connection_id>/send/", send, name="bridge_saying_send"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        connections, chosen = self.choice(request)
        purposes = purposes_of(chosen) if chosen else []
        wanted = request.GET.get("purpose", "")
        purpose = next((kind for kind, _label in purposes if kind == wanted), purposes[0][0] if purposes else "")
        found = survey(chosen, purpose) if chosen and purpose else []
        word, sentence = answer_of(found)
        may_act = chosen is not None and self.connections(request, act=True).filter(pk=chosen.pk).exists()
        reasons = Counter(one.why_not for one in found if one.why_not)
        return self.page(
            request, "admin/bridge/asking.html", _("Ask who is missing"), word=word, sentence=sentence, chosen=chosen,
            connections=connections, may_act=may_act, purposes=purposes, purpose=purpose, paces=PACES,
            ready=[one for one in found if not one.why_not][:50], ready_count=sum(not one.why_not for one in found),
            reasons=[(WHY[why], n) for why, n in reasons.most_common()],
            asked=asked_so_far(chosen, purpose) if chosen and purpose else [],
        )  # fmt: skip

    def send_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """POST `purpose`, `count`: ask the first so many; each is looked at again before it is asked."""
        connection = self.one_connection(request, connection_id, act=True)
        purpose, count = request.POST.get("purpose", ""), request.POST.get("count", "")
        if request.method != "POST" or count not in {str(pace) for pace in PACES}:
            return HttpResponseRedirect(address_of(connection, purpose))
        asked = 0
        for one in [one for one in survey(connection, purpose) if not one.why_not][: int(count)]:
            try:
                ask(one.contact, purpose, actor=actor_of(request), via=Wish.Via.SCREEN, now=timezone.now())
                asked += 1
            except NotAsked:
                continue
        text = ngettext("%(n)d person is being asked.", "%(n)d people are being asked.", asked) % {"n": asked}
        messages.success(request, text)
        return HttpResponseRedirect(address_of(connection, purpose))


def address_of(connection: Connection, purpose: str) -> str:
    return f"{reverse(LIST)}?connection={connection.pk}&purpose={purpose}"


def purposes_of(connection: Connection) -> list[tuple[str, str]]:
    """What stands on consent in the clinic's policy."""
    nobody = DataSubject(clinic=connection.clinic)
    return [(kind, str(asked_for(nobody, kind).purpose.label)) for kind in asked_types(nobody)]


def survey(connection: Connection, consent_type: str) -> list[Candidate]:
    """The people who wrote lately, and whether each may be asked."""
    now = timezone.now()
    rows = ObservedContact.objects.filter(
        connection=connection, gone_at=None, last_activity_at__gt=now - ACTIVE_WITHIN
    )  # fmt: skip
    contacts = list(rows.select_related("subject__clinic", "connection").order_by("-last_activity_at")[:LOOKED_AT])
    try:
        return candidates(connection, contacts, consent_type, now=now) if contacts else []
    except NotAskedHere:
        return []


def answer_of(found: list[Candidate]) -> tuple[Word, str]:
    ready = sum(not one.why_not for one in found)
    if not found:
        return Word.IGNORED, _("Nobody wrote in the last 30 days: there is nobody to ask in a conversation.")
    if not ready:
        return Word.DONE, _("Of %(n)d people nobody can be asked now; the reasons stand below.") % {"n": len(found)}
    text = ngettext("%(n)d person can be asked now, of %(of)d.", "%(n)d people can be asked now, of %(of)d.", ready)
    return Word.WAITING, text % {"n": ready, "of": len(found)}


def asked_so_far(connection: Connection, consent_type: str) -> list[tuple[str, int]]:
    """What became of the questions of the last 30 days."""
    rows = Saying.objects.filter(
        connection=connection, kind=Saying.Kind.QUESTION, consent_type=consent_type,
        created_at__gt=timezone.now() - ACTIVE_WITHIN,
    )  # fmt: skip
    told = Counter(_fate(answer, state) for answer, state in rows.values_list("answer", "wish__state"))
    return [(str(text), n) for text, n in told.most_common()]


def _fate(answer: str, state: str) -> str | Promise:
    if answer:
        return _("answered yes") if answer == Saying.Answer.YES else _("answered no")
    return {
        Wish.State.OPEN: _("waiting to be sent"), Wish.State.DONE: _("sent, no answer yet"),
    }.get(Wish.State(state), _("not sent"))  # fmt: skip
