"""A value comes out only through the gate, and never before its audit row is committed."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from audit.models import AuditLog
from consent.encryption import (
    Actor,
    Context,
    RevealDenied,
    Sealed,
    open_for,
    open_system,
    reveal,
    seal,
    seal_system,
)
from consent.models import Clinic, DataSubject, User
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

NAME = Context("bridge.ObservedContact", "name", "1")
MESSAGE = Context("bridge.ObservedMessage", "content", "2")
LANES = Actor.system("lanes")


def audit_rows() -> list[AuditLog]:
    return list(AuditLog.objects.using("audit").filter(action="reveal").order_by("pk"))


def sealed_for(subject: DataSubject, context: Context = NAME) -> Sealed:
    return seal("Maria da Silva", subject=subject.pk, context=context)


@pytest.mark.acceptance(6)
def test_one_reveal_writes_one_row_that_says_who_what_and_why(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic
) -> None:
    subject, ana = make_subject(), make_user("ana@clinica.example", (Role.CLINIC_MANAGER, clinic))
    sealed = sealed_for(subject)
    assert audit_rows() == []
    text = reveal(sealed, subject=subject.pk, context=NAME, actor=Actor.staff(ana), purpose="scheduling")
    (row,) = audit_rows()
    assert text == "Maria da Silva"
    assert (row.actor_type, row.actor_id, row.actor_ref) == ("staff", ana.pk, str(ana.pk))
    assert (row.subject, row.clinic_id) == (subject.pseudonym, clinic.pk)
    assert (row.fields, row.purpose, row.outcome) == (["bridge.ObservedContact.name"], "scheduling", "ok")
    assert str(subject.pk) not in str(vars(row))


def test_a_claim_writes_one_row_per_person_with_one_query_for_their_numbers_and_one_statement(
    make_subject: Callable[..., DataSubject], django_assert_num_queries: Callable[..., object]
) -> None:
    subjects = [make_subject() for _ in range(8)]
    ids = [subject.pk for subject in subjects]
    with django_assert_num_queries(2, using="audit"), django_assert_num_queries(2):
        open_for([*ids, *ids], actor=LANES, purpose="system", fields=["name", "phone"])
    rows = audit_rows()
    assert sorted(row.subject for row in rows) == sorted(subject.pseudonym for subject in subjects)
    assert {(row.actor_type, row.actor_ref, *row.fields) for row in rows} == {("system", "lanes", "name", "phone")}


def test_nobody_asked_for_means_no_row() -> None:
    open_for([], actor=LANES, purpose="system")
    assert audit_rows() == []


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_the_row_stays_when_the_callers_transaction_rolls_back(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    sealed = sealed_for(subject)
    with transaction.atomic():
        reveal(sealed, subject=subject.pk, context=NAME, actor=LANES, purpose="system")
        transaction.set_rollback(True)
    assert [row.subject for row in audit_rows()] == [subject.pseudonym]


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_the_row_is_there_before_the_value_is_released(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    with transaction.atomic():
        opener = open_for([subject.pk], actor=LANES, purpose="system", fields=["name"])
        # Seen from a third connection: committed, although nothing has been opened yet.
        with connections["default"].copy().cursor() as elsewhere:
            elsewhere.execute("SELECT count(*) FROM audit_logs WHERE action = 'reveal'")
            assert elsewhere.fetchone() == (1,)
        assert opener.text(sealed_for(subject), subject=subject.pk, context=NAME) == "Maria da Silva"


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
@pytest.mark.acceptance(6)
def test_without_an_audit_row_nothing_is_shown(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    sealed = sealed_for(subject)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logs ADD CONSTRAINT broken CHECK (action <> 'reveal') NOT VALID")
    try:
        with pytest.raises(DatabaseError):
            reveal(sealed, subject=subject.pk, context=NAME, actor=LANES, purpose="system")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_logs DROP CONSTRAINT broken")
    assert audit_rows() == []


def refused(subject: DataSubject, actor: Actor, *, purpose: str = "care", reason: str = "") -> str:
    """Ask for the person's name; return the code of the refusal, after checking that it was audited."""
    with pytest.raises(RevealDenied) as denial:
        reveal(sealed_for(subject), subject=subject.pk, context=NAME, actor=actor, purpose=purpose, reason=reason)
    row = audit_rows()[-1]
    assert (row.outcome, row.reason_code) == ("denied", denial.value.reason)
    return denial.value.reason


@pytest.mark.parametrize("role", [Role.TECHNICAL_ADMIN, Role.AUDITOR, Role.INTEGRATION])
def test_roles_without_the_right_see_nothing(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic, role: Role
) -> None:
    actor = Actor.staff(make_user("a@x.example", (role, clinic)))
    assert refused(make_subject(), actor) == "not_permitted"


def test_another_clinics_management_sees_nothing(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], other_clinic: Clinic
) -> None:
    actor = Actor.staff(make_user("a@x.example", (Role.CLINIC_MANAGER, other_clinic)))
    assert refused(make_subject(), actor) == "not_permitted"


def test_a_closed_account_sees_nothing(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic
) -> None:
    actor = Actor.staff(make_user("a@x.example", (Role.CLINIC_MANAGER, clinic)))
    actor.user.is_active = False
    assert refused(make_subject(), actor) == "not_permitted"


