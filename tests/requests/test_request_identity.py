"""Who asks: codes that open once, facts, two channels, representatives; and nobody learns who is a patient."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from asking import HERE, code_in_the_letter, files, item_of, proves
from django.core import mail
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import EMAIL, PHONE

from consent.models import Clinic, ContactPoint, DataRequest, DataSubject, IdentityCode, RepresentativeDocument, User
from consent.requests import deciding, following, identity, representatives
from consent.requests.channels import CouldNotSend
from consent.requests.contacts import Contact
from consent.requests.identity import Verdict
from consent.requests.rules import Proof
from consent.requests.states import State

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
NOW = datetime.fromisoformat("2026-11-20T15:00:00-03:00")
STRANGER = "ninguem@exemplo.com.br"


def sent(request: DataRequest, now: datetime = NOW) -> str:
    identity.send_code(request, address=HERE, now=now)
    return code_in_the_letter()


def tries(request: DataRequest, code: str, now: datetime = NOW, address: str = HERE) -> Verdict:
    return identity.verify_code(request, code, address=address, now=now)


def test_a_code_is_eight_signs_kept_only_as_a_digest(sol: Clinic, marina: DataSubject) -> None:
    code = sent(files(sol)).replace("-", "")
    row = IdentityCode.objects.get()
    assert len(code) == 8
    assert code.encode() not in bytes(row.digest)
    assert mail.outbox[0].to == [EMAIL]
    assert "Clínica Sol" in str(mail.outbox[0].body)


def test_a_code_opens_once(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol)
    code = sent(request)
    assert [tries(request, f" {code.lower()} "), tries(request, code)] == [Verdict.RIGHT, Verdict.WRONG]


def test_after_fifteen_minutes_it_opens_nothing(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol)
    code = sent(request)
    assert tries(request, code, NOW + timedelta(minutes=15)) is Verdict.WRONG
    assert IdentityCode.objects.get().outcome == "expired"
    assert item_of(request, "T01").state == State.IDENTITY_PENDING


def test_five_wrong_tries_end_it_even_from_many_addresses(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol)
    code = sent(request)
    assert {tries(request, "AAAAAAAA", address=f"203.0.113.{n}") for n in range(5)} == {Verdict.WRONG}
    assert tries(request, code, address="203.0.113.77") is Verdict.WRONG
    assert IdentityCode.objects.get().outcome == "exhausted"


def test_a_new_code_ends_the_earlier_one(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol)
    first, second = sent(request), sent(request)
    assert [tries(request, first), tries(request, second)] == [Verdict.WRONG, Verdict.RIGHT]


def test_another_requests_code_opens_nothing(sol: Clinic, marina: DataSubject) -> None:
    mine, other = files(sol), files(sol, contact=STRANGER)
    code = sent(mine)
    sent(other)
    assert tries(other, code) is Verdict.WRONG
    assert identity.proofs(other) == frozenset()


def test_a_contact_gets_only_so_many_codes(sol: Clinic, marina: DataSubject) -> None:
    requests = [files(sol) for _n in range(2)]
    for n in range(5):
        sent(requests[n % 2])
    with pytest.raises(identity.TooMany):
        sent(requests[0])
    assert len(mail.outbox) == 5


def test_whether_the_person_exists_the_same_is_done_and_said(sol: Clinic, marina: DataSubject) -> None:
    told = {}
    for contact in (EMAIL, STRANGER):
        with CaptureQueriesContext(
            database,
        ) as filed:
            request = files(sol, "T01", "T02", contact=contact)
        with CaptureQueriesContext(database) as asked:
            code = sent(request)
        with CaptureQueriesContext(database) as typed:
            verdicts = [tries(request, "AAAAAAAA"), tries(request, code)]
        told[contact] = (shape(filed), shape(asked), shape(typed), verdicts, len(mail.outbox[-1].subject))
    known, unknown = told[EMAIL], told[STRANGER]
    assert known[2:] == unknown[2:]
    assert [len(one) for one in known[:2]] == [len(one) for one in unknown[:2]]


def shape(captured: CaptureQueriesContext) -> list[str]:
    """Which statements ran, without what was in them; savepoints are numbered anew each time."""
    return [
        " ".join(query["sql"].split()[:3]) for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]
    ]


def test_who_proves_a_contact_nobody_is_known_under_learns_just_that(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T01", "T02", contact=STRANGER)
    proves(request)
    assert item_of(request, "T01").state == State.READY
    assert item_of(request, "T02").state == State.IDENTITY_PENDING
    assert identity.prove_fact(request, PHONE, address=HERE, now=NOW) is Verdict.WRONG


def test_access_takes_a_code_and_a_fact_and_health_data_two_channels(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T02", "T04")
    proves(request, fact=PHONE)
    assert item_of(request, "T04").state == State.VERIFIED
    assert item_of(request, "T02").state == State.IDENTITY_PENDING
    second = Contact.read("marina@outra.exemplo.com.br")
    assert second
    point = ContactPoint(subject=marina, clinic=sol, kind="email")
    point.seal_value(second.value, mask=second.mask)
    point.save()
    now = timezone.now()
    identity.send_code(request, address=HERE, now=now, contact=second)
    assert tries(request, code_in_the_letter(), now) is Verdict.RIGHT
    following.advance(request, now=now)
    assert Proof.TWO_CHANNELS in identity.proofs(request)
    assert item_of(request, "T02").state == State.VERIFIED


def test_a_code_to_a_contact_that_is_not_the_persons_is_no_second_channel(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T02")
    proves(request)
    now = timezone.now()
    identity.send_code(request, address=HERE, now=now, contact=Contact.read(STRANGER))
    assert tries(request, code_in_the_letter(), now) is Verdict.RIGHT
    assert identity.proofs(request) == frozenset({Proof.CHANNEL})


def test_five_wrong_facts_and_no_more_is_looked_at(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T04")
    proves(request)
    for n in range(5):
        address = f"203.0.113.{n}"
        assert identity.prove_fact(request, "+5511900000000", address=address, now=NOW) is Verdict.WRONG
    assert identity.prove_fact(request, PHONE, address="203.0.113.9", now=NOW) is Verdict.WRONG
    # The contact itself is no fact about the person.
    assert identity.other_contact(request, EMAIL) is False


def test_a_telephone_that_several_share_names_nobody(sol: Clinic, marina: DataSubject) -> None:
    ContactPoint.objects.filter(subject=marina, kind="phone").update(is_shared=True)
    assert files(sol, contact=PHONE).subject is None


def test_seen_in_person_proves_everything_and_who_saw_is_kept(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    request = files(sol, "T02")
    identity.seen_in_person(request, by=dpo, now=NOW)
    following.advance(request, now=NOW)
    assert item_of(request, "T02").state == State.VERIFIED
    assert DataRequest.objects.get().seen_by == dpo


def test_a_representative_proves_nothing_without_an_accepted_document(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    request = files(sol, "T04", by_representative=True)
    proves(request, fact=PHONE)
    assert item_of(request, "T04").state == State.IDENTITY_PENDING
    paper = b"%PDF procuracao de Marina Serra Azul"
    row = representatives.receive(request, paper, relation="attorney", by=dpo, now=NOW)
    assert paper not in row.content.blob  # type: ignore[union-attr]
    assert representatives.opened(row, by=dpo) == paper
    assert representatives.decide(row, accepted=True, by=dpo, now=NOW)
    assert not representatives.decide(row, accepted=False, by=dpo, now=NOW)
    following.advance(request, now=NOW)
    row.refresh_from_db()
    assert (row.content, row.accepted, item_of(request, "T04").state) == (None, True, State.VERIFIED)


def test_a_document_nobody_decides_about_goes_after_thirty_days(sol: Clinic, dpo: User) -> None:
    request = files(sol, "T04", by_representative=True)
    row = representatives.receive(request, b"x", relation="guardian", by=dpo, now=NOW)
    assert representatives.forget_old(NOW + timedelta(days=29)) == 0
    assert representatives.forget_old(NOW + timedelta(days=31)) == 1
    assert RepresentativeDocument.objects.get(pk=row.pk).content is None


def test_mail_that_cannot_be_sent_leaves_no_code_open(sol: Clinic, marina: DataSubject, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    request = files(sol)
    with pytest.raises(CouldNotSend) as told:
        identity.send_code(request, address=HERE, now=NOW)
    assert EMAIL not in repr(told.value.__cause__) + str(told.value)
    assert IdentityCode.objects.get().outcome == "not_sent"


def test_less_proof_for_an_answer_without_health_data_takes_a_reason(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    request = files(sol, "T02")
    proves(request, fact=PHONE)
    item = item_of(request, "T02")
    with pytest.raises(deciding.ReasonMissing):
        deciding.set_health_content(item, False, why=" ", by=dpo, now=NOW)
    assert item_of(request, "T02").state == State.IDENTITY_PENDING
    deciding.set_health_content(item, False, why="Só dados de cadastro.", by=dpo, now=NOW)
    assert item_of(request, "T02").state == State.VERIFIED
