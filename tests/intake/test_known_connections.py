"""What the web process remembers of connections: two live secrets, how fast changes are seen, when a secret matched."""

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from bridge.models import Connection, Partner, WebhookSecret
from bridge.webhooks.registry import Registered, Registry, read, read_all
from bridge.webhooks.wakeups import NOTE_EVERY_S, Matches, note_matches
from tests.intake.clinic import CONTACT_ID, TOKEN, Address, raw

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LANE = f"c:{CONTACT_ID}"


def test_while_a_secret_is_replaced_both_verify(address: Address) -> None:
    address.add_secret(Partner.CHATWOOT, "the-new-secret-of-24-char")
    assert address.deliver(raw("message_created")).status_code == 202
    assert address.deliver(raw("message_created"), secret="the-new-secret-of-24-char").status_code == 202
    assert address.dirty() == {LANE: 2}


def test_a_retired_secret_verifies_nothing(address: Address) -> None:
    address.add_secret(Partner.CHATWOOT, "retired-secret-24-chars", retired_at="2026-01-01T00:00Z")
    assert address.deliver(raw("message_created"), secret="retired-secret-24-chars").status_code == 403


def test_a_connection_without_secrets_refuses(address: Address) -> None:
    address.connection.secrets.all().delete()
    assert address.deliver(raw("message_created"), secret="anything").status_code == 403
    assert address.hint(b"", **{"X-Bridge-Token": "anything"}).status_code == 403


class Reader:
    """Reads connections, and counts; on demand the database is away."""

    def __init__(self) -> None:
        self.reads, self.now, self.is_away = 0, 100.0, False
        self.registry = Registry(self.one, self.all, limit=2, clock=lambda: self.now)

    def one(self, public_id: str) -> Registered | None:
        self._count()
        return read(public_id)

    def all(self, public_ids: Collection[str]) -> dict[str, Registered]:
        self._count()
        return read_all(public_ids)

    def _count(self) -> None:
        self.reads += 1
        if self.is_away:
            raise OperationalError


@pytest.fixture
def reader(address: Address) -> Reader:
    return Reader()


def test_a_connection_is_read_again_after_two_seconds(address: Address, reader: Reader) -> None:
    public_id = address.connection.public_id
    assert reader.registry.get(public_id).state == "active"
    address.set(state=Connection.State.OFF)
    reader.now += 1.9
    assert reader.registry.get(public_id).state == "active"
    assert reader.reads == 1
    reader.now += 0.1
    assert reader.registry.get(public_id).state == "off"


def test_a_known_connection_is_served_while_the_database_is_away(address: Address, reader: Reader) -> None:
    known = reader.registry.get(address.connection.public_id)
    reader.is_away = True
    reader.now += 3600
    assert reader.registry.get(address.connection.public_id) is known


def test_an_unknown_connection_is_an_error_while_the_database_is_away(address: Address, reader: Reader) -> None:
    reader.is_away = True
    with pytest.raises(OperationalError):
        reader.registry.get(address.connection.public_id)


def test_a_deleted_connection_is_forgotten(address: Address, reader: Reader) -> None:
    public_id = address.connection.public_id
    assert reader.registry.get(public_id)
    Connection.objects.filter(pk=address.connection.pk).update(public_id="moved-elsewhere")
    reader.now += 2
    assert reader.registry.get(public_id) is None
    reader.is_away = True
    with pytest.raises(OperationalError):
        reader.registry.get(public_id)


def test_strangers_trying_addresses_push_nothing_out(address: Address, reader: Reader) -> None:
    public_id = address.connection.public_id
    reader.registry.get(public_id)
    assert {reader.registry.get(f"guess-{number}") for number in range(10)} == {None}
    reader.registry.get(public_id)
    assert reader.reads == 11


def test_what_cannot_be_a_path_token_is_not_even_looked_up(reader: Reader) -> None:
    assert {reader.registry.get(name) for name in ("", "a b", "x" * 65, "a\x00", "é", "a\n")} == {None}
    assert reader.reads == 0


# Which secret is in use ------------------------------------------------------------------------------------------------


def matched(address: Address) -> dict[str, bool]:
    rows = WebhookSecret.objects.filter(connection=address.connection)
    return {row.partner: row.last_matched_at is not None for row in rows}


def test_a_matched_secret_is_noted_soon_after_the_answer(address: Address) -> None:
    assert matched(address) == {"chatwoot": False, "krayin": False}
    address.deliver(raw("message_created"))
    address.hint(b"", **{"X-Bridge-Token": TOKEN})
    deadline = time.monotonic() + 20
    while not all(matched(address).values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert matched(address) == {"chatwoot": True, "krayin": True}


def test_a_secret_is_handed_on_at_most_once_a_minute() -> None:
    handed: list[int] = []
    now = 5.0
    matches = Matches(handed.append, clock=lambda: now)
    for moment in (5.0, 6.0, 64.9, 65.0, 66.0):
        now = moment
        matches.note(1)
    matches.note(2)
    assert handed == [1, 1, 2]


def test_several_processes_write_it_once_a_minute_too(address: Address) -> None:
    secret = WebhookSecret.objects.get(connection=address.connection, partner=Partner.CHATWOOT)
    recent = datetime.now(UTC) - timedelta(seconds=NOTE_EVERY_S - 30)
    old = datetime.now(UTC) - timedelta(seconds=NOTE_EVERY_S + 30)
    for before in (recent, old):
        WebhookSecret.objects.filter(pk=secret.pk).update(last_matched_at=before)
        note_matches({secret.pk})
        secret.refresh_from_db()
        assert (secret.last_matched_at == before) is (before is recent)
