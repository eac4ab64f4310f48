"""C9: who sees what is frozen, who freezes and frees, and the page of one person's restrictions."""

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import EMAIL, PHONE, connection, contact, signed_in

from audit.models import AuditLog
from consent.access import sessions
from consent.models import Clinic, DataSubject, Guardianship, LegalHold, Minority
from consent.roles import Role
from tests.holds.kept_people import DAY, held, order, person, sunny

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LIST = "admin:consent_legalhold_changelist"


@pytest.fixture
def sol() -> Clinic:
    return sunny()


@pytest.fixture
def dpo(sol: Clinic) -> Client:
    return signed_in(Role.DPO, sol)


def on(name: str, *args: Any) -> str:
    return reverse(f"admin:consent_legalhold_{name}", args=args)


def form(**said: Any) -> dict[str, Any]:
    day = (timezone.localdate() + 90 * DAY).isoformat()
    return {
        "scope": "person", "person": PHONE, "reason": "judicial_order", "document": "0001234-55.2026",
        "file": SimpleUploadedFile("ordem.pdf", b"ordem"), "review_on": day, "explanation": "Ação de Marina.", **said,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.DPO, 200),
        (Role.DPO_SUBSTITUTE, 200),
        (Role.AUDITOR, 200),
        (Role.CLINIC_MANAGER, 403),
        (Role.SUPERVISOR, 403),
    ],
)
def test_who_sees_the_holds(sol: Clinic, role: Role, status: int) -> None:
    hold = held(person(sol))
    browser = signed_in(role, sol)
    assert browser.get(reverse(LIST)).status_code == status
    assert browser.get(on("change", hold.pk)).status_code == (200 if status == 200 else 404)


def test_another_clinics_holds_and_people_do_not_exist(sol: Clinic, dpo: Client) -> None:
    lua = sunny("Clínica Lua")
    anna = person(lua)
    hold = held(anna)
    for address in (on("change", hold.pk), on("change", "nonsense"), on("place", lua.pk), on("person", anna.pk)):
        assert dpo.get(address).status_code == 404, address
    for address, said in (
        (on("act", hold.pk), {"do": "release", "reason": "mistake"}),
        (on("person_act", anna.pk), {"do": "block", "reason": "dpo"}), (on("place", lua.pk), form()),
    ):  # fmt: skip
        assert dpo.post(address, said).status_code == 404, address
    anna.refresh_from_db()
    assert (anna.blocked_at, LegalHold.objects.active().count()) == (None, 1)


def test_who_only_looks_changes_nothing(sol: Clinic) -> None:
    anna, auditor = person(sol), signed_in(Role.AUDITOR, sol)
    hold = held(anna)
    for address, said in (
        (on("act", hold.pk), {"do": "release", "reason": "mistake"}), (on("act", hold.pk), {"do": "read"}),
        (on("person_act", anna.pk), {"do": "block", "reason": "dpo"}), (on("place", sol.pk), form()),
    ):  # fmt: skip
        assert auditor.post(address, said).status_code == 404, address
    assert "Minerva" not in auditor.get(on("person", anna.pk)).content.decode()
    assert hold.is_active


def test_a_hold_is_placed_reviewed_and_released(sol: Clinic, dpo: Client) -> None:
    anna = person(sol)
    answer = dpo.post(on("place", sol.pk), form())
    hold = LegalHold.objects.get()
    assert answer.headers["Location"] == on("change", hold.pk)
    assert (hold.subject_id, hold.document_sha256) == (anna.pk, hashlib.sha256(b"ordem").hexdigest())
    assert AuditLog.objects.using("audit").filter(action="search", subject=anna.pseudonym).exists()
    assert "Marina" not in dpo.get(on("change", hold.pk)).content.decode()
    assert "Ação de Marina." in dpo.post(on("act", hold.pk), {"do": "read"}).content.decode()
    later = timezone.localdate() + 200 * DAY
    dpo.post(on("act", hold.pk), {"do": "review", "review_on": later.isoformat()})
    dpo.post(on("act", hold.pk), {"do": "release", "reason": "proceeding_over"})
    hold.refresh_from_db()
    assert (hold.review_on, hold.release_reason) == (later, "proceeding_over")
    for tab in ("", "released", "blocked", "minors"):
        assert dpo.get(f"{reverse(LIST)}?tab={tab}").status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        {"person": "+5511900000000"}, {"person": ""}, {"review_on": "2030-01-01"}, {"file": ""},
        {"scope": "conversation"}, {"scope": "category", "person": ""}, {"document": " "},
    ],
)  # fmt: skip
def test_what_is_missing_is_said_and_nothing_is_frozen(sol: Clinic, dpo: Client, said: dict[str, Any]) -> None:
    person(sol)
    answer = dpo.post(on("place", sol.pk), form(**said))
    assert answer.context["form"].errors
    assert not LegalHold.objects.exists()


