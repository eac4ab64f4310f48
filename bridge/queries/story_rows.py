"""The rows a story is told from, read with a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationDay,
    Effect,
    Lane,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    StageChangeLog,
    Suggestion,
    SyncedObject,
    WebhookEvent,
    Wish,
)
from bridge.models.inbound import lane_of
from consent.models import ConsentRecord

EVENTS_SHOWN = 400
EFFECTS_SHOWN = 400
OTHERS_SHOWN = 100


@dataclass
class Known:
    """What is stored about a contact. Without contact it is a conversation that nobody has read yet."""

    connection: Connection
    number: int | None = None  # the one conversation asked about
    contact: ObservedContact | None = None
    conversations: Sequence[ObservedConversation] = ()
    events: Sequence[WebhookEvent] = ()
    effects: Sequence[Effect] = ()
    objects: Sequence[SyncedObject] = ()
    stages: Sequence[StageChangeLog] = ()
    suggestions: Sequence[Suggestion] = ()
    wishes: Sequence[Wish] = ()
    consents: Sequence[ConsentRecord] = ()
    days: Sequence[ConversationDay] = ()
    mapping: ContactMapping | None = None
    lane: Lane | None = None
    messages: Mapping[UUID, int] = field(default_factory=dict)  # by conversation row
    is_cut: bool = False  # older events or steps exist and are not shown

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.connection.clinic.time_zone)

    @property
    def told(self) -> Sequence[ObservedConversation]:
        """The conversations the story is about: the one asked about, else all of the contact."""
        if self.number is None:
            return self.conversations
        return [row for row in self.conversations if row.chatwoot_conversation_id == self.number]

    @property
    def message_count(self) -> int:
        return sum(self.messages.get(row.pk, 0) for row in self.told)

    def lead_of(self, conversation: ObservedConversation) -> SyncedObject | None:
        """The opportunity of a conversation, once it is known in Krayin."""
        ending = f"-l{conversation.lead_number}"
        leads = [row for row in self.objects if row.kind == SyncedObject.Kind.LEAD]
        return next((row for row in leads if row.ref.endswith(ending)), None)

    @property
    def person(self) -> SyncedObject | None:
        return next((row for row in self.objects if row.kind == SyncedObject.Kind.PERSON), None)


def known_contact(contact: ObservedContact, number: int | None) -> Known:
    """Everything stored about a contact, or about one of its conversations and the contact as a whole."""
    connection, lane = contact.connection, lane_of(contact.chatwoot_contact_id)
    conversations = list(contact.conversations.order_by("chatwoot_conversation_id"))
    numbers = [c.chatwoot_conversation_id for c in conversations]
    events = list(_events(connection, lane, numbers, number).order_by("-received_at")[:EVENTS_SHOWN])
    effects = list(_effects(connection, lane, number).order_by("-created_at")[:EFFECTS_SHOWN])
    objects = list(SyncedObject.objects.filter(connection=connection, lane_key=lane))
    leads = [row.foreign_id for row in objects if row.kind == SyncedObject.Kind.LEAD]
    stages = StageChangeLog.objects.filter(connection=connection, krayin_lead_id__in=leads).order_by("-created_at")
    mapped = ContactMapping.objects.filter(connection=connection, chatwoot_contact_id=contact.chatwoot_contact_id)
    return Known(
        connection=connection,
        number=number,
        contact=contact,
        conversations=conversations,
        events=events,
        effects=effects,
        objects=objects,
        stages=list(stages[:OTHERS_SHOWN]),
        wishes=list(contact.wishes.select_related("asked_by", "conversation").order_by("-created_at")[:OTHERS_SHOWN]),
        suggestions=list(contact.suggestions.all()[:OTHERS_SHOWN]),
        consents=list(contact.subject.consent_records.order_by("-created_at")[:OTHERS_SHOWN]),
        days=list(ConversationDay.objects.filter(conversation__in=conversations).order_by("day")),
        mapping=mapped.first(),
        lane=Lane.objects.filter(connection=connection, lane_key=lane).first(),
        messages=_message_counts(conversations),
        is_cut=len(events) == EVENTS_SHOWN or len(effects) == EFFECTS_SHOWN,
    )


def known_unread(connection: Connection, number: int) -> Known | None:
    """A conversation that arrived and was not read yet (waiting or parked); None if nothing arrived."""
    rows = WebhookEvent.objects.filter(connection=connection, conversation_id=number).order_by("-received_at")
    events = list(rows[:EVENTS_SHOWN])
    return Known(connection, number=number, events=events) if events else None


def _events(connection: Connection, lane: str, numbers: Sequence[int], number: int | None) -> QuerySet[WebhookEvent]:
    """Events of the contact's lane, and of its conversations also those from when another contact had them."""
    rows = WebhookEvent.objects.filter(connection=connection)
    if number is None:
        return rows.filter(Q(lane_key=lane) | Q(conversation_id__in=numbers))
    return rows.filter(Q(lane_key=lane, conversation_id=None) | Q(conversation_id=number))


def _effects(connection: Connection, lane: str, number: int | None) -> QuerySet[Effect]:
    rows = Effect.objects.filter(connection=connection, lane_key=lane).select_related("decision")
    return rows if number is None else rows.filter(Q(conversation_id=number) | Q(conversation_id=None))


def _message_counts(conversations: Sequence[ObservedConversation]) -> dict[UUID, int]:
    rows = ObservedMessage.objects.filter(conversation__in=conversations).order_by()
    return dict(rows.values_list("conversation_id").annotate(Count("pk")))
