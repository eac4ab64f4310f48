"""Over real HTTP to two real processes: concurrency, lost and slow databases, a frozen broker, lies about lengths."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections, transaction

from bridge.models import DeliveryKey, Lane, WebhookBody, WebhookEvent
from tests.intake.clinic import CONTACT_ID, TOKEN, Address, raw, signed_headers, synced_lead
from tests.intake.server import Server, frozen_broker, running_server

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

LANE = f"c:{CONTACT_ID}"
CONTENT = raw("message_created")


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    with running_server() as started:
        yield started


def statuses(answers: list[tuple[int, bytes]]) -> Counter[tuple[int, str]]:
    return Counter((status, json.loads(body).get("status", "")) for status, body in answers)


def at_once(work: Callable[[], tuple[int, bytes]], times: int) -> list[tuple[int, bytes]]:
    """Do the same in so many threads, all starting together."""
    barrier = threading.Barrier(times)
    answers: list[tuple[int, bytes]] = []

    def one() -> None:
        barrier.wait()
        answers.append(work())

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def deliver(server: Server, address: Address, content: bytes = CONTENT) -> tuple[int, bytes]:
    return server.post(address.chatwoot_path, content, signed_headers(content))


def request_head(address: Address, *lines: str, content: bytes = CONTENT) -> bytes:
    signed = [f"{name}: {value}" for name, value in signed_headers(content).items()]
    return "\r\n".join([f"POST {address.chatwoot_path} HTTP/1.1", "Host: 127.0.0.1", *signed, *lines, "", ""]).encode()


# Concurrency ----------------------------------------------------------------------------------------------------------


def test_of_fifty_copies_at_once_one_is_stored_and_the_others_are_counted(server: Server, address: Address) -> None:
    headers = signed_headers(CONTENT)
    answers = at_once(lambda: server.post(address.chatwoot_path, CONTENT, headers), 50)
    assert statuses(answers) == {(202, "accepted"): 1, (202, "duplicate"): 49}
    assert (WebhookEvent.objects.count(), WebhookBody.objects.count()) == (1, 1)
    assert address.counted() == {"duplicate": 49}
    assert address.dirty() == {LANE: 1}


def test_a_burst_on_one_lane_through_several_processes_loses_no_mark(server: Server, address: Address) -> None:
    synced_lead(address)
    form = b"event=lead.update.after&bridge_ref=cw-1-conv-4711"

    def burst() -> tuple[int, bytes]:
        for _ in range(14):
            assert deliver(server, address)[0] == 202
        return server.post(address.krayin_path, form, {"X-Bridge-Token": TOKEN})

    assert statuses(at_once(burst, 8)) == {(202, "accepted"): 8}
    assert WebhookEvent.objects.filter(status="received").count() == 8 * 14
    assert address.dirty() == {LANE: 8 * 15}
    assert set(Lane.objects.values_list("clean_to", flat=True)) == {0}


# The database is slow, restarted, away --------------------------------------------------------------------------------


def test_what_a_locked_lane_cannot_take_is_spooled_and_nothing_is_half_stored(server: Server, address: Address) -> None:
    assert deliver(server, address)[0] == 202
    headers = signed_headers(CONTENT)
    with transaction.atomic():
        Lane.objects.select_for_update().get()
        status, body = server.post(address.chatwoot_path, CONTENT, headers)
    assert (status, json.loads(body)) == (202, {"status": "accepted"})
    assert (WebhookEvent.objects.count(), WebhookBody.objects.count(), DeliveryKey.objects.count()) == (1, 1, 1)
    assert address.dirty() == {LANE: 1}
    # The lock of one lane is no reason to spool what is for others.
    status, body = server.post(address.chatwoot_path, CONTENT, headers)
    assert (status, json.loads(body)) == (202, {"status": "accepted"})
    assert address.dirty() == {LANE: 2}


def test_after_a_restart_of_postgresql_not_one_event_is_lost(server: Server, address: Address) -> None:
    assert statuses(at_once(lambda: deliver(server, address), 16)) == {(202, "accepted"): 16}
    for alias in set(connections) - {connection.alias}:
        connections[alias].close()  # our own, not the server's
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] > 0
    assert statuses(at_once(lambda: deliver(server, address), 16)) == {(202, "accepted"): 16}
    assert address.dirty() == {LANE: 32}


def test_without_a_database_nobody_can_tell_whose_call_it_is_so_the_answer_is_503(address: Address) -> None:
    with running_server(database_url="postgres://nobody:nothing@127.0.0.1:9/none") as away:
        status, body = deliver(away, address)
        hint, _ = away.post(address.krayin_path, b"", {"X-Bridge-Token": TOKEN})
    assert (status, json.loads(body)) == (503, {"error": "not stored"})
    assert hint == 503
    assert not WebhookEvent.objects.exists()


# The broker is frozen -------------------------------------------------------------------------------------------------


def test_a_frozen_broker_delays_no_answer(address: Address) -> None:
    with frozen_broker() as broker, running_server(broker_url=broker.url) as server:
        started = time.monotonic()
        answers = [deliver(server, address) for _ in range(60)]
        took_s = time.monotonic() - started
        assert statuses(answers) == {(202, "accepted"): 60}
        # One publication alone waits 5 s for this broker; sixty of them inside the requests would take minutes.
        assert took_s < 25
        deadline = time.monotonic() + 20
        while not broker.held and time.monotonic() < deadline:
            time.sleep(0.05)
        assert broker.held
    assert address.dirty() == {LANE: 60}


# Lengths --------------------------------------------------------------------------------------------------------------


def test_a_body_in_chunks_is_read_whole(server: Server, address: Address) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (CONTENT[:1000], CONTENT[1000:])) + b"0\r\n\r\n"
    head = request_head(address, "Transfer-Encoding: chunked", "Connection: close")
    assert server.send_bytes(head + chunks) == 202
    assert WebhookBody.objects.get().length == len(CONTENT)


def test_a_body_in_chunks_above_the_limit_is_refused(server: Server, address: Address) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = request_head(address, "Transfer-Encoding: chunked", "Connection: close")
    assert server.send_bytes(head + chunk * 65 + b"0\r\n\r\n") == 413
    assert address.counted() == {"body too large": 1}


def test_a_body_announced_above_the_limit_is_refused_unread(server: Server, address: Address) -> None:
    assert server.send_bytes(request_head(address, f"Content-Length: {5 * 1024**3}") + b"{") == 413
    assert address.counted() == {"body too large": 1}


def test_a_body_that_breaks_off_is_refused_as_incomplete(server: Server, address: Address) -> None:
    head = request_head(address, f"Content-Length: {len(CONTENT)}")
    assert server.send_bytes(head + CONTENT[:-1], then_close=True) == 400
    assert not WebhookEvent.objects.exists()
    assert address.counted() == {"body incomplete": 1}


def test_a_body_longer_than_announced_is_not_what_was_signed(server: Server, address: Address) -> None:
    head = request_head(address, f"Content-Length: {len(CONTENT) - 1}")
    assert server.send_bytes(head + CONTENT) == 403
    assert not WebhookEvent.objects.exists()
