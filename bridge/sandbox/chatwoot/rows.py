"""The rows a Chatwoot account consists of, under Chatwoot's own column names.

Times are integer microseconds since 1970 (UTC), None when unset: the same value appears in bodies as whole
seconds, as a float and as ISO text (contract section 5), and only integers survive all three unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

# Any JSON value: what a client sends is checked where it is used.
Value: TypeAlias = Any
Json: TypeAlias = dict[str, Value]
# An instance of one of the row classes below.
Row: TypeAlias = Any

MICROSECONDS = 1_000_000

# Columns that hold a time, under the names `changed_attributes` uses.
TIME_COLUMNS = frozenset(
    {
        "created_at",
        "updated_at",
        "last_activity_at",
        "first_reply_created_at",
        "waiting_since",
        "snoozed_until",
        "agent_last_seen_at",
        "contact_last_seen_at",
        "assignee_last_seen_at",
    }
)

MESSAGE_TYPES = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
STATUSES = ("open", "resolved", "pending", "snoozed")
PRIORITIES = ("low", "medium", "high", "urgent")
MESSAGE_STATUSES = ("sent", "delivered", "read", "failed")

WHATSAPP = "Channel::Whatsapp"
WEB_WIDGET = "Channel::WebWidget"
API = "Channel::Api"
EMAIL = "Channel::Email"

# Contract section 4. Inbox events also need a switch of the installation; the sandbox has it on.
SUBSCRIBABLE_EVENTS = (
    "conversation_created",
    "conversation_status_changed",
    "conversation_updated",
    "contact_created",
    "contact_updated",
    "message_created",
    "message_updated",
    "webwidget_triggered",
    "inbox_created",
    "inbox_updated",
    "conversation_typing_on",
    "conversation_typing_off",
)
# What a registration without `subscriptions` gets (contract section 7): no typing, no inbox.
DEFAULT_EVENTS = SUBSCRIBABLE_EVENTS[:8]


def iso(moment: int | None) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, cut to milliseconds as Rails does, never rounded."""
    if moment is None:
        return None
    seconds, rest = divmod(moment, MICROSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:03d}Z"


def epoch(moment: int | None) -> int:
    """Whole Unix seconds, 0 when unset."""
    return 0 if moment is None else moment // MICROSECONDS


@dataclass(slots=True)
class Account:
    id: int
    name: str
    status: str = "active"
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class User:
    """`roles` is a list of [account id, role]; role is `administrator` or `agent`."""

    id: int
    name: str
    available_name: str
    email: str
    token: str
    roles: list[list[Any]] = field(default_factory=list)
    avatar_url: str = ""

    def role_in(self, account_id: int) -> str | None:
        return next((role for account, role in self.roles if account == account_id), None)


@dataclass(slots=True)
class Team:
    id: int
    account_id: int
    name: str
    description: str = ""
    allow_auto_assign: bool = True


@dataclass(slots=True)
class Inbox:
    """`channel` holds the channel row, credentials included; `member_ids` are the agents who see the inbox."""

    id: int
    account_id: int
    name: str
    channel_type: str
    channel_id: int
    channel: Json = field(default_factory=dict)
    member_ids: list[int] = field(default_factory=list)
    greeting_enabled: bool = False
    greeting_message: str | None = None
    enable_auto_assignment: bool = False
    csat_survey_enabled: bool = False
    lock_to_single_conversation: bool = False
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Contact:
    id: int
    account_id: int
    name: str
    email: str | None = None
    phone_number: str | None = None
    identifier: str | None = None
    blocked: bool = False
    avatar_url: str = ""
    additional_attributes: Json = field(default_factory=dict)
    custom_attributes: Json = field(default_factory=dict)
    label_list: list[str] = field(default_factory=list)
    online: bool = False
    last_activity_at: int | None = None
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class ContactInbox:
    id: int
    contact_id: int
    inbox_id: int
    source_id: str
    pubsub_token: str
    hmac_verified: bool = False
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Conversation:
    """`id` is the internal row id, never sent; `display_id` is the number Chatwoot shows and uses everywhere."""

    id: int
    display_id: int
    account_id: int
    inbox_id: int
    contact_id: int
    contact_inbox_id: int
    uuid: str
    status: str = "open"
    priority: str | None = None
    assignee_id: int | None = None
    team_id: int | None = None
    label_list: list[str] = field(default_factory=list)
    labels_ever_set: bool = False
    custom_attributes: Json = field(default_factory=dict)
    additional_attributes: Json = field(default_factory=dict)
    snoozed_until: int | None = None
    first_reply_created_at: int | None = None
    waiting_since: int | None = None
    agent_last_seen_at: int | None = None
    assignee_last_seen_at: int | None = None
    contact_last_seen_at: int | None = None
    last_activity_at: int = 0
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Message:
    """`conversation_id` is the internal row id of the conversation. `attachments` are in the shape Chatwoot sends."""

    id: int
    account_id: int
    inbox_id: int
    conversation_id: int
    message_type: str
    content: str | None
    content_type: str = "text"
    content_attributes: Json = field(default_factory=dict)
    additional_attributes: Json = field(default_factory=dict)
    private: bool = False
    status: str = "sent"
    source_id: str | None = None
    sender_type: str | None = None
    sender_id: int | None = None
    attachments: list[Json] = field(default_factory=list)
    created_at: int = 0
    updated_at: int = 0

    @property
    def is_public(self) -> bool:
        """Shown to the customer: neither a note nor a line about the conversation itself."""
        return not self.private and self.message_type != "activity"


@dataclass(slots=True)
class Webhook:
    id: int
    account_id: int
    url: str
    subscriptions: list[str]
    secret: str
    name: str | None = None
    inbox_id: int | None = None
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Label:
    id: int
    account_id: int
    title: str
    description: str | None = None
    color: str = "#1f93ff"
    show_on_sidebar: bool = True


@dataclass(slots=True)
class AttributeDefinition:
    id: int
    account_id: int
    attribute_key: str
    attribute_display_name: str
    attribute_display_type: str = "text"
    attribute_model: str = "conversation_attribute"
    attribute_description: str | None = None
    attribute_values: list[str] = field(default_factory=list)
    regex_pattern: str | None = None
    regex_cue: str | None = None
    default_value: str | None = None
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class DashboardApp:
    id: int
    account_id: int
    title: str
    content: list[Json]
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Note:
    id: int
    account_id: int
    contact_id: int
    content: str
    user_id: int | None = None
    created_at: int = 0
    updated_at: int = 0


@dataclass(slots=True)
class Batch:
    """One run of the example scenario: who plays in it and which phases are over (see `scenario`)."""

    id: int
    seed: int
    offset: int
    size: int
    inbox_ids: list[int]
    roles: list[Json] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
