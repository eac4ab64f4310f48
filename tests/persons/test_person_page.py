"""C3: one page for one person: what there is, why, until when, who saw it; masks until somebody says what for."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import EMAIL, PHONE, connection, contact, conversation, link, signed_in, user
from screens.pages import main_of

from audit.models import AuditLog
from audit.services import record
from consent.access import sessions
from consent.admin.person_tabs import TABS
from consent.datamap.rows import of_people, row_counts
from consent.encryption import Actor
from consent.holds import block, mark_minor
from consent.models import Clinic, DataSubject, Decision, ExportPackage
from consent.queries import person_data, person_history
from consent.requests.filing import Asked, file_request
from consent.roles import Role
from tests.holds.kept_people import dpo_of, sunny

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LIST = "admin:consent_datasubject_changelist"


@pytest.fixture
def sol() -> Clinic:
    return sunny()


@pytest.fixture
def marina(sol: Clinic) -> DataSubject:
    """Somebody with a conversation, links, a request, a decision, and staff that looked."""
    row = contact(connection(sol), email=EMAIL)
    conversation(row)
    link(row, conversations=[1287])
    subject: DataSubject = row.subject
    now = timezone.now()
    file_request(sol, Asked(rights=("T02",), channel="letter", received_at=now), now=now, subject=subject)
    Decision.objects.create(
        subject=subject, purpose="care_contact", category="R02", action="push", allowed=True, base="A11-II-f",
        policy_version="1", reason="allowed", decided_at=now,
    )  # fmt: skip
    record(
        action="reveal", actor_type="staff", actor_id=str(user(Role.SUPERVISOR, sol, name="Bia Rocha").pk),
        clinic_id=sol.pk, subject=subject.pseudonym, fields=["bridge.ObservedContact.name"], purpose="care",
        own_connection=False,
    )  # fmt: skip
    return subject


@pytest.fixture
def dpo(sol: Clinic) -> Client:
    return signed_in(Role.DPO, sol)


def on(name: str, *args: Any) -> str:
    return reverse(f"admin:consent_datasubject_{name}", args=args)


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.DPO, 200), (Role.AUDITOR, 200), (Role.CLINIC_MANAGER, 403), (Role.SUPERVISOR, 403)],
)
def test_who_sees_people(sol: Clinic, marina: DataSubject, role: Role, status: int) -> None:
    browser = signed_in(role, sol)
    assert browser.get(reverse(LIST)).status_code == status
    assert browser.get(on("change", marina.pk)).status_code == (200 if status == 200 else 404)


def test_another_clinics_people_and_files_of_requests_do_not_exist(
    sol: Clinic, marina: DataSubject, dpo: Client
) -> None:
    anna = contact(connection(sunny("Clínica Lua"))).subject
    file = DataSubject.objects.get(request_file__isnull=False)
    for one in (anna.pk, file.pk, "nonsense"):
        assert dpo.get(on("change", one)).status_code == 404
    for one in (anna.pk, file.pk):
        assert dpo.post(on("reveal", one), {"purpose": "dpo"}).status_code == 404
        for name in ("consent_exportpackage_ask", "consent_exceptionalaccess_ask", "consent_consentevent_register"):
            assert dpo.get(f"{reverse(f'admin:{name}')}?person={one}").status_code == 404, name
    listed = main_of(dpo.get(reverse(LIST)))
    assert str(marina) not in listed  # shown by mask
    assert [line["address"] for line in dpo.get(reverse(LIST)).context["lines"]] == [on("change", marina.pk)]


def test_every_tab_tells_its_part_masked_and_leaves_no_trace(sol: Clinic, marina: DataSubject, dpo: Client) -> None:
    before = AuditLog.objects.using("audit").count()
    pages = {tab: main_of(dpo.get(f"{on('change', marina.pk)}?tab={tab}")) for tab in TABS}
    assert AuditLog.objects.using("audit").count() == before
    for page in pages.values():
        assert not any(word in page for word in ("Marina", PHONE, EMAIL, "Bia Rocha"))
    assert "Oportunidade 71" in pages[""]
    assert "R02" in pages["data"]
    assert "Supervisão" in pages["accesses"]
    assert "Krayin" in pages["sharing"]
    protocol = marina.requests.get().protocol
    assert protocol in pages["requests"]
    assert protocol in pages["history"]


def test_the_data_are_counted_by_category_with_purpose_base_origin_and_period(marina: DataSubject) -> None:
    held = {one.code: one for one in person_data.held(marina)}
    # The contact, its two ways, the conversation, the link of the person itself and what was decided.
    assert held["R02"].count >= 4
    assert all((one.purposes, one.bases, one.origins, one.until) for one in held.values())
    assert held["R09"].count == AuditLog.objects.filter(subject=marina.pseudonym).count()
    assert "R18" not in held


def test_all_rows_of_a_person_are_counted_with_one_query(marina: DataSubject, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        counts = row_counts(marina.pk)
    assert counts["consent.ContactPoint"] == 2
    assert counts["bridge.ObservedConversation"] == 1
    assert counts["consent.DataRequest"] == counts["consent.RequestItem"] == 1
    assert len(list(of_people())) > 20


def test_accesses_say_role_and_day_and_not_our_own_programs(sol: Clinic, marina: DataSubject) -> None:
    record(
        action="reveal", actor_type="system", actor_id="lanes", clinic_id=sol.pk, subject=marina.pseudonym,
        own_connection=False,
    )  # fmt: skip
    (seen,) = person_history.accesses(marina, timezone.get_default_timezone())  # type: ignore[arg-type]
    assert (seen.count, str(seen.role)) == (1, "Supervisão")


def test_a_reveal_leaves_one_line_and_shows_the_data_once(marina: DataSubject, dpo: Client) -> None:
    rows = AuditLog.objects.using("audit").filter(action="reveal", subject=marina.pseudonym)
    before = rows.count()
    page = main_of(dpo.post(on("reveal", marina.pk), {"purpose": "dpo"}))
    assert PHONE in page
    assert EMAIL in page
    last = rows.order_by("-pk")[0]
    assert (rows.count(), last.purpose, last.fields) == (before + 1, "dpo", ["consent.ContactPoint.value"])
    assert PHONE not in main_of(dpo.get(on("change", marina.pk)))


def test_without_purpose_or_right_nothing_is_revealed(sol: Clinic, marina: DataSubject, dpo: Client) -> None:
    assert PHONE not in main_of(dpo.post(on("reveal", marina.pk), {"purpose": ""}))
    assert PHONE not in main_of(dpo.post(on("reveal", marina.pk), {"purpose": "legal"}, follow=True))
    auditor = signed_in(Role.AUDITOR, sol)
    assert b"datasubject/" + str(marina.pk).encode() + b"/reveal/" not in auditor.get(on("change", marina.pk)).content
    assert PHONE not in main_of(auditor.post(on("reveal", marina.pk), {"purpose": "dpo"}, follow=True))
    refused = AuditLog.objects.using("audit").filter(action="reveal", outcome="denied", subject=marina.pseudonym)
    assert sorted(refused.values_list("reason_code", flat=True)) == ["not_permitted", "reason_required"]


def test_a_person_is_found_by_telephone_and_the_search_is_on_record(marina: DataSubject, dpo: Client) -> None:
    answer = dpo.post(on("find"), {"q": PHONE})
    assert answer.headers["Location"] == on("change", marina.pk)
    assert AuditLog.objects.using("audit").filter(action="search", subject=marina.pseudonym).count() == 1
    assert "Ninguém" in main_of(dpo.post(on("find"), {"q": "+5511900000000"}))


def test_what_can_be_done_begins_here_with_the_person_filled_in(sol: Clinic, marina: DataSubject, dpo: Client) -> None:
    addresses = [address for _name, address in dpo.get(on("change", marina.pk)).context["acts"]]
    for address in addresses:
        assert dpo.get(address).status_code == 200, address
    ask = next(address for address in addresses if "exportpackage" in address)
    dpo.post(ask, {"protocol": "2026-ABCD-EFGH", "rights": ["T03"]})
    assert ExportPackage.objects.get().subject_id == marina.pk
    session = dpo.session
    session[sessions.CHECKED] = 0
    session.save()
    assert reverse("account-recheck") in dpo.post(on("reveal", marina.pk), {"purpose": "dpo"}).headers["Location"]


def test_marks_and_guardians_stand_on_top(sol: Clinic, marina: DataSubject, dpo: Client) -> None:
    now, by = timezone.now(), dpo_of(sol)
    block(marina, by=Actor.staff(by), reason="dpo", now=now)
    mark_minor(marina, birth_month=timezone.localdate().replace(day=1, year=2015), by=by, now=now)
    page = main_of(dpo.get(on("change", marina.pk)))
    assert "bloquead" in page
    assert "sem responsável" in page


def test_the_list_goes_on_by_key_and_leaves_no_one_out(sol: Clinic, dpo: Client) -> None:
    now = timezone.now()
    people = DataSubject.objects.bulk_create(
        [DataSubject(clinic=sol, created_at=now - timedelta(minutes=n // 2)) for n in range(70)]
    )
    first = dpo.get(reverse(LIST))
    second = dpo.get(reverse(LIST) + first.context["older"])
    shown = [line["address"] for answer in (first, second) for line in answer.context["lines"]]
    assert (len(shown), len(set(shown))) == (70, len(people))
    assert second.context["older"] == ""


def test_the_pages_ask_few_questions(
    sol: Clinic, marina: DataSubject, dpo: Client, django_assert_max_num_queries: Any
) -> None:
    for tab in TABS:
        with django_assert_max_num_queries(30):
            dpo.get(f"{on('change', marina.pk)}?tab={tab}")
    with django_assert_max_num_queries(15):
        dpo.get(reverse(LIST))
