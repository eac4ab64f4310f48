"""A person gets a new data key: every value is sealed again, the old key goes, and nobody notices meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from factories import clinic, connection, contact

from audit.models import AuditLog
from bridge.health.opening import open_record, record_of
from bridge.health.writing import write_profile
from bridge.models import LeadHealthProfile, ObservedContact
from bridge.sync.observe import contact_context
from consent.encryption import Actor, datakeys, destroy_subject_keys, open_for, renewal, seal
from consent.encryption.renewal import GRACE, Renewed, begin, people_due, renew
from consent.encryption.sealed import Undecryptable, key_version
from consent.encryption.tables import DataKey
from consent.models import ContactPoint

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LANES = Actor.system("lanes")
NAME = "Marina Serra Azul"


def somebody(**more: Any) -> ObservedContact:
    row = contact(more.pop("of", None) or connection(clinic("Clínica Sol")), email="marina@exemplo.com.br")
    row.name = seal(NAME, subject=row.subject_id, context=contact_context(row.pk, "name"))
    row.save(update_fields=["name"])
    write_profile(row.subject, {"medical_notes": "Asma"}, actor=LANES)
    return row


@pytest.fixture
def marina() -> ObservedContact:
    return somebody()


def texts(of: ObservedContact) -> set[str]:
    """Everything that is kept of the person, opened as a process would that has nothing in its cache."""
    datakeys.cache.clear()
    held = record_of(of.subject)
    found = set(open_record(held, actor=LANES, purpose="system").profile.values())
    opener = open_for([of.subject_id], actor=LANES, purpose="system")
    row = ObservedContact.objects.get(pk=of.pk)
    found.add(opener.text(row.name, subject=row.subject_id, context=contact_context(row.pk, "name")))
    for point in ContactPoint.objects.filter(subject=of.subject):
        found.add(opener.text(point.value, subject=row.subject_id, context=point.value_context))
    return found


def versions(of: ObservedContact) -> set[int]:
    values = [
        ObservedContact.objects.get(pk=of.pk).name,
        LeadHealthProfile.objects.get(subject=of.subject).medical_notes,
    ]
    values += [point.value for point in ContactPoint.objects.filter(subject=of.subject)]
    return {key_version(value) for value in values if value}


def later() -> Any:
    return timezone.now() + GRACE + timedelta(seconds=1)


def test_every_value_is_sealed_again_and_reads_the_same(marina: ObservedContact) -> None:
    before = texts(marina)
    assert renew(marina.subject_id) == Renewed(4, is_finished=False)
    assert versions(marina) == {2}
    assert texts(marina) == before
    assert {NAME, "Asma"} <= before


def test_the_old_key_stays_while_somebody_may_still_seal_with_it(marina: ObservedContact) -> None:
    renew(marina.subject_id)
    assert DataKey.objects.filter(ref=str(marina.subject_id), wrapped__isnull=False).count() == 2
    assert renew(marina.subject_id, now=later()) == Renewed(0, is_finished=True)
    (old,) = DataKey.objects.filter(ref=str(marina.subject_id), wrapped__isnull=True)
    assert (old.version, old.destroyed_at is not None) == (1, True)
    assert NAME in texts(marina)


def test_what_an_old_process_sealed_meanwhile_is_found_by_the_second_look(marina: ObservedContact) -> None:
    stale = datakeys.load(DataKey.Kind.SUBJECT, [str(marina.subject_id)], using="default")
    renew(marina.subject_id)
    datakeys.cache.put(DataKey.Kind.SUBJECT, stale)
    late = seal("Marina S. Azul", subject=marina.subject_id, context=contact_context(marina.pk, "name"))
    assert key_version(late) == 1
    ObservedContact.objects.filter(pk=marina.pk).update(name=late)
    assert renew(marina.subject_id, now=later()) == Renewed(1, is_finished=True)
    assert "Marina S. Azul" in texts(marina)


def test_a_process_with_old_keys_in_memory_reads_new_values(marina: ObservedContact) -> None:
    stale = datakeys.load(DataKey.Kind.SUBJECT, [str(marina.subject_id)], using="default")
    renew(marina.subject_id)
    datakeys.cache.put(DataKey.Kind.SUBJECT, stale)
    opener = open_for([marina.subject_id], actor=LANES, purpose="system")
    row = ObservedContact.objects.get(pk=marina.pk)
    assert opener.text(row.name, subject=row.subject_id, context=contact_context(row.pk, "name")) == NAME


def test_a_stopped_run_goes_on_with_the_same_key(marina: ObservedContact) -> None:
    version = begin(marina.subject_id)
    place = next(one for one in renewal.places() if one.label == "consent.ContactPoint.value")
    assert renewal.seal_batch(place, marina.subject_id, 2, 1) == 1
    assert version == 2
    assert renew(marina.subject_id).values == 3
    assert DataKey.objects.filter(ref=str(marina.subject_id)).count() == 2


def test_others_and_the_erased_are_left_alone(marina: ObservedContact) -> None:
    other = somebody(of=marina.connection)
    before = ObservedContact.objects.get(pk=other.pk).name
    renew(marina.subject_id)
    assert ObservedContact.objects.get(pk=other.pk).name == before
    destroy_subject_keys([other.subject_id], now=timezone.now())
    assert renew(other.subject_id) == Renewed(0, is_finished=True)
    assert not DataKey.objects.filter(ref=str(other.subject_id), wrapped__isnull=False).exists()


def test_a_value_that_does_not_open_keeps_the_old_key(marina: ObservedContact) -> None:
    moved = LeadHealthProfile.objects.get().medical_notes
    ObservedContact.objects.filter(pk=marina.pk).update(company=moved)
    with pytest.raises(Undecryptable, match=r"bridge\.ObservedContact\.company"):
        renew(marina.subject_id, now=later())
    assert DataKey.objects.filter(ref=str(marina.subject_id), wrapped__isnull=False).count() == 2


def test_the_acts_stand_in_the_trail_under_the_pseudonym(marina: ObservedContact) -> None:
    renew(marina.subject_id)
    renew(marina.subject_id, now=later())
    rows = AuditLog.objects.filter(object_type="consent.DataKey").order_by("pk")
    assert [(row.action, row.object_id, row.subject) for row in rows] == [
        ("keys.renew", "2", marina.subject.pseudonym),
        ("keys.destroy_old", "2", marina.subject.pseudonym),
    ]


def test_the_command_takes_people_by_pseudonym_or_by_age(marina: ObservedContact) -> None:
    # Keys lie in a schema of their own, which no test empties.
    DataKey.objects.exclude(ref=str(marina.subject_id)).filter(kind=DataKey.Kind.SUBJECT).delete()
    said = StringIO()
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    call_command("rotate_keys", "--made-before", tomorrow, "--dry-run", stdout=said)
    assert "1 people would get a new data key" in said.getvalue()
    call_command("rotate_keys", "--person", str(marina.subject.pseudonym), "--no-wait", stdout=said)
    assert "4 values sealed again" in said.getvalue()
    assert "The old key of 1 waits for the next run" in said.getvalue()
    yesterday = timezone.now() - timedelta(days=1)
    assert list(people_due(yesterday)) == [marina.subject_id]
    with pytest.raises(CommandError, match="Nobody has the pseudonym"):
        call_command("rotate_keys", "--person", str(marina.subject_id), stdout=said)


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_people_are_read_all_the_while(transactional_db: None) -> None:
    people = [somebody(of=one) for one in [connection(clinic("Clínica Sol"))] for _ in range(6)]
    stop = Event()

    def read(row: ObservedContact) -> int:
        count = 0
        try:
            while not stop.is_set() or not count:
                held = ObservedContact.objects.get(pk=row.pk)
                opener = open_for([row.subject_id], actor=LANES, purpose="system")
                text = opener.text(held.name, subject=row.subject_id, context=contact_context(row.pk, "name"))
                assert text == NAME
                count += 1
        finally:
            connections.close_all()
        return count

    def renew_all() -> None:
        for _round in range(3):
            for row in people:
                # Each time as if the grace had passed: the old key goes while others read.
                renew(row.subject_id)
                renew(row.subject_id, now=later())

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, row) for row in people[:3]]
        try:
            renew_all()
        finally:
            stop.set()
        assert all(reader.result() > 0 for reader in readers)
    assert {version for row in people for version in versions(row)} == {4}
