"""What the package consists of: its streams of records, their fields, the files they become (lgpd section 9).

JSON keys are English, everything a person reads is Portuguese: titles, headers of CSV files, descriptions. `of` names
the columns of the data map that a field hands over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise

# The JSON types of the values a field may have; null is always one.
JSON_TYPES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "text": {"type": ["string", "null"]},
        "time": {"type": ["string", "null"], "format": "date-time"},
        "day": {"type": ["string", "null"], "format": "date"},
        "whole": {"type": ["integer", "null"]},
        "flag": {"type": ["boolean", "null"]},
        "texts": {"type": ["array", "null"], "items": {"type": "string"}},
        "pairs": {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}},
    }
)


@dataclass(frozen=True)
class Field:
    """`is_free` texts are masked: they may name other people."""

    name: str
    title: Text
    type: str = "text"
    is_free: bool = False
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stream:
    """Records of one kind. Without `json` or `csv` there is no such file."""

    code: str
    title: Text
    fields: tuple[Field, ...]
    json: str = ""
    csv: str = ""
    categories: tuple[str, ...] = ()
    origin: Text = ""
    is_health: bool = False

    @property
    def schema(self) -> str:
        return f"schemas/{self.code}.schema.json" if self.json else ""


def field(name: str, title: Text, type: str = "text", *of: str, free: bool = False) -> Field:
    return Field(name, title, type, free, of)


SYSTEM = field("system", _("System"))
ORIGIN_CHAT = _("the person, in the conversation")
ORIGIN_CRM = _("the clinic, in the CRM")
ORIGIN_PONTE = _("recorded by Ponte")
PROFILE = "bridge.LeadHealthProfile"

PERSON = Stream(
    "person",
    _("Who you are"),
    (
        SYSTEM,
        field("name", _("Name"), "text", "bridge.ObservedContact.name"),
        field("company", _("Company"), "text", "bridge.ObservedContact.company"),
        field("job_title", _("Job title")),
        field("minor", _("Minor"), "flag", "consent.DataSubject.is_minor"),
        field("blocked_since", _("Blocked since"), "time", "consent.DataSubject.blocked_at"),
        field("erased_at", _("Erased"), "time", "consent.DataSubject.erased_at"),
        field("legal_hold", _("Legal hold"), "flag", "consent.DataSubject.has_hold"),
        field("opposed_purposes", _("Purposes you objected to"), "texts", "consent.DataSubject.opposed_purposes"),
        field(
            "custom_attributes",
            _("Further data"),
            "pairs",
            "bridge.ObservedValue.value",
            "bridge.ObservedValue.key",
            "bridge.ObservedValue.changed_at",
            free=True,
        ),
        field("medical_notes", _("Clinical notes"), "text", f"{PROFILE}.medical_notes", free=True),
        field("health_conditions", _("Health problems"), "text", f"{PROFILE}.health_conditions", free=True),
        field("medications", _("Medicines in use"), "text", f"{PROFILE}.medications", free=True),
        field("first_seen", _("Recorded since"), "time", "consent.DataSubject.created_at"),
        field("last_activity", _("Last activity"), "time", "bridge.ObservedContact.last_activity_at"),
        field("details", _("More of the record"), "pairs", free=True),
    ),
    json="data/person.json",
    csv="data/person.csv",
    categories=("R01", "R02", "R03"),
    origin=ORIGIN_CHAT,
)
CONTACTS = Stream(
    "contacts",
    _("How you are reached"),
    (
        SYSTEM,
        field("kind", _("Kind"), "text", "consent.ContactPoint.kind"),
        field("value", _("Value"), "text", "consent.ContactPoint.value", "bridge.ObservedContact.email",
              "bridge.ObservedContact.phone"),
        field("shared", _("Used by several people"), "flag", "consent.ContactPoint.is_shared"),
        field("since", _("Recorded since"), "time", "consent.ContactPoint.created_at"),
    ),
    json="data/contacts.json",
    csv="data/contacts.csv",
    categories=("R02", "R03"),
    origin=ORIGIN_CHAT,
)  # fmt: skip
# A conversation becomes a file of its own, with its messages; all messages become one table.
CONVERSATION = Stream(
    "conversation",
    _("Conversations"),
    (
        SYSTEM,
        field("conversation_id", _("Conversation in the chat"), "whole",
              "bridge.ObservedConversation.chatwoot_conversation_id"),
        field("inbox", _("Inbox"), "text", "bridge.ObservedConversation.inbox_id"),
        field("channel", _("Channel"), "text", "bridge.ObservedConversation.channel"),
        field("status", _("State"), "text", "bridge.ObservedConversation.status"),
        field("labels", _("Labels"), "texts", "bridge.ObservedConversation.labels",
              "bridge.ObservedConversation.labels_seen"),
        field("started_at", _("Begun"), "time", "bridge.ObservedConversation.started_at"),
        field("first_reply_at", _("First reply"), "time", "bridge.ObservedConversation.first_reply_at"),
        field("resolved_at", _("Resolved"), "time", "bridge.ObservedConversation.resolved_at"),
        field("last_activity_at", _("Last activity"), "time", "bridge.ObservedConversation.last_activity_at"),
        field("custom_attributes", _("Further data"), "pairs", free=True),
    ),
    json="data/conversations/{n}.json",
    categories=("R01", "R02"),
    origin=ORIGIN_CHAT,
)  # fmt: skip
MESSAGE = Stream(
    "message",
    _("Messages"),
    (
        SYSTEM,
        field("conversation", _("Conversation"), "whole"),
        field("message_id", _("Message in the chat"), "whole", "bridge.ObservedMessage.chatwoot_message_id"),
        field("sent_at", _("Sent"), "time", "bridge.ObservedMessage.sent_at", "bridge.ObservedMessage.local_day"),
        field("direction", _("Direction"), "text", "bridge.ObservedMessage.direction"),
        field("author", _("Author"), "text", "bridge.ObservedMessage.author_kind"),
        field("text", _("Text"), "text", "bridge.ObservedMessage.content", free=True),
        field("attachments", _("Attachments"), "texts"),
        field("deleted", _("Deleted"), "flag", "bridge.ObservedMessage.is_deleted"),
        field("marketing", _("Marketing"), "flag", "bridge.ObservedMessage.is_marketing"),
    ),
    csv="data/messages.csv",
    categories=("R01", "R02"),
    origin=ORIGIN_CHAT,
)
LEADS = Stream(
    "leads",
    _("Opportunities in the CRM"),
    (
        SYSTEM,
        field("id", _("Number"), "whole", "bridge.ContactMapping.krayin_lead_id"),
        field("title", _("Title"), free=True),
        field("description", _("Description"), free=True),
        field("pipeline", _("Pipeline")),
        field("stage", _("Stage")),
        field("value", _("Value")),
        field("lost_reason", _("Reason of loss"), free=True),
        field("expected_close_date", _("Expected end"), "day"),
        field("created_at", _("Created"), "time"),
        field("updated_at", _("Changed"), "time"),
        field("closed_at", _("Closed"), "time"),
    ),
    json="data/crm/leads.json",
    csv="data/crm/leads.csv",
    categories=("R02", "R03"),
    origin=ORIGIN_CRM,
)
QUOTES = Stream(
    "quotes",
    _("Quotes in the CRM"),
    (
        SYSTEM,
        field("id", _("Number"), "whole"),
        field("subject", _("Subject"), free=True),
        field("description", _("Description"), free=True),
        field("total", _("Total")),
        field("expires_at", _("Valid until"), "time"),
        field("created_at", _("Created"), "time"),
    ),
    json="data/crm/quotes.json",
    csv="data/crm/quotes.csv",
    categories=("R12",),
    origin=ORIGIN_CRM,
)
ACTIVITIES = Stream(
    "activities",
    _("Notes and appointments in the CRM"),
    (
        SYSTEM,
        field("id", _("Number"), "whole", "bridge.SensitiveNote.krayin_activity_id"),
        field("type", _("Kind")),
        field("title", _("Title"), free=True),
        field("text", _("Text"), "text", "bridge.SensitiveNote.sensitive_notes", free=True),
        field("begins_at", _("Begins"), "time"),
        field("ends_at", _("Ends"), "time"),
        field("location", _("Place"), free=True),
        field("files", _("Files"), "texts", free=True),
        field("done", _("Done"), "flag"),
        field("created_at", _("Created"), "time", "bridge.SensitiveNote.created_at"),
        field("updated_at", _("Changed"), "time"),
        field("details", _("Further data"), "pairs", free=True),
    ),
    json="data/crm/activities.json",
    csv="data/crm/activities.csv",
    categories=("R01", "R02"),
    origin=ORIGIN_CRM,
)
EMAILS = Stream(
    "emails",
    _("E-mails in the CRM"),
    (
        SYSTEM,
        field("id", _("Number"), "whole"),
        field("subject", _("Subject"), free=True),
        field("text", _("Text"), free=True),
        field("created_at", _("Created"), "time"),
    ),
    json="data/crm/emails.json",
    csv="data/crm/emails.csv",
    categories=("R02",),
    origin=ORIGIN_CRM,
)
CONSENTS = Stream(
    "consents",
    _("Your consents"),
    (
        field("purpose", _("Purpose"), "text", "consent.ConsentRecord.consent_type"),
        field("state", _("Answer"), "text", "consent.ConsentRecord.status"),
        field("granted_at", _("Granted"), "time", "consent.ConsentRecord.granted_at"),
        field("withdrawn_at", _("Withdrawn"), "time", "consent.ConsentRecord.withdrawn_at"),
        field("text_version", _("Version of the text"), "text", "consent.ConsentRecord.consent_version"),
        field("text_shown", _("Text shown"), "text", "consent.ConsentRecord.consent_text"),
        field("legal_base", _("Legal base"), "text", "consent.ConsentEvent.base"),
        field("channel", _("Channel"), "text", "consent.ConsentEvent.channel"),
        field("valid_until", _("Valid until"), "time", "consent.ConsentEvent.valid_until"),
        field("evidence", _("Evidence"), "text", "consent.ConsentEvent.evidence_kind"),
        field("recorded_at", _("Recorded"), "time", "consent.ConsentRecord.created_at",
              "consent.ConsentEvent.recorded_at"),
        field("details", _("Further data"), "pairs", free=True),
    ),
    json="data/consents/records.json",
    csv="data/consents/events.csv",
    categories=("R05",),
    origin=ORIGIN_CHAT,
)  # fmt: skip
PROCESSING = Stream(
    "processing",
    _("What your data are used for"),
    (
        field("category", _("Category of data")),
        field("purposes", _("Purposes"), "texts"),
        field("legal_bases", _("Legal bases"), "texts"),
        field("origin", _("Origin"), "texts"),
        field("criteria", _("Criteria")),
        field("retention", _("How long it is kept")),
        field("sensitive", _("Sensitive"), "flag"),
        field("recipients", _("Who receives it"), "texts"),
        field("records", _("Records in this package"), "whole"),
        field("no_record", _("No record exists"), "flag"),
    ),
    json="data/processing.json",
    origin=ORIGIN_PONTE,
)
SHARING = Stream(
    "sharing",
    _("Who received your data"),
    (
        field("recipient", _("Recipient")),
        field("role", _("Role")),
        field("categories", _("Categories"), "texts", "consent.Decision.category"),
        field("purpose", _("Purpose"), "text", "consent.Decision.purpose"),
        field("legal_base", _("Legal base"), "text", "consent.Decision.base"),
        field("first_at", _("First time"), "time", "consent.Decision.decided_at"),
        field("last_at", _("Last time"), "time"),
        field("country", _("Country")),
    ),
    csv="data/sharing.csv",
    origin=ORIGIN_PONTE,
)
ACCESSES = Stream(
    "accesses",
    _("Who saw your data"),
    (
        field("at", _("When"), "time", "audit.AuditLog.timestamp"),
        field("role", _("Role"), "text", "audit.AuditLog.actor_type"),
        field("unit", _("Unit"), "text", "audit.AuditLog.clinic_id"),
        field("act", _("Act"), "text", "audit.AuditLog.action"),
        field("purpose", _("Purpose"), "text", "audit.AuditLog.purpose"),
        field("fields", _("Data"), "texts", "audit.AuditLog.fields"),
        field("object", _("Record"), "text", "audit.AuditLog.object_type"),
        field("outcome", _("Result"), "text", "audit.AuditLog.outcome"),
        field("reason", _("Reason"), "text", "audit.AuditLog.reason_code"),
    ),
    csv="data/accesses.csv",
    categories=("R09",),
    origin=ORIGIN_PONTE,
)
REQUESTS = Stream(
    "requests",
    _("Your requests"),
    (
        field("protocol", _("Protocol")),
        field("rights", _("Rights"), "texts"),
        field("channel", _("Channel")),
        field("state", _("State")),
        field("received_at", _("Received"), "time"),
        field("due_at", _("Due"), "time"),
        field("closed_at", _("Closed"), "time"),
        field("request_text", _("What you wrote"), free=True),
        field("answer_text", _("What was answered"), free=True),
        field("details", _("Further data"), "pairs", free=True),
    ),
    csv="data/requests.csv",
    categories=("R06",),
    origin=ORIGIN_PONTE,
)
AUTOMATED = Stream(
    "automated_decisions",
    _("Decisions taken by programs"),
    (
        field("kind", _("Kind")),
        field("subject_matter", _("What was decided"), "text", "consent.Decision.action"),
        field("result", _("Result"), "text", "consent.Decision.allowed"),
        field("criteria", _("Criteria"), "text", "consent.Decision.reason"),
        field("legal_base", _("Legal base"), "text", "consent.Decision.base"),
        field("version", _("Version"), "text", "consent.Decision.policy_version"),
        field("count", _("How often"), "whole"),
        field("first_at", _("First time"), "time"),
        field("last_at", _("Last time"), "time", "consent.Decision.decided_at"),
        field("details", _("Further data"), "pairs", free=True),
    ),
    json="data/automated_decisions.json",
    origin=ORIGIN_PONTE,
)
# A text that was shown, and a receipt: each record is a file of its own.
NOTICE = Stream(
    "notice",
    _("Texts you were shown"),
    (field("name", _("Name")), field("title", _("Title")), field("text", _("Text"))),
)
RECEIPT = Stream(
    "receipt",
    _("Receipts of consent"),
    (field("name", _("Name")), field("receipt", _("Receipt"), "pairs")),
    json="data/consents/receipts/{n}.json",
)

STREAMS: tuple[Stream, ...] = (
    PERSON, CONTACTS, CONVERSATION, MESSAGE, LEADS, QUOTES, ACTIVITIES, EMAILS, CONSENTS, PROCESSING, SHARING, ACCESSES,
    REQUESTS, AUTOMATED, NOTICE, RECEIPT,
)  # fmt: skip
STREAM_OF = {stream.code: stream for stream in STREAMS}


def whole(stream: Stream, values: Mapping[str, Any]) -> dict[str, Any]:
    """The record with every field of its stream, in their order. Raises ValueError for a field the stream lacks."""
    names = [one.name for one in stream.fields]
    if unknown := sorted(set(values).difference(names)):
        raise ValueError(f"{stream.code} has no field {', '.join(unknown)}")
    return {name: values.get(name) for name in names}


def handed_over() -> set[str]:
    """Every column of the data map that some field hands over, as `app.Model.field`."""
    return {label for stream in STREAMS for one in stream.fields for label in one.of}


def record_schema(fields: Iterable[Field]) -> dict[str, Any]:
    fields = list(fields)
    properties = {one.name: {"title": str(one.title), **JSON_TYPES[one.type]} for one in fields}
    return {
        "type": "object",
        "properties": properties,
        "required": [one.name for one in fields],
        "additionalProperties": False,
    }
