"""What the numbers know of a person, for the copy of their data: scores, reviews, appointments, calls to a model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Model, Q, QuerySet

from bridge.export.ponte import contacts_of
from bridge.models import ContactMapping
from consent.export import rows
from consent.export.sources import Item, Reading, Source
from consent.export.sources import register as hand_over
from consent.models import DataSubject
from insights.models import (
    Appointment,
    ConversationState,
    Insight,
    InsightReview,
    LanguageCall,
    SurveyAnswer,
)

PER_LEAD = {"insights.Insight": Insight, "insights.InsightReview": InsightReview, "insights.Appointment": Appointment}
PER_CONVERSATION = {
    "insights.ConversationState": ConversationState, "insights.SurveyAnswer": SurveyAnswer,
    "insights.LanguageCall": LanguageCall,
}  # fmt: skip


class Numbers:
    """One unit: everything is short beside the conversations."""

    name = title = "Ponte · Insights"

    def version(self) -> str:
        return ""

    def units(self, reading: Reading) -> Sequence[str]:
        return ["numbers"]

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        for label in rows.registered("insights"):
            yield from rows.read(reading, label)

    def counts(self, reading: Reading) -> Mapping[str, int]:
        return {}


def sources(subject: DataSubject) -> list[Source]:
    return [Numbers()]


def register() -> None:
    """Called in `ready()`."""
    for label, model in PER_LEAD.items():
        rows.hand_over(label, "automated_decisions", _per_lead(model))
    for label, model in PER_CONVERSATION.items():
        rows.hand_over(label, "automated_decisions", _per_conversation(model))
    hand_over("ponte.insights", sources)


def _per_lead(model: type[Model]) -> rows.Find:
    def find(subject: DataSubject) -> QuerySet[Any]:
        contacts = Q()
        for row in contacts_of(subject):
            contacts |= Q(connection=row.connection_id, chatwoot_contact_id=row.chatwoot_contact_id)
        mine = Q()
        linked = ContactMapping.objects.filter(contacts, krayin_lead_id__isnull=False) if contacts else ()
        for link in linked:
            mine |= Q(connection=link.connection_id, krayin_lead_id=link.krayin_lead_id)
        found: QuerySet[Any] = model._default_manager.all()
        return found.filter(mine) if mine else found.none()

    return find


def _per_conversation(model: type[Model]) -> rows.Find:
    def find(subject: DataSubject) -> QuerySet[Any]:
        found: QuerySet[Any] = model._default_manager.filter(conversation__contact__subject=subject)
        return found

    return find
