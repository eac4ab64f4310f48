"""Patients' records are only reviewed, leads are handed over for erasure, proofs and files leave after their years."""

from datetime import timedelta
from typing import Any

import pytest
from factories import clinic, link, numbers, user
from factories import connection as connected

from bridge.models import Connection, KrayinLead, ObservedContact, ObservedMessage
from consent.holds import place
from consent.models import (
    Clinic,
    ConsentRecord,
    DataRequest,
    DataSubject,
    Decision,
    RequestItem,
    RequestStep,
    RetentionCase,
    RetentionRun,
    User,
)
from consent.retention import cases, planning
from consent.retention.notes import Refused
from insights.models import Appointment
from tests.holds.kept_people import order
from tests.retention.ended import LATER, NOW, ago, approved, carried_out, left, message, patient, person

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
Kind = RetentionCase.Kind


def waiting(of: Clinic, kind: str) -> list[DataSubject]:
    return [case.subject for case in cases.waiting(of, kind)]


# Records of patients --------------------------------------------------------------------------------------------------


@pytest.mark.acceptance(4)
def test_a_record_is_reviewed_after_twenty_years_and_never_listed(sol: Connection, dpo: User) -> None:
    one = person(sol, ago(years=21))
    entry = patient(one, at=ago(years=19) - timedelta(days=364))
    assert planning.plan(sol.clinic, now=NOW).listed == 0
    assert waiting(sol.clinic, Kind.REVIEW) == []
    type(entry).objects.filter(pk=entry.pk).update(updated_at=ago(years=20))
    run = planning.plan(sol.clinic, now=NOW)
    assert (waiting(sol.clinic, Kind.REVIEW), run.listed, left(run)) == ([one.subject], 0, {})
    assert ObservedMessage.objects.filter(subject=one.subject).exists()


def test_a_new_entry_moves_the_whole_record(sol: Connection) -> None:
    one = person(sol, ago(years=21))
    patient(one, at=ago(years=22))
    planning.plan(sol.clinic, now=NOW)
    message(one, NOW)
    planning.plan(sol.clinic, now=LATER)
    assert waiting(sol.clinic, Kind.REVIEW) == []
    assert RetentionCase.objects.get().outcome == RetentionCase.Outcome.NOT_DUE


def reviewed(sol: Connection) -> RetentionCase:
    patient(person(sol, ago(years=21)), at=ago(years=21))
    planning.plan(sol.clinic, now=NOW)
    return RetentionCase.objects.get()


def test_a_record_that_is_kept_comes_back_when_people_said(sol: Connection, dpo: User) -> None:
    case = reviewed(sol)
    again = (NOW + timedelta(days=30)).date()
    cases.decide(case, "keep", by=dpo, now=NOW, again_on=again)
    planning.plan(sol.clinic, now=NOW + timedelta(days=29))
    assert waiting(sol.clinic, Kind.REVIEW) == []
    planning.plan(sol.clinic, now=NOW + timedelta(days=31))
    assert waiting(sol.clinic, Kind.REVIEW) == [case.subject]


def test_a_record_to_erase_goes_to_the_list_of_erasures_with_its_paper(sol: Connection, dpo: User) -> None:
    case = reviewed(sol)
    with pytest.raises(Refused, match="document"):
        cases.decide(case, "erase", by=dpo, now=NOW)
    cases.decide(case, "erase", by=dpo, now=NOW, document="Ata 12/2026")
    assert waiting(sol.clinic, Kind.ERASURE) == [case.subject]
    with pytest.raises(Refused, match="decided"):
        cases.decide(case, "keep", by=dpo, now=NOW, again_on=(NOW + timedelta(days=9)).date())
    DataSubject.objects.filter(pk=case.subject_id).update(erased_at=NOW)
    planning.plan(sol.clinic, now=LATER)
    assert waiting(sol.clinic, Kind.ERASURE) == []


def test_a_held_record_cannot_be_given_for_erasure(sol: Connection, dpo: User) -> None:
    case = reviewed(sol)
    place(sol.clinic, order(), scope="person", by=dpo, now=NOW, subject=case.subject)
    with pytest.raises(Refused, match="held"):
        cases.decide(case, "erase", by=dpo, now=NOW, document="Ata 12/2026")
    assert waiting(sol.clinic, Kind.REVIEW) == [case.subject]


# Leads ----------------------------------------------------------------------------------------------------------------


def test_who_only_asked_is_handed_over_after_a_year(sol: Connection, dpo: User) -> None:
    old, young = person(sol, ago(months=12)), person(sol, ago(months=11, days=25))
    message(old, ago(days=2), "outgoing")  # the clinic's own messages keep nobody
    run = approved(sol.clinic, by=dpo)
    assert run.counts == {"leads": {"2026-11": 1}}
    assert carried_out().is_exact
    assert waiting(sol.clinic, Kind.ERASURE) == [old.subject]
    assert ObservedMessage.objects.filter(subject__in=[old.subject, young.subject]).count() == 3
    assert RetentionRun.objects.get(state="nothing").listed == 0  # once is enough


