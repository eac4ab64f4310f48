"""C5: who sees the texts, who approves, and the way from a proposal to a version in force and the next one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import signed_in

from consent.models import Clinic, TextKind, TextVersion
from consent.roles import Role
from consent.texts import begin_draft, text_in_force, words_in_force
from tests.texts.shown_texts import approved, dpo_of, whole_clinic

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LIST = "admin:consent_textversion_changelist"


@pytest.fixture
def sol() -> Clinic:
    return whole_clinic()


def on(name: str, *args: Any) -> str:
    return reverse(f"admin:consent_textversion_{name}", args=args)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.DPO, 200), (Role.DPO_SUBSTITUTE, 200), (Role.AUDITOR, 200), (Role.CLINIC_MANAGER, 403),
        (Role.SUPERVISOR, 403), (Role.TECHNICAL_ADMIN, 403),
    ],
)  # fmt: skip
def test_who_sees_the_texts(sol: Clinic, role: Role, status: int) -> None:
    text = approved(sol)
    browser = signed_in(role, None if role == Role.TECHNICAL_ADMIN else sol)
    assert browser.get(reverse(LIST)).status_code == status
    assert browser.get(on("change", text.pk)).status_code == (200 if status == 200 else 404)


def test_another_clinics_texts_do_not_exist(sol: Clinic) -> None:
    lua = whole_clinic("Clínica Lua")
    text, draft = approved(lua), begin_draft(lua, TextKind.HELP, by=dpo_of(lua))
    browser = signed_in(Role.DPO, sol)
    for address in (
        on("change", text.pk), on("change", "nonsense"), on("people", text.pk), on("edit", draft.pk),
        on("approve", draft.pk), on("kind", lua.pk, "help"), on("words", lua.pk), on("kind", sol.pk, "poem"),
    ):  # fmt: skip
        assert browser.get(address).status_code == 404, address
    for address in (on("propose", lua.pk), on("end", draft.pk), on("kind", lua.pk, "help"), on("approve", draft.pk)):
        assert browser.post(address, {"do": "discard"}).status_code == 404, address
    assert TextVersion.objects.get(pk=draft.pk).state == "draft"


def test_who_only_looks_changes_nothing(sol: Clinic) -> None:
    draft, text = begin_draft(sol, TextKind.HELP, by=dpo_of(sol)), approved(sol)
    auditor = signed_in(Role.AUDITOR, sol)
    assert b'<form method="post"' not in auditor.get(on("change", draft.pk)).content.split(b"ponte-page")[1]
    for address, said in (
        (on("approve", draft.pk), {}), (on("end", text.pk), {"do": "retire"}), (on("words", sol.pk), {"words": "X"}),
        (on("edit", draft.pk), {"body": "X"}), (on("propose", sol.pk), {}),
    ):  # fmt: skip
        assert auditor.post(address, said).status_code == 404, address
    assert {row.state for row in TextVersion.objects.all()} == {"draft", "approved"}


def test_from_the_proposal_to_the_second_version(sol: Clinic) -> None:
    dpo = signed_in(Role.DPO, sol)
    dpo.post(on("propose", sol.pk))
    draft = TextVersion.objects.get(kind=TextKind.CONSENT, purpose="marketing")
    assert "24 meses" in dpo.get(on("change", draft.pk)).content.decode()
    dpo.post(
        on("edit", draft.pk), {"body": "*Novidades?*\r\nVale 12 meses.", "consequences": "Nada muda.", "done": "1"}
    )
    answer = dpo.post(on("approve", draft.pk), {"valid_from": ""})
    assert answer.headers["Location"] == on("change", draft.pk)
    text = text_in_force(sol, TextKind.CONSENT, purpose="marketing", now=timezone.now())
    assert text.shown == "*Novidades?*\nVale 12 meses.\n\nNada muda."

    answer = dpo.post(f"{on('kind', sol.pk, 'consent')}?purpose=marketing")
    second = TextVersion.objects.get(kind=TextKind.CONSENT, purpose="marketing", number=2)
    assert answer.headers["Location"] == on("edit", second.pk)
    dpo.post(on("edit", second.pk), {"body": "*Novidades?*\nVale 24 meses.", "consequences": "Nada muda."})
    page = dpo.get(on("approve", second.pk)).content.decode()
    assert "<del>12</del><ins>24</ins>" in page
    assert "change" in dpo.post(on("approve", second.pk), {}).context["form"].errors
    dpo.post(on("approve", second.pk), {"change": "material"})
    second.refresh_from_db()
    assert (second.state, second.affected_purposes) == ("approved", ["marketing"])
    for shape in ("chat", "page", "print"):
        assert dpo.get(f"{on('change', second.pk)}?as={shape}").status_code == 200
    listed = dpo.get(f"{on('kind', sol.pk, 'consent')}?purpose=marketing").content.decode()
    assert text.sha256[:12] in listed
    assert second.sha256[:12] in listed


def test_a_text_with_gaps_is_refused_in_words(sol: Clinic) -> None:
    draft = begin_draft(sol, TextKind.TRANSFER_PAGE, by=dpo_of(sol))
    page = signed_in(Role.DPO, sol).post(on("approve", draft.pk), {}).content.decode()
    assert "[preencher" in page
    assert TextVersion.objects.get(pk=draft.pk).state == "draft"


def test_a_script_in_a_text_stays_words(sol: Clinic) -> None:
    text = approved(sol, body="Olá <script>alert(1)</script> *<b>já</b>*")
    browser = signed_in(Role.DPO, sol)
    for shape in ("chat", "page", "print"):
        assert b"<script>alert" not in browser.get(f"{on('change', text.pk)}?as={shape}").content


def test_the_clinics_words_are_changed_and_refused_in_words(sol: Clinic) -> None:
    dpo, said = signed_in(Role.DPO, sol), {"asking_words": "cancelar", "window_hours": "48", "bot_words": "menu, chega"}
    assert "words" in dpo.post(on("words", sol.pk), {**said, "words": "cancelar"}).context["form"].errors
    dpo.post(on("words", sol.pk), {**said, "words": "sair\nchega"})
    row = words_in_force(sol, timezone.now())
    assert (row.words, row.window_hours) == (["SAIR", "CHEGA"], 48)
    assert dpo.get(on("words", sol.pk)).context["clashes"] == ["CHEGA"]


def test_the_list_asks_few_questions(sol: Clinic, django_assert_max_num_queries: Any, client: Client) -> None:
    dpo = signed_in(Role.DPO, sol)
    dpo.post(on("propose", sol.pk))
    with django_assert_max_num_queries(20):
        assert dpo.get(reverse(LIST)).status_code == 200
