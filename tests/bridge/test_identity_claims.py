"""Two lanes that want the same person: one makes it, the other waits and links (DESIGN section 5)."""

import uuid
from datetime import timedelta

import pytest
from connected_clinic import Bridge
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bridge.models import IdentityClaim
from bridge.sync.people import Identity, claim_identity, keys_of, release_identity

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MARIA = Identity("ponte-x-c1", "Maria", "maria@exemplo.com.br", "+5511987654321")


def test_the_second_titular_waits_for_any_shared_identifier(bridge: Bridge) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    assert claim_identity(bridge.connection, MARIA, first)
    other = Identity("ponte-x-c2", "Mãe", "", "+551187654321")  # the same mobile without the ninth digit
    assert not claim_identity(bridge.connection, other, second)
    release_identity(bridge.connection, first)
    assert claim_identity(bridge.connection, other, second)


def test_who_does_not_get_all_keeps_none(bridge: Bridge) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    claim_identity(bridge.connection, Identity("ponte-x-c1", "Maria", "", "+5511987654321"), first)
    assert not claim_identity(bridge.connection, MARIA, second)
    assert set(IdentityClaim.objects.values_list("subject", flat=True)) == {first}


def test_a_claim_of_a_worker_that_died_runs_out(bridge: Bridge) -> None:
    claim_identity(bridge.connection, MARIA, uuid.uuid4())
    IdentityClaim.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert claim_identity(bridge.connection, MARIA, uuid.uuid4())


def test_a_lane_whose_person_is_being_made_elsewhere_writes_nothing_yet(bridge: Bridge) -> None:
    stranger = uuid.uuid4()
    claim_identity(bridge.connection, Identity("x", "Ana", "", "+5511900000021"), stranger)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    assert bridge.crm["counts"]["persons"] == 0
    release_identity(bridge.connection, stranger)
    bridge.settle()
    assert bridge.crm["counts"]["persons"] == 1


@given(ddd=st.integers(11, 99), number=st.integers(60_000_000, 99_999_999))
def test_both_forms_of_a_mobile_have_the_same_keys(ddd: int, number: int) -> None:
    with_ninth = Identity("r", "n", "", f"+55{ddd}9{number}")
    without = Identity("r", "n", "", f"+55{ddd}{number}")
    assert keys_of(with_ninth) == keys_of(without)
