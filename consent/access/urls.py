"""Addresses of the account, below `conta/`."""

from django.urls import path

from consent.access import views
from consent.admin import account

urlpatterns = [
    path("", account.mine, name="account"),
    path("codigo/", views.code, name="account-code"),
    path("segundo-fator/", views.enrol, name="account-enrol"),
    path("segundo-fator/remover/", account.remove_device, name="account-remove-device"),
    path("codigos/", account.new_codes, name="account-codes"),
    path("senha/", account.change_password, name="account-password"),
    path("conferir/", views.recheck, name="account-recheck"),
    path("convite/<str:token>/", views.invitation, name="account-invitation"),
]
