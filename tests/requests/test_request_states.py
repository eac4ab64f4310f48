"""A right of a request: its steps, its clock, and no way to the end without proof."""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from asking import files, item_of, ready
from django.db import Error, transaction
from django.db import connection as database
from django.utils import timezone
from factories import EMAIL, clinic

from audit.models import AuditLog
from consent.encryption import Actor
from consent.models import Clinic, DataRequest, DataSubject, RequestItem, RequestStep, User
from consent.requests import clock, deciding, filing, sending
from consent.requests.moving import move
from consent.requests.rules import CURRENT_RULES
from consent.requests.states import OPEN_STATES, TRANSITIONS, IllegalTransition, State

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
BY = Actor.system("test")
ZONE = ZoneInfo("America/Sao_Paulo")
RECEIVED = datetime(2026, 11, 2, 20, 30, tzinfo=ZONE)


def test_a_request_gets_a_protocol_at_once_and_each_right_its_own_clock(sol: Clinic) -> None:
    request = files(sol, "T01", "T02", now=RECEIVED)
    assert request.protocol[:5] == "2026-"
    assert len(set(request.protocol[5:]) - set(filing.ALPHABET) - {"-"}) == 0
    dues = {item.right: item.due_at for item in request.items.all()}
    assert dues == {"T01": RECEIVED + timedelta(hours=24), "T02": datetime(2026, 11, 17, 23, 59, 59, tzinfo=ZONE)}


def test_the_small_regime_counts_only_for_what_comes_in_after_it_was_decided(sol: Clinic, dpo: User) -> None:
    before = files(sol, "T02", now=RECEIVED)
    with pytest.raises(deciding.ReasonMissing):
        deciding.choose_regime(sol, "small", " ", by=dpo, now=RECEIVED)
    deciding.choose_regime(sol, "small", "Menos de dez pessoas e nenhum dado de saúde.", by=dpo, now=RECEIVED)
    after = files(sol, "T01", "T02", now=RECEIVED)
    assert before.items.get().due_at.astimezone(ZONE).day == 17
    assert {item.due_at.astimezone(ZONE).isoformat() for item in after.items.all()} == {
        "2026-11-17T23:59:59-03:00",
        "2026-12-02T23:59:59-03:00",
    }
    assert (before.regime, after.regime) == ("full", "small")


def test_what_is_asked_in_the_same_words_twice_is_linked_and_both_run(sol: Clinic, marina: DataSubject) -> None:
    first = files(sol, "T02", now=RECEIVED)
    again = files(sol, "T02", "T04", now=RECEIVED + timedelta(days=1))
    other = files(sol, "T04", contact="outra@exemplo.com.br")
    assert (again.duplicate_of, other.duplicate_of, first.duplicate_of) == (first, None, None)
    assert again.items.count() == 2
    assert again.items.filter(state=State.IDENTITY_PENDING).count() == 2


@pytest.mark.parametrize(
    ("rights", "received", "code"),
    [((), 0, "no_right"), (("T99",), 0, "unknown_right"), (("T02",), 1, "in_the_future")],
)
def test_what_cannot_be_a_request_is_refused_and_leaves_nothing(
    sol: Clinic, rights: tuple[str, ...], received: int, code: str
) -> None:
    now = timezone.now()
    asked = filing.Asked(rights=rights, channel="letter", received_at=now + timedelta(days=received))
    with pytest.raises(filing.NotFiled) as refused:
        filing.file_request(sol, asked, now=now)
    assert refused.value.code == code
    assert not DataRequest.objects.exists()
    assert not DataSubject.objects.exists()


def reached_without(forbidden: State) -> set[State]:
    """States to which a way leads from the beginning that does not pass through the forbidden one."""
    seen, edge = {State.RECEIVED}, [State.RECEIVED]
    while edge:
        for after in TRANSITIONS[edge.pop()] - seen - {forbidden}:
            seen.add(after)
            edge.append(after)
    return seen


def test_no_way_leads_to_the_end_past_the_sending() -> None:
    assert State.CLOSED not in reached_without(State.DELIVERED)
    assert State.CLOSED not in reached_without(State.READY)
    assert State.CANCELLED not in {after for state in (State.EXECUTING, State.READY) for after in TRANSITIONS[state]}
    assert set(TRANSITIONS) == set(State)


def test_however_one_walks_nothing_is_closed_without_proof_and_no_clock_moves(sol: Clinic) -> None:
    chance = random.Random(5)
    fields: dict[str, object] = {"answer_sha256": "a" * 64, "decision": "grant", "verified": "checked"}
    proof = {"sent_at": RECEIVED, "proof": "carta 7", "proof_sha256": "b" * 64}
    closed = refused = 0
    for turn in range(12):
        item = files(sol, "T14", now=RECEIVED).items.get()
        due = item.due_at
        for _step in range(14):
            after = chance.choice(sorted(TRANSITIONS[State(item.state)]) or list(State))
            given = {
                **fields,
                **(proof if after in {State.DELIVERED, State.CLOSED} and chance.random() < turn / 8 else {}),
            }
            try:
                move(item, after, actor=BY, now=RECEIVED, **given)
            except IllegalTransition:
                refused += 1
                item.refresh_from_db()
        row = RequestItem.objects.get(pk=item.pk)
        assert (row.due_at, row.received_at) == (due, RECEIVED)
        assert [step.to_state for step in row.steps.all()][-1] == row.state
        if row.state == State.CLOSED:
            closed += 1
            assert row.sent_at
            assert row.proof_sha256
            assert row.verified
    assert closed
    assert refused


