"""Who is in a group of screen B2: one line for each person, by mask, and what of theirs stopped."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from bridge.causes import Cause
from bridge.models import Connection, Effect, ObservedContact, Suggestion
from bridge.queries.story_lines import event_name
from bridge.queries.stuck import failed_rows, unreachable_contacts
from bridge.sync.by_hand import CREATES
from bridge.sync.state import contact_id_of

PEOPLE_SHOWN = 50
ROWS_READ = 1000
EVENT = "e"  # how the view `failed_webhooks` marks the ids of events; steps begin with "s"


@dataclass(frozen=True)
class Stop:
    """One event or step that stopped. `detail` names fields or a code, never a value.

    `can_force`: a create that people may have sent once more, although it may double.
    """

    lane_key: str
    at: datetime
    is_event: bool
    name: str
    number: str
    detail: str = ""
    can_force: bool = False


@dataclass(frozen=True)
class Person:
    """One person of a group; without contact it is what names nobody."""

    contact: ObservedContact | None
    stops: Sequence[Stop] = ()
    candidates: Sequence[int] = field(default_factory=tuple)  # persons in Krayin who may be this one

    @property
    def events(self) -> int:
        return sum(stop.is_event for stop in self.stops)

    @property
    def steps(self) -> int:
        return len(self.stops) - self.events

    @property
    def since(self) -> datetime | None:
        return min((stop.at for stop in self.stops), default=self.contact.seen_at if self.contact else None)


def people_in(connection: Connection, cause: str) -> list[Person]:
    """The people of a group, the newest trouble first, at most 50: five queries."""
    if cause == Cause.NO_IDENTIFIER:
        rows = unreachable_contacts([connection.pk]).order_by("-seen_at")[:PEOPLE_SHOWN]
        return [Person(contact) for contact in rows]
    stops = sorted(chain(_failed(connection, cause), _unfinished(connection, cause)), key=lambda stop: stop.at)
    by_lane: dict[str, list[Stop]] = defaultdict(list)
    for stop in reversed(stops):
        by_lane[stop.lane_key].append(stop)
    lanes = list(islice(by_lane, PEOPLE_SHOWN))
    contacts = _contacts(connection, lanes)
    candidates = _candidates(contacts.values()) if cause == Cause.KRAYIN_DUPLICATE else {}
    return [
        Person(contact, by_lane[lane], candidates.get(contact.pk if contact else None, ()))
        for lane in lanes
        for contact in [contacts.get(contact_id_of(lane))]
    ]


def _failed(connection: Connection, cause: str) -> Iterator[Stop]:
    for row in failed_rows(connection.pk, cause)[:ROWS_READ]:
        is_event = row.pk.startswith(EVENT)
        name = event_name(row.event_type) if is_event else str(Effect.Kind(row.event_type).label)
        can_force = not is_event and row.event_type in CREATES
        yield Stop(row.lane_key, row.failed_at, is_event, name, row.pk[1:], row.error, can_force)


def _unfinished(connection: Connection, cause: str) -> Iterator[Stop]:
    """Steps in doubt and steps that the gate refused."""
    rows = Effect.objects.filter(
        connection=connection, cause=cause, state__in=[Effect.State.UNKNOWN, Effect.State.DENIED]
    )
    for row in rows.order_by("-updated_at")[:ROWS_READ]:
        can_force = row.kind in CREATES and row.state == Effect.State.UNKNOWN
        yield Stop(row.lane_key, row.updated_at, False, row.get_kind_display(), str(row.pk), row.detail, can_force)


def _contacts(connection: Connection, lanes: Iterable[str]) -> dict[int | None, ObservedContact]:
    numbers = [number for lane in lanes if (number := contact_id_of(lane)) is not None]
    rows = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id__in=numbers)
    return {row.chatwoot_contact_id: row for row in rows}


def _candidates(contacts: Iterable[ObservedContact]) -> dict[object, list[int]]:
    found: dict[object, list[int]] = defaultdict(list)
    rows = Suggestion.objects.filter(contact__in=list(contacts), state=Suggestion.State.OPEN).order_by("pk")
    for contact_id, person_id in rows.values_list("contact_id", "krayin_person_id"):
        found[contact_id].append(person_id)
    return found
