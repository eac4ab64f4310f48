"""Who gets an opportunity: the connection's rule, and what its conversations say. Pure.

The last conversation with somebody who has a pair and is there decides, so that the answer depends neither on the order
in which bodies came nor on which old conversation was touched last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

KEEP, ASSIGNEE, TEAM, ROUND_ROBIN = "keep", "assignee", "team", "round_robin"


class Facts(Protocol):
    """The part of a conversation that tells whose it is; versions of Chatwoot in microseconds."""

    @property
    def conversation_id(self) -> int: ...
    @property
    def assignee_id(self) -> int | None: ...
    @property
    def team_id(self) -> int | None: ...
    @property
    def assignee_since(self) -> int | None: ...
    @property
    def team_since(self) -> int | None: ...


@dataclass(frozen=True)
class Owners:
    """A connection's rule today. Numbers are Krayin's users; who is absent or gone is in none of them."""

    rule: str = KEEP
    of_agent: Mapping[int, int] = field(default_factory=dict)
    of_team: Mapping[int, int] = field(default_factory=dict)
    default: int | None = None
    may_get: frozenset[int] = frozenset()
    since: int = 0  # what Chatwoot showed earlier moves nobody
    can_move: bool = True


NOBODY = Owners()


@dataclass(frozen=True)
class Choice:
    """Somebody, and the version of Chatwoot since when."""

    owner_id: int
    since: int


def chosen(owners: Owners, conversations: Iterable[Facts]) -> Choice | None:
    """Whom the conversations of one opportunity name; None where the rule does not ask them, or they name nobody."""
    if owners.rule not in {ASSIGNEE, TEAM}:
        return None
    for one in sorted(conversations, key=lambda c: c.conversation_id, reverse=True):
        is_team = owners.rule == TEAM
        number, since = (one.team_id, one.team_since) if is_team else (one.assignee_id, one.assignee_since)
        owner = (owners.of_team if is_team else owners.of_agent).get(number or 0)
        if owner is not None:
            return Choice(owner, since or 0)
    return None


def first_owner(owners: Owners, conversations: Iterable[Facts]) -> int | None:
    """Whom a new opportunity is made with; None under round robin, where the turn is taken when it is made."""
    if owners.rule == ROUND_ROBIN:
        return None
    choice = chosen(owners, conversations)
    return choice.owner_id if choice else owners.default


def next_owner(owners: Owners, conversations: Iterable[Facts], agreed: int | None) -> int | None:
    """To whom an existing opportunity goes; None where it stays. `agreed` is whom the conversations named last."""
    choice = chosen(owners, conversations) if owners.can_move else None
    if choice is None or choice.owner_id == agreed or choice.since <= owners.since:
        return None
    return choice.owner_id
