"""Full check: every contact and every record of ours compared with both sides; fills what screen B4 shows.

Differences are not corrected here: what differs is marked, and its lane does what it always does.
Cursor: `part` (see PARTS) and `after`, the key of the last row looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.back import leads as kept
from bridge.back import readings
from bridge.clients.base import Priority
from bridge.importing.asking import ConnectionForm, failing_on_refusal, in_pages
from bridge.importing.comparing import client_of as krayin_of
from bridge.importing.reading import client_of as chatwoot_of
from bridge.jobs.kinds import Cursor, Estimate, Filter, Step
from bridge.models import Connection, ObservedContact, SyncedObject, SyncJob
from bridge.reconcile import chatwoot
from bridge.reconcile.chatwoot import Seen, check_contact
from bridge.reconcile.krayin import BATCH, lose
from bridge.sync.by_hand import mark
from bridge.sync.clock import database_now
from consent.roles import Capability

Kind = SyncedObject.Kind
CONTACTS_PER_STEP = 25


class FullCheck:
    """Calls to Krayin: one for a hundred persons, opportunities or notes; to Chatwoot: one a contact."""

    code = "full_check"
    label = gettext_lazy("Full check")
    explanation = gettext_lazy(
        "Compares every contact with Chatwoot, and every person, opportunity and note with Krayin. What differs is "
        "looked at again by itself; what vanished is noted. Nothing is deleted."
    )
    capability = Capability.OPERATE_ACT
    is_atomic = False
    below_live = True
    asks_partner = False
    form = ConnectionForm

    def estimate(self, connection: Connection, filter: Filter) -> Estimate:
        contacts = _contacts(connection).count()
        by_kind = {kind: _records(connection, kind).count() for kind in (Kind.PERSON, Kind.LEAD, Kind.NOTE)}
        return Estimate(
            items=contacts + sum(by_kind.values()),
            people=contacts,
            calls=sum(-(-n // BATCH) for n in by_kind.values()),
            counts={"leads": by_kind[Kind.LEAD], "notes": by_kind[Kind.NOTE]},
        )

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step:
        part = cursor.get("part", "conversations")
        with failing_on_refusal():
            return PARTS[part](job, cursor.get("after", 0))

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        return [_("Everything Ponte knows of this connection")]


def _contacts(connection: Connection) -> QuerySet[ObservedContact]:
    return ObservedContact.objects.filter(connection=connection, gone_at=None)


def _records(connection: Connection, kind: Kind) -> QuerySet[SyncedObject]:
    return SyncedObject.objects.filter(connection=connection, kind=kind, gone_at=None, forgotten_at=None)


def _conversations(job: SyncJob, after: int) -> Step:
    """The gap of the last week, as the poll counts it."""
    polled = chatwoot.poll(job.connection, since=database_now(-chatwoot.AT_MOST))
    counts = {"conversations": polled.listed, "missed": polled.missed}
    return Step({"part": "contacts"}, counts=counts)


def _check_contacts(job: SyncJob, after: int) -> Step:
    """By Chatwoot's number, which only grows; one call each."""
    rows = _contacts(job.connection).filter(chatwoot_contact_id__gt=after).order_by("chatwoot_contact_id")
    found = list(rows[:CONTACTS_PER_STEP])
    if not found:
        return Step({"part": "persons"})
    client = chatwoot_of(job.connection)
    seen = [check_contact(job.connection, client, row) for row in found]
    gone, differing = seen.count(Seen.GONE), seen.count(Seen.DIFFERENT)
    chatwoot.count(job.connection, timezone.now(), gone=gone)
    cursor = {"part": "contacts", "after": found[-1].chatwoot_contact_id}
    return Step(cursor, done=len(found), counts={"gone": gone, "differing": differing})


def _persons(job: SyncJob, after: int) -> Step:
    return _check(job, after, Kind.PERSON, _differing_persons, then="leads")


def _leads(job: SyncJob, after: int) -> Step:
    return _check(job, after, Kind.LEAD, _differing_leads, then="notes")


def _notes(job: SyncJob, after: int) -> Step:
    return _check(job, after, Kind.NOTE, _existing_notes, then="end")


def _end(job: SyncJob, after: int) -> Step:
    return Step({"part": "end"}, finished=True)


Judged = tuple[set[int], dict[str, int]]  # the ids that exist, and counts
PARTS: Mapping[str, Callable[[SyncJob, int], Step]] = {
    "conversations": _conversations, "contacts": _check_contacts, "persons": _persons, "leads": _leads,
    "notes": _notes, "end": _end,
}  # fmt: skip


def _check(
    job: SyncJob, after: int, kind: Kind, judge: Callable[[Connection, list[SyncedObject]], Judged], *, then: str
) -> Step:
    """A hundred records by one call: a list filtered by id shows what exists (contract Krayin 20.2)."""
    rows: list[SyncedObject] = in_pages(_records(job.connection, kind), after, BATCH)
    if not rows:
        return Step({"part": then})
    there, counts = judge(job.connection, rows)
    missing = [row.pk for row in rows if row.foreign_id not in there]
    gone = lose(job.connection, SyncedObject.objects.filter(pk__in=missing), kind) if missing else 0
    if gone:
        chatwoot.count(job.connection, timezone.now(), gone=gone)
    part = {Kind.PERSON: "persons", Kind.LEAD: "leads", Kind.NOTE: "notes"}[kind]
    return Step({"part": part, "after": rows[-1].pk}, done=len(rows), calls=1, counts={**counts, "gone": gone})


def _ids(rows: Sequence[SyncedObject]) -> list[int]:
    return sorted({row.foreign_id for row in rows})


def _differing_persons(connection: Connection, rows: list[SyncedObject]) -> Judged:
    at = database_now()
    persons = krayin_of(connection).persons_by_ids(_ids(rows))
    lanes = {row.lane_key for row, differs in readings.note_people(connection, persons, at) if differs}
    mark(connection.pk, lanes)
    return {person.id for person in persons}, {"differing": len(lanes)}


def _differing_leads(connection: Connection, rows: list[SyncedObject]) -> Judged:
    at = database_now()
    leads = krayin_of(connection).leads_by_ids(_ids(rows), priority=Priority.BACKGROUND)
    differing = kept.differing(connection.krayin_id, leads)
    kept.keep_leads(connection.krayin_id, leads, at)
    by_id: dict[int, Any] = {lead.id: lead for lead in leads}
    by_hand = sum(kept.note_stage(connection, row, by_id[row.foreign_id]) for row in rows if row.foreign_id in by_id)
    mark(connection.pk, {row.lane_key for row in rows if row.foreign_id in differing})
    if by_hand:
        chatwoot.count(connection, timezone.now(), by_hand=by_hand)
    return set(by_id), {"differing": len(differing), "by_hand": by_hand}


def _existing_notes(connection: Connection, rows: list[SyncedObject]) -> Judged:
    return {note.id for note in krayin_of(connection).activities_by_ids(_ids(rows))}, {}
