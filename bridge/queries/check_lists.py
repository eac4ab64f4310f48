"""The list behind each number of screen B4: at most a page of lines, by mask and number, newest first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import BooleanField, Case, Max, Min, Q, QuerySet, When
from django.db.models.aggregates import Aggregate
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.models import (
    Connection,
    Effect,
    FieldFlip,
    FieldStop,
    ObservedContact,
    ObservedConversation,
    StageChangeLog,
    SyncedObject,
    WebhookEvent,
)
from bridge.models.back import name_of
from bridge.queries import check
from bridge.queries.story_lines import effect_text
from bridge.sync.state import contact_id_of

PAGE = 50
TITLES: dict[str, str | Promise] = {
    "conversations": gettext_lazy("Conversations of which something arrived"),
    "polled": gettext_lazy("Found only by polling"),
    "unread": gettext_lazy("Arrived and could not be read yet"),
    "unknown": gettext_lazy("Steps whose end is unknown"),
    "gone": gettext_lazy("No longer there on one side"),
    "differ": gettext_lazy("Fields that differ and wait for a decision"),
    "by_hand": gettext_lazy("Changed by hand in Krayin"),
}


@dataclass(frozen=True)
class Line:
    """`contact` opens the trace; `kind` is a word for what it is about."""

    at: datetime
    text: str
    contact: ObservedContact | None = None
    conversation: int | None = None
    field: str = ""  # differs, and may be accepted so


@dataclass(frozen=True)
class Page:
    lines: Sequence[Line]
    following: int | None  # how many lines to leave out for the next page


def page_of(connection: Connection, day: date, what: str, begin: int) -> Page:
    """Lines of one number. Raises KeyError for a number there is not."""
    start = check.midnight(connection, day)
    end = check.midnight(connection, day + timedelta(days=1))
    found = list(READERS[what](connection, start, end, begin))
    return Page(found[:PAGE], begin + PAGE if len(found) > PAGE else None)


def _window(rows: QuerySet, begin: int) -> QuerySet:
    return rows[begin : begin + PAGE + 1]


# Conversations --------------------------------------------------------------------------------------------------------


class BoolAnd(Aggregate):
    function = "bool_and"
    output_field = BooleanField()


def _is(**conditions: object) -> Case:
    return Case(When(**conditions, then=True), default=False, output_field=BooleanField())


def _conversations(only: Q) -> Callable[[Connection, datetime, datetime, int], Iterable[Line]]:
    def read(connection: Connection, start: datetime, end: datetime, begin: int) -> Iterable[Line]:
        events = WebhookEvent.objects.filter(
            connection=connection, received_at__gte=start, received_at__lt=end, conversation_id__isnull=False,
            arrived_by__in=["webhook", "poll", "spool"],
        )  # fmt: skip
        grouped = events.order_by().values("conversation_id").annotate(
            last=Max("received_at"), first=Min("received_at"), polled=BoolAnd(_is(arrived_by="poll")),
            unread=BoolAnd(_is(status__in=["received", "parked"])),
        )  # fmt: skip
        rows = list(_window(grouped.filter(only).order_by("-last", "conversation_id"), begin))
        contacts = _of_conversations(connection, [row["conversation_id"] for row in rows])
        for row in rows:
            number = row["conversation_id"]
            text = _("Conversation %(n)s") % {"n": number}
            if row["polled"]:
                text = f"{text} · {_('by polling')}"
            if row["unread"]:
                text = f"{text} · {_('not read yet')}"
            yield Line(row["last"], text, contacts.get(number), number)

    return read


def _of_conversations(connection: Connection, numbers: Iterable[int]) -> dict[int, ObservedContact]:
    rows = ObservedConversation.objects.filter(connection=connection, chatwoot_conversation_id__in=list(numbers))
    return {row.chatwoot_conversation_id: row.contact for row in rows.select_related("contact")}


# Steps, records, fields -----------------------------------------------------------------------------------------------


def _of_lanes(connection: Connection, lanes: Iterable[str]) -> dict[str, ObservedContact]:
    numbers = {number: lane for lane in lanes if (number := contact_id_of(lane)) is not None}
    rows = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id__in=numbers)
    return {numbers[row.chatwoot_contact_id]: row for row in rows}


def _unknown(connection: Connection, start: datetime, end: datetime, begin: int) -> Iterable[Line]:
    rows: list[Effect] = list(
        _window(check.unknown_steps([connection]).filter(updated_at__gte=start, updated_at__lt=end)
                .order_by("-updated_at"), begin)
    )  # fmt: skip
    contacts = _of_lanes(connection, [row.lane_key for row in rows])
    for row in rows:
        yield Line(row.updated_at, effect_text(row), contacts.get(row.lane_key), row.conversation_id)


def _gone(connection: Connection, start: datetime, end: datetime, begin: int) -> Iterable[Line]:
    rows: list[SyncedObject] = list(
        _window(
            SyncedObject.objects.filter(connection=connection, gone_at__gte=start, gone_at__lt=end)
            .exclude(lane_key__startswith="u:").order_by("-gone_at"),
            begin,
        )
    )  # fmt: skip
    contacts = _of_lanes(connection, [row.lane_key for row in rows])
    lines = [
        Line(
            row.gone_at or start,
            _("Deleted in Krayin: %(what)s %(id)s") % {"what": row.get_kind_display(), "id": row.foreign_id},
            contacts.get(row.lane_key),
        )
        for row in rows
    ]
    if begin == 0:
        vanished = ObservedContact.objects.filter(connection=connection, gone_at__gte=start, gone_at__lt=end)
        lines += [
            Line(row.gone_at or start, _("Contact no longer in Chatwoot"), row)
            for row in vanished.order_by("-gone_at")[:PAGE]
        ]
    return lines


def _differ(connection: Connection, start: datetime, end: datetime, begin: int) -> Iterable[Line]:
    rows: list[FieldStop] = list(
        _window(check.stopped_fields([connection]).filter(stopped_at__gte=start, stopped_at__lt=end)
                .order_by("-stopped_at"), begin)
    )  # fmt: skip
    contacts = _of_lanes(connection, [row.lane_key for row in rows])
    for row in rows:
        text = _("%(field)s kept changing back and forth: compare and choose a side")
        contact = contacts.get(row.lane_key)
        yield Line(row.stopped_at, text % {"field": name_of(row.field)}, contact, field=row.field)


def _by_hand(connection: Connection, start: datetime, end: datetime, begin: int) -> Iterable[Line]:
    moved: list[StageChangeLog] = list(
        _window(check.moved_by_hand([connection]).filter(created_at__gte=start, created_at__lt=end)
                .order_by("-created_at"), begin)
    )  # fmt: skip
    lanes = _lanes_of_leads(connection, [row.krayin_lead_id for row in moved])
    flips: list[FieldFlip] = []
    if begin == 0:
        found = check.flips_there([connection]).filter(at__gte=start, at__lt=end).order_by("-at")
        flips = list(found[:PAGE])
    refs = dict(
        SyncedObject.objects.filter(connection=connection, ref__in=[row.ref for row in flips]).values_list(
            "ref", "lane_key"
        )
    )
    contacts = _of_lanes(connection, [*lanes.values(), *refs.values()])
    for row in moved:
        values = {"id": row.krayin_lead_id, "old": row.previous_stage or "—", "new": row.new_stage}
        text = _("Opportunity %(id)s: stage from %(old)s to %(new)s") % values
        yield Line(row.created_at, text, contacts.get(lanes.get(row.krayin_lead_id, "")))
    for flip in flips:
        text = _("%(field)s changed in Krayin, taken over in Chatwoot") % {"field": name_of(flip.field)}
        yield Line(flip.at, text, contacts.get(refs.get(flip.ref, "")))


def _lanes_of_leads(connection: Connection, lead_ids: Iterable[int]) -> dict[int, str]:
    rows = SyncedObject.objects.filter(
        krayin=connection.krayin_id, connection=connection, kind=SyncedObject.Kind.LEAD, foreign_id__in=list(lead_ids)
    )
    return dict(rows.values_list("foreign_id", "lane_key"))


READERS: dict[str, Callable[[Connection, datetime, datetime, int], Iterable[Line]]] = {
    "conversations": _conversations(Q()),
    "polled": _conversations(Q(polled=True)),
    "unread": _conversations(Q(unread=True)),
    "unknown": _unknown,
    "gone": _gone,
    "differ": _differ,
    "by_hand": _by_hand,
}
