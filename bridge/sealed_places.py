"""The bridge's encrypted fields: whose key seals each, and which place its rows name."""

from functools import partial

from bridge.connecting.assistant import token_context
from bridge.health.places import note_context, profile_context
from bridge.models import (
    AlertPlace,
    Connection,
    KrayinUser,
    LeadHealthProfile,
    ObservedContact,
    ObservedMessage,
    ObservedValue,
    SensitiveNote,
    Setup,
    WebhookBody,
    WebhookSecret,
    Wish,
)
from bridge.models.connections import secret_context
from bridge.models.health import PROFILE_FIELDS
from bridge.models.inbound import body_context
from bridge.sync.observe import CONTACT_FIELDS, contact_context, message_context
from bridge.sync.partners import connection_context, user_context
from consent.encryption import Context
from consent.encryption.places import of_day, of_subject, of_system


def register() -> None:
    """Called in `ready()`."""
    for field in CONTACT_FIELDS:
        of_subject(ObservedContact, field, partial(_contact, field))
    of_subject(ObservedMessage, "content", lambda row: message_context(row.pk))
    of_subject(ObservedValue, "value", lambda row: row.context)
    of_subject(Wish, "text", lambda row: row.text_context, subject="contact__subject_id")
    for field in PROFILE_FIELDS:
        of_subject(LeadHealthProfile, field, partial(profile_context, field=field))
    of_subject(SensitiveNote, "sensitive_notes", note_context)
    of_system(AlertPlace, "secret", lambda row: row.secret_context)
    of_system(Connection, "chatwoot_token", connection_context)
    of_system(KrayinUser, "password", lambda row: user_context(row, "password"))
    of_system(KrayinUser, "token", lambda row: user_context(row, "token"))
    of_system(Setup, "chatwoot_token", token_context)
    of_system(WebhookSecret, "secret", lambda row: secret_context(row.connection_id, row.partner))
    of_day(WebhookBody, "sealed", lambda row: body_context(row.row_ref))


def _contact(field: str, row: ObservedContact) -> Context:
    return contact_context(row.pk, field)
