"""What an erasure calls: first where the person left numbers, then, when the facts are gone, compute those again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction

from bridge.models import ContactMapping, ConversationMapping, ObservedContact, ObservedConversation, ObservedMessage
from consent.erasure import local
from insights.models import (
    Appointment,
    ConversationState,
    Insight,
    InsightMark,
    InsightReview,
    LanguageCall,
    SuggestionSilence,
    SurveyAnswer,
)
from insights.rollups import recompute_after_erasure

OF_AN_OPPORTUNITY = (Insight, InsightMark, InsightReview, SuggestionSilence, Appointment)
OF_A_CONVERSATION = (SurveyAnswer, ConversationState, LanguageCall)
NAME = "insights"


@dataclass(frozen=True)
class Footprint:
    """Where a person left numbers: opportunities and local days of each connection."""

    own_leads: Mapping[int, Sequence[int]]
    shared_leads: Mapping[int, Sequence[int]]  # of other people, too (a mother's telephone)
    days: Mapping[int, Sequence[date]]
    conversations: Sequence[UUID]


def footprint_of(subject_id: UUID) -> Footprint:
    """To be asked before the facts are removed; afterwards nobody knows any more."""
    contacts = ObservedContact.objects.filter(subject=subject_id)
    talks = ObservedConversation.objects.filter(contact__in=contacts)
    own: dict[int, list[int]] = defaultdict(list)
    shared: dict[int, list[int]] = defaultdict(list)
    for connection_id, lead_id in sorted(_leads(contacts, talks)):
        others = ContactMapping.objects.filter(connection=connection_id, krayin_lead_id=lead_id).exclude(
            chatwoot_contact_id__in=contacts.filter(connection=connection_id).values("chatwoot_contact_id")
        )
        (shared if others.exists() else own)[connection_id].append(lead_id)
    days: dict[int, list[date]] = defaultdict(list)
    moments = ObservedMessage.objects.filter(conversation__in=talks).order_by("local_day")
    for connection_id, day in moments.values_list("connection_id", "local_day").distinct():
        days[connection_id].append(day)
    return Footprint(own, shared, days, list(talks.values_list("pk", flat=True)))


def _leads(contacts: object, talks: object) -> set[tuple[int, int]]:
    pairs: set[tuple[int, int]] = set()
    for connection_id, contact_id in contacts.values_list("connection_id", "chatwoot_contact_id"):  # type: ignore[attr-defined]
        rows = ContactMapping.objects.filter(
            connection=connection_id, chatwoot_contact_id=contact_id, krayin_lead_id__isnull=False
        )
        pairs |= {(connection_id, lead) for lead in rows.values_list("krayin_lead_id", flat=True) if lead}
    for connection_id, number in talks.values_list("connection_id", "chatwoot_conversation_id"):  # type: ignore[attr-defined]
        held = ConversationMapping.objects.filter(connection=connection_id, chatwoot_conversation_id=number)
        pairs |= {(connection_id, lead) for lead in held.values_list("krayin_lead_id", flat=True)}
    return pairs


def erase(found: Footprint) -> None:
    """After the facts are removed: the person's numbers and their history go, everybody else's are computed again."""
    with transaction.atomic():
        for of_a_conversation in OF_A_CONVERSATION:
            of_a_conversation._default_manager.filter(conversation__in=list(found.conversations)).delete()
        for connection_id, leads in found.own_leads.items():
            for model in OF_AN_OPPORTUNITY:
                model._default_manager.filter(connection=connection_id, krayin_lead_id__in=leads).delete()
    for connection_id in {*found.shared_leads, *found.days}:
        recompute_after_erasure(
            connection_id, found.shared_leads.get(connection_id, ()), found.days.get(connection_id, ())
        )


def register() -> None:
    """Called in `ready()`."""
    local.prepare_with(NAME, lambda known: footprint_of(known.subject.pk))
    local.finish_with(NAME, lambda known: erase(known.found[NAME]))
    local.removed_elsewhere(*(model._meta.label for model in (*OF_AN_OPPORTUNITY, *OF_A_CONVERSATION)))
