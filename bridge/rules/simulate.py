"""What the rules would do with the conversations of the last days: from our own database, nothing is asked or written.

Stages are as Krayin last showed them, so the real move, which reads the opportunity first, may still find it elsewhere.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.mappers import refs
from bridge.models import Connection, ObservedConversation, SyncedObject, Wish
from bridge.models.inbound import lane_of
from bridge.rules.conditions import Earned, furthest
from bridge.rules.lists import acting, ordered_stages, rows_of
from bridge.sync.carry_people import was_moved_by_hand
from bridge.sync.state import conversation_state

DAYS = 7
MOST = 5000  # opportunities looked at


class Skipped(StrEnum):
    NO_RULE = "no_rule"
    NO_OPPORTUNITY = "no_opportunity"
    CLOSED = "closed"
    AHEAD = "ahead"
    BY_HAND = "by_hand"
    ASKED = "asked"  # the rules asked for that stage before


@dataclass
class Outcome:
    """Opportunities that would move, by rule; the others by reason."""

    opportunities: int = 0
    moved: Counter[str] = field(default_factory=Counter)
    skipped: Counter[Skipped] = field(default_factory=Counter)
    is_cut: bool = False

    @property
    def total(self) -> int:
        return self.moved.total()


def simulate(connection: Connection, now: datetime) -> Outcome:
    """Ask the saved list, whether or not it is switched on: five queries."""
    rows = rows_of(connection)
    rules = acting(connection, rows)
    stages = ordered_stages(connection, rows)
    order = [stage["id"] for stage in stages]
    final = {stage["id"] for stage in stages if stage.get("code") in {"won", "lost"}}
    groups, is_cut = _groups(connection, now)
    leads = _leads(connection, {lane_of(contact_id) for contact_id, _ in groups})
    outcome = Outcome(len(groups), is_cut=is_cut)
    for (contact_id, number), conversations in groups.items():
        earned = furthest(rules, order, [conversation_state(connection, row) for row in conversations])
        skipped = _why_not(earned, leads.get((lane_of(contact_id), number)), order, final)
        if skipped:
            outcome.skipped[skipped] += 1
        else:
            outcome.moved[earned.rule] += 1
    return outcome


def _groups(connection: Connection, now: datetime) -> tuple[dict[tuple[int, int], list[ObservedConversation]], bool]:
    """Conversations by opportunity, of every opportunity with activity in the period; those people keep back left out."""
    kept_back = Wish.objects.filter(
        connection=connection, kind=Wish.Kind.KEEP_BACK, state=Wish.State.OPEN, conversation__isnull=False
    )
    rows = ObservedConversation.objects.filter(connection=connection).exclude(pk__in=kept_back.values("conversation"))
    recent = rows.filter(last_activity_at__gte=now - timedelta(days=DAYS)).order_by("-last_activity_at")
    active = list(recent.values_list("contact_id", "lead_number")[: MOST + 1])
    wanted = set(active[:MOST])
    groups: dict[tuple[int, int], list[ObservedConversation]] = defaultdict(list)
    found = rows.filter(contact__in={contact for contact, _ in wanted}).select_related("contact")
    for row in found:
        if (row.contact_id, row.lead_number) in wanted:
            groups[row.contact.chatwoot_contact_id, row.lead_number or 0].append(row)
    return groups, len(active) > MOST


def _leads(connection: Connection, lanes: set[str]) -> dict[tuple[str, int], SyncedObject]:
    rows = SyncedObject.objects.filter(
        connection=connection, kind=SyncedObject.Kind.LEAD, lane_key__in=lanes, gone_at=None, forgotten_at=None
    )
    return {(row.lane_key, refs.lead_number_of(row.ref)): row for row in rows}


def _why_not(earned: Earned, lead: SyncedObject | None, order: Sequence[int], final: set[int]) -> Skipped | None:
    """None when the opportunity would move. The same order of questions as before a real move."""
    if earned.stage_id is None:
        return Skipped.NO_RULE
    if lead is None:
        return Skipped.NO_OPPORTUNITY
    if lead.closed_at is not None or lead.stage_id in final:
        return Skipped.CLOSED
    place = order.index(lead.stage_id) if lead.stage_id in order else -1
    if place >= order.index(earned.stage_id):
        return Skipped.AHEAD
    if place < 0 or was_moved_by_hand(lead.base, lead.stage_id):
        return Skipped.BY_HAND
    return Skipped.ASKED if lead.base.get("stage_wanted") == earned.stage_id else None
