"""The addresses that change something: each calls the function that screens and commands call."""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from bridge.actions.errors import ActionRefused, ChooseAnother
from bridge.actions.places import place_of
from bridge.actions.stages import change_stage, current_lead
from bridge.api import params, rows
from bridge.api import serializers as shapes
from bridge.api.describe import ALWAYS, described
from bridge.api.problems import Problem, invalid
from bridge.api.route import ConnectionRoute
from bridge.api.views import JobRoute
from bridge.jobs import control
from bridge.models import ContactMapping, Scope, SyncJob, Wish
from consent.encryption import Actor

WITH_BODY = (*ALWAYS, 409, 413, 415)
WITHOUT_BODY = (*ALWAYS, 409)


@described(
    "post",
    name="changeLeadStage",
    tag="leads",
    summary=_("Move an opportunity to another stage"),
    description=_(
        "Kept and written to Krayin as soon as possible; ask at `Location` what became of it. A person's change in "
        "Krayin since `seen_stage_id` wins. Asking again replaces what still waits."
    ),
    body=shapes.StageWantedSerializer,
    answers={202: shapes.StageRequestSerializer},
    problems=WITH_BODY,
)
class LeadStage(ConnectionRoute):
    scope = Scope.WRITE_STAGES
    is_sensitive = True

    def post(self, request: Request, connection_id: int, lead_id: int) -> Response:
        params.read(request, params.NoParams)
        connection = self.connection()
        found = rows.lead(connection, lead_id)
        if found is None:
            raise Problem("not_found")
        wanted = shapes.StageWantedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            wish = self._wish(found, **wanted.validated_data)
        except ChooseAnother as refused:
            raise invalid("stage_id", str(refused)) from refused
        except ActionRefused as refused:
            raise Problem("conflict", detail=str(refused), reason=refused.code) from refused
        where = reverse("api-stage-request", args=[connection.pk, wish.pk])
        shaped = shapes.StageRequestSerializer(wish, context={"connection": connection})
        return Response(shaped.data, 202, headers={"Location": where})

    def _wish(self, found: ContactMapping, *, stage_id: int, seen_stage_id: int | None = None) -> Wish:
        actor = Actor("remote", self.caller.key.prefix)
        # The function moves the contact's present opportunity; meanwhile that may be another one.
        if current_lead(place_of(found)).foreign_id != found.krayin_lead_id:
            raise Problem("not_found")
        wish = change_stage(found, stage_id, actor, via=Wish.Via.API, seen_stage_id=seen_stage_id)
        wish.refresh_from_db()
        return wish


@described(
    "get",
    name="getStageRequest",
    tag="leads",
    summary=_("What became of a stage change that was asked for"),
    answers={200: shapes.StageRequestSerializer},
)
class OneStageRequest(ConnectionRoute):
    scope = Scope.WRITE_STAGES

    def get(self, request: Request, connection_id: int, request_id: UUID) -> Response:
        params.read(request, params.NoParams)
        connection = self.connection()
        asked = {"pk": request_id, "connection": connection, "kind": Wish.Kind.STAGE, "via": Wish.Via.API}
        wish = Wish.objects.filter(**asked).first()
        if wish is None:
            raise Problem("not_found")
        return Response(shapes.StageRequestSerializer(wish, context={"connection": connection}).data)


class JobChange(JobRoute):
    """One thing done with a job."""

    scope = Scope.WRITE_JOBS
    is_sensitive = True
    change: ClassVar[Callable[..., None]]

    def post(self, request: Request, job_id: int) -> Response:
        params.read(request, params.NoParams)
        job: SyncJob = self.job()
        try:
            type(self).change(job, actor=Actor("remote", self.caller.key.prefix))
        except control.NotPossible as error:
            raise Problem("conflict", reason=job.state) from error
        return Response(shapes.JobSerializer(job).data)


@described("post", name="pauseJob", tag="jobs", summary=_("Pause a job after the step it is doing"),
           answers={200: shapes.JobSerializer}, problems=WITHOUT_BODY)  # fmt: skip
class PauseJob(JobChange):
    change = staticmethod(control.pause)


@described("post", name="continueJob", tag="jobs", summary=_("Continue a paused job where it stopped"),
           answers={200: shapes.JobSerializer}, problems=WITHOUT_BODY)  # fmt: skip
class ContinueJob(JobChange):
    change = staticmethod(control.resume)


@described("post", name="cancelJob", tag="jobs", summary=_("Cancel a job; what is done stays done"),
           answers={200: shapes.JobSerializer}, problems=WITHOUT_BODY)  # fmt: skip
class CancelJob(JobChange):
    change = staticmethod(control.cancel)
