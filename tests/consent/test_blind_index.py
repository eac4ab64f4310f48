"""People are found by keyed digests that say nothing by themselves."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from consent.encryption import blind, blind_version, blinds
from consent.identifiers import phone_e164, phone_forms
from consent.models import Clinic, ContactPoint, DataSubject

PHONE = "+5511987654321"
words = st.text(min_size=1, max_size=30)


@given(words, words)
def test_equal_texts_and_only_those_have_equal_indexes(one: str, other: str) -> None:
    assert (blind("email", one) == blind("email", other)) == (one == other)


@given(words)
def test_the_same_text_of_another_kind_has_another_index(text: str) -> None:
    assert len({blind(kind, text) for kind in ("phone", "email", "identifier", "name")}) == 4


@given(st.text(max_size=10), st.text(max_size=10))
def test_kind_and_text_cannot_be_shifted_into_each_other(one: str, other: str) -> None:
    assert blind("email", f"{one}|{other}x") != blind("name", f"{one}|{other}x")


def test_an_index_is_32_bytes_and_known(settings: Settings) -> None:
    settings.BLIND_KEYS = {"b1": bytes(range(32))}
    assert blind("phone", PHONE).hex() == "76e1ae68ed889552ab5d121411f51eac5103a035454f57a11da25aa1cf832e85"


@pytest.mark.parametrize(("kind", "text"), [("diagnosis", "x"), ("phone", "")])
def test_unknown_kinds_and_empty_texts_are_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match="blind index"):
        blind(kind, text)


def test_without_its_key_the_index_is_another(settings: Settings) -> None:
    before = blind("phone", PHONE)
    settings.BLIND_KEYS = {"b1": b"\x02" * 32}
    assert blind("phone", PHONE) != before


def test_during_rotation_both_keys_are_searched(settings: Settings) -> None:
    old = blind("phone", PHONE)
    settings.BLIND_KEYS = {"b9": b"\x09" * 32, **settings.BLIND_KEYS}
    assert blind_version() == "b9"
    assert blinds("phone", PHONE) == [blind("phone", PHONE), old]


def add_phone(subject: DataSubject, written: str) -> ContactPoint:
    point = ContactPoint(subject=subject, clinic=subject.clinic, kind="phone")
    point.seal_value(phone_forms(phone_e164(written))[0], mask="·4321")
    point.save()
    return point


@pytest.mark.django_db
@pytest.mark.parametrize("searched", ["11 98765-4321", "+55 11 8765-4321", "5511987654321"])
def test_a_person_is_found_under_every_writing_of_the_telephone(
    make_subject: Callable[..., DataSubject], searched: str
) -> None:
    point = add_phone(make_subject(), "+551187654321")
    add_phone(make_subject(), "+5521987654321")
    found = ContactPoint.objects.matching(point.clinic_id, "phone", phone_forms(phone_e164(searched)))
    assert list(found) == [point]


@pytest.mark.django_db
def test_another_clinics_person_is_not_found(make_subject: Callable[..., DataSubject], other_clinic: Clinic) -> None:
    add_phone(make_subject(clinic=other_clinic), PHONE)
    mine = make_subject()
    assert not ContactPoint.objects.matching(mine.clinic_id, "phone", [PHONE]).exists()


@pytest.mark.django_db
def test_a_person_indexed_before_a_rotation_is_still_found(
    make_subject: Callable[..., DataSubject], settings: Settings
) -> None:
    point = add_phone(make_subject(), PHONE)
    settings.BLIND_KEYS = {"b9": b"\x09" * 32, **settings.BLIND_KEYS}
    assert ContactPoint.objects.matching(point.clinic_id, "phone", [PHONE]).get() == point
