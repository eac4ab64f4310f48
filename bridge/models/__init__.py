"""Models of the bridge, in the order a fact travels: connection, inbound, observed, ledger, mappings."""

from bridge.models.connections import CallBudget, Connection, Krayin, KrayinUser, Partner, WebhookSecret
from bridge.models.inbound import (
    DeliveryKey,
    IdentityClaim,
    IntakeCounter,
    Lane,
    LaneAlias,
    WebhookBody,
    WebhookEvent,
)
from bridge.models.ledger import Effect, FailedWebhook, Suggestion, SyncedObject
from bridge.models.mappings import (
    ActivityKey,
    ActivityMapping,
    ContactMapping,
    ConversationMapping,
    StageChangeLog,
)
from bridge.models.observed import ConversationDay, ObservedContact, ObservedConversation, ObservedMessage
from bridge.models.reconciled import EqualTitle, ReconcileDay

__all__ = [
    "ActivityKey",
    "ActivityMapping",
    "CallBudget",
    "Connection",
    "ContactMapping",
    "ConversationDay",
    "ConversationMapping",
    "DeliveryKey",
    "Effect",
    "EqualTitle",
    "FailedWebhook",
    "IdentityClaim",
    "IntakeCounter",
    "Krayin",
    "KrayinUser",
    "Lane",
    "LaneAlias",
    "ObservedContact",
    "ObservedConversation",
    "ObservedMessage",
    "Partner",
    "ReconcileDay",
    "StageChangeLog",
    "Suggestion",
    "SyncedObject",
    "WebhookBody",
    "WebhookEvent",
    "WebhookSecret",
]
