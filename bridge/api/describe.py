"""What the OpenAPI description says about each address, in one place so that all say the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.serializers import Serializer

from bridge.api.problems import KINDS, MEDIA_TYPE
from bridge.api.serializers import ProblemSerializer

Text = str | Promise
View = TypeVar("View", bound=type)
# Errors that every address for keys may answer.
ALWAYS = (400, 401, 403, 404, 406, 429, 503)
LIMIT_HEADERS = {
    "X-RateLimit-Limit": _("Calls of a minute that the key has here."),
    "X-RateLimit-Remaining": _("Calls that are left in this minute."),
    "X-RateLimit-Reset": _("When the minute ends, in seconds of the Unix epoch."),
}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the package has no types here
    target_class = "bridge.api.route.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ponte_<prefix>_<secret>"}


def problem_responses(statuses: Sequence[int]) -> dict[tuple[int, str], OpenApiResponse]:
    """Each status with the titles of its problems."""
    return {
        (status, MEDIA_TYPE): OpenApiResponse(
            ProblemSerializer,
            description=" · ".join(str(kind.code) for kind in KINDS.values() if kind.status == status),
        )
        for status in statuses
    }


def described(
    method: str,
    *,
    name: str,
    tag: str,
    summary: Text,
    description: Text = "",
    params: type[Serializer] | None = None,
    body: type[Serializer] | None = None,
    answers: Mapping[int, type[Serializer]],
    problems: Sequence[int] = ALWAYS,
    is_open: bool = False,
) -> Callable[[View], View]:
    """Describe one method of a view class."""
    headers = [] if is_open else _limit_headers([*answers, 429])
    parameters: list[Any] = [*([params] if params else []), *headers]
    responses: dict[Any, Any] = {(status, "application/json"): shape for status, shape in answers.items()}
    schema = extend_schema(
        operation_id=name,
        tags=[tag],
        summary=summary,  # type: ignore[arg-type]  # lazy texts are resolved when the description is written
        description=description,  # type: ignore[arg-type]
        parameters=parameters,
        request=body,
        responses={**responses, **problem_responses(problems)},
        auth=[] if is_open else None,
    )
    decorator: Callable[[View], View] = extend_schema_view(**{method: schema})
    return decorator


def _limit_headers(statuses: Sequence[int]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(name, OpenApiTypes.INT, OpenApiParameter.HEADER, description=text, response=statuses)
        for name, text in LIMIT_HEADERS.items()
    ]
