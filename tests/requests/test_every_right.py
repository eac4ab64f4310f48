"""Every right has a program that carries it out, or a written step for people; each ends with an answer and a proof."""

import re
from datetime import timedelta

import pytest
from asking import files, item_of
from django.test import Client
from django.utils import timezone
from factories import PHONE

from consent.encryption import Actor, seal
from consent.export import control
from consent.models import Clinic, ConsentRecord, DataSubject, ExportPackage, RequestItem, User
from consent.requests import answers, deciding, execution, following, identity, sending
from consent.requests.rules import Right, rules
from consent.requests.states import State
from consent.suppression import suppressed

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def granted(of: Clinic, dpo: User, *rights: str) -> dict[str, RequestItem]:
    """Asked for, proved, and granted where nobody's judgement is spared."""
    now = timezone.now()
    request = files(of, *rights, now=now)
    identity.seen_in_person(request, by=dpo, now=now)
    following.advance(request, now=now)
    items = {right: item_of(request, right) for right in rights}
    for item in items.values():
        if item.state == State.VERIFIED:
            deciding.decide(item, "grant", by=dpo, now=now)
    return items


def told(item: RequestItem) -> str:
    return answers.opened(item_of(item.request, item.right), actor=Actor.system("test"))


@pytest.mark.parametrize("right", Right.values)
def test_each_right_is_carried_out_by_a_program_or_by_a_written_step(
    sol: Clinic, marina: DataSubject, dpo: User, right: str
) -> None:
    now = timezone.now()
    item = granted(sol, dpo, right)[right]
    if execution.executor_of(right) is None:
        assert len(rules().rights[right].steps) > 40
        assert item.state == State.EXECUTING
        page = Client()
        page.force_login(dpo)
        shown = page.get(f"/admin/consent/datarequest/{item.request.pk}/change/").content.decode()
        assert rules().rights[right].steps[:40] in shown
        deciding.done(item, "Feito.", by=dpo, now=now)
    elif right in control.RIGHTS:
        assert item.state == State.EXECUTING
        assert ExportPackage.objects.get().rights == [right]
        return
    elif item.state != State.READY:
        # Erasure takes its own steps, with its own tests.
        assert right in {Right.UNLAWFUL, Right.ERASURE}
        return
    text = told(item)
    assert item.request.protocol in text
    assert "gov.br/anpd" in text
    sending.handed_over(item, "recibo 1", by=dpo, now=now)
    assert item_of(item.request, right).state == State.CLOSED


def test_the_link_of_the_one_package_is_the_answer_of_all_three_rights(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    now = timezone.now()
    items = granted(sol, dpo, "T02", "T03", "T06")
    row = ExportPackage.objects.get()
    assert row.rights == ["T02", "T03", "T06"]
    assert {item_of(item.request, right).state for right, item in items.items()} == {State.EXECUTING}
    ExportPackage.objects.update(
        state="released", released_at=now, released_by=dpo, is_complete=True, built_at=now, file_bytes=9,
        expires_at=now + timedelta(days=15),
        manifest_sha256="0" * 64, key=seal("k", subject=marina.pk, context=row.key_context),
    )  # fmt: skip
    row.refresh_from_db()
    links = []
    for _again in range(2):
        issued = control.issue_link(row, channel="email", actor=Actor.staff(dpo), now=now)
        links.append(issued.token)
        for right, item in items.items():
            text = told(item)
            assert item_of(item.request, right).state == State.READY
            assert re.findall(r"https://\S+/([\w-]{30,})", text) == [issued.token]
            assert issued.code not in text
    assert links[0] != links[1]


def test_a_granted_opposition_ends_every_use_but_the_contact_for_care(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    item = granted(sol, dpo, "T11")["T11"]
    marina.refresh_from_db()
    assert marina.blocked_at is None
    assert set(marina.opposed_purposes) == {"conversation_summary", "message_text", "marketing", "language_model"}
    assert suppressed([marina.pk]) == {marina.pk}
    assert "Marketing" in told(item)


def test_who_got_the_data_is_told_with_dates_and_purpose(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    text = told(granted(sol, dpo, "T08")["T08"])
    assert "Chatwoot · https://chat.exemplo.com.br" in text
    assert PHONE not in text


def test_the_officer_sees_what_each_system_holds_without_opening_it(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    ConsentRecord.objects.create(
        subject=marina, consent_type="marketing", status="denied", consent_text="x", consent_version="1"
    )
    item = granted(sol, dpo, "T04")["T04"]
    page = Client()
    page.force_login(dpo)
    text = page.get(f"/admin/consent/datarequest/{item.request.pk}/change/").content.decode()
    rows = re.findall(r"<tr><td>(Ponte|Chatwoot|Krayin)</td><td>([^<]+)</td><td>(\d+)</td>", text)
    assert {("Ponte", "consentimentos", "1"), ("Ponte", "requisições", "1"), ("Chatwoot", "contatos", "1")} <= set(rows)