def test_a_step_the_machine_does_not_know_raises_and_changes_nothing(sol: Clinic) -> None:
    item = files(sol, "T14").items.get()
    steps = item.steps.count()
    for state in set(State) - TRANSITIONS[State.IDENTITY_PENDING]:
        with pytest.raises(IllegalTransition):
            move(item, state, actor=BY, now=timezone.now())
    item.refresh_from_db()
    assert (item.state, item.steps.count()) == (State.IDENTITY_PENDING, steps)


@pytest.mark.parametrize(
    "change",
    [
        {"due_at": RECEIVED + timedelta(days=90)},
        {"received_at": RECEIVED + timedelta(days=1)},
        {"state": "closed"},
        {"state": "almost"},
        {"sent_at": RECEIVED},
    ],
)
def test_the_database_keeps_the_clock_and_closes_nothing_without_proof(sol: Clinic, change: dict[str, object]) -> None:
    item = files(sol, "T02", now=RECEIVED).items.get()
    with pytest.raises(Error), transaction.atomic():
        RequestItem.objects.filter(pk=item.pk).update(**change)
    assert RequestItem.objects.get(pk=item.pk).due_at == item.due_at


def test_steps_regimes_and_the_receipt_cannot_be_rewritten(sol: Clinic, dpo: User) -> None:
    request = files(sol, "T02", now=RECEIVED)
    regime = deciding.choose_regime(sol, "full", "Dados de saúde.", by=dpo, now=RECEIVED)
    with database.cursor() as cursor:  # tests are retention, which alone may remove what is past its time
        cursor.execute("SET LOCAL ponte.retention = 'off'")
    for change in (
        lambda: RequestStep.objects.update(reason="x"),
        lambda: RequestStep.objects.all().delete(),
        lambda: type(regime).objects.update(regime="small"),
        lambda: DataRequest.objects.update(received_at=RECEIVED + timedelta(days=1)),
        lambda: DataRequest.objects.update(protocol="2026-AAAA-AAAA"),
    ):
        with pytest.raises(Error), transaction.atomic():
            change()
    assert DataRequest.objects.get().protocol == request.protocol


def test_a_closed_right_stays_closed_with_its_proof(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    item = ready(sol, dpo)
    sending.handed_over(item, "recibo 12", by=dpo, now=timezone.now())
    for change in ({"state": "ready"}, {"proof": "outro"}, {"proof_sha256": "c" * 64}):
        with pytest.raises(Error), transaction.atomic():
            RequestItem.objects.filter(pk=item.pk).update(**change)
    assert RequestItem.objects.get(pk=item.pk).state == State.CLOSED


def test_each_step_says_who_when_why_by_which_rules_and_leaves_an_audit_row(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    now = timezone.now()
    item = ready(sol, dpo, now=now)
    steps = list(item.steps.values_list("to_state", "actor_kind", "rules_version", "at"))
    assert [step[0] for step in steps] == [
        "received", "identity_pending", "verified", "triage", "approved", "executing", "verifying", "ready",
    ]  # fmt: skip
    assert {step[1:] for step in steps if step[0] in {"triage", "approved", "ready"}} == {("staff", CURRENT_RULES, now)}
    told = AuditLog.objects.filter(object_type="consent.RequestItem", object_id=str(item.pk)).order_by("pk")
    assert [row.action for row in told] == [f"request.{step[0]}" for step in steps]
    assert {row.subject for row in told} == {marina.pseudonym}


def test_a_right_found_later_in_the_same_words_keeps_the_clock_of_the_message(sol: Clinic, dpo: User) -> None:
    request = files(sol, "T02", now=RECEIVED)
    added = deciding.split(request, "T04", by=dpo, now=RECEIVED + timedelta(days=9))
    assert added.due_at == request.items.get(right="T02").due_at


def test_half_four_fifths_and_the_whole_period_are_told_while_it_is_open(sol: Clinic) -> None:
    request = files(sol, "T02", now=RECEIVED)
    item = request.items.get()
    period = item.due_at - item.received_at
    told = {
        share: [one.level for one in clock.due_levels(RECEIVED + period * share)] for share in (0.4, 0.5, 0.8, 1, 3)
    }
    assert told == {0.4: [], 0.5: [50], 0.8: [80], 1: [100], 3: [100]}
    for state in OPEN_STATES:
        RequestItem.objects.filter(pk=item.pk).update(state=state)
        assert [one.protocol for one in clock.due_levels(item.due_at)] == [request.protocol]
    deciding_state = State.IDENTITY_PENDING
    RequestItem.objects.filter(pk=item.pk).update(state=deciding_state)
    deciding.cancel(item_of(request, "T02"), actor=BY, now=RECEIVED)
    assert clock.due_levels(item.due_at) == []


def test_the_person_takes_it_back_only_before_it_is_carried_out(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    item = ready(sol, dpo)
    with pytest.raises(IllegalTransition):
        deciding.cancel(item, actor=BY, now=timezone.now())
    assert RequestItem.objects.get(pk=item.pk).state == State.READY


def test_another_clinics_person_cannot_be_the_one_who_asks(sol: Clinic, dpo: User) -> None:
    request = files(sol, "T02")
    stranger = DataSubject.objects.create(clinic=clinic("Clínica Lua"))
    with pytest.raises(deciding.Settled):
        deciding.say_who(request, stranger, by=dpo, now=timezone.now())
    assert DataRequest.objects.get(pk=request.pk).subject is None


def test_words_of_the_request_are_sealed_with_a_key_that_outlives_the_person(sol: Clinic, marina: DataSubject) -> None:
    request = files(sol, "T02")
    assert request.subject == marina
    assert request.holder_id != marina.pk
    row = DataRequest.objects.get(pk=request.pk)
    assert row.text
    assert b"Quero saber" not in row.text.blob
    assert EMAIL.encode() not in row.contact.blob  # type: ignore[union-attr]
    assert str(row.text) == "••••"
