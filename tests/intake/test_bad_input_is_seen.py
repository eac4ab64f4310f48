"""Bad input: each kind has one outcome a person finds on screen B2 or B3, and nothing that is ours is lost."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from bridge.models import WebhookEvent
from bridge.queries.inbound import uncounted_traffic
from bridge.queries.stuck import stuck
from bridge.sync.worker import Worker
from tests.intake.clinic import CONTACT_ID, Address, body, raw, signed_headers

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

Send = Callable[[Address], object]


def seen(address: Address) -> dict[str, int]:
    """Causes with the number of events, as screen B2 groups them."""
    picture = stuck([address.connection])
    return {group.cause: group.events for group in [*picture.failures, *picture.not_sent]}


def counted(address: Address) -> dict[str, int]:
    """What left no event, as screen B3 tells it."""
    return {line.reason: line.count for line in uncounted_traffic([address.connection.pk], now=timezone.now())}


@pytest.mark.parametrize(
    ("send", "cause"),
    [
        (lambda a: a.deliver(b"{not json"), "UNREADABLE"),
        (lambda a: a.deliver(body("contact_created", id="4182")), "UNREADABLE"),
        (lambda a: a.deliver(body(event="message_pinned")), "UNKNOWN_TYPE"),
        (lambda a: a.deliver(body(account={"id": 4, "name": "Outra"})), "WRONG_ACCOUNT"),
        (lambda a: a.deliver(raw("message_created"), secret="of somebody else"), "SIGNATURE"),
        (lambda a: a.post(raw("macro.executed"), {}), "SIGNATURE"),
        (lambda a: a.hint(b"", **{"X-Bridge-Token": "of somebody else"}), "SIGNATURE"),
    ],
    ids=["no json", "wrong type", "unknown event", "unknown account", "wrong signature", "no signature", "wrong token"],
)
def test_it_is_grouped_by_cause_on_the_screen_of_failures(address: Address, send: Send, cause: str) -> None:
    assert seen(address) == {}
    send(address)
    assert seen(address) == {cause: 1}


@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (lambda a: a.deliver(b"x" * (4 * 1024 * 1024 + 1)), "body too large"),
        (lambda a: a.deliver(body(conversation={"inbox_id": 8})), "foreign"),
        (lambda a: a.deliver(raw("conversation_typing_on")), "ignored"),
        (lambda a: a.hint(b"event=lead.update.after"), "hint_unknown"),
    ],
    ids=["oversized", "foreign inbox", "ignored type", "no own key"],
)
def test_it_is_counted_on_the_screen_of_received_events(address: Address, send: Send, reason: str) -> None:
    send(address)
    assert counted(address) == {reason: 1}
    assert not WebhookEvent.objects.exists()


def test_an_old_call_is_worked_and_marked_as_late(address: Address) -> None:
    address.set(state="shadow")
    address.deliver(raw("message_created"), timestamp="1600000000")
    Worker().run_until_idle()
    event = WebhookEvent.objects.get()
    assert (event.status, event.verification) == ("observed", "late")


def test_a_body_whose_inside_is_not_as_documented_is_parked_and_its_neighbours_are_worked(address: Address) -> None:
    address.set(state="shadow")
    strange = body()
    strange["conversation"]["status"] = "on fire"
    address.deliver(strange)
    address.deliver(raw("message_created"))
    assert set(WebhookEvent.objects.values_list("lane_key", flat=True)) == {f"c:{CONTACT_ID}"}
    Worker().run_until_idle()
    assert seen(address) == {"UNREADABLE": 1}
    assert list(WebhookEvent.objects.order_by("id").values_list("status", flat=True)) == ["parked", "observed"]


def test_a_contact_without_identifiers_is_kept_and_shown_as_not_sent(address: Address) -> None:
    address.set(state="shadow")
    address.deliver(body("contact_created", email=None, phone_number=None, identifier=None))
    Worker().run_until_idle()
    groups = stuck([address.connection]).not_sent
    assert [(group.cause, group.people) for group in groups] == [("NO_IDENTIFIER", 1)]


def test_after_bad_input_of_every_kind_good_input_still_works(address: Address) -> None:
    content = raw("message_created")
    for data, headers in (
        (b"{", signed_headers(b"{")),
        (content, {}),
        (content, signed_headers(content, secret="other")),
        (content[:-1], signed_headers(content)),
    ):
        address.post(data, headers)
    assert address.deliver(content).status_code == 202
    assert address.dirty() == {f"c:{CONTACT_ID}": 1}
