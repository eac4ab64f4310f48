"""What goes into and comes out of the clients: frozen, typed, in the partners' units.

Times are aware and UTC, money is Decimal, close dates are plain dates. Personal values stay out of `repr`, so that a
shape in a traceback or a log line shows ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

# --- Krayin -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Labelled:
    """An e-mail or phone with the label Krayin demands for each (Krayin contract section 6)."""

    value: str = field(repr=False)
    label: str = "work"


@dataclass(frozen=True, slots=True)
class NamedItem:
    """A source, a type, an option: anything with an id and a name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Organization:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """Krayin contract section 6. Custom attributes and tags are in no answer; `organization_id` may be stale after PUT.

    Entries with an empty value (the way to store a person without phone) are left out of `phones`.
    """

    id: int
    name: str = field(repr=False)
    emails: tuple[Labelled, ...] = field(repr=False)
    phones: tuple[Labelled, ...] = field(repr=False)
    job_title: str | None = field(repr=False)
    organization_id: int | None
    owner_id: int | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonDraft:
    """A person to store. Krayin loses what a PUT leaves out, so `emails`, `phones`, `owner_id` are always sent.

    `attributes` are custom attributes by code (own key included). `organization_name` is found or created by Krayin and
    wins over `organization_id`; None means not sent.
    """

    name: str = field(repr=False)
    emails: tuple[Labelled, ...] = field(default=(), repr=False)
    phones: tuple[Labelled, ...] = field(default=(), repr=False)
    owner_id: int | None = None
    job_title: str | None = field(default=None, repr=False)
    organization_id: int | None = None
    organization_name: str | None = field(default=None, repr=False)
    attributes: Mapping[str, str | int | list[int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Lead:
    """Krayin contract section 8.4. `status` is always 1 and says nothing; won or lost shows in the stage's code.

    `expected_close_date` is the calendar date in the site's zone (section 20.7), `person` the embedded person, which
    never carries an owner.
    """

    id: int
    title: str = field(repr=False)
    description: str | None = field(repr=False)
    status: int | None
    closed_at: datetime | None
    lost_reason: str | None = field(repr=False)
    person: Person | None = field(repr=False)
    person_id: int | None
    pipeline_id: int | None
    stage_id: int | None
    source_id: int | None
    type_id: int | None
    value: Decimal | None
    owner_id: int | None
    expected_close_date: date | None
    created_at: datetime | None
    updated_at: datetime | None
    owner_name: str = ""


@dataclass(frozen=True, slots=True)
class LeadDraft:
    """A lead to create, for an existing person (`person_id`), with a new one (`person`), or without.

    Krayin takes the pipeline from the stage, so there is no pipeline here (contract section 8.1).
    """

    title: str = field(repr=False)
    stage_id: int
    person_id: int | None = None
    person: PersonDraft | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)
    value: Decimal | None = None
    source_id: int | None = None
    type_id: int | None = None
    owner_id: int | None = None
    expected_close_date: date | None = None
    attributes: Mapping[str, str | int | list[int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class LeadChange:
    """A change through `attributes/edit`, which validates nothing (Krayin contract sections 8.5 and 20.7).

    `expected_close_date` has no default because leaving it out clears it: give the lead's current one, None if it has
    none. Every boolean custom attribute of leads must be in `attributes` with its current value, else it becomes 0.
    Give `pipeline_id` with `stage_id` whenever the pipeline may differ. Other fields left None are not sent.
    """

    expected_close_date: date | None
    stage_id: int | None = None
    pipeline_id: int | None = None
    title: str | None = field(default=None, repr=False)
    value: Decimal | None = None
    owner_id: int | None = None
    person_id: int | None = None
    lost_reason: str | None = field(default=None, repr=False)
    attributes: Mapping[str, str | int | list[int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Activity:
    """Krayin contract section 9. `comment` of an answer to a PUT is what was sent, not what was stored."""

    id: int
    type: str
    title: str | None = field(repr=False)
    comment: str | None = field(repr=False)
    additional: Mapping[str, object] = field(repr=False)
    is_done: bool
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stage:
    """Codes `won` and `lost` have meaning; both code and name may be missing (Krayin contract section 11)."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`stages` are in the order of the board."""

    id: int
    name: str
    is_default: bool
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class CrmUser:
    """A Krayin user. `view_permission` must be `global` for searches to work (Krayin contract section 1)."""

    id: int
    name: str = field(repr=False)
    email: str = field(repr=False)
    is_active: bool
    view_permission: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of persons, leads or organizations, built in or custom (Krayin contract section 5)."""

    id: int
    code: str
    name: str
    type: str
    entity_type: str
    is_required: bool
    is_unique: bool
    options: tuple[NamedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class CrmWebhook:
    """A webhook row of Krayin; alone it does nothing (Krayin contract section 13.1). `headers` hold our secret."""

    id: int
    name: str
    entity_type: str
    end_point: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    payload: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CrmWebhookDraft:
    """Sent as form fields, the one encoding every 2.x delivers (Krayin contract section 13.3)."""

    name: str
    entity_type: str
    end_point: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    payload: Mapping[str, str]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of Krayin. Its event is not here: answers show the entity in that field (contract section 13.1)."""

    id: int
    name: str
    entity_type: str
    webhook_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkflowDraft:
    """A workflow that fires one webhook on one event of Krayin contract section 13.2, without conditions."""

    name: str
    entity_type: str
    event: str
    webhook_id: int


# --- Chatwoot ---------------------------------------------------------------------------------------------------------


class MessageType(StrEnum):
    """Chatwoot contract section 5.8."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    ACTIVITY = "activity"
    TEMPLATE = "template"
    UNKNOWN = "unknown"


class SenderType(StrEnum):
    """Chatwoot contract section 5.5; a contact in webhook form is the only sender without a type."""

    CONTACT = "contact"
    USER = "user"
    BOT = "agent_bot"
    ASSISTANT = "captain_assistant"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Contact:
    """Chatwoot contract section 8.1. `inbox_ids` is empty where the answer leaves them out (embedded contacts)."""

    id: int
    name: str = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    identifier: str | None = field(repr=False)
    company_name: str | None = field(repr=False)
    blocked: bool
    custom_attributes: Mapping[str, object] = field(repr=False)
    inbox_ids: frozenset[int] = frozenset()
    last_activity_at: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)  # `additional_attributes`


@dataclass(frozen=True, slots=True)
class Sender:
    type: SenderType
    id: int | None
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """Chatwoot contract sections 5.7 and 8.2 (N). `content` of a deleted message is Chatwoot's notice.

    `attachment_types` are words such as `image`; their addresses work without login and are therefore dropped.
    """

    id: int
    conversation_id: int
    inbox_id: int | None
    type: MessageType
    content_type: str
    content: str | None = field(repr=False)
    private: bool
    deleted: bool
    external_echo: bool
    status: str | None
    source_id: str | None = field(repr=False)
    sender: Sender | None
    attachment_types: tuple[str, ...]
    created_at: datetime
    is_marketing: bool = False
    submitted: tuple[str, ...] = field(default=(), repr=False)
    mark: str = ""  # ours, of messages that Ponte sent
    is_apart: bool = False  # an answer to a request of the person, or a code


@dataclass(frozen=True, slots=True)
class Conversation:
    """Chatwoot contract section 8.2 (V). `id` is the display id; `updated_at` has microseconds and orders states."""

    id: int
    inbox_id: int
    channel: str
    status: str
    contact: Contact | None = field(repr=False)
    contact_id: int | None
    assignee_id: int | None
    assignee_name: str | None = field(repr=False)
    assignee_type: str | None
    team_id: int | None
    team_name: str | None
    labels: tuple[str, ...]
    priority: str | None
    custom_attributes: Mapping[str, object] = field(repr=False)
    created_at: datetime | None
    updated_at: datetime | None
    last_activity_at: datetime | None
    first_reply_created_at: datetime | None
    waiting_since: datetime | None
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)  # `additional_attributes`
    can_reply: bool = False  # outside the channel's reply window nothing reaches the person


@dataclass(frozen=True, slots=True)
class Inbox:
    """`GET /inboxes` also returns channel credentials to administrators; they are dropped."""

    id: int
    name: str
    channel_type: str


@dataclass(frozen=True, slots=True)
class InboxMember:
    """A Chatwoot user who sees an inbox; the e-mail is the account's."""

    id: int
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Agent:
    """A Chatwoot user of the account (`GET /agents`, contract section 8.3)."""

    id: int
    name: str = field(repr=False)
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountRole:
    account_id: int
    account_name: str
    role: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The owner of a token and what he may do where."""

    user_id: int
    name: str = field(repr=False)
    accounts: tuple[AccountRole, ...] = ()

    def role_in(self, account_id: int) -> str | None:
        """`administrator`, `agent` or None when the token does not belong to that account."""
        return next((each.role for each in self.accounts if each.account_id == account_id), None)


@dataclass(frozen=True, slots=True)
class ChatWebhook:
    """Chatwoot contract section 7. `secret` None: older than v4.11.2, which cannot sign."""

    id: int
    name: str | None
    url: str = field(repr=False)
    subscriptions: tuple[str, ...]
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """Chatwoot contract section 8.3."""

    id: int
    key: str
    display_name: str
    display_type: str
    model: str
