"""Whatever a partner answers at whichever step: the same end, or the exact list of what is left."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from erasing import NAME, TEXT, approved, at_the_partners, officer, planned, worked, writes

from bridge.models import ContactMapping, ObservedContact
from consent.erasure import finishing, planning, running
from consent.models import Erasure
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

# Krayin's ways to fail, one call after the other; what was written all the same comes last.
REFUSED = [
    ("refuse", {"status": 422}),
    ("refuse", {"status": 500, "limiter_headers": True}),
    ("down", {"mode": "503"}),
    ("down", {"mode": "cut"}),
]
LEADS, PEOPLE, MAILS, ACTIVITIES = "/leads", "/contacts/persons", "/mails", "/activities"


def fails(bridge: Bridge, method: str, path: str, ways: list[Any]) -> None:
    """The next calls of this address fail, each in another way."""
    for number, (kind, options) in enumerate(ways):
        bridge.fault(kind, method=method, path=path, count=1, skip=number, **options)


def test_every_failure_at_every_address_of_the_crm_ends_the_same(bridge: Bridge) -> None:
    now = timezone.now()
    for number, last in enumerate(("502_after_commit", "commit_then_cut")):
        subject = writes(bridge, f"{NAME} {number}", f"+551195555{number:04}")
        bridge.krayin.keep_mail(f"Orçamento de {NAME}", TEXT, lead_id=bridge.crm["leads"][-1]["id"])
        erasure = approved(bridge, subject, now=now)
        fails(bridge, "GET", ACTIVITIES, REFUSED if number else [])
        for path, ways in ((LEADS, REFUSED[:2]), (PEOPLE, REFUSED[2:]), (MAILS, [])):
            fails(bridge, "DELETE", path, [*([] if number else REFUSED), (last, {})])
            fails(bridge, "GET", path, ways if number else [])
        worked(bridge, erasure, now=now, until=("erased", "left"))
        assert (erasure.state, erasure.leftovers) == ("erased", []), last
        assert all(fault["fired"] == 1 for fault in bridge.krayin.faults.as_json()), last
        bridge.krayin.faults.clear()
    assert NAME not in at_the_partners(bridge)
    assert bridge.crm["counts"]["persons"] == bridge.crm["counts"]["leads"] == 0


def test_every_failure_of_the_chat_ends_the_same(bridge: Bridge) -> None:
    now = timezone.now()
    erasure = approved(bridge, writes(bridge), now=now)
    for mode in ("error", "down", "throttled"):
        for after in range(2):
            if erasure.state not in {"approved", "running"}:
                break
            bridge.chatwoot.set_faults(rest=mode, rest_after=after, rest_times=1)
            running.run(erasure, now=max(now, erasure.not_before) + timedelta(seconds=1))
    bridge.chatwoot.set_faults(rest="ok")
    worked(bridge, erasure, now=max(now, erasure.not_before), until=("erased", "left"))
    assert (erasure.state, erasure.leftovers) == ("erased", [])
    assert sum(node.tries for node in erasure.nodes.filter(system__startswith="chatwoot")) > 5
    assert NAME not in at_the_partners(bridge)


def test_what_cannot_be_removed_is_told_exactly_mended_or_accepted(bridge: Bridge) -> None:
    subject, now = writes(bridge), timezone.now()
    lead = ContactMapping.objects.get().krayin_lead_id
    erasure = approved(bridge, subject, now=now)
    bridge.fault("refuse", status=422, method="DELETE", path=LEADS)
    now = worked(bridge, erasure, now=now, until=("left",))
    crm = f"krayin.{bridge.connection.krayin_id}"
    activities = sum(len(node.remote_ids) for node in erasure.nodes.filter(kind="activities"))
    assert erasure.leftovers == [
        {"system": crm, "kind": "activities", "code": "", "count": activities},
        {"system": crm, "kind": "lead", "code": "rejected", "count": 1},
        {"system": crm, "kind": "person", "code": "", "count": 1},
    ]
    # The person was not touched: a refused delete would have destroyed half of it.
    assert [one["id"] for one in bridge.crm["leads"]] == [lead]
    assert bridge.crm["counts"]["notes"] == 1
    # Mended in part: the opportunity goes, the person does not, and the officer takes that upon herself.
    bridge.krayin.faults.clear()
    bridge.fault("refuse", status=422, method="DELETE", path=PEOPLE)
    finishing.try_again(erasure, by=officer(bridge))
    now = worked(bridge, erasure, now=now, until=("left",))
    left = [{"system": crm, "kind": "person", "code": "rejected", "count": 1}]
    assert erasure.leftovers == left
    assert (bridge.crm["counts"]["leads"], bridge.crm["counts"]["persons"]) == (0, 1)
    finishing.accept(erasure, by=officer(bridge), now=now)
    worked(bridge, erasure, now=now, until=("erased",))
    assert erasure.leftovers == [{**left[0], "code": "IMPOSSIBLE"}]
    assert subject.pk not in {row.subject_id for row in ObservedContact.objects.filter(name__isnull=False)}


def test_a_contact_in_the_chat_waits_for_two_in_the_morning(bridge: Bridge) -> None:
    subject, now = writes(bridge), timezone.now()
    contact = ContactMapping.objects.get().chatwoot_contact_id
    bridge.chatwoot.set_online(contact, True)
    erasure = planned(subject, now=now)
    assert ["contact_online", 1] in erasure.warnings
    planning.approve(erasure, by=officer(bridge), now=now, received_care=False, saw_quotes=True)
    for _step in range(4):
        running.run(erasure, now=now)
        bridge.chatwoot.wait_idle()
    node = erasure.nodes.get(kind="contact")
    assert (node.state, node.code, node.tries) == ("waiting", "contact_online", 0)
    assert node.not_before == planning.next_two(erasure, now)
    bridge.chatwoot.set_online(contact, False)
    worked(bridge, erasure, now=node.not_before + timedelta(minutes=1), until=("erased",))
    assert erasure.state == "erased"
    assert NAME not in at_the_partners(bridge)


def test_a_killed_worker_is_followed_by_another(bridge: Bridge) -> None:
    subject, now = writes(bridge), timezone.now()
    told = StringIO()
    by = officer(bridge).email
    call_command("erase_subject", str(subject.pk), by=by, care="no", quotes_seen=True, stdout=told)
    erasure = Erasure.objects.get(subject=subject)
    assert json.loads(told.getvalue())["state"] == erasure.state == "approved"
    # Each claim gets no time: it ends after one node at most, as a kill would.
    for _turn in range(60):
        running.run_once(now=now, only=erasure, until=0.0)
        erasure.refresh_from_db()
        if erasure.state != "approved":
            break
    # A worker that died keeps its lease until it runs out.
    Erasure.objects.filter(pk=erasure.pk).update(lease_until=now + timedelta(minutes=1))
    assert running.run_once(now=now, only=erasure) is False
    Erasure.objects.filter(pk=erasure.pk).update(lease_until="2001-01-01T00:00Z")
    worked(bridge, erasure, now=now, until=("erased",))
    assert erasure.state == "erased"


def test_a_person_somebody_else_shares_stays_and_is_told(bridge: Bridge) -> None:
    subject, now = writes(bridge), timezone.now()
    mine = ContactMapping.objects.get()
    ContactMapping.objects.create(
        connection=bridge.connection,
        chatwoot_contact_id=999_001,
        krayin_person_id=mine.krayin_person_id,
    )
    erasure = planned(subject, now=now)
    assert [(stay["what"], stay["code"]) for stay in erasure.stays if stay["code"] == "THIRD_PARTY"] == [
        ("shared_person", "THIRD_PARTY")
    ]
    planning.approve(erasure, by=officer(bridge), now=now, received_care=False, saw_quotes=True)
    worked(bridge, erasure, now=now, until=("erased",))
    assert bridge.crm["counts"]["persons"] == 1
    assert bridge.crm["counts"]["leads"] == 0
