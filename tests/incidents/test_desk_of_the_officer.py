"""C1: every thing that waits for the officer has its card, with its count, and nothing of another clinic's."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from factories import PHONE, connection, contact, signed_in, user
from screens.pages import main_of

from audit.models import Verification
from audit.services import Entry, record_many
from consent import desk
from consent.access import exceptional
from consent.consents import Evidence, grant
from consent.encryption import Actor
from consent.holds import mark_minor
from consent.models import Clinic, RequestItem
from consent.queries import desk_cards
from consent.roles import Role
from consent.texts import begin_draft
from tests.consents.approved import approve_all, show
from tests.holds.kept_people import NOW, dpo_of, held, order, person, sunny
from tests.requests.asking import files

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
DAY = timedelta(days=1)


def counts(of: Clinic) -> dict[str, int]:
    officer = user(Role.DPO, of)
    found = desk.cards(officer, Clinic.objects.filter(pk=of.pk), NOW)
    return {str(card.title): card.count for card in found if card.count}


def test_what_waits_has_its_card(in_english: None) -> None:
    sol, lua, now = sunny(), sunny("Clínica Lua"), NOW
    text, dpo, marina = approve_all(sol), dpo_of(sol), person(sol)
    begin_draft(sol, "help", by=dpo)
    held(marina, by=dpo, order=order(review_on=(now + 10 * DAY).date()))
    mark_minor(person(sol, phone="+5511987654322"), birth_month=None, by=dpo, now=now)
    then = now - 720 * DAY
    grant(
        marina, "marketing", evidence=Evidence("file", b"1" * 32), served=show(text, marina, then),
        channel="in_person", actor=Actor.staff(dpo), now=then,
    )  # fmt: skip
    access = exceptional.ask(
        user(Role.DPO, sol), marina, reason="risk_to_the_person", explanation="x" * 30, now=now - DAY
    )
    seen = [
        Entry(
            action="reveal", actor_type="staff", actor_id=str(access.user_id), clinic_id=sol.pk, subject=one.pseudonym
        )
        for one in (person(sol, phone=f"+55119876500{n:02}") for n in range(31))
    ]
    record_many(seen, own_connection=False)
    Verification.objects.create(
        mode="full", rows=9, last_position=9, last_segment=1, seconds=0.1, key_id="t1", mac=b"",
        findings=[{"kind": "late", "where": "7 rows"}],
    )  # fmt: skip
    assert counts(sol) | {
        "Texts and legal bases": 1, "Blocks and legal holds": 1, "Minors": 1, "Consents": 1, "Integrity of the trail": 1,
        "Unusual access": 2,
    } == counts(sol)  # fmt: skip
    assert not {"Texts and legal bases", "Blocks and legal holds", "Minors", "Consents", "Unusual access"} & set(
        counts(lua)
    )


def test_the_year_says_how_many_were_answered_in_time_and_how_fast() -> None:
    sol, now = sunny(), NOW
    request = files(sol, "T02", "T04", "T08", contact=PHONE, now=now - 5 * DAY)
    first, second, _third = RequestItem.objects.filter(request=request).order_by("right")
    for item, sent_at in ((first, now - 3 * DAY), (second, now - DAY)):
        RequestItem.objects.filter(pk=item.pk).update(
            sent_at=sent_at, answer_sha256="a" * 64, proof="1", proof_sha256="b" * 64
        )
    found = desk_cards.year(Clinic.objects.filter(pk=sol.pk), now)
    assert (found.received, found.answered, found.in_time) == (3, 2, 2)
    assert found.median_days == pytest.approx(3, abs=0.1)


def test_the_desk_opens_with_few_questions(django_assert_max_num_queries: object) -> None:
    sol = sunny()
    contact(connection(sol))
    browser: Client = signed_in(Role.DPO, sol)
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        answer = browser.get(reverse("admin:consent_datarequest_desk"))
    assert "sem dados" in main_of(answer)
