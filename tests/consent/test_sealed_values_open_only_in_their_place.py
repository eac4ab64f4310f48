"""A sealed value opens with its own key, in its own row and field, for its own person, unchanged; else never."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from consent.encryption import (
    Actor,
    Context,
    KeyMissing,
    Opener,
    RevealDenied,
    Sealed,
    Undecryptable,
    destroy_subject_keys,
    ensure_day_key,
    ensure_day_keys,
    ensure_subject_keys,
    open_day,
    open_for,
    open_system,
    seal,
    seal_day,
    seal_many,
    seal_system,
)
from consent.encryption.datakeys import cache, fresh_key
from consent.models import DataKey, DataSubject

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

TEXT = "Maria da Silva, exame de sangue"
HERE = Context("bridge.ObservedContact", "name", "7d2f")
LANES = Actor.system("lanes")


def opener(*subjects: DataSubject) -> Opener:
    return open_for([subject.pk for subject in subjects], actor=LANES, purpose="system", fields=["name"])


def test_a_sealed_text_opens_again(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=HERE)
    assert opener(subject).text(sealed, subject=subject.pk, context=HERE) == TEXT
    assert TEXT.encode() not in sealed.blob


def test_the_same_text_never_seals_to_the_same_bytes(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    first, second = seal_many([(TEXT, subject.pk, HERE)] * 2)
    assert first.blob != second.blob


def test_changing_any_byte_makes_a_value_undecryptable(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    blob = seal(TEXT, subject=subject.pk, context=HERE).blob
    opens = opener(subject)
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(Undecryptable):
            opens.text(Sealed(bytes(changed)), subject=subject.pk, context=HERE)


@pytest.mark.parametrize("length", [0, 1, 5, 17, 33])
def test_a_cut_value_is_undecryptable(make_subject: Callable[..., DataSubject], length: int) -> None:
    subject = make_subject()
    blob = seal(TEXT, subject=subject.pk, context=HERE).blob
    with pytest.raises(Undecryptable):
        opener(subject).text(Sealed(blob[:length]), subject=subject.pk, context=HERE)


@pytest.mark.parametrize("elsewhere", [{"row": "7d30"}, {"field": "email"}, {"model": "bridge.ObservedMessage"}])
def test_a_ciphertext_moved_to_another_place_does_not_open(
    make_subject: Callable[..., DataSubject], elsewhere: dict[str, str]
) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=HERE)
    with pytest.raises(Undecryptable):
        opener(subject).text(sealed, subject=subject.pk, context=replace(HERE, **elsewhere))


def test_a_ciphertext_given_to_another_person_does_not_open(make_subject: Callable[..., DataSubject]) -> None:
    maria, joana = make_subject(), make_subject()
    sealed = seal(TEXT, subject=maria.pk, context=HERE)
    with pytest.raises(Undecryptable):
        opener(maria, joana).text(sealed, subject=joana.pk, context=HERE)


def test_a_data_key_moved_to_another_person_does_not_open(make_subject: Callable[..., DataSubject]) -> None:
    maria, joana = make_subject(), make_subject()
    sealed = seal(TEXT, subject=maria.pk, context=HERE)
    stolen = DataKey.objects.get(ref=str(maria.pk)).wrapped
    DataKey.objects.filter(ref=str(joana.pk)).update(wrapped=stolen)
    with pytest.raises(Undecryptable):
        opener(joana).text(sealed, subject=joana.pk, context=HERE)


def test_a_row_that_looks_like_another_place_stays_apart(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=Context("a", "b", "c|d"))
    with pytest.raises(Undecryptable):
        opener(subject).text(sealed, subject=subject.pk, context=Context("a", "b", "c"))
    with pytest.raises(ValueError, match=r"no \|"):
        Context("a", "b|c", "d")


def test_the_wrong_master_key_opens_nothing(make_subject: Callable[..., DataSubject], settings: Settings) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=HERE)
    cache.clear()
    name = next(iter(settings.MASTER_KEYS))
    settings.MASTER_KEYS = {name: b"\x01" * 32}
    with pytest.raises(Undecryptable):
        opener(subject).text(sealed, subject=subject.pk, context=HERE)


def test_old_values_open_beside_a_new_master_key(make_subject: Callable[..., DataSubject], settings: Settings) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=HERE)
    cache.clear()
    settings.MASTER_KEYS = {"m9": b"\x09" * 32, **settings.MASTER_KEYS}
    newcomer = make_subject()
    assert opener(subject).text(sealed, subject=subject.pk, context=HERE) == TEXT
    assert DataKey.objects.get(ref=str(newcomer.pk)).master_key_id == "m9"


def test_without_a_data_key_nothing_is_sealed(make_subject: Callable[..., DataSubject]) -> None:
    with pytest.raises(KeyMissing):
        seal(TEXT, subject=uuid4(), context=HERE)


def test_a_destroyed_key_closes_the_values_for_ever(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    sealed = seal(TEXT, subject=subject.pk, context=HERE)
    assert destroy_subject_keys([subject.pk], now=timezone.now()) == 1
    ensure_subject_keys([subject.pk])
    with pytest.raises(KeyMissing):
        opener(subject).text(sealed, subject=subject.pk, context=HERE)
    with pytest.raises(KeyMissing):
        seal(TEXT, subject=subject.pk, context=HERE)


def test_an_older_version_of_a_persons_key_still_opens(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    old = seal(TEXT, subject=subject.pk, context=HERE)
    fresh_key("subject", str(subject.pk), 2).save()
    new = seal(TEXT, subject=subject.pk, context=HERE)
    opens = opener(subject)
    assert (old.blob[2:6], new.blob[2:6]) == (b"\0\0\0\1", b"\0\0\0\2")
    assert opens.text(old, subject=subject.pk, context=HERE) == opens.text(new, subject=subject.pk, context=HERE)


@pytest.mark.parametrize("count", [1, 40])
def test_sealing_for_many_people_reads_their_keys_once(
    make_subject: Callable[..., DataSubject], django_assert_num_queries: Callable[..., object], count: int
) -> None:
    subjects = [make_subject() for _ in range(count)]
    with django_assert_num_queries(1):
        sealed = seal_many([(f"texto {n}", subject.pk, HERE) for n, subject in enumerate(subjects)])
    opens = opener(*subjects)
    texts = [opens.text(s, subject=subject.pk, context=HERE) for s, subject in zip(sealed, subjects, strict=True)]
    assert texts == [f"texto {n}" for n in range(count)]


def test_keys_are_made_once(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    before = DataKey.objects.get(ref=str(subject.pk)).wrapped
    ensure_subject_keys([subject.pk, subject.pk])
    assert [bytes(row.wrapped) for row in DataKey.objects.filter(ref=str(subject.pk))] == [bytes(before)]


# Operator secrets and bodies ------------------------------------------------------------------------------------------

SECRET_HERE = Context("bridge.Connection", "api_token", "12")


def test_an_operator_secret_opens_for_jobs_in_its_place_only() -> None:
    sealed = seal_system(b"token", context=SECRET_HERE)
    assert open_system(sealed, context=SECRET_HERE, actor=LANES, purpose="system") == b"token"
    with pytest.raises(Undecryptable):
        open_system(sealed, context=replace(SECRET_HERE, row="13"), actor=LANES, purpose="system")


BODY_HERE = Context("bridge.WebhookBody", "body", "991")
DAY = date(2026, 11, 20)


def test_a_body_opens_with_the_key_of_its_day() -> None:
    sealed = seal_day(b"{}", day=DAY, context=BODY_HERE)
    assert open_day(sealed, context=BODY_HERE, actor=LANES, purpose="system") == b"{}"
    assert list(DataKey.objects.filter(ref="2026-11-20").values_list("kind", "version")) == [("day", DAY.toordinal())]


def test_a_body_whose_day_was_changed_does_not_open() -> None:
    ensure_day_key(date(2026, 11, 21))
    blob = bytearray(seal_day(b"{}", day=DAY, context=BODY_HERE).blob)
    blob[2:6] = date(2026, 11, 21).toordinal().to_bytes(4, "big")
    with pytest.raises(Undecryptable):
        open_day(Sealed(bytes(blob)), context=BODY_HERE, actor=LANES, purpose="system")
    blob[2:6] = b"\xff" * 4
    with pytest.raises(KeyMissing):
        open_day(Sealed(bytes(blob)), context=BODY_HERE, actor=LANES, purpose="system")


def test_todays_and_tomorrows_keys_are_made_ahead() -> None:
    ensure_day_keys(date(2026, 12, 31))
    assert set(DataKey.objects.filter(kind="day").values_list("ref", flat=True)) >= {"2026-12-31", "2027-01-01"}


def test_kinds_of_keys_do_not_open_each_others_values() -> None:
    body = seal_day(b"{}", day=DAY, context=BODY_HERE)
    with pytest.raises(Undecryptable):
        open_system(body, context=BODY_HERE, actor=LANES, purpose="system")


def test_staff_open_neither_secrets_nor_bodies(make_user: Callable[..., object]) -> None:
    staff = Actor.staff(make_user(is_superuser=True))
    with pytest.raises(RevealDenied):
        open_system(seal_system(b"t", context=SECRET_HERE), context=SECRET_HERE, actor=staff, purpose="support")
    with pytest.raises(RevealDenied):
        open_day(seal_day(b"{}", day=DAY, context=BODY_HERE), context=BODY_HERE, actor=staff, purpose="support")


# The cache ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_key_of_a_transaction_that_rolled_back_is_not_remembered() -> None:
    subject = uuid4()
    with transaction.atomic():
        ensure_subject_keys([subject])
        seal(TEXT, subject=subject, context=HERE)
        transaction.set_rollback(True)
    with pytest.raises(KeyMissing):
        seal(TEXT, subject=subject, context=HERE)


@pytest.mark.django_db(transaction=True)
def test_a_committed_key_is_remembered(django_assert_num_queries: Callable[..., object]) -> None:
    subject = uuid4()
    ensure_subject_keys([subject])
    seal(TEXT, subject=subject, context=HERE)
    with django_assert_num_queries(0):
        seal(TEXT, subject=subject, context=HERE)
