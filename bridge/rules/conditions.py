"""What a stage rule waits for, and the furthest stage a set of conversations has earned. Pure.

Facts only accumulate: a label once seen stays seen. So the result does not depend on the order in which bodies came,
nor on how many of them were lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

CREATED, FIRST_RESPONSE, RESOLVED = "created", "first_response", "resolved"
LABEL, TEAM, INBOX, ASSIGNEE = "label", "team", "inbox", "assignee"
EVENTS = frozenset({CREATED, FIRST_RESPONSE, RESOLVED})


@dataclass(frozen=True)
class Condition:
    """`value` is empty for events, the title of a label, else a number of Chatwoot as text."""

    when: str
    value: str = ""

    def covers(self, other: "Condition") -> bool:
        """Whether this one holds wherever the other does: every conversation was created once."""
        return self == other or self.when == CREATED


@dataclass(frozen=True)
class Rule:
    """`key` names the rule in the stage log: a settings key, or `rule:<number>`."""

    key: str
    condition: Condition
    stage_id: int


class Facts(Protocol):
    """The part of a conversation that rules ask about."""

    @property
    def conversation_id(self) -> int: ...
    @property
    def has_first_reply(self) -> bool: ...
    @property
    def was_resolved(self) -> bool: ...
    @property
    def inbox_id(self) -> int: ...
    @property
    def labels(self) -> frozenset[str]: ...
    @property
    def teams(self) -> frozenset[str]: ...
    @property
    def assignees(self) -> frozenset[str]: ...


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether the conversation has fulfilled the condition, now or earlier."""
    match condition.when:
        case "created":
            return True
        case "first_response":
            return facts.has_first_reply
        case "resolved":
            return facts.was_resolved
        case "label":
            return condition.value in facts.labels
        case "team":
            return condition.value in facts.teams
        case "inbox":
            return condition.value == str(facts.inbox_id)
        case _:
            return condition.value in facts.assignees


@dataclass(frozen=True)
class Earned:
    """The furthest stage, the rule that asks for it and the conversation that fulfils it; all empty if none does."""

    stage_id: int | None = None
    rule: str = ""
    conversation_id: int | None = None


def furthest(rules: Sequence[Rule], order: Sequence[int], conversations: Iterable[Facts]) -> Earned:
    """The stage that lies furthest in `order` among those asked for; the first rule and conversation win a tie."""
    places = {stage_id: place for place, stage_id in reversed(list(enumerate(order)))}
    best = Earned()
    for conversation in sorted(conversations, key=lambda c: c.conversation_id):
        for rule in rules:
            place = places.get(rule.stage_id, -1)
            if place > places.get(best.stage_id or 0, -1) and holds(rule.condition, conversation):
                best = Earned(rule.stage_id, rule.key, conversation.conversation_id)
    return best
