"""History comes in, half the people are in the CRM under other spellings: they are linked, the rest is created once.

PONTE_FULL_IMPORT=2000 runs it with two thousand contacts.
"""

import os
from collections import Counter

import pytest
from two_clinics_worth import Someone, finish, put_in_crm, start, step, write_to_clinic

from bridge.clients.shapes import Labelled, PersonDraft
from bridge.models import (
    Connection,
    ContactMapping,
    ImportedContact,
    Lane,
    ObservedContact,
    Suggestion,
    SyncedObject,
)
from bridge.reconcile import chatwoot
from bridge.sync import by_hand
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

CONTACTS = int(os.environ.get("PONTE_FULL_IMPORT", "60"))


def found_by() -> Counter[str]:
    rows = SyncedObject.objects.filter(kind="person", gone_at=None)
    return Counter(rows.values_list("found_by", flat=True))


def test_half_of_the_people_are_linked_and_half_are_created(bridge: Bridge) -> None:
    people = [Someone(1000 + n) for n in range(CONTACTS)]
    put_in_crm(bridge, *(one.draft() for one in people if one.number % 4 < 2))
    write_to_clinic(bridge, people)
    job = finish(bridge, start(bridge, "import_history", days=30), steps=20 + 3 * CONTACTS)
    half = CONTACTS // 2
    assert (job.result["adopted"], job.result["without_match"]) == (half, half)
    found = found_by()
    assert (found["email"] + found["phone"], found["created"]) == (half, half)
    crm = bridge.crm["counts"]
    assert (crm["persons"], crm["leads"], crm["notes"]) == (CONTACTS, CONTACTS, CONTACTS)
    assert ContactMapping.objects.filter(krayin_lead_id__isnull=False).count() == CONTACTS
    assert not Suggestion.objects.exists()
    assert not ImportedContact.objects.exists()


def test_family_phones_equal_emails_and_other_names_are_left_to_people(bridge: Bridge) -> None:
    family, twice, stranger, sure = Someone(2000), Someone(2003), Someone(2006), Someone(2010)
    put_in_crm(
        bridge,
        PersonDraft(family.name, phones=(Labelled("(11) 9" + family.line),)),
        PersonDraft("Pedro " + family.name.split()[1], phones=(Labelled("+55 11 9" + family.line),)),
        PersonDraft(twice.name, emails=(Labelled(twice.email.upper()),)),
        twin_of(twice),
        PersonDraft("Oswaldo Cruz", phones=(Labelled("119" + stranger.line),)),
        sure.draft(),
    )
    write_to_clinic(bridge, [family, twice, stranger, sure])
    job = finish(bridge, start(bridge, "import_history", days=30))
    assert (job.result["suggestions"], job.result["adopted"], job.result["without_match"]) == (3, 1, 0)
    evidence = Counter(Suggestion.objects.values_list("evidence", flat=True))
    assert evidence == {"phone:several_hits": 2, "email:several_hits": 2, "phone:another_name": 1}
    assert bridge.crm["counts"]["persons"] == 6
    assert ContactMapping.objects.count() == 1


def test_whoever_writes_while_the_import_reads_does_not_wait(bridge: Bridge) -> None:
    (number,) = write_to_clinic(bridge, [Someone(2000)])
    job = start(bridge, "import_history", days=30)
    step(job)
    bridge.work()
    assert not ContactMapping.objects.exists()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Tem alguém aí?")
    bridge.deliver(deliveries)
    bridge.work()
    assert ContactMapping.objects.count() == 1
    finish(bridge, job)
    assert bridge.crm["counts"]["persons"] == 1


def test_in_shadow_people_are_linked_and_nothing_is_written_in_the_crm(bridge: Bridge) -> None:
    """Then the connection is switched on, and nobody is doubled, not even where a search finds nobody."""
    Connection.objects.update(state="shadow")
    sure, doubtful, new = Someone(2003), Someone(2013), Someone(2008)
    put_in_crm(bridge, sure.draft(), doubtful.draft(), twin_of(doubtful))
    before = bridge.crm["persons"]
    write_to_clinic(bridge, [sure, doubtful, new])
    job = finish(bridge, start(bridge, "import_history", days=30))
    assert (job.result["adopted"], job.result["suggestions"], job.result["without_match"]) == (1, 1, 1)
    assert bridge.crm["persons"] == before
    Connection.objects.update(state="active")
    mark_all(bridge)
    bridge.settle()
    bridge.settle()
    assert bridge.crm["counts"]["persons"] == 4
    assert found_by() == {"email": 1, "created": 1}


def test_people_known_before_are_linked_by_the_second_kind_of_import(bridge: Bridge) -> None:
    Connection.objects.update(state="shadow")
    people = [Someone(3000 + n) for n in range(10)]
    write_to_clinic(bridge, people)
    chatwoot.poll(bridge.connection)
    bridge.work()
    put_in_crm(bridge, *(one.draft() for one in people[:5]), PersonDraft("Ninguém", phones=(Labelled("11 3333-4444"),)))
    job = start(bridge, "import_people")
    assert job.estimate["people"] == 10
    assert finish(bridge, job).result["adopted"] == 5
    assert sum(found_by().values()) == 5
    again = finish(bridge, start(bridge, "import_people"))
    assert (again.estimate["people"], again.result["adopted"]) == (5, 0)


def test_whom_people_called_somebody_else_is_not_found_again(bridge: Bridge) -> None:
    Connection.objects.update(state="shadow")
    one = Someone(2000)
    (person_id,) = put_in_crm(bridge, one.draft())
    write_to_clinic(bridge, [one])
    chatwoot.poll(bridge.connection)
    bridge.work()
    contact = ObservedContact.objects.get()
    Suggestion.objects.create(
        connection=bridge.connection, contact=contact, krayin_person_id=person_id, evidence="by_hand", state="different"
    )
    assert finish(bridge, start(bridge, "import_people")).result["without_match"] == 1
    assert not SyncedObject.objects.exists()


def twin_of(one: Someone) -> PersonDraft:
    """The same e-mail once more, in another spelling; Krayin takes it because the phone differs (contract 20.5)."""
    return PersonDraft(one.name, emails=(Labelled(one.email.title()),), phones=(Labelled("11 3333-4444"),))


def mark_all(bridge: Bridge) -> None:
    by_hand.mark(bridge.connection.pk, set(Lane.objects.values_list("lane_key", flat=True)))
