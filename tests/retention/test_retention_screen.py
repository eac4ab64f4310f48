"""Screen C8: who sees what falls due, approves exactly what was shown, and reads what was carried out."""

import re

import pytest
from django.db import connection as db
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import clinic, signed_in
from factories import connection as connected

from bridge.models import Connection
from consent.holds import Part, place
from consent.models import RetentionCase, RetentionPeriod, RetentionRun, User
from consent.retention import desk, planning, running
from consent.roles import Role
from tests.holds.kept_people import order
from tests.retention.ended import NOW, ago, dpo_of, patient, person, relation

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
PAGE, ACT = "/admin/consent/retentionrun/", "/admin/consent/retentionrun/act/"


@pytest.fixture
def listed(sol: Connection) -> RetentionRun:
    """A list of the present day with two conversations."""
    relation(sol, ago(years=7))
    relation(sol, ago(years=8))
    return planning.plan(sol.clinic, now=timezone.now())


def test_the_officer_approves_what_was_shown_and_reads_the_result(sol: Connection, listed: RetentionRun) -> None:
    client = signed_in(Role.DPO, sol.clinic)
    text = client.get(PAGE).content.decode()
    assert "2 registros venceram e esperam aprovação." in text
    (shown,) = re.findall(r'name="hash" value="([0-9a-f]{64})"', text)
    answer = client.post(ACT, {"clinic": sol.clinic_id, "hash": shown, "do": "approve_now"}, follow=True)
    assert "A lista foi aprovada" in answer.content.decode()
    running.run_due(now=timezone.now())
    text = client.get(PAGE).content.decode()
    assert "Exatamente a lista aprovada foi executada" in text
    assert "Nada venceu." in text


def test_a_list_that_changed_meanwhile_is_not_approved(sol: Connection, listed: RetentionRun) -> None:
    client = signed_in(Role.DPO, sol.clinic)
    answer = client.post(ACT, {"clinic": sol.clinic_id, "hash": "0" * 64, "do": "approve"}, follow=True)
    assert "nada foi aprovado" in answer.content.decode()
    assert RetentionRun.objects.get(pk=listed.pk).state == "planned"


def test_an_auditor_looks_and_cannot_approve(sol: Connection, listed: RetentionRun) -> None:
    client = signed_in(Role.AUDITOR, sol.clinic)
    assert 'name="do"' not in client.get(PAGE).content.decode()
    answer = client.post(ACT, {"clinic": sol.clinic_id, "hash": listed.plan_hash, "do": "approve"}, follow=True)
    assert RetentionRun.objects.get(pk=listed.pk).state == "planned"
    assert "encarregado" in answer.content.decode()
    assert client.get(f"{PAGE}of/{sol.clinic_id}/period/R02/").status_code == 404


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.SUPERVISOR, Role.TECHNICAL_ADMIN])
def test_other_roles_do_not_see_it(sol: Connection, role: Role) -> None:
    assert signed_in(role, sol.clinic).get(PAGE).status_code == 403


def test_another_clinics_list_does_not_exist(sol: Connection, listed: RetentionRun) -> None:
    lua = connected(clinic("Clínica Lua")).clinic
    client = signed_in(Role.DPO, lua)
    assert listed.plan_hash not in client.get(PAGE, {"clinic": sol.clinic_id}).content.decode()
    answer = client.post(ACT, {"clinic": sol.clinic_id, "hash": listed.plan_hash, "do": "approve"})
    assert answer.status_code == 404
    assert client.get(f"{PAGE}of/{sol.clinic_id}/period/R02/").status_code == 404
    assert RetentionRun.objects.get(pk=listed.pk).state == "planned"


def test_the_policy_shows_every_category_and_takes_a_period_within_its_bounds(sol: Connection) -> None:
    client = signed_in(Role.DPO, sol.clinic)
    text = client.get(PAGE, {"tab": "policy"}).content.decode()
    assert all(f"<b>{code}</b>" in text for code in ("R01", "R01c", "R04s", "R19"))
    assert text.count("#lock") == 5  # R01, R07, R08, R12, R16
    address = f"{PAGE}of/{sol.clinic_id}/period/R03/"
    wrong = client.post(address, {"amount": 25, "unit": "months", "reason": "x"}).content.decode()
    assert "24 meses" in wrong
    assert not RetentionPeriod.objects.exists()
    client.post(address, {"amount": 6, "unit": "months", "reason": "Menos dados"})
    row = RetentionPeriod.objects.get()
    assert (row.code, row.months, row.number) == ("R03", 6, 1)
    assert "6 meses" in client.get(PAGE, {"tab": "policy"}).content.decode()


def test_conflicts_records_and_people_have_tabs_of_their_own(sol: Connection, dpo: User) -> None:
    kept, old = relation(sol, ago(years=7)), person(sol, ago(years=21))
    patient(old, at=ago(years=21))
    lead = person(sol, ago(years=2))
    place(sol.clinic, order(), scope="all", by=dpo, now=NOW)
    planning.plan(sol.clinic, now=timezone.now())
    client = signed_in(Role.DPO, sol.clinic)
    conflicts = client.get(PAGE, {"tab": "conflicts"}).content.decode()
    assert conflicts.count("uma retenção legal") == 2
    assert f"/consent/datasubject/{lead.subject_id}/" in conflicts
    assert kept.anonymized_at is None
    assert f"/consent/datasubject/{old.subject_id}/" in client.get(PAGE, {"tab": "review"}).content.decode()
    address = f"{PAGE}case/{RetentionCase.objects.get().pk}/"
    assert "retenção legal" in client.post(address, {"outcome": "erase", "document": "Ata 1"}).content.decode()
    client.post(address, {"outcome": "keep", "again_on": f"{timezone.now().year + 2}-01-31"})
    assert RetentionCase.objects.get().outcome == "keep"


def test_a_page_costs_few_queries_however_long_the_lists(sol: Connection, dpo: User) -> None:
    for _n in range(6):
        relation(sol, ago(years=7))
        person(sol, ago(years=3))
        patient(person(sol, ago(years=21)), at=ago(years=21))
    place(sol.clinic, order(), scope="category", by=dpo, now=NOW, part=Part(category="R02"))
    planning.plan(sol.clinic, now=timezone.now())
    client = signed_in(Role.DPO, sol.clinic)
    client.get(PAGE)
    for tab in ("", "policy", "conflicts", "review", "erase"):
        with CaptureQueriesContext(db) as queries:
            assert client.get(PAGE, {"tab": tab}).status_code == 200
        assert len(queries) <= 30, tab


def test_the_desk_says_what_waits(sol: Connection, listed: RetentionRun) -> None:
    card = desk.card(dpo_of(sol.clinic), type(sol.clinic).objects.all(), timezone.now())
    assert card is not None
    assert (card.count, "2 registros" in str(card.sentence)) == (2, True)
    lua = clinic("Clínica Lua")
    assert desk.card(dpo_of(lua), type(lua).objects.all(), timezone.now()) is None
