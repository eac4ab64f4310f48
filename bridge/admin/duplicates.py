"""B6 Possible duplicates: are they the same person? Nothing joins by itself."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge import actions as by_hand
from bridge.admin import cells
from bridge.admin.base import OperationAdmin, actor_of
from bridge.models import Suggestion
from bridge.queries import addresses, duplicates
from bridge.queries.duplicates import Pair
from bridge.queries.words import Word

LIST = "admin:bridge_suggestion_changelist"
ONE = "admin:bridge_suggestion_change"
STORY = "admin:bridge_observedcontact_change"

State = Suggestion.State
ANSWERS = {
    "same": (by_hand.same_person, gettext_lazy("Kept as the same person. What waited goes on.")),
    "different": (by_hand.different_people, gettext_lazy("Kept as different people: this pair is not proposed again.")),
    "shared": (by_hand.shared_phone, gettext_lazy("Kept apart: two people share the phone. What waited goes on.")),
}
WORDS = {
    State.OPEN: Word.WAITING,
    State.SAME: Word.DONE,
    State.DIFFERENT: Word.IGNORED,
    State.SHARED: Word.IGNORED,
}


@admin.register(Suggestion)
class DuplicateAdmin(OperationAdmin):
    """The list is drawn by hand: a pair with its evidence, and the three answers on its own page."""

    question = gettext_lazy("Are they the same person?")
    help_text = gettext_lazy(
        "Ponte joins nothing when in doubt: it shows the pair and waits. Your answer is remembered and the same pair is "
        "not proposed again. Look at both in Chatwoot and Krayin before you answer."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        return [path("<int:object_id>/decide/", decide, name="bridge_suggestion_decide"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = self.connections(request)
        is_open = request.GET.get("view") != "decided"
        after = request.GET.get("after", "")
        found, following = duplicates.page_of(
            own, is_open=is_open, after=int(after) if after.isdecimal() and len(after) < 19 else None
        )
        waiting = duplicates.pairs(own).filter(state=State.OPEN).count()
        word, sentence = duplicates.sentence(waiting)
        base = reverse(LIST)
        query = "" if is_open else "view=decided&"
        return self.page(
            request,
            "admin/bridge/duplicates.html",
            _("Possible duplicates"),
            word=word,
            sentence=sentence,
            is_open=is_open,
            tabs=[
                {"address": base, "name": _("To answer"), "count": waiting, "is_active": is_open},
                {"address": f"{base}?view=decided", "name": _("Answered"), "is_active": not is_open},
            ],
            pairs=[_card(pair) for pair in found],
            following=f"{base}?{query}after={following}" if following else "",
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.object_or_404(request, object_id, change=False)
        own = self.connections(request)
        rows = list(duplicates.pairs(own).filter(pk=object_id))
        if not rows:
            raise Http404
        [pair] = duplicates.told(rows)
        may_act = self.connections(request, act=True).filter(pk=pair.row.connection_id).exists()
        return self.page(
            request,
            "admin/bridge/duplicate.html",
            _("Are they the same person?"),
            pair=_card(pair),
            may_act=may_act,
            steps=_steps(pair),
            back=reverse(LIST),
        )

    def decide_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """POST `answer`: same, different or shared."""
        own = self.connections(request, act=True)
        row = duplicates.pairs(own).filter(pk=object_id).first()
        answer = request.POST.get("answer", "")
        if request.method != "POST" or row is None or answer not in ANSWERS:
            raise Http404
        act, said = ANSWERS[answer]
        try:
            act(row, actor_of(request))
        except by_hand.ActionRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, said)
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))


def _card(pair: Pair) -> dict[str, Any]:
    row, connection = pair.row, pair.row.connection
    zone, contact = cells.zone_of(connection), row.contact
    has = [(contact.has_phone, _("phone")), (contact.has_email, _("e-mail")), (contact.has_identifier, _("identifier"))]
    return {
        "pair": pair,
        "row": row,
        "address": reverse(ONE, args=[row.pk]),
        "decide": reverse("admin:bridge_suggestion_decide", args=[row.pk]),
        "who": contact.mask or _("contact %(n)s") % {"n": contact.chatwoot_contact_id},
        "contact": cells.out(
            addresses.chatwoot_contact(connection, contact.chatwoot_contact_id), _("Contact in Chatwoot")
        ),
        "trace": reverse(STORY, args=[contact.pk]),
        "has": ", ".join(name for holds, name in has if holds) or cells.NOTHING,
        "last": cells.since(contact.last_activity_at, zone),
        "person": cells.out(
            addresses.krayin_person(connection, row.krayin_person_id),
            _("Person %(n)s in Krayin") % {"n": row.krayin_person_id},
        ),
        "linked": cells.out(
            addresses.krayin_person(connection, pair.person_id), _("person %(n)s") % {"n": pair.person_id}
        )
        if pair.person_id and not pair.is_linked
        else "",
        "others": [cells.link(reverse(STORY, args=[one.pk]), str(one)) for one in pair.others],
        "since": cells.since(row.created_at, zone),
        "state": cells.badge(WORDS[State(row.state)], row.get_state_display()),
        "decided": cells.since(row.decided_at, zone) if row.decided_at else "",
        "decided_by": str(row.decided_by or "") if row.decided_at else "",
    }


def _steps(pair: Pair) -> list[str]:
    """What people do in Krayin to join two persons: it has no function for that (contract Krayin 6.7)."""
    if pair.row.state != State.SAME or pair.person_id is None or pair.is_linked:
        return []
    values = {"stays": pair.person_id, "goes": pair.row.krayin_person_id}
    return [
        _("Open person %(goes)s in Krayin and give each of its opportunities to person %(stays)s.") % values,
        _("Copy phone, e-mail and company that only person %(goes)s has.") % values,
        _("Only when person %(goes)s has no opportunity left, delete it there: a person with opportunities must not "
          "be deleted.") % values,
    ]  # fmt: skip
