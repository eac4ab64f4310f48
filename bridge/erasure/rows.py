"""How the person's rows of the bridge are found; what becomes of them says the data map (bridge.datamap)."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet

from bridge.erasure.footprint import Footprint, footprint
from bridge.models import (
    ActivityKey,
    ActivityMapping,
    ContactMapping,
    ConversationDay,
    ConversationMapping,
    Effect,
    EqualTitle,
    FieldFlip,
    FieldStop,
    IdentityClaim,
    ImportedContact,
    KrayinHint,
    KrayinLead,
    Lane,
    LaneAlias,
    LeadHealthProfile,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    ObservedValue,
    Saying,
    SensitiveNote,
    StageChangeLog,
    Suggestion,
    SyncedObject,
    WebhookBody,
    WebhookEvent,
    Wish,
)
from consent.erasure.local import Known, Reach, prepare_with
from consent.erasure.local import register as reach

NAME = "bridge"
Where = Callable[[Footprint], Q]


def _reach(
    model: type[models.Model], where: Where, order: int, *, is_record: bool = False, is_late: bool = False
) -> Reach:
    def rows(known: Known) -> QuerySet[Any]:
        found: Footprint = known.found[NAME]
        return model._default_manager.filter(where(found))

    return Reach(model._meta.label, rows, order, is_record, is_late)


def of_contact(found: Footprint) -> Q:
    return Q(contact__in=found.contact_rows)


def of_conversation(found: Footprint) -> Q:
    return Q(conversation__in=found.conversation_rows)


def of_subject(found: Footprint) -> Q:
    return Q(subject=found.subject)


def _events(found: Footprint) -> Q:
    return found.each("lane") | found.each("contact_id") | found.each("conversation_id")


def _bodies(found: Footprint) -> Q:
    return Q(event_id__in=WebhookEvent.objects.filter(_events(found)).values("pk"))


def _message_keys(found: Footprint) -> Q:
    """Messages of the person's conversations, as their notes name them."""
    wanted = Q(connection__in=[])
    for connection, place in found.places.items():
        shown = ActivityMapping.objects.filter(connection=connection, conversation_id__in=place.conversations)
        wanted |= Q(connection=connection, chatwoot_message_id__in=shown.values("chatwoot_message_id"))
    return wanted


def _krayin_leads(found: Footprint) -> Q:
    wanted = Q(krayin__in=[])
    for place in found.places.values():
        wanted |= Q(krayin=place.connection.krayin_id, lead_id__in=sorted(place.leads))
    return wanted


def _names(found: Footprint) -> Q:
    """Links of the person's contacts in every connection."""
    return found.each("contact")


REACHES = (
    _reach(ActivityKey, _message_keys, 5),
    _reach(ActivityMapping, lambda found: found.each("conversation_id"), 10),
    _reach(ConversationDay, of_conversation, 10),
    _reach(ObservedValue, lambda found: of_contact(found) | of_conversation(found), 10),
    _reach(Saying, of_contact, 10),
    _reach(Suggestion, of_contact, 10),
    _reach(ImportedContact, _names, 10),
    _reach(FieldFlip, lambda found: found.each("ref"), 10),
    _reach(FieldStop, lambda found: found.each("lane"), 10),
    _reach(EqualTitle, lambda found: found.each("ref"), 10),
    _reach(KrayinHint, lambda found: found.each("lane"), 10),
    _reach(IdentityClaim, of_subject, 10),
    _reach(WebhookBody, _bodies, 15),
    _reach(WebhookEvent, _events, 16),
    _reach(Wish, lambda found: of_contact(found) | of_conversation(found), 20),
    _reach(StageChangeLog, lambda found: found.each("lead") | found.each("conversation"), 20),
    _reach(KrayinLead, _krayin_leads, 20),
    _reach(ConversationMapping, lambda found: found.each("conversation"), 20),
    _reach(ContactMapping, _names, 20),
    _reach(SyncedObject, lambda found: found.each("lane"), 20),
    _reach(Effect, lambda found: found.each("lane"), 20),
    _reach(LaneAlias, lambda found: found.each("lane") | found.each("canonical"), 25),
    _reach(Lane, lambda found: found.each("lane"), 25),
    _reach(LeadHealthProfile, of_subject, 30, is_record=True),
    _reach(SensitiveNote, of_subject, 30, is_record=True),
    _reach(ObservedMessage, lambda found: of_conversation(found) | of_subject(found), 40, is_record=True),
    _reach(ObservedConversation, lambda found: Q(pk__in=found.conversation_rows), 50, is_record=True, is_late=True),
    _reach(ObservedContact, lambda found: Q(pk__in=found.contact_rows), 60, is_record=True, is_late=True),
)


def register() -> None:
    """Called in `ready()`."""
    prepare_with(NAME, footprint)
    reach(*REACHES)
