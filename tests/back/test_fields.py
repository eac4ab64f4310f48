"""Which side of a field is written: pure, by digests alone."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.back.fields import (
    Rules,
    Side,
    Versions,
    agreed_there,
    digest_of,
    put,
    seen,
    settled,
    to_write,
)
from bridge.clients.shapes import Labelled, Person

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANA, ANNA, HANNA = (digest_of("name", name) for name in ("Ana", "Anna", "Hanna"))
AGREED = {"name": ANA, "name_there": ANA}


def person(name: str = "Ana", emails: tuple[str, ...] = (), phones: tuple[str, ...] = ()) -> Person:
    return Person(
        id=7, name=name, emails=tuple(Labelled(e) for e in emails), phones=tuple(Labelled(p) for p in phones),
        job_title=None, organization_id=None, owner_id=None, updated_at=NOON,
    )  # fmt: skip


NOBODY_TELLS = Versions()


def written(chat: str, there: str, source: str = "chatwoot", versions: Versions = NOBODY_TELLS) -> dict[str, Side]:
    rules = Rules({"name": source})
    return to_write({"name": chat}, {"name": there}, AGREED, rules, versions)


def test_a_change_on_one_side_is_carried_to_the_other_whatever_the_setting() -> None:
    for source in ("chatwoot", "krayin", "newest"):
        assert written(ANNA, ANA, source) == {"name": Side.TO_KRAYIN}
        assert written(ANA, ANNA, source) == {"name": Side.TO_CHATWOOT}


def test_without_a_change_nothing_is_written() -> None:
    assert written(ANA, ANA) == {}


def test_when_both_changed_the_setting_decides() -> None:
    assert written(ANNA, HANNA, "chatwoot") == {"name": Side.TO_KRAYIN}
    assert written(ANNA, HANNA, "krayin") == {"name": Side.TO_CHATWOOT}


def test_both_sides_changed_to_the_same_value_is_an_agreement() -> None:
    assert written(ANNA, ANNA) == {}
    assert settled({"name": ANNA}, {"name": ANNA}, AGREED) == {
        "name": ANNA, "name_there": ANNA, "name_written": ANNA,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("chatwoot", "krayin", "side"),
    [
        (NOON, NOON + timedelta(seconds=5), Side.TO_CHATWOOT),
        (NOON, NOON - timedelta(seconds=5), Side.TO_KRAYIN),
        (NOON, NOON, Side.TO_KRAYIN),
        (None, NOON, Side.TO_KRAYIN),
        (NOON, None, Side.TO_KRAYIN),
    ],
)
def test_the_newest_wins_where_both_tell_when(chatwoot: datetime | None, krayin: datetime | None, side: Side) -> None:
    assert written(ANNA, HANNA, "newest", Versions(chatwoot, krayin)) == {"name": side}


def test_a_stopped_field_is_written_nowhere() -> None:
    rules = Rules({"name": "krayin"}, frozenset({"name"}))
    assert to_write({"name": ANNA}, {"name": HANNA}, AGREED, rules, Versions()) == {}


def test_a_value_emptied_in_krayin_stays_in_chatwoot() -> None:
    base = {"email": digest_of("email", "a@b.com"), "email_there": digest_of("email", "a@b.com")}
    chat = {"email": digest_of("email", "a@b.com")}
    assert to_write(chat, {"email": ""}, base, Rules(), Versions()) == {}


def test_before_the_first_reading_krayin_has_changed_nothing() -> None:
    assert to_write({"name": ANA}, {"name": HANNA}, {"name": ANA}, Rules(), Versions()) == {}


def test_the_ninth_digit_makes_no_difference() -> None:
    chat = {"phone": digest_of("phone", "+551187654321")}
    there = seen(person(phones=("+55 11 98765-4321",)), chat, {})
    base = {"phone": chat["phone"], **agreed_there(there)}
    assert to_write(chat, there, base, Rules(), Versions()) == {}
    moved = {"phone": digest_of("phone", "+551187654321"), "phone_there": digest_of("phone", "+5511900000000")}
    assert to_write(chat, there, moved, Rules(), Versions()) == {}


def test_a_second_address_that_people_add_is_no_change() -> None:
    chat = {"email": digest_of("email", "a@b.com")}
    base = {"email": chat["email"], "email_there": chat["email"]}
    there = seen(person(emails=("novo@b.com", "a@b.com")), chat, base)
    assert to_write(chat, there, base, Rules(), Versions()) == {}


def test_an_unroutable_address_of_ours_is_no_value() -> None:
    assert seen(person(emails=("ponte-x-c1@sem-email.invalid",)), {}, {})["email"] == ""


def test_an_emptied_value_leaves_no_digest() -> None:
    assert put({"name": ANA, "name_there": ANA}, "name", "") == {"name_there": ANA}