def test_partners_and_the_person_are_no_actors_of_the_gate(make_subject: Callable[..., DataSubject]) -> None:
    assert refused(make_subject(), Actor("remote", "chatwoot")) == "not_permitted"


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.DPO, Role.DPO_SUBSTITUTE])
def test_contact_rights_open_contact_data_only(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic, role: Role
) -> None:
    subject, actor = make_subject(), Actor.staff(make_user("a@x.example", (role, clinic)))
    name, message = sealed_for(subject), sealed_for(subject, MESSAGE)
    opener = open_for([subject.pk], actor=actor, purpose="dpo")
    assert opener.text(name, subject=subject.pk, context=NAME) == "Maria da Silva"
    with pytest.raises(RevealDenied, match="contact_data_only"):
        opener.text(message, subject=subject.pk, context=MESSAGE)


@pytest.mark.parametrize(
    ("role", "may"), [(Role.DPO, True), (Role.DPO_SUBSTITUTE, True), (Role.SUPERVISOR, False), (Role.ATTENDANT, False)]
)
def test_what_people_ask_of_the_clinic_is_opened_by_who_answers_it(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic, role: Role, may: bool
) -> None:
    subject, actor = make_subject(), Actor.staff(make_user("a@x.example", (role, clinic)))
    place = Context("consent.DataRequest", "request_text", "1")
    asked = sealed_for(subject, place)
    opener = open_for([subject.pk], actor=actor, purpose="dpo")
    if may:
        assert opener.text(asked, subject=subject.pk, context=place) == "Maria da Silva"
    else:
        with pytest.raises(RevealDenied, match="contact_data_only"):
            opener.text(asked, subject=subject.pk, context=place)


def test_the_management_opens_messages_too(
    make_subject: Callable[..., DataSubject], make_user: Callable[..., User], clinic: Clinic
) -> None:
    subject, actor = make_subject(), Actor.staff(make_user("a@x.example", (Role.CLINIC_MANAGER, clinic)))
    message = sealed_for(subject, MESSAGE)
    assert reveal(message, subject=subject.pk, context=MESSAGE, actor=actor, purpose="care") == "Maria da Silva"


def test_a_blocked_person_is_opened_for_law_and_dpo_only(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject(blocked_at=timezone.now())
    assert refused(subject, LANES, purpose="system") == "blocked"
    assert refused(subject, LANES, purpose="legal") == "reason_required"
    sealed = sealed_for(subject)
    arguments = {"subject": subject.pk, "context": NAME, "actor": LANES}
    assert reveal(sealed, purpose="legal", reason="court_order", **arguments) == "Maria da Silva"
    assert reveal(sealed, purpose="dpo", **arguments) == "Maria da Silva"


def test_one_blocked_person_does_not_stop_the_others(make_subject: Callable[..., DataSubject]) -> None:
    blocked, free = make_subject(blocked_at=timezone.now()), make_subject()
    opener = open_for([blocked.pk, free.pk], actor=LANES, purpose="system")
    assert opener.denied == {blocked.pk: "blocked"}
    assert opener.text(sealed_for(free), subject=free.pk, context=NAME) == "Maria da Silva"
    with pytest.raises(RevealDenied, match="blocked"):
        opener.text(sealed_for(blocked), subject=blocked.pk, context=NAME)
    assert sorted(row.outcome for row in audit_rows()) == ["denied", "ok"]


def test_an_erased_person_stays_closed(make_subject: Callable[..., DataSubject]) -> None:
    assert refused(make_subject(erased_at=timezone.now()), LANES, purpose="dpo") == "erased"


def test_an_unknown_person_is_refused() -> None:
    with pytest.raises(RevealDenied, match="unknown_person"):
        open_for([uuid4()], actor=LANES, purpose="system")


@pytest.mark.parametrize("purpose", ["curiosity", "break_glass"])
def test_purposes_outside_the_list_are_refused(make_subject: Callable[..., DataSubject], purpose: str) -> None:
    assert refused(make_subject(), LANES, purpose=purpose) == "purpose_not_allowed"


@pytest.mark.parametrize("free_text", ["Ligou a Maria, tel. 11 98765-4321", "maria@exemplo.com"])
def test_free_text_cannot_reach_the_audit_row(make_subject: Callable[..., DataSubject], free_text: str) -> None:
    subject = make_subject()
    with pytest.raises(ValueError, match="codes, names and ids only") as error:
        open_for([subject.pk], actor=LANES, purpose="care", reason=free_text)
    assert free_text not in str(error.value)
    assert audit_rows() == []


def test_a_refused_use_of_an_operator_secret_is_audited(make_user: Callable[..., User]) -> None:
    ana, here = make_user(is_superuser=True), Context("bridge.Connection", "token", "3")
    with pytest.raises(RevealDenied, match="system_only"):
        open_system(seal_system(b"t", context=here), context=here, actor=Actor.staff(ana), purpose="support")
    (row,) = audit_rows()
    assert (row.actor_id, row.outcome, row.object_type) == (ana.pk, "denied", "bridge.Connection")
