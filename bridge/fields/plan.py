"""Mapped fields that differ from the last agreement, and the side each has to be written on. Pure.

An emptied value is never carried: neither side is emptied because the other one is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.fields.mapping import Entity, Row
from bridge.models import Connection, Effect
from bridge.models.back import FieldFlip

Kind = Effect.Kind
Side = FieldFlip.Direction
Source = Connection.Source
APART = "~"  # between an object's reference and a field's id
BEFORE_THE_FIRST = -1


def agreement_ref(object_ref: str) -> str:
    """Reference of what both sides agreed on for the mapped fields of a person or opportunity."""
    return f"{object_ref}{APART}"


def object_of(ref: str) -> str:
    return ref.partition(APART)[0]


def is_field(ref: str) -> bool:
    return APART in ref


@dataclass(frozen=True)
class FieldState:
    """One mapped field of one person or opportunity, by digests; empty where a side has or shows nothing."""

    row: Row
    object_ref: str
    chat: str = ""
    chat_at: datetime | None = None
    there: str = ""
    there_at: datetime | None = None
    base_chat: str = ""
    base_there: str = ""
    times: int = BEFORE_THE_FIRST  # agreements so far, which number the changes
    can_show: bool = True  # Chatwoot is ready to be written to
    is_stopped: bool = False  # both sides kept changing it: a person decides

    @property
    def ref(self) -> str:
        return f"{agreement_ref(self.object_ref)}{self.row.id}"

    @property
    def side(self) -> Side | None:
        """Where to write; None where both agree, or where the winner may not be carried."""
        if self.is_stopped:
            return None
        here = bool(self.chat) and self.chat != self.base_chat
        over_there = bool(self.there) and self.there != self.base_there
        if here and over_there:
            wanted = self._loser()
        elif here:
            # Without way back, what people put in Krayin stays where Krayin wins.
            wanted = Side.TO_KRAYIN
        elif over_there:
            wanted = Side.TO_CHATWOOT
        else:
            return None
        allowed = self.row.to_krayin if wanted == Side.TO_KRAYIN else self.row.to_chatwoot and self.can_show
        return wanted if allowed else None

    def _loser(self) -> Side:
        """The side that is written when both changed; Chatwoot's value stays where nobody knows which is newer."""
        if self.row.direction == "chatwoot":
            return Side.TO_CHATWOOT
        if self.row.winner == Source.NEWEST:
            is_newer = self.there_at is not None and self.chat_at is not None and self.there_at > self.chat_at
            return Side.TO_CHATWOOT if is_newer else Side.TO_KRAYIN
        return Side.TO_CHATWOOT if self.row.winner == Source.KRAYIN else Side.TO_KRAYIN


@dataclass(frozen=True)
class Wanted:
    """One change of one mapped field."""

    kind: Kind
    ref: str
    seq: int
    digest: str
    category: str


def wanted(states: Iterable[FieldState]) -> Iterator[Wanted]:
    for state in states:
        if state.side == Side.TO_KRAYIN:
            kind = Kind.SET_PERSON if state.row.entity == Entity.PERSON else Kind.SET_LEAD
            yield Wanted(kind, state.ref, state.times, state.chat, state.row.category)
        elif state.side == Side.TO_CHATWOOT:
            yield Wanted(Kind.SET_CONTACT, state.ref, state.times, state.there, state.row.category)


def by_ref(states: Sequence[FieldState]) -> dict[str, FieldState]:
    return {state.ref: state for state in states}
