"""What may stand behind the question mark; anything else is refused, because a misspelt filter filters nothing."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.request import Request

from bridge.api.pages import BIGGEST
from bridge.api.problems import Problem
from bridge.models import ObservedConversation, StageChangeLog, SyncJob, WebhookEvent

EVENTS_SHOWN = timedelta(days=7)
WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
Params = TypeVar("Params", bound=serializers.Serializer)


class Number(serializers.IntegerField):
    """A whole number in plain digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": BIGGEST, "required": False, **kwargs})

    def to_internal_value(self, data: Any) -> int:
        if not DIGITS.fullmatch(str(data)):
            self.fail("invalid")
        value: int = super().to_internal_value(data)
        return value


class Moment(serializers.DateTimeField):
    """A time with its distance from UTC: `2026-11-21T12:00:00Z`."""

    default_error_messages = {"no_offset": gettext_lazy("Write the time as 2026-11-21T12:00:00Z.")}

    def to_internal_value(self, value: Any) -> Any:
        if not WITH_OFFSET.fullmatch(str(value)):
            self.fail("no_offset")
        return super().to_internal_value(value)


class NoParams(serializers.Serializer):
    """An address that takes none."""


class PageParams(serializers.Serializer):
    """One page of a list."""

    limit = Number(default=50, max_value=100, help_text=gettext_lazy("Rows of a page."))
    cursor = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text=gettext_lazy("`next_cursor` of the page before.")
    )


class LinkParams(PageParams):
    contact_id = Number(help_text=gettext_lazy("Contact in Chatwoot."))
    person_id = Number(help_text=gettext_lazy("Person in Krayin."))
    lead_id = Number(help_text=gettext_lazy("Opportunity in Krayin."))


class ConversationParams(PageParams):
    status = serializers.ChoiceField(
        ObservedConversation.Status.choices, required=False, help_text=gettext_lazy("State of the conversation.")
    )


class ConversationLinkParams(ConversationParams):
    lead_id = Number(help_text=gettext_lazy("Opportunity in Krayin."))


class LeadParams(PageParams):
    status = serializers.ChoiceField(
        ObservedConversation.Status.choices,
        required=False,
        help_text=gettext_lazy("Only opportunities that have a conversation in this state."),
    )


class EventParams(PageParams):
    status = serializers.ChoiceField(WebhookEvent.Status.choices, required=False)
    arrived_by = serializers.ChoiceField(WebhookEvent.ArrivedBy.choices, required=False)
    conversation_id = Number(help_text=gettext_lazy("Conversation in Chatwoot."))
    since = Moment(required=False, help_text=gettext_lazy("From this time on; the last 7 days unless given."))
    until = Moment(required=False, help_text=gettext_lazy("Before this time."))


class StageParams(PageParams):
    lead_id = Number(help_text=gettext_lazy("Opportunity in Krayin."))
    result = serializers.ChoiceField(StageChangeLog.Result.choices, required=False)
    trigger = serializers.ChoiceField(StageChangeLog.Trigger.choices, required=False)


class JobParams(PageParams):
    state = serializers.ChoiceField(SyncJob.State.choices, required=False)


def read(request: Request, params: type[Params]) -> Mapping[str, Any]:
    """The query as the address understands it. Raises Problem 400 for anything unknown, repeated or unusable."""
    asked = params(data={name: values[-1] for name, values in request.query_params.lists()})
    known = ", ".join(sorted(asked.fields))
    unknown = [name for name in request.query_params if name not in asked.fields]
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    if unknown:
        message = _("Known are: %(names)s.") % {"names": known}
        raise Problem("invalid", errors=[{"field": "?", "message": message}])
    if repeated:
        raise Problem("invalid", errors=[{"field": name, "message": _("Send it once.")} for name in repeated])
    asked.is_valid(raise_exception=True)
    checked: Mapping[str, Any] = asked.validated_data
    return checked
