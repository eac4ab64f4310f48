"""C7: before, during and after; who may look, who may approve, and that other clinics' people do not exist."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, contact, signed_in, user

from consent.erasure.due import begin_due
from consent.models import Clinic, Erasure, ErasureNode, Processor, RetentionCase, User
from consent.roles import Role

pytestmark = pytest.mark.django_db

LIST = "admin:consent_erasure_changelist"


@pytest.fixture
def sol(db: None) -> Clinic:
    return clinic("Clínica Sol")


def erasure_of(of: Clinic, **fields: Any) -> Erasure:
    now: datetime = timezone.now()
    values = {
        "state": "planned", "planned_at": now, "policy_version": "1",
        "counts": {"krayin.1": {"lead": 2, "person": 1}, "ponte": {"R02": 12}},
        "stays": [{"what": "trail", "count": 0, "code": "LEGAL_RETENTION", "retention": "R09", "until": "2031-11-21"}],
        "warnings": [["quotes", 1]],
    }  # fmt: skip
    made = Erasure.objects.create(clinic=of, subject=contact(connection(of)).subject, **values | fields)
    kinds = (("ponte", "queued"), ("krayin.1", "lead"), ("chatwoot.1", "contact"), ("ponte", "rows"), ("ponte", "key"))
    for number, (system, kind) in enumerate(kinds):
        ErasureNode.objects.create(erasure=made, ordinal=number, system=system, kind=kind)
    return made


def page(client: Client, row: Erasure) -> Any:
    return client.get(reverse("admin:consent_erasure_change", args=[row.pk]))


def act(client: Client, row: Erasure, do: str, **said: str) -> str:
    address = reverse("admin:consent_erasure_act", args=[row.pk])
    return client.post(address, {"do": do, **said}, follow=True).content.decode()


def test_the_page_tells_what_leaves_what_stays_and_why(sol: Clinic) -> None:
    text = page(signed_in(Role.DPO, sol), erasure_of(sol)).content.decode()
    for told in (
        "O que sai", "Atendimento administrativo", "Krayin", "Trilha de auditoria", "LGPD, Art. 6, X, 37, 46",
        "até 21/11/2031", "o Krayin elimina as cotações",
    ):  # fmt: skip
        assert told in text


def test_approving_asks_for_care_and_quotes_first(sol: Clinic) -> None:
    row, dpo = erasure_of(sol), signed_in(Role.DPO, sol)
    assert "já recebeu atendimento" in act(dpo, row, "approve")
    assert "olhou as cotações" in act(dpo, row, "approve", care="no")
    row.refresh_from_db()
    assert row.state == "planned"
    assert "executada em até um minuto" in act(dpo, row, "approve", care="no", quotes="yes")
    row.refresh_from_db()
    assert (row.state, row.keeps_clinical) == ("approved", False)


def test_with_clinical_data_a_second_person_approves(sol: Clinic) -> None:
    row = erasure_of(sol, has_clinical=True)
    first, second = signed_in(Role.DPO, sol), signed_in(Role.DPO_SUBSTITUTE, sol)
    assert "segunda pessoa" in act(first, row, "approve", care="no", quotes="yes")
    assert "outra pessoa também precisa" in act(first, row, "approve")
    assert "executada em até um minuto" in act(second, row, "approve")


def test_who_is_alone_waits_a_day(sol: Clinic) -> None:
    row, dpo = erasure_of(sol, has_clinical=True), signed_in(Role.DPO, sol)
    act(dpo, row, "approve", care="no", quotes="yes")
    assert "24 horas" in act(dpo, row, "approve")
    Erasure.objects.update(first_at=timezone.now() - timedelta(hours=25))
    assert "executada em até um minuto" in act(dpo, row, "approve")


def test_during_it_every_piece_stands_with_tries_and_answer(sol: Clinic) -> None:
    dpo: User = user(Role.DPO, sol)
    row = erasure_of(sol, state="running", approved_by=dpo, approved_at=timezone.now())
    tomorrow = timezone.now() + timedelta(hours=12)
    row.nodes.filter(kind="contact").update(code="contact_online", not_before=tomorrow)
    row.nodes.filter(kind="lead").update(state="done", code="gone", tries=2, checked_at=timezone.now())
    text = page(signed_in(Role.DPO, sol), row).content.decode()
    for told in ("contato on-line no Chatwoot; nova tentativa às 02:00", "eliminado e conferido", "1 de 5 partes"):
        assert told in text


def test_afterwards_the_key_the_rest_and_the_recipients_stand_there(sol: Clinic) -> None:
    dpo, now = user(Role.DPO, sol), timezone.now()
    done = {"approved_by": dpo, "approved_at": now, "erased_at": now}
    row = erasure_of(sol, state="erased", key_due_at=now + timedelta(hours=23), **done)
    processor = Processor.objects.create(clinic=sol, name="Modelo SA", kind="language_model", started_on=now.date())
    node = ErasureNode.objects.create(erasure=row, ordinal=9, system="recipient", kind="told", ref=str(processor.pk))
    client = signed_in(Role.DPO, sol)
    text = page(client, row).content.decode()
    assert "destruída em 23 h" in text
    assert "Modelo SA" in text
    assert "avisado" in act(client, row, "told", node=str(node.pk))
    assert "A chave foi mantida" in act(client, row, "keep_key")
    left = erasure_of(
        sol,
        state="left",
        approved_by=dpo,
        approved_at=now,
        leftovers=[{"system": "krayin.1", "kind": "lead", "code": "rejected", "count": 1}],
    )
    assert "oportunidade (1): recusado" in page(client, left).content.decode()
    assert "exceção" in act(client, left, "accept")


def test_only_the_clinics_officers_act_and_others_do_not_know_it(sol: Clinic) -> None:
    row = erasure_of(sol)
    elsewhere = signed_in(Role.DPO, clinic("Clínica Lua"))
    assert page(elsewhere, row).status_code == 404
    assert elsewhere.post(reverse("admin:consent_erasure_act", args=[row.pk]), {"do": "cancel"}).status_code == 404
    auditor = signed_in(Role.AUDITOR, sol)
    assert "Aprovar a eliminação" not in page(auditor, row).content.decode()
    assert auditor.post(reverse("admin:consent_erasure_act", args=[row.pk]), {"do": "cancel"}).status_code in {403, 404}
    assert signed_in(Role.SUPERVISOR, sol).get(reverse(LIST)).status_code == 403
    row.refresh_from_db()
    assert row.state == "planned"


def test_whom_an_approved_retention_list_hands_over_is_frozen_and_waits_for_approval(sol: Clinic) -> None:
    subject, now = contact(connection(sol)).subject, timezone.now()
    RetentionCase.objects.create(
        subject=subject, kind="erasure", code="R03", table_version="1", anchor_at=now, due_at=now, opened_at=now
    )
    assert (begin_due(now=now), begin_due(now=now)) == (1, 0)
    erasure = Erasure.objects.get(subject=subject)
    subject.refresh_from_db()
    assert (erasure.cause, erasure.state) == ("retention", "new")
    assert subject.blocked_at is not None


def test_the_list_stays_within_thirty_queries(sol: Clinic, django_assert_max_num_queries: Any) -> None:
    for _row in range(12):
        erasure_of(sol)
    client = signed_in(Role.DPO, sol)
    client.get(reverse(LIST))
    with django_assert_max_num_queries(30):
        text = client.get(reverse(LIST)).content.decode()
    assert "12 esperam aprovação" in text
