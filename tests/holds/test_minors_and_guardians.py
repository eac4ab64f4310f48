"""Minors: only a verified guardian consents for them, until they are 18 and 90 days more (Art. 14, lgpd 4)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from factories import user

from consent.decisions import decide
from consent.holds import (
    Refused,
    end_guardianship,
    end_minority,
    guardian_of,
    mark_minor,
    minors_without_guardian,
    turning_adult,
    verify_guardian,
)
from consent.models import (
    Clinic,
    ConsentEvent,
    ConsentRecord,
    DataSubject,
    Guardianship,
    Minority,
    TextKind,
    TextVersion,
    User,
)
from consent.policy import Action, Category, Purpose
from consent.roles import Role
from consent.texts import serve
from tests.holds.kept_people import DAY, NOW, PAPER, dpo_of, person, sunny
from tests.texts.shown_texts import approved

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
BORN = date(2010, 5, 17)  # 16 years old
TURNS_18 = datetime(2028, 5, 1, 15, tzinfo=UTC)


@pytest.fixture
def sol() -> Clinic:
    return sunny()


@pytest.fixture
def dpo(sol: Clinic) -> User:
    return dpo_of(sol)


@pytest.fixture
def text(sol: Clinic, dpo: User) -> TextVersion:
    return approved(sol, TextKind.CONSENT, purpose="marketing", body="*Novidades?*", by=dpo)


@pytest.fixture
def teo(sol: Clinic, dpo: User) -> DataSubject:
    made = person(sol)
    mark_minor(made, birth_month=BORN, by=dpo, now=NOW)
    return made


def verified(minor: DataSubject, guardian: DataSubject, by: User, at: datetime = NOW, **said: Any) -> Guardianship:
    values = {"relation": "mother", "method": "birth_certificate", "evidence_sha256": PAPER}
    return verify_guardian(minor, guardian, by=by, now=at, **values | said)


def says_yes(to: TextVersion, whose: DataSubject, guardian: DataSubject | None, at: datetime = NOW) -> None:
    record = ConsentRecord.objects.create(
        subject=whose, consent_type="marketing", status="granted", granted_at=at, consent_text=to.shown,
        consent_version=str(to.number),
    )  # fmt: skip
    ConsentEvent.objects.create(
        subject=whose, record=record, consent_type="marketing", state="given", event_time=at, channel="chat",
        base="A11-I", text_version=to, served=serve(to, whose, channel="chat", now=at), evidence_kind="message",
        evidence_sha256=b"\0" * 32, actor_type="person", guardian=guardian,
    )  # fmt: skip


def may_send(to: DataSubject, at: datetime = NOW, purpose: Purpose = Purpose.MARKETING) -> str:
    return decide(to, purpose=purpose, category=Category.LEAD, action=Action.SEND, now=at).reason


def test_only_the_verified_guardians_yes_counts(sol: Clinic, teo: DataSubject, dpo: User, text: TextVersion) -> None:
    mother, stranger = person(sol), person(sol)
    assert may_send(teo) == "minor"
    verified(teo, mother, dpo)
    assert may_send(teo) == "no_consent"
    says_yes(text, teo, None)
    assert may_send(teo) == "minor", "the minor's own yes"
    says_yes(text, teo, stranger)
    assert may_send(teo) == "minor", "of somebody nobody verified"
    says_yes(text, teo, mother)
    assert may_send(teo) == "allowed"
    assert may_send(teo, purpose=Purpose.CARE_CONTACT) == "allowed", "care needs no consent"


def test_a_guardians_yes_ends_with_the_guardianship(
    sol: Clinic, teo: DataSubject, dpo: User, text: TextVersion
) -> None:
    mother = person(sol)
    row = verified(teo, mother, dpo)
    says_yes(text, teo, mother)
    end_guardianship(row, by=dpo, now=NOW + DAY)
    assert may_send(teo, NOW + DAY) == "minor"
    assert guardian_of(teo, mother, NOW + DAY) is None
    with pytest.raises(Refused, match="not_begun"):
        end_guardianship(row, by=dpo, now=NOW + DAY)


def test_a_guardians_yes_lasts_until_18_and_90_days_more(
    sol: Clinic, teo: DataSubject, dpo: User, text: TextVersion
) -> None:
    mother = person(sol)
    verified(teo, mother, dpo)
    says_yes(text, teo, mother, at=TURNS_18 - 60 * DAY)
    assert [may_send(teo, TURNS_18 + timedelta(days=days)) for days in (0, 89, 90)] == ["allowed", "allowed", "minor"]
    says_yes(text, teo, None, at=TURNS_18 + 35 * DAY)
    assert may_send(teo, TURNS_18 + 90 * DAY) == "allowed", "grown up, the person's own yes counts"


def test_who_turns_18_this_month_is_to_be_asked(sol: Clinic, teo: DataSubject) -> None:
    own = Clinic.objects.filter(pk=sol.pk)
    assert list(turning_adult(own, TURNS_18 - 2 * DAY)) == []
    assert [row.subject for row in turning_adult(own, TURNS_18)] == [teo]


def test_of_the_birth_only_the_month_is_kept(teo: DataSubject) -> None:
    assert Minority.objects.get().birth_month == date(2010, 5, 1)


def test_minors_without_a_verified_guardian_are_listed(sol: Clinic, teo: DataSubject, dpo: User) -> None:
    own = Clinic.objects.filter(pk=sol.pk)
    assert list(minors_without_guardian(own, NOW)) == [teo]
    verified(teo, person(sol), dpo)
    assert list(minors_without_guardian(own, NOW)) == []


def test_an_adult_again_only_the_own_will_counts(sol: Clinic, teo: DataSubject, dpo: User) -> None:
    verified(teo, person(sol), dpo)
    end_minority(teo, by=dpo, now=NOW)
    assert not Guardianship.objects.filter(ended_at=None).exists()
    assert may_send(teo) == "no_consent"
    with pytest.raises(Refused, match="not_minor"):
        end_minority(teo, by=dpo, now=NOW)


@pytest.mark.parametrize(("born", "reason"), [(date(2008, 10, 31), "grown_up"), (date(2027, 1, 1), "birth_month")])
def test_a_month_that_cannot_be_a_minors_is_refused(sol: Clinic, dpo: User, born: date, reason: str) -> None:
    anna = person(sol)
    with pytest.raises(Refused, match=reason):
        mark_minor(anna, birth_month=born, by=dpo, now=NOW)
    anna.refresh_from_db()
    assert (anna.is_minor, Minority.objects.exists()) == (False, False)


def test_a_guardian_who_cannot_be_one_is_refused(sol: Clinic, teo: DataSubject, dpo: User) -> None:
    mother, adult = person(sol), person(sol)
    wrong = {
        "same_person": (teo, teo, {}),
        "not_minor": (adult, mother, {}),
        "other_clinic": (teo, person(sunny("Clínica Lua")), {}),
        "guardian_is_minor": (teo, person(sol, subject={"is_minor": True}), {}),
        "evidence_missing": (teo, mother, {"evidence_sha256": ""}),
    }
    for reason, (minor, guardian, said) in wrong.items():
        with pytest.raises(Refused, match=reason):
            verified(minor, guardian, dpo, **said)
    with pytest.raises(Refused, match="not_permitted"):
        verified(teo, mother, user(Role.CLINIC_MANAGER, sol))
    assert not Guardianship.objects.exists()
    verified(teo, mother, dpo)
    with pytest.raises(Refused, match="already_guardian"):
        verified(teo, mother, dpo)
