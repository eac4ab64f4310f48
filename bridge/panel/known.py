"""What is stored about the conversation in front of the attendant: a fixed number of queries, no partner call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Cast, Concat

from bridge.mappers import refs
from bridge.models import (
    Connection,
    ConversationDay,
    Effect,
    KrayinLead,
    Lane,
    ObservedContact,
    ObservedConversation,
    SyncedObject,
    Wish,
)
from bridge.models.inbound import lane_of
from bridge.panel import hints
from bridge.sync.wishes import mark_of

WISHES_SHOWN = 20
LEADS_SHOWN = 50
OPEN_STATES = [
    Effect.State.SHADOW, Effect.State.INTENDED, Effect.State.SENT, Effect.State.UNKNOWN, Effect.State.REJECTED,
    Effect.State.DENIED,
]  # fmt: skip
Objects = SyncedObject.Kind


@dataclass(frozen=True)
class Known:
    """One conversation with its contact, what belongs to it in Krayin, and what people asked for."""

    connection: Connection
    conversation: ObservedConversation
    objects: Sequence[SyncedObject]
    leads: Sequence[KrayinLead]  # of the person, as last seen
    effects: Sequence[Effect]
    wishes: Sequence[Wish]  # in force first, each newest first
    is_behind: bool  # some day's note is not written yet
    is_unread: bool  # something arrived and was not looked at yet

    @property
    def contact(self) -> ObservedContact:
        return self.conversation.contact

    @property
    def person(self) -> SyncedObject | None:
        return next((row for row in self.objects if row.kind == Objects.PERSON and row.gone_at is None), None)

    @property
    def lead(self) -> SyncedObject | None:
        """The conversation's opportunity; before it belongs to one, the contact's last."""
        rows = {refs.lead_number_of(row.ref): row for row in self.objects if row.kind == Objects.LEAD}
        number = self.conversation.lead_number
        return rows.get(number) if number else rows.get(max(rows, default=0))

    def seen(self, lead_id: int) -> KrayinLead | None:
        return next((row for row in self.leads if row.lead_id == lead_id), None)

    @property
    def others(self) -> list[KrayinLead]:
        """The person's other open opportunities."""
        own = self.lead.foreign_id if self.lead else None
        open_leads = [row for row in self.leads if row.closed_at is None and row.gone_at is None]
        return [row for row in open_leads if row.lead_id != own]

    @property
    def keep_back(self) -> Wish | None:
        return next(
            (w for w in self.open_wishes(Wish.Kind.KEEP_BACK) if w.conversation_id == self.conversation.pk), None
        )

    @property
    def unlinked(self) -> Wish | None:
        """The unlinking that is under way or waits for a decision."""
        rows = [w for w in self.wishes if w.kind == Wish.Kind.UNLINK]
        return next((w for w in rows if w.state in {Wish.State.OPEN, Wish.State.HELD}), None)

    def stopped(self, wish: Wish) -> Effect | None:
        """The step of an open wish that Krayin or the gate refused; somebody may still make it go on."""
        ends = mark_of(wish.pk)
        stopped = [row for row in self.effects if row.state in {Effect.State.REJECTED, Effect.State.DENIED}]
        return next((row for row in stopped if row.digest.endswith(ends)), None)

    def open_wishes(self, *kinds: str) -> list[Wish]:
        return [w for w in self.wishes if w.state == Wish.State.OPEN and w.kind in kinds]


def find(connection: Connection, number: int) -> ObservedConversation | None:
    """The connection's conversation with this number, with what is read beside it; None for any other."""
    lane = Concat(Value("c:"), Cast(OuterRef("contact__chatwoot_contact_id"), CharField()))  # as `lane_of` writes it
    rows: Any = ObservedConversation.objects.select_related("contact__subject").annotate(
        is_behind=Exists(ConversationDay.objects.filter(conversation=OuterRef("pk"), version__gt=F("written"))),
        is_unread=Exists(Lane.objects.filter(connection=connection, lane_key=lane, dirty__gt=F("clean_to"))),
    )
    row: ObservedConversation | None = rows.filter(
        connection=connection, chatwoot_conversation_id=number, gone_at=None
    ).first()
    if row is None or not connection.serves_inbox(row.inbox_id):
        return None
    row.connection = row.contact.connection = connection
    return row


def known(connection: Connection, conversation: ObservedConversation) -> Known:
    """Read what the panel shows of a conversation found by `find`: four queries."""
    contact = conversation.contact
    lane = lane_of(contact.chatwoot_contact_id)
    objects = SyncedObject.objects.filter(
        connection=connection, lane_key=lane, kind__in=[Objects.PERSON, Objects.LEAD], forgotten_at=None
    )
    rows = list(hints.beside(objects).order_by("pk"))
    effects = Effect.objects.filter(connection=connection, lane_key=lane, state__in=OPEN_STATES)
    wishes = Wish.objects.filter(contact=contact).select_related("asked_by")
    # Those in force first, however old.
    in_force = Case(When(state__in=[Wish.State.OPEN, Wish.State.HELD], then=0), default=1)
    return Known(
        connection=connection,
        conversation=conversation,
        objects=rows,
        leads=_leads(connection, rows),
        effects=list(effects.select_related("decision").order_by("-created_at")),
        wishes=list(wishes.order_by(in_force, "-created_at")[:WISHES_SHOWN]),
        is_behind=conversation.is_behind,  # type: ignore[attr-defined]
        is_unread=conversation.is_unread,  # type: ignore[attr-defined]
    )


def _leads(connection: Connection, objects: Sequence[SyncedObject]) -> list[KrayinLead]:
    persons = [row.foreign_id for row in objects if row.kind == Objects.PERSON]
    leads = [row.foreign_id for row in objects if row.kind == Objects.LEAD]
    if not objects:
        return []
    # Two clinics in one Krayin: never across them (DESIGN section 5).
    others = SyncedObject.objects.filter(krayin=OuterRef("krayin"), kind=Objects.LEAD, foreign_id=OuterRef("lead_id"))
    rows = KrayinLead.objects.filter(
        Q(person_id__in=persons) | Q(lead_id__in=leads), krayin_id=connection.krayin_id, gone_at=None
    ).exclude(Exists(others.exclude(connection__clinic=connection.clinic_id)))
    return list(rows.order_by("-changed_at")[:LEADS_SHOWN])
