"""Send again after a rule or a setting has changed: what is in Krayin is written anew as it would be now.

Nothing is made twice: persons, opportunities and notes keep their references, and what people changed in Krayin stays.
Cursor: `after`, the Chatwoot number of the last contact.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy

from bridge.importing.asking import WindowForm, active_since, window_in_words
from bridge.jobs.kinds import Cursor, Estimate, Filter, Step
from bridge.models import Connection, ConversationDay, ObservedContact, ObservedConversation, SyncedObject, SyncJob
from bridge.models.inbound import lane_of
from bridge.sync import by_hand
from bridge.sync.clock import database_now
from consent.roles import Capability

RULES, PEOPLE, NOTES = "rules", "people", "notes"
CALLS = {RULES: 2, PEOPLE: 4}  # read and write: a stage; a person and an opportunity
PERSON_FIELDS = ("name", "email", "phone")
WHAT = [
    (RULES, gettext_lazy("Stages: apply the rules of today to what has happened (forward only)")),
    (PEOPLE, gettext_lazy("People and titles: fields of the person and titles of opportunities")),
    (NOTES, gettext_lazy("Notes: write the days again, with the text settings of today")),
]


class ResendForm(WindowForm):
    what = forms.MultipleChoiceField(
        label=gettext_lazy("What"), choices=WHAT, initial=[RULES], widget=forms.CheckboxSelectMultiple
    )
    field_order = ("what", "days", "inboxes")


class Resend:
    """See the module."""

    code = "resend"
    label = gettext_lazy("Send again after a change of rules or settings")
    explanation = gettext_lazy(
        "Applies today's rules and settings to what was sent before. Nothing is made twice, and what people changed in "
        "Krayin stays as they left it."
    )
    capability = Capability.OPERATE_ACT
    is_atomic = True
    below_live = True
    asks_partner = False
    form = ResendForm

    def estimate(self, connection: Connection, filter: Filter) -> Estimate:
        window = _window(connection, filter, planned_at=database_now())
        contacts = _contacts(connection, window).count()
        leads = SyncedObject.objects.filter(connection=connection, kind=SyncedObject.Kind.LEAD, gone_at=None)
        notes = _days(connection, window).count() if NOTES in filter["what"] else 0
        per_contact = sum(CALLS.get(what, 0) for what in filter["what"])
        counts = {"leads": min(contacts, leads.count()), "notes": notes}
        return Estimate(items=contacts, people=contacts, calls=per_contact * contacts + 2 * notes, counts=counts)

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step:
        window = _window(job.connection, job.filter, planned_at=job.created_at)
        rows = _contacts(job.connection, window).filter(chatwoot_contact_id__gt=cursor.get("after", 0))
        contacts = list(rows.order_by("chatwoot_contact_id")[:limit])
        if not contacts:
            return Step(cursor, finished=True)
        # A lane that a worker has right now: its agreement is being written, so it is left for the next step.
        free = by_hand.take_over(job.connection_id, [lane_of(row.chatwoot_contact_id) for row in contacts])
        chosen = []
        for row in contacts:
            if lane_of(row.chatwoot_contact_id) not in free:
                break
            chosen.append(row)
        notes = _forget(job, window, chosen)
        per_contact = sum(CALLS.get(what, 0) for what in job.filter["what"])
        after = chosen[-1].chatwoot_contact_id if chosen else cursor.get("after", 0)
        return Step(
            {"after": after},
            done=len(chosen),
            calls=per_contact * len(chosen) + 2 * notes or (0 if chosen else 1),
            counts={"notes": notes},
        )

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        named = dict(WHAT)
        lines = [str(named[what]) for what in filter.get("what", []) if what in named]
        return [*lines, *window_in_words(connection, filter)]


def _window(connection: Connection, filter: Filter, *, planned_at: datetime) -> Q:
    return active_since(connection, filter, planned_at=planned_at)


def _contacts(connection: Connection, window: Q) -> QuerySet[ObservedContact]:
    talks = ObservedConversation.objects.filter(window, contact=OuterRef("pk"))
    return ObservedContact.objects.filter(Exists(talks), connection=connection, gone_at=None)


def _days(connection: Connection, window: Q) -> QuerySet[ConversationDay]:
    """Days whose note is there."""
    talks = ObservedConversation.objects.filter(window, pk=OuterRef("conversation"))
    return ConversationDay.objects.filter(Exists(talks), written__gt=0)


def _forget(job: SyncJob, window: Q, contacts: Sequence[ObservedContact]) -> int:
    """Let the last agreement differ from what is wanted, and wake the lanes; return how many notes follow."""
    lanes = {lane_of(row.chatwoot_contact_id) for row in contacts}
    notes, now = 0, database_now()
    if NOTES in job.filter["what"]:
        days = _days(job.connection, window).filter(conversation__contact__in=contacts, version=F("written"))
        notes = days.update(version=F("version") + 1, first_change_at=now, last_change_at=now)
    if PEOPLE in job.filter["what"]:
        _forget_fields(job.connection, lanes)
    by_hand.mark(job.connection_id, lanes)
    return notes


def _forget_fields(connection: Connection, lanes: set[str]) -> None:
    """The digests of what Chatwoot held and of the title; by what we wrote we know our own values again."""
    kinds = [SyncedObject.Kind.PERSON, SyncedObject.Kind.LEAD, SyncedObject.Kind.FIELDS]
    rows = SyncedObject.objects.filter(connection=connection, lane_key__in=lanes, kind__in=kinds, gone_at=None)
    changed = []
    for row in rows.select_for_update().order_by("pk"):
        forgotten: dict[str, Any] = {name: "" for name in (*PERSON_FIELDS, "title") if name in row.base}
        if row.kind == SyncedObject.Kind.FIELDS:
            forgotten = {field: ["", there, times] for field, (_chat, there, times) in row.base.items()}
        row.base = {**row.base, **forgotten}
        changed.append(row)
    SyncedObject.objects.bulk_update(changed, ["base"])
