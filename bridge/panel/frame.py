"""The page that Chatwoot frames: empty until its script is signed in."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from bridge.models import Connection
from bridge.panel import headers
from bridge.panel.texts import texts


@require_GET
def panel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Says nothing about anybody; 404 for an unknown connection."""
    connection = get_object_or_404(Connection, public_id=public_id)
    config = {
        "chatwoot": headers.origin_of(connection.chatwoot_url),
        "api": reverse("panel", args=[public_id]) + "api/",
        "signIn": reverse("panel-sign-in", args=[public_id]),
        "store": f"ponte-panel-{public_id[:12]}",
        "texts": texts(),
    }
    context = {"config": config, "example_data": settings.EXAMPLE_DATA}
    response = render(request, "panel/frame.html", context)
    headers.for_frame(response, connection)
    return response
