"""A restored database serves nobody until the erasures it does not know of were repeated (acceptance check 8)."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from erasing import NAME, approved, worked, writes

from bridge.models import ObservedContact
from consent.encryption.tables import DataKey
from consent.erasure import ledger, replaying
from consent.erasure.gate import Gate, gate
from consent.models import DataSubject, Erasure, ErasureEntry, ErasureNode
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.privacy.sinks import Canaries, in_the_database

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
PAGES = ("/readyz", "/admin/login/", "/api/v1/contacts/", "/webhooks/chatwoot/x/")


def restored(bridge: Bridge) -> tuple[DataSubject, Erasure]:
    """A person of yesterday's backup, in whose ledger outside the erasure stands."""
    subject = writes(bridge)
    erasure = approved(bridge, subject, now=timezone.now())
    ledger.write(
        erasure, ledger.Kind.INTENT, {"cause": "request", "scope": {}, "keeps_record": False}, now=timezone.now()
    )
    forget(erasure)
    return subject, erasure


def forget(erasure: Erasure) -> None:
    """As yesterday: neither the erasure nor its lines."""
    with connection.cursor() as cursor:
        cursor.execute("SET ponte.retention = 'on'")
    ErasureEntry.objects.all().delete()
    ErasureNode.objects.all().delete()
    Erasure.objects.all().delete()
    gate.forget()


@pytest.mark.acceptance(8)
def test_nothing_is_served_until_the_erasures_are_repeated(bridge: Bridge) -> None:
    client, unwritten = Client(), Gate()
    # Without any erasure no query is asked.
    with CaptureQueriesContext(connection) as asked:
        assert not unwritten.is_closed()
    assert len(asked) == 0
    assert {client.get(page).status_code for page in PAGES}.isdisjoint({503})
    subject, erasure = restored(bridge)
    assert {client.get(page).status_code for page in PAGES} == {503}
    assert client.get("/readyz").json() == {"status": "erasures_not_replayed"}
    assert client.get("/healthz").status_code == 200
    ticks = iter(range(1000))
    often = Gate(clock=lambda: next(ticks) / 1000)
    with CaptureQueriesContext(connection) as asked:
        assert {often.is_closed() for _call in range(50)} == {True}
    assert len(asked) == 1
    call_command("replay_erasures")
    assert {client.get(page).status_code for page in PAGES}.isdisjoint({503})
    subject.refresh_from_db()
    assert subject.erased_at is not None
    canaries = Canaries()
    canaries.plant("name", NAME)
    assert in_the_database(canaries) == {}
    # What the partners still have goes as work afterwards, by the numbers of before.
    again = Erasure.objects.get(pk=erasure.pk)
    assert again.cause == "restore"
    worked(bridge, again, now=timezone.now(), until=("erased",))
    assert again.state == "erased"
    assert bridge.crm["counts"]["persons"] == 0


def test_a_key_whose_day_was_over_goes_with_the_replay(bridge: Bridge, places: list[Path]) -> None:
    subject, erasure = restored(bridge)
    later = timezone.now() + replaying.KEY_WAIT * 2
    assert replaying.replay(now=later) == {"erasures": 1, "people": 1, "held": 0}
    assert DataKey.objects.get(kind="subject", ref=str(subject.pk)).wrapped is None
    assert not ObservedContact.objects.filter(subject=subject).exists()
    assert replaying.replay(now=later) == {"erasures": 0, "people": 0, "held": 0}