def won(one: ObservedContact) -> None:
    link(one, person=31, lead=71)
    KrayinLead.objects.create(krayin=one.connection.krayin, lead_id=71, person_id=31, stage_id=5, closed_at=NOW)


def came(one: ObservedContact) -> None:
    link(one, person=32, lead=72)
    Appointment.objects.create(
        connection=one.connection, krayin_lead_id=72, ref="a", status="attended", booked_at=NOW, starts_at=NOW
    )


def agreed(one: ObservedContact) -> None:
    ConsentRecord.objects.create(
        subject=one.subject, consent_type="marketing", status="granted", granted_at=NOW, consent_text="x",
        consent_version="1",
    )  # fmt: skip


def noted(one: ObservedContact) -> None:
    patient(one, at=NOW)


@pytest.mark.parametrize("sign", [won, came, agreed, noted])
def test_patients_and_who_agreed_to_news_are_no_leads(sol: Connection, sign: Any) -> None:
    one = person(sol, ago(years=3))
    assert planning.plan(sol.clinic, now=NOW).listed == 1
    sign(one)
    assert planning.plan(sol.clinic, now=NOW).listed == 0


# Proofs, files, decisions ---------------------------------------------------------------------------------------------


def test_proof_of_consent_leaves_five_years_after_the_person(sol: Connection, dpo: User) -> None:
    gone, there = person(sol, NOW), person(sol, NOW)
    agreed(gone)
    agreed(there)
    DataSubject.objects.filter(pk=gone.subject_id).update(erased_at=ago(years=5))
    run = approved(sol.clinic, by=dpo)
    assert run.counts == {"consent_proofs": {"2026-11": 1}}
    assert carried_out().is_exact
    assert [row.subject for row in ConsentRecord.objects.all()] == [there.subject]


def filed(of: Clinic, closed_at: Any, state: str = "closed") -> DataRequest:
    holder = DataSubject.objects.create(clinic=of)
    made = DataRequest.objects.create(
        protocol=f"2020-{next(numbers):08}", clinic=of, holder=holder, channel="form", received_at=closed_at,
        regime="full", rules_version="1",
    )  # fmt: skip
    told = {"sent_at": closed_at, "answer_sha256": "a" * 64, "proof_sha256": "b" * 64, "verified": "checked"}
    item = RequestItem.objects.create(
        request=made, right="T02", state=state, received_at=closed_at, due_at=closed_at,
        **(told if state == "closed" else {}),
    )  # fmt: skip
    RequestStep.objects.create(
        item=item, from_state="delivered", to_state=state, actor_kind="staff", actor_ref="1", rules_version="1",
        at=closed_at,
    )  # fmt: skip
    return made


def test_files_of_requests_leave_five_years_after_they_were_closed(sol: Connection, dpo: User) -> None:
    filed(sol.clinic, ago(years=5))
    kept = [filed(sol.clinic, ago(years=4, months=11)), filed(sol.clinic, ago(years=9), state="ready")]
    assert approved(sol.clinic, by=dpo).counts == {"requests": {"2026-11": 1}}
    assert carried_out().is_exact
    assert list(DataRequest.objects.order_by("pk")) == sorted(kept, key=lambda one: one.pk)
    assert RequestStep.objects.count() == 2


def test_decisions_of_the_gate_leave_after_twenty_years(sol: Connection, dpo: User) -> None:
    one = person(sol, NOW)
    for when in (ago(years=20), ago(years=19)):
        Decision.objects.create(
            subject=one.subject, purpose="care_contact", category="R02", action="push", allowed=True,
            base="A11-II-f", policy_version="1", reason="allowed", decided_at=when,
        )  # fmt: skip
    approved(sol.clinic, by=dpo)
    assert carried_out().done == {"decisions": {"2026-11": 1}}
    assert Decision.objects.get().decided_at == ago(years=19)


# What belongs to all clinics ------------------------------------------------------------------------------------------


def test_accounts_of_who_left_lose_their_name_after_five_years(sol: Connection, dpo: User) -> None:
    left_long_ago, stays = user(None, name="Rita Moura"), user(None, name="Ana Prado")
    type(dpo).objects.filter(pk=left_long_ago.pk).update(ended_at=ago(years=5), is_active=False)
    assert approved(None, by=dpo).counts == {"staff_accounts": {"2026-11": 1}}
    assert carried_out().is_exact
    left_long_ago.refresh_from_db()
    stays.refresh_from_db()
    assert (left_long_ago.name, stays.name) == ("", "Ana Prado")
    assert left_long_ago.email.endswith("@ponte.invalid")


def test_what_touches_every_clinic_needs_the_dpo_of_all(sol: Connection, dpo: User) -> None:
    connected(clinic("Clínica Lua"))
    gone = user(None)
    type(dpo).objects.filter(pk=gone.pk).update(ended_at=ago(years=6), is_active=False)
    with pytest.raises(Refused, match="not_all_clinics"):
        approved(None, by=dpo)
    assert RetentionRun.objects.get(clinic=None).state == "planned"
