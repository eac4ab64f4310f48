"""Addresses under /api/."""

from django.urls import path, re_path, register_converter

from bridge.api import changes, description, views
from bridge.api.joined import CONNECTION, LEAD, routes


class Number:
    """An id in an address: what cannot be one is no address."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Number, "number")

JOB = "v1/jobs/<number:job_id>"

urlpatterns = [
    path("v1/", views.Index.as_view(), name="api-index"),
    path("v1/docs", description.Docs.as_view(), name="api-docs"),
    path("v1/openapi.yaml", description.OpenApi.as_view(), name="api-openapi-yaml"),
    path("v1/openapi.json", description.OpenApi.as_view(is_json=True), name="api-openapi-json"),
    path("v1/connections", views.Connections.as_view(), name="api-connections"),
    path(CONNECTION, views.OneConnection.as_view(), name="api-connection"),
    path(f"{CONNECTION}/contact-links", views.ContactLinks.as_view(), name="api-contact-links"),
    path(f"{CONNECTION}/conversation-links", views.ConversationLinks.as_view(), name="api-conversation-links"),
    path(f"{CONNECTION}/leads", views.Leads.as_view(), name="api-leads"),
    path(LEAD, views.OneLead.as_view(), name="api-lead"),
    path(f"{LEAD}/stage", changes.LeadStage.as_view(), name="api-lead-stage"),
    path(f"{LEAD}/conversations", views.LeadConversations.as_view(), name="api-lead-conversations"),
    path(f"{CONNECTION}/stage-requests/<uuid:request_id>", changes.OneStageRequest.as_view(), name="api-stage-request"),
    path(f"{CONNECTION}/events", views.Events.as_view(), name="api-events"),
    path(f"{CONNECTION}/stage-changes", views.StageChanges.as_view(), name="api-stage-changes"),
    path(f"{CONNECTION}/jobs", views.Jobs.as_view(), name="api-jobs"),
    path(JOB, views.OneJob.as_view(), name="api-job"),
    path(f"{JOB}/pause", changes.PauseJob.as_view(), name="api-job-pause"),
    path(f"{JOB}/continue", changes.ContinueJob.as_view(), name="api-job-continue"),
    path(f"{JOB}/cancel", changes.CancelJob.as_view(), name="api-job-cancel"),
    *(path(address, view, name=name) for address, view, name in routes()),
    # Last: whatever else is asked for under /api/ is answered as a problem, too.
    re_path(r"^.*$", views.NotHere.as_view()),
]
