"""The description is fresh, complete and true: whatever is sent, the answers are as it says and never an error of ours."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import URLPattern
from factories import busy_clinic
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from api.conftest import Program
from bridge.api import urls
from bridge.api.description import FILE, description
from bridge.api.limits import counters
from bridge.models import Connection, SyncJob

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

SECRET_WORDS = ("secret", "password", "token", "public_id")


# The file and the page ------------------------------------------------------------------------------------------------


def test_the_committed_file_is_fresh() -> None:
    told = StringIO()
    call_command("openapi", "--check", stdout=told)
    assert "up to date" in told.getvalue()


def test_a_file_that_is_not_fresh_is_noticed(settings: Any, tmp_path: Any) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match="out of date"):
        call_command("openapi", "--check", stdout=StringIO())
    (tmp_path / FILE).parent.mkdir()
    call_command("openapi", stdout=StringIO())
    call_command("openapi", "--check", stdout=StringIO())
    assert (tmp_path / FILE).read_text() == (django_settings.BASE_DIR / FILE).read_text()


def test_every_address_is_described() -> None:
    own = {one.name for one in urls.urlpatterns if isinstance(one, URLPattern) and one.name}
    without = {"api-docs", "api-openapi-yaml", "api-openapi-json"}
    assert len(description("en")["paths"]) == len(own - without)


def test_the_description_speaks_both_languages() -> None:
    client = Client()
    portuguese = client.get("/api/v1/openapi.json").json()
    english = client.get("/api/v1/openapi.json", headers={"Accept-Language": "en"}).json()
    assert portuguese["paths"]["/api/v1/connections"]["get"]["summary"] == "Conexões da clínica"
    assert english["paths"]["/api/v1/connections"]["get"]["summary"] == "Connections of the clinic"
    assert portuguese["paths"].keys() == english["paths"].keys()


def test_no_schema_has_a_place_for_a_secret() -> None:
    for name, schema in description("en")["components"]["schemas"].items():
        for member in schema.get("properties", {}):
            assert not any(word in member for word in SECRET_WORDS), (name, member)


class Page(HTMLParser):
    """What a page refers to, and which of its parts need a script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts = 0
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += [told[name] or "" for name in ("src", "href") if name in told]
        self.scripts += tag in {"script", "style"} or any(name.startswith("on") or name == "style" for name in told)
        self.ids.add(told.get("id") or "")


def test_the_page_needs_no_script_and_no_other_host(ours: Program) -> None:
    response = Client().get("/api/v1/docs")
    page = Page(response.content.decode())
    assert page.scripts == 0
    assert all("//" not in address for address in page.addresses)
    assert "script-src" not in response["Content-Security-Policy"]
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "Como começar" in response.content.decode()
    for problem in ("not_found", "key_missing", "too_many_requests"):
        assert problem in page.ids  # where `type` of a problem points


# Whatever is sent -----------------------------------------------------------------------------------------------------

schema = schemathesis.openapi.from_dict(description("en"))
schema.app = WSGIHandler()
same_every_time = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
# A cursor is opaque: any text is of its type, and only one that the API gave out is accepted.
NOT_ASKED = [positive_data_acceptance]


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the test's own transaction open over many calls, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def lively(one_connection: None, program: Callable[..., Program], settings: Any) -> Program:
    """A program of a clinic in which every list holds something. It may call as often as the test likes."""
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    made = busy_clinic("Clínica Sol", people=2)
    SyncJob.objects.create(connection=made, kind="replay", state="running", rate_per_minute=15)
    return program(made.clinic)


def assert_answered_as_described(case: schemathesis.Case, program: Program, *not_asked: Any) -> None:
    counters.forget()
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = case.call_and_validate(headers=headers, excluded_checks=[*NOT_ASKED, *not_asked])
    assert answer.status_code < 500


@schema.parametrize()
@settings(max_examples=5, phases=[Phase.explicit, Phase.generate], **same_every_time)
def test_whatever_is_sent_the_answer_is_as_described(case: schemathesis.Case, lively: Program) -> None:
    assert_answered_as_described(case, lively)


@schema.parametrize()
@settings(max_examples=10, phases=[Phase.generate], **same_every_time)
def test_whatever_is_asked_of_own_objects_the_answer_is_as_described(case: schemathesis.Case, lively: Program) -> None:
    own = {
        "connection_id": Connection.objects.values_list("pk", flat=True).get(),
        "lead_id": 71,
        "job_id": SyncJob.objects.values_list("pk", flat=True).get(),
    }
    case.path_parameters.update({name: value for name, value in own.items() if name in case.path_parameters})
    # The case may have been made to be refused for the very number that was exchanged.
    assert_answered_as_described(case, lively, negative_data_rejection)
