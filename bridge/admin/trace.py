"""B1 Trace: where is this person's conversation? One box, one time line of both systems."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import actor_of
from bridge.admin.trace_acts import ContactActs, is_kept_back
from bridge.models import Effect, ObservedContact, SyncedObject, WebhookEvent, Wish
from bridge.queries import addresses, search
from bridge.queries.story import Story, contacts_to_tell, tell, tell_unread
from bridge.queries.story_lines import Entry, System, Topic, problems, topic_of
from bridge.queries.story_rows import Known
from consent.models import ConsentRecord

SEARCH = "admin:bridge_trace"
STORY = "admin:bridge_observedcontact_change"
GROUP = "admin:bridge_failedwebhook_group"
UNREAD = "admin:bridge_trace_unread"
SHOWN_WISHES = frozenset({Wish.State.OPEN, Wish.State.HELD})


@admin.register(ObservedContact)
class TraceAdmin(ContactActs):
    """A page to search and a page that tells; the search is posted, so that no address holds what was typed."""

    question = gettext_lazy("Where is this conversation, and what became of it?")
    help_text = gettext_lazy(
        "Type a whole phone number, an e-mail address or the number of a conversation. The search is exact, opens "
        "nothing that is encrypted, and is written into the audit trail. The time line shows both systems, newest first."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("trace/", view(self.trace_view), name="bridge_trace"),
            path("trace/<int:connection_id>/<int:number>/", view(self.unread_view), name="bridge_trace_unread"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """People are not listed: whoever looks for one, says whom."""
        return HttpResponseRedirect(reverse(SEARCH))

    # Searching --------------------------------------------------------------------------------------------------------

    def trace_view(self, request: HttpRequest) -> HttpResponse:
        """GET: the box. POST `q`: search; a single answer is opened at once."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._answer(request)
        text = request.POST.get("q", "")
        asked = search.read(text)
        if not asked.kinds:
            return self._answer(request, text=text, is_unusable=bool(text.strip()))
        found = search.find(asked, self.connections(request))
        search.record(found, actor_of(request))
        targets = _targets(found)
        if len(targets) == 1:
            return HttpResponseRedirect(targets[0]["address"])
        return self._answer(request, text=text, found=targets, searched=_searched(asked))

    def _answer(self, request: HttpRequest, **more: Any) -> HttpResponse:
        return self.page(request, "admin/bridge/trace.html", _("Trace"), **more)

    # Telling ----------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The story of one contact; `?conversation=` narrows it to one of its conversations."""
        self.object_or_404(request, object_id, change=False)
        contact = contacts_to_tell(self.connections(request)).filter(pk=object_id).first()
        if contact is None:
            raise Http404
        number = _number(request.GET.get("conversation", ""))
        story = tell(contact, now=timezone.now(), number=number)
        if number is not None and not story.known.told:
            raise Http404
        return self._tell(request, story)

    def unread_view(self, request: HttpRequest, connection_id: int, number: int) -> HttpResponse:
        """A conversation of which only unread events are known."""
        connection = self.connections(request).filter(pk=connection_id).first()
        story = tell_unread(connection, number, now=timezone.now()) if connection else None
        if story is None:
            raise Http404
        return self._tell(request, story)

    def _tell(self, request: HttpRequest, story: Story) -> HttpResponse:
        known = story.known
        contact = known.contact
        may_act = self.connections(request, act=True).filter(pk=known.connection.pk).exists()
        return self.page(
            request,
            "admin/bridge/trace.html",
            _("Trace"),
            story=story,
            who=who(known),
            flags=_flags(known),
            links=_links(known),
            others=_others(known),
            lines=[_line(entry, known.zone) for entry in _wanted(request, story.entries)],
            filters=_filters(request),
            group=_group(known),
            audit=audit_of(request, person=contact.subject.pseudonym) if contact else "",
            contact=contact.pk if contact and may_act and known.connection.receives else "",
            kept=_kept(known),
            asked=[_wish(row, known) for row in known.wishes if row.state in SHOWN_WISHES],
        )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


# What was found -------------------------------------------------------------------------------------------------------


def _targets(found: search.Found) -> list[dict[str, str]]:
    """Every answer with its page."""
    number = found.asked.conversation
    lines = []
    for contact in found.contacts:
        address = reverse(STORY, args=[contact.pk])
        is_named = number is not None and contact.pk in found.by_conversation
        query = f"?{urlencode({'conversation': number})}" if is_named else ""
        lines.append({"address": address + query, "name": str(contact), "connection": contact.connection.name})
    for connection in found.unread:
        name = _("conversation %(n)s") % {"n": number}
        lines.append({"address": reverse(UNREAD, args=[connection.pk, number]), "name": name,
                      "connection": connection.name})  # fmt: skip
    return lines


def _searched(asked: search.Asked) -> list[str]:
    """In which ways the text was understood."""
    return [str(search.KIND_NAMES[kind]) for kind in asked.kinds]


# The header -----------------------------------------------------------------------------------------------------------


def who(known: Known) -> str:
    """Mask of the person; the number of the conversation while nobody knows whose it is."""
    if known.contact:
        return known.contact.mask or _("contact %(n)s") % {"n": known.contact.chatwoot_contact_id}
    return _("conversation %(n)s") % {"n": known.number}


