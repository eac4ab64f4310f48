"""Every error is application/problem+json, in the caller's language, and no input makes it anything else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client

from api.conftest import Program
from bridge.api.problems import answer
from bridge.models import Connection, Wish

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LIST = "/api/v1/connections"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert set(body) >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/api/v1/docs#{code}"
    assert body["request_id"]
    return body


def errors(response: Any) -> dict[str, str]:
    return {line["field"]: line["message"] for line in assert_problem(response, 400, "invalid")["errors"]}


@pytest.mark.parametrize("address", ["/api/", "/api/v1", "/api/v2/", "/api/v1/nothing", "/api/v1/connections/",
                                     "/api/v1/connections/x", "/api/v1/connections/-1", "/api/v1/jobs/" + "9" * 19,
                                     "/api/v1/%00", "/api/v1/connections/1/leads/1/stage/x"])  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch", "options"])
def test_an_address_that_does_not_exist_is_a_problem_too(address: str, method: str) -> None:
    assert_problem(getattr(Client(), method)(address), 404, "not_found")


def test_texts_are_portuguese_unless_english_is_asked_for(ours: Program) -> None:
    told = {
        language: assert_problem(ours.get(f"{LIST}/999", headers={"Accept-Language": language}), 404, "not_found")[
            "title"
        ]
        for language in ("", "pt-BR", "pt", "fr;q=0.9, *;q=0.1", "en", "en-US,en;q=0.9")
    }
    assert told == {"": "Não encontrado", "pt-BR": "Não encontrado", "pt": "Não encontrado",
                    "fr;q=0.9, *;q=0.1": "Não encontrado", "en": "Not found", "en-US,en;q=0.9": "Not found"}  # fmt: skip
    response = ours.get(f"{LIST}/999", headers={"Accept-Language": "en"})
    assert response["Content-Language"] == "en"
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_taken_names_those_that_are(ours: Program, method: str) -> None:
    response = ours.ask(method, LIST)
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_answers_are_json_only(ours: Program) -> None:
    assert_problem(ours.get(LIST, headers={"Accept": "text/html"}), 406, "not_acceptable")
    assert ours.get(LIST, headers={"Accept": "text/html, */*;q=0.8"}).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""])
def test_bodies_are_json_only(sol: Connection, ours: Program, kind: str) -> None:
    response = ours.ask("POST", f"{LIST}/{sol.pk}/leads/71/stage", data=b"stage_id=1", content_type=kind)
    assert_problem(response, 415, "unsupported_media_type")


BROKEN = [
    b"{", b"", b"\xff\xfe", b'{"stage_id": 1', b"[" * 60_000, b'{"a":' * 12_000, b"1" * 5_000, b"\x00", b"{'a': 1}",
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=[repr(body[:8]) for body in BROKEN])
def test_a_body_that_is_no_json_is_malformed(sol: Connection, ours: Program, body: bytes) -> None:
    response = ours.ask(
        "POST", f"{LIST}/{sol.pk}/leads/71/stage", data=body, content_type="application/json; charset=zlib"
    )
    assert response.status_code == 400
    assert response.json()["code"] in {"malformed", "invalid"}
    assert Wish.objects.count() == 0


@pytest.mark.parametrize(
    "body", ["[]", "1", '"x"', "null", "{}", '{"stage_id": null}', '{"stage_id": "um"}', '{"stage_id": true}',
             '{"stage_id": 1e999}', '{"stage_id": 9223372036854775808}', '{"stage_id": -1}', '{"stage_id": [1]}',
             '{"stage_id": 1.5}', '{"\\ud800": 1}', '{"stage_id": "\\ud800"}', '{"stage_id": 2, "seen_stage_id": "x"}']
)  # fmt: skip
def test_a_body_with_unusable_values_says_which(sol: Connection, ours: Program, body: str) -> None:
    address = f"{LIST}/{sol.pk}/leads/71/stage"
    told = errors(ours.ask("POST", address, data=body, content_type="application/json"))
    assert set(told) <= {"body", "stage_id", "seen_stage_id"}
    assert Wish.objects.count() == 0


def test_a_body_above_the_limit_is_not_read(sol: Connection, ours: Program) -> None:
    response = ours.ask("POST", f"{LIST}/{sol.pk}/leads/71/stage", data=b" " * 70_000, content_type="application/json")
    assert_problem(response, 413, "too_large")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("limit=1.0", "limit"),
        ("limit=9999999999999999999999", "limit"), ("lead_id=٣", "lead_id"), ("lead_id=9223372036854775808", "lead_id"),
        ("result=x", "result"), ("result=%00", "result"), ("cursor=x", "cursor"), ("cursor=%F0%9F", "cursor"),
        ("cursor=bnVsbA", "cursor"), ("cursor=W251bGwsIDFd", "cursor"), ("cursor=WzEsIDFd", "cursor"),
        ("cursor=WyIyMDI2LTAxLTAxIiwgMV0", "cursor"), ("nothing=1", "?"), ("limit=1&limit=2", "limit"),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_used_names_what(sol: Connection, ours: Program, query: str, field: str) -> None:
    assert list(errors(ours.get(f"{LIST}/{sol.pk}/stage-changes?{query}"))) == [field]


@pytest.mark.parametrize(
    "moment", ["2026-11-21", "2026-11-21T10:00:00", "x", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_times_need_their_distance_from_utc(sol: Connection, ours: Program, moment: str) -> None:
    assert list(errors(ours.get(f"{LIST}/{sol.pk}/events", {"since": moment}))) == ["since"]


def test_an_error_of_ours_tells_nothing_but_its_number(ours: Program) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("ALTER TABLE api_keys RENAME COLUMN client TO away")
    client = Client(raise_request_exception=False)
    response = client.get(LIST, headers={"Authorization": f"Bearer {ours.token}"})
    body = assert_problem(response, 500, "internal")
    assert "client" not in body["detail"]
    assert "column" not in str(body)


def test_a_database_that_is_away_is_unavailable_and_not_broken() -> None:
    response = answer(OperationalError("connection failed: maria@exemplo.com.br"), {})
    assert (response.status_code, response.data["code"], response["Retry-After"]) == (503, "unavailable", "5")
    assert "maria" not in str(response.data)


@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/openapi.json", "/api/v1/openapi.yaml", "/api/v1/docs"])
def test_the_description_is_open_to_everybody(address: str, django_assert_num_queries: Callable[..., Any]) -> None:
    with django_assert_num_queries(0):
        assert Client().get(address).status_code == 200


@pytest.mark.parametrize("address", ["/api/v1/openapi.json", "/api/v1/openapi.yaml", "/api/v1/docs"])
def test_documents_are_given_whatever_type_is_asked_for(address: str) -> None:
    for accepted in ("text/html", "application/yaml", "application/json", "image/png"):
        assert Client().get(address, headers={"Accept": accepted}).status_code == 200
    assert_problem(Client().post(address), 405, "method_not_allowed")
