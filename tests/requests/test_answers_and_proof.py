"""What people are told, by which way, with which proof; and the package the authority gets."""

import hashlib
import io
import zipfile
from typing import Any

import pytest
from asking import files, item_of, proves, ready
from django.core import mail
from django.utils import timezone
from factories import EMAIL, PHONE, user

from consent.encryption import Actor, RevealDenied
from consent.models import Clinic, ConsentRecord, DataSubject, RequestItem, TextVersion, User
from consent.models.texts import digest
from consent.requests import answers, channels, deciding, execution, following, package, sending
from consent.requests.channels import CouldNotSend, Message, NoWay, Sent
from consent.requests.rules import rules
from consent.requests.states import IllegalTransition, State
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def told(item: RequestItem) -> str:
    return answers.opened(item_of(item.request, item.right), actor=Actor.system("test"))


def verified(of: Clinic, right: str) -> RequestItem:
    request = files(of, right)
    proves(request, fact=PHONE)
    return item_of(request, right)


def test_the_confirmation_comes_by_itself_once_the_channel_is_proved(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T01")
    proves(request)
    text = told(item_of(request, "T01"))
    for words in (request.protocol, "Sim: a clínica trata dados seus", "Finalidades", "Paula Prado", "gov.br/anpd"):
        assert words in text
    assert EMAIL not in text
    assert "987654321" not in text


def test_whom_the_clinic_does_not_know_is_told_so(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T01", contact="ninguem@exemplo.com.br")
    proves(request)
    assert "não tem registro" in told(item_of(request, "T01"))


def test_withdrawal_takes_effect_with_the_code(sol: Clinic, marina: DataSubject) -> None:
    now = timezone.now()
    ConsentRecord.objects.create(
        subject=marina,
        consent_type="marketing",
        status="granted",
        granted_at=now,
        consent_text="x",
        consent_version="1",
    )
    request = files(sol, "T10", "T09", now=now)
    proves(request, now=now)
    newest = ConsentRecord.objects.filter(subject=marina, consent_type="marketing").latest("pk")
    assert newest.status == "withdrawn"
    assert "canceladas" in told(item_of(request, "T10"))
    assert "não muda em nada o seu atendimento" in told(item_of(request, "T09"))


@pytest.mark.parametrize("right", ["T05", "T11"])
def test_the_data_are_blocked_while_somebody_decides(sol: Clinic, marina: DataSubject, right: str) -> None:
    verified(sol, right)
    marina.refresh_from_db()
    assert marina.blocked_at


def test_a_refusal_ends_the_blocking_unless_the_law_keeps_the_data(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    for code, stays in (("IMPOSSIBLE", False), ("LEGAL_RETENTION", True), ("IMPOSSIBLE", True)):
        item = verified(sol, "T05")
        deciding.decide(item, "refuse", by=dpo, now=timezone.now(), refusal_code=code, detail="Até 03/2046.")
        marina.refresh_from_db()
        assert bool(marina.blocked_at) == stays, code


def test_before_anybody_proved_who_asks_nothing_is_blocked(sol: Clinic, marina: DataSubject) -> None:
    files(sol, "T05")
    marina.refresh_from_db()
    assert marina.blocked_at is None


@pytest.mark.parametrize("code", sorted(rules().refusals))
def test_every_refusal_says_why_by_which_article_and_how_to_complain(
    sol: Clinic, marina: DataSubject, dpo: User, code: str
) -> None:
    item = verified(sol, "T04")
    refusal = rules().refusals[code]
    if refusal.detail:
        with pytest.raises(answers.DetailMissing):
            deciding.decide(item, "refuse", by=dpo, now=timezone.now(), refusal_code=code)
        assert item_of(item.request, "T04").state == State.VERIFIED
    deciding.decide(item, "refuse", by=dpo, now=timezone.now(), refusal_code=code, detail="Até 03/2046.")
    text = told(item)
    for words in (code, refusal.text, refusal.article, "Até 03/2046.", "gov.br/anpd", item.request.protocol):
        assert words in text
    assert item.state == State.READY


def test_the_clinics_own_approved_text_comes_before_the_shipped_one(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    now = timezone.now()
    words = "Texto da clínica."
    TextVersion.objects.create(
        clinic=sol, kind="refusal_third_party", number=1, body=words, sha256=digest(words), state="approved",
        change="first", valid_from=now, approved_at=now, approved_by=dpo,
    )  # fmt: skip
    item = verified(sol, "T04")
    deciding.decide(item, "refuse", by=dpo, now=now, refusal_code="THIRD_PARTY")
    assert "Texto da clínica." in told(item)


def test_mail_closes_the_right_with_the_id_of_the_letter_and_its_hash(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    item = ready(sol, dpo)
    sending.send(item, "email", by=dpo, now=timezone.now())
    row, letter = item_of(item.request, "T04"), mail.outbox[-1]
    assert (row.state, row.sent_by_route, letter.to) == (State.CLOSED, "email", [EMAIL])
    assert row.proof == letter.extra_headers["Message-ID"]
    assert row.proof_sha256 == hashlib.sha256(str(letter.body).encode()).hexdigest()
    assert "telefone foi corrigido" in str(letter.body)


def test_what_could_not_be_sent_stays_to_be_sent(sol: Clinic, marina: DataSubject, dpo: User, settings: Any) -> None:
    item = ready(sol, dpo)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(CouldNotSend):
        sending.send(item, "email", by=dpo, now=timezone.now())
    with pytest.raises(NoWay):
        sending.send(item, "chat", by=dpo, now=timezone.now())
    with pytest.raises(NoWay):
        sending.handed_over(item, " ", by=dpo, now=timezone.now())
    row = item_of(item.request, "T04")
    assert (row.state, row.sent_at, row.proof_sha256) == (State.READY, None, "")


class Chat:
    """A way that is there and gone again, like a conversation's reply window."""

    route = "chat"

    def __init__(self) -> None:
        self.is_open, self.sent = True, []

    def reaches(self, contact: Any, subject: DataSubject, *, now: Any) -> bool:
        return self.is_open and contact.kind == "phone"

    def send(self, message: Message, *, now: Any) -> Sent:
        self.sent.append(message.write())
        return Sent.of("message 77", self.sent[-1])

    def take_back(self, item: RequestItem, *, now: Any) -> bool:
        return False


@pytest.fixture
def chat() -> Any:
    way, usual = Chat(), channels.channel("chat")
    channels.register(way)
    yield way
    assert usual
    channels.register(usual)


def test_chat_comes_first_while_its_window_is_open(sol: Clinic, marina: DataSubject, dpo: User, chat: Chat) -> None:
    now = timezone.now()
    item = ready(sol, dpo)
    assert [way.route for way, _contact in sending.ways(item.request, now=now)] == ["chat", "email"]
    chat.is_open = False
    assert [way.route for way, _contact in sending.ways(item.request, now=now)] == ["email"]
    chat.is_open = True
    sending.send(item, "chat", by=dpo, now=now)
    assert (item_of(item.request, "T04").proof, len(chat.sent)) == ("message 77", 1)


def test_an_answer_is_not_sent_twice(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    item = ready(sol, dpo)
    sending.handed_over(item, "recibo 12", by=dpo, now=timezone.now())
    letters = len(mail.outbox)
    with pytest.raises(IllegalTransition):
        sending.send(item, "email", by=dpo, now=timezone.now())
    assert len(mail.outbox) == letters


def test_what_a_program_failed_at_is_tried_again_or_done_by_hand(
    sol: Clinic, marina: DataSubject, dpo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [execution.Done(State.FAILED), execution.Done(State.VERIFYING, "Feito.", "checked")]
    monkeypatch.setitem(execution._executors, "T08", lambda item, now: outcomes.pop(0))
    item = verified(sol, "T08")
    deciding.decide(item, "grant", by=dpo, now=timezone.now())
    assert item.state == State.FAILED
    following.carry_out(item, now=timezone.now())
    assert item_of(item.request, "T08").state == State.READY


def test_not_read_back_takes_an_exception_with_a_reason(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    item = verified(sol, "T05")
    deciding.decide(item, "grant", by=dpo, now=timezone.now())
    deciding.done(item, "Bloqueado.", by=dpo, now=timezone.now(), why="O Krayin não respondeu até o prazo.")
    row = item_of(item.request, "T05")
    assert (row.verified, row.request.notes.get().about) == ("exception", "exception")


def test_the_package_for_the_authority_verifies_and_names_nobody_outside(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    item = ready(sol, dpo)
    sending.send(item, "email", by=dpo, now=timezone.now())
    pieces = list(package.package(item.request, by=dpo, now=timezone.now()))
    assert len(pieces) > 3
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        for line in archive.read("SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
            names.remove(name)
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert names == ["SHA256SUMS"]
    assert "Quero saber" in everything
    assert "telefone foi corrigido" in everything
    assert package.file_name(item.request) == f"requisicao-{item.request.protocol}.zip"
    for name in ("Marina", EMAIL):
        assert name not in everything


def test_who_may_not_read_the_request_gets_no_package(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    request = files(sol)
    with pytest.raises(RevealDenied):
        package.package(request, by=user(Role.AUDITOR, sol), now=timezone.now())
