"""Tokens, the fixed window of 60 calls, and which failures carry the limiter's headers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge.sandbox.krayin import ADMIN, BRIDGE, SandboxKrayin

from .conftest import MakeCrm
from .wire import Api, Clock


def credentials(**more: str) -> dict[str, str]:
    return {"email": BRIDGE.email, "password": BRIDGE.password, "device_name": "bridge", **more}


def test_a_login_revokes_the_earlier_token_of_that_user_only(crm: SandboxKrayin) -> None:
    bridge, admin = Api(crm.url), Api(crm.url, crm.issue_token(ADMIN))
    first = bridge.ok("POST", "/login", credentials())["token"]
    second = bridge.ok("POST", "/login", credentials())["token"]
    bridge.use(first)
    assert bridge.call("GET", "/get").status == 500
    bridge.use(second)
    assert bridge.ok("GET", "/get")["data"]["email"] == BRIDGE.email
    assert admin.ok("GET", "/get")["data"]["email"] == ADMIN.email


def test_a_wrong_password_revokes_nothing(crm: SandboxKrayin, api: Api) -> None:
    assert Api(crm.url).call("POST", "/login", credentials(password="wrong")).status == 422
    assert api.call("GET", "/get").status == 200


def test_logout_ends_the_token(api: Api) -> None:
    api.ok("DELETE", "/logout")
    assert api.call("GET", "/get").status == 500


def test_the_window_opens_with_the_first_call_and_ends_all_at_once(make_crm: MakeCrm, clock: Clock) -> None:
    crm = make_crm(rate_limit=60)
    api = Api(crm.url, crm.issue_token())
    remaining = [api.call("GET", "/get").headers["X-RateLimit-Remaining"] for _ in range(60)]
    assert (remaining[0], remaining[-1]) == ("59", "0")
    clock.forward(59)
    refused = api.call("GET", "/get")
    assert (refused.status, refused.limited, "Retry-After" in refused.headers) == (500, False, False)
    clock.forward(1)
    assert api.call("GET", "/get").headers["X-RateLimit-Remaining"] == "59"


def test_only_calls_that_pass_token_and_route_are_counted(make_crm: MakeCrm) -> None:
    crm = make_crm(rate_limit=60)
    api = Api(crm.url, crm.issue_token())
    api.call("PATCH", "/leads/1")
    api.call("GET", "/nowhere")
    Api(crm.url, "1|wrong").call("GET", "/leads")
    api.call("GET", "/leads/999")
    assert api.call("GET", "/get").headers["X-RateLimit-Remaining"] == "58"
    assert crm.state()["calls"]["refused"] == {"method": 1, "route": 1, "token": 1}


def test_users_do_not_share_a_window_and_logins_count_by_address(make_crm: MakeCrm) -> None:
    crm = make_crm(rate_limit=2)
    bridge, admin = Api(crm.url, crm.issue_token()), Api(crm.url, crm.issue_token(ADMIN))
    assert [bridge.call("GET", "/get").status for _ in range(3)] == [200, 200, 500]
    assert admin.call("GET", "/get").status == 200
    logins = [admin.call("POST", "/login", credentials(password="wrong")).status for _ in range(3)]
    assert logins == [422, 422, 500]


def test_parallel_calls_are_counted_exactly(make_crm: MakeCrm) -> None:
    crm = make_crm(rate_limit=20)
    token = crm.issue_token()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: Api(crm.url, token).call("GET", "/get").status, range(30)))
    assert (statuses.count(200), statuses.count(500)) == (20, 10)
    assert crm.state()["calls"]["max_in_window"] == 20


def test_a_lifted_limit_still_sends_its_headers(api: Api) -> None:
    assert [api.call("GET", "/get").status for _ in range(70)] == [200] * 70
    assert api.call("GET", "/leads/999").limited


def test_the_smaller_remainder_is_shown_when_persons_are_deleted(make_crm: MakeCrm, clock: Clock) -> None:
    crm = make_crm(rate_limit=60)
    api = Api(crm.url, crm.issue_token())
    assert api.call("DELETE", "/contacts/persons/9").headers["X-RateLimit-Limit"] == "60"
    for _ in range(58):
        api.call("DELETE", "/contacts/persons/9")
    clock.forward(61)
    last = api.call("DELETE", "/contacts/persons/9")
    assert (last.headers["X-RateLimit-Limit"], last.headers["X-RateLimit-Remaining"]) == ("100", "40")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/contacts/persons/999", None),
        ("GET", "/leads?foo=1", None),
        ("GET", "/leads?title[]=x", None),
        ("GET", "/leads?limit=-1", None),
        ("GET", "/leads?sort=foo", None),
        ("GET", "/leads/99999999999999999999", None),
        ("GET", "/contacts/organizations/abc", None),
        ("POST", "/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person_id": 999}),
        ("POST", "/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {}}),
        ("POST", "/leads/1/tags", {"tag_id": 999}),
        ("POST", "/activities", {"type": "note", "comment": ["x"]}),
        ("PUT", "/contacts/persons/1", {"name": "x"}),
        ("POST", "/settings/users", {"name": "x", "email": "x@example.com.br", "role_id": 1}),
    ],
)
def test_a_500_of_the_application_carries_the_headers(api: Api, method: str, path: str, body: Any) -> None:
    answer = api.call(method, path, body)
    assert (answer.status, answer.limited) == (500, True)


def test_malformed_json_is_a_500_with_headers(api: Api, crm: SandboxKrayin) -> None:
    got = api.session.post(
        f"{crm.url}/api/v1/leads", data=b"{broken", headers={"Content-Type": "application/json"}, timeout=5
    )
    assert (got.status_code, "X-RateLimit-Limit" in got.headers) == (500, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/leads/1"), ("POST", "/leads/search"), ("DELETE", "/leads"), ("GET", "/leads/abc")],
)
def test_a_wrong_method_is_a_500_without_headers_and_a_405_while_debugging(
    make_crm: MakeCrm, method: str, path: str
) -> None:
    for debug, status in ((False, 500), (True, 405)):
        crm = make_crm(debug=debug)
        answer = Api(crm.url, crm.issue_token()).call(method, path, {})
        assert (answer.status, answer.limited) == (status, False)


def test_an_unknown_route_is_a_404_without_headers(api: Api) -> None:
    answer = api.call("GET", "/nowhere")
    assert (answer.status, answer.limited) == (404, False)


@pytest.mark.parametrize("accept", [None, "*/*", "text/html"])
def test_without_accept_a_failure_is_a_page_with_status_200(api: Api, accept: str | None) -> None:
    failed = api.call("GET", "/leads/999", headers={"Accept": accept})
    assert (failed.status, failed.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    invalid = api.call("POST", "/contacts/persons", {"emails": [], "contact_numbers": []}, headers={"Accept": accept})
    assert (invalid.status, invalid.headers["Location"]) == (302, api.url)
    assert api.call("GET", "/leads", headers={"Accept": accept}).data == []


def test_an_ajax_call_gets_json_although_it_accepts_anything(api: Api) -> None:
    headers = {"Accept": "*/*", "X-Requested-With": "XMLHttpRequest"}
    assert api.call("GET", "/leads/999", headers=headers).status == 404


def test_while_debugging_a_page_carries_the_true_status_but_a_bad_token_ends_as_500(make_crm: MakeCrm) -> None:
    crm = make_crm(debug=True)
    api = Api(crm.url, crm.issue_token())
    assert api.call("GET", "/leads/999", headers={"Accept": "*/*"}).status == 404
    assert Api(crm.url, "x").call("GET", "/leads", headers={"Accept": "*/*"}).status == 500


def test_a_user_who_may_not_see_everything_cannot_search(api: Api) -> None:
    body = {"name": BRIDGE.name, "email": BRIDGE.email, "role_id": 1, "view_permission": "individual"}
    api.ok("PUT", "/settings/users/2", body)
    assert api.call("GET", "/leads/search?search=x&searchFields=title:like").status == 500
    assert api.call("GET", "/leads").status == 200
