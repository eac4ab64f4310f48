"""The addresses of the API: read what was asked, call one function, shape the answer."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from bridge.api import params, rows
from bridge.api import serializers as shapes
from bridge.api.describe import ALWAYS, described
from bridge.api.pages import page_of
from bridge.api.problems import Problem
from bridge.api.route import ConnectionRoute, Plain, Route
from bridge.models import Connection, Scope, SyncJob
from bridge.queries.home import connection_lines

WITHOUT_OBJECT = tuple(status for status in ALWAYS if status != 404)


@described(
    "get",
    name="index",
    tag="index",
    summary=_("Where things are"),
    answers={200: shapes.IndexSerializer},
    problems=[406],
    is_open=True,
)
class Index(Plain):
    def get(self, request: Request) -> Response:
        names = {name: reverse(f"api-{name.replace('_', '-')}") for name in ("docs", "openapi_yaml", "openapi_json")}
        return Response({"name": "Ponte", "version": "v1", **names, "connections": reverse("api-connections")})


class NotHere(Plain):
    """Every address under /api/ that does not exist."""

    schema = None

    http_method_names = ["get", "head", "post", "put", "patch", "delete", "options", "trace"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


class ListRoute(ConnectionRoute):
    """One page of the rows of a connection, newest first."""

    params: ClassVar[type[params.PageParams]]
    shape: ClassVar[type[shapes.RowSerializer]]
    by: ClassVar[str]

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        raise TypeError(f"{type(self).__name__} does not say which rows")

    def get(self, request: Request, **numbers: int) -> Response:
        connection = self.connection()
        asked = params.read(request, self.params)
        found = self.rows(connection, asked)
        page = page_of(found, by=self.by, cursor=asked["cursor"], limit=asked["limit"])
        shaped = self.shape(page.rows, many=True, context={"connection": connection})
        return Response({"results": shaped.data, "next_cursor": page.next_cursor})


# Connections ----------------------------------------------------------------------------------------------------------


@described(
    "get",
    name="listConnections",
    tag="connections",
    summary=_("Connections of the clinic"),
    params=params.PageParams,
    answers={200: shapes.page_shape(shapes.ConnectionSerializer)},
    problems=WITHOUT_OBJECT,
)
class Connections(Route):
    scope = Scope.READ_CONNECTIONS

    def get(self, request: Request) -> Response:
        asked = params.read(request, params.PageParams)
        page = page_of(self.caller.connections(), by="id", cursor=asked["cursor"], limit=asked["limit"])
        lines = connection_lines(page.rows, now=timezone.now())
        shaped = shapes.ConnectionSerializer(lines, many=True)
        return Response({"results": shaped.data, "next_cursor": page.next_cursor})


@described(
    "get",
    name="getConnection",
    tag="connections",
    summary=_("How one connection stands"),
    answers={200: shapes.ConnectionSerializer},
)
class OneConnection(ConnectionRoute):
    scope = Scope.READ_CONNECTIONS

    def get(self, request: Request, connection_id: int) -> Response:
        params.read(request, params.NoParams)
        line = connection_lines([self.connection()], now=timezone.now())[0]
        return Response(shapes.ConnectionSerializer(line).data)


# Links ----------------------------------------------------------------------------------------------------------------


@described(
    "get",
    name="listContactLinks",
    tag="links",
    summary=_("Which contact is which person"),
    description=_("A row that is synced while you turn the pages moves to the front: you may see it twice."),
    params=params.LinkParams,
    answers={200: shapes.page_shape(shapes.ContactLinkSerializer)},
)
class ContactLinks(ListRoute):
    scope = Scope.READ_LINKS
    params, shape, by = params.LinkParams, shapes.ContactLinkSerializer, "updated_at"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.contact_links(connection, asked)


@described(
    "get",
    name="listConversationLinks",
    tag="links",
    summary=_("Which conversation is which opportunity"),
    params=params.ConversationLinkParams,
    answers={200: shapes.page_shape(shapes.ConversationSerializer)},
)
class ConversationLinks(ListRoute):
    scope = Scope.READ_LINKS
    params, shape, by = params.ConversationLinkParams, shapes.ConversationSerializer, "chatwoot_conversation_id"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.conversation_links(connection, asked)


# Opportunities --------------------------------------------------------------------------------------------------------


@described(
    "get",
    name="listLeads",
    tag="leads",
    summary=_("Opportunities, last synced first"),
    params=params.LeadParams,
    answers={200: shapes.page_shape(shapes.LeadSerializer)},
)
class Leads(ListRoute):
    scope = Scope.READ_LEADS
    params, shape, by = params.LeadParams, shapes.LeadSerializer, "updated_at"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.leads(connection, asked)


@described(
    "get",
    name="getLead",
    tag="leads",
    summary=_("One opportunity"),
    answers={200: shapes.LeadSerializer},
)
class OneLead(ConnectionRoute):
    scope = Scope.READ_LEADS

    def get(self, request: Request, connection_id: int, lead_id: int) -> Response:
        params.read(request, params.NoParams)
        connection = self.connection()
        found = rows.lead(connection, lead_id)
        if found is None:
            raise Problem("not_found")
        return Response(shapes.LeadSerializer(found, context={"connection": connection}).data)


@described(
    "get",
    name="listLeadConversations",
    tag="leads",
    summary=_("Conversations of one opportunity, newest first"),
    params=params.ConversationParams,
    answers={200: shapes.page_shape(shapes.ConversationSerializer)},
)
class LeadConversations(ListRoute):
    scope = Scope.READ_LEADS
    params, shape, by = params.ConversationParams, shapes.ConversationSerializer, "updated_at"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        lead_id: int = self.kwargs["lead_id"]
        if not rows.is_lead(connection, lead_id):
            raise Problem("not_found")
        return rows.conversations(connection, lead_id, asked)


# Events, stages, jobs -------------------------------------------------------------------------------------------------


@described(
    "get",
    name="listEvents",
    tag="events",
    summary=_("What arrived, newest first"),
    description=_("Without `since`: the last 7 days. The text of messages is never told."),
    params=params.EventParams,
    answers={200: shapes.page_shape(shapes.EventSerializer)},
)
class Events(ListRoute):
    scope = Scope.READ_EVENTS
    params, shape, by = params.EventParams, shapes.EventSerializer, "received_at"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.events(connection, asked, now=timezone.now())


@described(
    "get",
    name="listStageChanges",
    tag="stages",
    summary=_("Stage changes, newest first"),
    params=params.StageParams,
    answers={200: shapes.page_shape(shapes.StageChangeSerializer)},
)
class StageChanges(ListRoute):
    scope = Scope.READ_STAGES
    params, shape, by = params.StageParams, shapes.StageChangeSerializer, "created_at"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.stage_changes(connection, asked)


@described(
    "get",
    name="listJobs",
    tag="jobs",
    summary=_("Jobs, newest first"),
    params=params.JobParams,
    answers={200: shapes.page_shape(shapes.JobSerializer)},
)
class Jobs(ListRoute):
    scope = Scope.READ_JOBS
    params, shape, by = params.JobParams, shapes.JobSerializer, "id"

    def rows(self, connection: Connection, asked: Mapping[str, Any]) -> QuerySet:
        return rows.jobs(connection, asked)


class JobRoute(Route):
    """An address of one job; another clinic's job does not exist."""

    def job(self) -> SyncJob:
        """Raises Problem 404."""
        own = self.caller.connections().values("pk")
        found: SyncJob | None = SyncJob.objects.filter(pk=self.kwargs["job_id"], connection__in=own).first()
        if found is None:
            raise Problem("not_found")
        return found


@described("get", name="getJob", tag="jobs", summary=_("One job"), answers={200: shapes.JobSerializer})
class OneJob(JobRoute):
    scope = Scope.READ_JOBS

    def get(self, request: Request, job_id: int) -> Response:
        params.read(request, params.NoParams)
        return Response(shapes.JobSerializer(self.job()).data)