def _flags(known: Known) -> list[str]:
    if known.contact is None:
        return []
    subject = known.contact.subject
    marketing = next((row for row in known.consents if row.consent_type == ConsentRecord.Type.MARKETING), None)
    has_consent = marketing is not None and marketing.status == ConsentRecord.Status.GRANTED
    flags = [
        (subject.blocked_at is not None, _("blocked")),
        (subject.is_minor, _("minor")),
        (subject.has_hold, _("legal hold")),
        (not has_consent, _("no consent to marketing")),
    ]
    return [text for holds, text in flags if holds]


def _links(known: Known) -> list[SafeString]:
    """The person's objects in the partners' own screens."""
    connection, links = known.connection, []
    if known.contact:
        number = known.contact.chatwoot_contact_id
        links.append(cells.out(addresses.chatwoot_contact(connection, number), _("Contact in Chatwoot")))
    if known.number is not None:
        address = addresses.chatwoot_conversation(connection, known.number)
        links.append(cells.out(address, _("Conversation %(n)s in Chatwoot") % {"n": known.number}))
    for row in known.objects:
        if row.gone_at:
            continue
        if row.kind == SyncedObject.Kind.PERSON:
            address = addresses.krayin_person(connection, row.foreign_id)
            links.append(cells.out(address, _("Person %(n)s in Krayin") % {"n": row.foreign_id}))
        elif row.kind == SyncedObject.Kind.LEAD:
            address = addresses.krayin_lead(connection, row.foreign_id)
            links.append(cells.out(address, _("Opportunity %(n)s in Krayin") % {"n": row.foreign_id}))
    return links


def _group(known: Known) -> str:
    """Address of the group in which this person's trouble stands, where it is put right."""
    stopped = [row.cause for row in known.effects if row.state == Effect.State.REJECTED]
    stopped += [row.cause for row in known.events if row.status == WebhookEvent.Status.PARKED]
    return reverse(GROUP, args=[known.connection.pk, stopped[0]]) if stopped and stopped[0] else ""


def _others(known: Known) -> list[dict[str, Any]]:
    """The contact as a whole and each of its conversations, to narrow or widen the story."""
    if known.contact is None or len(known.conversations) < 2:
        return []
    base = reverse(STORY, args=[known.contact.pk])
    everything = {"address": base, "name": _("all conversations"), "is_active": known.number is None}
    numbers = [row.chatwoot_conversation_id for row in known.conversations]
    return [everything] + [
        {"address": f"{base}?{urlencode({'conversation': n})}", "name": str(n), "is_active": known.number == n}
        for n in numbers
    ]


def _kept(known: Known) -> dict[str, Any]:
    """The one conversation the story is about, and whether people keep it back."""
    if len(known.told) != 1:
        return {}
    [conversation] = known.told
    return {"number": conversation.chatwoot_conversation_id, "is_on": is_kept_back(conversation)}


def _wish(row: Wish, known: Known) -> dict[str, Any]:
    """Something people asked for by hand that is under way or waits for a decision."""
    return {
        "text": row.get_kind_display(),
        "state": row.get_state_display(),
        "at": cells.since(row.created_at, known.zone),
    }


# The time line --------------------------------------------------------------------------------------------------------


def _wanted(request: HttpRequest, entries: Sequence[Entry]) -> Iterable[Entry]:
    """Newest first, as far as the filters let them through."""
    system, topic = request.GET.get("system", ""), request.GET.get("kind", "")
    lines = problems(entries) if request.GET.get("only") == "problems" else list(entries)
    if system in System.values:
        lines = [line for line in lines if line.system == system]
    if topic in Topic.values:
        lines = [line for line in lines if topic_of(line) == topic]
    return reversed(lines)


def _filters(request: HttpRequest) -> list[dict[str, Any]]:
    """Three rows of choices that combine: system, kind, only problems."""
    conversation = _number(request.GET.get("conversation", ""))
    kept = {"conversation": str(conversation)} if conversation is not None else {}
    kept |= {name: request.GET[name] for name in ("system", "kind", "only") if request.GET.get(name)}
    groups: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("system", _("System"), [(one.value, str(one.label)) for one in System]),
        ("kind", _("Kind"), [(one.value, str(one.label)) for one in Topic]),
        ("only", _("State"), [("problems", _("only problems"))]),
    ]
    return [
        {
            "name": title,
            "choices": [_choice(kept, name, value, text) for value, text in [("", _("everything")), *choices]],
        }
        for name, title, choices in groups
    ]


def _choice(kept: dict[str, str], name: str, value: str, text: str) -> dict[str, Any]:
    query = {key: one for key, one in kept.items() if key != name} | ({name: value} if value else {})
    return {"name": text, "address": f"?{urlencode(query)}", "is_active": kept.get(name, "") == value}


def _line(entry: Entry, zone: ZoneInfo) -> dict[str, Any]:
    local = entry.at.astimezone(zone)
    return {
        "day": local.strftime("%d/%m/%Y"),
        "time": local.strftime("%H:%M:%S"),
        "iso": entry.at.isoformat(timespec="seconds"),
        "system": entry.system,
        "text": entry.text,
        "state": cells.badge(entry.word) if entry.word else "",
        "cause": entry.cause_text,
        "took": entry.took,
        "facts": [(name, _fact(value)) for name, value in entry.facts.items() if value not in ("", None)],
    }


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ×{n}" for name, n in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
