"""How groups and partners look on screen B2: cards, sentence, tabs, lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.admin import cells
from bridge.admin.fixes import OWNER_GONE, Leads, button_of, can_reprocess, fix_of
from bridge.causes import Cause
from bridge.jobs.groups import NOT_DISCARDABLE, DiscardReason
from bridge.models import Connection, FailureGroup
from bridge.queries import addresses
from bridge.queries.home import away_sentence
from bridge.queries.inbound import uncounted_traffic
from bridge.queries.story_lines import cause_text
from bridge.queries.stuck import OWNER, SIGNATURE_REASONS, Group, PartnerAway, Stuck, is_postponed, partner_of
from bridge.queries.stuck_groups import Happened
from bridge.queries.stuck_people import Person
from bridge.queries.words import Word

LIST = "admin:bridge_failedwebhook_changelist"
GROUP = "admin:bridge_failedwebhook_group"
TEAM = "admin:bridge_ownerrule_changelist"
FIELDS = "admin:bridge_fieldrow_changelist"

STOPPED, POSTPONED, NOT_SENT, DONE = "", "postponed", "not_sent", "done"
# Causes whose detail names the fields that Krayin refused.
NAMES_FIELDS = frozenset({Cause.KRAYIN_REJECTED, Cause.KRAYIN_EMAIL_REQUIRED, Cause.MAPPING})


@dataclass(frozen=True)
class Rights:
    """Ids of the connections in which the viewer may act, give up, force, and whose settings the viewer may open."""

    viewer_id: int
    act: frozenset[int]
    discard: frozenset[int]
    force: frozenset[int]
    settings: frozenset[int]


@dataclass(frozen=True)
class Button:
    """A way out of a problem."""

    text: str
    address: str


@dataclass(frozen=True)
class Card:
    """A group as it is shown."""

    group: Group
    cause: str
    what_to_do: str
    partner: str
    size: str
    fields: str
    since: SafeString
    last: SafeString
    state: SafeString
    detail: str
    main: Button | None
    owner: str
    is_mine: bool
    note: str
    noted: str
    postponed: SafeString | str
    may_act: bool
    may_check: bool
    may_reprocess: bool
    may_discard: bool

    @property
    def reasons(self) -> list[tuple[str, Any]]:
        return DiscardReason.choices


def card_of(group: Group, rights: Rights) -> Card:
    connection, fix, decided = group.connection, fix_of(group.cause), group.decided
    zone, may_act = cells.zone_of(connection), group.connection.pk in rights.act
    wait = decided.postponed_until if decided and is_postponed(decided, timezone.now()) else None
    return Card(
        group=group,
        cause=cause_text(group.cause),
        what_to_do=str(OWNER_GONE if OWNER in group.details else fix.what_to_do),
        partner=partner_of(group.cause),
        size=size_of(group),
        fields=", ".join(group.details) if group.cause in NAMES_FIELDS else "",
        since=cells.since(group.since, zone),
        last=cells.since(group.last, zone),
        state=_state(group, wait),
        detail=reverse(GROUP, args=[connection.pk, group.cause]),
        main=_main_button(group, rights),
        owner=str(decided.owner) if decided and decided.owner else "",
        is_mine=bool(decided and decided.owner_id == rights.viewer_id),
        note=decided.note if decided else "",
        noted=str(decided.noted_by) if decided and decided.noted_by else "",
        postponed=cells.since(wait, zone) if wait else "",
        may_act=may_act and group.is_failure,
        may_check=may_act and fix.leads is Leads.CHECK,
        may_reprocess=may_act and can_reprocess(group.cause) and group.total > 0,
        may_discard=connection.pk in rights.discard and group.is_failure and group.cause not in NOT_DISCARDABLE,
    )


def _state(group: Group, postponed_until: datetime | None) -> SafeString:
    if postponed_until:
        return cells.badge(Word.POSTPONED)
    if group.is_failure:
        return cells.badge(Word.WAITING, _("heals by itself")) if group.heals_itself else cells.badge(Word.FAILED)
    is_refused = group.cause in {Cause.NOT_ALLOWED, Cause.BLOCKED_PERSON}
    return cells.badge(Word.BLOCKED if is_refused else Word.IGNORED)


def _main_button(group: Group, rights: Rights) -> Button | None:
    """Where the cause is put right; None when that is the page of the group, or not the viewer's business."""
    fix, settings = fix_of(group.cause), settings_address(group.connection, rights)
    if OWNER in group.details and group.connection.pk in rights.act:
        return Button(button_of(group.cause), f"{reverse(TEAM)}?connection={group.connection.pk}")
    if fix.leads is Leads.CONNECTION and settings:
        return Button(button_of(group.cause), f"{settings}#{fix.place}" if fix.place else settings)
    if fix.leads is Leads.FIELDS and group.connection.pk in rights.settings:
        return Button(button_of(group.cause), f"{reverse(FIELDS)}?connection={group.connection.pk}")
    if fix.leads is Leads.EVENTS:
        events = reverse("admin:bridge_webhookevent_changelist")
        query = urlencode({"connection": group.connection.pk, "status__exact": "parked", "days": 30})
        return Button(button_of(group.cause), f"{events}?{query}")
    return None


def settings_address(connection: Connection, rights: Rights) -> str:
    """Address of the connection's page; empty for viewers who may not open it."""
    return reverse("admin:bridge_connection_change", args=[connection.pk]) if connection.pk in rights.settings else ""


