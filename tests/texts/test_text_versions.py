"""Texts: nothing counts before the DPO approves it, and then its words never change."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from factories import clinic, user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditLog
from consent.models import Clinic, DataSubject, ServedText, TextKind, TextVersion
from consent.roles import Role
from consent.texts import (
    Approval,
    NoTextInForce,
    ServingRefused,
    TextRefused,
    ValuesMissing,
    approve,
    begin_draft,
    propose_all,
    refusal_kind,
    retire,
    serve,
    text_in_force,
)
from consent.texts.drafting import change_draft, discard_draft
from tests.texts.shown_texts import NOW, approved, dpo_of, whole_clinic

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
DAY = timedelta(days=1)


@pytest.fixture
def sol() -> Clinic:
    return whole_clinic()


@pytest.fixture
def nobody_is_retention() -> None:
    """The suite empties tables in retention's name; here nobody does."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ponte.retention = 'off'")


# What is in force -----------------------------------------------------------------------------------------------------


def test_without_an_approved_text_there_is_a_clear_refusal(sol: Clinic) -> None:
    begin_draft(sol, TextKind.PROTOCOL, by=dpo_of(sol))
    with pytest.raises(NoTextInForce, match="protocol pt-br"):
        text_in_force(sol, TextKind.PROTOCOL, now=NOW)


@pytest.mark.parametrize(
    ("kind", "purpose"), [("poem", ""), ("consent", ""), ("consent", "poems"), ("help", "marketing")]
)
def test_unknown_kinds_and_purposes_are_errors(sol: Clinic, kind: str, purpose: str) -> None:
    with pytest.raises(ValueError, match=r"kind of text|known purpose"):
        text_in_force(sol, kind, purpose=purpose, now=NOW)


def test_each_moment_has_its_version(sol: Clinic) -> None:
    first = approved(sol)
    second = approved(sol, body="Palavras novas.", at=NOW + 2 * DAY, change="editorial")
    now = [text_in_force(sol, TextKind.WITHDRAWAL, now=NOW + days * DAY).pk for days in (0, 1, 2, 30)]
    assert now == [first.pk, first.pk, second.pk, second.pk]
    first.refresh_from_db()
    assert (first.state, first.valid_to) == ("retired", NOW + 2 * DAY)


def test_a_later_beginning_waits_and_giving_it_up_lets_the_earlier_go_on(sol: Clinic) -> None:
    first, by = approved(sol), dpo_of(sol)
    later = approved(sol, body="Depois.", at=NOW, change="editorial", valid_from=NOW + DAY)
    with pytest.raises(TextRefused, match="another_waits"):
        approved(sol, body="Ainda outra.", at=NOW, change="editorial")
    retire(later, by=by, now=NOW)
    assert text_in_force(sol, TextKind.WITHDRAWAL, now=NOW + 2 * DAY).pk == first.pk


def test_retired_without_a_new_version_nothing_is_in_force(sol: Clinic) -> None:
    text = approved(sol)
    retire(text, by=dpo_of(sol), now=NOW + DAY)
    with pytest.raises(NoTextInForce):
        text_in_force(sol, TextKind.WITHDRAWAL, now=NOW + DAY)
    assert text_in_force(sol, TextKind.WITHDRAWAL, now=NOW).pk == text.pk


def test_texts_are_each_clinics_own(sol: Clinic) -> None:
    approved(sol)
    with pytest.raises(NoTextInForce):
        text_in_force(whole_clinic("Clínica Lua"), TextKind.WITHDRAWAL, now=NOW)


def test_every_coded_refusal_has_its_kind() -> None:
    codes = [
        "LEGAL_RETENTION", "HOLD", "NOT_CONTROLLER", "IMPOSSIBLE", "NOT_CONSENT_BASED", "ANONYMISED", "IDENTITY",
        "THIRD_PARTY", "SECRET",
    ]  # fmt: skip
    assert {refusal_kind(code) for code in codes} == {kind for kind in TextKind if kind.startswith("refusal_")}
    with pytest.raises(ValueError, match="refusal_bored"):
        refusal_kind("BORED")


# Who approves, and what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.AUDITOR, Role.TECHNICAL_ADMIN, Role.SUPERVISOR])
def test_only_the_dpo_approves(sol: Clinic, role: Role) -> None:
    draft = begin_draft(sol, TextKind.WITHDRAWAL, by=dpo_of(sol))
    with pytest.raises(TextRefused, match="not_permitted"):
        approve(draft, Approval(), by=user(role, sol), now=NOW)
    draft.refresh_from_db()
    assert (draft.state, draft.approved_at) == ("draft", None)


