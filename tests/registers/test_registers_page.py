"""Screen C11: who sees the registers, approves differences, takes them out."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, signed_in, user

from audit.models import AuditLog
from bridge.models import Connection
from consent.models import Assessment, Clinic, InternationalTransfer, OperationVersion, Processor
from consent.registers import approval, desk
from consent.registers.operations import generate
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
PAGE, APPROVE = "/admin/consent/operationversion/", "/admin/consent/operationversion/approve/"
TRANSFERS, PROCESSORS = "/admin/consent/internationaltransfer/", "/admin/consent/processor/"


@pytest.fixture
def sol() -> Clinic:
    return connection(clinic("Clínica Sol"), preset=Connection.Preset.SUMMARY).clinic


@pytest.fixture
def lua() -> Clinic:
    return connection(clinic("Clínica Lua")).clinic


def shown(client: Client, of: Clinic) -> list[str]:
    text = client.get(PAGE, {"clinic": of.pk}).content.decode()
    return re.findall(r'name="shown" value="([^"]+)"', text)


def approve_all(of: Clinic) -> list[OperationVersion]:
    waiting = approval.differences({}, generate(of))
    return approval.approve(
        of, {one.operation: one.digest for one in waiting}, by=user(Role.DPO, of), now=timezone.now()
    )


def test_the_officer_reads_what_differs_and_approves_it(sol: Clinic) -> None:
    client = signed_in(Role.DPO, sol)
    text = client.get(PAGE).content.decode()
    assert "operações diferem do registro aprovado" in text
    values = shown(client, sol)
    answer = client.post(APPROVE, {"clinic": sol.pk, "shown": values}, follow=True).content.decode()
    assert f"{len(values)} operações aprovadas." in answer
    assert "O registro está aprovado" in answer
    assert OperationVersion.objects.filter(clinic=sol).count() == len(values)
    assert shown(client, sol) == []


def test_only_what_was_chosen_is_approved(sol: Clinic) -> None:
    client = signed_in(Role.DPO_SUBSTITUTE, sol)
    first, *rest = shown(client, sol)
    client.post(APPROVE, {"clinic": sol.pk, "shown": [first]})
    assert shown(client, sol) == rest


def test_a_forged_digest_approves_nothing(sol: Clinic) -> None:
    client = signed_in(Role.DPO, sol)
    operation = shown(client, sol)[0].partition(":")[0]
    answer = client.post(APPROVE, {"clinic": sol.pk, "shown": [f"{operation}:{'0' * 64}"]}, follow=True)
    assert "nada foi aprovado" in answer.content.decode()
    client.post(APPROVE, {"clinic": sol.pk, "shown": ["gossip:1", "x"]})
    assert not OperationVersion.objects.exists()


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.SUPERVISOR, Role.TECHNICAL_ADMIN])
def test_other_roles_do_not_see_the_registers(sol: Clinic, role: Role) -> None:
    client = signed_in(role, sol)
    assert [client.get(page).status_code for page in (PAGE, TRANSFERS, PROCESSORS)] == [403] * 3
    assert client.post(APPROVE, {"clinic": sol.pk}).status_code == 403


def test_the_auditor_reads_and_changes_nothing(sol: Clinic) -> None:
    row = approve_all(sol)[0]
    client = signed_in(Role.AUDITOR, sol)
    one = f"{PAGE}{row.pk}/change/"
    assert [client.get(page).status_code for page in (PAGE, one, TRANSFERS)] == [200] * 3
    assert client.post(APPROVE, {"clinic": sol.pk, "shown": ["rights:0"]}).status_code == 403
    assert client.post(one, {"notes": "x"}).status_code == 403
    assert client.get(f"{TRANSFERS}add/").status_code == 403
    assert OperationVersion.objects.exclude(notes="").count() == 0


def test_another_clinics_register_does_not_exist(sol: Clinic, lua: Clinic) -> None:
    row = approve_all(lua)[0]
    paper = Processor.objects.create(clinic=lua, name="Nuvem", kind="hosting", started_on="2026-01-01")
    client = signed_in(Role.DPO, sol)
    assert client.get(PAGE, {"clinic": lua.pk}).status_code == 404
    assert client.get(PAGE, {"clinic": "x"}).status_code == 404
    assert client.get(f"{PAGE}{row.pk}/change/").status_code == 404
    assert client.get(f"{PROCESSORS}{paper.pk}/change/").status_code == 404
    assert client.post(APPROVE, {"clinic": lua.pk, "shown": ["rights:0"]}).status_code == 404
    assert "Nuvem" not in client.get(PROCESSORS).content.decode()


def test_notes_are_added_on_the_operations_page(sol: Clinic) -> None:
    row = approve_all(sol)[0]
    client = signed_in(Role.DPO, sol)
    answer = client.post(
        f"{PAGE}{row.pk}/change/", {"notes": "Revisto em comitê.", "risk": "low", "volume": ""}, follow=True
    ).content.decode()
    assert "Salvo como versão 2." in answer
    assert "Revisto em comitê." in answer
    assert client.post(f"{PAGE}{row.pk}/change/", {"notes": "x"}).status_code == 403  # no longer in force


def test_the_register_is_a_file_whose_cells_are_no_formulas(sol: Clinic) -> None:
    Clinic.objects.filter(pk=sol.pk).update(legal_name="=cmd|' /C calc'!A0")
    row = approve_all(sol)[0]
    client = signed_in(Role.DPO, sol)
    client.post(f"{PAGE}{row.pk}/change/", {"notes": "=HYPERLINK(1)", "risk": "", "volume": ""})
    response = client.get(PAGE, {"format": "csv"})
    assert response.content.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) == 1 + OperationVersion.objects.values("operation").distinct().count()
    assert len(rows[0]) == 9
    complete = client.get(PAGE, {"format": "csv", "view": "complete"}).content.decode("utf-8-sig")
    assert len(next(csv.reader(io.StringIO(complete), delimiter=";"))) == 19
    assert "'=HYPERLINK(1)" in {cell for line in rows for cell in line}
    assert not [cell for line in rows for cell in line if cell[:1] in {"=", "+", "@"}]
    assert AuditLog.objects.using("audit").filter(action="register.export", clinic_id=sol.pk).count() == 2


def test_the_page_takes_few_queries_however_long_the_register(sol: Clinic) -> None:
    approve_all(sol)
    client = signed_in(Role.DPO, sol)
    for number in range(20):
        Processor.objects.create(
            clinic=sol, name=f"Nuvem {number}", kind="hosting", country="US", started_on="2026-01-01"
        )
    for address in (PAGE, f"{PAGE}?role=processor", PROCESSORS):
        with CaptureQueriesContext(db) as captured:
            assert client.get(address).status_code == 200
        assert len(captured) <= 30, address


def test_a_transfer_is_entered_with_its_mechanism(sol: Clinic) -> None:
    client = signed_in(Role.DPO, sol)
    values = {
        "clinic": sol.pk, "importer": "Cloud Inc.", "country": "US", "operations": ["care_contact", "message_text"],
        "categories": ["R02"], "mechanism": "ADEQUACY", "started_on": "21/11/2026", "review_on": "21/11/2027",
    }  # fmt: skip
    refused = client.post(f"{TRANSFERS}add/", values)
    assert "A ANPD não reconheceu" in refused.content.decode()
    assert not InternationalTransfer.objects.exists()
    client.post(f"{TRANSFERS}add/", {**values, "country": "PT"})
    row = InternationalTransfer.objects.get()
    assert (row.country, row.operations) == ("PT", ["care_contact", "message_text"])
    assert AuditLog.objects.filter(object_type="consent.InternationalTransfer", action="create").count() == 1
    text = client.get(reverse("admin:consent_internationaltransfer_file")).content.decode("utf-8-sig")
    assert "Cloud Inc.;PT;Contato e oportunidade; Texto" in text.replace('"', "")


def test_papers_past_their_review_are_on_the_officers_desk(sol: Clinic, lua: Clinic) -> None:
    for of, day in ((sol, "2026-10-01"), (lua, "2026-09-01")):
        Assessment.objects.create(clinic=of, kind="impact", operation="rights", title="RIPD", review_on=day)
    card = desk.card(user(Role.DPO, sol), Clinic.objects.all(), datetime(2026, 11, 21, tzinfo=UTC))
    assert card is not None
    assert (card.count, card.is_urgent) == (1, True)
    assert "01/10/2026" in str(card.sentence)
    assert desk.card(user(Role.DPO, sol), Clinic.objects.all(), datetime(2026, 8, 21, tzinfo=UTC)) is None
