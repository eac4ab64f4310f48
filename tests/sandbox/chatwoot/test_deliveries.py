"""Webhooks on the wire: signed, at most once, in no order, repeated in two ways, with the state of the moment."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery, sign
from bridge.sandbox.http import Request, Response, json_response

from .conftest import Api, Receiver

BURST = [
    "contact_created",
    "conversation_created",
    "message_created",
    "contact_updated",
    "conversation_updated",
    "message_created",
]


def write(chatwoot: ChatwootSandbox, number: int = 17) -> Any:
    return chatwoot.new_person_writes(
        "Olá, bom dia!", name="Mariana Alves Teixeira", phone_number=f"+55119000{number:05d}"
    )


def test_every_delivery_is_signed_over_its_raw_bytes(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    webhook = chatwoot.register_webhook(receiver.url + "/hooks/abc?x=1")
    write(chatwoot)
    chatwoot.wait_idle()
    assert len(receiver.requests) == 6
    for request in receiver.requests:
        timestamp = request.header("X-Chatwoot-Timestamp")
        assert request.header("X-Chatwoot-Signature") == sign(webhook.secret, timestamp, request.body)
        assert abs(int(timestamp) - time.time()) < 10
        assert request.header("Content-Type") == "application/json"
        assert (request.method, request.path, request.query) == ("POST", "/hooks/abc", [("x", "1")])
    assert len({request.header("X-Chatwoot-Delivery") for request in receiver.requests}) == 6


def test_a_new_persons_first_message_sends_the_burst(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url)
    write(chatwoot)
    chatwoot.wait_idle()
    assert receiver.events == BURST
    changes = receiver.of("contact_updated")[0]["changed_attributes"]
    assert [next(iter(change)) for change in changes] == ["last_activity_at", "updated_at"]
    assert [message["message_type"] for message in receiver.of("message_created")] == ["incoming", "template"]
    assert next(iter(receiver.of("conversation_updated")[0]["changed_attributes"][0])) == "assignee_id"


def test_a_shuffled_burst_is_the_same_events_in_an_order_the_seed_decides() -> None:
    def order(seed: int) -> list[str]:
        sandbox = ChatwootSandbox(seed=seed, shuffle=True)
        sandbox.register_webhook("http://bridge.example/hooks")
        with sandbox.capture() as deliveries:
            write(sandbox)
        return [delivery.event for delivery in deliveries]

    assert order(2) == order(2)
    assert sorted(order(2)) == sorted(BURST)
    assert len({tuple(order(seed)) for seed in range(5)}) > 1


def test_a_refused_delivery_is_recorded_and_never_sent_again(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    receiver.answer = lambda request: json_response(500, {})
    chatwoot.register_webhook(receiver.url, ["contact_created"])
    write(chatwoot)
    chatwoot.wait_idle()
    assert len(receiver.requests) == 1
    assert [(record.status, record.http_status) for record in chatwoot.dispatcher.records] == [("failed", 500)]


def test_an_absent_receiver_costs_the_event(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url, ["contact_created"])
    receiver.stop()
    write(chatwoot)
    chatwoot.wait_idle()
    receiver.start()
    assert receiver.requests == []
    assert [record.error for record in chatwoot.dispatcher.records] == ["ConnectionRefusedError"]


def test_a_receiver_that_is_too_slow_counts_as_failed(receiver: Receiver) -> None:
    def slowly(request: Request) -> Response:
        time.sleep(0.5)
        return json_response(202, {})

    receiver.answer = slowly
    with ChatwootSandbox(timeout_s=0.1) as chatwoot:
        chatwoot.register_webhook(receiver.url, ["contact_created"])
        write(chatwoot)
        chatwoot.wait_idle()
        assert [record.error for record in chatwoot.dispatcher.records] == ["TimeoutError"]


def test_only_subscribed_events_of_the_own_account_are_sent(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url, ["conversation_created"])
    chatwoot.register_webhook(receiver.url + "/other", account_id=4)
    write(chatwoot)
    chatwoot.wait_idle()
    assert receiver.events == ["conversation_created"]


def test_a_job_that_runs_twice_repeats_delivery_id_and_bytes(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url, ["contact_created"])
    chatwoot.set_faults(duplicate_same_id=1.0)
    write(chatwoot)
    chatwoot.wait_idle()
    first, second = receiver.requests
    assert first.header("X-Chatwoot-Delivery") == second.header("X-Chatwoot-Delivery")
    assert first.body == second.body
    assert [record.repeat for record in chatwoot.dispatcher.records] == [None, "same_id"]


def test_an_event_handled_twice_comes_under_a_new_delivery_id(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url, ["contact_created"])
    chatwoot.set_faults(duplicate_new_id=1.0)
    write(chatwoot)
    chatwoot.wait_idle()
    first, second = receiver.requests
    assert first.header("X-Chatwoot-Delivery") != second.header("X-Chatwoot-Delivery")
    assert json.loads(first.body)["id"] == json.loads(second.body)["id"]
    assert chatwoot.state(["deliveries"])["deliveries"]["repeats"] == 1


def test_a_second_sending_has_its_own_timestamp_and_signature(chatwoot: ChatwootSandbox) -> None:
    webhook = chatwoot.register_webhook("http://bridge.example/hooks", ["contact_created"])
    with chatwoot.capture() as deliveries:
        write(chatwoot)
    first = deliveries[0]
    again, new = first.sent_again(first.timestamp + 9), first.dispatched_again(first.timestamp)
    assert (again.delivery_id, again.body) == (first.delivery_id, first.body)
    assert again.headers["X-Chatwoot-Signature"] == sign(webhook.secret, str(first.timestamp + 9), first.body)
    assert (new.delivery_id != first.delivery_id, new.body) == (True, first.body)


def test_dropped_deliveries_never_reach_the_receiver(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url)
    chatwoot.set_faults(drop_next=4)
    write(chatwoot)
    chatwoot.wait_idle()
    assert len(receiver.requests) == 2
    assert chatwoot.dispatcher.counts() == {"delivered": 2, "failed": 0, "dropped": 4, "discarded": 0}


def test_delayed_deliveries_all_arrive(receiver: Receiver) -> None:
    with ChatwootSandbox(concurrency=3) as chatwoot:
        chatwoot.register_webhook(receiver.url)
        chatwoot.set_faults(delay_s=0.1)
        write(chatwoot)
        chatwoot.wait_idle()
        assert Counter(receiver.events) == Counter(BURST)


def test_a_body_shows_the_state_when_it_was_built_not_when_it_happened(chatwoot: ChatwootSandbox) -> None:
    chatwoot.register_webhook("http://bridge.example/hooks", ["conversation_created", "conversation_updated"])
    with chatwoot.capture(late=True) as late:
        conversation = write(chatwoot)
        chatwoot.set_status(conversation.display_id, "resolved")
    with chatwoot.capture() as early:
        other = write(chatwoot, 18)
        chatwoot.set_status(other.display_id, "resolved")
    assert [body(delivery)["status"] for delivery in late] == ["resolved", "resolved", "resolved"]
    assert [body(delivery)["status"] for delivery in early] == ["open", "open", "resolved"]
    assert changed_names(late[2]) == ["status", "updated_at"]


def test_events_of_a_deleted_contact_are_discarded(chatwoot: ChatwootSandbox) -> None:
    chatwoot.register_webhook("http://bridge.example/hooks")
    with chatwoot.capture(late=True) as deliveries:
        conversation = write(chatwoot)
        chatwoot.delete_contact(conversation.contact_id)
    assert deliveries == []
    assert chatwoot.dispatcher.counts()["discarded"] == 6


def test_versions_before_signatures_send_bare_requests(receiver: Receiver) -> None:
    with ChatwootSandbox(version="4.11.1") as chatwoot:
        chatwoot.register_webhook(receiver.url)
        write(chatwoot)
        chatwoot.wait_idle()
    assert len(receiver.requests) == 6
    assert not [name for request in receiver.requests for name in request.headers if name.startswith("x-chatwoot")]
    assert all("account" not in conversation for conversation in receiver.of("conversation_created"))


def test_macros_and_automations_post_unsigned_to_their_own_address(
    chatwoot: ChatwootSandbox, receiver: Receiver
) -> None:
    conversation = write(chatwoot)
    chatwoot.send_unsigned(conversation.display_id, receiver.url + "/macro")
    chatwoot.send_unsigned(
        conversation.display_id, receiver.url + "/rule", event="automation_event.conversation_created"
    )
    chatwoot.wait_idle()
    assert receiver.events == ["macro.executed", "automation_event.conversation_created"]
    assert not any("x-chatwoot-delivery" in request.headers for request in receiver.requests)


def test_the_api_answers_while_a_receiver_is_being_posted_to(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    """The bridge may read back inside the webhook: no lock is held during a POST."""
    api, seen = Api(chatwoot.url), []

    def read_back(request: Request) -> Response:
        seen.append(api.get(f"/contacts/{json.loads(request.body)['id']}")["payload"]["name"])
        return json_response(202, {})

    receiver.answer = read_back
    chatwoot.register_webhook(receiver.url, ["contact_created"])
    write(chatwoot)
    chatwoot.wait_idle()
    assert seen == ["Mariana Alves Teixeira"]


def test_credentials_in_the_address_become_basic_authentication(chatwoot: ChatwootSandbox, receiver: Receiver) -> None:
    chatwoot.register_webhook(receiver.url.replace("http://", "http://ana:s%40fe@"), ["contact_created"])
    write(chatwoot)
    chatwoot.wait_idle()
    assert receiver.requests[0].header("Authorization") == "Basic YW5hOnNAZmU="


def body(delivery: Delivery) -> Any:
    return json.loads(delivery.body)


def changed_names(delivery: Delivery) -> list[str]:
    return [next(iter(change)) for change in body(delivery)["changed_attributes"]]
