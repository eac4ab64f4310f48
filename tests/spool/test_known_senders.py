"""What verifies deliveries while PostgreSQL is away, as it lies on the disk."""

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils import timezone

from bridge.models import Connection, Partner
from bridge.spool import folder
from bridge.spool.secrets_cache import LOCK, SecretsCache, renew
from bridge.spool.status import KNOWN, can_take
from bridge.webhooks.registry import read
from tests.intake.clinic import SECRET, TOKEN, Address, make_address

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def address() -> Address:
    return make_address()


def test_what_is_read_from_the_disk_is_what_postgresql_says(address: Address) -> None:
    other = make_address("Outra", inboxes=(1, 2))
    assert renew() is True
    cache = SecretsCache()
    for each in (address, other):
        assert cache.find(each.connection.public_id) == read(each.connection.public_id)
    assert cache.find("nobody") is None


def test_the_host_can_take_deliveries_once_it_knows_its_senders_and_has_room(
    spool: Path, address: Address, settings: Any
) -> None:
    assert can_take() is False
    renew()
    assert can_take() is True
    settings.SPOOL_LIMIT_BYTES = (spool / KNOWN).stat().st_size
    assert can_take() is False


def test_the_file_is_private_and_tells_nothing(spool: Path, address: Address) -> None:
    renew()
    content = (spool / KNOWN).read_bytes()
    assert stat.S_IMODE((spool / KNOWN).stat().st_mode) == 0o600
    for text in (SECRET, TOKEN, address.connection.public_id):
        assert text.encode() not in content


def test_it_is_written_only_when_something_changed(spool: Path, address: Address) -> None:
    assert renew() is True
    before = (spool / KNOWN).read_bytes()
    Connection.objects.update(polled_at=timezone.now())
    assert renew() is False
    assert (spool / KNOWN).read_bytes() == before
    address.add_secret(Partner.CHATWOOT, "the-new-secret-of-24-char")
    assert renew() is True
    assert len(SecretsCache().find(address.connection.public_id).chatwoot_secrets) == 2


def test_a_running_process_sees_the_file_that_another_wrote(address: Address) -> None:
    cache = SecretsCache()
    assert cache.find(address.connection.public_id) is None
    renew()
    assert cache.find(address.connection.public_id).state == "active"
    address.set(state=Connection.State.OFF)
    renew()
    assert cache.find(address.connection.public_id).state == "off"


def test_a_secret_that_retires_while_postgresql_is_away_verifies_nothing_any_more(address: Address) -> None:
    address.add_secret(Partner.CHATWOOT, "soon-retired", retired_at=timezone.now() + timedelta(seconds=1))
    renew()
    cache, public_id = SecretsCache(), address.connection.public_id
    assert len(cache.find(public_id).chatwoot_secrets) == 2
    entry = next(iter(cache._known.values()))
    entry["secrets"][-1]["retired_at"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    assert [secret.value.decode() for secret in cache.find(public_id).chatwoot_secrets] == [SECRET]


def test_a_file_that_does_not_open_is_written_anew(spool: Path, address: Address, settings: Any) -> None:
    renew()
    keys = dict(configured.MASTER_KEYS)
    settings.MASTER_KEYS = {"next": b"n" * 32, **keys}
    assert renew() is True  # under the newest key
    settings.MASTER_KEYS = keys
    assert SecretsCache().find(address.connection.public_id) is None
    assert renew() is True
    (spool / KNOWN).write_bytes(b"broken")
    assert SecretsCache().find(address.connection.public_id) is None
    assert renew() is True
    assert SecretsCache().find(address.connection.public_id) is not None


def test_two_processes_do_not_write_it_at_once(spool: Path, address: Address) -> None:
    folder.make(spool)
    with folder.only_one(spool / LOCK):
        assert renew() is False
    assert not (spool / KNOWN).exists()
    assert renew() is True
