"""What people do with one contact from screens B1 and B5: link, unlink, keep back, sync, compare, choose a side.

Each page says what will happen before it happens; what is done is done by `bridge.actions` alone.
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge import actions as by_hand
from bridge.admin import cells
from bridge.admin.base import OperationAdmin, actor_of
from bridge.errors import Paced, PartnerError, PartnerGone
from bridge.models import ObservedContact, ObservedConversation, Partner, SyncedObject, Wish
from bridge.models.back import Field
from bridge.models.inbound import lane_of
from bridge.queries import addresses
from bridge.queries.story import contacts_to_tell
from bridge.queries.story_lines import stage_name
from bridge.queries.words import Word
from bridge.reconcile.compare import Comparison, FieldLine, compare

STORY = "admin:bridge_observedcontact_change"
NAME = "bridge_observedcontact"
# The end of an address of Krayin's own screens, or the number alone.
ACCEPT = "accept"  # beside the partners: neither side is written
LEAD = re.compile(r"(?:.*/leads/view/)?(\d{1,18})/?")
PERSON = re.compile(r"(?:.*/persons/view/)?(\d{1,18})/?")
NOTES_SHOWN = 100


class ContactActs(OperationAdmin):
    """Pages below one contact's story, for viewers who may act in its clinic; for all others they do not exist."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages: dict[str, Callable[..., HttpResponse]] = {
            "link": self.link_view,
            "unlink": self.unlink_view,
            "keep_back": self.keep_back_view,
            "compare": self.compare_view,
            "choose": self.choose_view,
        }
        own = [
            path(f"<uuid:object_id>/{name.replace('_', '-')}/", view(page), name=f"{NAME}_{name}")
            for name, page in pages.items()
        ]
        sync = path("trace/sync-now/", view(self.sync_now_view), name="bridge_trace_sync_now")
        return [sync, *own, *super().get_urls()]

    def contact_or_404(self, request: HttpRequest, pk: UUID | str) -> ObservedContact:
        """A contact of a clinic where the viewer may act."""
        contact = contacts_to_tell(self.connections(request, act=True)).filter(pk=pk).first()
        if contact is None:
            raise Http404
        return contact

    def _done(
        self, request: HttpRequest, contact: ObservedContact, act: Callable[[], object], said: str
    ) -> HttpResponse:
        """Do it, say how it ended, and go back to the story."""
        try:
            act()
        except by_hand.ActionRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, said)
        return HttpResponseRedirect(reverse(STORY, args=[contact.pk]))

    # Sync now ---------------------------------------------------------------------------------------------------------

    def sync_now_view(self, request: HttpRequest) -> HttpResponse:
        """POST `contact`: have the person looked at again at once."""
        try:
            pk = UUID(request.POST.get("contact", ""))
        except ValueError:
            raise Http404 from None
        contact = self.contact_or_404(request, pk)
        if request.method != "POST":
            raise Http404
        said = _("%(who)s is looked at again now.") % {"who": contact}
        return self._done(request, contact, lambda: by_hand.sync_now(contact, actor_of(request)), said)

    # Who it is --------------------------------------------------------------------------------------------------------

    def link_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """GET asks for a person or an opportunity of Krayin; POST `person`, `lead` (number or address) links."""
        contact = self.contact_or_404(request, object_id)
        typed = {name: request.POST.get(name, "").strip() for name in ("person", "lead")}
        if request.method == "POST":
            person_id, lead_id = _number(PERSON, typed["person"]), _number(LEAD, typed["lead"])
            if any(text and number is None for text, number in
                   ((typed["person"], person_id), (typed["lead"], lead_id))):  # fmt: skip
                messages.error(request, _("This is no number or address of Krayin: nothing was done."))
            elif person_id is None and lead_id is None:
                messages.error(request, _("Say which person or opportunity of Krayin it is."))
            else:
                said = _(
                    "Asked for: Ponte looks in Krayin whether it fits, then links. The time line shows the result."
                )
                act = lambda: by_hand.link(contact, actor_of(request), person_id=person_id, lead_id=lead_id)  # noqa: E731
                return self._done(request, contact, act, said)
        return self._ask(request, contact, "link", _("Link %(who)s") % {"who": contact}, typed=typed)

    def unlink_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """GET says what happens to what is in Krayin; POST `how`: unlink, or never (not this person) unlinks."""
        contact = self.contact_or_404(request, object_id)
        if request.method == "POST":
            act = by_hand.not_this_person if request.POST.get("how") == "never" else by_hand.unlink
            said = _("Asked for: the contact is unlinked and waits until somebody says who it is.")
            return self._done(request, contact, lambda: act(contact, actor_of(request)), said)
        return self._ask(request, contact, "unlink", _("Unlink %(who)s") % {"who": contact})

    def _ask(self, request: HttpRequest, contact: ObservedContact, what: str, title: str, **more: Any) -> HttpResponse:
        rows = SyncedObject.objects.filter(
            connection=contact.connection, lane_key=lane_of(contact.chatwoot_contact_id), gone_at=None
        )
        held = list(rows.order_by("pk")[: NOTES_SHOWN + 10])
        kinds = SyncedObject.Kind
        connection = contact.connection
        return self.page(
            request,
            "admin/bridge/trace_ask.html",
            title,
            what=what,
            contact=contact,
            persons=[
                cells.out(addresses.krayin_person(connection, row.foreign_id), str(row.foreign_id))
                for row in held
                if row.kind == kinds.PERSON
            ],
            leads=[
                cells.out(addresses.krayin_lead(connection, row.foreign_id), str(row.foreign_id))
                for row in held
                if row.kind == kinds.LEAD
            ],
            notes=sum(row.kind == kinds.NOTE for row in held),
            is_undecided=Wish.objects.filter(
                contact=contact, kind=Wish.Kind.UNLINK, state__in=[Wish.State.OPEN, Wish.State.HELD]
            ).exists(),
            back=reverse(STORY, args=[contact.pk]),
            **more,
        )

    # What is sent -----------------------------------------------------------------------------------------------------

    def keep_back_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """`conversation`: GET asks, POST keeps it back, or sends it again when it is kept back."""
        contact = self.contact_or_404(request, object_id)
        number = request.POST.get("conversation") or request.GET.get("conversation", "")
        rows = ObservedConversation.objects.filter(contact=contact)
        usable = number.isascii() and number.isdecimal() and len(number) < 19
        conversation = rows.filter(chatwoot_conversation_id=int(number)).first() if usable else None
        if conversation is None:
            raise Http404
        kept = is_kept_back(conversation)
        if request.method == "POST":
            said = (
                _("The conversation is sent again; what came meanwhile follows.")
                if kept
                else _("Nothing more of this conversation is sent. What is in Krayin stays there.")
            )
            act = lambda: by_hand.do_not_send(conversation, actor_of(request), on=not kept)  # noqa: E731
            return self._done(request, contact, act, said)
        title = _("Conversation %(n)s") % {"n": conversation.chatwoot_conversation_id}
        what = "send_again" if kept else "keep_back"
        return self._ask(request, contact, what, title, number=conversation.chatwoot_conversation_id)

    # Comparing --------------------------------------------------------------------------------------------------------

    def compare_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST: ask both partners now, and show what differs."""
        contact = self.contact_or_404(request, object_id)
        if request.method != "POST":
            raise Http404
        back = reverse(STORY, args=[contact.pk])
        if contact.subject.blocked_at or contact.subject.erased_at:
            messages.error(request, _("This person's data are blocked: nothing may be changed or sent."))
            return HttpResponseRedirect(back)
        try:
            found = compare(contact)
        except PartnerGone:
            messages.error(request, _("The contact no longer exists in Chatwoot; nothing more is sent."))
            return HttpResponseRedirect(back)
        except Paced:
            messages.warning(request, _("The limit of calls is reached: try again in a minute. Nothing was asked."))
            return HttpResponseRedirect(back)
        except PartnerError as error:
            partner = Partner(error.partner).label if error.partner in Partner.values else error.partner
            messages.error(request, _("%(partner)s does not answer: try again later.") % {"partner": partner})
            return HttpResponseRedirect(back)
        word, sentence = _sentence(found)
        return self.page(
            request,
            "admin/bridge/trace_compare.html",
            _("Comparison of %(who)s") % {"who": contact},
            contact=contact,
            found=found,
            word=word,
            sentence=sentence,
            lines=[_field(line) for line in found.lines] if found.person_id and not found.is_gone else [],
            leads=[
                {
                    "name": cells.out(addresses.krayin_lead(contact.connection, one.lead_id), str(one.lead_id)),
                    "seen": stage_name(contact.connection, one.seen_stage_id) or cells.NOTHING,
                    "now": _("deleted in Krayin")
                    if one.is_gone
                    else stage_name(contact.connection, one.stage_id) or cells.NOTHING,
                    "state": _same(one.is_equal),
                }
                for one in found.leads
            ],
            back=back,
        )

    def choose_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `choice` = `<field>:<partner>`: that partner's value is written on the other side; `accept`: neither is."""
        contact = self.contact_or_404(request, object_id)
        field, _colon, side = request.POST.get("choice", "").partition(":")
        if request.method != "POST" or field not in Field.values or side not in {*Partner.values, ACCEPT}:
            raise Http404
        if side == ACCEPT:
            said = _("%(field)s may differ until it changes on either side.") % {"field": Field(field).label}
            return self._done(
                request, contact, lambda: by_hand.accept_difference(contact, field, actor_of(request)), said
            )
        said = _("Asked for: %(field)s is taken over from %(side)s in a moment.") % {
            "field": Field(field).label,
            "side": Partner(side).label,
        }
        return self._done(request, contact, lambda: by_hand.choose_side(contact, field, side, actor_of(request)), said)


