"""Leads of Krayin (Krayin contract sections 8, 20.2, 20.4, 20.7)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.clients.base import Priority
from bridge.clients.krayin import LEAD_REF, PERSON_REF, KrayinClient
from bridge.clients.shapes import Labelled, LeadChange, LeadDraft, PersonDraft
from bridge.errors import PartnerGone, PartnerRejected, UnusableKey, WouldBeCut
from tests.clients.wire import FreePace, Wire, krayin_sample

JOAO = PersonDraft(
    name="João Pereira",
    emails=(Labelled("joao.pereira@example.com.br"),),
    phones=(Labelled("+5521999998888"),),
    organization_id=2,
)
IMPLANTE = LeadDraft(
    title="Implante unitário",
    description="Contato iniciado pelo WhatsApp",
    stage_id=7,
    value=Decimal("2500"),
    source_id=6,
    type_id=1,
    owner_id=1,
    expected_close_date=date(2026, 12, 15),
    attributes={LEAD_REF: "cw-1-conv-4712", "canal": 1},
    person=JOAO,
)


def test_a_new_lead_with_its_person_is_read_whole(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_create_new_person")

    lead = krayin.lead_create(IMPLANTE)

    assert (lead.id, lead.title, lead.status) == (2, "Implante unitário", 1)
    assert (lead.pipeline_id, lead.stage_id, lead.source_id, lead.type_id, lead.owner_id) == (2, 7, 6, 1, 1)
    assert (lead.value, lead.expected_close_date) == (Decimal(2500), date(2026, 12, 15))
    assert lead.person is not None
    assert lead.person_id == lead.person.id == 3
    assert lead.person.organization_id == 2
    assert lead.closed_at is None
    assert lead.updated_at == datetime(2026, 11, 20, 22, 13, 52, tzinfo=UTC)


def test_the_body_of_a_new_lead_is_the_one_krayin_was_seen_to_accept(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_create_new_person")

    krayin.lead_create(IMPLANTE)

    recorded = krayin_sample("leads_create_new_person")["request"]["body"]
    # Krayin takes the pipeline from the stage; money travels as decimal text.
    del recorded["lead_pipeline_id"]
    assert wire.body == {**recorded, "lead_value": "2500"}


def test_a_nested_person_without_phone_leaves_the_numbers_out(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_create_person_email_only")
    fernanda = PersonDraft(
        name="Fernanda Alves",
        emails=(Labelled("fernanda.alves@example.com.br"),),
        attributes={PERSON_REF: "cw-1-contact-405"},
    )

    lead = krayin.lead_create(LeadDraft(title="Avaliação ortodôntica", stage_id=7, person=fernanda))

    assert wire.body["person"] == krayin_sample("run2_leads_create_person_email_only")["request"]["body"]["person"]
    assert lead.person is not None
    assert lead.person.phones == ()


def test_an_existing_person_is_linked_by_id_alone(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_create_person_id")

    krayin.lead_create(LeadDraft(title="Avaliação ortodôntica", stage_id=7, person_id=1, person=JOAO))

    assert wire.body["person"] == {"id": 1}


def test_a_lead_without_person_sends_no_person(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_create_minimal")

    krayin.lead_create(LeadDraft(title="Contato", stage_id=7))

    assert wire.body == {"title": "Contato", "lead_pipeline_stage_id": 7}


@pytest.mark.parametrize(
    ("sample", "taken"),
    [
        ("leads_create_duplicate_ref", {"bridge_ref"}),
        ("leads_create_duplicate_person", {"person.contact_numbers.0.value", "person.emails.0.value"}),
        ("run2_leads_create_person_same_ref_422", {"person.chatwoot_contact_ref"}),
        ("run2_leads_create_person_phone_only_seeded_422", set()),
        ("leads_create_past_close_date", set()),
        ("leads_create_invalid_fields", set()),
    ],
)
def test_a_refused_lead_names_the_colliding_keys(
    krayin: KrayinClient, wire: Wire, sample: str, taken: set[str]
) -> None:
    wire.answers_like(sample)

    with pytest.raises(PartnerRejected) as caught:
        krayin.lead_create(IMPLANTE)

    assert caught.value.taken_keys == taken
    assert caught.value.fields == set(krayin_sample(sample)["response"]["body"]["errors"])


@pytest.mark.parametrize("sample", ["leads_create_unknown_stage_404", "run2_leads_create_person_id_unknown_404"])
def test_a_create_that_refers_to_something_deleted_says_gone(krayin: KrayinClient, wire: Wire, sample: str) -> None:
    wire.answers_like(sample)

    with pytest.raises(PartnerGone):
        krayin.lead_create(IMPLANTE)


def test_leads_by_ids_returns_those_that_exist(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_filter_ids")

    assert {lead.id for lead in krayin.leads_by_ids([4, 7, 9, 99999])} == {4, 7, 9}
    assert wire.query == {"id": "4,7,9,99999", "limit": "4"}


def test_gone_leads_are_an_empty_answer(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_filter_id_gone")

    assert krayin.leads_by_ids([99999]) == ()


def test_leads_of_a_person_are_asked_for_one_pipeline(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_list")

    found = krayin.leads_of_person(2, pipeline_id=2)

    assert [(lead.id, lead.person_id, lead.value) for lead in found] == [(1, 2, Decimal(2500))]
    assert wire.query == {
        "person_id": "2",
        "lead_pipeline_id": "2",
        "sort": "updated_at",
        "order": "desc",
        "limit": "50",
    }


def test_leads_are_found_by_their_whole_title(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_filter_title_exact")

    found = krayin.leads_by_title("WhatsApp · conversa #4711 · 2026/11/20")

    assert [lead.title for lead in found] == ["WhatsApp · conversa #4711 · 2026/11/20"]
    assert wire.query["title"] == "WhatsApp · conversa #4711 · 2026/11/20"


def test_leads_are_found_by_reference_in_title_or_own_key(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_search_ref")

    found = krayin.leads_by_ref("cw_1-conv-4711")

    assert [lead.id for lead in found] == [1]
    assert wire.query == {
        "search": r"title:cw\_1-conv-4711;attribute_values.text_value:cw_1-conv-4711",
        "searchFields": "title:like;attribute_values.text_value:=",
        "searchJoin": "or",
        "limit": "50",
    }


def test_a_stage_change_sends_stage_date_and_boolean_attributes(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    wire.answers_like("run2_leads_stage_change_won")

    lead = krayin.lead_edit(
        27, LeadChange(stage_id=10, expected_close_date=date(2026, 12, 15), attributes={"convenio": 1})
    )

    assert wire.body == krayin_sample("run2_leads_stage_change_won")["request"]["body"]
    assert (lead.stage_id, lead.closed_at) == (10, datetime(2026, 11, 20, 23, 27, 26, tzinfo=UTC))
    assert pace.asked == [Priority.STAGE]


def test_a_change_always_says_something_about_the_close_date(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_leads_stage_change_null_date")

    lead = krayin.lead_edit(26, LeadChange(stage_id=8, expected_close_date=None))

    assert wire.body == {"lead_pipeline_stage_id": 8, "expected_close_date": None}
    assert lead.expected_close_date is None


def test_a_change_of_pipeline_and_value_sends_both(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("leads_attributes_edit")
    change = LeadChange(pipeline_id=2, stage_id=9, expected_close_date=date(2026, 12, 20), value=Decimal("3300.50"))

    assert krayin.lead_edit(1, change).value == Decimal(3300)
    assert wire.body == {
        "lead_pipeline_id": 2,
        "lead_pipeline_stage_id": 9,
        "lead_value": "3300.5",
        "expected_close_date": "2026-12-20",
    }


@pytest.mark.parametrize("sample", ["run2_leads_close_date_sao_paulo", "run2_leads_close_date_kolkata"])
def test_the_close_date_is_the_calendar_date_of_the_site(krayin: KrayinClient, wire: Wire, sample: str) -> None:
    recorded = krayin_sample(sample)["response"]["body"]["data"]
    url = "https://crm.clinicasorriso.example.com.br/api/v1/leads"
    wire.answers("GET", url, {"data": [recorded]})

    assert krayin.leads_by_ids([30])[0].expected_close_date == date(2026, 12, 15)


def test_a_deleted_lead_answers_with_a_message_only(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_delete_lead")

    krayin.lead_delete(32)

    assert wire.sent == ["DELETE /api/v1/leads/32"]


def test_deleting_a_lead_again_says_gone(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_delete_lead_again_404")

    with pytest.raises(PartnerGone):
        krayin.lead_delete(32)


@pytest.mark.parametrize(
    ("title", "error"),
    [("Orçamento, 2 arcadas", UnusableKey), ("", UnusableKey), (" Ana", UnusableKey), ("a" * 256, WouldBeCut)],
)
def test_a_title_that_could_not_be_found_again_is_never_sent(
    krayin: KrayinClient, wire: Wire, title: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        krayin.lead_create(LeadDraft(title=title, stage_id=7))
    assert wire.sent == []
