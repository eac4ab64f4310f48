"""The objects of the API, as programs get them: masks, numbers, codes and times; nothing that names a person."""

from datetime import UTC
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    ObservedConversation,
    StageChangeLog,
    SyncJob,
    WebhookEvent,
    Wish,
)
from bridge.queries import addresses
from bridge.queries.home import ConnectionLine
from bridge.queries.story_lines import cause_text, stage_name

Row = TypeVar("Row")


class RowSerializer(serializers.Serializer, Generic[Row]):
    """One object; `context["connection"]` is the connection it belongs to."""

    @property
    def connection(self) -> Connection:
        connection: Connection = self.context["connection"]
        return connection


class Whole(serializers.IntegerField):
    """A number of a partner or of ours: 64 bits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=2**63 - 1, **kwargs)


class Moment(serializers.DateTimeField):
    """A time in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)


class CauseSerializer(serializers.Serializer):
    """Why something stopped: a code for programs and a sentence for people."""

    code = serializers.CharField()
    text = serializers.CharField()


class StageSerializer(serializers.Serializer):
    """A stage of Krayin; the name is the one last read there."""

    id = Whole()
    name = serializers.CharField()


class ClinicSerializer(serializers.Serializer):
    id = Whole()
    name = serializers.CharField(source="trade_name")


class ConnectionSerializer(RowSerializer[ConnectionLine]):
    """How a connection stands. Tokens, passwords, secrets and webhook addresses are never told."""

    id = Whole(source="connection.pk")
    name = serializers.CharField(source="connection.name")
    clinic = ClinicSerializer(source="connection.clinic")
    state = serializers.ChoiceField(Connection.State.choices, source="connection.state")
    is_example = serializers.BooleanField(source="connection.is_example", help_text=_("Sample data."))
    chatwoot_url = serializers.CharField(source="connection.chatwoot_url")
    chatwoot_account_id = Whole(source="connection.chatwoot_account_id")
    krayin_url = serializers.CharField(source="connection.krayin.base_url")
    preset = serializers.ChoiceField(
        Connection.Preset.choices, source="connection.preset", help_text=_("What is written to Krayin.")
    )
    stages = serializers.SerializerMethodField(help_text=_("Stages of the pipeline, in their order."))
    last_event_at = Moment(
        source="last_event", allow_null=True, help_text=_("When the last event came; null if none in 30 days.")
    )
    last_write_at = Moment(
        source="last_write",
        allow_null=True,
        help_text=_("When Krayin last confirmed something; null if not in 30 days."),
    )
    waiting = Whole(help_text=_("Contacts with changes that wait to be written."))
    oldest_waiting_at = Moment(source="oldest_waiting", allow_null=True)
    problem = serializers.SerializerMethodField(help_text=_("Why a partner cannot be used now; null when all is well."))
    problem_since = Moment(source="connection.problem_since", allow_null=True)

    @extend_schema_field(StageSerializer(many=True))
    def get_stages(self, line: ConnectionLine) -> list[dict[str, Any]]:
        return [{"id": stage["id"], "name": stage["name"]} for stage in line.connection.stages]

    @extend_schema_field(CauseSerializer(allow_null=True))
    def get_problem(self, line: ConnectionLine) -> dict[str, str] | None:
        return problem_of(line.connection.problem)


class ContactLinkSerializer(RowSerializer[ContactMapping]):
    """A contact in Chatwoot and who it is in Krayin."""

    contact_id = Whole(source="chatwoot_contact_id", help_text=_("Contact in Chatwoot."))
    mask = serializers.SerializerMethodField(help_text=_("Initials and last four digits; empty when not known."))
    person_id = Whole(source="krayin_person_id", allow_null=True, help_text=_("Person in Krayin."))
    lead_id = Whole(source="krayin_lead_id", allow_null=True, help_text=_("Present opportunity in Krayin."))
    found_by = serializers.ChoiceField(ContactMapping.FoundBy.choices, help_text=_("How the person was found."))
    created_at = Moment()
    updated_at = Moment(help_text=_("Last sync."))

    def get_mask(self, row: Any) -> str:
        return row.mask or ""


class ConversationSerializer(RowSerializer[ConversationMapping]):
    """A conversation in Chatwoot and its opportunity in Krayin."""

    conversation_id = Whole(source="chatwoot_conversation_id", help_text=_("Number shown in Chatwoot."))
    lead_id = Whole(source="krayin_lead_id")
    status = serializers.ChoiceField(ObservedConversation.Status.choices)
    message_count = Whole(help_text=_("Public messages."))
    last_message_at = Moment(allow_null=True)
    first_response_at = Moment(allow_null=True)
    resolved_at = Moment(allow_null=True)
    created_at = Moment()
    updated_at = Moment()
    chatwoot_url = serializers.SerializerMethodField(help_text=_("The conversation in Chatwoot's own screen."))

    def get_chatwoot_url(self, row: ConversationMapping) -> str:
        return addresses.chatwoot_conversation(self.connection, row.chatwoot_conversation_id)


