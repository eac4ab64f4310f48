"""The register of incidents: what is written stays, who may write, whom an incident may affect, what proposes one."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from factories import connection as crm
from factories import contact, user

from audit.models import AuditLog, Verification
from audit.services import record
from consent import incidents
from consent.encryption import Actor, open_system
from consent.holds import mark_minor
from consent.incidents import Facts, Reach, Refused, Scope, estimate, facts_of, is_intact, proposals
from consent.incidents import desk as incident_desk
from consent.incidents.estimate import keep
from consent.incidents.register import hash_of
from consent.models import Clinic, DataSubject, Incident, IncidentEntry, User
from consent.refusals import Refused as AnyRefused
from consent.roles import Role
from tests.incidents.entered_incidents import KNOWN, PAPER, dpo_of, entered, sunny, to_authority, to_persons

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
DAY = timedelta(days=1)


@pytest.fixture
def sol() -> Clinic:
    return sunny()


@pytest.fixture
def dpo(sol: Clinic) -> User:
    return dpo_of(sol)


def entries(row: Incident) -> list[IncidentEntry]:
    return list(row.entries.order_by("number"))


def by_anybody(sql: str) -> None:
    """Tests may empty tables because they say that they are retention; here nobody does."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ponte.retention = ''")
        cursor.execute(sql)


