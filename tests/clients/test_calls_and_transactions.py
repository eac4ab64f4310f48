"""No transaction is ever open during a partner call (DESIGN section 4)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from bridge.clients.base import forbid_open_transaction
from bridge.clients.krayin import KrayinClient
from bridge.errors import TransactionOpen
from tests.clients.wire import FreePace, MemoryTokens, Wire


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_refused_before_anything_is_spent_or_sent(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    connection.ensure_connection()

    with transaction.atomic(), pytest.raises(TransactionOpen):
        krayin.who_am_i()

    assert (wire.sent, pace.asked) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_a_login_inside_a_transaction_is_refused_too(krayin: KrayinClient, wire: Wire) -> None:
    with transaction.atomic(), pytest.raises(TransactionOpen):
        krayin.login("a@b.example", "pw")

    assert wire.sent == []


@pytest.mark.django_db(transaction=True)
def test_a_call_after_the_transaction_goes_through(krayin: KrayinClient, wire: Wire, tokens: MemoryTokens) -> None:
    wire.answers_like("auth_account_get")
    with transaction.atomic():
        connection.ensure_connection()

    forbid_open_transaction()

    assert krayin.who_am_i().id == 2
