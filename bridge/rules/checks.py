"""What keeps a rule from ever acting: its stage is gone, another rule is always further, nobody has the label…"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.models import Connection, DirectoryEntry, StageRule
from bridge.rules.conditions import ASSIGNEE, INBOX, LABEL, TEAM, Condition, Rule
from bridge.rules.lists import as_rule, built_in, changes_pipeline_at_a_loss, ordered_stages, rows_of

Kind = DirectoryEntry.Kind
KINDS = {LABEL: Kind.LABEL, TEAM: Kind.TEAM, ASSIGNEE: Kind.AGENT}


class Trouble(StrEnum):
    STAGE_GONE = "stage_gone"
    VALUE_GONE = "value_gone"
    OTHER_INBOX = "other_inbox"
    LOSES_DATA = "loses_data"
    NEVER_FIRST = "never_first"  # another rule leads as far wherever this one holds
    BEGINS_THERE = "begins_there"  # every opportunity is made in that stage or a later one


@dataclass(frozen=True)
class Line:
    """One rule of the list as people see it. `row` is None for the connection's own settings."""

    number: int
    rule: Rule
    row: StageRule | None
    trouble: Trouble | None = None
    instead: int = 0  # number of the rule that always wins

    @property
    def is_enabled(self) -> bool:
        return self.row is None or self.row.is_enabled


def lines_of(connection: Connection) -> list[Line]:
    """The whole list with its troubles: two queries."""
    rows = rows_of(connection)
    rules: list[tuple[Rule, StageRule | None]] = [(rule, None) for rule in built_in(connection)]
    rules += [(as_rule(row), row) for row in rows]
    lines = [Line(number, rule, row) for number, (rule, row) in enumerate(rules, start=1)]
    places = {stage["id"]: place for place, stage in enumerate(ordered_stages(connection, rows))}
    gone = {
        (entry.kind, entry.key) for entry in DirectoryEntry.objects.filter(connection=connection, gone_at__isnull=False)
    }
    return [_checked(connection, line, lines, places, gone) for line in lines]


def _checked(
    connection: Connection, line: Line, lines: Sequence[Line], places: Mapping[int, int], gone: set[tuple[str, str]]
) -> Line:
    rule, row = line.rule, line.row
    condition = rule.condition
    known = {stage["id"] for pipeline in connection.pipelines for stage in pipeline["stages"]}
    if rule.stage_id not in known:
        return Line(line.number, rule, row, Trouble.STAGE_GONE)
    if _value_is_gone(condition, gone):
        return Line(line.number, rule, row, Trouble.VALUE_GONE)
    if condition.when == INBOX and not connection.serves_inbox(int(condition.value)):
        return Line(line.number, rule, row, Trouble.OTHER_INBOX)
    if row is not None and changes_pipeline_at_a_loss(connection, row):
        return Line(line.number, rule, row, Trouble.LOSES_DATA)
    place = places.get(rule.stage_id, -1)
    if not line.is_enabled:
        return line
    if place <= places.get(connection.first_stage_id or 0, -1):
        return Line(line.number, rule, row, Trouble.BEGINS_THERE)
    winner = next((other for other in lines if _always_wins(other, line, places)), None)
    return Line(line.number, rule, row, Trouble.NEVER_FIRST, winner.number) if winner else line


def _value_is_gone(condition: Condition, gone: set[tuple[str, str]]) -> bool:
    kind = KINDS.get(condition.when)
    return kind is not None and (kind.value, condition.value) in gone


def _always_wins(other: Line, line: Line, places: Mapping[int, int]) -> bool:
    """Whether the other rule leads as far or further wherever this one holds; of two equals the first one acts."""
    if other is line or not other.is_enabled or not other.rule.condition.covers(line.rule.condition):
        return False
    there, here = places.get(other.rule.stage_id, -1), places.get(line.rule.stage_id, -1)
    return there > here or (there == here and other.number < line.number)
