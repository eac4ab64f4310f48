"""The OpenAPI description: made from the code, kept in docs/openapi.yaml, served, and drawn as a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from bridge.api.problems import KINDS
from bridge.api.route import Plain
from bridge.models import Scope

# What a tag of the description is called on the page, in the words of the screens.
GROUPS = {
    "index": _("Beginning"),
    "connections": _("Connections"),
    "links": _("Links"),
    "leads": _("Opportunities"),
    "stages": _("Stage changes"),
    "events": _("Received events"),
    "jobs": _("Jobs"),
    "insights": _("Numbers"),
    "consents": _("Consents"),
    "exports": _("Exports"),
}
FILE = "docs/openapi.yaml"
FILE_LANGUAGE = "en"
Schema = dict[str, Any]
# The page needs no script at all.
STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@lru_cache(maxsize=4)
def description(language: str) -> Schema:
    """The whole description with its texts in one language."""
    with translation.override(language):
        # The package has no types here.
        made: Schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def as_yaml(language: str) -> str:
    written: bytes = OpenApiYamlRenderer().render(  # type: ignore[no-untyped-call]
        description(language), renderer_context={}
    )
    return written.decode()


def as_json(language: str) -> str:
    written: bytes = OpenApiJsonRenderer().render(  # type: ignore[no-untyped-call]
        description(language), renderer_context={}
    )
    return written.decode()


class Document(Plain):
    """A text of its own type, whatever type is asked for; open to everybody."""

    schema = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return super().perform_content_negotiation(request, force=True)


class OpenApi(Document):
    """The description in the caller's language, for tools."""

    is_json: ClassVar[bool] = False

    def get(self, request: Request) -> HttpResponse:
        language = translation.get_language() or FILE_LANGUAGE
        if self.is_json:
            return HttpResponse(as_json(language), content_type="application/vnd.oai.openapi+json")
        return HttpResponse(as_yaml(language), content_type="application/vnd.oai.openapi; charset=utf-8")


class Docs(Document):
    """The description for people: one page, no script, nothing from other hosts."""

    def get(self, request: Request) -> HttpResponse:
        language = translation.get_language() or FILE_LANGUAGE
        context = {
            "groups": list(_groups(description(language))),
            "problems": list(KINDS.values()),
            "scopes": list(Scope.choices),
            "language": language,
            "base": request.build_absolute_uri("/").rstrip("/"),
        }
        response = HttpResponse(render_to_string("api/docs.html", context))
        response.headers["Content-Security-Policy"] = STRICT
        return response


@dataclass(frozen=True)
class Item:
    """One parameter or member: `kind` is its type in a word, or the values it may have."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Operation:
    """One method of one address, as the page shows it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Item]
    body: list[Item]
    status: str
    members: list[Item]
    is_list: bool


@dataclass(frozen=True)
class Group:
    """Operations on one kind of object."""

    tag: str
    name: str
    operations: list[Operation]


def _groups(whole: Schema) -> Iterator[Group]:
    """Operations by tag, in the order of the paths inside each."""
    groups: dict[str, list[Operation]] = {tag: [] for tag in GROUPS}
    for path, methods in whole["paths"].items():
        for method, told in methods.items():
            groups[told["tags"][0]].append(_operation(whole, path, method, told))
    for tag, operations in groups.items():
        yield Group(tag, str(GROUPS[tag]), operations)


def _operation(whole: Schema, path: str, method: str, told: Schema) -> Operation:
    status, answer = next((code, one) for code, one in told["responses"].items() if code.startswith("2"))
    schema = _resolved(whole, answer["content"]["application/json"]["schema"])
    page = schema["properties"].get("results")
    sent = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    asked = [one for one in told.get("parameters", []) if one["in"] in {"path", "query"}]
    return Operation(
        method=method.upper(),
        path=path,
        summary=told["summary"],
        description=told.get("description", ""),
        parameters=[Item(one["name"], _kind(whole, one["schema"]), one.get("description", "")) for one in asked],
        body=_items(whole, _resolved(whole, sent)),
        status=status,
        members=_items(whole, _resolved(whole, page["items"]) if page else schema),
        is_list=page is not None,
    )


def _items(whole: Schema, schema: Schema) -> list[Item]:
    properties = schema.get("properties", {})
    return [Item(name, _kind(whole, one), one.get("description", "")) for name, one in properties.items()]


def _resolved(whole: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(whole: Schema, schema: Schema) -> str:
    """A word for a type: `integer`, `date-time`, `array`; or the values of a choice."""
    parts = schema.get("allOf") or schema.get("oneOf") or ()
    known = _resolved(whole, next((one for one in parts if "$ref" in one), schema))
    if "enum" in known:
        return " | ".join(str(value) for value in known["enum"] if value is not None)
    kind: str | list[str] = known.get("format") or known.get("type") or ""
    return "integer" if kind == "int64" else kind if isinstance(kind, str) else " | ".join(kind)
