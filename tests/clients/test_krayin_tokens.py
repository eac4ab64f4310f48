"""Logging in to Krayin: rarely, once for everybody (Krayin contract section 1)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import responses

from bridge.clients.base import build_session
from bridge.clients.krayin import KrayinClient
from bridge.errors import CredentialsRefused, Paced, PartnerError, PartnerMisconfigured, PartnerUnavailable
from tests.clients.wire import KRAYIN_SITE, CallLog, FreePace, MemoryTokens, Wire, krayin_sample

API = f"{KRAYIN_SITE}/api/v1"
NEW_TOKEN = krayin_sample("auth_login_ok")["response"]["body"]["token"]


def client(tokens: MemoryTokens, log: CallLog | None = None) -> KrayinClient:
    return KrayinClient(KRAYIN_SITE, session=build_session(), tokens=tokens, pace=FreePace(), on_call=log or CallLog())


def test_a_login_sends_device_name_and_returns_the_token(krayin: KrayinClient, wire: Wire, pace: FreePace) -> None:
    wire.answers_like("auth_login_ok")

    assert krayin.login("bridge@clinicasorriso.example.com.br", "senha-forte-123") == NEW_TOKEN
    assert wire.body == {
        "email": "bridge@clinicasorriso.example.com.br",
        "password": "senha-forte-123",
        "device_name": "ponte",
    }
    assert wire.bearers() == [None]
    assert pace.learnt == []


def test_the_first_call_logs_in_when_there_is_no_token_yet(wire: Wire) -> None:
    tokens = MemoryTokens(token=None)
    wire.answers_like("auth_login_ok")
    wire.answers_like("auth_account_get")

    client(tokens).who_am_i()

    assert tokens.current() == NEW_TOKEN
    assert wire.bearers()[1] == f"Bearer {NEW_TOKEN}"


def test_a_token_another_process_renewed_is_used_without_logging_in(wire: Wire, tokens: MemoryTokens) -> None:
    class RenewedMeanwhile(MemoryTokens):
        asked = 0

        def current(self) -> str | None:
            self.asked += 1
            return "1|first" if self.asked == 1 else "2|second"

    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("auth_account_get")

    client(RenewedMeanwhile()).who_am_i()

    assert wire.sent == ["GET /api/v1/get"] * 2
    assert wire.bearers() == ["Bearer 1|first", "Bearer 2|second"]


@pytest.mark.parametrize("sample", ["auth_login_bad_credentials", "auth_login_missing_device_name"])
def test_a_wrong_password_is_for_the_operator_and_keeps_the_token(wire: Wire, sample: str) -> None:
    tokens = MemoryTokens(token=None)
    wire.answers_like(sample)

    with pytest.raises(CredentialsRefused) as caught:
        client(tokens).who_am_i()

    assert caught.value.endpoint == "POST /login"
    assert tokens.current() is None


def test_a_dead_token_without_a_kept_password_is_for_the_operator(wire: Wire) -> None:
    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("run2_500_auth_revoked_token")

    with pytest.raises(CredentialsRefused) as caught:
        client(MemoryTokens(credentials=None)).who_am_i()

    assert caught.value.code == "no-password-kept"
    assert wire.sent == ["GET /api/v1/get"] * 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 500, "json": {"message": "x"}}, Paced),
        ({"status": 200, "body": "<html>", "content_type": "text/html"}, PartnerUnavailable),
        ({"status": 200, "json": {"data": {}}}, PartnerUnavailable),
        ({"status": 502, "body": ""}, PartnerUnavailable),
        ({"status": 404, "json": {"message": "x"}}, PartnerMisconfigured),
        ({"body": requests.ReadTimeout()}, PartnerUnavailable),
    ],
)
def test_a_login_that_fails_otherwise_may_simply_be_done_again(
    wire: Wire, answer: dict, error: type[PartnerError]
) -> None:
    wire.adds("POST", f"{API}/login", **answer)

    with pytest.raises(error):
        client(MemoryTokens(token=None)).who_am_i()


def test_eight_threads_with_a_revoked_token_log_in_once(tokens: MemoryTokens) -> None:
    logins, together = [], threading.Barrier(8)
    get_ok = krayin_sample("auth_account_get")["response"]["body"]

    def answer_get(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if request.headers["Authorization"] == f"Bearer {NEW_TOKEN}":
            return 200, {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "40"}, json.dumps(get_ok)
        return 500, {}, '{"message": "admin::app.common.internal-server-error"}'

    def answer_login(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        logins.append(threading.get_ident())
        return 200, {}, json.dumps({"token": NEW_TOKEN})

    def ask() -> int:
        krayin = client(tokens)
        together.wait()
        return krayin.who_am_i().id

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock, ThreadPoolExecutor(8) as threads:
        mock.add_callback("GET", f"{API}/get", answer_get, content_type="application/json")
        mock.add_callback("POST", f"{API}/login", answer_login, content_type="application/json")
        answers = [future.result() for future in [threads.submit(ask) for _ in range(8)]]

    assert answers == [2] * 8
    assert len(logins) == 1


def test_a_token_never_shows_in_an_error(wire: Wire) -> None:
    wire.answers_like("run2_500_controller_unknown_column", path="/api/v1/get")

    with pytest.raises(PartnerUnavailable) as caught:
        client(MemoryTokens(token="9|secret-token")).who_am_i()

    assert "secret" not in f"{caught.value!s} {caught.value!r} {vars(caught.value)}"


def test_the_store_decides_whether_a_login_is_needed(wire: Wire) -> None:
    class Elsewhere(MemoryTokens):
        def renew(self, old: str | None, login: Callable[[], str]) -> str:
            return "7|made-elsewhere"

    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("auth_account_get")

    client(Elsewhere()).who_am_i()

    assert wire.bearers()[-1] == "Bearer 7|made-elsewhere"
    assert "POST /api/v1/login" not in wire.sent
