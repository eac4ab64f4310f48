"""D5: half an hour with one person's data, a reason first, a row for everything, somebody else's review."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from factories import EMAIL, PHONE, clinic, connection, contact, user

from audit.models import AuditLog
from consent.access import exceptional
from consent.encryption import Actor, Context, RevealDenied, open_for, reveal, seal
from consent.models import Clinic, DataSubject, ExceptionalAccess, User
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
WHY = "Paciente inconsciente; a família pede o contato do responsável."
ASK, LIST = "/admin/consent/exceptionalaccess/ask/", "/admin/consent/exceptionalaccess/"
PLACE = Context("bridge.ObservedMessage", "content", "1")


@pytest.fixture
def marina(sol: Clinic) -> DataSubject:
    return contact(connection(sol), email=EMAIL).subject


@pytest.fixture
def technician(sol: Clinic) -> User:
    return user(Role.TECHNICAL_ADMIN, None)


def browser_of(account: User) -> Client:
    client = Client()
    client.force_login(account)
    return client


def asks(client: Client, typed: str = PHONE, why: str = WHY) -> ExceptionalAccess | None:
    client.post(ASK, {"person": typed, "reason": "risk_to_the_person", "explanation": why})
    return ExceptionalAccess.objects.first()


def opens(account: User, subject: DataSubject, purpose: str = "care") -> str:
    sealed = seal("Dor no peito", subject=subject.pk, context=PLACE)
    return reveal(sealed, subject=subject.pk, context=PLACE, actor=Actor.staff(account), purpose=purpose)


def test_a_technical_administrator_opens_nobodys_data(technician: User, marina: DataSubject) -> None:
    for purpose in ("care", "support", "dpo", "break_glass"):
        with pytest.raises(RevealDenied):
            open_for([marina.pk], actor=Actor.staff(technician), purpose=purpose, reason="incident")
    outcomes = AuditLog.objects.using("audit").filter(action="reveal").values_list("outcome", flat=True)
    assert set(outcomes) == {"denied"}


def test_asked_for_it_opens_for_half_an_hour_this_person_only(
    technician: User, marina: DataSubject, sol: Clinic
) -> None:
    other = contact(connection(sol), phone="+5511900000001").subject
    with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as clock:
        client = browser_of(technician)
        row = asks(client)
        assert row
        assert opens(technician, marina) == "Dor no peito"
        with pytest.raises(RevealDenied):
            opens(technician, other)
        clock.shift(timedelta(minutes=30))
        with pytest.raises(RevealDenied):
            opens(technician, marina)


def test_everything_opened_under_it_is_recorded_with_it(technician: User, marina: DataSubject) -> None:
    client = browser_of(technician)
    row = asks(client)
    assert row
    page = client.post(f"{LIST}{row.pk}/open/").content.decode()
    assert PHONE in page
    assert EMAIL in page
    opens(technician, marina, purpose="break_glass")
    rows = list(AuditLog.objects.using("audit").filter(action="reveal").order_by("pk"))
    assert [(one.purpose, one.object_type, one.object_id, one.reason_code, one.subject) for one in rows] == [
        ("break_glass", "consent.ExceptionalAccess", str(row.pk), "risk_to_the_person", marina.pseudonym)
    ] * 2


def test_the_dpo_reads_clinical_text_only_so(sol: Clinic, marina: DataSubject) -> None:
    dpo = user(Role.DPO, sol)
    with pytest.raises(RevealDenied, match="contact_data_only"):
        opens(dpo, marina)
    assert asks(browser_of(dpo))
    assert opens(dpo, marina) == "Dor no peito"


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SUPERVISOR, Role.CLINIC_MANAGER])
def test_who_may_not_ask_gets_nothing_and_leaves_a_row(sol: Clinic, marina: DataSubject, role: Role) -> None:
    account = user(role, sol)
    assert browser_of(account).get(ASK).status_code == 403
    with pytest.raises(exceptional.NotAllowed):
        exceptional.ask(account, marina, reason="incident", explanation=WHY, now=timezone.now())
    assert not ExceptionalAccess.objects.exists()


def test_another_clinics_person_is_not_found(sol: Clinic, marina: DataSubject) -> None:
    lua = clinic("Clínica Lua")
    assert asks(browser_of(user(Role.DPO, lua))) is None


def test_it_takes_an_explanation_that_nobody_reads_in_the_database(
    technician: User, marina: DataSubject, sol: Clinic
) -> None:
    client = browser_of(technician)
    assert asks(client, why="porque sim") is None
    row = asks(client)
    assert row
    assert WHY.encode() not in row.explanation.blob
    manager = browser_of(user(Role.CLINIC_MANAGER, sol))
    assert WHY not in manager.get(f"{LIST}{row.pk}/change/").content.decode()
    assert WHY in manager.post(f"{LIST}{row.pk}/open/").content.decode()


def test_a_band_stands_on_every_page_while_it_lasts(technician: User, marina: DataSubject) -> None:
    with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as clock:
        client = browser_of(technician)
        asks(client)
        for address in ("/admin/", "/conta/", LIST, "/admin/bridge/connection/"):
            assert "Acesso excepcional até 09:30" in client.get(address).content.decode()
        clock.shift(timedelta(minutes=29))
        client.get("/admin/")
        clock.shift(timedelta(minutes=2))
        assert "Acesso excepcional até" not in client.get("/admin/").content.decode()


def test_given_back_it_opens_nothing_more(technician: User, marina: DataSubject) -> None:
    client = browser_of(technician)
    row = asks(client)
    assert row
    client.post(f"{LIST}{row.pk}/end/")
    assert "Acesso excepcional até" not in client.get("/admin/").content.decode()
    with pytest.raises(RevealDenied):
        opens(technician, marina)


def test_somebody_else_reviews_it_when_it_is_over(sol: Clinic, marina: DataSubject) -> None:
    asked_by, reviewer = user(Role.DPO, sol), user(Role.DPO_SUBSTITUTE, sol)
    row = asks(browser_of(asked_by))
    assert row
    address = f"{LIST}{row.pk}/review/"
    browser_of(reviewer).post(address, {"verdict": "justified"})
    row.refresh_from_db()
    assert row.reviewed_at is None
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert browser_of(asked_by).post(address, {"verdict": "justified"}).status_code == 403
        browser_of(reviewer).post(address, {"verdict": "unjustified"})
        browser_of(reviewer).post(address, {"verdict": "justified"})
    row.refresh_from_db()
    assert (row.reviewed_by, row.verdict) == (reviewer, "unjustified")
    told = AuditLog.objects.filter(action="exceptional.review", outcome="ok")
    assert [one.reason_code for one in told] == ["unjustified"]


def test_the_list_says_what_is_overdue_and_stays_in_its_clinic(sol: Clinic, marina: DataSubject) -> None:
    asks(browser_of(user(Role.DPO, sol)))
    ExceptionalAccess.objects.update(
        asked_at=timezone.now() - timedelta(days=8), until=timezone.now() - timedelta(days=8)
    )
    auditor, stranger = user(Role.AUDITOR, sol), user(Role.AUDITOR, clinic("Clínica Lua"))
    page = browser_of(auditor).get(LIST).content.decode()
    assert "atrasada desde" in page
    assert PHONE not in page
    assert "atrasada" not in browser_of(stranger).get(LIST).content.decode()
    (row,) = ExceptionalAccess.objects.all()
    assert browser_of(stranger).get(f"{LIST}{row.pk}/change/").status_code == 404
    assert browser_of(auditor).post(f"{LIST}{row.pk}/open/").status_code == 403
