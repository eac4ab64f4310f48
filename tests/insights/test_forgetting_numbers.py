"""What an erasure does to the numbers: the person's go with their history, everybody else's are computed again."""

import pytest
from history import Lead, at, joined, lead, open_unit

from bridge.models import (
    ContactMapping,
    ConversationMapping,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
)
from insights.erasure import erase, footprint_of
from insights.models import DayCounts, Insight, SurveyAnswer
from insights.outcomes import keep_survey
from insights.rollups import rebuild_day

pytestmark = pytest.mark.django_db
DAY = at("10-05 09:00").date()


def asked(of: Lead) -> ObservedConversation:
    return of.talk((at("10-05 09:00"), "patient"), (at("10-05 09:05"), "human"))


def remove_facts(of: ObservedContact) -> None:
    """As an erasure does: messages, conversations, links."""
    talks = ObservedConversation.objects.filter(contact=of)
    numbers = list(talks.values_list("chatwoot_conversation_id", flat=True))
    ObservedMessage.objects.filter(conversation__in=talks).delete()
    ConversationMapping.objects.filter(connection=of.connection, chatwoot_conversation_id__in=numbers).delete()
    talks.delete()
    ContactMapping.objects.filter(connection=of.connection, chatwoot_contact_id=of.chatwoot_contact_id).delete()


def test_the_persons_numbers_and_history_go_and_others_stay() -> None:
    here = joined()
    open_unit(here)
    one, other = lead(here), lead(here)
    keep_survey(asked(one), 1, sent_at=at("10-05 10:00"), rating=1, answered_at=at("10-05 11:00"))
    asked(other)
    rebuild_day(here.pk, DAY)
    one.update(at("10-06 09:00"))
    kept = other.update(at("10-06 09:00"))
    found = footprint_of(one.contact.subject_id)
    remove_facts(one.contact)
    erase(found)
    assert list(Insight.objects.values_list("pk", flat=True)) == [kept.pk]
    assert SurveyAnswer.objects.count() == 0
    assert DayCounts.objects.get().conversations == 1


def test_of_a_shared_opportunity_only_the_persons_part_goes() -> None:
    here = joined()
    mother = lead(here)
    child = lead(here, mother.number)
    asked(mother)
    asked(child)
    assert mother.update(at("10-06 09:00")).total_conversations == 2
    found = footprint_of(child.contact.subject_id)
    remove_facts(child.contact)
    erase(found)
    row = Insight.objects.get(is_current=True)
    assert (row.krayin_lead_id, row.total_conversations) == (mother.number, 1)
    assert (row.numbers or {})["recomputed_after_erasure"] is True


def test_erasing_twice_changes_nothing_more() -> None:
    here = joined()
    person = lead(here)
    asked(person)
    found = footprint_of(person.contact.subject_id)
    remove_facts(person.contact)
    erase(found)
    erase(found)
    assert Insight.objects.count() == 0
    assert footprint_of(person.contact.subject_id).own_leads == {}
