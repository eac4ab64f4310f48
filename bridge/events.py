"""What a partner told us, in our words. Past the webhook parser and the clients nothing is foreign JSON."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.models import ObservedMessage


class EventKind(enum.StrEnum):
    """Chatwoot's events (contract Chatwoot 4): what we do with each."""

    CONVERSATION_CREATED = "conversation_created"
    CONVERSATION_STATUS_CHANGED = "conversation_status_changed"
    CONVERSATION_UPDATED = "conversation_updated"
    MESSAGE_CREATED = "message_created"
    MESSAGE_UPDATED = "message_updated"
    CONTACT_CREATED = "contact_created"
    CONTACT_UPDATED = "contact_updated"
    UNKNOWN = "unknown"


BOT = "AgentBot"  # `assignee_type` of a bot (contract Chatwoot 5.6)

# Nothing in these changes what the CRM should hold; visitor-controlled or credential-bearing bodies are not kept.
IGNORED_EVENTS = frozenset(
    {"webwidget_triggered", "inbox_created", "inbox_updated", "conversation_typing_on", "conversation_typing_off"}
)


@dataclass(frozen=True)
class ContactFact:
    """A Chatwoot contact as one body showed it; bodies of contacts have no version (contract Chatwoot 3)."""

    contact_id: int
    name: str
    email: str
    phone: str
    company: str
    has_identifier: bool
    last_activity_at: datetime | None = None
    is_authoritative: bool = False  # read over REST just now: wins over whatever a body said
    changed_at: datetime | None = None  # when name, e-mail or phone changed, where the body tells
    attributes: Mapping[str, str] | None = field(default=None, repr=False)  # by the names mappings use; None: not shown


@dataclass(frozen=True)
class ConversationFact:
    """A conversation at `version` (its `updated_at` in microseconds); newest wins, ties by content."""

    conversation_id: int
    contact_id: int
    inbox_id: int
    channel: str
    status: str
    version: int
    labels: tuple[str, ...]
    assignee_id: int | None
    team_id: int | None
    started_at: datetime
    first_reply_at: datetime | None
    last_activity_at: datetime | None
    attributes: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MessageFact:
    """A public message. `version` is 0 where the body did not tell when the message last changed."""

    message_id: int
    conversation_id: int
    direction: ObservedMessage.Direction
    author_kind: str
    author_name: str
    text: str
    attachments: tuple[str, ...]  # kinds only: image, audio, file…; addresses are secrets (contract Chatwoot 5.8)
    sent_at: datetime  # whole seconds: embedded bodies carry no fraction, and the order must not depend on the body
    version: int
    is_deleted: bool
    is_authoritative: bool = False
    is_marketing: bool = False  # of a campaign or a marketing template
    submitted: tuple[str, ...] = field(default=(), repr=False)  # what the person chose in a message of ours


@dataclass(frozen=True)
class Facts:
    """Everything one body says; a message event also shows its conversation and contact."""

    contacts: tuple[ContactFact, ...] = ()
    conversations: tuple[ConversationFact, ...] = ()
    messages: tuple[MessageFact, ...] = ()
    inbox_names: dict[int, str] = field(default_factory=dict)
