"""What a failed answer of Krayin means (Krayin contract sections 2, 20.3, 20.10), on the recorded answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests

from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import LeadDraft
from bridge.errors import (
    CredentialsRefused,
    EffectUnknown,
    Paced,
    PartnerError,
    PartnerGone,
    PartnerMisconfigured,
    PartnerRejected,
    PartnerUnavailable,
    RefusedBeforeController,
)
from tests.clients.wire import KRAYIN_SITE, CallLog, FreePace, MemoryTokens, Wire, krayin_sample

API = f"{KRAYIN_SITE}/api/v1"
LEAD = LeadDraft(title="Implante", stage_id=7)
GENERIC = {"message": "admin::app.common.internal-server-error"}
COUNTED = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "41"}

WITH_HEADERS = sorted({
    "run2_500_controller_additional_object",
    "run2_500_controller_fk_source",
    "run2_500_controller_note_unknown_lead",
    "run2_500_controller_unknown_column",
    "run2_500_controller_unknown_person",
    "run2_500_controller_validation_crash",
    "run2_rate_limit_person_delete_101",
    "run2_delete_person_again_500",
    "contacts_person_delete_conflict_500",
    "leads_create_unknown_source_500",
    "run2_leads_create_half_written_500",
})  # fmt: skip
REFUSED = sorted({
    "auth_unauthenticated_production",
    "rate_limited_production",
    "run2_500_auth_bad_token",
    "run2_500_auth_no_token",
    "run2_500_auth_revoked_token",
    "run2_500_body_too_large",
    "run2_500_database_down",
    "run2_500_wrong_method",
    "run2_500_wrong_path_parameter",
    "run2_rate_limit_over_get",
    "run2_rate_limit_over_post",
})  # fmt: skip


def read(krayin: KrayinClient) -> object:
    return krayin.leads_by_ids([1])


def write(krayin: KrayinClient) -> object:
    return krayin.lead_create(LEAD)


def answer_read(wire: Wire, sample: str) -> None:
    wire.answers_like(sample, method="GET", path="/api/v1/leads")


def answer_write(wire: Wire, sample: str) -> None:
    wire.answers_like(sample, method="POST", path="/api/v1/leads")


@pytest.mark.parametrize("sample", WITH_HEADERS)
def test_a_500_with_headers_leaves_a_write_unknown_but_finished(krayin: KrayinClient, wire: Wire, sample: str) -> None:
    answer_write(wire, sample)

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)

    assert caught.value.finished
    assert caught.value.status == 500
    assert len(wire.sent) == 1


@pytest.mark.parametrize("sample", WITH_HEADERS)
def test_a_500_with_headers_makes_a_read_unavailable(krayin: KrayinClient, wire: Wire, sample: str) -> None:
    answer_read(wire, sample)

    with pytest.raises(PartnerUnavailable) as caught:
        read(krayin)

    assert caught.value.endpoint == "GET /leads"
    assert len(wire.sent) == 1


@pytest.mark.parametrize("sample", REFUSED)
def test_a_refusal_is_followed_by_a_login_and_the_same_call_once_more(
    krayin: KrayinClient, wire: Wire, tokens: MemoryTokens, sample: str
) -> None:
    answer_write(wire, sample)
    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("auth_login_ok")
    answer_write(wire, "leads_create_minimal")

    write(krayin)

    assert wire.sent == ["POST /api/v1/leads", "GET /api/v1/get", "POST /api/v1/login", "POST /api/v1/leads"]
    assert tokens.current() == krayin_sample("auth_login_ok")["response"]["body"]["token"]
    assert wire.bearers()[3] == f"Bearer {tokens.current()}"


@pytest.mark.parametrize("sample", REFUSED)
def test_a_refusal_that_a_new_token_does_not_end_was_not_executed(
    krayin: KrayinClient, wire: Wire, pace: FreePace, sample: str
) -> None:
    answer_write(wire, sample)
    wire.answers_like("run2_500_auth_revoked_token")
    wire.answers_like("auth_login_ok")
    answer_write(wire, sample)

    with pytest.raises(RefusedBeforeController):
        write(krayin)

    assert wire.sent.count("POST /api/v1/leads") == 2
    assert pace.learnt[-1] == 0


@pytest.mark.parametrize("sample", REFUSED)
@pytest.mark.parametrize(
    ("call", "method", "error"), [(read, "GET", PartnerUnavailable), (write, "POST", EffectUnknown)]
)
def test_a_refusal_with_a_good_token_may_be_a_crash_inside_the_controller(
    krayin: KrayinClient,
    wire: Wire,
    sample: str,
    call: Callable[[KrayinClient], object],
    method: str,
    error: type[PartnerError],
) -> None:
    wire.answers_like(sample, method=method, path="/api/v1/leads")
    wire.answers_like("auth_account_get")

    with pytest.raises(error) as caught:
        call(krayin)

    assert caught.value.code == "refused-with-good-token"
    assert wire.sent == [f"{method} /api/v1/leads", "GET /api/v1/get"]


def test_a_refusal_followed_by_an_unclear_check_leaves_a_write_unknown(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "run2_500_auth_bad_token")
    wire.raises("GET", "/api/v1/get", requests.ReadTimeout())

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)

    assert not caught.value.finished


def test_a_database_that_is_down_makes_krayin_unavailable(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "run2_500_database_down")
    wire.answers_like("run2_500_database_down", path="/api/v1/get")
    # Login is limited but not authenticated, so this 500 does carry the headers (contract section 20.3).
    wire.answers("POST", f"{API}/login", GENERIC, status=500, **COUNTED)

    with pytest.raises(PartnerUnavailable) as caught:
        write(krayin)

    assert (caught.value.endpoint, caught.value.code) == ("POST /login", "login-failed")


def test_a_refusal_after_the_last_call_of_the_window_is_paced_without_another_call(
    krayin: KrayinClient, wire: Wire
) -> None:
    recorded = krayin_sample("leads_list")["response"]["body"]
    used_up = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"}
    wire.answers("GET", f"{API}/leads", recorded, **used_up)
    answer_write(wire, "run2_rate_limit_over_post")
    read(krayin)

    with pytest.raises(Paced) as caught:
        write(krayin)

    assert wire.sent == ["GET /api/v1/leads", "POST /api/v1/leads"]
    assert timedelta(seconds=55) < caught.value.until - datetime.now(UTC) <= timedelta(seconds=60)


def test_a_copy_at_another_priority_knows_the_same_window_and_asks_the_pace_accordingly(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    used_up = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"}
    wire.answers("GET", f"{API}/leads", krayin_sample("leads_list")["response"]["body"], **used_up)
    answer_write(wire, "run2_rate_limit_over_post")
    read(krayin.at(3))

    with pytest.raises(Paced):
        write(krayin)

    assert pace.asked == [3, 1]


@pytest.mark.parametrize(("call", "method"), [(read, "GET"), (write, "POST")])
@pytest.mark.parametrize(
    "sample", ["rate_limited_debug", "run2_rate_limit_over_get_debug", "run2_rate_limit_over_post_debug"]
)
def test_a_429_is_paced_for_as_long_as_it_says(
    krayin: KrayinClient, wire: Wire, sample: str, call: Callable[[KrayinClient], object], method: str
) -> None:
    wire.answers_like(sample, method=method, path="/api/v1/leads")
    wait = int(krayin_sample(sample)["response"]["headers"]["Retry-After"])

    with pytest.raises(Paced) as caught:
        call(krayin)

    left = caught.value.until - datetime.now(UTC)
    assert timedelta(seconds=wait - 5) < left <= timedelta(seconds=wait)


def test_the_hourly_limit_of_person_deletes_paces_for_an_hour_and_teaches_nothing(
    krayin: KrayinClient, wire: Wire, pace: FreePace
) -> None:
    wire.answers_like("run2_rate_limit_person_delete_101_debug")

    with pytest.raises(Paced) as caught:
        krayin.person_delete(99999)

    assert caught.value.until - datetime.now(UTC) > timedelta(minutes=59)
    assert pace.learnt == []


def test_a_401_of_a_debug_site_is_a_token_matter_at_once(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "auth_unauthenticated_debug")
    wire.answers_like("auth_login_ok")
    answer_write(wire, "leads_create_minimal")

    write(krayin)

    assert wire.sent == ["POST /api/v1/leads", "POST /api/v1/login", "POST /api/v1/leads"]


def test_a_401_to_a_new_token_is_for_the_operator(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "auth_unauthenticated_debug")
    wire.answers_like("auth_login_ok")
    answer_write(wire, "auth_unauthenticated_debug")

    with pytest.raises(CredentialsRefused):
        write(krayin)


@pytest.mark.parametrize(
    ("sample", "finished"), [("run2_no_accept_bad_token", False), ("run2_no_accept_controller_error", True)]
)
def test_a_200_with_html_is_a_failure(krayin: KrayinClient, wire: Wire, sample: str, finished: bool) -> None:
    answer_write(wire, sample)
    answer_read(wire, sample)

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)
    with pytest.raises(PartnerUnavailable):
        read(krayin)

    assert (caught.value.code, caught.value.finished) == ("not-json", finished)


def test_maintenance_leaves_a_write_unknown_and_a_read_unavailable(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "run2_503_maintenance")
    answer_read(wire, "run2_503_maintenance")

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)
    with pytest.raises(PartnerUnavailable):
        read(krayin)

    assert not caught.value.finished


@pytest.mark.parametrize("status", [500, 502, 504, 520])
def test_an_html_error_of_a_proxy_leaves_a_write_unknown(krayin: KrayinClient, wire: Wire, status: int) -> None:
    wire.adds("POST", f"{API}/leads", body="<html>", status=status, content_type="text/html")

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)

    assert (caught.value.status, caught.value.finished) == (status, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"data": null}', b'{"data": {"id": "x"}}', b'{"data": {"id"', b"\xff", b'{"data":' * 100_000],
)
def test_a_success_that_cannot_be_read_is_unknown(krayin: KrayinClient, wire: Wire, body: bytes) -> None:
    wire.adds("POST", f"{API}/leads", body=body, content_type="application/json", headers=COUNTED)
    wire.adds("GET", f"{API}/leads", body=body, content_type="application/json", headers=COUNTED)

    with pytest.raises(EffectUnknown) as caught:
        write(krayin)
    with pytest.raises(PartnerUnavailable):
        read(krayin)

    assert caught.value.finished
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_404_without_headers_is_a_wrong_address(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers("GET", f"{API}/leads", {"message": "not found"}, status=404)

    with pytest.raises(PartnerMisconfigured) as caught:
        read(krayin)

    assert caught.value.code == "unknown-route"


def test_a_404_with_headers_is_a_missing_record(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "leads_show_not_found")

    with pytest.raises(PartnerGone):
        write(krayin)


def test_a_redirect_is_not_followed(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "activities_create_meeting_overlap_redirect")

    with pytest.raises(PartnerMisconfigured) as caught:
        write(krayin)

    assert caught.value.code == "redirected"
    assert len(wire.sent) == 1


def test_a_400_is_a_rejection_without_fields(krayin: KrayinClient, wire: Wire) -> None:
    answer_write(wire, "activities_create_meeting_overlap_400")

    with pytest.raises(PartnerRejected) as caught:
        write(krayin)

    assert caught.value.fields == frozenset()


@pytest.mark.parametrize("body", [{"message": "x"}, {"errors": []}, [], {"errors": {"maria@example.com": ["x"]}}])
def test_a_422_that_cannot_be_read_is_still_a_rejection(krayin: KrayinClient, wire: Wire, body: object) -> None:
    wire.answers("POST", f"{API}/leads", body, status=422, **COUNTED)

    with pytest.raises(PartnerRejected) as caught:
        write(krayin)

    assert "maria" not in str(caught.value)
    assert caught.value.taken_keys == frozenset()


def test_every_call_asks_for_json_twice_over(krayin: KrayinClient, wire: Wire) -> None:
    answer_read(wire, "leads_list")

    read(krayin)

    headers = wire.requests[0].headers
    assert headers["Accept"] == "application/json"
    assert headers["X-Requested-With"] == "XMLHttpRequest"
    assert headers["User-Agent"].startswith("Ponte/")
    assert "Origin" not in headers
    assert "Referer" not in headers


def test_every_exchange_is_recorded_by_template_and_taught_to_the_pace(
    krayin: KrayinClient, wire: Wire, pace: FreePace, log: CallLog
) -> None:
    wire.answers_like("run2_notes_update_comment_only")

    krayin.note_update(337, "Oi")

    record = log.records[0]
    assert (record.partner, record.method, record.endpoint) == ("krayin", "PUT", "/activities/{id}")
    assert (record.status, record.remaining) == (200, 57)
    assert record.seconds >= 0
    assert pace.learnt == [57]


def test_a_pace_that_says_later_keeps_the_call_from_being_sent(tokens: MemoryTokens, wire: Wire, log: CallLog) -> None:
    class Later(FreePace):
        def acquire(self, priority: int) -> None:
            raise Paced(datetime(2026, 11, 20, tzinfo=UTC))

    krayin = KrayinClient(KRAYIN_SITE, session=requests.Session(), tokens=tokens, pace=Later(), on_call=log)

    with pytest.raises(Paced):
        read(krayin)

    assert (wire.sent, log.records) == ([], [])