def is_kept_back(conversation: ObservedConversation) -> bool:
    rows = Wish.objects.filter(contact=conversation.contact_id, conversation=conversation)
    return rows.filter(kind=Wish.Kind.KEEP_BACK, state=Wish.State.OPEN).exists()


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.fullmatch(text)
    return int(found[1]) if found and text.isascii() else None


def _sentence(found: Comparison) -> tuple[Word, str]:
    if found.person_id is None:
        return Word.IGNORED, _("The contact has no person in Krayin yet: there is nothing to compare.")
    if found.is_gone:
        return Word.FAILED, _("Somebody deleted the person in Krayin.")
    if found.differing:
        text = ngettext("%(n)d thing differs.", "%(n)d things differ.", found.differing) % {"n": found.differing}
        return Word.WAITING, text
    if any(line.is_accepted for line in found.lines):
        return Word.DONE, _("Only what was accepted differs.")
    return Word.DONE, _("Both sides are equal.")


def _field(line: FieldLine) -> dict[str, Any]:
    return {
        "name": line.field.label,
        "chatwoot": line.chatwoot or cells.NOTHING,
        "krayin": line.krayin or cells.NOTHING,
        "since": _since_agreement(line),
        "state": cells.badge(Word.IGNORED, _("accepted")) if line.is_accepted else _same(line.is_equal),
        "choices": [
            (f"{line.field.value}:{side.value}", _("Take the one of %(side)s") % {"side": side.label})
            for side, can in (
                (Partner.CHATWOOT, line.can_take_chatwoot),
                (Partner.KRAYIN, line.can_take_krayin),
            )
            if can
        ]
        + ([(f"{line.field.value}:{ACCEPT}", _("Accept the difference"))] if line.can_accept else []),
    }


def _same(is_equal: bool) -> Any:
    return cells.badge(Word.DONE, _("equal")) if is_equal else cells.badge(Word.WAITING, _("different"))


def _since_agreement(line: FieldLine) -> str:
    """Which side moved away from what was written last."""
    if line.changed_here and line.changed_there:
        return _("changed on both sides")
    if line.changed_here:
        return _("changed in Chatwoot")
    if line.changed_there:
        return _("changed in Krayin")
    return _("as last written")
