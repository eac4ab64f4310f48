"""Consent is what people said, with proof: nothing is allowed that was not given, is over, or was taken back."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from approved import approve_all, show
from django.db import IntegrityError, connection, transaction
from factories import clinic as make_clinic
from factories import connection as make_connection
from factories import contact, user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditLog
from consent.consents import (
    ActRefused,
    AskGuardian,
    BringEvidence,
    Evidence,
    NewerActExists,
    NotAskedHere,
    PersonClosed,
    ShowTextFirst,
    check,
    grant,
    invalidate,
    may_ask,
    refuse,
    request,
    withdraw,
    withdraw_all,
)
from consent.consents.contacts import belongs_to
from consent.consents.receipts import ReceiptBroken, is_intact, lines, read_receipt, receipt
from consent.consents.state import WhyNot
from consent.decisions import decide
from consent.encryption import Actor
from consent.encryption.proofs import receipt_public_key
from consent.holds import mark_minor, oppose, verify_guardian
from consent.models import Clinic, ConsentEvent, ConsentRecord, DataSubject, Suppression, TextVersion
from consent.models.texts import digest
from consent.policy import Action, Category, Purpose
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
DAY = timedelta(days=1)
MARKETING = ConsentRecord.Type.MARKETING
PERSON = Actor("person", "")
FORM = Evidence.of_form({"answer": "yes"})


@pytest.fixture
def clinic() -> Clinic:
    return make_clinic()


@pytest.fixture
def text(clinic: Clinic) -> TextVersion:
    return approve_all(clinic)


@pytest.fixture
def person(clinic: Clinic, text: TextVersion) -> DataSubject:
    return contact(make_connection(clinic)).subject


@pytest.fixture
def say(person: DataSubject, text: TextVersion) -> Callable[..., Any]:
    """Say yes, no or stop at a time, having been shown the text a moment before."""

    def act(what: Callable[..., Any], now: datetime, **more: Any) -> Any:
        shown = {} if what is withdraw else {"served": show(text, person, more.get("at", now) - timedelta(minutes=1))}
        values = {"evidence": FORM, "channel": "page", "actor": PERSON, "now": now, **shown}
        return what(person, MARKETING, **values | more)

    return act


def allows(person: DataSubject, now: datetime) -> bool:
    question = {"purpose": Purpose.MARKETING, "category": Category.MARKETING, "action": Action.SEND, "now": now}
    return decide(person, **question).allowed  # type: ignore[arg-type]


# What allows ----------------------------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(st.sampled_from(["grant", "refuse", "withdraw", "invalidate"]), st.integers(1, 500)), max_size=6
)


@given(acts=ACTS, later=st.integers(0, 900))
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_only_what_was_given_last_and_still_runs_allows(
    acts: list[tuple[str, int]], later: int, clinic: Clinic, text: TextVersion
) -> None:
    person, officer, now = DataSubject.objects.create(clinic=clinic), user(Role.DPO, clinic), NOW
    given_at: datetime | None = None
    for what, days in acts:
        now += days * DAY
        common = {"evidence": FORM, "channel": "page", "actor": PERSON, "now": now}
        if what == "grant":
            grant(person, MARKETING, served=show(text, person, now), **common)  # type: ignore[arg-type]
            given_at = now
        elif what == "refuse":
            refuse(person, MARKETING, served=show(text, person, now), **common)  # type: ignore[arg-type]
            given_at = None
        elif what == "withdraw":
            withdraw(person, MARKETING, **common)  # type: ignore[arg-type]
            given_at = None
        elif given_at:
            invalidate(person, MARKETING, reason="no_proof", by=officer, now=now)
            given_at = None
    now += later * DAY
    expected = given_at is not None and now < given_at + timedelta(days=730)
    assert check(person, MARKETING, now=now).is_valid is expected
    assert allows(person, now) is expected


def test_a_withdrawal_counts_from_its_commit_and_cancels_for_good(say: Callable[..., Any], person: DataSubject) -> None:
    say(grant, NOW)
    assert allows(person, NOW + DAY)
    say(withdraw, NOW + DAY)
    assert not allows(person, NOW + DAY)
    assert Suppression.objects.count() == 2  # with and without the ninth digit
    assert say(withdraw, NOW + 2 * DAY) is None
    renewed = say(grant, NOW + 3 * DAY)
    assert renewed.state == "given"
    assert not Suppression.objects.exists()
    assert allows(person, NOW + 4 * DAY)


def test_a_yes_while_one_runs_renews_it(say: Callable[..., Any]) -> None:
    first, second = say(grant, NOW), say(grant, NOW + 700 * DAY)
    assert (first.state, second.state, second.previous_id) == ("given", "renewed", first.pk)
    assert second.valid_until == NOW + 1430 * DAY


def test_words_withdraw_every_optional_purpose_and_never_care(say: Callable[..., Any], person: DataSubject) -> None:
    say(grant, NOW)
    done = withdraw_all(person, evidence=FORM, channel="chat", actor=PERSON, now=NOW + DAY)
    assert {event.consent_type for event in done} == {"marketing", "language_model"}
    care = decide(
        person, purpose=Purpose.CARE_CONTACT, category=Category.LEAD, action=Action.PUSH, now=NOW + DAY
    )  # fmt: skip
    assert care.allowed


def test_a_material_change_of_the_text_asks_anew(
    say: Callable[..., Any], person: DataSubject, text: TextVersion
) -> None:
    say(grant, NOW)
    TextVersion.objects.filter(pk=text.pk).update(state="retired", valid_to=NOW + DAY)
    TextVersion.objects.create(
        clinic=person.clinic, kind="consent", purpose="marketing", number=2, body="Outro", consequences="Nada",
        layout="box-1", sha256=digest("Outro\n\nNada"), state="approved",
        change="material", affected_purposes=["marketing"], valid_from=NOW + DAY, approved_at=NOW,
    )  # fmt: skip
    assert check(person, MARKETING, now=NOW + DAY).state == "expired"
    assert not allows(person, NOW + DAY)
    with pytest.raises(ShowTextFirst):
        say(grant, NOW + 2 * DAY)


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"evidence": Evidence("", b"")}, BringEvidence),
        ({"evidence": Evidence("message", b"x" * 32)}, BringEvidence),
        ({"evidence": Evidence("file", b"short")}, BringEvidence),
        ({"served": None}, ShowTextFirst),
    ],
)
def test_no_yes_without_proof_or_text(say: Callable[..., Any], more: dict[str, Any], error: type[ActRefused]) -> None:
    with pytest.raises(error):
        say(grant, NOW, **more)
    assert not ConsentRecord.objects.exists()


def test_the_text_must_have_been_shown_to_this_person_before(
    say: Callable[..., Any], person: DataSubject, text: TextVersion
) -> None:
    someone = DataSubject.objects.create(clinic=person.clinic)
    for served in (show(text, someone, NOW), show(text, person, NOW + DAY)):
        with pytest.raises(ShowTextFirst):
            say(grant, NOW, served=served)


@pytest.mark.parametrize("consent_type", ["data_processing", "health_data", "everything"])
def test_purposes_on_another_base_are_not_asked(person: DataSubject, text: TextVersion, consent_type: str) -> None:
    with pytest.raises(NotAskedHere):
        grant(
            person, consent_type, evidence=FORM, served=show(text, person, NOW), channel="page", actor=PERSON, now=NOW
        )
    with pytest.raises(NotAskedHere):
        may_ask(person, consent_type, now=NOW)


def test_an_older_yes_changes_nothing_and_an_older_no_neither(say: Callable[..., Any], person: DataSubject) -> None:
    say(withdraw, NOW)
    with pytest.raises(NewerActExists):
        say(grant, NOW + DAY, at=NOW - DAY)
    say(grant, NOW + 2 * DAY)
    with pytest.raises(NewerActExists):
        say(withdraw, NOW + 3 * DAY, at=NOW - DAY)
    assert check(person, MARKETING, now=NOW + 3 * DAY).is_valid


def test_one_message_says_a_thing_once(say: Callable[..., Any]) -> None:
    word = Evidence.of_message("chatwoot:1:77", "SAIR")
    say(withdraw, NOW, evidence=word)
    say(grant, NOW + timedelta(minutes=1))
    with pytest.raises(NewerActExists):
        say(withdraw, NOW + timedelta(minutes=2), evidence=word)


def test_who_is_blocked_cannot_agree_but_can_stop(say: Callable[..., Any], person: DataSubject) -> None:
    DataSubject.objects.filter(pk=person.pk).update(blocked_at=NOW)
    with pytest.raises(PersonClosed):
        say(grant, NOW)
    assert say(withdraw, NOW).state == "withdrawn"


def test_a_minor_needs_the_verified_guardian(say: Callable[..., Any], person: DataSubject, clinic: Clinic) -> None:
    officer = user(Role.DPO, clinic)
    mother = DataSubject.objects.create(clinic=clinic)
    mark_minor(person, birth_month=datetime(2018, 3, 1).date(), by=officer, now=NOW - 2 * DAY)
    for guardian in (None, mother):
        with pytest.raises(AskGuardian):
            say(grant, NOW, guardian=guardian)
    assert may_ask(person, MARKETING, now=NOW).reason is not None
    person.refresh_from_db()
    verify_guardian(
        person, mother, relation="mother", method="birth_certificate", evidence_sha256="0" * 64, by=officer,
        now=NOW - DAY,
    )  # fmt: skip
    assert say(grant, NOW, guardian=mother).guardian_id == mother.pk
    assert allows(person, NOW + DAY)


# Asking ---------------------------------------------------------------------------------------------------------------


def test_who_said_no_is_not_asked_for_ninety_days(say: Callable[..., Any], person: DataSubject) -> None:
    assert may_ask(person, MARKETING, now=NOW)
    say(refuse, NOW)
    answer = may_ask(person, MARKETING, now=NOW + 89 * DAY)
    assert (answer.reason, answer.until) == (WhyNot.SAID_NO, NOW + 90 * DAY)
    assert may_ask(person, MARKETING, now=NOW + 90 * DAY)


def test_the_reasons_not_to_ask(
    say: Callable[..., Any], person: DataSubject, text: TextVersion, clinic: Clinic
) -> None:
    request(person, MARKETING, served=show(text, person, NOW), channel="chat", actor=PERSON, now=NOW)
    assert may_ask(person, MARKETING, now=NOW + DAY).reason == WhyNot.ASKED
    say(grant, NOW + DAY)
    assert may_ask(person, MARKETING, now=NOW + 600 * DAY).reason == WhyNot.VALID
    assert may_ask(person, MARKETING, now=NOW + 705 * DAY)  # it ends soon
    oppose(person, Purpose.MARKETING, by=Actor.staff(user(Role.DPO, clinic)), now=NOW + 2 * DAY)
    person.refresh_from_db()
    assert may_ask(person, MARKETING, now=NOW + 705 * DAY).reason == WhyNot.OPPOSED
    assert Suppression.objects.exists()
    person.blocked_at = NOW
    assert may_ask(person, MARKETING, now=NOW).reason == WhyNot.CLOSED
    assert may_ask(person, "language_model", now=NOW).reason == WhyNot.CLOSED


def test_without_an_approved_text_nobody_is_asked() -> None:
    person = DataSubject.objects.create(clinic=make_clinic("Clínica Nova"))
    assert may_ask(person, MARKETING, now=NOW).reason == WhyNot.NO_TEXT


def test_a_contact_that_said_no_is_suppressed_for_whoever_comes_with_it(
    say: Callable[..., Any], clinic: Clinic, text: TextVersion
) -> None:
    say(withdraw, NOW)
    newcomer = contact(make_connection(clinic), phone="+551187654321").subject  # the same line, written the old way
    grantable = may_ask(newcomer, MARKETING, now=NOW + DAY)
    assert grantable.reason == WhyNot.SUPPRESSED
    ConsentRecord.objects.create(
        subject=newcomer, consent_type=MARKETING, status="granted", granted_at=NOW, consent_text="", consent_version=""
    )
    assert not allows(newcomer, NOW + DAY)


# Proof ----------------------------------------------------------------------------------------------------------------


def test_events_are_never_changed_nor_removed(say: Callable[..., Any]) -> None:
    say(grant, NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ponte.retention = 'off'")
    attempts: list[Callable[[], Any]] = [
        lambda: ConsentEvent.objects.update(state="refused"),
        lambda: ConsentEvent.objects.all().delete(),
        lambda: connection.cursor().execute("TRUNCATE consent_events CASCADE"),
    ]
    for attempt in attempts:
        with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
            attempt()
    assert ConsentEvent.objects.get().state == "given"


def test_the_receipt_is_checked_without_ponte(say: Callable[..., Any], person: DataSubject) -> None:
    event = say(grant, NOW)
    made = receipt(ConsentEvent.objects.get(pk=event.pk))
    key = receipt_public_key(event.key_version)
    record = read_receipt(made, public_key=key)
    assert record["purpose"]["code"] == "marketing"
    assert record["event_state"] == "given"
    assert record["lawful_basis"] == "A11-I"
    assert record["evidence"]["sha256"] == FORM.sha256.hex()
    assert str(person.pk) not in made["record"]
    assert str(person.pseudonym) not in made["record"]
    for broken in (
        made | {"record": made["record"].replace("given", "refused")},
        made | {"record": "[]"},
        made | {"signature": "AAAA"},
        {},
    ):
        with pytest.raises(ReceiptBroken):
            read_receipt(broken, public_key=key)
    with pytest.raises(ReceiptBroken):
        read_receipt(made, public_key=bytes(32))
    told = dict(lines(event))
    assert told["Finalidade"]
    assert "promoções" in told["Texto que você leu"]
    assert is_intact(event)


def test_the_record_confirms_whose_it_is_and_names_nobody(say: Callable[..., Any]) -> None:
    event = say(grant, NOW)
    proofs = ConsentEvent.objects.get().principal_proofs
    assert belongs_to(event.pk, proofs, "phone", "+5511987654321")
    assert belongs_to(event.pk, proofs, "phone", "+551187654321")
    assert not belongs_to(event.pk, proofs, "phone", "+5511987654322")
    other = say(grant, NOW + DAY)
    assert set(map(bytes, other.principal_proofs)).isdisjoint(map(bytes, proofs))


def test_every_act_leaves_one_row_in_the_trail(say: Callable[..., Any], person: DataSubject) -> None:
    say(grant, NOW)
    say(withdraw, NOW + DAY)
    rows = AuditLog.objects.filter(subject=person.pseudonym, action__startswith="consent.").order_by("pk")
    assert list(rows.values_list("action", flat=True)) == ["consent.given", "consent.withdrawn"]


def test_a_file_is_kept_as_its_fingerprint() -> None:
    paper = Evidence.of_file(io.BytesIO(b"assinado"))
    assert paper.is_whole
    assert paper == Evidence.of_file(io.BytesIO(b"assinado"))
    assert paper != Evidence.of_file(io.BytesIO(b"assinada"))
