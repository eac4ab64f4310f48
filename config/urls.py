"""Addresses: webhooks, probes, the admin."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from bridge.webhooks import views as webhooks
from config.health import healthz, readyz

urlpatterns = [
    path("webhooks/chatwoot/<str:public_id>/", webhooks.chatwoot, name="webhook-chatwoot"),
    path("webhooks/krayin/<str:public_id>/", webhooks.krayin_hint, name="webhook-krayin"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/", include("bridge.api.urls")),
    path("panel/<str:public_id>/", include("bridge.panel.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
