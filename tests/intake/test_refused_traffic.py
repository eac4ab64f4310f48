"""Refused calls are counted per address; valid ones are never limited, wherever they come from."""

import pytest

from bridge.models import Connection
from config.addresses import address_of
from config.limits import ADDRESSES, LIMIT, WINDOW_S, InvalidTraffic
from tests.intake.clinic import Address, raw, signed_headers

PUBLIC = "9.9.9.9"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def refused_times(traffic: InvalidTraffic, address: str, times: int) -> list[float | None]:
    return [traffic.refused(address) for _ in range(times)]


def test_the_hundred_and_first_refused_call_of_a_minute_has_to_wait() -> None:
    clock = Clock()
    traffic = InvalidTraffic(clock)
    assert refused_times(traffic, "a", LIMIT) == [None] * 100
    clock.now += 20
    assert traffic.refused("a") == WINDOW_S - 20
    assert traffic.refused("b") is None


def test_after_the_minute_an_address_starts_anew() -> None:
    clock = Clock()
    traffic = InvalidTraffic(clock)
    refused_times(traffic, "a", LIMIT + 1)
    clock.now += WINDOW_S
    assert refused_times(traffic, "a", LIMIT) == [None] * LIMIT


def test_only_so_many_addresses_are_remembered() -> None:
    traffic = InvalidTraffic(Clock())
    refused_times(traffic, "first", LIMIT + 1)
    for number in range(ADDRESSES):
        traffic.refused(str(number))
    assert traffic.refused("first") is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (PUBLIC, "", PUBLIC),
        (PUBLIC, "8.8.4.4", PUBLIC),  # a public peer's word about others is not taken
        ("127.0.0.1", "8.8.4.4", "8.8.4.4"),
        ("10.0.3.7", "1.1.1.1, 8.8.4.4", "8.8.4.4"),
        ("172.18.0.2", "8.8.4.4,2001:4860:4860::8888", "2001:4860:4860::8888"),
        ("", "8.8.4.4", "8.8.4.4"),  # a unix socket
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.1", "8.8.4.4, ", "127.0.0.1"),
        ("not an address", "", "not an address"),
    ],
)
def test_the_address_is_the_peer_or_what_our_own_proxy_says(peer: str, forwarded: str, address: str) -> None:
    assert address_of({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == address


@pytest.mark.django_db(transaction=True, databases="__all__")
class TestAtTheAddresses:
    def exhaust(self, address: Address, **meta: str) -> list[int]:
        return [address.post(b"{}", {}, **meta).status_code for _ in range(LIMIT)]

    def test_refused_calls_are_answered_429_with_a_time_to_wait(self, address: Address) -> None:
        assert set(self.exhaust(address, REMOTE_ADDR=PUBLIC)) == {401}
        response = address.post(b"{}", {}, REMOTE_ADDR=PUBLIC)
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert address.counted() == {"signature missing": LIMIT}  # no more writes for an address that floods us

    def test_valid_calls_from_that_address_are_still_accepted(self, address: Address) -> None:
        self.exhaust(address, REMOTE_ADDR=PUBLIC)
        content = raw("message_created")
        assert address.post(content, signed_headers(content), REMOTE_ADDR=PUBLIC).status_code == 202

    def test_another_address_behind_the_same_proxy_is_told_what_is_wrong(self, address: Address) -> None:
        self.exhaust(address, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=PUBLIC)
        statuses = [
            address.post(b"{}", {}, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=place).status_code
            for place in (PUBLIC, "8.8.4.4")
        ]
        assert statuses == [429, 401]

    def test_every_kind_of_refusal_counts_together(self, address: Address) -> None:
        self.exhaust(address, REMOTE_ADDR=PUBLIC)
        unknown = address.http.post("/webhooks/krayin/unknown/", REMOTE_ADDR=PUBLIC)
        assert unknown.status_code == 429

    def test_a_connection_that_is_off_says_so_however_often(self, address: Address) -> None:
        address.set(state=Connection.State.OFF)
        assert set(self.exhaust(address, REMOTE_ADDR=PUBLIC)) == {410}
        assert address.post(b"{}", {}, REMOTE_ADDR=PUBLIC).status_code == 410
        assert address.counted() == {"connection off": LIMIT + 1}