class LeadSerializer(RowSerializer[ContactMapping]):
    """An opportunity in Krayin, as Ponte last agreed on it with Krayin."""

    lead_id = Whole(source="krayin_lead_id")
    person_id = Whole(source="krayin_person_id", allow_null=True)
    contact_id = Whole(source="chatwoot_contact_id", help_text=_("Contact in Chatwoot."))
    mask = serializers.SerializerMethodField(help_text=_("Initials and last four digits; empty when not known."))
    stage = serializers.SerializerMethodField(help_text=_("Stage when last seen; null when not known."))
    seen_at = Moment(source="lead_seen_at", allow_null=True, help_text=_("When Ponte last saw it in Krayin."))
    deleted_at = Moment(
        source="lead_gone_at", allow_null=True, help_text=_("When Ponte noticed that it was deleted in Krayin.")
    )
    conversation_count = Whole(source="conversations")
    updated_at = Moment(help_text=_("Last sync."))
    krayin_url = serializers.SerializerMethodField(help_text=_("The opportunity in Krayin's own screen."))

    def get_mask(self, row: Any) -> str:
        return row.mask or ""

    @extend_schema_field(StageSerializer(allow_null=True))
    def get_stage(self, row: Any) -> dict[str, Any] | None:
        if row.stage_id is None:
            return None
        return {"id": row.stage_id, "name": stage_name(self.connection, row.stage_id)}

    def get_krayin_url(self, row: ContactMapping) -> str:
        return addresses.krayin_lead(self.connection, row.krayin_lead_id or 0)


class EventSerializer(RowSerializer[WebhookEvent]):
    """Something that arrived. The body is never told."""

    id = Whole()
    type = serializers.CharField(source="event_type")
    status = serializers.ChoiceField(WebhookEvent.Status.choices)
    arrived_by = serializers.ChoiceField(WebhookEvent.ArrivedBy.choices)
    verification = serializers.ChoiceField(WebhookEvent.Verification.choices)
    conversation_id = Whole(allow_null=True)
    contact_id = Whole(allow_null=True)
    problem = serializers.SerializerMethodField(help_text=_("Why it stopped; null when it did not."))
    received_at = Moment()
    observed_at = Moment(allow_null=True, help_text=_("When it was read."))

    @extend_schema_field(CauseSerializer(allow_null=True))
    def get_problem(self, row: WebhookEvent) -> dict[str, str] | None:
        return problem_of(row.cause)


class StageChangeSerializer(RowSerializer[StageChangeLog]):
    """A stage change, or one that was asked for and not done."""

    id = Whole()
    lead_id = Whole(source="krayin_lead_id")
    from_stage = serializers.CharField(source="previous_stage", allow_null=True)
    to_stage = serializers.CharField(source="new_stage")
    trigger = serializers.ChoiceField(StageChangeLog.Trigger.choices, source="trigger_source")
    rule = serializers.CharField(help_text=_("Setting of the rule that asked for it; empty when none did."))
    result = serializers.ChoiceField(StageChangeLog.Result.choices)
    conversation_id = Whole(source="chatwoot_conversation_id", allow_null=True)
    created_at = Moment()


class JobSerializer(RowSerializer[SyncJob]):
    """Long work that a person started."""

    id = Whole()
    connection_id = Whole()
    kind = serializers.CharField()
    state = serializers.ChoiceField(SyncJob.State.choices)
    hold = serializers.CharField(help_text=_("Why it rests for a moment; empty when it does not."))
    total = Whole(help_text=_("Items of the dry run."))
    done = Whole()
    skipped = Whole()
    failed = Whole()
    calls = Whole(help_text=_("Calls to partners so far."))
    estimated_calls = Whole(help_text=_("Calls to partners, from the dry run."))
    created_at = Moment()
    started_at = Moment(allow_null=True)
    finished_at = Moment(allow_null=True)


class StageWantedSerializer(serializers.Serializer):
    """Which stage an opportunity shall have."""

    stage_id = Whole(help_text=_("One of `stages` of the connection."))
    seen_stage_id = Whole(required=False, help_text=_("The stage you saw; if Krayin shows another, it stays there."))


class StageRequestSerializer(RowSerializer[Wish]):
    """A stage change that was asked for."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Wish.State.choices)
    reason = serializers.CharField(help_text=_("Code: why it was refused; empty when it was not."))
    stage = serializers.SerializerMethodField(help_text=_("The stage wanted."))
    created_at = Moment()
    settled_at = Moment(allow_null=True, help_text=_("When it was done or refused."))

    @extend_schema_field(StageSerializer)
    def get_stage(self, wish: Wish) -> dict[str, Any]:
        return {"id": wish.stage_id, "name": stage_name(self.connection, wish.stage_id)}


def problem_of(cause: str) -> dict[str, str] | None:
    return {"code": cause, "text": cause_text(cause)} if cause else None


# What stands around them ----------------------------------------------------------------------------------------------


@lru_cache
def page_shape(shape: type[RowSerializer]) -> type[serializers.Serializer]:
    """A page of a list, for the description of the API."""
    name = shape.__name__.removesuffix("Serializer")
    members = {
        "__doc__": f"A page of {name}.",
        "results": shape(many=True),
        "next_cursor": serializers.CharField(
            allow_null=True, help_text=_("Send it as `cursor` for the next page; null on the last.")
        ),
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), members)


class ValueProblemSerializer(serializers.Serializer):
    """One value that cannot be used."""

    field = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """Every error (RFC 9457). Programs decide by `code`; people read `title` and `detail`."""

    type = serializers.CharField(help_text=_("Address of the explanation."))
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField(help_text=_("Tell it to the technical team."))
    errors = ValueProblemSerializer(many=True, required=False)  # type: ignore[assignment]  # a member, not the result
    scope = serializers.CharField(required=False, help_text=_("Permission the key lacks."))
    reason = serializers.CharField(required=False, help_text=_("Code: why the state does not allow it."))


class IndexSerializer(serializers.Serializer):
    """Where things are."""

    name = serializers.CharField()
    version = serializers.CharField()
    docs = serializers.CharField()
    openapi_yaml = serializers.CharField()
    openapi_json = serializers.CharField()
    connections = serializers.CharField()
