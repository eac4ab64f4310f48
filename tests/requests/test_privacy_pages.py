"""G1 to G3: pages without script that say the same to everybody, and one clinic's never show another's."""

import re
from datetime import date, timedelta

import pytest
from asking import code_in_the_letter, files, item_of
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from factories import EMAIL, PHONE, clinic

from consent.models import Clinic, DataRequest, DataSubject, DpoDesignation, TextVersion, User
from consent.models.texts import digest
from consent.public.pages import slug_of
from consent.requests.states import State

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def page(of: Clinic, name: str = "") -> str:
    return f"/p/{slug_of(of)}/{name}"


def asks(of: Clinic, *rights: str, contact: str = EMAIL, **more: str) -> HttpResponse:
    return Client().post(page(of, "pedir/"), {"rights": rights or ["T01"], "contact": contact, "text": "", **more})


def follows(of: Clinic, do: str, **said: str) -> str:
    return Client().post(page(of, "acompanhar/"), {"do": do, **said}).content.decode()


def test_from_the_question_to_the_answer_in_four_pages(sol: Clinic, marina: DataSubject) -> None:
    receipt = asks(sol)
    assert receipt.status_code == 302
    protocol = DataRequest.objects.get().protocol
    assert protocol in Client().get(receipt["Location"]).content.decode()
    follows(sol, "send", protocol=protocol.lower())
    told = follows(sol, "code", protocol=protocol, code=code_in_the_letter())
    assert "Sim: a clínica trata dados seus" in told
    item = item_of(DataRequest.objects.get(), "T01")
    assert (item.state, item.sent_by_route, item.proof[:7]) == (State.CLOSED, "page", "código ")
    assert "Sim: a clínica" not in follows(sol, "code", protocol=protocol, code=code_in_the_letter())


def test_the_same_is_said_whether_the_person_exists_or_not(sol: Clinic, marina: DataSubject) -> None:
    seen = []
    for contact in (EMAIL, "ninguem@exemplo.com.br"):
        receipt = Client().get(asks(sol, "T02", "T04", contact=contact)["Location"]).content.decode()
        protocol = DataRequest.objects.latest("received_at").protocol
        sent = follows(sol, "send", protocol=protocol)
        wrong = follows(sol, "code", protocol=protocol, code="AAAA-AAAA")
        right = follows(sol, "code", protocol=protocol, code=code_in_the_letter())
        fact = follows(sol, "fact", **{"pass": passing(right)}, fact="+5511900000000")
        seen.append([plain(text, protocol) for text in (receipt, sent, wrong, right, fact)])
    assert seen[0] == seen[1]
    assert len(mail.outbox) == 2


def passing(text: str) -> str:
    found = re.search(r'name="pass" value="([^"]+)"', text)
    assert found
    return found[1]


def plain(text: str, protocol: str) -> str:
    """The page without what is different each time."""
    text = re.sub(r'value="[^"]{30,}"', "", text.replace(protocol, "PROTOCOL"))
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d\d:\d\d", "", text)


def test_a_protocol_that_does_not_exist_and_one_that_does_look_alike(sol: Clinic, marina: DataSubject) -> None:
    known = files(sol).protocol
    texts = {plain(follows(sol, "send", protocol=one), one) for one in (known, "2026-AAAA-AAAA")}
    assert len(texts) == 1


@pytest.mark.parametrize("name", ["", "pedir/", "acompanhar/"])
def test_no_page_has_a_script_or_asks_another_host(sol: Clinic, name: str) -> None:
    answer = Client().get(page(sol, name))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "<script" not in text
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!www\.gov\.br)', text)
    assert not answer.cookies or set(answer.cookies) == {"csrftoken"}
    if name:
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "no-store" in answer.headers["Cache-Control"]


def test_another_clinics_request_and_forged_links_open_nothing(sol: Clinic, marina: DataSubject) -> None:
    lua = clinic("Clínica Lua")
    receipt = asks(sol)["Location"]
    protocol = DataRequest.objects.get().protocol
    assert Client().get(receipt.replace(slug_of(sol), slug_of(lua))).status_code == 404
    assert Client().get(receipt[:-3] + "aa/").status_code == 404
    assert Client().get("/p/clinica-999999/").status_code == 404
    follows(lua, "send", protocol=protocol)
    assert mail.outbox == []
    assert Client().post(page(sol, "acompanhar/"), {"do": "fact", "pass": "forged", "fact": PHONE}).status_code == 404


def test_too_many_tries_wait_and_change_nothing(sol: Clinic, marina: DataSubject) -> None:
    answers = [asks(sol).status_code for _n in range(6)]
    assert answers == [302] * 5 + [429]
    assert DataRequest.objects.count() == 5


def test_a_form_without_question_or_with_an_unknown_contact_is_explained(sol: Clinic) -> None:
    text = Client().post(page(sol, "pedir/"), {"contact": "abc"}).content.decode()
    assert "Marque pelo menos uma pergunta" in text
    assert "telefone com DDD" in text
    assert not DataRequest.objects.exists()


def test_markup_in_what_people_write_stays_text(sol: Clinic, dpo: User, marina: DataSubject) -> None:
    sol.trade_name = "<b>Sol</b>"
    sol.save()
    assert "<b>Sol</b>" not in Client().get(page(sol)).content.decode()


def test_the_privacy_page_shows_who_answers_today_the_notice_in_force_and_older_ones(sol: Clinic, dpo: User) -> None:
    now, today = timezone.now(), timezone.localdate()
    common = {"clinic": sol, "kind": "privacy_notice", "approved_at": now, "approved_by": dpo}
    old = {
        "number": 1,
        "body": "Aviso antigo.",
        "sha256": digest("Aviso antigo."),
        "state": "retired",
        "change": "first",
    }
    TextVersion.objects.create(**common, **old, valid_from=now - timedelta(days=9), valid_to=now - timedelta(days=2))
    new = {
        "number": 2,
        "body": "Aviso novo.",
        "sha256": digest("Aviso novo."),
        "state": "approved",
        "change": "editorial",
    }
    TextVersion.objects.create(**common, **new, valid_from=now - timedelta(days=2))
    DpoDesignation.objects.create(
        clinic=sol, part="substitute", name="Sueli Ramos", contact="sueli@clinica.exemplo", starts_on=date(2026, 1, 1),
        act_signed_on=today, act_sha256="b" * 64, act_name="ato.pdf", conflict_statement="Nenhum.",
    )  # fmt: skip
    text = Client().get(page(sol)).content.decode()
    for words in (
        "Aviso novo.",
        "Sueli Ramos",
        "sueli@clinica.exemplo",
        "gov.br/anpd",
        "Quero uma cópia dos meus dados",
    ):
        assert words in text
    assert "Aviso antigo." not in text
    assert "Aviso antigo." in Client().get(page(sol) + "?v=1").content.decode()


def test_the_person_may_take_it_back_while_nothing_was_done(sol: Clinic, marina: DataSubject) -> None:
    asks(sol, "T04")
    request = DataRequest.objects.get()
    follows(sol, "send", protocol=request.protocol)
    state = follows(sol, "code", protocol=request.protocol, code=code_in_the_letter())
    item = item_of(request, "T04")
    follows(sol, "cancel", item=str(item.pk), **{"pass": passing(state)})
    assert item_of(request, "T04").state == State.CANCELLED