def away_line(line: PartnerAway, rights: Rights) -> dict[str, Any]:
    now, first = timezone.now(), line.connections[0]
    return {
        "sentence": away_sentence(line, now),
        "cause": cause_text(line.cause),
        "what_to_do": fix_of(line.cause).what_to_do,
        "state": cells.badge(Word.WAITING if line.heals_itself else Word.FAILED),
        "connections": [row.name for row in line.connections],
        "ids": [row.pk for row in line.connections if row.pk in rights.act],
        "next_try": cells.since(line.next_try, cells.zone_of(first)) if line.next_try > now else "",
        "settings": settings_address(first, rights),
    }


def done_line(group: FailureGroup, now: datetime) -> dict[str, Any]:
    """A group that came to its end: how long it took, who had it, what was given up."""
    zone = cells.zone_of(group.connection)
    return {
        "cause": cause_text(group.cause),
        "connection": group.connection.name,
        "badge": cells.badge(Word.IGNORED, _("given up")) if group.discarded_at else cells.badge(Word.DONE),
        "ended": cells.since(group.done_at or now, zone),
        "opened": cells.since(group.opened_at, zone),
        "most": ngettext("%(n)s at most", "%(n)s at most", group.most) % {"n": number_format(group.most)}
        if group.most
        else "",
        "owner": str(group.owner) if group.owner else "",
        "reason": str(DiscardReason(group.discard_reason).label)
        if group.discard_reason in DiscardReason.values
        else "",
        "detail": reverse(GROUP, args=[group.connection_id, group.cause]),
    }


def history_lines(connection: Connection, happened: Iterable[Happened]) -> list[dict[str, Any]]:
    zone = cells.zone_of(connection)
    return [
        {
            "at": cells.since(line.at, zone),
            "who": line.who,
            "what": line.what,
            "job": reverse("admin:bridge_syncjob_change", args=[line.job]) if line.job else "",
        }
        for line in happened
    ]


# Words ----------------------------------------------------------------------------------------------------------------


def counts_text(events: int, steps: int, people: int) -> str:
    """`3 eventos · 12 passos · 2 pessoas`, without what is nought."""
    parts = [
        ngettext("%(n)s event", "%(n)s events", events) % {"n": number_format(events)} if events else "",
        ngettext("%(n)s step", "%(n)s steps", steps) % {"n": number_format(steps)} if steps else "",
        ngettext("%(n)s person", "%(n)s people", people) % {"n": number_format(people)} if people else "",
    ]
    return " · ".join(part for part in parts if part)


def size_of(group: Group) -> str:
    if group.cause == Cause.SIGNATURE:
        text = ngettext("%(n)s call refused in 24 hours", "%(n)s calls refused in 24 hours", group.events)
        return text % {"n": number_format(group.events)}
    return counts_text(group.events, group.steps, group.people)


def sentence_of(found: Stuck) -> tuple[Word, str]:
    """The answer to the screen's question."""
    healing = len(found.away) + len(found.failures) - found.needs_somebody
    n = found.needs_somebody
    if n:
        parts = [ngettext("%(n)d matter waits for you.", "%(n)d matters wait for you.", n) % {"n": n}]
    else:
        parts = [_("Nothing waits for you.")]
    if healing:
        text = ngettext("%(n)d more heals by itself.", "%(n)d more heal by themselves.", healing)
        parts.append(text % {"n": healing})
    if not n and not healing:
        parts = [_("Nothing is stopped.")]
    if found.postponed:
        later = ngettext("%(n)d is postponed.", "%(n)d are postponed.", len(found.postponed))
        parts.append(later % {"n": len(found.postponed)})
    return (Word.FAILED if n else Word.WAITING if healing else Word.DONE), " ".join(parts)


def tabs_of(found: Stuck, done: Sequence[FailureGroup], view: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """The four views; the filters stay when the view changes."""
    sizes = {
        STOPPED: (_("Stopped"), len(found.away) + len(found.failures)),
        POSTPONED: (_("Postponed"), len(found.postponed)),
        NOT_SENT: (_("Kept, not sent"), len(found.not_sent)),
        DONE: (_("Solved"), len(done)),
    }
    return [
        {
            "address": f"{reverse(LIST)}?{urlencode({**query, 'view': name} if name else query)}".rstrip("?"),
            "name": text,
            "count": count,
            "is_active": name == view,
        }
        for name, (text, count) in sizes.items()
    ]


# Lines of one group ---------------------------------------------------------------------------------------------------


def person_line(connection: Connection, person: Person, *, may_force: bool) -> dict[str, Any]:
    """One person of a group, by mask, with the ways to look closer."""
    zone, contact = cells.zone_of(connection), person.contact
    return {
        "who": (contact.mask or _("contact %(n)s") % {"n": contact.chatwoot_contact_id}) if contact else "",
        "trace": reverse("admin:bridge_observedcontact_change", args=[contact.pk]) if contact else "",
        "chatwoot": cells.out(addresses.chatwoot_contact(connection, contact.chatwoot_contact_id), "Chatwoot")
        if contact
        else "",
        "size": counts_text(person.events, person.steps, 0),
        "since": cells.since(person.since, zone),
        "candidates": [
            cells.out(addresses.krayin_person(connection, number), _("person %(n)s") % {"n": number})
            for number in person.candidates
        ],
        "stops": [
            {
                "at": cells.since(stop.at, zone),
                "name": stop.name,
                "detail": stop.detail,
                "number": stop.number,
                "force": reverse("admin:bridge_failedwebhook_force", args=[stop.number])
                if may_force and stop.can_force
                else "",
            }
            for stop in person.stops
        ],
    }


def refused_calls(connection: Connection) -> Iterable[Any]:
    """Calls without the right secret, by reason: nothing else of them is stored."""
    counted = uncounted_traffic([connection.pk], now=timezone.now())
    return [one for one in counted if one.reason in SIGNATURE_REASONS]
