"""Addresses: webhooks, probes, the admin."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from bridge.health import views as monitoring
from bridge.webhooks import views as webhooks
from config.health import healthz, readyz
from consent.access.views import sign_in
from consent.public import exports, pages
from consent.public import requests as public_requests

urlpatterns = [
    path("webhooks/chatwoot/<str:public_id>/", webhooks.chatwoot, name="webhook-chatwoot"),
    path("webhooks/krayin/<str:public_id>/", webhooks.krayin_hint, name="webhook-krayin"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("health", monitoring.health, name="health"),
    path("status", monitoring.status, name="status"),
    path("metrics", monitoring.metrics_view, name="metrics"),
    path("api/", include("bridge.api.urls")),
    path("panel/<str:public_id>/", include("bridge.panel.urls")),
    # Before the admin's own: its addresses lead here.
    path("admin/login/", sign_in, name="sign-in"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account")),
    # The menu is the index: the theme's lists of models would be a second one, in the names of programs.
    re_path(r"^admin/(?:audit|bridge|consent|insights)/$", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("conta/", include("consent.access.urls")),
    path("", include("consent.public.consent_urls")),
    path("copia/baixar/<str:ticket>/", exports.download, name="export-download"),
    path("copia/chave/<slug:key_id>/", exports.public_key, name="export-key"),
    path("copia/verificador/", exports.verifier, name="export-verifier"),
    path("copia/<str:token>/", exports.enter, name="export-enter"),
    path("p/<slug:clinic>/", pages.privacy, name="privacy-page"),
    path("p/<slug:clinic>/pedir/", public_requests.ask, name="privacy-ask"),
    path("p/<slug:clinic>/protocolo/<str:token>/", public_requests.receipt, name="privacy-receipt"),
    path("p/<slug:clinic>/acompanhar/", public_requests.follow, name="privacy-follow"),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
]
