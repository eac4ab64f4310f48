"""The rules of a connection in their order, and the order of the stages they lead to."""

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.models.connections import Connection
from bridge.models.rules import StageRule
from bridge.rules.conditions import CREATED, FIRST_RESPONSE, RESOLVED, Condition, Rule

# The settings of seed 003, which come first.
BUILT_IN = {
    "stage_on_conversation_created": CREATED,
    "stage_on_first_response": FIRST_RESPONSE,
    "stage_on_conversation_resolved": RESOLVED,
}


def key_of(rule: StageRule) -> str:
    """The rule's name in the stage log."""
    return f"rule:{rule.pk}"


def built_in(connection: Connection) -> list[Rule]:
    """The connection's own settings as rules; those without stage are none."""
    stages = ((name, when, getattr(connection, name)) for name, when in BUILT_IN.items())
    return [Rule(name, Condition(when), stage_id) for name, when, stage_id in stages if stage_id]


def as_rule(row: StageRule) -> Rule:
    return Rule(key_of(row), Condition(row.when, row.value), row.stage_id)


def rows_of(connection: Connection) -> list[StageRule]:
    """The connection's own list, in order; the worker prefetches it."""
    return list(connection.stage_rules.all())  # type: ignore[attr-defined]


def acting(connection: Connection, rows: Iterable[StageRule]) -> tuple[Rule, ...]:
    """What moves opportunities: every enabled rule, in order, unless it would cost people's data.

    Rows are those of the connection, by position.
    """
    own = (row for row in rows if row.is_enabled and not changes_pipeline_at_a_loss(connection, row))
    return (*built_in(connection), *(as_rule(row) for row in own))


def changes_pipeline_at_a_loss(connection: Connection, row: StageRule) -> bool:
    """Only a partial edit changes the pipeline, and it resets yes/no fields whose values no answer tells
    (contract Krayin 12.6, 20.7)."""
    return row.pipeline_id != connection.pipeline_id and bool(connection.lead_booleans)


def ordered_stages(connection: Connection, rows: Sequence[StageRule]) -> list[dict[str, Any]]:
    """Every stage an opportunity can be in, in one order: the configured pipeline's stages as on its board, then those
    of each pipeline that a rule leads to, in the order of the rules. So *forward* means one thing everywhere."""
    wanted = [connection.pipeline_id, *(row.pipeline_id for row in rows if row.is_enabled)]
    by_id = {pipeline["id"]: pipeline["stages"] for pipeline in connection.pipelines}
    return [stage for pipeline_id in dict.fromkeys(wanted) for stage in by_id.get(pipeline_id, [])]


def pipeline_of(connection: Connection, stage_id: int | None) -> int | None:
    """The pipeline a stage belongs to, as last read from Krayin."""
    found = (p["id"] for p in connection.pipelines if any(stage["id"] == stage_id for stage in p["stages"]))
    return next(found, None)
