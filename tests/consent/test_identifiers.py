"""Telephones, e-mail addresses and names: one person is found under every writing, two people stay two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.identifiers import (
    MASK,
    contact_mask,
    email_mask,
    email_normalised,
    name_mask,
    name_normalised,
    names_compatible,
    phone_e164,
    phone_forms,
    phone_mask,
)

AREAS = ["11", "21", "31", "47", "51", "61", "71", "85", "92"]
mobile_lines = st.from_regex(r"[6-9][0-9]{7}", fullmatch=True)
areas = st.sampled_from(AREAS)


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+55 (11) 98765-4321", "+5511987654321"),
        ("11 98765-4321", "+5511987654321"),
        ("011 98765-4321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("(31) 8765-4321", "+553187654321"),
        ("+553187654321", "+553187654321"),
        ("(11) 3456-7890", "+551134567890"),
        ("+351 912 345 678", "+351912345678"),
        ("+1 555 555 0123", "+15555550123"),
    ],
)
def test_a_number_becomes_e164_without_gaining_or_losing_digits(written: str, e164: str) -> None:
    assert phone_e164(written) == e164


@pytest.mark.parametrize(
    "written", [None, "", "   ", "190", "abc", "98765-4321", "+5500912345678", "+55119", "+55" * 9]
)
def test_what_is_no_number_is_none(written: str | None) -> None:
    assert phone_e164(written) is None


@given(st.text(max_size=40))
def test_no_text_makes_the_phone_reader_raise_and_reading_twice_changes_nothing(text: str) -> None:
    e164 = phone_e164(text)
    assert e164 is None or phone_e164(e164) == e164


@given(areas, mobile_lines)
def test_the_forms_of_a_brazilian_mobile_meet_whichever_came_in(area: str, line: str) -> None:
    with_ninth, without = f"+55{area}9{line}", f"+55{area}{line}"
    assert phone_forms(with_ninth) == phone_forms(without) == (with_ninth, without)
    assert phone_e164(without) == without


@given(areas, st.from_regex(r"[2-5][0-9]{7}", fullmatch=True))
def test_a_landline_does_not_gain_a_digit(area: str, line: str) -> None:
    assert phone_forms(f"+55{area}{line}") == (f"+55{area}{line}",)


@given(areas, areas, mobile_lines)
def test_numbers_that_differ_by_area_stay_apart(area: str, other: str, line: str) -> None:
    shared = set(phone_forms(f"+55{area}9{line}")) & set(phone_forms(f"+55{other}9{line}"))
    assert bool(shared) == (area == other)


@pytest.mark.parametrize("e164", ["+5511934567890", "+351912345678", "+12025550123"])
def test_numbers_without_an_old_form_have_one_form(e164: str) -> None:
    assert phone_forms(e164) == (e164,)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Maria@Exemplo.COM ", "maria@exemplo.com"),
        ("ｍaria@exemplo.com", "maria@exemplo.com"),
        ("STRASSE@exemplo.de", "strasse@exemplo.de"),
        ("maria", None),
        ("maria@", None),
        ("", None),
        (None, None),
    ],
)
def test_an_email_address_is_trimmed_and_casefolded(written: str | None, address: str | None) -> None:
    assert email_normalised(written) == address


@given(st.emails())
def test_normalising_an_address_twice_changes_nothing(address: str) -> None:
    once = email_normalised(address)
    assert once is None or email_normalised(once) == once


@pytest.mark.parametrize(
    ("name", "phone", "mask"),
    [
        ("Maria da Silva", "+5511987654321", "M.S. ·4321"),
        ("Dra. Érica de Souza e Lima", None, "E.L."),
        ("maria", "+5511987654321", "M. ·4321"),
        ("+55 11 98765-4321", "+5511987654321", "·4321"),
        ("", "", MASK),
        (None, None, MASK),
        ("🙂", "190", MASK),
    ],
)
def test_a_mask_shows_initials_and_last_digits(name: str | None, phone: str | None, mask: str) -> None:
    assert contact_mask(name, phone) == mask


@given(st.text(max_size=60), st.text(alphabet="0123456789+- ()", max_size=20))
def test_a_mask_never_shows_more_than_two_initials_and_four_digits(name: str, phone: str) -> None:
    mask = contact_mask(name, phone)
    assert sum(character.isdigit() for character in phone_mask(phone)) <= 4
    assert name_mask(name).count(".") <= 2
    assert len(mask) <= 16


def test_an_email_mask_shows_one_character() -> None:
    assert email_mask("maria@exemplo.com") == "m•••@•••"
    assert email_mask(None) == ""


def test_a_name_is_normalised_for_whole_name_search() -> None:
    assert name_normalised("  José   D'Ávila ") == name_normalised("JOSE D AVILA") == "jose d avila"
    assert name_normalised("…") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Maria", "Maria Silva"),
        ("M. Silva", "Maria da Silva"),
        ("Maria Silva Souza", "maria souza"),
        ("Dra. Ana Lima", "ANA LIMA"),
        ("João Silva Jr", "Joao Silva Júnior"),
        ("+55 11 98765-4321", "Ana"),
        ("", "Ana"),
    ],
)
def test_names_that_may_be_one_person(first: str, second: str) -> None:
    assert names_compatible(first, second)
    assert names_compatible(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Maria Silva", "Maria Souza"),
        ("Ana Silva", "Maria Silva"),
        ("João Silva", "João Silva Filho"),
        ("Mãe da Ana", "Ana"),
        ("Maria Souza Silva", "Maria Silva Souza Lima"),
    ],
)
def test_names_that_people_must_decide_about(first: str, second: str) -> None:
    assert not names_compatible(first, second)
    assert not names_compatible(second, first)


@given(st.text(max_size=40))
def test_every_name_is_compatible_with_itself(name: str) -> None:
    assert names_compatible(name, name)