def as_owner(sql: str, values: list[Any]) -> None:
    """Somebody with the database's own password, past the triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE incident_entries DISABLE TRIGGER USER")
        cursor.execute(sql, values)
        cursor.execute("ALTER TABLE incident_entries ENABLE TRIGGER USER; SET CONSTRAINTS ALL DEFERRED")


# What is written stays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE incident_entries SET facts = '{}'", "DELETE FROM incident_entries",
        "UPDATE incidents SET known_at = now()", "UPDATE incidents SET source = 'audit'", "DELETE FROM incidents",
        "TRUNCATE incident_entries",
    ],
)  # fmt: skip
def test_the_database_refuses_to_change_or_remove_what_was_written(sol: Clinic, dpo: User, sql: str) -> None:
    row = entered(sol, dpo)
    with pytest.raises(IntegrityError):
        by_anybody(sql)
    assert is_intact(row, entries(row))


def test_each_act_is_one_entry_with_the_facts_as_they_were_known_then(sol: Clinic, dpo: User) -> None:
    row = entered(sol, dpo)
    incidents.change(row, facts_of(row).changed(people=3, cause="Janela aberta."), by=dpo, now=KNOWN)
    incidents.decide(row, report=True, reason="", by=dpo, now=KNOWN)
    told = entries(row)
    assert [one.kind for one in told] == ["opened", "changed", "decided"]
    assert [Facts.read(one.facts).people for one in told] == [None, 3, 3]
    assert [one.previous_hash for one in told] == ["", told[0].entry_hash, told[1].entry_hash]
    assert is_intact(row, told)


def test_a_changed_entry_is_noticed_even_if_the_whole_chain_was_computed_anew(sol: Clinic, dpo: User) -> None:
    row = entered(sol, dpo)
    (entry,) = entries(row)
    as_owner("UPDATE incident_entries SET facts = jsonb_set(facts, '{people}', '1') WHERE id = %s", [entry.pk])
    (changed,) = entries(row)
    assert not is_intact(row, [changed])
    as_owner("UPDATE incident_entries SET entry_hash = %s WHERE id = %s", [hash_of(changed), entry.pk])
    (rehashed,) = entries(row)
    assert rehashed.entry_hash == hash_of(rehashed)
    assert not is_intact(row, [rehashed])


def test_a_removed_entry_is_noticed(sol: Clinic, dpo: User) -> None:
    row = entered(sol, dpo)
    incidents.decide(row, report=True, reason="", by=dpo, now=KNOWN)
    as_owner("DELETE FROM incident_entries WHERE number = 2 AND incident_id = %s", [row.pk])
    assert not is_intact(row, entries(row))


# Who writes what ------------------------------------------------------------------------------------------------------


def test_only_the_officer_enters_and_the_attempt_is_on_record(sol: Clinic) -> None:
    auditor = user(Role.AUDITOR, sol)
    with pytest.raises(AnyRefused, match="not_permitted"):
        entered(sol, auditor)
    assert not Incident.objects.exists()
    assert AuditLog.objects.using("audit").filter(action="incident.open", outcome="denied").count() == 1


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"description": " "}, "description"),
        ({"description": "Ligue para 11 98765-4321."}, "names_somebody"),
        ({"impact": "Escrever a marina@exemplo.com.br."}, "names_somebody"),
        ({"occurred_on": "2026-12-24"}, "day"),
    ],
)
def test_what_does_not_belong_in_the_register_is_refused(
    sol: Clinic, dpo: User, facts: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        entered(sol, dpo, **facts)
    assert not Incident.objects.exists()


def test_it_ends_only_when_everything_was_told_or_decided(sol: Clinic, dpo: User) -> None:
    row, later = entered(sol, dpo), KNOWN + DAY

    def closes(outcome: str) -> None:
        incidents.close(row, outcome=outcome, reason="Tudo feito.", by=dpo, now=later)

    with pytest.raises(Refused, match="not_decided"):
        closes("reported")
    with pytest.raises(Refused, match="proof"):
        incidents.told_authority(row, to_authority(later).__class__("complete", later, "", PAPER), by=dpo, now=later)
    with pytest.raises(Refused, match="before_knowledge"):
        incidents.told_authority(row, to_authority(KNOWN - DAY), by=dpo, now=later)
    incidents.told_authority(row, to_authority(later), by=dpo, now=later)
    with pytest.raises(Refused, match="timers_open"):
        closes("reported")
    incidents.told_persons(row, to_persons(later), by=dpo, now=later)
    with pytest.raises(Refused, match="outcome"):
        closes("not_reported")
    closes("reported")
    assert (row.outcome, row.closed_at) == ("reported", later)
    with pytest.raises(Refused, match="closed"):
        incidents.decide(row, report=False, reason="Outra vez.", by=dpo, now=later)


def test_a_no_needs_its_reason(sol: Clinic, dpo: User) -> None:
    row = entered(sol, dpo)
    with pytest.raises(Refused, match="reason"):
        incidents.decide(row, report=False, reason=" ", by=dpo, now=KNOWN)
    assert len(entries(row)) == 1


# Whom it may affect ---------------------------------------------------------------------------------------------------


def seen(by: User, who: DataSubject, *fields: str) -> None:
    record(
        action="reveal", actor_type="staff", actor_id=str(by.pk), clinic_id=who.clinic_id, subject=who.pseudonym,
        fields=fields, purpose="care", own_connection=False,
    )  # fmt: skip


def test_an_estimate_counts_whose_data_an_account_opened_and_which(sol: Clinic, dpo: User) -> None:
    here, thief = crm(sol), user(Role.CLINIC_MANAGER, sol)
    marina, teo, other = (contact(here, phone=f"+55119876543{n}0").subject for n in (1, 2, 3))
    mark_minor(teo, birth_month=timezone.localdate().replace(day=1).replace(year=2019), by=dpo, now=timezone.now())
    seen(thief, marina, "bridge.ObservedContact.name")
    seen(thief, teo, "bridge.ObservedMessage.content")
    seen(dpo, other, "bridge.ObservedContact.name")
    row, now = entered(sol, dpo), timezone.now() + timedelta(minutes=1)
    found = estimate(sol, Scope(Reach.SEEN, now - DAY, now, thief.pk), now=now)
    assert found.pseudonyms == {marina.pseudonym, teo.pseudonym}
    assert (found.total, found.children, found.adolescents) == (3, 1, 0)
    assert {"R01", "R02"} <= set(found.categories)
    assert 0 < found.encrypted < found.fields
    entry = keep(row, Scope(Reach.SEEN, now - DAY, now, thief.pk), found, by=dpo, now=now)
    assert (facts_of(row).people, facts_of(row).children, facts_of(row).elderly) == (2, 1, None)
    assert entry.affected is not None
    opened = open_system(
        entry.affected, context=entry.affected_context, actor=Actor.system("incidents"), purpose="system"
    )
    assert opened == found.affected == b"".join(sorted(one.bytes for one in (marina.pseudonym, teo.pseudonym) if one))


def test_everything_means_everybody_of_this_clinic_and_no_request_files(sol: Clinic) -> None:
    marina = contact(crm(sol)).subject
    contact(crm(sunny("Clínica Lua")))
    file = DataSubject.objects.create(clinic=sol)
    sol.requests.create(
        protocol="2026-AAAA-BBBB", holder=file, channel="letter", received_at=KNOWN, regime="full", rules_version="1"
    )
    found = estimate(sol, Scope(Reach.ALL), now=timezone.now())
    assert (found.pseudonyms, found.total) == ({marina.pseudonym}, 1)
    assert "R18" not in found.categories


# What proposes one ----------------------------------------------------------------------------------------------------


def checked(*findings: tuple[str, str]) -> Verification:
    return Verification.objects.create(
        mode="full", rows=9, last_position=9, last_segment=1, seconds=0.1, key_id="t1", mac=b"",
        findings=[{"kind": kind, "where": where} for kind, where in findings],
    )  # fmt: skip


def test_a_red_check_of_the_trail_proposes_an_incident_once(sol: Clinic, dpo: User) -> None:
    own = Clinic.objects.filter(pk=sol.pk)
    checked()
    checked(("late", "7 rows"))
    assert proposals(own) == {}
    red = checked(("modified", "row 7 at position 9"), ("late", "7 rows"))
    assert (proposals(own)[sol.pk].verification_id, proposals(own)[sol.pk].findings) == (red.pk, 1)
    incidents.open_incident(
        sol, Facts(description="Uma linha foi alterada."), known_at=KNOWN, source="audit", by=dpo, now=KNOWN,
        verification_id=red.pk,
    )  # fmt: skip
    checked(("modified", "row 7 at position 9"))
    assert proposals(own) == {}
    worse = checked(("modified", "row 7 at position 9"), ("cut", "checkpoint place 1 knows segments 2 to 3"))
    assert proposals(own)[sol.pk].verification_id == worse.pk


def test_the_desk_says_what_is_due_first(sol: Clinic, dpo: User, in_english: None) -> None:
    own = Clinic.objects.filter(pk=sol.pk)
    assert incident_desk.card(dpo, own, KNOWN) is None
    entered(sol, dpo)
    card = incident_desk.card(dpo, own, KNOWN)
    assert card is not None
    assert (card.count, card.is_urgent) == (2, False)
    assert card.sentence == "Incident 1: report to the ANPD, due 24/11/2026 · 3 business days."
    late = incident_desk.card(dpo, own, KNOWN + 5 * DAY)
    assert late is not None
    assert late.is_urgent