def test_the_dpo_of_another_clinic_does_not_approve(sol: Clinic) -> None:
    draft = begin_draft(sol, TextKind.WITHDRAWAL, by=dpo_of(sol))
    with pytest.raises(TextRefused, match="not_permitted"):
        approve(draft, Approval(), by=dpo_of(whole_clinic("Clínica Lua")), now=NOW)


def test_approval_and_refused_approval_are_on_record(sol: Clinic) -> None:
    draft, manager, dpo = begin_draft(sol, TextKind.HELP, by=dpo_of(sol)), user(Role.CLINIC_MANAGER, sol), dpo_of(sol)
    with pytest.raises(TextRefused):
        approve(draft, Approval(), by=manager, now=NOW)
    approve(draft, Approval(), by=dpo, now=NOW)
    refused = AuditLog.objects.using("audit").get(action="text.approve", object_id=str(draft.pk))
    done = AuditLog.objects.get(action="text.approve", object_id=str(draft.pk))
    assert (refused.actor_id, refused.outcome) == (manager.pk, "denied")
    assert (done.actor_id, done.outcome, done.reason_code) == (dpo.pk, "ok", "first")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "empty"),
        ("Fale com [preencher: encarregado].", "gaps"),
        ("Olá, {nome}.", "places"),
        ("A\x00B", "unreadable"),
    ],
)
def test_a_text_nobody_should_read_is_not_approved(sol: Clinic, body: str, reason: str) -> None:
    by = dpo_of(sol)
    draft = begin_draft(sol, TextKind.WITHDRAWAL, by=by)

    def write_and_approve() -> None:
        change_draft(draft, body=body, consequences="", by=by)
        approve(draft, Approval(), by=by, now=NOW)

    with pytest.raises(TextRefused, match=reason):
        write_and_approve()
    assert not TextVersion.objects.exclude(state="draft").exists()


def test_a_consent_text_says_what_follows_a_no(sol: Clinic) -> None:
    by = dpo_of(sol)
    draft = begin_draft(sol, TextKind.CONSENT, purpose="marketing", by=by)
    change_draft(draft, body=draft.body, consequences="", by=by)
    with pytest.raises(TextRefused, match="clause"):
        approve(draft, Approval(), by=by, now=NOW)


def test_a_second_version_needs_to_say_what_changed(sol: Clinic) -> None:
    approved(sol)
    with pytest.raises(TextRefused, match="change"):
        approved(sol, body="Outra.", at=NOW + DAY)


def test_the_proposals_are_whole_and_become_drafts_only(sol: Clinic) -> None:
    by = dpo_of(sol)
    assert propose_all(sol, by=by) == propose_all(whole_clinic("Clínica Lua"), by=by) > 20
    assert propose_all(sol, by=by) == 0
    drafts = TextVersion.objects.filter(clinic=sol)
    assert {row.state for row in drafts} == {"draft"}
    assert [row.kind for row in drafts if "[preencher" in row.shown] == [TextKind.TRANSFER_PAGE]
    assert all(
        "Clínica Sol" in row.shown or "{protocolo}" in row.shown for row in drafts if row.kind != "cancel_question"
    )


def test_what_the_clinic_has_not_said_stays_a_gap() -> None:
    bare = clinic("Clínica Nova")
    assert "[preencher: CNPJ]" in begin_draft(bare, TextKind.PRIVACY_NOTICE, by=dpo_of(bare)).body


# What never changes ---------------------------------------------------------------------------------------------------


def test_an_approved_text_is_neither_changed_nor_removed(sol: Clinic, nobody_is_retention: None) -> None:
    text, other = approved(sol), dpo_of(sol)
    rows = TextVersion.objects.filter(pk=text.pk)
    attempts: list[Callable[[], Any]] = [
        lambda: rows.update(body="Outra coisa.", sha256=hashlib.sha256(b"Outra coisa.").hexdigest()),
        lambda: rows.update(approved_by=other),
        lambda: rows.update(valid_from=NOW - DAY),
        lambda: rows.update(affected_purposes=["marketing"]),
        lambda: rows.update(state="draft", approved_at=None, valid_from=None, valid_to=None, change=""),
        lambda: rows.delete(),
        lambda: text.delete(),
        lambda: connection.cursor().execute("UPDATE text_versions SET body = 'Outra coisa.'"),
        lambda: connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE text_versions CASCADE"),
    ]
    for attempt in attempts:
        with pytest.raises(IntegrityError, match=r"keeps its rows|insert-only"), transaction.atomic():
            attempt()
    kept = TextVersion.objects.get(pk=text.pk)
    assert (kept.body, kept.sha256, kept.state, kept.approved_by_id) == (
        text.body,
        text.sha256,
        "approved",
        text.approved_by_id,
    )


