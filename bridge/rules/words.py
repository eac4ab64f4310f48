"""Stage rules in plain sentences."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.models import Connection
from bridge.rules.checks import Line, Trouble
from bridge.rules.simulate import Skipped

WHEN: Mapping[str, str | Promise] = {
    "created": gettext_lazy("When a conversation starts"),
    "first_response": gettext_lazy("After the first reply of your team"),
    "resolved": gettext_lazy("When the conversation is resolved"),
    "label": gettext_lazy("When the label “%(value)s” is put"),
    "team": gettext_lazy("When the conversation goes to the team %(value)s"),
    "inbox": gettext_lazy("When the conversation is in the inbox %(value)s"),
    "assignee": gettext_lazy("When %(value)s takes the conversation over"),
}

TROUBLE: Mapping[Trouble, str | Promise] = {
    Trouble.STAGE_GONE: gettext_lazy("This stage no longer exists in Krayin. Choose another one."),
    Trouble.VALUE_GONE: gettext_lazy("Chatwoot no longer has this. Choose another one, or remove the rule."),
    Trouble.OTHER_INBOX: gettext_lazy("This inbox is not sent by the connection, so the rule never acts."),
    Trouble.LOSES_DATA: gettext_lazy(
        "Waits: this Krayin has yes/no fields on opportunities, and a change of pipeline would clear them."
    ),
    Trouble.NEVER_FIRST: gettext_lazy("Never acts: rule %(instead)d leads as far or further in the same cases."),
    Trouble.BEGINS_THERE: gettext_lazy("Never acts: every opportunity already begins in this stage or a later one."),
}

SKIPPED: Mapping[Skipped, str | Promise] = {
    Skipped.AHEAD: gettext_lazy("already in that stage or further"),
    Skipped.CLOSED: gettext_lazy("won or lost"),
    Skipped.BY_HAND: gettext_lazy("a person moved it"),
    Skipped.ASKED: gettext_lazy("the rules asked for it before"),
    Skipped.NO_OPPORTUNITY: gettext_lazy("no opportunity in Krayin yet"),
    Skipped.NO_RULE: gettext_lazy("no rule applies"),
}


def condition_of(connection: Connection, line: Line) -> str:
    """The first half of the sentence: when."""
    value = line.rule.condition.value
    if line.row is not None and line.row.value_name:
        value = line.row.value_name
    if line.rule.condition.when == "inbox":
        value = str(connection.inbox_names.get(line.rule.condition.value, value))
    return str(WHEN[line.rule.condition.when]) % {"value": value}


def target_of(connection: Connection, line: Line) -> str:
    """The second half: where to, with the pipeline when it is another one."""
    for pipeline in connection.pipelines:
        for stage in pipeline["stages"]:
            if stage["id"] == line.rule.stage_id:
                is_own = pipeline["id"] == connection.pipeline_id
                return str(stage["name"]) if is_own else f"{pipeline['name']} › {stage['name']}"
    return line.row.stage_name if line.row else _("stage %(id)d") % {"id": line.rule.stage_id}


def trouble_of(line: Line) -> str:
    return str(TROUBLE[line.trouble]) % {"instead": line.instead} if line.trouble else ""
