"""A person is erased over both partners and Ponte; nothing of them is found anywhere, and nothing of them opens."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from erasing import DAY, HOUR, NAME, PHONE, TEXT, approved, at_the_partners, erased, officer, planned, worked, writes

from bridge.models import ContactMapping, ObservedContact, ObservedMessage
from consent.encryption import KeyMissing, datakeys
from consent.encryption.places import Owner, places
from consent.encryption.sealed import decrypt, key_version
from consent.encryption.sealing import subject_owner
from consent.encryption.tables import DataKey
from consent.erasure import answering, finishing, ledger, local, planning, running
from consent.erasure.errors import NotPossible
from consent.models import ConsentRecord, DataSubject, Erasure, Processor, RequestItem
from consent.requests import deciding
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin
from tests.holds.kept_people import order
from tests.privacy.sinks import Canaries, everything_logged, in_files, in_redis, in_the_database
from tests.requests.asking import files, item_of

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def canaries() -> Canaries:
    found = Canaries()
    found.plant("name", NAME)
    found.plant("phone", PHONE)
    found.plant("text", TEXT)
    return found


@pytest.mark.acceptance(2)
def test_nobody_finds_an_erased_person_anywhere_and_nothing_opens(
    bridge: Bridge, places: list[Path], own_spool: Path
) -> None:
    """Goals C1 and C5: every column of every table, Redis, files, both simulators, what was logged meanwhile; and the
    values of a dump from before do not open with today's keys."""
    planted, stays = canaries(), writes(bridge, "Bento Prado", "+5511944440000", text="Outra pessoa")
    subject = writes(bridge)
    contact = ObservedContact.objects.get(subject=subject).chatwoot_contact_id
    lead = ContactMapping.objects.get(chatwoot_contact_id=contact).krayin_lead_id
    bridge.krayin.keep_mail(f"Orçamento de {NAME}", TEXT, lead_id=lead)
    assert planted.in_text(at_the_partners(bridge)) == {"name", "phone", "text"}
    known = local.ask_all(local.Known(subject))
    rows = local.counts_of(known, keeps_record=False)
    assert {"bridge.ObservedMessage", "bridge.Effect", "bridge.ContactMapping", "bridge.WebhookBody"} <= rows.keys()
    dump, owner = sealed_values(subject), str(subject.pk)
    keys = datakeys.load(DataKey.Kind.SUBJECT, [owner], using="default")[owner]
    opened = {decrypt(held, key=keys[1], owner=subject_owner(subject.pk), context=at).decode() for held, at in dump}
    assert NAME in opened
    with everything_logged() as log:
        erasure = erased(bridge, subject)
    assert (erasure.state, erasure.leftovers) == ("done", [])
    assert planted.in_text(at_the_partners(bridge)) == set()
    assert in_the_database(planted) == {}
    assert in_redis(planted) == {}
    assert in_files(planted, [*places, own_spool]) == {}
    assert planted.in_text(log.said.getvalue()) == set()
    # Every model of the map, by the numbers of before.
    assert local.left(local.Known(subject, found=known.found), keeps_record=False) == {}
    subject.refresh_from_db()
    assert subject.erased_at is not None
    assert subject.pseudonym is None
    datakeys.cache.clear()
    left = datakeys.keys_of(DataKey.Kind.SUBJECT, [owner])
    for sealed, _at in dump:
        with pytest.raises(KeyMissing):
            datakeys.exactly(left, owner, key_version(sealed))
    # Somebody else's data are all there.
    assert "Bento Prado" in at_the_partners(bridge)
    assert ObservedMessage.objects.filter(subject=stays).exists()


def test_every_model_that_holds_what_an_erasure_removes_is_reached() -> None:
    assert local.unreached() == []


def sealed_values(subject: DataSubject) -> list[Any]:
    return [
        (getattr(row, place.field), place.context_of(row))
        for place in places(Owner.SUBJECT)
        for row in place.model._default_manager.filter(**{place.subject: subject.pk})
        if getattr(row, place.field) is not None
    ]


def test_the_intent_stands_in_two_places_before_anything_goes(bridge: Bridge, places: list[Path]) -> None:
    subject = writes(bridge)
    before = at_the_partners(bridge)
    erasure = approved(bridge, subject, now=timezone.now())
    # No place takes it: nothing is removed.
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.write_text("not a folder")
    running.run(erasure, now=timezone.now())
    assert erasure.state == "approved"
    assert at_the_partners(bridge) == before
    for place in places:
        place.unlink()
    worked(bridge, erasure, now=erasure.not_before, until=("erased",))
    lines = [(place / ledger.FILE).read_text().splitlines() for place in places]
    assert lines[0] == lines[1]
    told = [json.loads(line) for line in lines[0]]
    assert [one["kind"] for one in told] == ["intent", "results"]
    assert told[0]["subject"] == str(subject.pk)
    assert NAME not in "".join(lines[0])
    assert all(ledger.read_line(line.encode()) for line in lines[0])
    assert ledger.read_line(lines[0][0].replace("intent", "results").encode()) is None


