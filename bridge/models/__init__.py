"""Models of the bridge, in the order a fact travels: connection, inbound, observed, ledger, mappings."""

from bridge.models.actions import Wish
from bridge.models.alerts import Alert, AlertPlace, AlertRule, Notice, Reading, RunResult, Severity
from bridge.models.api import ApiKey, Scope
from bridge.models.back import FieldFlip, FieldStop, KrayinHint
from bridge.models.connections import Breaker, CallBudget, Connection, Krayin, KrayinUser, Partner, WebhookSecret
from bridge.models.fields import FieldRow, FieldVersion, ObservedValue
from bridge.models.health import LeadHealthProfile, SensitiveNote
from bridge.models.importing import ImportedContact
from bridge.models.inbound import (
    DeliveryKey,
    IdentityClaim,
    IntakeCounter,
    Lane,
    LaneAlias,
    WebhookBody,
    WebhookEvent,
)
from bridge.models.jobs import FailureGroup, SyncJob
from bridge.models.ledger import Effect, FailedWebhook, Suggestion, SyncedObject
from bridge.models.mappings import (
    ActivityKey,
    ActivityMapping,
    ContactMapping,
    ConversationMapping,
    StageChangeLog,
)
from bridge.models.observed import ConversationDay, ObservedContact, ObservedConversation, ObservedMessage
from bridge.models.panel import AttendedInboxes, KrayinLead, PanelToken
from bridge.models.reconciled import EqualTitle, ReconcileDay
from bridge.models.rules import DirectoryEntry, StageRule
from bridge.models.sayings import Saying
from bridge.models.setup import ConnectionInbox, Setup, SetupMark, SetupObject
from bridge.models.team import Owner, OwnerLink, OwnerRule

__all__ = [
    "ActivityKey",
    "ActivityMapping",
    "Alert",
    "AlertPlace",
    "AlertRule",
    "ApiKey",
    "AttendedInboxes",
    "Breaker",
    "CallBudget",
    "Connection",
    "ConnectionInbox",
    "ContactMapping",
    "ConversationDay",
    "ConversationMapping",
    "DeliveryKey",
    "DirectoryEntry",
    "Effect",
    "EqualTitle",
    "FailedWebhook",
    "FailureGroup",
    "FieldFlip",
    "FieldRow",
    "FieldStop",
    "FieldVersion",
    "IdentityClaim",
    "ImportedContact",
    "IntakeCounter",
    "Krayin",
    "KrayinHint",
    "KrayinLead",
    "KrayinUser",
    "Lane",
    "LaneAlias",
    "LeadHealthProfile",
    "Notice",
    "ObservedContact",
    "ObservedConversation",
    "ObservedMessage",
    "ObservedValue",
    "Owner",
    "OwnerLink",
    "OwnerRule",
    "PanelToken",
    "Partner",
    "Reading",
    "ReconcileDay",
    "RunResult",
    "Saying",
    "Scope",
    "SensitiveNote",
    "Setup",
    "SetupMark",
    "SetupObject",
    "Severity",
    "StageChangeLog",
    "StageRule",
    "Suggestion",
    "SyncJob",
    "SyncedObject",
    "WebhookBody",
    "WebhookEvent",
    "WebhookSecret",
    "Wish",
]
