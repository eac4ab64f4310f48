"""C10: who sees the incidents, who acts, and the way from a red check to a closed incident."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import connection, contact, signed_in
from screens.pages import main_of

from audit.models import Verification
from consent.access import sessions
from consent.incidents import facts_of
from consent.models import Clinic, Incident
from consent.roles import Role
from tests.incidents.entered_incidents import dpo_of, entered, sunny

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LIST = "admin:consent_incident_changelist"


@pytest.fixture
def sol() -> Clinic:
    return sunny()


@pytest.fixture
def dpo(sol: Clinic) -> Client:
    return signed_in(Role.DPO, sol)


def on(name: str, *args: Any) -> str:
    return reverse(f"admin:consent_incident_{name}", args=args)


def here(sol: Clinic) -> Incident:
    return entered(sol, dpo_of(sol), known_at=timezone.now())


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
def test_who_sees_the_incidents(sol: Clinic, role: Role, status: int) -> None:
    row = here(sol)
    browser = signed_in(role, sol)
    assert browser.get(reverse(LIST)).status_code == status
    assert browser.get(on("change", row.pk)).status_code == (200 if status == 200 else 404)


def test_another_clinics_incidents_do_not_exist(sol: Clinic, dpo: Client) -> None:
    lua = sunny("Clínica Lua")
    row = here(lua)
    for address in (on("change", row.pk), on("change", "nonsense"), on("facts", row.pk), on("new", lua.pk)):
        assert dpo.get(address).status_code == 404, address
    assert dpo.post(on("act", row.pk), {"do": "decide", "report": "no", "reason": "x"}).status_code == 404
    assert row.entries.count() == 1


def test_who_only_looks_changes_nothing(sol: Clinic) -> None:
    row, auditor = here(sol), signed_in(Role.AUDITOR, sol)
    assert b'name="do"' not in auditor.get(on("change", row.pk)).content
    for address in (on("act", row.pk), on("facts", row.pk), on("new", sol.pk)):
        assert auditor.post(address, {"do": "decide", "report": "no", "reason": "x"}).status_code == 404, address
    assert row.entries.count() == 1


def test_from_a_red_check_to_a_closed_incident(sol: Clinic, dpo: Client) -> None:
    contact(connection(sol))
    check = Verification.objects.create(
        mode="full", rows=9, last_position=9, last_segment=1, seconds=0.1, key_id="t1", mac=b"",
        findings=[{"kind": "modified", "where": "row 7 at position 9"}],
    )  # fmt: skip
    address = f"{on('new', sol.pk)}?check={check.pk}"
    assert address in dpo.get(reverse(LIST)).content.decode()
    form = dpo.get(address).context["form"]
    local = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    dpo.post(address, {"description": form.initial["description"], "aspects": ["integrity"], "known_at": local,
                       "source": "audit", "may_harm": "yes", "criteria": ["sensitive"]})  # fmt: skip
    row = Incident.objects.get()
    assert (row.verification_id, row.source, facts_of(row).must_be_reported) == (check.pk, "audit", True)
    act, now = on("act", row.pk), timezone.localtime()
    known = {name: value for name, value in dpo.get(on("facts", row.pk)).context["form"].initial.items() if value}
    dpo.post(on("facts", row.pk), {**known, "impact": "Alguém pode ter visto conversas."})
    dpo.post(act, {"do": "estimate", "reach": "all"})
    assert (facts_of(row).people, facts_of(row).impact) == (1, "Alguém pode ter visto conversas.")
    dpo.post(act, {"do": "decide", "report": "yes"})
    sent = {"sent_at": now.strftime("%Y-%m-%dT%H:%M"), "proof": "Recibo 123"}
    paper = {"document": SimpleUploadedFile("recibo.pdf", b"recibo")}
    row_known = row.known_at
    assert row_known <= now
    dpo.post(act, {"do": "tell_authority", "report_type": "complete", **sent, **paper})
    paper = {"document": SimpleUploadedFile("carta.pdf", b"carta")}
    dpo.post(act, {"do": "tell_persons", "form": "individual", "channel": "email", "people": "1", **sent, **paper})
    page = main_of(dpo.get(on("change", row.pk)))
    assert "Alguém pode ter visto conversas." in page
    dpo.post(act, {"do": "close", "outcome": "reported", "reason": "Tudo comunicado."})
    row.refresh_from_db()
    assert row.outcome == "reported"
    assert [one.kind for one in row.entries.order_by("number")] == [
        "opened", "changed", "estimated", "decided", "told_authority", "told_persons", "closed",
    ]  # fmt: skip
    assert b'name="do"' not in dpo.get(on("change", row.pk)).content
    assert dpo.get(f"{reverse(LIST)}?tab=closed").status_code == 200


def test_what_is_missing_is_said_beside_its_field_and_nothing_is_written(sol: Clinic, dpo: Client) -> None:
    row = here(sol)
    for said in (
        {"do": "tell_authority", "report_type": "complete", "proof": ""}, {"do": "estimate", "reach": "seen"},
        {"do": "decide", "report": "no", "reason": ""}, {"do": "close", "outcome": "reported", "reason": "x"},
        {"do": "nonsense"},
    ):  # fmt: skip
        answer = dpo.post(on("act", row.pk), said)
        shown = [one["form"] for one in answer.context["acts"] if one["is_open"]] if answer.context else []
        assert all(form.errors for form in shown), said
        assert bool(shown) == (said["do"] != "nonsense"), said
    assert row.entries.count() == 1


def test_a_stale_sign_in_enters_and_decides_nothing(sol: Clinic, dpo: Client) -> None:
    row = here(sol)
    session = dpo.session
    session[sessions.CHECKED] = 0
    session.save()
    for address in (on("act", row.pk), on("new", sol.pk)):
        answer = dpo.post(address, {"do": "decide", "report": "no", "reason": "x"})
        assert reverse("account-recheck") in answer.headers["Location"]
    assert (Incident.objects.count(), row.entries.count()) == (1, 1)


def test_the_pages_ask_few_questions(sol: Clinic, dpo: Client, django_assert_max_num_queries: Any) -> None:
    rows = [here(sol) for _ in range(4)]
    for address in (reverse(LIST), on("change", rows[0].pk), on("facts", rows[0].pk), on("new", sol.pk)):
        with django_assert_max_num_queries(25):
            assert dpo.get(address).status_code == 200