def test_a_granted_request_leads_to_the_erasure_and_back_to_its_answer(bridge: Bridge) -> None:
    subject, dpo, now = writes(bridge), officer(bridge), timezone.now()
    ConsentRecord.objects.create(
        subject=subject, consent_type="marketing", status="granted", granted_at=now, consent_text="Aceito",
        consent_version="1",
    )  # fmt: skip
    Processor.objects.create(
        clinic=bridge.connection.clinic, name="Modelo SA", kind="language_model", started_on=now.date()
    )
    request = files(bridge.connection.clinic, "T07", contact=PHONE)
    deciding.say_who(request, subject, by=dpo, now=now)
    RequestItem.objects.filter(request=request).update(state="triage")
    item = item_of(request, "T07")
    deciding.decide(item, "grant", by=dpo, now=now)
    erasure = Erasure.objects.get(subject=subject)
    subject.refresh_from_db()
    assert (erasure.state, erasure.item_id) == ("new", item.pk)
    assert subject.blocked_at is not None
    running.run(erasure, now=now)
    planning.approve(erasure, by=dpo, now=now, received_care=False, saw_quotes=True)
    worked(bridge, erasure, now=now, until=("erased",))
    item.refresh_from_db()
    assert (item.state, item.verified) == ("ready", "checked")
    with_text = answering._words(erasure)
    assert "(1): LGPD, Art. 8, §2; até" in with_text
    assert "Art. 18, §6" in with_text
    node = erasure.nodes.get(system="recipient")
    finishing.note_told(node, by=dpo, now=now)
    node.refresh_from_db()
    assert (node.state, node.code) == ("done", "told")


@pytest.mark.acceptance(3)
def test_a_hold_stops_everything_and_the_person_is_told(bridge: Bridge) -> None:
    """Acceptance check 3, before and in the middle."""
    from consent.holds import place

    subject, dpo, now = writes(bridge), officer(bridge), timezone.now()
    before = at_the_partners(bridge)
    erasure = planned(subject, now=now)
    place(subject.clinic, order(review_on=(now + 30 * DAY).date()), scope="person", by=dpo, now=now, subject=subject)
    with pytest.raises(NotPossible, match="hold"):
        planning.approve(erasure, by=dpo, now=now, received_care=False, saw_quotes=True)
    assert erasure.state == "held"
    assert at_the_partners(bridge) == before
    assert local.counts_of(local.Known(subject), keeps_record=False)
    request = files(bridge.connection.clinic, "T05", contact=PHONE)
    deciding.say_who(request, subject, by=dpo, now=now)
    RequestItem.objects.filter(request=request).update(state="triage")
    item = item_of(request, "T05")
    deciding.decide(item, "grant", by=dpo, now=now)
    item.refresh_from_db()
    subject.refresh_from_db()
    assert (item.state, item.verified) == ("ready", "nothing_done")
    assert subject.blocked_at is not None


def test_of_a_patient_the_clinical_record_stays_and_two_people_decide(bridge: Bridge) -> None:
    subject, now = writes(bridge, text="Segue o resultado do exame"), timezone.now()
    first, second = officer(bridge), officer(bridge)
    erasure = planned(subject, now=now)
    assert erasure.has_clinical
    planning.approve(erasure, by=first, now=now, received_care=True, saw_quotes=True)
    assert erasure.state == "planned"
    with pytest.raises(NotPossible, match="second_person"):
        planning.approve(erasure, by=first, now=now + 2 * DAY)
    planning.approve(erasure, by=second, now=now)
    worked(bridge, erasure, now=now, until=("done",))
    subject.refresh_from_db()
    assert (erasure.state, subject.erased_at, erasure.key_due_at) == ("done", None, None)
    assert subject.blocked_at is not None
    assert ObservedMessage.objects.filter(subject=subject, content__isnull=False).exists()
    assert bridge.crm["counts"]["persons"] == 0
    assert erasure.stays[0]["retention"] == "R01"
    assert erasure.stays[0]["until"].startswith(str(now.year + 20))


def test_an_open_conversation_is_refused_with_nothing_half_done(bridge: Bridge) -> None:
    subject, now = writes(bridge, close=False), timezone.now()
    before = at_the_partners(bridge)
    erasure = planned(subject, now=now)
    with pytest.raises(NotPossible, match="open_conversation"):
        planning.approve(erasure, by=officer(bridge), now=now, received_care=False, saw_quotes=True)
    running.run(erasure, now=now + HOUR)
    assert at_the_partners(bridge) == before
    planning.cancel(erasure, by=officer(bridge), now=now)
    subject.refresh_from_db()
    assert (erasure.state, subject.blocked_at) == ("cancelled", None)


def test_what_arrives_late_is_swept_and_the_key_can_be_kept_within_a_day(bridge: Bridge) -> None:
    subject, now = writes(bridge), timezone.now()
    contact = ObservedContact.objects.get(subject=subject)
    with bridge.chatwoot.capture() as late:
        number = contact.conversations.get().chatwoot_conversation_id
        bridge.chatwoot.outgoing(number, f"Tarde demais, {NAME}")
    erasure = approved(bridge, subject, now=now)
    now = worked(bridge, erasure, now=now, until=("erased",))
    assert erasure.key_due_at == erasure.erased_at + DAY
    bridge.deliver(late)
    bridge.settle()
    assert bridge.crm["counts"]["persons"] == 0
    # The hourly look removes what came.
    assert (running.sweep(now=now), running.sweep(now=now)) == (1, 0)
    assert not ObservedMessage.objects.filter(subject=subject).exists()
    finishing.keep_key(erasure, by=officer(bridge), now=now)
    running.run_once(now=now + 2 * DAY)
    assert DataKey.objects.get(kind="subject", ref=str(subject.pk)).wrapped is not None
    with pytest.raises(NotPossible, match="state"):
        finishing.keep_key(erasure, by=officer(bridge), now=now)
