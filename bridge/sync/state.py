"""Read what planning needs about one lane: five queries, whatever the length of the conversation."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from bridge.models import (
    Connection,
    ConversationDay,
    Effect,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    SyncedObject,
)
from bridge.sync.plan import (
    RULES,
    ContactState,
    ConversationState,
    DayState,
    EffectState,
    LaneState,
    MessageState,
    Settings,
    SyncedState,
)


@dataclass(frozen=True)
class Loaded:
    """The planner's view and the rows behind it, which the executor needs to render bodies."""

    state: LaneState
    contact: ObservedContact | None
    conversations: Mapping[int, ObservedConversation]
    synced: Mapping[str, SyncedObject]


def settings_of(connection: Connection) -> Settings:
    """The planner's view of a connection."""
    rules = {rule: getattr(connection, rule) for rule in RULES} if connection.stage_progression_enabled else {}
    return Settings(
        ref_code=connection.ref_code,
        all_inboxes=connection.all_inboxes,
        preset=connection.preset,
        message_text=connection.message_text if connection.preset == Connection.Preset.TEXT else "off",
        note_quiet=timedelta(seconds=connection.note_quiet_s),
        note_max_age=timedelta(seconds=connection.note_max_age_s),
        stages=tuple((s["id"], s.get("code") or "") for s in connection.stages),
        first_stage_id=connection.first_stage_id,
        stage_rules=rules,
        settle=timedelta(seconds=settings.SETTLE_S),
    )


def contact_id_of(lane_key: str) -> int | None:
    """Chatwoot contact of a lane; None for the lane of events that name no contact."""
    kind, _, number = lane_key.partition(":")
    return int(number) if kind == "c" and number.isdecimal() else None


def load(connection: Connection, lane_key: str) -> Loaded:
    """Read the lane. The caller holds its lease."""
    contact = ObservedContact.objects.filter(
        connection=connection, chatwoot_contact_id=contact_id_of(lane_key) or 0
    ).first()
    rows = list(
        ObservedConversation.objects.filter(contact=contact).order_by("chatwoot_conversation_id") if contact else []
    )
    synced = {o.ref: o for o in SyncedObject.objects.filter(connection=connection, lane_key=lane_key)}
    planner = settings_of(connection)
    days = _days(rows, with_messages=planner.message_text == Connection.MessageText.EACH)
    state = LaneState(
        settings=planner,
        contact=_contact_state(contact) if contact else None,
        conversations=[_conversation_state(connection, row, days.get(row.pk, ())) for row in rows],
        synced={ref: _synced_state(row) for ref, row in synced.items()},
        effects=_effects(connection, lane_key),
    )
    return Loaded(state, contact, {row.chatwoot_conversation_id: row for row in rows}, synced)


def _contact_state(row: ObservedContact) -> ContactState:
    return ContactState(
        contact_id=row.ref_id,
        digests=row.digests,
        is_reachable=row.has_phone or row.has_email or row.has_identifier,
        is_gone=row.gone_at is not None,
    )


def inbox_name(connection: Connection, inbox_id: int) -> str:
    return str(connection.inbox_names.get(str(inbox_id), ""))


def _conversation_state(
    connection: Connection, row: ObservedConversation, days: tuple[DayState, ...]
) -> ConversationState:
    name = inbox_name(connection, row.inbox_id)
    return ConversationState(
        conversation_id=row.chatwoot_conversation_id,
        status=row.status,
        inbox_digest=hashlib.sha256(name.encode()).hexdigest()[:16],
        has_first_reply=row.first_reply_at is not None,
        was_resolved=row.resolved_at is not None,
        lead_number=row.lead_number,
        is_moving=row.moved_from_id is not None,
        days=days,
    )


def _days(rows: list[ObservedConversation], *, with_messages: bool) -> dict[UUID, tuple[DayState, ...]]:
    behind = ConversationDay.objects.filter(conversation__in=rows, version__gt=F("written")).order_by("day")
    grouped: dict[UUID, list[ConversationDay]] = defaultdict(list)
    for day in behind if rows else []:
        grouped[day.conversation_id].append(day)
    messages = _message_states(grouped) if with_messages and grouped else {}
    return {
        conversation_id: tuple(
            DayState(
                d.day,
                d.version,
                d.first_change_at or d.last_change_at,  # type: ignore[arg-type]
                d.last_change_at,  # type: ignore[arg-type]
                tuple(messages.get((conversation_id, d.day), ())),
            )
            for d in days
        )
        for conversation_id, days in grouped.items()
    }


def _message_states(grouped: dict[UUID, list[ConversationDay]]) -> dict[tuple[UUID, object], list[MessageState]]:
    wanted = Q(pk__in=[])
    for conversation_id, days in grouped.items():
        wanted |= Q(conversation_id=conversation_id, local_day__in=[d.day for d in days])
    found: dict[tuple[UUID, object], list[MessageState]] = defaultdict(list)
    for row in ObservedMessage.objects.filter(wanted).order_by("sent_at", "chatwoot_message_id").defer("content"):
        state = MessageState(row.chatwoot_message_id, bytes(row.digest).hex())
        found[row.conversation_id, row.local_day].append(state)
    return found


def _synced_state(row: SyncedObject) -> SyncedState:
    return SyncedState(
        foreign_id=row.foreign_id,
        seq=row.seq,
        base=row.base,
        stage_id=row.stage_id,
        is_closed=row.closed_at is not None,
        has_ref=row.has_ref,
        is_ours=row.found_by == "created",
        is_gone=row.gone_at is not None,
    )


def _effects(connection: Connection, lane_key: str) -> list[EffectState]:
    open_states = ["shadow", "intended", "sent", "unknown", "rejected", "denied"]
    rows = Effect.objects.filter(connection=connection, lane_key=lane_key, state__in=open_states)
    return [EffectState(e.kind, e.object_ref, e.seq, e.state, e.digest, e.not_before, e.sent_at) for e in rows]
