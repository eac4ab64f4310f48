"""No page of the admin takes more than 30 queries, and a longer list takes no more than a short one (screens rule 17)."""

import pytest
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from factories import away, busy_clinic, signed_in

from bridge.models import Connection, ContactMapping, ObservedContact, StageChangeLog, WebhookEvent

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

MOST = 30

LISTS = [
    "index",
    "bridge_trace",
    "bridge_failedwebhook_changelist",
    "bridge_webhookevent_changelist",
    "bridge_contactmapping_changelist",
    "bridge_reconcileday_changelist",
    "bridge_suggestion_changelist",
    "bridge_intakecounter_changelist",
    "bridge_stagechangelog_changelist",
    "bridge_connection_changelist",
    "consent_clinic_changelist",
    "consent_user_changelist",
]
DETAILS = [
    ("bridge_observedcontact_change", ObservedContact),
    ("bridge_webhookevent_change", WebhookEvent),
    ("bridge_contactmapping_change", ContactMapping),
    ("bridge_stagechangelog_change", StageChangeLog),
    ("bridge_connection_change", Connection),
]


def queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(db) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("name", LISTS)
def test_lists_take_few_queries_however_long(manager: Client, sol: Connection, name: str) -> None:
    address = reverse(f"admin:{name}")
    short = queries(manager, address)
    assert len(short) <= MOST, "\n".join(short)
    for _ in range(2):
        away(more_of(sol))
    long = queries(manager, address)
    assert len(long) <= len(short) + 2, "\n".join(long)


def more_of(of: Connection) -> Connection:
    """Another busy connection of the same clinic."""
    made = busy_clinic(f"Outra {Connection.objects.count()}", people=6)
    Connection.objects.filter(pk=made.pk).update(clinic=of.clinic)
    made.refresh_from_db()
    return made


@pytest.mark.parametrize(("name", "model"), DETAILS)
def test_details_take_few_queries(manager: Client, sol: Connection, name: str, model: type) -> None:
    row = model.objects.first()
    found = queries(manager, reverse(f"admin:{name}", args=[row.pk]))
    assert len(found) <= MOST, "\n".join(found)


@pytest.mark.parametrize("people", [2, 12])
def test_a_group_takes_few_queries_however_many_people(people: int) -> None:
    made = busy_clinic(people=people)
    address = reverse("admin:bridge_failedwebhook_group", args=[made.pk, "KRAYIN_REJECTED"])
    found = queries(signed_in(None), address)
    assert len(found) <= 25, "\n".join(found)
