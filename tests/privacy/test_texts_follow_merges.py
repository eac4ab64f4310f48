"""A note that waits when its contact is merged away opens for the person who takes over; nobody else's key is needed."""

import pytest
from django.utils import timezone
from factories import busy_clinic

from bridge.models import Connection, ObservedContact, SyncedObject, Wish
from bridge.sync import merges
from consent.encryption import Actor, destroy_subject_keys, open_for, seal
from consent.models import DataSubject

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
TEXT = "Ligar depois das 18h"


@pytest.fixture
def here() -> Connection:
    return busy_clinic(people=2)


def merge(of: Connection) -> tuple[Wish, ObservedContact]:
    """Two contacts, a note on the first; the first is merged into the second, which had no person yet."""
    old, new = of.contacts.filter(has_phone=True).order_by("chatwoot_contact_id")
    SyncedObject.objects.filter(lane_key=f"c:{new.chatwoot_contact_id}").delete()
    SyncedObject.objects.filter(lane_key=f"c:{old.chatwoot_contact_id}", kind="person").update(
        ref=f"ponte-{of.ref_code}-c{old.chatwoot_contact_id}"
    )
    wish = Wish(connection=of, contact=old, kind="note", state="open", via="screen", asked_by_ref="1")
    wish.text = seal(TEXT, subject=old.subject_id, context=wish.text_context)
    wish.save()
    return wish, new


def carry_out(of: Connection, wish: Wish, new: ObservedContact) -> None:
    of.conversations.filter(contact=wish.contact).update(contact=new, moved_from=wish.contact)
    merges.gone(of, wish.contact)
    wish.refresh_from_db()


def test_the_text_is_sealed_for_the_person_who_takes_over(here: Connection) -> None:
    wish, new = merge(here)
    carry_out(here, wish, new)
    assert wish.contact_id == new.pk
    opener = open_for([new.subject_id], actor=Actor.system("lanes"), purpose="system")
    assert opener.text(wish.text, subject=new.subject_id, context=wish.text_context) == TEXT


def test_a_text_that_may_not_be_opened_any_more_is_withdrawn(here: Connection) -> None:
    wish, new = merge(here)
    DataSubject.objects.filter(pk=wish.contact.subject_id).update(blocked_at=timezone.now())
    carry_out(here, wish, new)
    assert (wish.text, wish.state) == (None, "withdrawn")


def test_a_text_whose_key_is_gone_is_withdrawn(here: Connection) -> None:
    wish, new = merge(here)
    destroy_subject_keys([wish.contact.subject_id], now=timezone.now())
    carry_out(here, wish, new)
    assert (wish.text, wish.state) == (None, "withdrawn")
