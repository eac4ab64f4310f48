"""A legal hold keeps data from every removal, whoever asks and by whatever way, until it is released."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import IntegrityError, connection, transaction
from factories import user

from audit.models import AuditLog
from consent.decisions import decide
from consent.encryption import destroy_subject_keys
from consent.encryption.renewal import renew
from consent.holds import HeldBack, Part, Refused, assert_removable, explanation_of, holds_on, place, release, review
from consent.holds.legal import holds_to_review
from consent.models import Clinic, ContactPoint, DataKey, DataSubject, LegalHold
from consent.policy import Action, Category, Purpose
from consent.roles import Role
from tests.holds.kept_people import DAY, IN_A_YEAR, NOW, dpo_of, held, order, person, sunny

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
WHOLE = Part()


@pytest.fixture
def sol() -> Clinic:
    return sunny()


def may_erase(subject: DataSubject, category: Category = Category.ADMINISTRATIVE) -> str:
    return decide(subject, purpose=Purpose.CARE_CONTACT, category=category, action=Action.ERASE, now=NOW).reason


# Placing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.AUDITOR, Role.TECHNICAL_ADMIN])
def test_only_the_dpo_places_and_the_attempt_is_on_record(sol: Clinic, role: Role) -> None:
    anna, other = person(sol), user(role, sol)
    with pytest.raises(Refused, match="not_permitted"):
        held(anna, by=other)
    row = AuditLog.objects.using("audit").get(action="hold.place")
    assert (row.actor_id, row.outcome, row.subject) == (other.pk, "denied", anna.pseudonym)
    assert not LegalHold.objects.exists()


@pytest.mark.parametrize(
    ("scope", "more", "reason"),
    [
        ("everything", {}, "scope"),
        ("person", {"part": Part(category="R01")}, "scope"),
        ("conversation", {}, "scope"),
        ("object", {"part": Part(record=("lead", ""))}, "scope"),
        ("category", {"part": Part(category="R99")}, "category"),
        ("person", {"order": order(review_on=NOW.date())}, "review_date"),
        ("person", {"order": order(review_on=IN_A_YEAR + DAY)}, "review_date"),
        ("person", {"order": order(document="")}, "document_missing"),
        ("person", {"order": order(document_sha256="")}, "document_missing"),
    ],
)
def test_a_hold_that_says_too_little_is_refused(sol: Clinic, scope: str, more: dict[str, Any], reason: str) -> None:
    anna = person(sol)
    with pytest.raises(Refused, match=reason):
        held(anna, scope=scope, **more)
    anna.refresh_from_db()
    assert (LegalHold.objects.count(), anna.has_hold) == (0, False)


def test_a_person_of_another_clinic_is_refused(sol: Clinic) -> None:
    with pytest.raises(Refused, match="other_clinic"):
        place(sol, order(), scope="person", by=dpo_of(sol), now=NOW, subject=person(sunny("Clínica Lua")))


def test_own_defence_needs_no_order_of_somebody_else(sol: Clinic) -> None:
    hold = held(person(sol), order=order(reason="own_defence", document="Caso 7", document_sha256=""))
    assert hold.is_active


def test_placing_reviewing_and_releasing_are_on_record(sol: Clinic) -> None:
    anna, dpo = person(sol), dpo_of(sol)
    hold = held(anna, by=dpo)
    review(hold, by=dpo, review_on=IN_A_YEAR + 30 * DAY, now=NOW + 40 * DAY)
    release(hold, by=dpo, reason="order_lifted", now=NOW + 50 * DAY)
    rows = AuditLog.objects.filter(object_id=str(hold.pk)).order_by("pk")
    assert [(row.action, row.reason_code) for row in rows] == [
        ("hold.place", "judicial_order"), ("hold.review", ""), ("hold.release", "order_lifted"),
    ]  # fmt: skip
    assert {row.subject for row in rows} == {anna.pseudonym}
    assert (hold.review_on, hold.released_by) == (IN_A_YEAR + 30 * DAY, dpo)


def test_a_released_hold_stays_released(sol: Clinic) -> None:
    hold, dpo = held(person(sol)), dpo_of(sol)
    release(hold, by=dpo, reason="mistake", now=NOW)
    for again in (
        lambda: release(hold, by=dpo, reason="mistake", now=NOW),
        lambda: review(hold, by=dpo, review_on=date(2027, 1, 1), now=NOW),
    ):
        with pytest.raises(Refused, match="already_released"):
            again()


def test_holds_to_review_are_those_of_the_next_thirty_days(sol: Clinic) -> None:
    soon = held(person(sol), order=order(review_on=(NOW + 30 * DAY).date()))
    held(person(sol), order=order(review_on=(NOW + 31 * DAY).date()))
    assert list(holds_to_review(Clinic.objects.all(), NOW)) == [soon]


# What it covers -------------------------------------------------------------------------------------------------------

LEAD, OTHER_LEAD = Part("R03", record=("lead", "71")), Part("R03", record=("lead", "72"))
TALK, OTHER_TALK = Part("R02", conversation="1287"), Part("R02", conversation="1288")


@pytest.mark.parametrize(
    ("scope", "part", "kept", "free"),
    [
        ("person", WHOLE, [WHOLE, LEAD, TALK], []),
        ("conversation", Part(conversation="1287"), [WHOLE, TALK], [OTHER_TALK, LEAD]),
        ("object", Part(record=("lead", "71")), [WHOLE, LEAD], [OTHER_LEAD, TALK]),
        ("category", Part(category="R02"), [WHOLE, TALK, OTHER_TALK], [LEAD]),
        ("all", WHOLE, [WHOLE, LEAD, TALK], []),
    ],
)
def test_a_hold_covers_its_scope_and_no_more(
    sol: Clinic, scope: str, part: Part, kept: list[Part], free: list[Part]
) -> None:
    anna = person(sol)
    hold = held(anna, scope=scope, part=part)
    for one in kept:
        with pytest.raises(HeldBack) as refused:
            assert_removable(anna, one)
        assert refused.value.holds == (hold,)
    for one in free:
        assert_removable(anna, one)
    assert holds_on(person(sunny("Clínica Lua"))) == []


@pytest.mark.parametrize(
    ("scope", "part", "reasons"),
    [
        ("person", WHOLE, ("hold", "hold")),
        ("all", WHOLE, ("hold", "hold")),
        ("category", Part(category="R02"), ("hold", "allowed")),
        ("conversation", Part(conversation="1287"), ("allowed", "allowed")),
    ],
)
def test_the_gate_knows_holds_on_person_category_and_clinic(
    sol: Clinic, scope: str, part: Part, reasons: tuple[str, str]
) -> None:
    anna = person(sol)
    hold = held(anna, scope=scope, part=part)
    assert (may_erase(anna, Category.ADMINISTRATIVE), may_erase(anna, Category.MARKETING)) == reasons
    release(hold, by=dpo_of(sol), reason="mistake", now=NOW)
    assert may_erase(anna) == "allowed"


def test_a_category_held_for_the_whole_clinic_is_held_for_each_person(sol: Clinic) -> None:
    anna = person(sol)
    place(sol, order(), scope="category", by=dpo_of(sol), now=NOW, part=Part(category="R02"))
    assert (may_erase(anna), may_erase(anna, Category.LEAD)) == ("hold", "allowed")


def test_the_flag_of_the_person_agrees_with_the_holds_on_them(sol: Clinic) -> None:
    anna, dpo = person(sol), dpo_of(sol)
    first, second = held(anna), held(anna)
    held(anna, scope="conversation", part=Part(conversation="1287"))

    def flag() -> bool:
        anna.refresh_from_db()
        return anna.has_hold

    assert flag()
    release(first, by=dpo, reason="mistake", now=NOW)
    assert flag()
    release(second, by=dpo, reason="mistake", now=NOW)
    assert not flag()


def test_a_hold_placed_after_the_plan_is_seen_at_execution(sol: Clinic) -> None:
    anna = person(sol)
    planned = DataSubject.objects.get(pk=anna.pk)
    assert may_erase(planned) == "allowed"
    held(anna)
    with pytest.raises(HeldBack), transaction.atomic():
        assert_removable(planned)
    assert may_erase(planned) == "hold"


# The database ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["person", "all"])
def test_the_database_refuses_every_way_around_it(sol: Clinic, scope: str) -> None:
    anna = person(sol)
    held(anna, scope=scope)
    people, points = DataSubject.objects.filter(pk=anna.pk), ContactPoint.objects.filter(subject=anna)
    attempts: list[Callable[[], Any]] = [
        lambda: people.update(erased_at=NOW),
        lambda: people.delete(),
        lambda: destroy_subject_keys([anna.pk], now=NOW),
        lambda: DataKey.objects.filter(ref=str(anna.pk)).delete(),
        lambda: connection.cursor().execute("DELETE FROM data_subjects WHERE id = %s", [anna.pk]),
    ]
    if scope == "person":
        attempts += [lambda: points.delete(), lambda: points.update(value=None), lambda: points.get().delete()]
    for attempt in attempts:
        with pytest.raises(IntegrityError, match=r"legal hold|foreign key|protected"), transaction.atomic():
            attempt()
    assert people.get().erased_at is None
    assert points.get().value is not None
    assert DataKey.objects.get(ref=str(anna.pk)).wrapped is not None


def test_a_hold_on_a_part_keeps_the_key_that_opens_it(sol: Clinic) -> None:
    anna = person(sol)
    hold = held(anna, scope="conversation", part=Part(conversation="1287"))
    with pytest.raises(IntegrityError, match="legal hold"), transaction.atomic():
        destroy_subject_keys([anna.pk], now=NOW)
    release(hold, by=dpo_of(sol), reason="proceeding_over", now=NOW)
    assert destroy_subject_keys([anna.pk], now=NOW) == 1


def test_a_new_data_key_is_given_under_a_hold_too(sol: Clinic) -> None:
    anna = person(sol)
    held(anna, order=order(explanation="Processo contra a clínica."))
    renew(anna.pk, now=NOW)
    assert renew(anna.pk, now=NOW + timedelta(days=400)).is_finished
    assert explanation_of(LegalHold.objects.get(), by=dpo_of(sol)) == "Processo contra a clínica."


def test_a_hold_is_neither_reworded_nor_removed(sol: Clinic) -> None:
    hold, dpo = held(person(sol)), dpo_of(sol)
    rows = LegalHold.objects.filter(pk=hold.pk)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ponte.retention = 'off'")
    attempts: list[Callable[[], Any]] = [
        lambda: rows.update(document="Outro"), lambda: rows.update(placed_by=dpo), lambda: rows.delete(),
        lambda: rows.update(review_on=IN_A_YEAR + 10 * DAY), lambda: rows.update(scope="all", subject=None),
    ]  # fmt: skip
    for attempt in attempts:
        with (
            pytest.raises(IntegrityError, match=r"keeps its rows|insert-only|chk_legal_holds_review"),
            transaction.atomic(),
        ):
            attempt()
    release(hold, by=dpo, reason="mistake", now=NOW)
    with pytest.raises(IntegrityError, match="keeps its rows"), transaction.atomic():
        rows.update(released_at=None, released_by=None, release_reason="")


def test_no_page_of_the_admin_removes_anything_of_a_person(sol: Clinic, rf: Any) -> None:
    request = rf.get("/admin/")
    request.user = user(None)
    of_people = [
        model for model in admin.site._registry if any(f.related_model is DataSubject for f in model._meta.fields)
    ]
    assert LegalHold in of_people
    assert [m._meta.label for m in of_people if admin.site._registry[m].has_delete_permission(request)] == []


# The reason in words --------------------------------------------------------------------------------------------------

WORDS = "Marina pede indenização pelo atendimento."


@pytest.mark.parametrize("scope", ["person", "all"])
def test_the_reason_in_words_is_sealed_and_its_opening_recorded(sol: Clinic, scope: str) -> None:
    hold, dpo = held(person(sol), scope=scope, order=order(explanation=WORDS)), dpo_of(sol)
    with connection.cursor() as cursor:
        cursor.execute("SELECT legal_holds::text FROM legal_holds")
        assert "Marina" not in cursor.fetchone()[0]
    assert explanation_of(hold, by=dpo) == WORDS
    row = AuditLog.objects.using("audit").get(action="reveal")
    assert (row.actor_id, row.clinic_id) == (dpo.pk, sol.pk)
    with pytest.raises(Refused, match="not_permitted"):
        explanation_of(hold, by=user(Role.AUDITOR, sol))