def test_several_people_on_one_telephone_are_not_guessed_between(sol: Clinic, dpo: Client) -> None:
    first, second = person(sol), person(sol)
    assert "person" in dpo.post(on("place", sol.pk), form()).context["form"].errors
    dpo.post(f"{on('place', sol.pk)}?person={second.pk}", form())
    assert LegalHold.objects.get().subject_id == second.pk != first.pk


def test_a_stale_sign_in_freezes_and_frees_nothing(sol: Clinic, dpo: Client) -> None:
    hold = held(person(sol))
    session = dpo.session
    session[sessions.CHECKED] = 0
    session.save()
    for address, said in ((on("act", hold.pk), {"do": "release", "reason": "mistake"}), (on("place", sol.pk), form())):
        assert reverse("account-recheck") in dpo.post(address, said).headers["Location"]
    assert [one.is_active for one in LegalHold.objects.all()] == [True]


def test_a_persons_restrictions_on_one_page(sol: Clinic, dpo: Client) -> None:
    here = connection(sol)
    teo, mother = contact(here).subject, contact(here, phone=None, email=EMAIL).subject
    act = on("person_act", teo.pk)

    def now() -> DataSubject:
        assert dpo.get(on("person", teo.pk)).status_code == 200
        return DataSubject.objects.get(pk=teo.pk)

    dpo.post(act, {"do": "block", "reason": "accuracy"})
    assert now().blocked_at
    dpo.post(act, {"do": "unblock", "reason": "accuracy"})
    dpo.post(act, {"do": "oppose", "purpose": "marketing"})
    assert (now().blocked_at, now().opposed_purposes) == (None, ["marketing"])
    dpo.post(act, {"do": "agree", "purpose": "marketing"})
    dpo.post(act, {"do": "minor", "birth_month": "05/2015"})
    assert (now().is_minor, Minority.objects.get().birth_month.isoformat()) == (True, "2015-05-01")
    dpo.post(act, {
        "do": "guardian", "guardian": EMAIL, "relation": "mother", "method": "birth_certificate",
        "paper": SimpleUploadedFile("certidao.pdf", b"certidao"),
    })  # fmt: skip
    row = Guardianship.objects.get()
    assert (row.guardian_id, row.evidence_sha256) == (mother.pk, hashlib.sha256(b"certidao").hexdigest())
    dpo.post(act, {"do": "end_guardian", "row": str(row.pk)})
    dpo.post(act, {"do": "adult"})
    assert not now().is_minor
    dpo.post(act, {"do": "block", "reason": "nonsense"})
    assert now().blocked_at is None


def test_the_pages_ask_few_questions(sol: Clinic, dpo: Client, django_assert_max_num_queries: Any) -> None:
    people = [
        person(sol, phone=f"+55119876543{index:02}", subject={"blocked_at": timezone.now()}) for index in range(4)
    ]
    for one in people:
        held(one, order=order(review_on=(timezone.now() + 30 * DAY).date()))
    for tab in ("", "blocked", "minors"):
        with django_assert_max_num_queries(25):
            dpo.get(f"{reverse(LIST)}?tab={tab}")
    with django_assert_max_num_queries(25):
        dpo.get(on("person", people[0].pk))
