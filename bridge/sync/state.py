"""Read what planning needs about one lane: five queries, whatever the length of the conversation."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from bridge.back.plan import BackState
from bridge.back.state import load_back
from bridge.fields.state import load_fields
from bridge.mappers import refs
from bridge.models import (
    Connection,
    ConversationDay,
    Effect,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    SyncedObject,
    Wish,
)
from bridge.rules.lists import acting, ordered_stages, rows_of
from bridge.sync import wishes
from bridge.sync.plan import (
    ContactState,
    ConversationState,
    DayState,
    EffectState,
    LaneState,
    MessageState,
    Settings,
    SyncedState,
)
from bridge.team.lists import owners_of


@dataclass(frozen=True)
class Loaded:
    """The planner's view and the rows behind it, which the executor needs to render bodies."""

    state: LaneState
    contact: ObservedContact | None
    conversations: Mapping[int, ObservedConversation]
    synced: Mapping[str, SyncedObject]


def settings_of(connection: Connection) -> Settings:
    """The planner's view of a connection."""
    rows = rows_of(connection) if connection.stage_progression_enabled else []
    return Settings(
        ref_code=connection.ref_code,
        all_inboxes=connection.all_inboxes,
        preset=connection.preset,
        message_text=connection.message_text if connection.preset == Connection.Preset.TEXT else "off",
        note_quiet=timedelta(seconds=connection.note_quiet_s),
        note_max_age=timedelta(seconds=connection.note_max_age_s),
        stages=tuple((s["id"], s.get("code") or "") for s in ordered_stages(connection, rows)),
        first_stage_id=connection.first_stage_id,
        stage_rules=acting(connection, rows) if connection.stage_progression_enabled else (),
        settle=timedelta(seconds=settings.SETTLE_S),
        owners=owners_of(connection),
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
    agreed = SyncedObject.objects.filter(connection=connection, lane_key=lane_key, forgotten_at=None)
    synced = {o.ref: o for o in agreed}
    hand, kept_back = _hand(contact) if contact else (wishes.Hand(), frozenset())
    planner = settings_of(connection)
    planner = replace(planner, ref_code=wishes.code_of(connection.ref_code, hand.generation))
    days = _days(rows, with_messages=planner.message_text == Connection.MessageText.EACH)
    state = LaneState(
        settings=planner,
        contact=_contact_state(contact) if contact else None,
        conversations=[
            conversation_state(connection, row, days.get(row.pk, ()), is_kept_back=row.pk in kept_back) for row in rows
        ],
        synced={ref: _synced_state(row) for ref, row in synced.items()},
        effects=_effects(connection, lane_key),
        hand=hand,
        back=_back(connection, contact, rows, synced, planner),
        fields=load_fields(
            connection, contact, rows, synced, kept_back=kept_back,
            person_ref=refs.person_ref(planner.ref_code, contact.ref_id) if contact else "",
        ).states,
    )  # fmt: skip
    return Loaded(state, contact, {row.chatwoot_conversation_id: row for row in rows}, synced)


def _back(
    connection: Connection,
    contact: ObservedContact | None,
    rows: list[ObservedConversation],
    synced: Mapping[str, SyncedObject],
    planner: Settings,
) -> BackState | None:
    if contact is None:
        return None
    return load_back(connection, contact, rows, synced, person_ref=refs.person_ref(planner.ref_code, contact.ref_id))


def _contact_state(row: ObservedContact) -> ContactState:
    return ContactState(
        contact_id=row.ref_id,
        digests=row.digests,
        is_reachable=row.has_phone or row.has_email or row.has_identifier,
        is_gone=row.gone_at is not None,
    )


def inbox_name(connection: Connection, inbox_id: int) -> str:
    return str(connection.inbox_names.get(str(inbox_id), ""))


def conversation_state(
    connection: Connection, row: ObservedConversation, days: tuple[DayState, ...] = (), *, is_kept_back: bool = False
) -> ConversationState:
    """The planner's view of one conversation; `days` are those whose note is behind."""
    name = inbox_name(connection, row.inbox_id)
    return ConversationState(
        conversation_id=row.chatwoot_conversation_id,
        status=row.status,
        inbox_digest=hashlib.sha256(name.encode()).hexdigest()[:16],
        has_first_reply=row.first_reply_at is not None,
        was_resolved=row.resolved_at is not None,
        lead_number=row.lead_number,
        inbox_id=row.inbox_id,
        labels=frozenset(row.labels_seen),
        teams=frozenset(row.teams_seen),
        assignees=frozenset(row.assignees_seen),
        assignee_id=row.assignee_id,
        assignee_since=row.assignee_since,
        team_id=row.team_id,
        team_since=row.team_since,
        is_moving=row.moved_from_id is not None,
        is_kept_back=is_kept_back,
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
    open_states = ["shadow", "intended", "sent", "unknown", "rejected", "denied", "discarded"]
    rows = Effect.objects.filter(connection=connection, lane_key=lane_key, state__in=open_states)
    return [EffectState(e.kind, e.object_ref, e.seq, e.state, e.digest, e.not_before, e.sent_at) for e in rows]


def _hand(contact: ObservedContact) -> tuple[wishes.Hand, frozenset[UUID]]:
    """Wishes in force, and the conversations that people keep back. Settled unlinkings count for the references."""
    rows = Wish.objects.filter(
        Q(state__in=[Wish.State.OPEN, Wish.State.HELD]) | Q(kind=Wish.Kind.UNLINK, state=Wish.State.DONE),
        contact=contact,
    )
    found = list(rows.select_related("conversation").order_by("created_at", "id"))
    unlinked = [row for row in found if row.kind == Wish.Kind.UNLINK and row.state != Wish.State.OPEN]
    kept_back = frozenset(row.conversation_id for row in found if row.kind == Wish.Kind.KEEP_BACK)
    hand = wishes.Hand(
        open=[_wish_state(row) for row in found if row.state == Wish.State.OPEN],
        generation=len(unlinked),
        held=next((row.pk for row in unlinked if row.state == Wish.State.HELD), None),
        keeps_back=bool(kept_back),
    )
    return hand, frozenset(pk for pk in kept_back if pk)


def _wish_state(row: Wish) -> wishes.WishState:
    return wishes.WishState(
        id=row.pk,
        kind=row.kind,
        conversation_id=row.conversation.chatwoot_conversation_id if row.conversation else None,
        lead_number=row.lead_number,
        stage_id=row.stage_id,
        seen_stage_id=row.seen_stage_id,
        person_id=row.person_id,
        lead_id=row.lead_id,
        asked_by_id=row.asked_by_id,
    )


def own_code(connection: Connection, contact: ObservedContact) -> str:
    """The prefix of a contact's references, outside its lane's plan."""
    unlinked = Wish.objects.filter(contact=contact, kind=Wish.Kind.UNLINK, state__in=[Wish.State.HELD, Wish.State.DONE])
    return wishes.code_of(connection.ref_code, unlinked.count())