def test_a_draft_may_change_and_go(sol: Clinic, nobody_is_retention: None) -> None:
    by = dpo_of(sol)
    draft = begin_draft(sol, TextKind.HELP, by=by)
    assert begin_draft(sol, TextKind.HELP, by=by).pk == draft.pk
    change_draft(draft, body="Novo.", consequences="", by=by)
    assert TextVersion.objects.get().body == "Novo."
    discard_draft(draft, by=by)
    assert not TextVersion.objects.exists()


def test_an_approved_text_is_no_draft_any_more(sol: Clinic) -> None:
    text, by = approved(sol), dpo_of(sol)
    for attempt in (
        lambda: change_draft(text, body="Novo.", consequences="", by=by),
        lambda: discard_draft(text, by=by),
        lambda: approve(text, Approval(), by=by, now=NOW),
    ):
        with pytest.raises(TextRefused, match="not_draft"):
            attempt()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t"), max_size=300),
    consequences=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
)
def test_the_hash_is_always_that_of_the_bytes_people_see(sol: Clinic, body: str, consequences: str) -> None:
    by = dpo_of(sol)
    draft = begin_draft(sol, TextKind.CONSENT, purpose="marketing", by=by)
    change_draft(draft, body=body, consequences=consequences, by=by)
    kept = TextVersion.objects.get(pk=draft.pk)
    assert kept.sha256 == hashlib.sha256(kept.shown.encode()).hexdigest()
    assert "\r" not in kept.shown


def test_the_database_refuses_a_hash_of_other_bytes(sol: Clinic) -> None:
    draft = begin_draft(sol, TextKind.HELP, by=dpo_of(sol))
    with pytest.raises(IntegrityError, match="chk_text_versions_sha256"), transaction.atomic():
        TextVersion.objects.filter(pk=draft.pk).update(body=draft.body + " ")


# Showing --------------------------------------------------------------------------------------------------------------


def person_of(of: Clinic) -> DataSubject:
    return DataSubject.objects.create(clinic=of)


def test_showing_is_recorded_with_the_exact_words(sol: Clinic) -> None:
    text, person = approved(sol, TextKind.PROTOCOL), person_of(sol)
    values = {"protocolo": "2026-1", "prazo": "06/12/2026", "endereco": "{protocolo}"}
    served = serve(text, person, channel="chat", now=NOW, values=values, reference="message:7")
    assert "Protocolo: 2026-1" in served.shown
    assert "Acompanhe aqui: {protocolo}" in served.shown, "a value is never read as a place"
    kept = ServedText.objects.get()
    assert kept.sha256 == hashlib.sha256(served.shown.encode()).hexdigest()
    assert (kept.version_id, kept.subject_id, kept.channel, kept.served_at) == (text.pk, person.pk, "chat", NOW)


def test_what_may_not_be_shown_leaves_no_row(sol: Clinic) -> None:
    text, person = approved(sol, TextKind.PROTOCOL), person_of(sol)
    draft = begin_draft(sol, TextKind.HELP, by=dpo_of(sol))
    values = {"protocolo": "2026-1", "prazo": "amanhã", "endereco": "aqui"}
    with pytest.raises(ServingRefused, match="not in force"):
        serve(draft, person, channel="chat", now=NOW)
    with pytest.raises(ServingRefused, match="not in force"):
        serve(text, person, channel="chat", now=NOW - DAY, values=values)
    with pytest.raises(ServingRefused, match="another clinic"):
        serve(text, person_of(whole_clinic("Clínica Lua")), channel="chat", now=NOW, values=values)
    with pytest.raises(ValuesMissing, match="prazo"):
        serve(text, person, channel="chat", now=NOW, values={**values, "prazo": ""})
    assert not ServedText.objects.exists()


def test_a_showing_is_neither_changed_nor_removed(sol: Clinic, nobody_is_retention: None) -> None:
    served = serve(approved(sol), person_of(sol), channel="page", now=NOW)
    for attempt in (
        lambda: ServedText.objects.update(served_at=NOW - DAY),
        lambda: ServedText.objects.all().delete(),
        lambda: connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE served_texts CASCADE"),
    ):
        with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
            attempt()
    assert ServedText.objects.get().pk == served.pk
