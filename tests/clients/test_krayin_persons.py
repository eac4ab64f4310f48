"""Persons and organisations of Krayin (Krayin contract sections 6, 7, 20.1, 20.5)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.clients.krayin import PERSON_REF, KrayinClient
from bridge.clients.shapes import Labelled, Organization, PersonDraft
from bridge.errors import PartnerRejected, UnusableKey
from tests.clients.wire import FreePace, Wire, krayin_sample

MARIA = PersonDraft(
    name="Maria Aparecida da Silva",
    emails=(Labelled("maria.silva@example.com.br"),),
    phones=(Labelled("+5511987654321"),),
    owner_id=1,
    job_title="Paciente",
    organization_name="Odonto Vida Ltda",
    attributes={PERSON_REF: "cw-1-contact-302"},
)


def test_a_search_by_own_key_email_and_phone_asks_for_any_of_them_at_once(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_search_combined")

    found = krayin.person_search(refs=["cw-1-contact-301"], email="maria.silva@example.com.br", phone="99998888")

    assert [person.id for person in found] == [1, 2, 3]
    assert wire.query == {
        "search": "attribute_values.text_value:cw-1-contact-301;"
        'emails:"maria.silva@example.com.br";contact_numbers:9%9%9%9%8%8%8%8',
        "searchFields": "attribute_values.text_value:=;emails:like;contact_numbers:like",
        "searchJoin": "or",
        "limit": "50",
    }


def test_a_search_leaves_out_what_the_contact_does_not_have(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_search_combined_none")

    assert krayin.person_search(refs=["cw-1-contact-999"], email=None, phone="") == ()
    assert wire.query["search"] == "attribute_values.text_value:cw-1-contact-999"
    assert wire.query["searchFields"] == "attribute_values.text_value:="


def test_several_own_keys_go_into_one_term(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_search_refs_in")

    found = krayin.person_search(refs=["cw-1-contact-302", "cw-1-contact-301"])

    assert len(found) == 4
    assert wire.query["search"] == "attribute_values.text_value:cw-1-contact-301,cw-1-contact-302"
    assert wire.query["searchFields"] == "attribute_values.text_value:in"


def test_a_search_for_nothing_is_never_sent(krayin: KrayinClient, wire: Wire) -> None:
    with pytest.raises(UnusableKey):
        krayin.person_search(email="x", phone="123")
    assert wire.sent == []


def test_a_plus_in_an_address_is_encoded_and_not_sent_as_a_blank(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_search_combined_plus")

    krayin.person_search(email="pedro+odonto@example.com.br")

    assert "pedro%2Bodonto" in wire.requests[0].url


def test_persons_are_read_with_labels_owner_and_organisation(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_person_create")

    person = krayin.person_create(MARIA)

    assert (person.id, person.name, person.job_title) == (2, "Maria Aparecida da Silva", "Paciente")
    assert person.emails == (Labelled("maria.silva@example.com.br", "work"),)
    assert person.phones == (Labelled("+5511987654321", "work"),)
    assert (person.organization_id, person.owner_id) == (1, 1)
    assert person.updated_at == datetime(2026, 11, 20, 22, 13, 51, tzinfo=UTC)


def test_the_body_of_a_new_person_is_the_one_krayin_was_seen_to_accept(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_person_create")

    krayin.person_create(MARIA)

    assert wire.body == krayin_sample("contacts_person_create")["request"]["body"]


def test_a_person_without_phone_is_stored_with_one_empty_number(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_create_email_only_empty_phone")
    draft = PersonDraft(
        name="Email Vazio Fone",
        emails=(Labelled("emailvaziofone@example.com.br"),),
        attributes={PERSON_REF: "cw-1-contact-530"},
    )

    person = krayin.person_create(draft)

    assert wire.body["contact_numbers"] == [{"value": "", "label": "work"}]
    assert person.phones == ()


def test_a_person_without_email_is_stored_with_an_empty_list(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_person_create_phone_only_ok")

    person = krayin.person_create(PersonDraft(name="Carlos Lima", phones=(Labelled("+5511955556666"),)))

    assert wire.body["emails"] == []
    assert person.emails == ()


def test_an_update_resends_emails_numbers_and_owner(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_person_update")
    draft = PersonDraft(
        name="Maria Aparecida da Silva",
        emails=(Labelled("maria.silva@example.com.br"),),
        phones=(Labelled("+5511987654321"), Labelled("+5511900000001", "home")),
        owner_id=1,
        job_title="Paciente",
    )

    person = krayin.person_update(2, draft)

    assert wire.sent == ["PUT /api/v1/contacts/persons/2"]
    assert wire.body == krayin_sample("contacts_person_update")["request"]["body"]
    assert person.phones[1] == Labelled("+5511900000001", "home")


def test_a_person_that_lost_its_owner_reads_as_without_owner(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_person_update_owner_lost")

    assert krayin.person_update(2, MARIA).owner_id is None


@pytest.mark.parametrize(
    ("sample", "taken"),
    [
        (
            "contacts_person_create_duplicate",
            {"chatwoot_contact_ref", "emails.0.value", "contact_numbers.0.value"},
        ),
        ("contacts_person_create_bad_email", {"emails.0.value"}),
        ("contacts_person_create_without_email_rejected", set()),
    ],
)
def test_a_refused_person_names_the_fields_and_never_their_values(
    krayin: KrayinClient, wire: Wire, sample: str, taken: set[str]
) -> None:
    wire.answers_like(sample)

    with pytest.raises(PartnerRejected) as caught:
        krayin.person_create(MARIA)

    assert caught.value.taken_keys == taken
    assert caught.value.fields >= taken
    assert caught.value.fields == set(krayin_sample(sample)["response"]["body"]["errors"])
    assert "maria" not in str(caught.value).lower()


def test_persons_by_ids_returns_those_that_exist(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_filter_ids")

    found = krayin.persons_by_ids([9, 4, 7, 99999])

    assert {person.id for person in found} == {4, 7, 9}
    assert wire.query == {"id": "4,7,9,99999", "limit": "4"}


def test_gone_persons_are_an_empty_answer(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("run2_persons_filter_id_gone")

    assert krayin.persons_by_ids([99999]) == ()


@pytest.mark.parametrize("ids", [[], range(1, 102)])
def test_no_ids_or_too_many_are_refused_before_anything_is_sent(
    krayin: KrayinClient, wire: Wire, ids: list[int]
) -> None:
    with pytest.raises(UnusableKey):
        krayin.persons_by_ids(ids)
    assert wire.sent == []


def test_a_person_is_deleted_without_teaching_the_pace_the_other_limit(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    wire.answers_like("run2_delete_person_after_leads")

    krayin.person_delete(31)

    assert wire.sent == ["DELETE /api/v1/contacts/persons/31"]
    assert pace.learnt == []


def test_organisations_are_found_by_name(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("contacts_organizations_filter_name")

    assert krayin.organizations_by_name("Clínica Sorriso Ltda") == (Organization(2, "Clínica Sorriso Ltda"),)
    assert wire.query == {"name": "Clínica Sorriso Ltda", "limit": "50"}


def test_an_organisation_name_with_a_comma_cannot_be_looked_up(krayin: KrayinClient, wire: Wire) -> None:
    with pytest.raises(UnusableKey):
        krayin.organizations_by_name("Sorriso, Odontologia")
    assert wire.sent == []
