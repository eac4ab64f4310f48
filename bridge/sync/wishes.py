"""What people asked for by hand, as planning sees it; pure. The rows are `bridge.models.Wish`."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bridge.models import Wish

Kind = Wish.Kind

MAKES_LEAD = frozenset({Kind.OPPORTUNITY, Kind.LINK})


@dataclass(frozen=True)
class WishState:
    """One open wish of the lane's contact."""

    id: UUID
    kind: str
    conversation_id: int | None = None  # Chatwoot's number
    lead_number: int | None = None
    stage_id: int | None = None
    seen_stage_id: int | None = None
    person_id: int | None = None
    lead_id: int | None = None
    asked_by_id: int | None = None

    @property
    def key(self) -> str:
        """Names what is made for this wish."""
        return self.id.hex[:16]

    @property
    def mark(self) -> str:
        """Tells this wish's step from an earlier one's that was refused; short enough for a step's digest."""
        return mark_of(self.id)


@dataclass(frozen=True)
class Hand:
    """All wishes in force for one contact, the oldest first.

    `generation` counts unlinkings: what is made afterwards carries other references, because the old ones stay on the
    wrong person's records in Krayin. `held` is an unlinking that waits for a decision.
    """

    open: Sequence[WishState] = ()
    generation: int = 0
    held: UUID | None = None
    keeps_back: bool = False  # some conversation of the contact

    def first(self, *kinds: str) -> WishState | None:
        return next((wish for wish in self.open if wish.kind in kinds), None)

    @property
    def unlinking(self) -> WishState | None:
        return self.first(Kind.UNLINK)

    @property
    def waits(self) -> bool:
        """Whether nothing may be written because nobody has said who the contact is."""
        return self.held is not None and self.first(*MAKES_LEAD) is None

    def stage_of(self, number: int) -> WishState | None:
        return next((w for w in self.open if w.kind == Kind.STAGE and w.lead_number == number), None)

    def making(self, number: int) -> WishState | None:
        """The wish that asks for this opportunity to be made or taken over."""
        return next((w for w in self.open if w.kind in MAKES_LEAD and w.lead_number == number), None)

    @property
    def linking(self) -> WishState | None:
        return self.first(Kind.LINK)


def mark_of(wish_id: UUID) -> str:
    return wish_id.hex[:12]


def code_of(ref_code: str, generation: int) -> str:
    """The prefix of a contact's references after so many unlinkings."""
    return f"{ref_code}-r{generation}" if generation else ref_code
