"""Addresses of the consent pages (G4, G5); the token is all they need."""

from django.urls import path

from consent.public import consents

urlpatterns = [
    path("consentimento/<str:token>/", consents.answer, name="consent-answer"),
    path("consentimento/<str:token>/comprovante/", consents.shown_receipt, name="consent-receipt"),
    path("parar/<str:token>/", consents.take_back, name="consent-withdraw"),
]
